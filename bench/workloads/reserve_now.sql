-- One line of one unit in hot-SKU mode: the lock is free before the flush, the answer comes after it.
\set n :n + 1
\set sku {sku}
call openstock.reserve_now(
  op_id => gen_random_uuid()::text, order_ref => concat(:run::text, '-', :client_id::text, '-', :n::text),
  lines => concat('[{"sku":"S', :sku::text, '","qty":1}]')::jsonb, tenant => :tenant);
