-- Chooses holds that have ended, at locked levels, the oldest first, whose units go back to the quotas of channels that need units there, until the quotas
-- cover them: whether a hold is booked must not decide whether a quota is used first.
-- Reads: channel, channel_quota, reservation_line, stock_level, product. The smallest quantity of the product bounds how many lines are read.
set local role openstock_owner;

create or replace function openstock_core.find_holds_of_quotas(
  tenant uuid, needs openstock_core.pick[], callers openstock_core.sourcing[], at timestamptz)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select h.reservation_line_id
    from unnest(needs) as k
    cross join unnest(callers) as c
    join openstock_core.channel s on s.tenant_id = tenant and s.channel_id = c.channel_id and s.active
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      and l.next_expiry_at <= find_holds_of_quotas.at
    cross join lateral (
      select k.qty - openstock_core.units_kept(tenant, c.channel_id, false, k.product_id, k.warehouse_id, null) as qty) as m
    cross join lateral (
      select d.reservation_line_id, sum(d.units) over (order by d.expires_at, d.reservation_line_id) - d.units as before
      from (
        select n.reservation_line_id, n.expires_at, least(n.reserved, n.quota_used) as units
        from openstock_core.reservation_line n
        where n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id and n.channel_id = c.channel_id
          and n.expires_at <= find_holds_of_quotas.at and n.reserved > 0 and n.quota_used > 0
        order by n.expires_at, n.reservation_line_id
        limit least(ceil(greatest(m.qty, 0) * 10::numeric ^ p.decimals), 1e9)) as d) as h
    where h.before < m.qty);
end
$$;

revoke all on function openstock_core.find_holds_of_quotas from public;
grant execute on function openstock_core.find_holds_of_quotas to openstock_api;
comment on function openstock_core.find_holds_of_quotas is
  'Lines whose hold has ended by this moment and is not booked, that took from quotas which would be used now.';

reset role;
