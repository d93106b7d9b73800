-- Says why post_ledger left movements out: a level would grow beyond the largest quantity, or has no row.
-- Reads: stock_level, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.refuse_unwritten(
  tenant uuid, op_id text, movements openstock_core.movement[], written openstock_core.posted[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  too_much jsonb;
begin
  select jsonb_build_object('sku', p.sku, 'warehouse', w.code, 'on_hand', l.on_hand, 'qty', s.qty,
                            'problem', 'on_hand must have at most 12 digits before the point') into too_much
  from (select u.product_id, u.warehouse_id, sum(u.qty_delta) as qty from unnest(movements) as u group by 1, 2) as s
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = s.product_id and l.warehouse_id = s.warehouse_id
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = s.product_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = s.warehouse_id
  where not exists (select from unnest(written) as u where u.product_id = s.product_id and u.warehouse_id = s.warehouse_id)
  order by s.product_id, s.warehouse_id
  limit 1;
  if found then
    perform openstock_core.fail('OS110', too_much);
  end if;
  perform openstock_core.fail('OS902', jsonb_build_object(
    'op_id', op_id, 'movements', cardinality(movements), 'written', cardinality(written)));
end
$$;

revoke all on function openstock_core.refuse_unwritten from public;
grant execute on function openstock_core.refuse_unwritten to openstock_api;
comment on function openstock_core.refuse_unwritten is
  'Errors: OS110 with the level that would grow beyond the largest quantity, otherwise OS902.';

reset role;
