\o /dev/null
select * from openstock.put_products(op_id => 'q1', lines => '[{"sku": "VASE", "name": "Vase", "safety_stock": 2}]');
select * from openstock.receive(op_id => 'q2', warehouse => 'OSLO', lines => '[{"sku": "VASE", "qty": 20}]');
select * from openstock.put_channels(op_id => 'q3', lines => '[{"code": "WEB"}, {"code": "MARKET"}, {"code": "TILL", "uses_safety_stock": true}]');
select * from openstock.put_quotas(op_id => 'q4', warehouse => 'OSLO', lines => '[
  {"channel": "WEB", "sku": "VASE", "qty": 8}, {"channel": "MARKET", "sku": "VASE", "qty": 5}]');
prepare offers as
select channel, a.fenced, a.available
from unnest(array['WEB', 'MARKET', 'TILL', null]) with ordinality as c (channel, n)
cross join lateral openstock.availability(sku => 'VASE', channel => c.channel) as a
order by c.n;
\o
execute offers;
\o /dev/null
select * from openstock.reserve(op_id => 'q5', order_ref => 'WEB-1', lines => '[{"sku": "VASE", "qty": 10}]', channel => 'WEB');
select * from openstock.release(op_id => 'q6', order_ref => 'WEB-1', lines => '[{"sku": "VASE", "qty": 3}]');
\o
select event_type, reserved_delta, quota_delta from openstock.ledger where order_ref = 'WEB-1' order by entry_id;
execute offers;
\o /dev/null
select * from openstock.ship(op_id => 'q7', order_ref => 'WEB-1');
