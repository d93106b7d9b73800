-- Finds stock for an order's lines. Locks: stock_level by (product, warehouse), and what lock_backlogs and make_room lock. Writes: what they write.
-- While it waits for locks, another level may come into being, or its warehouse be opened: it is short only when there is none left
-- to lock. What may have to wait locks the backlogs before it settles anything. Lots that expired are booked before anything is promised;
-- holds that ended only where it comes up short without them, where a channel would pass over what they give back to its quota, and where lines ask for
-- certain units, whose bins are locked with those of the holds, and with those that may be left to older lines that lack such units (find_claims).
set local role openstock_owner;

create or replace function openstock_core.find_stock(
  tenant uuid, op_id text, lines openstock_core.order_line[], sourcing openstock_core.sourcing, may_queue boolean,
  giving openstock_core.giving default null)
returns openstock_core.found_stock
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  certain constant boolean := openstock_core.asks_for_certain_units(lines);
  held openstock_core.level_key[] := array[]::openstock_core.level_key[];
  bins bigint[] := array[]::bigint[];
  judged_at timestamptz;
  born openstock_core.level_key[];
  locked record;
  parts openstock_core.order_line[];
  pins openstock_core.pick[];
  freed openstock_core.pick[];
  given constant openstock_core.pick[] := array(
    select row(t.reservation_line_id, t.product_id, t.warehouse_id, null, t.qty, null)::openstock_core.pick from unnest(giving.taken) as t);
  sought openstock_core.order_line[];
  short boolean;
  queued boolean := false;
  settled boolean := false;
begin
  for attempt in 1 .. 10 loop
    select c.held, c.due into locked from openstock_core.lock_candidate_levels(tenant, lines, giving.levels, not settled and not queued, held) as c;
    exit when cardinality(locked.held) = cardinality(held) and attempt > 1;
    born := locked.held[cardinality(held) + 1 :];
    held := locked.held;
    if not settled then
      judged_at := (locked.due).at;
    end if;
    if cardinality((locked.due).lot_bin_ids) > 0 and settled then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a lot that has expired"}');
    end if;

    if certain then
      -- Whoever lacks such units may be left others, so that these are free for the lines: where nobody else is at them.
      sought := lines || openstock_core.find_claims(tenant, held, judged_at, given);
    end if;
    short := true;
    if cardinality((locked.due).lot_bin_ids) = 0 and (settled or not (certain or giving.bin_ids is not null)) then
      select p.parts, p.pins, p.short into parts, pins, short
      from openstock_core.plan_stock(tenant, lines, openstock_core.find_candidates(tenant, lines, held, sourcing, giving.units, null), bins, judged_at, false, freed, given) as p;
    end if;
    if (short and may_queue or cardinality(giving.product_ids) > 0) and not queued then
      locked.due := openstock_core.lock_backlogs(tenant, giving.product_ids || array(select u.product_id from unnest(lines) as u), locked.due);
      queued := true;
    end if;
    if not settled and (short or (sourcing.channel_id is not null and cardinality(
      openstock_core.find_holds_of_quotas(tenant, lines, held, array[sourcing], judged_at)) > 0)) then
      bins := array(select distinct c.bin_id from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain);
      settled := openstock_core.make_room(
        tenant, op_id, lines, held, bins || giving.bin_ids, coalesce(giving.ended_ids, '{}'), locked.due, array[sourcing])
        or certain or giving.bin_ids is not null;
      if certain and giving.taken is not null then
        -- By what is pinned now: pins in lots that have expired are off already.
        freed := array(
          select row(null, u.product_id, u.warehouse_id, u.bin_id, -u.allocated_delta, null)::openstock_core.pick
          from unnest(openstock_core.unpin_from_lines(tenant, null, giving.taken, null)) as u);
      end if;
      if settled then
        select p.parts, p.pins, p.short into parts, pins, short
        from openstock_core.plan_stock(tenant, lines, openstock_core.find_candidates(tenant, lines, held, sourcing, giving.units, null), bins, judged_at, false, freed, given) as p;
      end if;
    elsif short and (
      exists (
        select from unnest(born) as k
        join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
        where l.next_expiry_at <= (locked.due).at)
      or exists (select from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain and c.bin_id <> all (bins)))
    then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a hold that has ended or units that are asked for"}');
    end if;
    exit when not short;
    if attempt = 10 then
      perform openstock_core.fail('40001', '{"problem": "stock levels keep coming into being"}');
    end if;
  end loop;
  return row(parts, pins, held, judged_at, short)::openstock_core.found_stock;
end
$$;

revoke all on function openstock_core.find_stock from public;
grant execute on function openstock_core.find_stock to openstock_api;
comment on function openstock_core.find_stock is
  'Locks the levels that the lines may be promised from, and the bins for lines that ask for certain units, and returns the parts that they can be promised now, together '
  'less than the lines where stock is short, with the levels and the moment by which that is judged; the backlogs are then locked if the rest may wait. '
  'Errors: 40001 where levels came into being meanwhile that are in use or have something due.';

reset role;
