-- Says what has to be locked so that an order can give units back and get others in one step. The order is locked, so that only the end of its
-- holds can change what it has. Reads: reservation_line, backorder, allocation.
set local role openstock_owner;

create or replace function openstock_core.find_giving(
  tenant uuid, order_id bigint, taken openstock_core.taken_line[], channel_id bigint, at timestamptz)
returns openstock_core.giving
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return row(
    array(select row(l.product_id, l.warehouse_id)::openstock_core.level_key from openstock_core.reservation_line l
          where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0),
    array(select t.product_id from unnest(taken) as t where t.backorder_id is not null),
    array(select distinct a.bin_id from unnest(taken) as t
          join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id),
    array(select l.reservation_line_id from openstock_core.reservation_line l
          where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and l.expires_at <= find_giving.at),
    array(select row(null, t.product_id, t.warehouse_id, null,
                     openstock_core.units_freed(tenant, l.channel_id, l.quota_used, t.qty, find_giving.channel_id), null)::openstock_core.pick
          from unnest(taken) as t
          join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = t.reservation_line_id),
    taken)::openstock_core.giving;
end
$$;

revoke all on function openstock_core.find_giving from public;
grant execute on function openstock_core.find_giving to openstock_api;
comment on function openstock_core.find_giving is 'The levels, backlogs and bins of what the order gives back, the holds of it that have ended, and the units that come free for this channel.';

reset role;
