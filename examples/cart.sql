-- A shop with a warehouse and five concert tickets in two bins.
select code, outcome from openstock.put_products(op_id => 'cart-1', lines => '[{"sku": "TICKET", "name": "Concert, row A"}]');
select code, outcome from openstock.put_warehouses(op_id => 'cart-2', lines => '[{"code": "BOX", "name": "Box office"}]');
select code, outcome from openstock.put_locations(op_id => 'cart-3', warehouse => 'BOX', lines => '[{"code": "D-1"}, {"code": "D-2"}]');
select sku, location, qty, available from openstock.receive(op_id => 'cart-4', warehouse => 'BOX', lines => '[
  {"sku": "TICKET", "qty": 3, "location": "D-1"},
  {"sku": "TICKET", "qty": 2, "location": "D-2"}]');

-- A shopper puts four into a cart: promised to nobody else for fifteen minutes.
select order_ref, line, outcome, qty_reserved, available, round(extract(epoch from expires_at - openstock.server_time()) / 60) as minutes
from openstock.reserve(op_id => 'cart-5', order_ref => 'CART-7', lines => '[{"sku": "TICKET", "qty": 4}]', ttl => '15 minutes');

-- Another wants two, and there is one left.
select order_ref, outcome, qty_short, available
from openstock.reserve(op_id => 'cart-6', order_ref => 'CART-8', lines => '[{"sku": "TICKET", "qty": 2}]', ttl => '15 minutes');

-- The shopper still types an address: half an hour from now.
select order_ref, line, outcome, qty_reserved, round(extract(epoch from expires_at - openstock.server_time()) / 60) as minutes
from openstock.extend(op_id => 'cart-7', order_ref => 'CART-7', ttl => '30 minutes');

-- Paid: the cart becomes an order, whose promise has no end. Nothing was given back meanwhile.
select order_ref, line, outcome, qty_reserved, expires_at
from openstock.confirm(op_id => 'cart-8', order_ref => 'CART-7', new_order_ref => 'ORDER-7');

-- The cart is no more.
select * from openstock.extend(op_id => 'cart-9', order_ref => 'CART-7', ttl => '30 minutes');

-- A hold that nobody confirms ends by itself. From that moment on its units are free, and it cannot be confirmed any more.
select order_ref, outcome, available
from openstock.reserve(op_id => 'cart-10', order_ref => 'CART-9', lines => '[{"sku": "TICKET", "qty": 1}]', ttl => '1 microsecond');
select sku, on_hand, reserved, available from openstock.stock;
select * from openstock.confirm(op_id => 'cart-11', order_ref => 'CART-9', new_order_ref => 'ORDER-9');

-- Whoever comes next gets its units, whether or not anybody swept: here reserve itself books what ended.
select order_ref, outcome, available
from openstock.reserve(op_id => 'cart-12', order_ref => 'ORDER-10', lines => '[{"sku": "TICKET", "qty": 1}]');

-- The order is picked and shipped, the other one cancelled.
select line, location, qty from openstock.allocate(op_id => 'cart-13', order_ref => 'ORDER-7');
select line, location, qty, on_hand, reserved, available from openstock.ship(op_id => 'cart-14', order_ref => 'ORDER-7');
select line, outcome, qty_released, available from openstock.cancel(op_id => 'cart-15', order_ref => 'ORDER-10', reason => 'ill');

-- What became of each.
select order_ref, line, ordered, reserved, shipped, released, expired from openstock.reservations order by created_at;

-- And how: EXTEND and CONFIRM move no units, so that they stand outside the chain of balances.
select event_type, order_ref, qty_delta, reserved_delta, reserved_after, reference, reason
from openstock.ledger where sku = 'TICKET' and event_type not in ('RECEIPT', 'ALLOCATE') order by entry_id;

-- The proof. No row is good news.
select fact, key, expected, actual from openstock_admin.verify(current_setting('app.tenant_id')::uuid);
