-- Finds products by words and attributes. Reads: product. It runs as the maintenance role, whose policy is "true", and
-- filters by tenant itself: under a tenant policy PostgreSQL may not use the GIN indexes, since their operators are not leakproof.
set local role openstock_maint;

create or replace function openstock.search_products(
  query text default null, attributes jsonb default null, max_rows integer default 50, tenant uuid default null)
returns setof openstock.products
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
#variable_conflict use_column
declare
  acting constant uuid := openstock_core.enter(tenant);
  words constant text := nullif(btrim(normalize(openstock_core.check_text('query', 'text', search_products.query))), '');
  pattern constant text := replace(replace(replace(lower(words), E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_') || '%';
begin
  if max_rows is null or max_rows not between 1 and 1000 then
    perform openstock_core.fail('22023', '{"argument": "max_rows", "problem": "must be between 1 and 1000"}');
  end if;
  if jsonb_typeof(search_products.attributes) <> 'object' then
    perform openstock_core.fail('22023', '{"argument": "attributes", "problem": "must be an object"}');
  end if;
  return query
  select p.sku::text, p.name, p.description, p.unit, p.decimals, p.tracking, p.removal, p.backorder,
         p.backorder_limit::numeric, p.safety_stock::numeric, p.reorder_point::numeric, p.reorder_quantity::numeric,
         p.lead_time, p.attributes::jsonb, p.active, p.created_at, p.updated_at
  from openstock_core.product p
  where p.tenant_id = acting
    and (words is null or p.search @@ websearch_to_tsquery('simple', words) or lower(p.sku) like pattern)
    and (search_products.attributes is null or p.attributes @> search_products.attributes)
  order by lower(p.sku) = lower(words) desc nulls last, ts_rank(p.search, websearch_to_tsquery('simple', words)) desc nulls last, p.sku
  limit max_rows;
end
$$;

revoke all on function openstock.search_products from public;
grant execute on function openstock.search_products to openstock_app, openstock_analyst;
comment on function openstock.search_products is
  'Products whose sku begins with the query, or whose sku, name or description has its words (web search syntax: or, -, "phrase"), and whose '
  'attributes contain those given; the best first, at most max_rows (1 to 1000). Errors: 22023.';

reset role;
