\o /dev/null
select * from openstock.put_products(op_id => 'g1', lines => '[{"sku": "CREAM", "name": "Cream", "tracking": "lot"}]');
select * from openstock.receive(op_id => 'g2', warehouse => 'OSLO', lines => '[
  {"sku": "CREAM", "qty": 4, "location": "A-1", "lot": "C1", "expires_on": "2099-01-31"},
  {"sku": "CREAM", "qty": 6, "location": "A-2", "lot": "C2", "expires_on": "2099-12-31"}]');
\o
\echo
\echo -- 3 of lot C2, and 4 from bin A-1:
select line, outcome, qty_reserved, available
from openstock.reserve(op_id => 'g3', order_ref => 'SO-8', warehouse => 'OSLO', lines => '[
  {"sku": "CREAM", "qty": 3, "lot": "C2"}, {"sku": "CREAM", "qty": 4, "location": "A-1"}]');
select location, lot, on_hand, allocated from openstock.bins where sku = 'CREAM' order by location;
\echo -- One more from A-1, where all are pinned:
select outcome, qty_short, offers
from openstock.reserve(op_id => 'g4', order_ref => 'SO-9', lines => '[{"sku": "CREAM", "qty": 1, "location": "A-1", "warehouse": "OSLO"}]');
