-- What a level holds for one sales channel beyond what anyone can have. Reads: channel_quota.
set local role openstock_owner;

create or replace function openstock_core.units_kept(
  tenant uuid, channel_id bigint, uses_safety_stock boolean, product_id bigint, warehouse_id bigint, safety_stock numeric)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select q.qty from openstock_core.channel_quota q
    where q.tenant_id = tenant and q.product_id = units_kept.product_id and q.warehouse_id = units_kept.warehouse_id
      and q.channel_id = units_kept.channel_id), 0) + case when uses_safety_stock then coalesce(safety_stock, 0) else 0 end;
end
$$;

revoke all on function openstock_core.units_kept from public;
grant execute on function openstock_core.units_kept to openstock_api;
comment on function openstock_core.units_kept is
  'Units that this channel may use there in addition to what is available: its quota, and the safety stock if it may.';

reset role;
