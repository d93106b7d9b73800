-- A product, a warehouse with two bins, and a lot that expires.
select code, outcome from openstock.put_products(op_id => 'session-1', lines => '[
  {"sku": "TEA",  "name": "Green tea, 100 g"},
  {"sku": "MILK", "name": "Fresh milk", "unit": "LTR", "tracking": "lot"}]');
select code, outcome from openstock.put_warehouses(op_id => 'session-2', lines => '[{"code": "OSLO", "name": "Oslo"}]');
select code, outcome from openstock.put_locations(op_id => 'session-3', warehouse => 'OSLO',
  lines => '[{"code": "A-01"}, {"code": "A-02"}]');

-- Goods in.
select sku, location, lot, qty, on_hand, available from openstock.receive(op_id => 'session-4', warehouse => 'OSLO', lines => '[
  {"sku": "TEA",  "qty": 10, "location": "A-01"},
  {"sku": "TEA",  "qty": 5,  "location": "A-02"},
  {"sku": "MILK", "qty": 24, "location": "A-02", "lot": "B7", "expires_on": "2999-12-31"}]');

-- Promise 12 of the 15 to an order.
select sku, outcome, qty_reserved, on_hand, reserved, available
from openstock.reserve(op_id => 'session-5', order_ref => 'ORDER-1', lines => '[{"sku": "TEA", "qty": 12}, {"sku": "MILK", "qty": 2}]');

-- Nobody can promise 4 more: a shortage is an answer, and nothing is reserved ...
select sku, outcome, qty_ordered, qty_short, available
from openstock.reserve(op_id => 'session-6', order_ref => 'ORDER-2', lines => '[{"sku": "TEA", "qty": 4}, {"sku": "MILK", "qty": 1}]');

-- ... or an error, for those who ask for one.
select * from openstock.reserve(op_id => 'session-7', order_ref => 'ORDER-2', lines => '[{"sku": "TEA", "qty": 4}]', on_shortage => 'error');

-- The same op_id again is the same operation: one effect, the same answer.
select sku, outcome, qty_reserved, available, replayed
from openstock.reserve(op_id => 'session-5', order_ref => 'ORDER-1', lines => '[{"sku": "TEA", "qty": 12}, {"sku": "MILK", "qty": 2}]');

-- Pin the promise to bins, and ship it.
select line, sku, location, lot, qty from openstock.allocate(op_id => 'session-8', order_ref => 'ORDER-1');
select line, sku, location, lot, qty, on_hand, reserved from openstock.ship(op_id => 'session-9', order_ref => 'ORDER-1');

-- What is left, and how it came about.
select sku, warehouse, on_hand, blocked, reserved, available from openstock.stock where warehouse = 'OSLO' order by sku;
select event_type, location, qty_delta, reserved_delta, allocated_delta, on_hand_after, reserved_after
from openstock.ledger where warehouse = 'OSLO' and sku = 'TEA' order by entry_id;

-- The proof: ledger, levels, bins, reservations and allocations agree. No row is good news.
select fact, key, expected, actual from openstock_admin.verify(current_setting('app.tenant_id')::uuid);
