-- One line of one unit of a product that two warehouses have in equal quantity.
\set n :n + 1
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => '[{"sku":"TWO","qty":1}]', tenant => :tenant);
