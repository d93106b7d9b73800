-- Upserts locations, the work behind openstock.put_locations.
-- Writes: location. Locks: names (where a location is new), location by location_id.
-- Who puts units into a location shares its lock, so that its kind cannot change meanwhile.
set local role openstock_owner;

create or replace function openstock_core.write_locations(tenant uuid, warehouse_id bigint, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(v ->> 'code')) from jsonb_array_elements(lines) as v);
  occupied record;
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['kind', 'pick_order', 'active']);
  if cardinality(codes) > (
    select count(*) from openstock_core.location l
    where l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = any (codes))
  then
    perform openstock_core.lock_names(tenant, 'location');
  end if;
  perform from openstock_core.location l
  where l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = any (codes)
  order by l.location_id for no key update;

  -- A snapshot does not show what was put there meanwhile: units would lie, unblocked, in a quarantine location.
  select g.n, l.code, current_setting('transaction_isolation') <> 'read committed' as with_snapshot into occupied
  from jsonb_array_elements(lines) with ordinality as g (v, n)
  join openstock_core.location l on l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id
    and l.code = normalize(btrim(g.v ->> 'code'))
  where (g.v ->> 'kind' <> l.kind or (l.active and not (g.v ->> 'active')::boolean))
    and (current_setting('transaction_isolation') <> 'read committed'
         or exists (select from openstock_core.stock_bin b
                    where b.tenant_id = tenant and b.location_id = l.location_id and b.on_hand > 0))
  order by g.n limit 1;
  if occupied.with_snapshot then
    perform openstock_core.fail('OS121', jsonb_build_object(
      'line', occupied.n, 'location', occupied.code, 'isolation', current_setting('transaction_isolation')));
  elsif found then
    perform openstock_core.fail('OS120', jsonb_build_object(
      'line', occupied.n, 'location', occupied.code, 'problem', 'a location that holds stock keeps its kind and stays active'));
  end if;

  with given as (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as v
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, l.location_id,
           coalesce(g.v ->> 'kind', l.kind, 'storage') as kind,
           coalesce((g.v ->> 'pick_order')::integer, l.pick_order, 0) as pick_order,
           coalesce((g.v ->> 'active')::boolean, l.active, true) as active,
           (l.kind, l.pick_order, l.active) as old
    from given g
    left join openstock_core.location l on l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = g.code
  ), written as (
    insert into openstock_core.location as l (
      tenant_id, warehouse_id, code, kind, pick_order, active, created_at, updated_at)
    select tenant, write_locations.warehouse_id, m.code, m.kind, m.pick_order, m.active, stamp, stamp
    from merged m
    where m.location_id is null or (m.kind, m.pick_order, m.active) is distinct from m.old
    order by m.code
    on conflict on constraint location_code_is_unique do update
    set kind = excluded.kind, pick_order = excluded.pick_order, active = excluded.active, updated_at = excluded.updated_at
    returning l.code
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.location_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_locations from public;
grant execute on function openstock_core.write_locations to openstock_api;
comment on function openstock_core.write_locations is
  'Upserts locations and returns openstock.put_result rows. Errors: 22023, OS120, OS121.';

reset role;
