\i steps.sql
\o /dev/null
execute note ('before');
select * from openstock.reserve(op_id => 'b1', order_ref => 'CART-2', lines => '[{"sku": "LAMP", "qty": 4}]', ttl => '1 hour');
execute note ('reserve 4, for an hour');
select * from openstock.allocate(op_id => 'b2', order_ref => 'CART-2');
execute note ('allocate');
select * from openstock.cancel(op_id => 'b3', order_ref => 'CART-2');
execute note ('cancel');
select * from openstock.reserve(op_id => 'b4', order_ref => 'CART-3', lines => '[{"sku": "LAMP", "qty": 4}]', ttl => '1 microsecond');
execute note ('reserve 4, for a microsecond');
select * from openstock.reserve(op_id => 'b5', order_ref => 'CART-4', lines => '[{"sku": "LAMP", "qty": 3}]', ttl => '1 hour');
execute note ('reserve 3 for another cart');
select * from openstock.expire_reservations(op_id => 'b6');
execute note ('expire_reservations: nothing is left to book');
select * from openstock.cancel(op_id => 'b7', order_ref => 'CART-4');
execute note ('cancel');
\o
execute story ('LAMP');
select order_ref, status, ordered, reserved, released, expired from openstock.orders where order_ref like 'CART-_' and became is null order by order_ref;
select event_type, order_ref, op_id, reserved_delta, reserved_after, reason
from openstock.ledger where op_id in ('b4', 'b5') order by entry_id;
