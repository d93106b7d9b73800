-- Notes what can be seen of VASE after each step, and what each channel is offered of it.
\set QUIET on
\pset footer off
create temporary table steps (
  n integer generated always as identity, step text, on_hand numeric, reserved numeric, allocated numeric, fenced numeric, available numeric,
  web numeric, market numeric, till numeric);
prepare note (text) as
  insert into steps (step, on_hand, reserved, allocated, fenced, available, web, market, till)
  select $1, s.on_hand, s.reserved, (select coalesce(sum(b.allocated), 0) from openstock.bins b where b.sku = 'VASE'), s.fenced, s.available,
         (select a.available from openstock.availability(sku => 'VASE', channel => 'WEB') as a),
         (select a.available from openstock.availability(sku => 'VASE', channel => 'MARKET') as a),
         (select a.available from openstock.availability(sku => 'VASE', channel => 'TILL') as a)
  from openstock.stock s where s.sku = 'VASE';
\o /dev/null
select * from openstock.put_products(op_id => 'q1', lines => '[{"sku": "VASE", "name": "Vase", "safety_stock": 2}]');
select * from openstock.put_channels(op_id => 'q2', lines => '[{"code": "WEB"}, {"code": "MARKET"}, {"code": "TILL", "uses_safety_stock": true}]');
select * from openstock.receive(op_id => 'q3', warehouse => 'OSLO', lines => '[{"sku": "VASE", "qty": 20}]');
execute note ('receive 20, 2 of them safety stock');
select * from openstock.put_quotas(op_id => 'q4', warehouse => 'OSLO', lines => '[
  {"channel": "WEB", "sku": "VASE", "qty": 8}, {"channel": "MARKET", "sku": "VASE", "qty": 5}]');
execute note ('put_quotas: 8 for WEB, 5 for MARKET');
select * from openstock.reserve(op_id => 'q5', order_ref => 'WEB-1', lines => '[{"sku": "VASE", "qty": 10}]', channel => 'WEB');
execute note ('reserve 10 through WEB');
select * from openstock.release(op_id => 'q6', order_ref => 'WEB-1', lines => '[{"sku": "VASE", "qty": 3}]');
execute note ('release 3: WEB keeps them again');
select * from openstock.allocate(op_id => 'q7', order_ref => 'WEB-1');
execute note ('allocate');
select * from openstock.ship(op_id => 'q8', order_ref => 'WEB-1');
execute note ('ship');
select * from openstock.reserve(op_id => 'q9', order_ref => 'TILL-1', lines => '[{"sku": "VASE", "qty": 5}]', channel => 'TILL');
execute note ('reserve 5 through TILL: the safety stock too');
select * from openstock.receive(op_id => 'q10', warehouse => 'OSLO', lines => '[{"sku": "VASE", "qty": 2}]');
execute note ('receive 2');
select * from openstock.cancel(op_id => 'q11', order_ref => 'TILL-1');
execute note ('cancel what TILL reserved');
\o
select step, on_hand, reserved, allocated, fenced, available, web, market, till from steps order by n;
select event_type, reserved_delta, quota_delta from openstock.ledger where order_ref = 'WEB-1' and reserved_delta <> 0 order by entry_id;
