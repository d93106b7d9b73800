-- Says which locked bins give how much to each line: needs and bins laid end to end as intervals, and where they
-- overlap, that bin serves that line; the first need is served first. Reads: what pickable_bins reads.
set local role openstock_owner;

create or replace function openstock_core.plan_picks(
  tenant uuid, needs openstock_core.pick[], bin_ids bigint[], removal text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    with need as (
      select n.reservation_line_id, n.product_id, n.warehouse_id, n.qty, n.place,
             sum(n.qty) over (partition by n.product_id, n.warehouse_id order by n.place) - n.qty as start
      from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, place)
      where n.qty > 0
    ), supply as (
      select k.product_id, k.warehouse_id, c.bin_id, c.free,
             sum(c.free) over (partition by k.product_id, k.warehouse_id order by c.start, c.bin_id) - c.free as start
      from (select distinct n.product_id, n.warehouse_id from need n) as k
      cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
      where c.bin_id = any (bin_ids)
    )
    select row(n.reservation_line_id, n.product_id, n.warehouse_id, s.bin_id,
               trim_scale(least(n.start + n.qty, s.start + s.free) - greatest(n.start, s.start)))::openstock_core.pick
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
