select f.fact, f.expected, f.actual
from (select coalesce(sum(quantity), 0) as reserved from reservation_item) as r,
     (select sum(reserved_quantity) as reserved, count(*) filter (where stocked_quantity < reserved_quantity) as oversold
      from inventory_level) as s,
     lateral (values
  ('units promised to the clients = reservations', %(promised)s::numeric, r.reserved),
  ('... = the balances'' reserved', %(promised)s, s.reserved),
  ('no level is oversold', 0, s.oversold)) as f (fact, expected, actual)
