-- Locks the handling units that lines name, first making the missing ones where asked: until the transaction ends nobody else puts units into them
-- or moves them. Units may leave them meanwhile. Each call leaves a trace, which from repeatable read on a transaction that cannot see it trips over.
-- Writes: handling_unit (new ones; changes). Locks: handling_unit: new ones by code, then all by handling_unit_id, before any level.
set local role openstock_owner;

create or replace function openstock_core.lock_handling_units(tenant uuid, lines jsonb, make_missing boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  odd record;
begin
  if make_missing then
    select g.n, case when g.handling_unit is null then 'needs a handling_unit' else 'must be pallet, tote or carton' end as problem into odd
    from rows from (jsonb_to_recordset(lines) as (handling_unit text, handling_unit_kind text)) with ordinality as g (handling_unit, handling_unit_kind, n)
    where g.handling_unit_kind not in ('pallet', 'tote', 'carton') or (g.handling_unit is null and g.handling_unit_kind is not null)
    order by g.n limit 1;
    if found then
      perform openstock_core.fail('22023', jsonb_build_object(
        'argument', 'lines', 'line', odd.n, 'key', 'handling_unit_kind', 'problem', odd.problem));
    end if;
    insert into openstock_core.handling_unit (tenant_id, code, kind, created_at)
    select tenant, g.code, coalesce(min(g.kind), 'pallet'), openstock.server_time()
    from (select normalize(btrim(l.handling_unit)) as code, l.handling_unit_kind as kind
          from jsonb_to_recordset(lines) as l (handling_unit text, handling_unit_kind text)) as g
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = g.code limit 1) as h on true
    where g.code is not null and h.handling_unit_id is null
    group by g.code
    order by g.code
    on conflict on constraint handling_unit_code_is_unique do nothing;
  end if;
  update openstock_core.handling_unit h set changes = h.changes + 1
  where h.tenant_id = tenant and h.handling_unit_id = any (array(
    select k.handling_unit_id
    from openstock_core.handling_unit k
    where k.tenant_id = tenant and k.code = any (array(
      select normalize(btrim(l.handling_unit)) from jsonb_to_recordset(lines) as l (handling_unit text)))
    order by k.handling_unit_id
    for no key update));
end
$$;

revoke all on function openstock_core.lock_handling_units from public;
grant execute on function openstock_core.lock_handling_units to openstock_api;
comment on function openstock_core.lock_handling_units is
  'Keeps others from putting units into these handling units, or moving them, until the transaction ends. Errors: 22023.';

reset role;
