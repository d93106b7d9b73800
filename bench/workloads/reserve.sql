-- One line of one unit; the bench puts in how the product is chosen.
\set n :n + 1
\set sku {sku}
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => concat('[{"sku":"S', :sku::text, '","qty":1}]')::jsonb, tenant => :tenant);
