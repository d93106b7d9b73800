select f.fact, f.expected, f.actual
from (select sum(reserved) as reserved, count(*) filter (where quantity < reserved) as oversold from usual.stock) as s,
     (select coalesce(sum(quantity), 0) as reserved from usual.reservation) as r,
     lateral (values
  ('units promised to the clients = reservations', %(promised)s::numeric, r.reserved),
  ('... = the balances'' reserved', %(promised)s, s.reserved),
  ('no stock is oversold', 0, s.oversold)) as f (fact, expected, actual)
