-- Turns lines that move whole handling units into lines about what these hold. They are locked: nothing is put in, and what leaves until the levels are
-- locked is left out by take_whole_units. Reads: handling_unit, stock_bin, location, product, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.unpack_handling_units(tenant uuid, warehouse_id bigint, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  bad record;
begin
  with given as materialized (
    select e.n, e.line as v, normalize(btrim(e.line ->> 'handling_unit')) as code, h.handling_unit_id,
           count(*) over (partition by h.handling_unit_id) as times
    from jsonb_array_elements(jsonb_strip_nulls(lines)) with ordinality as e (line, n)
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = normalize(btrim(e.line ->> 'handling_unit')) limit 1) as h on true
  ), held as materialized (
    select g.n, jsonb_strip_nulls(jsonb_build_object(
             'line', coalesce((g.v ->> 'line')::integer, g.n), 'sku', p.sku, 'qty', b.on_hand, 'from', c.code, 'to', g.v ->> 'to', 'lot', t.code,
             'status', b.status, 'handling_unit', g.code, 'serials', case when p.tracking = 'serial' then to_jsonb(array(
               select u.serial from openstock_core.serial_unit u where u.tenant_id = tenant and u.bin_id = b.bin_id)) end)) as line,
           b.bin_id
    from given g
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.handling_unit_id = g.handling_unit_id
      and b.warehouse_id = unpack_handling_units.warehouse_id and b.on_hand > 0
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  )
  select (select jsonb_agg(h.line order by h.n, h.bin_id) from held h) as lines, f.n, f.problem
  into bad
  from (select) as always
  left join (
    select g.n, case
      when g.v ? 'sku' then '{"code": "22023", "argument": "lines", "problem": "whole handling units move in a call of their own"}'::jsonb
      when g.v ?| array['qty', 'serials', 'from', 'lot', 'status', 'to_status'] then
        '{"code": "22023", "argument": "lines", "problem": "a handling unit moves with all it holds: only to and line go with it"}'
      when not g.v ? 'to' then '{"code": "22023", "argument": "lines", "key": "to", "problem": "missing"}'
      when g.handling_unit_id is null then jsonb_build_object('code', 'OS114', 'handling_unit', g.code)
      when g.times > 1 then '{"code": "22023", "argument": "lines", "key": "handling_unit", "problem": "names a handling unit a second time"}'
      when not exists (select from held h where h.n = g.n) then jsonb_build_object('code', 'OS201', 'handling_unit', g.code, 'on_hand', 0)
      end as problem
    from given g) as f on f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.lines;
end
$$;

revoke all on function openstock_core.unpack_handling_units from public;
grant execute on function openstock_core.unpack_handling_units to openstock_api;
comment on function openstock_core.unpack_handling_units is
  'Lines of a move for each bin of these handling units at the warehouse. Errors: 22023, OS114, and OS201 where it holds nothing there.';

reset role;
