-- What must hold in a copy that lacks a part: each promise changed a balance and an order line, and nothing is oversold.
select f.fact, f.expected, f.actual
from bench.before,
     (select sum(reserved) as reserved, count(*) filter (where on_hand - blocked < reserved) as oversold
      from openstock_core.stock_level) as s,
     (select coalesce(sum(reserved), 0) as reserved from openstock_core.reservation_line) as r,
     lateral (values
  ('units promised to the clients = the balances'' reserved', before.reserved + %(reserved)s::numeric, s.reserved),
  ('... = the order lines'' reserved', before.reserved + %(reserved)s, r.reserved),
  ('no level is oversold', 0, s.oversold)) as f (fact, expected, actual)
