-- What helpers hand to each other. Private.
set local role openstock_owner;

create type openstock_core.movement as (
  line integer,
  event_type text,
  product_id bigint,
  warehouse_id bigint,
  bin_id bigint,
  qty_delta numeric,
  blocked_delta numeric,
  reserved_delta numeric,
  allocated_delta numeric,
  reservation_line_id bigint,
  order_ref text,
  unit_cost numeric,
  reason text,
  expires_at timestamptz,
  backordered_delta numeric,
  backorder_id bigint,
  quota_delta numeric,
  serial_ids bigint[]
);
comment on type openstock_core.movement is
  'One ledger entry before it is written; post() gives it its number, time and balances, and where its product is tracked by serial and the caller '
  'names no pieces, these too.';

create type openstock_core.posted as (
  ord bigint,
  line integer,
  event_type text,
  product_id bigint,
  warehouse_id bigint,
  location_id bigint,
  lot_id bigint,
  status text,
  qty_delta numeric,
  reserved_delta numeric,
  backordered_delta numeric,
  reservation_line_id bigint,
  backorder_id bigint,
  on_hand numeric,
  blocked numeric,
  reserved numeric,
  available numeric,
  entry_id bigint,
  recorded_at timestamptz,
  by_serial boolean,
  serial_ids bigint[],
  handling_unit_id bigint
);
comment on type openstock_core.posted is 'One ledger entry as written, with the stock level after it; ord is its place among the movements of the call. by_serial: its units are single pieces.';

create type openstock_core.stock_line as (
  n integer,
  line integer,
  sku text,
  product_id bigint,
  tracking text,
  qty numeric,
  set_to numeric,
  expected numeric,
  location text,
  location_id bigint,
  to_location text,
  to_location_id bigint,
  lot text,
  lot_id bigint,
  expires_on date,
  status text,
  to_status text,
  unit_cost numeric,
  serials text[],
  serial_ids bigint[],
  handling_unit text,
  handling_unit_id bigint
);
comment on type openstock_core.stock_line is 'A line of receive, adjust or move, with its names looked up; n is its place in the call.';

create type openstock_core.order_line as (
  line integer,
  sku text,
  product_id bigint,
  warehouse_id bigint,
  qty numeric,
  location_id bigint,
  lot_id bigint,
  min_days_left integer,
  kit_id bigint,
  kit_qty numeric,
  serial_ids bigint[]
);
comment on type openstock_core.order_line is
  'A line asked of reserve, with its names looked up, or the part of one that a warehouse promises; warehouse, location, lot, life and pieces are null where any will do. '
  'A line of kits is one of these for each component, with the kit and the units of the component in one of it.';

create type openstock_core.plain_lines as (
  skus text[],
  qtys numeric[],
  product_ids bigint[],
  warehouse_ids bigint[],
  warehouses text[]
);
comment on type openstock_core.plain_lines is
  'Lines of a product and a quantity, each of another product, as the elements of five arrays: skus, quantities, and who is to send them.';

create type openstock_core.sourcing as (
  strategy text,
  latitude double precision,
  longitude double precision,
  zone text,
  channel_id bigint,
  uses_safety_stock boolean
);
comment on type openstock_core.sourcing is
  'How warehouses are chosen, where the goods go: degrees, and a zone of shipping costs; null: not known; and for which sales channel, null: none.';

create type openstock_core.quota_line as (
  n integer,
  line integer,
  channel text,
  channel_id bigint,
  sku text,
  product_id bigint,
  qty numeric
);
comment on type openstock_core.quota_line is 'A line of put_quotas, with its names looked up; n is its place in the call.';

create type openstock_core.lot_line as (
  n integer,
  line integer,
  sku text,
  product_id bigint,
  lot text,
  expires_on date,
  quality text
);
comment on type openstock_core.lot_line is 'A line of put_lots, with its product looked up; n is its place in the call, quality null where it is not given.';

create type openstock_core.candidate as (
  product_id bigint,
  warehouse_id bigint,
  code text,
  priority integer,
  active boolean,
  available numeric,
  distance_km double precision,
  shipping_cost numeric,
  place bigint
);
comment on type openstock_core.candidate is
  'What a warehouse could promise of a product, how far and how dear it is from there, and its place among those that are asked for the product.';

create type openstock_core.level_key as (
  product_id bigint,
  warehouse_id bigint
);
comment on type openstock_core.level_key is 'What makes a stock level: a product at a warehouse.';

create type openstock_core.pick as (
  reservation_line_id bigint,
  product_id bigint,
  warehouse_id bigint,
  bin_id bigint,
  qty numeric,
  serial_ids bigint[]
);
comment on type openstock_core.pick is
  'Units to take for a reservation line; without a bin it is a need, with one it is the answer to it. serial_ids are the pieces, where they are known.';

create type openstock_core.found_stock as (
  parts openstock_core.order_line[],
  pins openstock_core.pick[],
  levels openstock_core.level_key[],
  at timestamptz,
  short boolean
);
comment on type openstock_core.found_stock is
  'What an order''s lines can be promised, the bins for lines that ask for certain ones (reservation_line_id is then the line''s number), the levels that '
  'this was judged by, the moment, and whether something is missing.';

create type openstock_core.due as (
  at timestamptz,
  levels openstock_core.level_key[],
  backorder_ids bigint[],
  line_ids bigint[],
  lot_bin_ids bigint[],
  bin_ids bigint[],
  next_expiry_at timestamptz
);
comment on type openstock_core.due is
  'What has to be booked at locked levels since a moment came: the holds that ended (backorders and lines, locked), the bins whose lot expired, and all bins to be '
  'locked for it, those with pins of the holds among them; and before which moment no hold has ended there (null: none ends).';

create type openstock_core.open_line as (
  reservation_line_id bigint,
  backorder_id bigint,
  line integer,
  product_id bigint,
  warehouse_id bigint,
  units numeric
);
comment on type openstock_core.open_line is
  'What a call may take of one reservation line, or of one backorder; the warehouse is null where any may fill it.';

create type openstock_core.taken_line as (
  reservation_line_id bigint,
  line integer,
  product_id bigint,
  warehouse_id bigint,
  qty numeric,
  reserved numeric,
  backorder_id bigint,
  serial_ids bigint[]
);
comment on type openstock_core.taken_line is
  'How much a release or shipment takes of one reservation line, or of one backorder; reserved is what that holds before it. serial_ids are the pieces, where '
  'the caller named them.';

create type openstock_core.taking as (
  lines openstock_core.taken_line[],
  due openstock_core.due,
  named openstock_core.taken_line[]
);
comment on type openstock_core.taking is 'What a release or shipment takes of an order whose lines are locked, and what is due at their levels; of the lines in named the caller named the pieces.';

create type openstock_core.bin_key as (
  location_id bigint,
  product_id bigint,
  lot_id bigint,
  status text,
  handling_unit_id bigint
);
comment on type openstock_core.bin_key is 'What makes a bin of stock: where, what, of which lot, in which status and handling unit.';

create type openstock_core.giving as (
  levels openstock_core.level_key[],
  product_ids bigint[],
  bin_ids bigint[],
  ended_ids bigint[],
  units openstock_core.pick[],
  taken openstock_core.taken_line[]
);
comment on type openstock_core.giving is
  'What an order gives back while it asks for more: the levels, backlogs (by product) and bins that are locked with those of the lines, its lines whose hold has ended, '
  'to be booked, the units that it frees per level, and what it gives back of which line.';

create type openstock_core.piece as (
  ord bigint,
  serial_id bigint
);
comment on type openstock_core.piece is 'A piece that a movement is about; ord is the movement''s place in the call.';

create type openstock_core.difference as (
  fact text,
  product_id bigint,
  warehouse_id bigint,
  key jsonb,
  expected numeric,
  actual numeric,
  repairable boolean
);
comment on type openstock_core.difference is 'A fact that does not hold, where, and whether the ledger knows better; key is what names it further.';

reset role;
