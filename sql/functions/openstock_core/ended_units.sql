-- Says what would change for a sales channel, or who has none, if all that is due at levels were booked. What other channels' holds took from
-- their quotas goes back there. Where so many units are enough, only so many holds are counted as surely have them: after a sale there may be thousands.
-- Reads: stock_level, stock_bin, lot, reservation_line, product, channel.
set local role openstock_owner;

create or replace function openstock_core.ended_units(
  tenant uuid, keys openstock_core.level_key[], at timestamptz, channel_id bigint, enough openstock_core.pick[])
returns openstock_core.pick[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(null, l.product_id, l.warehouse_id, null, h.units - d.units, null)::openstock_core.pick
    from unnest(keys) as k
    left join (select e.product_id, sum(e.qty) as qty from unnest(enough) as e group by 1) as n on n.product_id = k.product_id
    cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                          and s.warehouse_id = k.warehouse_id limit 1) as l
    cross join lateral (
      select coalesce(sum(b.on_hand), 0) as units
      from openstock_core.stock_bin b
      join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
      where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id and l.next_block_at <= ended_units.at
        and b.on_hand > 0 and not b.blocked and openstock_core.expiry(t.expires_on) <= ended_units.at) as d
    cross join lateral (select case when enough is not null then least(ceil(greatest(coalesce(n.qty, 0) - l.available + d.units, 0)
                          * 10::numeric ^ p.decimals), 1e9) end as holds
                        from openstock_core.product p where p.tenant_id = tenant and p.product_id = l.product_id) as m
    cross join lateral (
      select coalesce(sum(f.units), 0) as units
      from (
        select u.units
        from openstock_core.reservation_line n
        cross join lateral (select openstock_core.units_freed(tenant, n.channel_id, n.quota_used, n.reserved, ended_units.channel_id) as units) as u
        where n.tenant_id = tenant and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id and l.next_expiry_at <= ended_units.at
          and n.expires_at <= ended_units.at and n.reserved > 0 and u.units > 0
        limit m.holds) as f) as h
    where l.next_block_at <= ended_units.at or l.next_expiry_at <= ended_units.at);
end
$$;

revoke all on function openstock_core.ended_units from public;
grant execute on function openstock_core.ended_units to openstock_api;
comment on function openstock_core.ended_units is
  'Levels where lots or holds have ended by this moment, with the change of what is available there to the channel: units of the holds less units of the lots. enough: how '
  'many units of each product, available ones included, need be counted at a level at most; null: all.';

reset role;
