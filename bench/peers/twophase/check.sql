select f.fact, f.expected, f.actual
from (select coalesce(-sum(qty) filter (where pending), 0) as reserved from twophase.entry) as e,
     (select count(*) as oversold
      from (select account_id from twophase.entry group by account_id having sum(qty) < 0) as o) as s,
     lateral (values
  ('units promised to the clients = pending entries', %(promised)s::numeric, e.reserved),
  ('no account is oversold', 0, s.oversold)) as f (fact, expected, actual)
