-- How many units of each lot are blocked in these bins, and how many are pinned. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.units_of_lots(tenant uuid, bin_ids bigint[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_object_agg(s.lot_id, jsonb_build_object('blocked', s.blocked, 'allocated', s.allocated))
    from (
      select b.lot_id, sum(case when b.blocked then b.on_hand else 0 end) as blocked, sum(b.allocated) as allocated
      from openstock_core.stock_bin b
      where b.tenant_id = tenant and b.bin_id = any (bin_ids)
      group by b.lot_id) as s);
end
$$;

revoke all on function openstock_core.units_of_lots from public;
grant execute on function openstock_core.units_of_lots to openstock_api;
comment on function openstock_core.units_of_lots is 'By lot_id, the units that are blocked and allocated; null where there are no bins.';

reset role;
