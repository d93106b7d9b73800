-- Says which locked bins give how much to each line: needs and bins laid end to end as intervals, and where they
-- overlap, that bin serves that line; the first need is served first. Lines that ask for certain units choose before all others, and what those
-- that the caller does not serve lack is left to them.
-- Reads: what certain_needs, pickable_bins, find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.plan_picks(
  tenant uuid, needs openstock_core.pick[], bin_ids bigint[], removal text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  certain constant openstock_core.order_line[] := openstock_core.certain_needs(tenant, needs);
  claims openstock_core.order_line[];
  chosen openstock_core.pick[] := array[]::openstock_core.pick[];
  others openstock_core.pick[] := needs;
begin
  claims := openstock_core.find_claims(tenant, array(
    select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), at, needs);
  if cardinality(certain || claims) > 0 then
    chosen := openstock_core.plan_pins(tenant, certain || claims, null, bin_ids, removal, at, false);
    others := array(
      select row(n.reservation_line_id, n.product_id, n.warehouse_id, n.bin_id, n.qty, n.serial_ids)::openstock_core.pick
      from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      where n.place not in (select c.line from unnest(certain) as c)
      order by n.place);
  end if;
  return array(
    select row((needs[p.reservation_line_id]).reservation_line_id, p.product_id, p.warehouse_id, p.bin_id, p.qty, p.serial_ids)::openstock_core.pick
    from unnest(chosen) as p
    where p.reservation_line_id > 0
  ) || array(
    with need as (
      select n.reservation_line_id, n.product_id, n.warehouse_id, n.qty, n.place,
             sum(n.qty) over (partition by n.product_id, n.warehouse_id order by n.place) - n.qty as start
      from unnest(others) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      where n.qty > 0
    ), supply as (
      select s.product_id, s.warehouse_id, s.bin_id, s.free,
             sum(s.free) over (partition by s.product_id, s.warehouse_id order by s.start, s.bin_id) - s.free as start
      from (
        select k.product_id, k.warehouse_id, c.bin_id, c.start, c.free - case when cardinality(chosen) = 0 then 0 else (
            select coalesce(sum(p.qty), 0) from unnest(chosen) as p where p.bin_id = c.bin_id) end as free
        from (select distinct n.product_id, n.warehouse_id from need n) as k
        cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
        where c.bin_id = any (bin_ids)
      ) as s
      where s.free > 0
    )
    select row(n.reservation_line_id, n.product_id, n.warehouse_id, s.bin_id,
               trim_scale(least(n.start + n.qty, s.start + s.free) - greatest(n.start, s.start)), null)::openstock_core.pick
    from need n
    join supply s on s.product_id = n.product_id and s.warehouse_id = n.warehouse_id
      and s.start < n.start + n.qty and n.start < s.start + s.free
    order by n.place, s.start);
end
$$;

revoke all on function openstock_core.plan_picks from public;
grant execute on function openstock_core.plan_picks to openstock_api;
comment on function openstock_core.plan_picks is
  'Picks from these locked bins for these needs, by the removal rule; together less than the needs where bins are short.';

reset role;
