-- Says which locked bins give how much to each line, handling units first: one whose free units of the product all fit what a line still needs goes as it is,
-- in the order of the removal rule, unless some of them are left to who lacks certain units; loose units and parts of handling units make up the rest.
-- Reads: stock_bin, and what plan_picks reads.
set local role openstock_owner;

create or replace function openstock_core.plan_whole_units(
  tenant uuid, needs openstock_core.pick[], bin_ids bigint[], removal text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  kept bigint[];
  rest openstock_core.pick[] := array[]::openstock_core.pick[];
  picks openstock_core.pick[] := array[]::openstock_core.pick[];
  used bigint[] := array[]::bigint[];
  need openstock_core.pick;
  unit record;
begin
  -- Lines that ask for certain units choose before all others: with them, no unit is kept whole.
  if cardinality(openstock_core.certain_needs(tenant, needs)) > 0 then
    return openstock_core.plan_picks(tenant, needs, bin_ids, removal);
  end if;
  kept := array(
    select b.handling_unit_id
    from unnest(openstock_core.plan_pins(tenant, openstock_core.find_claims(tenant, array(
      select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), at, null), null, bin_ids, removal, at, false)) as p
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    where b.handling_unit_id is not null);
  foreach need in array coalesce(needs, '{}') loop
    for unit in
      select array_agg(c.bin_id order by c.start) as bins, array_agg(c.free order by c.start) as free, sum(c.free) as units
      from openstock_core.pickable_bins(tenant, need.product_id, need.warehouse_id, removal) as c
      join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = c.bin_id
      where b.handling_unit_id is not null and b.handling_unit_id <> all (kept) and c.bin_id = any (bin_ids) and c.bin_id <> all (used)
      group by b.handling_unit_id
      order by min(c.start)
    loop
      continue when unit.units > need.qty;
      picks := picks || array(
        select row(need.reservation_line_id, need.product_id, need.warehouse_id, u.bin_id, trim_scale(u.free), null)::openstock_core.pick
        from unnest(unit.bins, unit.free) as u (bin_id, free));
      used := used || unit.bins;
      need.qty := need.qty - unit.units;
    end loop;
    rest := rest || need;
  end loop;
  return picks || openstock_core.plan_picks(tenant, rest, array(select b from unnest(bin_ids) as b where b <> all (used)), removal);
end
$$;

revoke all on function openstock_core.plan_whole_units from public;
grant execute on function openstock_core.plan_whole_units to openstock_api;
comment on function openstock_core.plan_whole_units is
  'Picks from these locked bins for these needs, whole handling units before all else; together less than the needs where bins are short.';

reset role;
