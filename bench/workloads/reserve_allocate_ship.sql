-- The life of an order in three calls.
\set n :n + 1
\set sku random(1, :skus)
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => concat('[{"sku":"S', :sku::text, '","qty":1}]')::jsonb, tenant => :tenant);
select * from openstock.allocate(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text), tenant => :tenant);
select * from openstock.ship(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text), tenant => :tenant);
