-- Turns the lines of put_quotas into typed rows and looks their names up. Reads: product, channel. Writes: product (its row, unchanged).
-- Locks: product by product_id, so that none becomes a kit or gets fewer decimals meanwhile. Rewriting its row makes such a change that cannot see the
-- quota, from repeatable read on, end in 40001.
set local role openstock_owner;

create or replace function openstock_core.read_quota_lines(tenant uuid, lines jsonb) returns openstock_core.quota_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  skus constant text[] := array(select normalize(btrim(g.sku)) from jsonb_to_recordset(lines) as g (sku text));
  bad record;
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id
  for no key update;
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.sku = any (skus);
  -- materialized, limit 1, no sequential scan: as in read_order_lines.
  with given as materialized (
    select g.n::integer as n, coalesce(g.line, g.n::integer) as line, normalize(btrim(g.channel)) as channel, normalize(btrim(g.sku)) as sku,
           trim_scale(g.qty) as qty
    from rows from (jsonb_to_recordset(lines) as (line integer, channel text, sku text, qty numeric)) with ordinality as g (line, channel, sku, qty, n)
  ), looked_up as (
    select g.*, c.channel_id, p.product_id,
           case
             when c.channel_id is null then jsonb_build_object('code', 'OS116', 'channel', g.channel)
             when not c.active and g.qty > 0 then jsonb_build_object('code', 'OS117', 'channel', g.channel)
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when p.is_kit then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'sku', g.sku, 'problem', 'is a kit, which has no stock of its own')
             when openstock_core.quantity_problem(g.qty, p.decimals, 'zero') is not null then
               jsonb_build_object('code', 'OS110', 'sku', g.sku, 'problem', openstock_core.quantity_problem(g.qty, p.decimals, 'zero'))
             when count(*) over (partition by g.channel, g.sku) > 1 then
               '{"code": "22023", "argument": "lines", "key": "sku", "problem": "is named by another line for this channel too"}'
           end as problem
    from given g
    left join lateral (select * from openstock_core.channel s where s.tenant_id = tenant and s.code = g.channel limit 1) as c on true
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
  )
  select (select array_agg((u.n, u.line, u.channel, u.channel_id, u.sku, u.product_id, u.qty)::openstock_core.quota_line)
          from looked_up u) as typed, f.n, f.problem
  into bad
  from (select) as always
  left join (select u.n, u.problem from looked_up u where u.problem is not null order by u.n limit 1) as f on true;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_quota_lines from public;
grant execute on function openstock_core.read_quota_lines to openstock_api;
comment on function openstock_core.read_quota_lines is
  'The lines, typed and looked up. A channel that is not active can only be given nothing. Errors: 22023, OS101, OS110, OS116, OS117, each with the line''s place.';

reset role;
