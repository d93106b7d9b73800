-- Plans which allocations give way when a bin loses units that are pinned: those of holds that have
-- ended, then of lines that any other units will do for, then the newest. Reads: allocation, reservation_line, reservation.
set local role openstock_owner;

create or replace function openstock_core.unpin_from_bins(
  tenant uuid, line integer, bin_ids bigint[], units numeric[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
begin
  return array(
    select row(unpin_from_bins.line, 'DEALLOCATE', b.product_id, b.warehouse_id, b.bin_id, 0, 0, 0, -trim_scale(least(s.qty, s.surplus - s.before)),
               s.reservation_line_id, r.order_ref, null, unpin_from_bins.reason, null, null, null, null, null)::openstock_core.movement
    from (
      select a.bin_id, a.reservation_line_id, a.qty, k.surplus, l.reservation_id,
             sum(a.qty) over (partition by a.bin_id order by (l.expires_at <= at) is true desc, num_nonnulls(l.location_id, l.lot_id, l.min_days_left),
                              a.created_at desc,
                              a.reservation_line_id desc) - a.qty as before
      from unnest(bin_ids, units) as k (bin_id, surplus)
      join openstock_core.allocation a on a.tenant_id = tenant and a.bin_id = k.bin_id
      left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
      where k.surplus > 0
    ) as s
    -- Each is there. Left joins keep the planner from joining all bins with all lines of the tenant before it looks at s.
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = s.bin_id
    left join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = s.reservation_id
    where s.before < s.surplus
    order by b.bin_id, s.reservation_line_id);
end
$$;

revoke all on function openstock_core.unpin_from_bins from public;
grant execute on function openstock_core.unpin_from_bins to openstock_api;
comment on function openstock_core.unpin_from_bins is
  'DEALLOCATE movements that free these units of locked bins, those of holds that have ended first, of lines that ask for certain units last, then the newest.';

reset role;
