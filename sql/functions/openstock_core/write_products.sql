-- Upserts products, the work behind openstock.put_products. Writes: product, stock_level (safety_stock).
-- Locks: names (where a product is new), product by product_id, stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.write_products(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  skus constant text[] := array(select normalize(btrim(l ->> 'sku')) from jsonb_array_elements(lines) as l);
  answer jsonb;
  known bigint[];
  safety_stocks numeric[];
begin
  if (select count(*) from openstock_core.product p where p.tenant_id = tenant and p.sku = any (skus)) < cardinality(skus) then
    perform openstock_core.lock_names(tenant, 'product');
  end if;
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id for no key update;
  perform openstock_core.check_products(tenant, lines);

  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'sku')) as sku, e.line as keys
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, p.product_id, p as old, jsonb_populate_record(
             coalesce(p, row(tenant, null, g.sku, null, null, 'C62', 0, 'none', 'fefo', 'none', null, 0, null, null, null,
                             '{}', true, stamp, stamp, null, false)::openstock_core.product),
             (g.keys - 'line' - 'lead_time_days') || openstock_core.trimmed_numbers(g.keys) || jsonb_build_object('sku', g.sku) || case when g.keys ? 'lead_time_days'
               then jsonb_build_object('lead_time', (g.keys ->> 'lead_time_days') || ' days') else '{}' end) as new
    from given g
    left join openstock_core.product p on p.tenant_id = tenant and p.sku = g.sku
  ), written as (
    insert into openstock_core.product as p (
      tenant_id, sku, name, description, unit, decimals, tracking, removal, backorder, backorder_limit, safety_stock,
      reorder_point, reorder_quantity, lead_time, attributes, active, created_at, updated_at)
    select tenant, (m.new).sku, (m.new).name, (m.new).description, (m.new).unit, (m.new).decimals, (m.new).tracking,
           (m.new).removal, (m.new).backorder, (m.new).backorder_limit, (m.new).safety_stock, (m.new).reorder_point,
           (m.new).reorder_quantity, (m.new).lead_time, (m.new).attributes, (m.new).active, stamp, stamp
    from merged m
    where m.product_id is null or m.new is distinct from m.old
    order by (m.new).sku
    on conflict on constraint product_sku_is_unique do update
    set name = excluded.name, description = excluded.description, unit = excluded.unit, decimals = excluded.decimals,
        tracking = excluded.tracking, removal = excluded.removal, backorder = excluded.backorder,
        backorder_limit = excluded.backorder_limit, safety_stock = excluded.safety_stock,
        reorder_point = excluded.reorder_point, reorder_quantity = excluded.reorder_quantity,
        lead_time = excluded.lead_time, attributes = excluded.attributes, active = excluded.active,
        updated_at = excluded.updated_at
    returning p.sku
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', (m.new).sku, 'outcome', case
           when m.product_id is null then 'created' when w.sku is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n),
         array_agg(m.product_id order by m.n) filter (where m.product_id is not null),
         array_agg((m.new).safety_stock order by m.n) filter (where m.product_id is not null)
  into answer, known, safety_stocks
  from merged m
  left join written w on w.sku = (m.new).sku;

  perform openstock_core.copy_safety_stock(tenant, known, safety_stocks);
  return answer;
end
$$;

revoke all on function openstock_core.write_products from public;
grant execute on function openstock_core.write_products to openstock_api;
comment on function openstock_core.write_products is
  'Upserts products line by line and returns openstock.put_result rows. Errors: those of check_products.';

reset role;
