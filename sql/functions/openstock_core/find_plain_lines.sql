-- Reads lines that are a product and a quantity and nothing else, and finds for each the first warehouse by priority. Reads only.
set local role openstock_owner;

create or replace function openstock_core.find_plain_lines(tenant uuid, lines jsonb, warehouse text) returns openstock_core.plain_lines
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  given record;
  source record;
begin
  if jsonb_typeof(lines) is distinct from 'array' or jsonb_array_length(lines) not between 2 and 1000 then
    return null;
  end if;
  select array_agg(e.line ->> 'sku' order by e.n) as skus,
         array_agg(case when jsonb_typeof(e.line -> 'qty') = 'number' then trim_scale((e.line -> 'qty')::numeric) end order by e.n) as qtys,
         bool_and(case when jsonb_typeof(e.line) = 'object' and jsonb_typeof(e.line -> 'sku') = 'string'
                    then e.line - '{sku,qty}'::text[] = '{}' else false end) as plain
  into given
  from jsonb_array_elements(lines) with ordinality as e (line, n);
  if not given.plain then
    return null;
  end if;
  -- A name under which something is found is one that may be given, and what has a level is no kit.
  select array_agg(p.sku order by u.n) as skus, array_agg(u.qty order by u.n) as qtys, array_agg(p.product_id order by u.n) as product_ids,
         array_agg(w.warehouse_id order by u.n) as warehouse_ids, array_agg(w.code order by u.n) as warehouses,
         count(*) as lines, count(distinct p.product_id) as products
  into source
  from unnest(given.skus, given.qtys) with ordinality as u (sku, qty, n)
  cross join lateral (
    select s.product_id, s.sku, s.decimals
    from openstock_core.product s
    where s.tenant_id = tenant and s.sku = u.sku and s.active limit 1) as p
  cross join lateral (
    select s.warehouse_id, s.code, l.available
    from openstock_core.stock_level l
    join openstock_core.warehouse s on s.tenant_id = tenant and s.warehouse_id = l.warehouse_id
    where l.tenant_id = tenant and l.product_id = p.product_id and s.active and (find_plain_lines.warehouse is null or s.code = find_plain_lines.warehouse)
    order by s.priority, s.code limit 1) as w
  where u.qty > 0 and scale(u.qty) <= p.decimals and w.available >= u.qty;
  if source.lines < jsonb_array_length(lines) or source.products < source.lines then
    return null;
  end if;
  return row(source.skus, source.qtys, source.product_ids, source.warehouse_ids, source.warehouses)::openstock_core.plain_lines;
end
$$;

revoke all on function openstock_core.find_plain_lines from public;
grant execute on function openstock_core.find_plain_lines to openstock_api;
comment on function openstock_core.find_plain_lines is
  'Two lines or more, in their order, with the first warehouse by priority, or the one that is named, which has enough of each; null where any line is anything else '
  'than an sku and a quantity that are right, names a product again, or is not there.';

reset role;
