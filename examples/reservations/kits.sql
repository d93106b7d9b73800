\set skus 'TEA CUP'
\i steps.sql
\o /dev/null
select * from openstock.put_products(op_id => 'k1', lines => '[{"sku": "TEA", "name": "Tea"}, {"sku": "CUP", "name": "Cup"}, {"sku": "TEA-SET", "name": "Tea set"}]');
select * from openstock.receive(op_id => 'k2', warehouse => 'OSLO', lines => '[{"sku": "TEA", "qty": 6}, {"sku": "CUP", "qty": 9}]');
execute note ('receive 6 tea and 9 cups');
\o
\echo
\echo -- A set is one tea and two cups:
select line, code, outcome from openstock.put_kits(op_id => 'k3', lines => '[{"sku": "TEA-SET", "components": [{"sku": "TEA", "qty": 1}, {"sku": "CUP", "qty": 2}]}]');
select sku, warehouse, on_hand, available from openstock.availability('TEA-SET');
select line, sku, kit, outcome, qty_reserved, qty_short from openstock.reserve(op_id => 'k4', order_ref => 'SO-10', on_shortage => 'partial', lines => '[
  {"sku": "CUP", "qty": 2}, {"sku": "TEA-SET", "qty": 4}]');
\o /dev/null
execute note ('reserve 2 cups and 4 sets: there are 3');
\o
\echo -- One set less:
select line, sku, kit, outcome, qty_reserved, qty_released from openstock.release(op_id => 'k5', order_ref => 'SO-10', lines => '[{"line": 2, "qty": 1}]');
\o /dev/null
execute note ('release 1 set');
select * from openstock.allocate(op_id => 'k6', order_ref => 'SO-10');
execute note ('allocate');
select * from openstock.ship(op_id => 'k7', order_ref => 'SO-10', lines => '[{"sku": "TEA-SET", "qty": 1}]');
execute note ('ship 1 set');
select * from openstock.release(op_id => 'k8', order_ref => 'SO-10', lines => '[{"line": 2, "sku": "CUP", "qty": 1}]');
execute note ('release 1 cup of the other set');
select * from openstock.cancel(op_id => 'k9', order_ref => 'SO-10');
execute note ('cancel');
\o
\echo -- The cups:
execute story ('CUP');
\echo -- The tea:
execute story ('TEA');
