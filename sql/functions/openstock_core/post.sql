-- The one place where stock changes: writes movements to the ledger and applies each to the projections by the same
-- rule by which openstock_core.differences() replays them. The caller holds the locks of all levels and bins named.
-- Writes: stock_level, ledger, stock_bin, reservation_line (what left it), channel_quota, allocation, backorder, backlog, ledger_serial, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.post(
  tenant uuid, op_id text, movements openstock_core.movement[],
  occurred_at timestamptz, reference text, note text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  written openstock_core.posted[];
  any_serial boolean;
begin
  if cardinality(movements) = 0 then
    return;
  end if;
  select array_agg(p), bool_or(p.by_serial) into written, any_serial
  from openstock_core.post_ledger(tenant, op_id, movements, occurred_at, reference, note) as p;
  if cardinality(written) is distinct from cardinality(movements) then
    perform openstock_core.refuse_unwritten(tenant, op_id, movements, coalesce(written, array[]::openstock_core.posted[]));
  end if;

  update openstock_core.stock_bin b
  set on_hand = trim_scale(b.on_hand + m.qty), allocated = trim_scale(b.allocated + m.allocated)
  from (select u.bin_id, sum(u.qty_delta) as qty, sum(u.allocated_delta) as allocated
        from unnest(movements) as u where u.bin_id is not null group by u.bin_id) as m
  where b.tenant_id = tenant and b.bin_id = m.bin_id and (m.qty <> 0 or m.allocated <> 0);

  update openstock_core.reservation_line l
  set reserved = trim_scale(l.reserved + m.reserved),
      shipped = trim_scale(l.shipped + m.shipped),
      released = trim_scale(l.released - m.reserved - m.shipped - m.expired),
      expired = trim_scale(l.expired + m.expired),
      expires_at = case when m.redated then m.expires_at else l.expires_at end,
      quota_used = trim_scale(l.quota_used - m.quota)
  from (select u.reservation_line_id, sum(u.reserved_delta) as reserved,
               sum(case when u.event_type = 'SHIP' then -u.qty_delta else 0 end) as shipped,
               sum(case when u.event_type = 'EXPIRE' then -u.reserved_delta else 0 end) as expired,
               bool_or(u.event_type in ('EXTEND', 'CONFIRM')) as redated, max(u.expires_at) as expires_at, sum(coalesce(u.quota_delta, 0)) as quota
        from unnest(movements) as u
        where u.event_type in ('SHIP', 'RELEASE', 'EXPIRE', 'EXTEND', 'CONFIRM') and u.reservation_line_id is not null
        group by u.reservation_line_id) as m
  where l.tenant_id = tenant and l.reservation_line_id = m.reservation_line_id;

  perform openstock_core.post_quotas(tenant, movements);
  perform openstock_core.post_allocations(tenant, movements);
  perform openstock_core.post_backorders(tenant, movements);
  if any_serial then
    written := openstock_core.post_serials(tenant, op_id, movements, written);
  end if;
  return query select * from unnest(written);
end
$$;

revoke all on function openstock_core.post from public;
grant execute on function openstock_core.post to openstock_api;
comment on function openstock_core.post is
  'Writes movements to the ledger and the projections, and returns the entries, each with its place among them and the level''s balances after it. '
  'Errors: OS110 (on_hand would be too large), OS902.';

reset role;
