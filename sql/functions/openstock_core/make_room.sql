-- Books what is due at locked levels: all lots that expired, and of the holds that ended, the oldest first, as many as the lines
-- need for each of these channels, and as many as their quotas lack; so a flash sale's end does not hold up whoever comes next. Of holds that ended and
-- have units pinned in bins that the caller wants, or that the caller names, all are booked. Writes: what book_due writes.
-- Locks: reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.make_room(
  tenant uuid, op_id text, lines openstock_core.order_line[], levels openstock_core.level_key[], bins bigint[], ended bigint[],
  due openstock_core.due, callers openstock_core.sourcing[])
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.pick[];
  channels bigint[];
  own bigint[] := openstock_core.find_holds_of_quotas(tenant, lines, levels, callers, due.at);
begin
  select coalesce(array_agg(row(null, m.product_id, m.warehouse_id, null, m.qty, null)::openstock_core.pick), '{}'), array_agg(m.channel_id)
  into missing, channels
  from (
    select l.product_id, l.warehouse_id, c.channel_id, w.qty - l.available + b.units - f.units as qty
    from unnest(levels) as k
    cross join unnest(callers) as c
    join (select u.product_id, sum(u.qty) as qty from unnest(lines) as u group by u.product_id) as w on w.product_id = k.product_id
    cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                          and s.warehouse_id = k.warehouse_id limit 1) as l
    cross join lateral (select coalesce(sum(s.on_hand), 0) as units from openstock_core.stock_bin s
                        where s.tenant_id = tenant and s.bin_id = any (due.lot_bin_ids) and s.product_id = k.product_id
                          and s.warehouse_id = k.warehouse_id) as b
    cross join lateral (select case when c.channel_id is null then 0 else openstock_core.units_kept(
                          tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) end as units) as f
    where l.next_expiry_at <= due.at and w.qty > l.available - b.units + f.units) as m;
  if cardinality(missing) = 0 and cardinality(own) = 0 and cardinality(bins) = 0 and cardinality(ended) = 0 and cardinality(due.lot_bin_ids) = 0
    and cardinality(due.backorder_ids) = 0
  then
    return false;
  end if;
  for attempt in 1 .. 20 loop
    begin
      due := openstock_core.lock_due_holds(tenant, due, array(
        select unnest(openstock_core.find_due_holds(tenant, missing, due.at, false, channels => channels))
        union
        select unnest(own)
        union
        select unnest(openstock_core.ended_pins(tenant, bins, due.at))
        union
        select l.reservation_line_id from openstock_core.reservation_line l
        where l.tenant_id = tenant and l.reservation_line_id = any (ended) and l.expires_at <= due.at and l.reserved > 0), true);
      perform openstock_core.settle_bins(tenant, op_id, bins, '{}', due);
      -- A picker that still took a hold for alive may have pinned units for it, until the bins were locked.
      if cardinality(openstock_core.ended_pins(tenant, bins, due.at)) > 0 then
        perform openstock_core.fail('OS901', '{"problem": "units were pinned for a hold that has ended"}');
      end if;
      return cardinality(bins) > 0 or cardinality(due.line_ids) > 0 or cardinality(due.bin_ids) > 0 or cardinality(due.backorder_ids) > 0;
    exception when sqlstate 'OS901' then
      own := openstock_core.find_holds_of_quotas(tenant, lines, levels, callers, due.at);
    end;
  end loop;
  perform openstock_core.fail('40001', '{"problem": "holds kept being extended or pinned"}');
end
$$;

revoke all on function openstock_core.make_room from public;
grant execute on function openstock_core.make_room to openstock_api;
comment on function openstock_core.make_room is
  'Locks these bins, and books what is due there, and at these levels as far as the lines need it; false where there was nothing. Errors: 40001 where holds kept being extended or pinned.';

reset role;
