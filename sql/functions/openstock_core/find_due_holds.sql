-- Chooses holds that have ended, at locked levels, the oldest first, until they hold the units that are missing there.
-- What holds of other channels took from their quotas goes back there. Reads: reservation_line, allocation, stock_bin, lot, product,
-- channel. The smallest quantity of the product bounds how many lines are read.
set local role openstock_owner;

create or replace function openstock_core.find_due_holds(
  tenant uuid, missing openstock_core.pick[], at timestamptz, only_pinned boolean, avoided bigint[] default '{}', channels bigint[] default null)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select distinct h.reservation_line_id
    from (select m.product_id, m.warehouse_id, m.channel_id, sum(m.qty) as qty
          from rows from (unnest(missing), unnest(channels)) as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, channel_id)
          group by 1, 2, 3) as k
    cross join lateral (select s.decimals from openstock_core.product s
                        where s.tenant_id = tenant and s.product_id = k.product_id limit 1) as p
    cross join lateral (
      select l.reservation_line_id,
             sum(l.units) over (order by l.expires_at, l.reservation_line_id) - l.units as before
      from (
        select d.reservation_line_id, d.expires_at, u.units
        from openstock_core.reservation_line d
        cross join lateral (
          select case when only_pinned
            then (select sum(a.qty) from openstock_core.allocation a
                  join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = a.bin_id
                  left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
                  where a.tenant_id = tenant and a.reservation_line_id = d.reservation_line_id and a.bin_id <> all (avoided)
                    and (t.expires_on is null or openstock_core.expiry(t.expires_on) > find_due_holds.at))
            else openstock_core.units_freed(tenant, d.channel_id, d.quota_used, d.reserved, k.channel_id) end as units) as u
        where d.tenant_id = tenant and d.product_id = k.product_id and d.warehouse_id = k.warehouse_id
          and d.expires_at <= find_due_holds.at and d.reserved > 0 and u.units > 0
        order by d.expires_at, d.reservation_line_id
        limit least(ceil(k.qty * 10::numeric ^ p.decimals), 1e9)
      ) as l
    ) as h
    where h.before < k.qty);
end
$$;

revoke all on function openstock_core.find_due_holds from public;
grant execute on function openstock_core.find_due_holds to openstock_api;
comment on function openstock_core.find_due_holds is
  'Lines whose hold has ended by this moment and is not booked, that together free this much per level and channel (parallel to missing; null: none), counting what they have reserved, or '
  'only what they have pinned to bins and can be picked there: nothing of a lot that has expired, nor from bins to be avoided.';

reset role;
