-- Finds stock for an order's lines. Locks: stock_level by (product, warehouse), and what lock_backlogs and make_room lock. Writes: what they write.
-- While it waits for locks, another level may come into being, or its warehouse be opened: it is short only when there is none left
-- to lock. What may have to wait locks the backlogs before it settles anything. Lots that expired are booked before anything is promised. Holds that ended
-- count as gone, booked or not, as quote counts them: the warehouses are chosen first, and then those are booked that this takes. Lines that ask for
-- certain units choose last: their bins are locked together with those of the holds, and with those that may be left to older lines that lack such
-- units (find_claims); where such a line is a hold that has ended it is booked, which waits for who is extending it.
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
  born openstock_core.level_key[];
  bins bigint[] := array[]::bigint[];
  waiting bigint[] := array[]::bigint[];
  judged_at timestamptz;
  ended_at timestamptz;
  locked record;
  due openstock_core.due;
  needs openstock_core.pick[];
  parts openstock_core.order_line[];
  pins openstock_core.pick[];
  freed openstock_core.pick[];
  given constant openstock_core.pick[] := array(
    select row(t.reservation_line_id, t.product_id, t.warehouse_id, null, t.qty, null)::openstock_core.pick from unnest(giving.taken) as t);
  sought openstock_core.order_line[];
  short boolean := true;
  queued boolean := false;
  settled boolean := false;
  again boolean := true;
begin
  for attempt in 1 .. 20 loop
    select c.held, c.due into locked from openstock_core.lock_candidate_levels(tenant, lines, giving.levels, not settled and not queued, held) as c;
    exit when cardinality(locked.held) = cardinality(held) and not again;
    born := locked.held[cardinality(held) + 1 :];
    held := locked.held;
    due := locked.due;
    due.backorder_ids := waiting;
    again := false;
    if not settled then
      judged_at := due.at;
    elsif cardinality(due.lot_bin_ids) > 0 and due.levels && born then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a lot that has expired"}');
    else
      -- Lots that have expired since are judged by the moment before.
      due.lot_bin_ids := '{}';
    end if;
    if certain then
      -- Whoever lacks such units may be left others, so that these are free for the lines: where nobody else is at them.
      sought := lines || openstock_core.find_claims(tenant, held, judged_at, given);
    end if;
    ended_at := case when due.next_expiry_at <= judged_at or cardinality(due.levels) > 0 then judged_at end;

    if settled or not certain then
      select p.parts, p.pins, p.short into parts, pins, short
      from openstock_core.plan_stock(
        tenant, lines, openstock_core.find_candidates(tenant, lines, held, sourcing, giving.units, ended_at, true), bins, judged_at, false, freed, given) as p;
    end if;
    exit when not short and ended_at is null and (settled or giving.bin_ids is null);
    if (short and may_queue or cardinality(giving.product_ids) > 0) and not queued then
      due := openstock_core.lock_backlogs(tenant, giving.product_ids || array(select u.product_id from unnest(lines) as u), due);
      waiting := due.backorder_ids;
      queued := true;
    end if;
    needs := openstock_core.needed_units(lines, held, parts);
    if settled then
      if cardinality((openstock_core.missing_units(tenant, needs, giving.units, array[sourcing], due)).units) > 0
        or (short and exists (select from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain and c.bin_id <> all (bins)))
      then
        perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a hold that has ended or units that are asked for"}');
      end if;
    else
      bins := array(select distinct c.bin_id from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain);
      begin
        settled := openstock_core.make_room(tenant, op_id, needs, giving.units, bins || giving.bin_ids, coalesce(giving.ended_ids, '{}')
            || case when certain then array(select l.reservation_line_id from openstock_core.lacking_lines(tenant, held, judged_at, null) as l) end, due, array[sourcing])
          or certain or giving.bin_ids is not null;
        due.lot_bin_ids := '{}';
        if not certain and cardinality((openstock_core.missing_units(tenant, needs, giving.units, array[sourcing], due)).units) > 0 then
          perform openstock_core.fail('OS901', '{"problem": "a hold was extended that was counted as ended"}');
        end if;
        again := certain;
      exception when sqlstate 'OS901' then
        settled := false;
        again := true;
      end;
      if certain and giving.taken is not null and settled then
        -- By what is pinned now: pins in lots that have expired are off already.
        freed := array(
          select row(null, u.product_id, u.warehouse_id, u.bin_id, -u.allocated_delta, null)::openstock_core.pick
          from unnest(openstock_core.unpin_from_lines(tenant, null, giving.taken, null)) as u);
      end if;
    end if;
    exit when not short and not again;
    if attempt = 20 then
      perform openstock_core.fail('40001', jsonb_build_object('problem', case when again then 'holds kept being extended or pinned' else 'stock levels keep coming into being' end));
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
  'Errors: 40001 where levels came into being meanwhile that are in use or have something due, or where holds kept being extended or pinned.';

reset role;
