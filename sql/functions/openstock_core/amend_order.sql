-- Gives back what an order's lines are to have less, and promises what they are to have more. All stock is found before anything is given back, so that
-- each kind of lock is taken in one pass; what the order frees itself counts as found.
-- Writes: what release_units and promise_or_refuse write, and what book_due writes. Locks: order, and what find_stock locks; then reservation_line and
-- backorder of the order by id, which nobody waits for: they change only under its lock, or under that of their level or backlog.
set local role openstock_owner;

create or replace function openstock_core.amend_order(
  tenant uuid, op_id text, order_ref text, lines jsonb, on_shortage text, reason text, sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id constant bigint := openstock_core.lock_known_order(tenant, order_ref);
  arrived_at constant timestamptz := openstock.server_time();
  wish record;
  until timestamptz;
  ends jsonb;
  common_channel_id bigint;
  alive openstock_core.open_line[];
  taken openstock_core.taken_line[] := array[]::openstock_core.taken_line[];
  wanted openstock_core.order_line[] := array[]::openstock_core.order_line[];
  stock openstock_core.found_stock;
  entries openstock_core.posted[];
  answer jsonb := '[]'::jsonb;
  gained jsonb;
begin
  select array_agg(row(p.reservation_line_id, p.backorder_id, p.line, p.product_id, p.warehouse_id, p.open)::openstock_core.open_line),
         case when bool_and(p.expires_at is not null) then max(p.expires_at) end,
         -- The parts of a line end together: what of it waits would else be filled into one that is a hold.
         jsonb_object_agg(p.line, p.expires_at)
  into alive, until, ends
  from openstock_core.parts_of_order(tenant, order_id) as p
  where p.open > 0 and (p.expires_at is null or p.expires_at > arrived_at);
  if alive is null then
    perform openstock_core.fail_nothing_open(tenant, order_id, order_ref);
  end if;
  select a.more, a.places, a.less into wish from openstock_core.read_amendment(tenant, order_id, order_ref, lines, arrived_at) as a;
  if wish.less is not null then
    taken := openstock_core.match_order_lines(tenant, order_ref, alive, wish.less);
  end if;
  if wish.more is not null then
    -- What is new comes through the channel of the order's lines, if they have one in common: those that grow count too if nothing of them is open,
    -- since they keep their channel, and would be promised what is kept for another.
    select case when count(distinct coalesce(p.channel_id, 0)) = 1 then min(p.channel_id) end into common_channel_id
    from openstock_core.parts_of_order(tenant, order_id) as p
    where p.open > 0 and (p.expires_at is null or p.expires_at > arrived_at)
      or p.line in (select (m ->> 'line')::integer from jsonb_array_elements(wish.more) as m);
    sourcing := openstock_core.for_channel(tenant, sourcing, (
      select c.code from openstock_core.channel c where c.tenant_id = tenant and c.channel_id = common_channel_id));
    wanted := openstock_core.number_new_lines(tenant, order_id, openstock_core.read_order_lines(tenant, wish.more, null, wish.places));
  elsif wish.less is null then
    return answer;
  end if;

  stock := openstock_core.find_stock(tenant, op_id, wanted, sourcing, on_shortage = 'backorder',
                                     openstock_core.find_giving(tenant, order_id, taken, sourcing.channel_id, arrived_at));
  -- Of lines that are to have more, too: booked as ended, they would grow from nothing.
  perform openstock_core.check_still_open(tenant, taken || array(
    select row(p.reservation_line_id, p.line, p.product_id, p.warehouse_id, 0, p.units, p.backorder_id, null)::openstock_core.taken_line
    from unnest(alive) as p where p.line in (select u.line from unnest(wanted) as u)));
  begin
    if cardinality(taken) > 0 then
      entries := array(select p from openstock_core.release_units(tenant, op_id, order_ref, taken, reason) as p);
      -- A statement of its own: within the one above, the lines would still be what they were before.
      answer := openstock_core.reservation_answer(tenant, 'released', entries);
    end if;
    if cardinality(wanted) > 0 then
      gained := openstock_core.promise_or_refuse(tenant, op_id, order_id, order_ref, wanted, stock, on_shortage, null, until, ends, sourcing);
      if gained -> 0 ->> 'outcome' = 'rejected' then
        perform openstock_core.fail('OS901', '{"problem": "what is wanted more is short"}');
      end if;
      answer := answer || gained;
    end if;
  exception when sqlstate 'OS901' then
    answer := gained;
  end;
  return answer;
end
$$;

revoke all on function openstock_core.amend_order from public;
grant execute on function openstock_core.amend_order to openstock_api;
comment on function openstock_core.amend_order is
  'Amends an order and returns the answer, an array of openstock.reservation_change. Errors: those of openstock.amend.';

reset role;
