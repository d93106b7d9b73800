-- Promises stock to an order. Writes: operation, event, reservation, reservation_line, backorder, backlog, ledger (RESERVE, BACKORDER,
-- ALLOCATE), stock_level, stock_bin, allocation, for a sales channel channel_quota, and, where something is due, what book_due writes.
-- Locks: operation, order, stock_level by (product, warehouse); where stock is short and may wait, backlog by product_id; where something
-- is due, or lines ask for certain units, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.reserve(
  op_id text, order_ref text, lines jsonb,
  warehouse text default null, on_shortage text default 'reject', ttl interval default null, priority integer default null,
  promised_at timestamptz default null, metadata jsonb default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object(
    'order_ref', order_ref, 'lines', lines, 'warehouse', warehouse, 'on_shortage', on_shortage, 'ttl', extract(epoch from ttl),
    'priority', priority, 'promised_at', promised_at at time zone 'UTC', 'metadata', metadata::text,
    'strategy', strategy, 'destination', destination, 'channel', channel);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'reserve', arguments);
  order_id bigint;
  wanted openstock_core.order_line[];
  sourcing openstock_core.sourcing;
  stock openstock_core.found_stock;
  seconds double precision;
  promised openstock.reservation_change[];
  change openstock.reservation_change;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    if on_shortage is distinct from 'reject' then
      perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'backorder', 'error']);
    end if;
    if ttl is not null then
      seconds := openstock_core.check_ttl(ttl);
    end if;
    if strategy = 'priority' and num_nonnulls(destination, channel, priority, promised_at, metadata) = 0 then
      promised := coalesce(openstock_core.reserve_line_directly(acting, op_id, order_ref, lines, warehouse, seconds),
                           openstock_core.reserve_lines_directly(acting, op_id, order_ref, lines, warehouse, seconds));
      if promised is not null then
        perform openstock_core.finish_operation(acting, op_id, to_jsonb(promised));
        foreach change in array promised loop
          return next change;
        end loop;
        return;
      end if;
    end if;
    sourcing := openstock_core.read_sourcing(strategy, destination);
    perform openstock_core.check_completeness(strategy, on_shortage);
    if channel is not null then
      sourcing := openstock_core.for_channel(acting, sourcing, channel);
    end if;
    if promised_at is not null or metadata is not null then
      perform openstock_core.check_order_details(promised_at, metadata);
    end if;
    perform openstock_core.check_lines(lines, openstock_core.order_line_keys(), 1000, 'line');
    wanted := openstock_core.read_order_lines(acting, lines, openstock_core.check_text('warehouse', 'code', warehouse));
    order_id := openstock_core.lock_order(acting, order_ref, true);
    wanted := openstock_core.number_lines(acting, order_id, order_ref, wanted);

    stock := openstock_core.find_stock(acting, op_id, wanted, sourcing, on_shortage = 'backorder');
    answer := openstock_core.promise_or_refuse(acting, op_id, order_id, order_ref, wanted, stock, on_shortage, seconds, null, null, sourcing);
    if num_nonnulls(priority, promised_at, metadata) > 0 and answer -> 0 ->> 'outcome' in ('reserved', 'backordered') then
      perform openstock_core.set_order_details(acting, order_id, priority, promised_at, metadata);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.reserve from public;
grant execute on function openstock.reserve to openstock_app;
comment on function openstock.reserve is
  'Promises stock to an order. lines: sku, qty (positive), and optionally line (its number in the order), warehouse, and '
  'what its units have to be: location (with a warehouse), lot, min_days_left (days before the last day of the lot; the same day is 0), serials (the very pieces; qty may then be left out). Such units are pinned to bins in '
  'the same step, and do not wait for stock; a kit is promised as its components (see put_kits), whole kits only, and does not wait either; '
  'without a warehouse, active warehouses are asked by strategy, and one line may be split over several. On an open order it adds lines. '
  'strategy: priority (the warehouses'' own), most_stock, nearest (to the destination), least_cost (of shipping to the destination''s zone, once per warehouse '
  'that sends), fewest_splits (as few warehouses as can be found) or ship_complete (one warehouse sends all, or nothing is promised; only with reject or error). '
  'destination: an object with latitude and longitude (degrees), and zone. '
  'channel: the sales channel that the order came through; what is kept for it (put_quotas) is used first, and the safety stock last if it may use it. '
  'ttl: the promise is a hold that ends after this time unless it is confirmed or extended (a day is 24 hours; no months or years; at most ten years). '
  'on_shortage: reject (outcome rejected, nothing is promised), error (OS201), partial (what there is; the rest of a line is a row with outcome short) or '
  'backorder (the rest waits, a row with outcome backordered, if the policy of each product lets it; otherwise as reject). Rows of what is short '
  'say what each warehouse could promise (offers). priority (higher is served first), promised_at and metadata belong to the order: what is given '
  'replaces what was, metadata key by key. Returns one row per line and warehouse. '
  'Errors: 22023, OS010, OS101 to OS105, OS107, OS108, OS110 to OS112, OS116, OS117, OS201, OS302, OS304; 40001 also at '
  'READ COMMITTED, where a stock level came into being meanwhile that is in use or has something due.';

reset role;
