-- From repeatable read on, a level that was made after the snapshot is not seen. Who would say short looks at the products then:
-- make_levels rewrites their rows. Locks: product (shared, and skipping what others hold, who may be making a level).
set local role openstock_owner;

create or replace function openstock_core.refuse_stale_shortage(tenant uuid, lines openstock_core.order_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  products constant bigint[] := array(select distinct u.product_id from unnest(lines) as u);
begin
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
  'Ends a transaction whose snapshot may hide stock of these products. Errors: 40001.';

reset role;
