\i steps.sql
\o /dev/null
select * from openstock.put_products(op_id => 'a1', lines => '[{"sku": "LAMP", "name": "Lamp", "backorder": "unlimited"}]');
select * from openstock.put_warehouses(op_id => 'a2', lines => '[{"code": "OSLO"}]');
select * from openstock.put_locations(op_id => 'a3', warehouse => 'OSLO', lines => '[{"code": "A-1"}, {"code": "A-2"}]');
select * from openstock.receive(op_id => 'a4', warehouse => 'OSLO', lines => '[
  {"sku": "LAMP", "qty": 6, "location": "A-1"}, {"sku": "LAMP", "qty": 4, "location": "A-2"}]');
execute note ('receive 10');
select * from openstock.reserve(op_id => 'a5', order_ref => 'CART-1', lines => '[{"sku": "LAMP", "qty": 7}]', ttl => '15 minutes');
execute note ('reserve 7, for 15 minutes');
select * from openstock.extend(op_id => 'a6', order_ref => 'CART-1', ttl => '30 minutes');
execute note ('extend');
select * from openstock.confirm(op_id => 'a7', order_ref => 'CART-1', new_order_ref => 'SO-1');
execute note ('confirm: CART-1 becomes SO-1');
select * from openstock.allocate(op_id => 'a8', order_ref => 'SO-1');
execute note ('allocate');
select * from openstock.ship(op_id => 'a9', order_ref => 'SO-1', lines => '[{"line": 1, "qty": 3}]');
execute note ('ship 3');
select * from openstock.release(op_id => 'a10', order_ref => 'SO-1', lines => '[{"line": 1, "qty": 1}]');
execute note ('release 1');
select * from openstock.deallocate(op_id => 'a11', order_ref => 'SO-1');
execute note ('deallocate');
select * from openstock.ship(op_id => 'a12', order_ref => 'SO-1');
execute note ('ship the rest');
\o
execute story ('LAMP');
select order_ref, status, ordered, shipped, released, became from openstock.orders order by order_ref;
