-- Upserts warehouses, the work behind openstock.put_warehouses.
-- Writes: warehouse, location (DEFAULT). Locks: names (where a warehouse is new), warehouse by code.
set local role openstock_owner;

create or replace function openstock_core.write_warehouses(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(l ->> 'code')) from jsonb_array_elements(lines) as l);
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['name', 'address', 'priority', 'active']);
  if (select count(*) from openstock_core.warehouse w where w.tenant_id = tenant and w.code = any (codes)) < cardinality(codes) then
    perform openstock_core.lock_names(tenant, 'warehouse');
  end if;
  perform from openstock_core.warehouse w
  where w.tenant_id = tenant and w.code = any (codes)
  order by w.code for no key update;
  perform openstock_core.check_warehouses(tenant, lines);

  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as keys,
           case when e.line ? 'shipping_cost_by_zone' then jsonb_build_object('shipping_cost_by_zone', coalesce((
             select jsonb_object_agg(normalize(btrim(z.key)), trim_scale((z.value #>> '{}')::numeric))
             from jsonb_each(nullif(e.line -> 'shipping_cost_by_zone', 'null')) as z), '{}')) else '{}' end as zones
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, w.warehouse_id, w as old, jsonb_populate_record(
             coalesce(w, row(tenant, null, g.code, g.code, '{}', null, null, 100, null, '{}', true, stamp, stamp)::openstock_core.warehouse),
             g.keys - 'code' || openstock_core.trimmed_numbers(g.keys) || g.zones) as new
    from given g
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.code = g.code
  ), written as (
    insert into openstock_core.warehouse as w (
      tenant_id, code, name, address, latitude, longitude, priority, shipping_cost, shipping_cost_by_zone, active,
      created_at, updated_at)
    select tenant, m.code, (m.new).name, (m.new).address, (m.new).latitude, (m.new).longitude, (m.new).priority,
           (m.new).shipping_cost, (m.new).shipping_cost_by_zone, (m.new).active, stamp, stamp
    from merged m
    where m.warehouse_id is null or m.new is distinct from m.old
    order by m.code
    on conflict on constraint warehouse_code_is_unique do update
    set name = excluded.name, address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude,
        priority = excluded.priority, shipping_cost = excluded.shipping_cost,
        shipping_cost_by_zone = excluded.shipping_cost_by_zone, active = excluded.active, updated_at = excluded.updated_at
    returning w.code, w.warehouse_id
  ), default_location as (
    insert into openstock_core.location (tenant_id, warehouse_id, code, created_at, updated_at)
    select tenant, w.warehouse_id, 'DEFAULT', stamp, stamp
    from written w
    join merged m on m.code = w.code and m.warehouse_id is null
    on conflict on constraint location_code_is_unique do nothing
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.warehouse_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_warehouses from public;
grant execute on function openstock_core.write_warehouses to openstock_api;
comment on function openstock_core.write_warehouses is
  'Upserts warehouses and returns openstock.put_result rows. Errors: 22023.';

reset role;
