-- A lot is recalled while an order has units of it pinned, and released again.
\set QUIET on
\pset footer off
create temporary table steps (
  n integer generated always as identity, step text, on_hand numeric, blocked numeric, reserved numeric, allocated numeric, available numeric);
prepare note (text) as
  insert into steps (step, on_hand, blocked, reserved, allocated, available)
  select $1, s.on_hand, s.blocked, s.reserved, (select sum(b.allocated) from openstock.bins b where b.sku = 'CHEESE'), s.available
  from openstock.stock s where s.sku = 'CHEESE';
\o /dev/null
select * from openstock.put_products(op_id => 'l1', lines => '[{"sku": "CHEESE", "name": "Cheese", "tracking": "lot"}]');
select * from openstock.put_warehouses(op_id => 'l2', lines => '[{"code": "OSLO"}]');
select * from openstock.receive(op_id => 'l3', warehouse => 'OSLO', lines => '[
  {"sku": "CHEESE", "qty": 6, "lot": "K1", "expires_on": "2999-06-30"}, {"sku": "CHEESE", "qty": 4, "lot": "K2", "expires_on": "2999-12-31"}]');
execute note ('receive 6 of K1 and 4 of K2');
select * from openstock.reserve(op_id => 'l4', order_ref => 'SO-1', lines => '[{"sku": "CHEESE", "qty": 5}]');
execute note ('reserve 5');
select * from openstock.allocate(op_id => 'l5', order_ref => 'SO-1');
execute note ('allocate: of K1, which expires first');
\o
select lot, quality, outcome, qty_blocked, qty_deallocated from openstock.put_lots(op_id => 'l6', reason => 'recall 17',
  lines => '[{"sku": "CHEESE", "lot": "K1", "quality": "hold"}]');
\o /dev/null
execute note ('put_lots: K1 is on hold');
\o
select order_ref, lot, outcome, qty from openstock.allocate(op_id => 'l7', order_ref => 'SO-1');
\o /dev/null
execute note ('allocate: of K2, and one is short');
select * from openstock.put_lots(op_id => 'l8', reason => 'tested', lines => '[{"sku": "CHEESE", "lot": "K1", "quality": "released"}]');
execute note ('put_lots: K1 is released');
select * from openstock.allocate(op_id => 'l9', order_ref => 'SO-1');
execute note ('allocate');
\o
select step, on_hand, blocked, reserved, allocated, available from steps order by n;
select event_type, lot, reason, blocked_delta, allocated_delta from openstock.ledger
where sku = 'CHEESE' and event_type in ('STATUS', 'DEALLOCATE') order by entry_id;
