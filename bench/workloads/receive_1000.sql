-- Goods in: a thousand lines of one unit, a thousand different products.
\set which random(1, :receipts)
select * from openstock.receive(
  op_id => gen_random_uuid()::text, warehouse => 'MAIN',
  lines => (select r.lines from bench.receipt_of_1000 r where r.receipt_id = :which)::jsonb, tenant => :tenant);
