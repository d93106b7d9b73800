-- What a load must have left behind, as (fact, expected, actual): the bench refuses a figure where they differ.
-- It is given what the transactions that were answered must add up to, in units, entries and calls.
with l as (
  select count(*) as entries, coalesce(sum(qty_delta), 0) as on_hand, coalesce(sum(reserved_delta), 0) as reserved,
         coalesce(sum(reserved_delta) filter (where event_type = 'RESERVE'), 0) as promised,
         coalesce(-sum(qty_delta) filter (where event_type = 'SHIP'), 0) as shipped
  from openstock_core.ledger
), s as (
  select sum(on_hand) as on_hand, sum(reserved) as reserved, count(*) filter (where on_hand - blocked < reserved) as oversold
  from openstock_core.stock_level
), b as (
  select coalesce(sum(on_hand), 0) as on_hand from openstock_core.stock_bin
), r as (
  select coalesce(sum(reserved), 0) as reserved, coalesce(sum(shipped), 0) as shipped from openstock_core.reservation_line
), o as (
  select (select count(*) from openstock_core.operation) as operations, (select count(*) from openstock_core.event) as events
)
select f.fact, f.expected, f.actual
from bench.before, l, s, b, r, o, lateral (values
  ('units promised to the clients = RESERVE entries', before.promised + %(promised)s::numeric, l.promised),
  ('units promised to the clients, not given back nor shipped = the ledger''s', before.reserved + %(reserved)s, l.reserved),
  ('... = the balances'' reserved', before.reserved + %(reserved)s, s.reserved),
  ('... = the order lines'' reserved', before.reserved + %(reserved)s, r.reserved),
  ('units shipped to the clients = SHIP entries', before.shipped + %(shipped)s, l.shipped),
  ('... = the order lines'' shipped', before.lines_shipped + %(shipped)s, r.shipped),
  ('units that were there, and came, and did not go = the ledger''s', before.on_hand + %(received)s - %(shipped)s, l.on_hand),
  ('... = the balances''', before.on_hand + %(received)s - %(shipped)s, s.on_hand),
  ('... = the bins''', before.on_hand + %(received)s - %(shipped)s, b.on_hand),
  ('entries that the calls must have written = entries', before.entries + %(entries)s, l.entries),
  ('calls that were answered = operations', before.operations + %(calls)s, o.operations),
  ('... = events', before.events + %(calls)s, o.events),
  ('no level is oversold', 0, s.oversold)) as f (fact, expected, actual)
