-- Says what kits are made of, the work behind openstock.put_kits. Writes: kit_component, product (is_kit; of components the row, unchanged).
-- Locks: product by product_id, kits and components alike. Rewriting their rows makes a change of the same products that cannot see what the kits are
-- made of now, from repeatable read on, end in 40001.
set local role openstock_owner;

create or replace function openstock_core.write_kits(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  skus constant text[] := array(
    select normalize(btrim(g ->> 'sku')) from jsonb_array_elements(lines) as g
    union
    select normalize(btrim(c ->> 'sku')) from jsonb_array_elements(lines) as g cross join jsonb_array_elements(g -> 'components') as c);
  answer jsonb;
  changed bigint[];
  made bigint[];
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id for no key update;
  perform openstock_core.check_kits(tenant, lines);

  -- materialized, limit 1, no sequential scan: see read_order_lines.
  with named as materialized (
    select g.n, coalesce((g.line ->> 'line')::integer, g.n::integer) as line, normalize(btrim(g.line ->> 'sku')) as sku, g.line -> 'components' as components
    from jsonb_array_elements(lines) with ordinality as g (line, n)
  ), given as materialized (
    select g.n, g.line, p.product_id, p.sku::text as sku, p.is_kit,
           (select coalesce(jsonb_object_agg(c.component_id, trim_scale(c.qty)), '{}') from openstock_core.kit_component c
            where c.tenant_id = write_kits.tenant and c.kit_id = p.product_id) as old,
           (select coalesce(jsonb_object_agg(s.product_id, trim_scale(c.qty::numeric)), '{}')
            from (select c ->> 'qty' as qty, normalize(btrim(c ->> 'sku')) as sku from jsonb_array_elements(g.components) as c offset 0) as c
            cross join lateral (select * from openstock_core.product s where s.tenant_id = write_kits.tenant and s.sku = c.sku limit 1) as s) as new
    from named g
    cross join lateral (select * from openstock_core.product s where s.tenant_id = write_kits.tenant and s.sku = g.sku limit 1) as p
  ), gone as (
    delete from openstock_core.kit_component c using given g
    where c.tenant_id = write_kits.tenant and c.kit_id = g.product_id and not g.new ? c.component_id::text
  ), written as (
    insert into openstock_core.kit_component as c (tenant_id, kit_id, component_id, qty)
    select write_kits.tenant, g.product_id, e.key::bigint, e.value::numeric
    from given g cross join lateral jsonb_each_text(g.new) as e
    where g.old <> g.new
    on conflict on constraint kit_component_pkey do update set qty = excluded.qty
  )
  select jsonb_agg(jsonb_build_object('line', g.line, 'code', g.sku, 'outcome', case
           when g.old = g.new then 'unchanged' when g.is_kit then 'updated' else 'created' end, 'replayed', false) order by g.n),
         array_agg(g.product_id) filter (where g.old <> g.new), array_agg(g.product_id) filter (where g.old <> g.new and g.new <> '{}')
  into answer, changed, made
  from given g;

  update openstock_core.product p set is_kit = p.product_id = any (coalesce(made, '{}')), updated_at = stamp
  where p.tenant_id = write_kits.tenant and p.product_id = any (changed);
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = write_kits.tenant and p.product_id = any (array(
    select c.component_id from openstock_core.kit_component c where c.tenant_id = write_kits.tenant and c.kit_id = any (made)));
  return answer;
end
$$;

revoke all on function openstock_core.write_kits from public;
grant execute on function openstock_core.write_kits to openstock_api;
comment on function openstock_core.write_kits is
  'Replaces the components of kits and returns openstock.put_result rows: created where the product was none before. Errors: those of check_kits.';

reset role;
