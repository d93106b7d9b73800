select f.fact, f.expected, f.actual
from (select (select count(*) from bare.ledger) - before.entries as entries from bench.before) as l,
     (select (select count(*) from bare.operation) - before.operations as operations from bench.before) as o,
     (select (select sum(reserved) from bare.stock_level) - (select sum(reserved) from openstock_core.stock_level) as reserved) as s,
     lateral (values
  ('units promised to the clients = entries', %(promised)s::numeric, l.entries),
  ('... = operations', %(promised)s, o.operations),
  ('... = the balances'' reserved', %(promised)s, s.reserved)) as f (fact, expected, actual)
