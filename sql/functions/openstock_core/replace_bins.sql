-- Puts replayed quantities into the bins and allocations that differ. The tenant is locked.
-- Writes: stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.replace_bins(tenant uuid) returns void
language sql
volatile
begin atomic
  insert into openstock_core.stock_bin as b (
    tenant_id, location_id, product_id, lot_id, status, handling_unit_id, warehouse_id, blocked, on_hand, allocated, received_at)
  select tenant, r.location_id, r.product_id, r.lot_id, r.status, r.handling_unit_id, r.warehouse_id,
         -- What an empty one will be for units that enter: short_pick takes it as it is.
         case when r.on_hand = 0 then openstock_core.enters_blocked(tenant, r.location_id, r.lot_id, r.status, openstock.server_time()) else r.blocked <> 0 end,
         r.on_hand, r.allocated, r.first_recorded_at
  from openstock_core.replayed_bins(tenant) r
  order by r.location_id, r.product_id, r.lot_id, r.status, r.handling_unit_id
  on conflict on constraint stock_bin_key_is_unique do update
  set warehouse_id = excluded.warehouse_id, on_hand = excluded.on_hand, allocated = excluded.allocated,
      blocked = excluded.blocked
  where (b.warehouse_id, b.on_hand, b.allocated) is distinct from (excluded.warehouse_id, excluded.on_hand, excluded.allocated)
     or (b.on_hand > 0 and b.blocked <> excluded.blocked);

  update openstock_core.stock_bin b
  set on_hand = 0, allocated = 0
  where b.tenant_id = tenant and b.on_hand > 0
    and not exists (select from openstock_core.replayed_bins(tenant) r
                    where r.location_id = b.location_id and r.product_id = b.product_id and r.status = b.status
                      and coalesce(r.lot_id, 0) = coalesce(b.lot_id, 0)
                      and coalesce(r.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0));

  delete from openstock_core.allocation a
  where a.tenant_id = tenant
    and not exists (select from openstock_core.replayed_allocations(tenant) r
                    join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id
                      and b.product_id = r.product_id and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0)
                      and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
                    where r.reservation_line_id = a.reservation_line_id and b.bin_id = a.bin_id and r.qty = a.qty);
  insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at)
  select tenant, r.reservation_line_id, b.bin_id, r.qty, r.first_recorded_at
  from openstock_core.replayed_allocations(tenant) r
  join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id and b.product_id = r.product_id
    and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0) and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  on conflict on constraint allocation_pkey do nothing;
end;

revoke all on function openstock_core.replace_bins from public;
grant execute on function openstock_core.replace_bins to openstock_maint;
comment on function openstock_core.replace_bins is
  'Makes bins and allocations what the ledger says.';

reset role;
