-- Looks the pieces of lines up by their serials. Reads: serial_unit.
set local role openstock_owner;

create or replace function openstock_core.look_up_serials(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  twice record;
begin
  select max(l.n) as n, l.sku, s.serial into twice
  from unnest(lines) as l
  cross join lateral unnest(l.serials) as s (serial)
  group by l.product_id, l.sku, s.serial
  having count(*) > 1
  order by 1, s.serial
  limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', twice.n, 'key', 'serials', 'problem', 'names a piece a second time', 'serial', twice.serial));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, l.qty, l.set_to, l.expected, l.location, l.location_id,
               l.to_location, l.to_location_id, l.lot, l.lot_id, l.expires_on, l.status, l.to_status, l.unit_cost, l.serials,
               case when l.serials is not null then array(
                 select u.serial_id
                 from unnest(l.serials) with ordinality as s (serial, place)
                 left join lateral (select * from openstock_core.serial_unit k
                                    where k.tenant_id = tenant and k.product_id = l.product_id and k.serial = s.serial limit 1) as u on true
                 order by s.place) end, l.handling_unit, l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l);
end
$$;

revoke all on function openstock_core.look_up_serials from public;
grant execute on function openstock_core.look_up_serials to openstock_api;
comment on function openstock_core.look_up_serials is
  'The lines with the ids of their pieces in the order of their serials, null where there is no such piece. Errors: 22023 where a piece is named twice.';

reset role;
