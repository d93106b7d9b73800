\i steps.sql
\o /dev/null
execute note ('before');
select * from openstock.reserve(op_id => 'h2', order_ref => 'SO-7', lines => '[{"line": 1, "sku": "LAMP", "qty": 1}, {"line": 2, "sku": "LAMP", "qty": 2}]');
execute note ('reserve 1 and 2');
\o
select line, outcome, qty_reserved, qty_released, qty_short from openstock.amend(op_id => 'h3', order_ref => 'SO-7', lines => '[{"line": 1, "qty": 3}, {"line": 2, "qty": 1}]');
select line, outcome, qty_reserved, qty_released, qty_short from openstock.amend(op_id => 'h4', order_ref => 'SO-7', lines => '[{"line": 1, "qty": 99}, {"line": 2, "qty": 0}]');
\o /dev/null
execute note ('amend to 3 and 1; to 99 and 0 is rejected');
select * from openstock.cancel(op_id => 'h5', order_ref => 'SO-7');
\o
execute story ('LAMP');
