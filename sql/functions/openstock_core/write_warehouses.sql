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

  with given as (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as v
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, w.warehouse_id,
           coalesce(g.v ->> 'name', w.name, g.code) as name,
           coalesce(g.v -> 'address', w.address, '{}') as address,
           coalesce((g.v ->> 'priority')::integer, w.priority, 100) as priority,
           coalesce((g.v ->> 'active')::boolean, w.active, true) as active,
           (w.name, w.address, w.priority, w.active) as old
    from given g
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.code = g.code
  ), written as (
    insert into openstock_core.warehouse as w (tenant_id, code, name, address, priority, active, created_at, updated_at)
    select tenant, m.code, m.name, m.address, m.priority, m.active, stamp, stamp
    from merged m
    where m.warehouse_id is null or (m.name, m.address, m.priority, m.active) is distinct from m.old
    order by m.code
    on conflict on constraint warehouse_code_is_unique do update
    set name = excluded.name, address = excluded.address, priority = excluded.priority, active = excluded.active,
        updated_at = excluded.updated_at
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
