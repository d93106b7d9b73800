-- A warehouse that a line names may have closed since it was looked up: that, and not a shortage, is what the caller is told then.
-- From repeatable read on, a level that was made after the snapshot is not seen. Who would say short looks at the products then:
-- make_levels rewrites their rows. Reads: warehouse. Locks: product (shared, and skipping what others hold, who may be making a level).
set local role openstock_owner;

create or replace function openstock_core.refuse_stale_shortage(tenant uuid, lines openstock_core.order_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  products constant bigint[] := array(select distinct u.product_id from unnest(lines) as u);
  closed text;
begin
  select min(w.code) into closed
  from unnest(lines) as u
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = u.warehouse_id
  where not w.active;
  if closed is not null then
    perform openstock_core.fail('OS104', jsonb_build_object('warehouse', closed));
  end if;
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  if cardinality(products) > (
    select count(*) from (
      select from openstock_core.product p
      where p.tenant_id = tenant and p.product_id = any (products)
      for share skip locked) as p)
  then
    perform openstock_core.fail('40001', '{"problem": "a product of the order is being changed"}');
  end if;
end
$$;

revoke all on function openstock_core.refuse_stale_shortage from public;
grant execute on function openstock_core.refuse_stale_shortage to openstock_api;
comment on function openstock_core.refuse_stale_shortage is
  'Ends a call that names a warehouse which has closed meanwhile, or whose snapshot may hide stock of these products. Errors: OS104, 40001.';

reset role;
