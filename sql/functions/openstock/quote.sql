-- Says what reserve would do now, and why. Writes nothing, locks nothing. Reads: product, warehouse, stock_level, for a sales channel
-- channel and channel_quota, where lots or holds have ended that is not booked, stock_bin, lot, reservation_line, and for lines that ask for
-- certain units what plan_pins reads.
set local role openstock_api;

create or replace function openstock.quote(
  lines jsonb, warehouse text default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, tenant uuid default null)
returns setof openstock.quoted_source
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  sourcing constant openstock_core.sourcing := openstock_core.for_channel(acting, openstock_core.read_sourcing(strategy, destination), channel);
  wanted openstock_core.order_line[];
  candidates openstock_core.candidate[];
  planned record;
  at constant timestamptz := openstock.server_time();
  any_ended boolean;
begin
  perform openstock_core.check_lines(lines, openstock_core.order_line_keys(), 1000, 'line');
  wanted := openstock_core.number_lines(acting, null, null,
    openstock_core.read_order_lines(acting, lines, openstock_core.check_text('warehouse', 'code', warehouse)));
  candidates := openstock_core.find_candidates(acting, wanted, array(
    select row(u.product_id, w.warehouse_id)::openstock_core.level_key
    from (select distinct u.product_id from unnest(wanted) as u) as u
    cross join openstock_core.warehouse w
    where w.tenant_id = acting), sourcing, null, at, false);
  any_ended := exists (
    select from (select distinct u.product_id from unnest(wanted) as u) as u
    join openstock_core.stock_level l on l.tenant_id = acting and l.product_id = u.product_id and l.next_expiry_at <= at);
  planned := openstock_core.plan_stock(acting, wanted, candidates, null, at, any_ended);
  return query
  with part as materialized (
    select p.line, p.product_id, p.warehouse_id, p.qty from unnest(planned.parts) as p
  ), candidate as materialized (
    select c.* from unnest(candidates) as c
  ), such as materialized (
    select b.n, b.warehouse_id, sum(case when b.pieces is null then b.free - coalesce(c.qty, 0) else least(b.free - coalesce(c.qty, 0), (
             select count(*) from unnest(b.pieces) as s where s <> all (coalesce(c.serial_ids, '{}')))) end) as units
    from openstock_core.certain_bins(acting, wanted, at, any_ended) as b
    left join (
      select p.bin_id, sum(p.qty) as qty, array(select s from unnest(planned.claimed) as k cross join lateral unnest(k.serial_ids) as s) as serial_ids
      from unnest(planned.claimed) as p group by 1) as c on c.bin_id = b.bin_id
    group by 1, 2
  ), line as materialized (
    select u.n, u.line, u.sku, u.product_id, u.warehouse_id, u.qty, u.kit_id, trim_scale(u.qty - coalesce(p.qty, 0)) as qty_short,
           num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0 as certain
    from rows from (unnest(wanted)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join (select p.line, p.product_id, sum(p.qty) as qty from part p group by 1, 2) as p on p.line = u.line and p.product_id = u.product_id
  )
  select u.line, u.sku, c.code, case when p.qty > 0 then 'chosen' else 'rejected' end,
         case when p.qty > 0 then null
              when c.code is null then 'no_warehouse'
              when not c.active then 'inactive'
              when c.available = 0 then 'no_stock'
              when a.units = 0 then 'no_such_units'
              when (sourcing.strategy = 'ship_complete' or u.kit_id is not null) and u.qty_short > 0 then 'incomplete'
              when u.qty_short > 0 then 'used_by_other_lines'
              else 'not_needed' end,
         u.qty, coalesce(p.qty, 0), u.qty_short, trim_scale(a.units), c.distance_km, c.shipping_cost, c.place::integer, k.sku::text
  from line u
  left join candidate c on c.product_id = u.product_id and c.warehouse_id = coalesce(u.warehouse_id, c.warehouse_id)
  left join part p on p.line = u.line and p.product_id = c.product_id and p.warehouse_id = c.warehouse_id
  left join such s on s.n = u.n and s.warehouse_id = c.warehouse_id
  cross join lateral (select case when not c.active then 0 when c.active and u.certain then least(c.available, coalesce(s.units, 0)) else c.available end as units) as a
  left join openstock_core.product k on k.tenant_id = acting and k.product_id = u.kit_id
  order by u.line, u.sku, p.qty is null, c.place nulls last, c.priority, c.code;
end
$$;

revoke all on function openstock.quote from public;
grant execute on function openstock.quote to openstock_app, openstock_analyst;
comment on function openstock.quote is
  'What reserve would promise for these lines now, and why: the same arguments, the same choice. Per line one row for each warehouse that could be asked, those that '
  'are chosen first. Promises nothing: what it says may be gone a moment later. Errors: 22023, OS101 to OS105, OS107, OS108, OS110 to OS112, OS116, OS117.';

reset role;
