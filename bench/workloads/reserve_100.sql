-- A hundred lines of one unit, a hundred different products; the text of the order is ready, as a client would have it.
\set n :n + 1
\set which random(1, :orders)
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => (select o.lines from bench.order_of_100 o where o.order_id = :which)::jsonb, tenant => :tenant);
