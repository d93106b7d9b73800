-- Refuses lines whose pieces are not in the bin that they are to leave. The levels and bins are locked: pieces stay where they are.
-- Reads: serial_unit, stock_bin, warehouse, location.
set local role openstock_owner;

create or replace function openstock_core.check_serials(tenant uuid, lines openstock_core.stock_line[], bins bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad jsonb;
begin
  select jsonb_build_object('code', case when u.serial_id is null then 'OS111' else 'OS113' end, 'line', l.n, 'sku', l.sku, 'serial', s.serial)
    || case when u.serial_id is null then '{}' else jsonb_build_object('warehouse', w.code, 'location', c.code, 'status', b.status) end
  into bad
  from unnest(lines) as l
  cross join lateral unnest(l.serials, l.serial_ids) with ordinality as s (serial, serial_id, place)
  left join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
  left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
  left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
  left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  where u.bin_id is distinct from bins[l.n] or u.bin_id is null
  order by l.n, s.place
  limit 1;
  if found then
    perform openstock_core.fail(bad ->> 'code', bad - 'code');
  end if;
end
$$;

revoke all on function openstock_core.check_serials from public;
grant execute on function openstock_core.check_serials to openstock_api;
comment on function openstock_core.check_serials is
  'Errors: OS111 where there is no such piece, OS113 where it is elsewhere or not in stock, each with the line''s place.';

reset role;
