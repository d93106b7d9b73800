select f.fact, f.expected, f.actual
from (values
  ('answered transactions = rows + increments', %(entries)s::numeric,
   (select count(*) from limits.entry) + (select qty from limits.hot))) as f (fact, expected, actual)
