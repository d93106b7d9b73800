-- Refuses lines that would let a handling unit lie at two locations. The handling units are locked: nobody else puts units in.
-- Reads: stock_bin, warehouse, location. Locks: stock_bin (shared, and skipping what others hold), only to refuse.
set local role openstock_owner;

create or replace function openstock_core.check_handling_units(tenant uuid, lines openstock_core.stock_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select l.n, l.handling_unit, l.handling_unit_id, w.code as warehouse, c.code as location into bad
  from unnest(lines) as l
  cross join lateral (
    select b.warehouse_id, b.location_id from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.handling_unit_id = l.handling_unit_id and b.on_hand > 0 and b.location_id <> l.location_id
    union all
    select null, o.location_id from unnest(lines) as o
    where o.handling_unit_id = l.handling_unit_id and o.location_id <> l.location_id and o.qty > 0 and o.n < l.n
    limit 1) as e
  join openstock_core.location c on c.tenant_id = tenant and c.location_id = e.location_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = c.warehouse_id
  where l.qty > 0
  order by l.n
  limit 1;
  if found then
    -- From repeatable read on, what the snapshot shows in it may have left: this ends the transaction then.
    perform from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.handling_unit_id = bad.handling_unit_id
    for share skip locked;
    perform openstock_core.fail('OS115', jsonb_build_object(
      'line', bad.n, 'handling_unit', bad.handling_unit, 'warehouse', bad.warehouse, 'location', bad.location));
  end if;
end
$$;

revoke all on function openstock_core.check_handling_units from public;
grant execute on function openstock_core.check_handling_units to openstock_api;
comment on function openstock_core.check_handling_units is
  'Errors: OS115 where units enter a handling unit whose other units are elsewhere, with the line''s place.';

reset role;
