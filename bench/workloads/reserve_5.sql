-- Five lines of one unit, five different products.
\set n :n + 1
\set sku random(1, :skus)
\set b 1 + (:sku + :skus / 5) % :skus
\set c 1 + (:sku + 2 * :skus / 5) % :skus
\set d 1 + (:sku + 3 * :skus / 5) % :skus
\set e 1 + (:sku + 4 * :skus / 5) % :skus
select * from openstock.reserve(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => concat('[{"sku":"S', :sku::text, '","qty":1},{"sku":"S', :b::text, '","qty":1},{"sku":"S', :c::text,
                  '","qty":1},{"sku":"S', :d::text, '","qty":1},{"sku":"S', :e::text, '","qty":1}]')::jsonb,
  tenant => :tenant);
