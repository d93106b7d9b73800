\i steps.sql
\o /dev/null
select * from openstock.receive(op_id => 'd1', warehouse => 'OSLO', lines => '[{"sku": "LAMP", "qty": 5, "location": "A-2"}]');
execute note ('receive 5');
\o
select order_ref, location, outcome, qty from openstock.allocate_next(op_id => 'd2', warehouse => 'OSLO', max_orders => 1);
\o /dev/null
execute note ('allocate_next: SO-2 is pinned');
\o
select order_ref, location, outcome, qty from openstock.short_pick(op_id => 'd3', order_ref => 'SO-2', lines => '[{"line": 1, "location": "A-2", "qty": 1}]');
\o /dev/null
execute note ('short_pick: 1 is not in its bin');
select * from openstock.ship(op_id => 'd4', order_ref => 'SO-2');
execute note ('ship');
\o
execute story ('LAMP');
select location, status, on_hand, blocked from openstock.bins where sku = 'LAMP' order by location, status;
