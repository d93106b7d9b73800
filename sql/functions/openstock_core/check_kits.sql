-- Refuses kits that are not made of products with stock of their own. The products are locked. Reads: product, kit_component, stock_level.
set local role openstock_owner;

create or replace function openstock_core.check_kits(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  with given as materialized (
    select g.n, normalize(btrim(g.line ->> 'sku')) as sku, g.line -> 'components' as components
    from jsonb_array_elements(lines) with ordinality as g (line, n)
  ), kit as materialized (
    select g.n, g.sku, jsonb_array_length(g.components) as size, count(*) over (partition by g.sku) as times, p.product_id, p.is_kit
    from given g
    left join lateral (select * from openstock_core.product s where s.tenant_id = check_kits.tenant and s.sku = g.sku limit 1) as p on true
  ), component as materialized (
    select g.n, e.place, normalize(btrim(e.line ->> 'sku')) as sku, (e.line ->> 'qty')::numeric as qty
    from given g cross join lateral jsonb_array_elements(g.components) with ordinality as e (line, place)
  ), looked_up as materialized (
    select c.*, p.product_id, p.decimals, count(*) over (partition by c.n, c.sku) as times,
           case when k.n is null then p.is_kit else k.size > 0 end as is_kit
    from component c
    left join lateral (select * from openstock_core.product s where s.tenant_id = check_kits.tenant and s.sku = c.sku limit 1) as p on true
    left join (select k.sku, min(k.n) as n, max(k.size) as size from kit k group by k.sku) as k on k.sku = c.sku
  )
  select f.n, f.problem into bad from (
    select k.n, 0 as place, case
      when k.times > 1 then '{"code": "22023", "key": "sku", "problem": "names a product that another line names too"}'::jsonb
      when k.product_id is null then jsonb_build_object('code', 'OS101', 'sku', k.sku)
      when k.size > 0 and not k.is_kit and (
        select true from openstock_core.stock_level l where l.tenant_id = check_kits.tenant and l.product_id = k.product_id limit 1) then
        jsonb_build_object('code', 'OS120', 'sku', k.sku, 'problem', 'a product that was ever stocked does not become a kit')
      when k.size > 0 and (
        select true from openstock_core.kit_component c
        where c.tenant_id = check_kits.tenant and c.component_id = k.product_id
          and c.kit_id not in (select o.product_id from kit o where o.product_id is not null) limit 1) then
        jsonb_build_object('code', '22023', 'key', 'sku', 'sku', k.sku, 'problem', 'is a component of another kit')
    end as problem
    from kit k
    union all
    select u.n, u.place, case
      when u.times > 1 then jsonb_build_object('code', '22023', 'key', 'components', 'sku', u.sku, 'problem', 'names a product twice')
      when u.product_id is null then jsonb_build_object('code', 'OS101', 'sku', u.sku)
      when u.is_kit then jsonb_build_object('code', '22023', 'key', 'components', 'sku', u.sku, 'problem', 'a kit is not made of kits')
      when openstock_core.quantity_problem(u.qty, u.decimals, 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'sku', u.sku, 'problem', openstock_core.quantity_problem(u.qty, u.decimals, 'positive'))
    end
    from looked_up u
  ) as f
  where f.problem is not null
  order by f.n, f.place limit 1;
  if bad.problem ->> 'code' = '22023' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || (bad.problem - 'code'));
  elsif bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
end
$$;

revoke all on function openstock_core.check_kits from public;
grant execute on function openstock_core.check_kits to openstock_api;
comment on function openstock_core.check_kits is 'Errors: 22023, OS101, OS110, OS120, each with the line''s place.';

reset role;
