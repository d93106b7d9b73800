-- Lets lines that move whole handling units take all that their bins hold now. The levels and bins are locked. Reads: stock_bin, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.take_whole_units(tenant uuid, lines openstock_core.stock_line[], sources bigint[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, b.on_hand, null, null, l.location, l.location_id, l.to_location, l.to_location_id,
               l.lot, l.lot_id, l.expires_on, l.status, l.to_status, null, l.serials,
               case when l.tracking = 'serial' then array(
                 select u.serial_id from openstock_core.serial_unit u
                 where u.tenant_id = tenant and u.bin_id = b.bin_id) end,
               l.handling_unit, l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = sources[l.n]);
end
$$;

revoke all on function openstock_core.take_whole_units from public;
grant execute on function openstock_core.take_whole_units to openstock_api;
comment on function openstock_core.take_whole_units is
  'The lines with what their bins hold as qty, and of products tracked by serial with all their pieces.';

reset role;
