-- Refuses product lines whose values are not known words, or that do not fit stock that exists.
-- Reads: product, ledger, channel_quota, kit_component.
set local role openstock_owner;

create or replace function openstock_core.check_products(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, normalize(btrim(e.line ->> 'sku')) as sku, e.line as v
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), known as (
    select g.*, p.product_id, p.tracking, p.decimals, count(*) over (partition by g.sku) as times,
           coalesce(g.v ->> 'backorder', p.backorder, 'none') as backorder_then,
           coalesce((g.v ->> 'decimals')::numeric, p.decimals, 0) as decimals_then,
           coalesce((g.v ->> 'safety_stock')::numeric, p.safety_stock, 0) as safety_then,
           case when g.v ? 'backorder_limit' then (g.v ->> 'backorder_limit')::numeric else p.backorder_limit end as limit_then
    from given g
    left join openstock_core.product p on p.tenant_id = tenant and p.sku = g.sku
  )
  select f.* into bad from (
    select k.n, k.sku, case
        when k.times > 1 then '{"key": "sku", "problem": "names a product that another line names too"}'::jsonb
        when k.product_id is null and k.v ->> 'name' is null then '{"key": "name", "problem": "missing"}'
        when k.v ? 'name' and char_length(coalesce(k.v ->> 'name', '')) not between 1 and 500 then
          '{"key": "name", "problem": "must have 1 to 500 characters"}'
        when n.key is not null then jsonb_build_object('key', n.key, 'problem', 'must not be null')
        when k.v ->> 'unit' !~ '^[A-Z0-9]{1,3}$' then '{"key": "unit", "problem": "must be a UN/CEFACT Rec 20 code, such as C62 or KGM"}'
        when (k.v ->> 'decimals')::numeric not between 0 and 6 then '{"key": "decimals", "problem": "must be between 0 and 6"}'
        when k.v ->> 'tracking' not in ('none', 'lot', 'serial') then '{"key": "tracking", "problem": "must be none, lot or serial"}'
        when coalesce(k.v ->> 'tracking', k.tracking) = 'serial' and k.decimals_then > 0 then
          '{"key": "decimals", "problem": "must be 0 where tracking is serial"}'
        when k.v ->> 'removal' not in ('fefo', 'fifo', 'lifo', 'fewest_bins') then
          '{"key": "removal", "problem": "must be fefo, fifo, lifo or fewest_bins"}'
        when k.backorder_then not in ('none', 'unlimited', 'limited') then
          '{"key": "backorder", "problem": "must be none, unlimited or limited"}'
        when (k.backorder_then = 'limited') <> (k.limit_then is not null) or k.limit_then <= 0 then
          '{"key": "backorder_limit", "problem": "must be positive where backorder is limited, and null elsewhere"}'
        when (k.v ->> 'safety_stock')::numeric < 0 then '{"key": "safety_stock", "problem": "must not be negative"}'
        when (k.v ->> 'reorder_point')::numeric < 0 then '{"key": "reorder_point", "problem": "must not be negative"}'
        when (k.v ->> 'reorder_quantity')::numeric <= 0 then '{"key": "reorder_quantity", "problem": "must be positive"}'
        when (k.v ->> 'tracking' <> k.tracking or (k.v ->> 'decimals')::numeric < k.decimals)
          and exists (select from openstock_core.ledger e where e.tenant_id = tenant and e.product_id = k.product_id) then
          '{"code": "OS120", "problem": "tracking and fewer decimals do not fit the ledger that the product has"}'
        when (k.v ->> 'decimals')::numeric < k.decimals and exists (
          select from openstock_core.channel_quota q
          where q.tenant_id = tenant and q.product_id = k.product_id and scale(trim_scale(q.qty)) > (k.v ->> 'decimals')::numeric) then
          '{"code": "OS120", "problem": "fewer decimals do not fit what is kept of the product for sales channels"}'
        when (k.v ->> 'decimals')::numeric < k.decimals and exists (
          select from openstock_core.kit_component c
          where c.tenant_id = tenant and c.component_id = k.product_id and scale(trim_scale(c.qty)) > (k.v ->> 'decimals')::numeric) then
          '{"code": "OS120", "problem": "fewer decimals do not fit the kits that the product is part of"}'
        when scale(trim_scale(k.safety_then)) > k.decimals_then then
          '{"key": "safety_stock", "problem": "must not have more decimals than the product"}'
      end as problem
    from known k
    left join lateral (
      select v.key from jsonb_each(k.v) as v
      where v.value = 'null' and v.key not in (
        'line', 'description', 'backorder_limit', 'reorder_point', 'reorder_quantity', 'lead_time_days')
      order by v.key limit 1) as n on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem ->> 'code' = 'OS120' then
    perform openstock_core.fail('OS120', jsonb_build_object('line', bad.n, 'sku', bad.sku) || (bad.problem - 'code'));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_products from public;
grant execute on function openstock_core.check_products to openstock_api;
comment on function openstock_core.check_products is
  'Errors: 22023 with line, key and problem; OS120 where tracking or decimals do not fit the product''s ledger, quotas or kits.';

reset role;
