-- Turns the lines of put_lots into typed rows and looks their products up. Reads: product.
set local role openstock_owner;

create or replace function openstock_core.read_lot_lines(tenant uuid, lines jsonb) returns openstock_core.lot_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  -- materialized, limit 1, no sequential scan: as in read_order_lines.
  with given as materialized (
    select g.n::integer as n, coalesce(g.line, g.n::integer) as line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.lot)) as lot, g.expires_on, g.quality,
           lines -> (g.n - 1)::integer -> 'quality' = 'null' as nullified
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, lot text, expires_on date, quality text)) with ordinality as g (line, sku, lot, expires_on, quality, n)
  ), looked_up as (
    select g.*, p.product_id,
           case
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when p.tracking <> 'lot' then
               jsonb_build_object('code', 'OS108', 'sku', g.sku, 'lot', g.lot, 'problem', 'the product is not tracked by lot')
             when g.quality not in ('released', 'hold', 'rejected') or g.nullified then
               '{"code": "22023", "argument": "lines", "key": "quality", "problem": "must be released, hold or rejected"}'
             when count(*) over (partition by g.sku, g.lot) > 1 then
               '{"code": "22023", "argument": "lines", "key": "lot", "problem": "is named by another line too"}'
           end as problem
    from given g
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
  )
  select (select array_agg((u.n, u.line, u.sku, u.product_id, u.lot, u.expires_on, u.quality)::openstock_core.lot_line) from looked_up u) as typed, f.n, f.problem
  into bad
  from (select) as always
  left join (select u.n, u.problem from looked_up u where u.problem is not null order by u.n limit 1) as f on true;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_lot_lines from public;
grant execute on function openstock_core.read_lot_lines to openstock_api;
comment on function openstock_core.read_lot_lines is
  'The typed lines. Errors: 22023, OS101 and OS108, for the first line that is wrong.';

reset role;
