\i steps.sql
\o /dev/null
execute note ('before');
select * from openstock.reserve(op_id => 'c1', order_ref => 'SO-2', lines => '[{"sku": "LAMP", "qty": 9}]', on_shortage => 'backorder');
execute note ('reserve 9: 4 promised, 5 wait');
select * from openstock.reserve(op_id => 'c2', order_ref => 'SO-3', lines => '[{"sku": "LAMP", "qty": 2}]', on_shortage => 'backorder', priority => 10);
execute note ('reserve 2 of priority 10: they wait');
\o
select place, order_ref, qty, priority from openstock.backorders;
\o /dev/null
select * from openstock.receive(op_id => 'c3', warehouse => 'OSLO', lines => '[{"sku": "LAMP", "qty": 4, "location": "A-1"}]');
execute note ('receive 4: they go to the queue');
\o
select place, order_ref, qty, priority from openstock.backorders;
\o /dev/null
select * from openstock.cancel(op_id => 'c4', order_ref => 'SO-3');
execute note ('cancel SO-3');
select * from openstock.fill_backorders(op_id => 'c5');
execute note ('fill_backorders: SO-2 gets them');
\o
execute story ('LAMP');
select order_ref, status, ordered, reserved, backordered, released from openstock.orders where order_ref in ('SO-2', 'SO-3') order by order_ref;
