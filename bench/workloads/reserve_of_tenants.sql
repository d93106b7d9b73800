-- One line of one unit, for a tenant that is chosen anew each time.
\set n :n + 1
\set sku random(1, :skus)
\set who random(1, :tenants)
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => concat('[{"sku":"S', :sku::text, '","qty":1}]')::jsonb,
  tenant => concat('0197b000-0000-7000-8000-', lpad(:who::text, 12, '0'))::uuid);
