-- Replays a tenant's ledger into pieces: where each is, and who has it pinned. Reads: ledger, ledger_serial.
set local role openstock_owner;

create or replace function openstock_core.replayed_serials(
  tenant uuid, out serial_id bigint, out product_id bigint, out agreed boolean, out location_id bigint, out lot_id bigint, out status text,
  out handling_unit_id bigint, out reservation_line_id bigint)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  with entry as (
    select s.serial_id, e.product_id, e.location_id, e.lot_id, e.status, e.handling_unit_id, e.reservation_line_id, sign(e.qty_delta) as placed, sign(e.allocated_delta) as pinned
    from openstock_core.ledger_serial s
    join openstock_core.ledger e on e.tenant_id = tenant and e.entry_id = s.entry_id and e.recorded_at = s.recorded_at
    where s.tenant_id = tenant
  ), product as (
    select e.serial_id, min(e.product_id) as product_id, min(e.product_id) = max(e.product_id) as agreed from entry e group by e.serial_id
  ), place as (
    select p.serial_id, min(p.location_id) as location_id, min(p.lot_id) as lot_id, min(p.status) as status, min(p.handling_unit_id) as handling_unit_id,
           count(*) = 1 and min(p.times) = 1 as agreed
    from (select e.serial_id, e.location_id, e.lot_id, e.status, e.handling_unit_id, sum(e.placed) as times
          from entry e group by e.serial_id, e.location_id, e.lot_id, e.status, e.handling_unit_id having sum(e.placed) <> 0) as p
    group by p.serial_id
  ), pin as (
    select p.serial_id, min(p.reservation_line_id) as reservation_line_id, count(*) = 1 and min(p.times) = 1 as agreed
    from (select e.serial_id, e.reservation_line_id, sum(e.pinned) as times
          from entry e group by e.serial_id, e.reservation_line_id having sum(e.pinned) <> 0) as p
    group by p.serial_id
  )
  select d.serial_id, d.product_id, d.agreed and l.agreed is not false and n.agreed is not false and (n.serial_id is null or l.serial_id is not null),
         l.location_id, l.lot_id, l.status, l.handling_unit_id, n.reservation_line_id
  from product d
  left join place l on l.serial_id = d.serial_id
  left join pin n on n.serial_id = d.serial_id;
end;

revoke all on function openstock_core.replayed_serials from public;
grant execute on function openstock_core.replayed_serials to openstock_maint;
comment on function openstock_core.replayed_serials is
  'What the ledger says of each piece: the bin that it is in, none where it has left, and the line that it is pinned to. agreed is false where its entries name two '
  'products, or leave it in two places, pinned twice, or pinned and nowhere.';

reset role;
