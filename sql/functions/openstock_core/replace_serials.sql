-- Puts the pieces that differ into the bins, and on the lines, that the ledger says. The tenant is locked; bins and lines were replaced before.
-- Writes: serial_unit. What a lost piece was called is not in the ledger: it stays lost.
set local role openstock_owner;

create or replace function openstock_core.replace_serials(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update openstock_core.serial_unit u
  set bin_id = k.bin_id, reservation_line_id = k.reservation_line_id, product_id = k.product_id
  from (
    select n.serial_id, coalesce(r.product_id, n.product_id) as product_id, b.bin_id, r.reservation_line_id
    from openstock_core.serial_unit n
    left join openstock_core.replayed_serials(tenant) r on r.serial_id = n.serial_id
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id and b.product_id = r.product_id
      and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0)
      and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
    where n.tenant_id = tenant and r.agreed is not false
  ) as k
  where u.tenant_id = tenant and u.serial_id = k.serial_id
    and (u.bin_id, u.reservation_line_id, u.product_id) is distinct from (k.bin_id, k.reservation_line_id, k.product_id);
end;

revoke all on function openstock_core.replace_serials from public;
grant execute on function openstock_core.replace_serials to openstock_maint;
comment on function openstock_core.replace_serials is
  'Makes the places and pins of pieces what the ledger says; a piece that the ledger does not know is in no bin, and one whose entries do not agree stays where it is.';

reset role;
