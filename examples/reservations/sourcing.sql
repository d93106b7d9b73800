\o /dev/null
select * from openstock.put_products(op_id => 'f1', lines => '[{"sku": "DESK", "name": "Desk"}, {"sku": "SEAT", "name": "Seat"}]');
select * from openstock.put_warehouses(op_id => 'f2', lines => '[
  {"code": "BERGEN", "latitude": 60.39, "longitude": 5.32, "shipping_cost": 15},
  {"code": "MALMO", "latitude": 55.60, "longitude": 13.00, "shipping_cost": 10, "shipping_cost_by_zone": {"NO": 25}}]');
select * from openstock.receive(op_id => 'f3', warehouse => 'BERGEN', lines => '[{"sku": "DESK", "qty": 4}, {"sku": "SEAT", "qty": 2}]');
select * from openstock.receive(op_id => 'f4', warehouse => 'MALMO', lines => '[{"sku": "DESK", "qty": 9}, {"sku": "SEAT", "qty": 9}]');
\o
select sku, warehouse, outcome, reason, qty, available, round(distance_km) as km, shipping_cost as cost
from openstock.quote(lines => '[{"sku": "DESK", "qty": 3}, {"sku": "SEAT", "qty": 3}]', strategy => 'nearest',
                     destination => '{"latitude": 59.91, "longitude": 10.75, "zone": "NO"}');
select sku, warehouse, qty
from openstock.quote(lines => '[{"sku": "DESK", "qty": 3}, {"sku": "SEAT", "qty": 3}]', strategy => 'fewest_splits')
where outcome = 'chosen';
