\set skus CREAM
\i steps.sql
\o /dev/null
select * from openstock.put_products(op_id => 'g1', lines => '[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}]');
select * from openstock.receive(op_id => 'g2', warehouse => 'OSLO', lines => '[
  {"sku": "CREAM", "qty": 4, "location": "A-1", "lot": "C1", "expires_on": "2099-01-31"},
  {"sku": "CREAM", "qty": 6, "location": "A-2", "lot": "C2", "expires_on": "2099-12-31"}]');
execute note ('receive 4 in A-1, and 6 of lot C2 in A-2');
\o
\echo
\echo -- 3 of lot C2, and 4 from bin A-1:
select line, outcome, qty_reserved, available
from openstock.reserve(op_id => 'g3', order_ref => 'SO-8', warehouse => 'OSLO', lines => '[
  {"sku": "CREAM", "qty": 3, "lot": "C2"}, {"sku": "CREAM", "qty": 4, "location": "A-1"}]');
select location, lot, on_hand, allocated from openstock.bins where sku = 'CREAM' order by location;
\o /dev/null
execute note ('reserve 3 of lot C2, and 4 from A-1');
\o
\echo -- One more from A-1, where all are pinned:
select outcome, qty_short, offers
from openstock.reserve(op_id => 'g4', order_ref => 'SO-9', lines => '[{"sku": "CREAM", "qty": 1, "location": "A-1", "warehouse": "OSLO"}]');
\o /dev/null
execute note ('reserve 1 more from A-1: it is rejected');
select * from openstock.reserve(op_id => 'g5', order_ref => 'SO-9', lines => '[{"sku": "CREAM", "qty": 2}]');
execute note ('reserve 2 of any, for SO-9');
select * from openstock.deallocate(op_id => 'g6', order_ref => 'SO-8');
execute note ('deallocate SO-8: its units stay pinned');
select * from openstock.ship(op_id => 'g7', order_ref => 'SO-8', lines => '[{"line": 1}]');
execute note ('ship what is of lot C2');
select * from openstock.release(op_id => 'g8', order_ref => 'SO-8');
execute note ('release what is from A-1');
select * from openstock.cancel(op_id => 'g9', order_ref => 'SO-9');
execute note ('cancel SO-9');
\o
execute story ('CREAM');
