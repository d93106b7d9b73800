-- Says what levels lack of what is needed there, as it is booked: holds that ended count as alive. Lots that are about to be booked as expired
-- are left out, and what the caller is about to give back counts.
-- Reads: stock_level, stock_bin, for sales channels channel_quota. The levels are locked.
set local role openstock_owner;

create or replace function openstock_core.missing_units(
  tenant uuid, needs openstock_core.pick[], freed openstock_core.pick[], callers openstock_core.sourcing[], due openstock_core.due,
  out units openstock_core.pick[], out channels bigint[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select coalesce(array_agg(row(null, m.product_id, m.warehouse_id, null, m.qty, null)::openstock_core.pick), '{}'), array_agg(m.channel_id)
  into units, channels
  from (
    select n.product_id, n.warehouse_id, c.channel_id, n.qty - g.units - l.available + b.units - f.units as qty
    from unnest(needs) as n
    cross join unnest(callers) as c
    cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = n.product_id
                          and s.warehouse_id = n.warehouse_id limit 1) as l
    cross join lateral (select coalesce(sum(s.on_hand), 0) as units from openstock_core.stock_bin s
                        where s.tenant_id = tenant and s.bin_id = any (due.lot_bin_ids) and s.product_id = n.product_id
                          and s.warehouse_id = n.warehouse_id) as b
    cross join lateral (select coalesce(sum(u.qty), 0) as units from unnest(freed) as u
                        where u.product_id = n.product_id and u.warehouse_id = n.warehouse_id) as g
    cross join lateral (select case when c.channel_id is null then 0 else openstock_core.units_kept(
                          tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) end as units) as f) as m
  where m.qty > 0;
end
$$;

revoke all on function openstock_core.missing_units from public;
grant execute on function openstock_core.missing_units to openstock_api;
comment on function openstock_core.missing_units is
  'What each of these levels has too little for each of these channels, or for who has none: the units, and parallel to them the channels.';

reset role;
