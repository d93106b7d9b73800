-- Upserts sales channels, the work behind openstock.put_channels. Writes: channel. Locks: names (where a channel is new), channel by code.
set local role openstock_owner;

create or replace function openstock_core.write_channels(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(l ->> 'code')) from jsonb_array_elements(lines) as l);
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['name', 'uses_safety_stock', 'active']);
  if (select count(*) from openstock_core.channel c where c.tenant_id = tenant and c.code = any (codes)) < cardinality(codes) then
    perform openstock_core.lock_names(tenant, 'channel');
  end if;
  perform from openstock_core.channel c
  where c.tenant_id = tenant and c.code = any (codes)
  order by c.code for no key update;

  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as keys
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, c.channel_id, c as old, jsonb_populate_record(
             coalesce(c, row(tenant, null, g.code, g.code, false, true, stamp, stamp)::openstock_core.channel), g.keys - 'code') as new
    from given g
    left join openstock_core.channel c on c.tenant_id = tenant and c.code = g.code
  ), written as (
    insert into openstock_core.channel as c (tenant_id, code, name, uses_safety_stock, active, created_at, updated_at)
    select tenant, m.code, (m.new).name, (m.new).uses_safety_stock, (m.new).active, stamp, stamp
    from merged m
    where m.channel_id is null or m.new is distinct from m.old
    order by m.code
    on conflict on constraint channel_code_is_unique do update
    set name = excluded.name, uses_safety_stock = excluded.uses_safety_stock, active = excluded.active, updated_at = excluded.updated_at
    returning c.code
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.channel_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_channels from public;
grant execute on function openstock_core.write_channels to openstock_api;
comment on function openstock_core.write_channels is
  'Upserts sales channels and returns openstock.put_result rows. Errors: 22023.';

reset role;
