-- openstock 0001.baseline
-- Built from sql/ by openstock.devtools.build_migration: change sql/, never this file.
-- Apply it with `openstock migrate` or `yoyo apply`: one transaction, forward only. See docs/migrations.md.

-- sql/roles.sql
-- The server and the database that openstock needs. `openstock migrate` says the same before it begins.
do $server$
begin
  if pg_catalog.current_setting('server_version_num')::integer < 150000 then
    raise exception using errcode = '0A000', message = 'The server is too old.',
      detail = pg_catalog.jsonb_build_object('server', pg_catalog.current_setting('server_version'), 'needed', 15)::text,
      hint = 'Upgrade it to PostgreSQL 15 or newer, or use another.';
  end if;
  if pg_catalog.current_setting('server_encoding') <> 'UTF8' then
    raise exception using errcode = '0A000', message = 'The database does not store UTF-8.',
      detail = pg_catalog.jsonb_build_object('encoding', pg_catalog.current_setting('server_encoding'))::text,
      hint = 'Create a database with: create database ... template template0 encoding ''UTF8''';
  end if;
end
$server$;

-- The NOLOGIN roles of openstock. Roles belong to the whole cluster, so another database may have made them already,
-- or be making them now: whoever comes second waits on pg_authid's unique index and then finds them there.
do $roles$
declare
  wanted constant text[] := array[
    ['openstock_owner', 'openstock: owns the tables, partitions and private helpers; nobody logs in as it.'],
    ['openstock_api', 'openstock: owns the public functions and views; row-level security binds it.'],
    ['openstock_maint', 'openstock: owns what has to see every tenant (snapshot, verify, rebuild); nobody logs in as it.'],
    ['openstock_app', 'openstock: group of applications: calls the functions and reads the views of schema openstock.'],
    ['openstock_analyst', 'openstock: group of analysts: reads the views of openstock and openstock_dw.'],
    ['openstock_operator', 'openstock: group of operators: calls the functions of openstock_admin.']];
  wanted_role text[];
  acting_role text;
begin
  foreach wanted_role slice 1 in array wanted loop
    if not exists (select from pg_catalog.pg_roles where rolname = wanted_role[1]) then
      begin
        execute pg_catalog.format('create role %I nologin', wanted_role[1]);
        execute pg_catalog.format('comment on role %I is %L', wanted_role[1], wanted_role[2]);
      exception when duplicate_object or unique_violation then
        null;
      end;
    end if;
  end loop;
  -- Whoever migrates acts as each owning role. From 16 on, who creates a role may grant it but not yet act as it.
  foreach acting_role in array array['openstock_owner', 'openstock_api', 'openstock_maint'] loop
    if pg_catalog.current_setting('server_version_num')::integer >= 160000 then
      if not pg_catalog.pg_has_role(current_user, acting_role, 'set') then
        execute pg_catalog.format('grant %I to current_user', acting_role);
      end if;
    elsif not pg_catalog.pg_has_role(current_user, acting_role, 'member') then
      execute pg_catalog.format('grant %I to current_user', acting_role);
    end if;
  end loop;
end
$roles$;

-- sql/schemas.sql
-- The four rooms of the house. openstock_core is private: no group role is granted anything in it.
create schema openstock_core authorization openstock_owner;
create schema openstock authorization openstock_api;
create schema openstock_dw authorization openstock_api;
create schema openstock_admin authorization openstock_api;

comment on schema openstock_core is 'Tables, triggers and helpers of openstock. Private: reach them through the other schemas.';
comment on schema openstock is 'What applications use: functions that write, views and functions that read.';
comment on schema openstock_dw is 'What analysts use: views over history and snapshots.';
comment on schema openstock_admin is 'What operators use: tenants, logins, partitions, snapshots, verification and repair.';

grant usage, create on schema openstock_core to openstock_maint;
grant usage on schema openstock_core to openstock_api;
grant usage, create on schema openstock_admin to openstock_owner, openstock_maint;
grant usage, create on schema openstock to openstock_owner, openstock_maint;
grant usage on schema openstock_dw to openstock_maint;
grant usage on schema openstock to openstock_app, openstock_analyst, openstock_operator;
grant usage on schema openstock_dw to openstock_analyst, openstock_operator;
grant usage on schema openstock_admin to openstock_operator;

-- Refreshing the snapshot beside its readers takes a temporary table, which not every database lets everybody have. Who may not
-- grant it leaves that to the database's owner; the refresh then keeps readers out instead, and doctor says so.
do $temporary$
begin
  if pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary with grant option') then
    execute pg_catalog.format('grant temporary on database %I to openstock_maint', pg_catalog.current_database());
  end if;
end
$temporary$;

-- sql/types/domains.sql
-- The domains: what holds for a column by itself, wherever it is stored. PostgreSQL reads a table's CHECKs anew in each statement that writes
-- to it, and a domain's once in a session: tables keep what compares several columns.
set local role openstock_owner;

create domain openstock_core.quantity as numeric
  constraint quantity_is_bounded check (value between -999999999999.999999 and 999999999999.999999)
  constraint quantity_has_six_decimals check (scale(value) <= 6);

comment on domain openstock_core.quantity is
  'Units of a product, in the product''s unit: at most 12 digits before and 6 after the point. NaN and infinity fall outside the bounds.';

create domain openstock_core.amount as numeric
  constraint amount_is_bounded check (value between 0 and 999999999999.999999)
  constraint amount_has_six_decimals check (scale(value) <= 6);

comment on domain openstock_core.amount is 'A quantity of what is there, or was counted: not negative.';

create domain openstock_core.code as text
  constraint code_is_bounded check (char_length(value) between 1 and 64)
  constraint code_is_normalised check (value is nfc normalized and value = btrim(value))
  constraint code_is_printable check (value !~ '[[:cntrl:]]');

comment on domain openstock_core.code is
  'A name that people and machines exchange (sku, warehouse, bin, lot, order): NFC, trimmed, 1 to 64 characters, no control characters.';

create domain openstock_core.op_id as text
  constraint op_id_is_bounded check (octet_length(value) between 1 and 128);

comment on domain openstock_core.op_id is 'The caller''s idempotency key, 1 to 128 bytes.';

create domain openstock_core.line_number as integer
  constraint line_number_is_positive check (value > 0);

comment on domain openstock_core.line_number is 'The number of an order''s line, from 1.';

create domain openstock_core.day_count as integer
  constraint day_count_is_not_negative check (value >= 0);

comment on domain openstock_core.day_count is 'Whole days, 0 or more.';

create domain openstock_core.json_object as jsonb
  constraint json_object_is_an_object check (jsonb_typeof(value) = 'object');

comment on domain openstock_core.json_object is 'A JSON object: neither an array nor a single value.';

-- Three short lists: one of nine or more would be made a hash table of for each entry. The most frequent come first.
create domain openstock_core.event_type as text
  constraint event_type_is_known check (
    value in ('RESERVE', 'SHIP', 'ALLOCATE', 'RECEIPT', 'RELEASE', 'DEALLOCATE', 'EXPIRE')
    or value in ('CONFIRM', 'MOVE', 'ADJUST', 'COUNT', 'STATUS', 'BACKORDER', 'EXTEND')
    or value in ('TRANSFER_OUT', 'TRANSFER_IN', 'RETURN'));

comment on domain openstock_core.event_type is
  'What a ledger entry is: RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, '
  'RELEASE, EXPIRE, ALLOCATE or DEALLOCATE.';

reset role;

-- sql/types/results.sql
-- The rows that public functions return. Bare words (on_hand, blocked, reserved, available) are the stock level's
-- balances after the row; qty_* are the row's own quantities.
set local role openstock_api;

create type openstock.put_result as (
  line integer,
  code text,
  outcome text,
  replayed boolean
);
comment on type openstock.put_result is 'One row of master data written by put_products, put_warehouses, put_locations or put_channels.';
comment on column openstock.put_result.line is 'The line of the call, as given or its place (from 1).';
comment on column openstock.put_result.code is 'The sku or code, as stored.';
comment on column openstock.put_result.outcome is 'created, updated or unchanged.';
comment on column openstock.put_result.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.lot_change as (
  line integer,
  sku text,
  lot text,
  expires_on date,
  quality text,
  outcome text,
  qty_blocked numeric,
  qty_deallocated numeric,
  replayed boolean
);
comment on type openstock.lot_change is 'One row of a lot that was written by put_lots.';
comment on column openstock.lot_change.line is 'The line of the call, as given or its place (from 1).';
comment on column openstock.lot_change.sku is 'The product.';
comment on column openstock.lot_change.lot is 'The lot''s code, as stored.';
comment on column openstock.lot_change.expires_on is 'The lot''s last day (UTC), or null.';
comment on column openstock.lot_change.quality is 'released, hold or rejected, from now on.';
comment on column openstock.lot_change.outcome is 'created, updated or unchanged.';
comment on column openstock.lot_change.qty_blocked is 'Units in all warehouses that cannot be promised any more; negative: that can be promised again.';
comment on column openstock.lot_change.qty_deallocated is 'Units that were pinned to orders and are not any more; the orders keep their promises.';
comment on column openstock.lot_change.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.quota_change as (
  line integer,
  channel text,
  sku text,
  warehouse text,
  qty numeric,
  on_hand numeric,
  blocked numeric,
  reserved numeric,
  fenced numeric,
  available numeric,
  replayed boolean
);
comment on type openstock.quota_change is 'What is kept of a product at a warehouse for a sales channel, with the stock level after the call.';
comment on column openstock.quota_change.line is 'The line of the call, as given or its place (from 1).';
comment on column openstock.quota_change.channel is 'The channel''s code.';
comment on column openstock.quota_change.sku is 'The product.';
comment on column openstock.quota_change.warehouse is 'The warehouse''s code.';
comment on column openstock.quota_change.qty is 'Units kept for the channel.';
comment on column openstock.quota_change.on_hand is 'Physical units.';
comment on column openstock.quota_change.blocked is 'The part of on_hand that cannot be promised.';
comment on column openstock.quota_change.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock.quota_change.fenced is 'Units kept for all channels together.';
comment on column openstock.quota_change.available is 'What can be promised to anyone; negative where more is kept than there is.';
comment on column openstock.quota_change.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.stock_change as (
  line integer,
  sku text,
  warehouse text,
  location text,
  lot text,
  handling_unit text,
  status text,
  event_type text,
  qty numeric,
  serials text[],
  on_hand numeric,
  blocked numeric,
  reserved numeric,
  available numeric,
  entry_id bigint,
  recorded_at timestamptz,
  replayed boolean
);
comment on type openstock.stock_change is 'One ledger entry that changed what a bin holds, with the stock level after it.';
comment on column openstock.stock_change.line is 'The line of the call, as given or its place (from 1).';
comment on column openstock.stock_change.sku is 'The product.';
comment on column openstock.stock_change.warehouse is 'The warehouse''s code.';
comment on column openstock.stock_change.location is 'The bin''s code.';
comment on column openstock.stock_change.lot is 'The lot''s code, or null.';
comment on column openstock.stock_change.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.stock_change.status is 'Stock status: available, hold, quarantine or damaged.';
comment on column openstock.stock_change.event_type is 'The ledger''s word for it: RECEIPT, ADJUST, MOVE, STATUS or SHIP.';
comment on column openstock.stock_change.qty is 'Signed change of the bin, in the product''s unit.';
comment on column openstock.stock_change.serials is 'The pieces, where the product is tracked by serial; null elsewhere.';
comment on column openstock.stock_change.on_hand is 'Physical units of the product at the warehouse after the entry.';
comment on column openstock.stock_change.blocked is 'The part of on_hand that cannot be promised, after the entry.';
comment on column openstock.stock_change.reserved is 'Units promised to orders and not yet gone, after the entry.';
comment on column openstock.stock_change.available is 'What can still be promised after the entry; negative after a loss of promised units.';
comment on column openstock.stock_change.entry_id is 'The ledger entry.';
comment on column openstock.stock_change.recorded_at is 'When the server recorded the entry.';
comment on column openstock.stock_change.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.reservation_change as (
  order_ref text,
  line integer,
  sku text,
  warehouse text,
  outcome text,
  qty_ordered numeric,
  qty_reserved numeric,
  qty_backordered numeric,
  qty_short numeric,
  qty_released numeric,
  expires_at timestamptz,
  on_hand numeric,
  blocked numeric,
  reserved numeric,
  available numeric,
  offers jsonb,
  kit text,
  replayed boolean
);
comment on type openstock.reservation_change is 'What became of one line of an order at one warehouse.';
comment on column openstock.reservation_change.order_ref is 'The order.';
comment on column openstock.reservation_change.line is 'The order''s line.';
comment on column openstock.reservation_change.sku is 'The product.';
comment on column openstock.reservation_change.warehouse is 'The warehouse that promises; null where none was chosen, and on a backorder that any may fill.';
comment on column openstock.reservation_change.outcome is
  'reserved, backordered, short, filled, extended, confirmed, released, cancelled, expired, or rejected (nothing of the call was reserved).';
comment on column openstock.reservation_change.qty_ordered is 'Quantity asked for in this row.';
comment on column openstock.reservation_change.qty_reserved is 'Quantity this call promised (reserve) or that stays promised (release).';
comment on column openstock.reservation_change.qty_backordered is 'Quantity of this row that waits for stock.';
comment on column openstock.reservation_change.qty_short is 'Quantity that no stock covers and that does not wait.';
comment on column openstock.reservation_change.qty_released is 'Quantity that this call gave back, or that expired.';
comment on column openstock.reservation_change.expires_at is 'The promise holds until then; null: without end.';
comment on column openstock.reservation_change.on_hand is 'Physical units at the warehouse after the row.';
comment on column openstock.reservation_change.blocked is 'The part of on_hand that cannot be promised.';
comment on column openstock.reservation_change.reserved is 'Units of the product promised to orders at the warehouse after the row.';
comment on column openstock.reservation_change.available is
  'What can still be promised at the warehouse; on a row that is short or rejected, what could be promised at all warehouses asked (of the pieces, the location, lot or life that '
  'the line asks for).';
comment on column openstock.reservation_change.offers is
  'On a row that is short or rejected: what each warehouse asked could have promised, [{"warehouse": …, "available": …}] by priority.';
comment on column openstock.reservation_change.kit is
  'The kit that the row''s product is a component of in this line; null: none. A row that is short or rejected is of the kit itself, and counts kits.';
comment on column openstock.reservation_change.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.quoted_source as (
  line integer,
  sku text,
  warehouse text,
  outcome text,
  reason text,
  qty_ordered numeric,
  qty numeric,
  qty_short numeric,
  available numeric,
  distance_km double precision,
  shipping_cost numeric,
  place integer,
  kit text
);
comment on type openstock.quoted_source is 'A warehouse that could be asked for a line, and what would come of it.';
comment on column openstock.quoted_source.line is 'The line of the call, as given or its place (from 1).';
comment on column openstock.quoted_source.sku is 'The product.';
comment on column openstock.quoted_source.warehouse is 'The warehouse''s code; null where the tenant has none.';
comment on column openstock.quoted_source.outcome is 'chosen or rejected.';
comment on column openstock.quoted_source.reason is
  'Why it was rejected: inactive, no_stock, no_such_units (it has none that the line asks for, and others), incomplete (ship_complete, and no warehouse can send all; '
  'or not enough of all components for more kits), used_by_other_lines (of the same call), not_needed (others come first by the strategy, and suffice), or no_warehouse.';
comment on column openstock.quoted_source.qty_ordered is 'Quantity asked for by the line.';
comment on column openstock.quoted_source.qty is 'Quantity that this warehouse would promise.';
comment on column openstock.quoted_source.qty_short is 'Quantity of the line that no warehouse would promise.';
comment on column openstock.quoted_source.available is
  'What the warehouse could promise of the product, or of the certain units that the line asks for, to anyone, or to the channel asked for, if no other line took any; '
  '0 where it is inactive.';
comment on column openstock.quoted_source.distance_km is 'Kilometres to the destination along the great circle; null where a position is unknown.';
comment on column openstock.quoted_source.shipping_cost is 'Cost of one shipment to the destination''s zone; null where it is unknown.';
comment on column openstock.quoted_source.place is 'Its place among the warehouses asked for the product; null where the strategy asks it for nothing.';
comment on column openstock.quoted_source.kit is 'The kit that the row''s product is a component of in this line; null: none.';

create type openstock.allocation_change as (
  order_ref text,
  line integer,
  sku text,
  warehouse text,
  location text,
  lot text,
  handling_unit text,
  expires_on date,
  outcome text,
  qty numeric,
  serials text[],
  replayed boolean
);
comment on type openstock.allocation_change is 'Units of an order''s line pinned to one bin, or the part of a line that no bin could give.';
comment on column openstock.allocation_change.order_ref is 'The order.';
comment on column openstock.allocation_change.line is 'The order''s line.';
comment on column openstock.allocation_change.sku is 'The product.';
comment on column openstock.allocation_change.warehouse is 'The warehouse.';
comment on column openstock.allocation_change.location is 'The bin to pick from; null on a short row.';
comment on column openstock.allocation_change.lot is 'The lot to pick, or null.';
comment on column openstock.allocation_change.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.allocation_change.expires_on is 'Last day on which the lot may be used, or null.';
comment on column openstock.allocation_change.outcome is
  'allocated, deallocated, held (missing units, now on hold), or short: no bin had the units.';
comment on column openstock.allocation_change.qty is 'Units, in the product''s unit.';
comment on column openstock.allocation_change.serials is 'The pieces to pick, where the product is tracked by serial; null elsewhere.';
comment on column openstock.allocation_change.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

create type openstock.shipment_line as (
  order_ref text,
  line integer,
  sku text,
  warehouse text,
  location text,
  lot text,
  handling_unit text,
  qty numeric,
  serials text[],
  on_hand numeric,
  blocked numeric,
  reserved numeric,
  available numeric,
  entry_id bigint,
  recorded_at timestamptz,
  replayed boolean
);
comment on type openstock.shipment_line is 'Units of an order''s line that left one bin, with the stock level after it.';
comment on column openstock.shipment_line.order_ref is 'The order.';
comment on column openstock.shipment_line.line is 'The order''s line.';
comment on column openstock.shipment_line.sku is 'The product.';
comment on column openstock.shipment_line.warehouse is 'The warehouse.';
comment on column openstock.shipment_line.location is 'The bin that the units left.';
comment on column openstock.shipment_line.lot is 'Their lot, or null.';
comment on column openstock.shipment_line.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.shipment_line.qty is 'Units that left, positive.';
comment on column openstock.shipment_line.serials is 'The pieces that left, where the product is tracked by serial; null elsewhere.';
comment on column openstock.shipment_line.on_hand is 'Physical units at the warehouse after the entry.';
comment on column openstock.shipment_line.blocked is 'The part of on_hand that cannot be promised, after the entry.';
comment on column openstock.shipment_line.reserved is 'Units promised to orders and not yet gone, after the entry.';
comment on column openstock.shipment_line.available is 'What can still be promised after the entry.';
comment on column openstock.shipment_line.entry_id is 'The ledger entry.';
comment on column openstock.shipment_line.recorded_at is 'When the server recorded the entry.';
comment on column openstock.shipment_line.replayed is 'True when this answer was stored by an earlier call with the same op_id.';

reset role;

-- sql/types/internals.sql
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

-- sql/functions/openstock_core/protect_table.sql
-- Gives a table row-level security: one policy for callers, one for maintenance. The one place where policies of
-- tenant tables are written.
set local role openstock_owner;

create or replace function openstock_core.protect_table(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Without a tenant it is null, and no row is seen. Read once in each statement, so that it is as short as can be.
  context constant text := '(select nullif(current_setting(''app.tenant_id'', true), '''')::uuid)';
begin
  execute format('alter table %s enable row level security, force row level security', target);
  execute format('create policy tenant_isolation on %s to openstock_api using (tenant_id = %s) with check (tenant_id = %s)',
                 target, context, context);
  execute format('create policy maintenance on %s to openstock_maint using (true) with check (true)', target);
end
$$;

revoke all on function openstock_core.protect_table from public;
comment on function openstock_core.protect_table is
  'Enables and forces row-level security on a tenant table and writes its two policies: callers see their tenant, maintenance sees all.';

reset role;

-- sql/functions/openstock_core/refuse_change.sql
-- Trigger of append-only tables.
set local role openstock_owner;

create or replace function openstock_core.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'OS401',
    message = 'The ledger is append-only.',
    detail = jsonb_build_object('table', format('%I.%I', tg_table_schema, tg_table_name), 'command', tg_op)::text,
    hint = 'Write a correcting entry instead, with openstock.adjust or openstock.move.';
end
$$;

revoke all on function openstock_core.refuse_change from public;
comment on function openstock_core.refuse_change is 'Refuses the change with OS401.';

reset role;

-- sql/functions/openstock_core/make_append_only.sql
-- Makes a table (or one partition, which does not inherit statement triggers) refuse UPDATE, DELETE and TRUNCATE.
set local role openstock_owner;

create or replace function openstock_core.make_append_only(target regclass) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create trigger append_only before update or delete or truncate on %s '
                 'for each statement execute function openstock_core.refuse_change()', target);
  execute format('alter table %s enable always trigger append_only', target);
  execute format('comment on trigger append_only on %s is %L', target, 'Refuses UPDATE, DELETE and TRUNCATE, whoever asks.');
end
$$;

revoke all on function openstock_core.make_append_only from public;
comment on function openstock_core.make_append_only is
  'Attaches the trigger that refuses UPDATE, DELETE and TRUNCATE, also under session_replication_role = replica.';

reset role;

-- sql/functions/openstock_core/is_chained.sql
-- Which entries stand in their level's chain of balances.
set local role openstock_owner;

create or replace function openstock_core.is_chained(event_type text, backordered_delta numeric) returns boolean
language sql
immutable
parallel safe
return event_type not in ('ALLOCATE', 'DEALLOCATE', 'EXTEND', 'CONFIRM', 'BACKORDER') and backordered_delta is null;

revoke all on function openstock_core.is_chained from public;
grant execute on function openstock_core.is_chained to openstock_api, openstock_maint;
comment on function openstock_core.is_chained is
  'False for entries that change no stock level and are written without its lock: what is pinned, what waits for stock, and until when and to which '
  'order a promise holds.';

reset role;

-- sql/functions/openstock_core/is_sound.sql
-- What has to hold within an entry of the ledger. One function for all of it: PostgreSQL reads the text of each CHECK anew in each statement
-- that writes, and a function once in a session. Its arguments have the columns' own types: a cast of each would be part of that text.
set local role openstock_owner;

create or replace function openstock_core.is_sound(
  event_type openstock_core.event_type, location_id bigint, status text, qty_delta openstock_core.quantity, blocked_delta openstock_core.quantity,
  allocated_delta openstock_core.quantity, backordered_delta openstock_core.quantity, quota_delta openstock_core.quantity,
  on_hand_after openstock_core.amount, blocked_after openstock_core.amount, reserved_after openstock_core.amount)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return
    -- The chain of balances is whole.
    num_nonnulls(on_hand_after, blocked_after, reserved_after) = case when openstock_core.is_chained(event_type, backordered_delta) then 3 else 0 end
    -- A quota changes with a promise, and against it.
    and (quota_delta is null or (event_type = 'RESERVE' and quota_delta < 0) or (event_type in ('RELEASE', 'EXPIRE') and quota_delta > 0))
    -- A bin is a place and a status.
    and (location_id is null) = (status is null)
    -- Units are somewhere.
    and (location_id is not null or (qty_delta = 0 and blocked_delta = 0 and allocated_delta = 0));
end
$$;

revoke all on function openstock_core.is_sound from public;
grant execute on function openstock_core.is_sound to openstock_api, openstock_maint;
comment on function openstock_core.is_sound is
  'Whether an entry of the ledger can be one: it has all balances after it or none (see is_chained), a quota changes only with a promise, and against it, and '
  'units that come, go, are blocked or pinned are in a bin, which is a place and a status.';

reset role;

-- sql/tables/migration.sql
-- What was installed. Written by the last statement of each migration.
set local role openstock_owner;

create table openstock_core.migration (
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint migration_pkey primary key (name)
);
comment on table openstock_core.migration is 'One row per applied migration.';
comment on column openstock_core.migration.name is 'The migration''s file name without its ending, such as 0001.baseline.';
comment on column openstock_core.migration.checksum is 'SHA-256 of the migration''s text up to the statement that records it, in hex.';
comment on column openstock_core.migration.applied_at is 'When it was applied.';

alter table openstock_core.migration enable row level security, force row level security;
create policy migration_owner on openstock_core.migration to openstock_owner using (true) with check (true);

reset role;

-- sql/tables/tenancy.sql
-- Tenants, and which logins may be which of them.
set local role openstock_owner;

create table openstock_core.tenant (
  tenant_id uuid not null,
  name text not null,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  constraint tenant_pkey primary key (tenant_id),
  constraint tenant_name_is_bounded check (char_length(name) between 1 and 200)
);
comment on table openstock_core.tenant is 'The isolation unit: every other row belongs to one tenant.';
comment on column openstock_core.tenant.tenant_id is 'Identity, the only one that has a meaning across tenants.';
comment on column openstock_core.tenant.name is 'For people; need not be unique.';
comment on column openstock_core.tenant.active is 'False: nothing can be written any more.';
comment on column openstock_core.tenant.created_at is 'When it was created.';
select openstock_core.protect_table('openstock_core.tenant');
grant select on openstock_core.tenant to openstock_api;
grant select, insert, update on openstock_core.tenant to openstock_maint;

create table openstock_core.tenant_login (
  tenant_id uuid not null,
  login name not null,
  granted_at timestamptz not null default now(),
  constraint tenant_login_pkey primary key (tenant_id, login),
  constraint tenant_login_tenant_exists foreign key (tenant_id) references openstock_core.tenant
);
comment on table openstock_core.tenant_login is 'Bound logins: each may act for these tenants and no other, whatever it sets.';
comment on column openstock_core.tenant_login.tenant_id is 'The tenant.';
comment on column openstock_core.tenant_login.login is 'The login role''s name; session_user is compared with it.';
comment on column openstock_core.tenant_login.granted_at is 'When it was granted.';
select openstock_core.protect_table('openstock_core.tenant_login');
grant select on openstock_core.tenant_login to openstock_api;
grant select, insert, delete on openstock_core.tenant_login to openstock_maint;

create table openstock_core.trusted_login (
  login name not null,
  granted_at timestamptz not null default now(),
  constraint trusted_login_pkey primary key (login)
);
comment on table openstock_core.trusted_login is 'Trusted logins: each may name any tenant.';
comment on column openstock_core.trusted_login.login is 'The login role''s name; session_user is compared with it.';
comment on column openstock_core.trusted_login.granted_at is 'When it was granted.';
alter table openstock_core.trusted_login enable row level security, force row level security;
create policy trusted_login_reading on openstock_core.trusted_login for select to openstock_api using (true);
create policy trusted_login_maintenance on openstock_core.trusted_login to openstock_maint using (true) with check (true);
grant select on openstock_core.trusted_login to openstock_api;
grant select, insert, delete on openstock_core.trusted_login to openstock_maint;

reset role;

-- sql/tables/catalog.sql
-- Master data: products, warehouses, locations, lots, handling units. Deactivated, never deleted.
set local role openstock_owner;

create table openstock_core.product (
  tenant_id uuid not null,
  product_id bigint generated always as identity,
  sku openstock_core.code not null,
  name text not null,
  description text,
  unit text not null default 'C62',
  decimals smallint not null default 0,
  tracking text not null default 'none',
  removal text not null default 'fefo',
  backorder text not null default 'none',
  backorder_limit openstock_core.quantity,
  safety_stock openstock_core.amount not null default 0,
  reorder_point openstock_core.amount,
  reorder_quantity openstock_core.quantity,
  lead_time interval,
  attributes openstock_core.json_object not null default '{}',
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  search tsvector generated always as (
    setweight(to_tsvector('simple', sku || ' ' || name), 'A')
    || setweight(to_tsvector('simple', coalesce(description, '')), 'B')) stored,
  is_kit boolean not null default false,
  constraint product_pkey primary key (tenant_id, product_id),
  constraint product_sku_is_unique unique (tenant_id, sku),
  constraint product_tenant_exists foreign key (tenant_id) references openstock_core.tenant,
  constraint product_name_is_bounded check (char_length(name) between 1 and 500),
  constraint product_description_is_bounded check (char_length(description) <= 10000),
  constraint product_unit_is_a_code check (unit ~ '^[A-Z0-9]{1,3}$'),
  constraint product_decimals_are_known check (decimals between 0 and 6),
  constraint product_tracking_is_known check (tracking in ('none', 'lot', 'serial')),
  constraint product_serials_are_of_whole_units check (tracking <> 'serial' or decimals = 0),
  constraint product_removal_is_known check (removal in ('fefo', 'fifo', 'lifo', 'fewest_bins')),
  constraint product_backorder_is_known check (backorder in ('none', 'unlimited', 'limited')),
  constraint product_backorder_limit_is_given check ((backorder = 'limited') = (backorder_limit is not null)),
  constraint product_backorder_limit_is_positive check (backorder_limit > 0),
  constraint product_reorder_quantity_is_positive check (reorder_quantity > 0)
);
create index product_attributes on openstock_core.product using gin (attributes jsonb_path_ops);
create index product_search on openstock_core.product using gin (search);
create index product_sku_prefix on openstock_core.product (tenant_id, lower(sku) text_pattern_ops);
create index product_reorder on openstock_core.product (tenant_id, product_id)
  where active and reorder_point is not null;
comment on table openstock_core.product is 'What is stocked, known by its tenant''s sku.';
comment on column openstock_core.product.tenant_id is 'The tenant.';
comment on column openstock_core.product.product_id is 'Internal identity.';
comment on column openstock_core.product.sku is 'Stock keeping unit: the name by which the API speaks of the product.';
comment on column openstock_core.product.name is 'For people.';
comment on column openstock_core.product.description is 'For people; searched after sku and name.';
comment on column openstock_core.product.unit is 'Unit of its quantities, UN/CEFACT Recommendation 20 code: C62 piece, KGM kilogram, MTR metre, LTR litre.';
comment on column openstock_core.product.decimals is 'Decimals allowed in a quantity, 0 to 6.';
comment on column openstock_core.product.tracking is 'none; lot: every unit on hand belongs to a named lot; serial: every unit on hand is a piece with a name of its own.';
comment on column openstock_core.product.removal is 'Which units go first: fefo (first expired), fifo (first in), lifo (last in), or fewest_bins (fullest bin first).';
comment on column openstock_core.product.backorder is 'What may be ordered beyond the stock: none, unlimited, or limited to backorder_limit.';
comment on column openstock_core.product.backorder_limit is 'Units that may wait on backorder, where backorder is limited.';
comment on column openstock_core.product.safety_stock is 'Units per warehouse that are kept out of promises.';
comment on column openstock_core.product.reorder_point is 'Order more when what is available falls to this.';
comment on column openstock_core.product.reorder_quantity is 'How much to order then.';
comment on column openstock_core.product.lead_time is 'From order to arrival.';
comment on column openstock_core.product.attributes is 'Anything else, as a JSON object.';
comment on column openstock_core.product.active is 'False: cannot be received or promised any more.';
comment on column openstock_core.product.created_at is 'When it was created.';
comment on column openstock_core.product.updated_at is 'When it was last changed.';
comment on column openstock_core.product.search is 'Full-text document: sku and name (weight A), description (weight B).';
comment on column openstock_core.product.is_kit is 'True: it is made of other products when it is sold, and has no stock of its own.';
comment on index openstock_core.product_attributes is 'For search_products(attributes).';
comment on index openstock_core.product_search is 'For search_products(query).';
comment on index openstock_core.product_sku_prefix is 'For search_products(query) by the beginning of a sku, in any case.';
comment on index openstock_core.product_reorder is 'Products that are reordered by point.';
select openstock_core.protect_table('openstock_core.product');
grant select, insert, update on openstock_core.product to openstock_api;
grant select, update (updated_at) on openstock_core.product to openstock_maint;

create table openstock_core.kit_component (
  tenant_id uuid not null,
  kit_id bigint not null,
  component_id bigint not null,
  qty openstock_core.quantity not null,
  constraint kit_component_pkey primary key (tenant_id, kit_id, component_id),
  constraint kit_component_kit_exists foreign key (tenant_id, kit_id) references openstock_core.product,
  constraint kit_component_component_exists foreign key (tenant_id, component_id) references openstock_core.product,
  constraint kit_component_kit_is_another_product check (kit_id <> component_id),
  constraint kit_component_qty_is_positive check (qty > 0)
);
create index kit_component_component on openstock_core.kit_component (tenant_id, component_id);
comment on table openstock_core.kit_component is
  'What kits are made of now. Changed only under the locks of all the products; what was reserved before stands in reservation_kit.';
comment on column openstock_core.kit_component.tenant_id is 'The tenant.';
comment on column openstock_core.kit_component.kit_id is 'The kit: a product that has no stock of its own.';
comment on column openstock_core.kit_component.component_id is 'A product that is part of it, and no kit itself.';
comment on column openstock_core.kit_component.qty is 'Units of the component in one kit.';
comment on index openstock_core.kit_component_component is 'The kits that a product is part of.';
select openstock_core.protect_table('openstock_core.kit_component');
grant select, insert, update, delete on openstock_core.kit_component to openstock_api;

create table openstock_core.warehouse (
  tenant_id uuid not null,
  warehouse_id bigint generated always as identity,
  code openstock_core.code not null,
  name text not null,
  address openstock_core.json_object not null default '{}',
  latitude double precision,
  longitude double precision,
  priority integer not null default 100,
  shipping_cost openstock_core.amount,
  shipping_cost_by_zone jsonb not null default '{}',
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint warehouse_pkey primary key (tenant_id, warehouse_id),
  constraint warehouse_code_is_unique unique (tenant_id, code),
  constraint warehouse_tenant_exists foreign key (tenant_id) references openstock_core.tenant,
  constraint warehouse_name_is_bounded check (char_length(name) between 1 and 200),
  constraint warehouse_latitude_is_on_earth check (latitude between -90 and 90),
  constraint warehouse_longitude_is_on_earth check (longitude between -180 and 180),
  constraint warehouse_position_is_whole check ((latitude is null) = (longitude is null)),
  -- Strict, since a lax path would look into arrays.
  constraint warehouse_costs_by_zone_are_not_negative check (jsonb_typeof(shipping_cost_by_zone) = 'object'
    and not jsonb_path_exists(shipping_cost_by_zone, 'strict $.* ? (@.type() != "number" || @ < 0)')),
  constraint warehouse_zones_are_bounded check (jsonb_array_length(jsonb_path_query_array(shipping_cost_by_zone, 'strict $.*')) <= 1000)
);
comment on table openstock_core.warehouse is 'A place that holds stock and promises it.';
comment on column openstock_core.warehouse.tenant_id is 'The tenant.';
comment on column openstock_core.warehouse.warehouse_id is 'Internal identity.';
comment on column openstock_core.warehouse.code is 'The name by which the API speaks of it.';
comment on column openstock_core.warehouse.name is 'For people.';
comment on column openstock_core.warehouse.address is 'Postal address, as a JSON object.';
comment on column openstock_core.warehouse.latitude is 'Degrees north, WGS 84; null: unknown, as is longitude.';
comment on column openstock_core.warehouse.longitude is 'Degrees east, WGS 84; null: unknown, as is latitude.';
comment on column openstock_core.warehouse.priority is 'Order in which warehouses are asked for stock: the lowest first, then by code.';
comment on column openstock_core.warehouse.shipping_cost is
  'Cost of one shipment from here to a zone that shipping_cost_by_zone does not name; null: unknown. The currency is the tenant''s affair.';
comment on column openstock_core.warehouse.shipping_cost_by_zone is
  'Cost of one shipment from here by zone of destination, as a JSON object: {"EU": 4.9}.';
comment on column openstock_core.warehouse.active is 'False: receives and promises nothing any more; what is promised can still be shipped.';
comment on column openstock_core.warehouse.created_at is 'When it was created.';
comment on column openstock_core.warehouse.updated_at is 'When it was last changed.';
select openstock_core.protect_table('openstock_core.warehouse');
grant select, insert, update on openstock_core.warehouse to openstock_api;
grant select on openstock_core.warehouse to openstock_maint;

create table openstock_core.location (
  tenant_id uuid not null,
  location_id bigint generated always as identity,
  warehouse_id bigint not null,
  code openstock_core.code not null,
  kind text not null default 'storage',
  pick_order integer not null default 0,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint location_pkey primary key (tenant_id, location_id),
  constraint location_code_is_unique unique (tenant_id, warehouse_id, code),
  constraint location_warehouse_exists foreign key (tenant_id, warehouse_id) references openstock_core.warehouse,
  constraint location_kind_is_known check (kind in ('receiving', 'storage', 'picking', 'packing', 'quarantine'))
);
comment on table openstock_core.location is 'A bin of a warehouse. Each warehouse has one named DEFAULT, where stock goes whose bin is not named.';
comment on column openstock_core.location.tenant_id is 'The tenant.';
comment on column openstock_core.location.location_id is 'Internal identity.';
comment on column openstock_core.location.warehouse_id is 'The warehouse it belongs to.';
comment on column openstock_core.location.code is 'Its name within the warehouse, such as A-03-12.';
comment on column openstock_core.location.kind is 'receiving, storage, picking, packing (promisable) or quarantine (not); cannot change while it holds stock.';
comment on column openstock_core.location.pick_order is 'Among bins that are equal by the removal rule, the lowest is picked first.';
comment on column openstock_core.location.active is 'False: nothing can be put there any more; cannot be switched off while it holds stock.';
comment on column openstock_core.location.created_at is 'When it was created.';
comment on column openstock_core.location.updated_at is 'When it was last changed.';
select openstock_core.protect_table('openstock_core.location');
grant select, insert, update on openstock_core.location to openstock_api;
grant select on openstock_core.location to openstock_maint;

create table openstock_core.lot (
  tenant_id uuid not null,
  lot_id bigint generated always as identity,
  product_id bigint not null,
  code openstock_core.code not null,
  expires_on date,
  quality text not null default 'released',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint lot_pkey primary key (tenant_id, lot_id),
  constraint lot_code_is_unique unique (tenant_id, product_id, code),
  constraint lot_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint lot_expires_on_is_finite check (isfinite(expires_on)),
  constraint lot_quality_is_known check (quality in ('released', 'hold', 'rejected'))
);
comment on table openstock_core.lot is 'A batch of a product that was made or came together.';
comment on column openstock_core.lot.tenant_id is 'The tenant.';
comment on column openstock_core.lot.lot_id is 'Internal identity.';
comment on column openstock_core.lot.product_id is 'The product.';
comment on column openstock_core.lot.code is 'Its name, unique within the product.';
comment on column openstock_core.lot.expires_on is 'Last day (UTC) on which it may be promised; null: does not expire.';
comment on column openstock_core.lot.quality is 'released: may be promised; hold: not yet, or not until it is looked into; rejected: no more.';
comment on column openstock_core.lot.created_at is 'When it was first received, or put.';
comment on column openstock_core.lot.updated_at is 'When its quality was last changed.';
select openstock_core.protect_table('openstock_core.lot');
grant select, insert, update on openstock_core.lot to openstock_api;
grant select on openstock_core.lot to openstock_maint;

create table openstock_core.handling_unit (
  tenant_id uuid not null,
  handling_unit_id bigint generated always as identity,
  code openstock_core.code not null,
  kind text not null,
  created_at timestamptz not null,
  changes bigint not null default 0,
  constraint handling_unit_pkey primary key (tenant_id, handling_unit_id),
  constraint handling_unit_code_is_unique unique (tenant_id, code),
  constraint handling_unit_tenant_exists foreign key (tenant_id) references openstock_core.tenant,
  constraint handling_unit_kind_is_known check (kind in ('pallet', 'tote', 'carton'))
);
comment on table openstock_core.handling_unit is 'A pallet, tote or carton with a barcode: what it holds lies at one location, and can be moved as one.';
comment on column openstock_core.handling_unit.tenant_id is 'The tenant.';
comment on column openstock_core.handling_unit.handling_unit_id is 'Internal identity; handling units are locked in its order.';
comment on column openstock_core.handling_unit.code is 'Its barcode or SSCC.';
comment on column openstock_core.handling_unit.kind is 'pallet, tote or carton.';
comment on column openstock_core.handling_unit.created_at is 'When units were first received in it.';
comment on column openstock_core.handling_unit.changes is
  'Calls that put units in or moved it: each leaves a trace that a concurrent one cannot overlook.';
select openstock_core.protect_table('openstock_core.handling_unit');
grant select, insert, update on openstock_core.handling_unit to openstock_api;
grant select on openstock_core.handling_unit to openstock_maint;

reset role;

-- sql/tables/stock.sql
-- The projections of the ledger. Changed only by openstock_core.post() and rebuilt only by openstock_admin.rebuild().
set local role openstock_owner;

create table openstock_core.stock_level (
  tenant_id uuid not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  on_hand openstock_core.amount not null default 0,
  blocked openstock_core.amount not null default 0,
  reserved openstock_core.amount not null default 0,
  safety_stock openstock_core.amount not null default 0,
  fenced openstock_core.amount not null default 0,
  available numeric not null generated always as (trim_scale(on_hand - blocked - reserved - safety_stock - fenced)) stored,
  next_block_at timestamptz,
  next_expiry_at timestamptz,
  last_recorded_at timestamptz not null default '-infinity',
  version bigint not null default 0,
  constraint stock_level_pkey primary key (tenant_id, product_id, warehouse_id),
  constraint stock_level_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint stock_level_warehouse_exists foreign key (tenant_id, warehouse_id) references openstock_core.warehouse,
  constraint stock_level_blocked_is_part_of_on_hand check (blocked <= on_hand)
) with (fillfactor = 50);
create index stock_level_due on openstock_core.stock_level (tenant_id, next_block_at) where next_block_at is not null;
comment on index openstock_core.stock_level_due is 'Levels whose lots expire, by when, for upkeep.';
comment on table openstock_core.stock_level is
  'The balance of a product at a warehouse, and the authority for promises: whoever promises holds its row lock.';
comment on column openstock_core.stock_level.tenant_id is 'The tenant.';
comment on column openstock_core.stock_level.product_id is 'The product.';
comment on column openstock_core.stock_level.warehouse_id is 'The warehouse.';
comment on column openstock_core.stock_level.on_hand is 'Physical units; never negative.';
comment on column openstock_core.stock_level.blocked is 'The part of on_hand that cannot be promised: status, location, lot quality or lot expiry says so.';
comment on column openstock_core.stock_level.reserved is 'Units promised to orders and not yet gone. May exceed on_hand - blocked after a loss.';
comment on column openstock_core.stock_level.safety_stock is 'Units kept out of promises; a copy of the product''s.';
comment on column openstock_core.stock_level.fenced is 'Units kept for sales channels that have not used them: the sum of its quotas.';
comment on column openstock_core.stock_level.available is
  'What can be promised: on_hand - blocked - reserved - safety_stock - fenced. Negative after a loss of promised units, and where more is kept than there is.';
comment on column openstock_core.stock_level.next_block_at is
  'Before a promise after this moment, units of expired lots have to be booked as blocked; null: never.';
comment on column openstock_core.stock_level.next_expiry_at is
  'No open hold ends before this moment; null: none ends. Who is short after it books the holds that have ended. Without an index, so that '
  'reserving stays a heap-only update.';
comment on column openstock_core.stock_level.last_recorded_at is 'recorded_at of its last ledger entry; the next one is later.';
comment on column openstock_core.stock_level.version is 'Ledger entries that changed it.';
select openstock_core.protect_table('openstock_core.stock_level');
grant select, insert, update on openstock_core.stock_level to openstock_api;
grant select, insert, update on openstock_core.stock_level to openstock_maint;

create table openstock_core.stock_bin (
  tenant_id uuid not null,
  bin_id bigint generated always as identity,
  location_id bigint not null,
  product_id bigint not null,
  lot_id bigint,
  status text not null default 'available',
  handling_unit_id bigint,
  warehouse_id bigint not null,
  blocked boolean not null,
  on_hand openstock_core.amount not null default 0,
  allocated openstock_core.amount not null default 0,
  received_at timestamptz not null,
  constraint stock_bin_pkey primary key (tenant_id, bin_id),
  constraint stock_bin_key_is_unique unique nulls not distinct (tenant_id, location_id, product_id, lot_id, status, handling_unit_id),
  constraint stock_bin_location_exists foreign key (tenant_id, location_id) references openstock_core.location,
  constraint stock_bin_level_exists foreign key (tenant_id, product_id, warehouse_id) references openstock_core.stock_level,
  constraint stock_bin_lot_exists foreign key (tenant_id, lot_id) references openstock_core.lot,
  constraint stock_bin_handling_unit_exists foreign key (tenant_id, handling_unit_id) references openstock_core.handling_unit,
  constraint stock_bin_status_is_known check (status in ('available', 'hold', 'quarantine', 'damaged')),
  constraint stock_bin_allocated_is_part_of_on_hand check (allocated <= on_hand),
  constraint stock_bin_blocked_is_not_allocated check (allocated = 0 or not blocked)
) with (fillfactor = 70);
create index stock_bin_stocked on openstock_core.stock_bin (tenant_id, product_id, warehouse_id) where on_hand > 0;
create index stock_bin_handling_unit on openstock_core.stock_bin (tenant_id, handling_unit_id) where handling_unit_id is not null;
comment on table openstock_core.stock_bin is 'Units of one product, lot and status at one location, loose or in one handling unit.';
comment on column openstock_core.stock_bin.tenant_id is 'The tenant.';
comment on column openstock_core.stock_bin.bin_id is 'Internal identity; bins are locked in its order.';
comment on column openstock_core.stock_bin.location_id is 'Where.';
comment on column openstock_core.stock_bin.product_id is 'What.';
comment on column openstock_core.stock_bin.lot_id is 'Of which lot; null for products without lots.';
comment on column openstock_core.stock_bin.status is 'Stock status: available, hold, quarantine or damaged. Only available can be promised.';
comment on column openstock_core.stock_bin.handling_unit_id is 'In which handling unit; null: loose.';
comment on column openstock_core.stock_bin.warehouse_id is 'The location''s warehouse.';
comment on column openstock_core.stock_bin.blocked is 'True: its units cannot be promised. Set when units enter, and booked when a lot expires or its quality changes.';
comment on column openstock_core.stock_bin.on_hand is 'Physical units.';
comment on column openstock_core.stock_bin.allocated is 'The part of on_hand that is pinned to orders.';
comment on column openstock_core.stock_bin.received_at is 'When units came into the empty bin: its age for fifo and lifo. Units that move into one bring theirs along.';
comment on index openstock_core.stock_bin_handling_unit is 'What a handling unit holds.';
comment on index openstock_core.stock_bin_stocked is 'Bins that hold a product, for allocation.';
select openstock_core.protect_table('openstock_core.stock_bin');
grant select, insert, update on openstock_core.stock_bin to openstock_api;
grant select, insert, update on openstock_core.stock_bin to openstock_maint;

reset role;

-- sql/tables/channels.sql
-- Sales channels, and the units that are kept for them.
set local role openstock_owner;

create table openstock_core.channel (
  tenant_id uuid not null,
  channel_id bigint generated always as identity,
  code openstock_core.code not null,
  name text not null,
  uses_safety_stock boolean not null default false,
  active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint channel_pkey primary key (tenant_id, channel_id),
  constraint channel_code_is_unique unique (tenant_id, code),
  constraint channel_tenant_exists foreign key (tenant_id) references openstock_core.tenant,
  constraint channel_name_is_bounded check (char_length(name) between 1 and 200)
);
comment on table openstock_core.channel is 'Through which a tenant sells: a web shop, a marketplace, the tills. Deactivated, never deleted.';
comment on column openstock_core.channel.tenant_id is 'The tenant.';
comment on column openstock_core.channel.channel_id is 'Internal identity.';
comment on column openstock_core.channel.code is 'The name by which the API speaks of it.';
comment on column openstock_core.channel.name is 'For people.';
comment on column openstock_core.channel.uses_safety_stock is 'True: what is reserved for it may use the safety stock.';
comment on column openstock_core.channel.active is
  'False: nothing is reserved for it any more, and what its orders give back is no longer kept for it. What is kept already stays so until put_quotas says otherwise.';
comment on column openstock_core.channel.created_at is 'When it was created.';
comment on column openstock_core.channel.updated_at is 'When it was last changed.';
select openstock_core.protect_table('openstock_core.channel');
grant select, insert, update on openstock_core.channel to openstock_api;
grant select on openstock_core.channel to openstock_maint;

create table openstock_core.channel_quota (
  tenant_id uuid not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  channel_id bigint not null,
  qty openstock_core.amount not null,
  constraint channel_quota_pkey primary key (tenant_id, product_id, warehouse_id, channel_id),
  constraint channel_quota_level_exists foreign key (tenant_id, product_id, warehouse_id) references openstock_core.stock_level,
  constraint channel_quota_channel_exists foreign key (tenant_id, channel_id) references openstock_core.channel
) with (fillfactor = 50);
comment on table openstock_core.channel_quota is
  'Units of a stock level that are kept for a sales channel. They are set by put_quotas and are no projection of the ledger; their sum per level is stock_level.fenced. '
  'A row has no lock of its own: whoever changes it holds the row lock of the level, and writes the level too, so that no older snapshot overlooks it. It stays '
  'when nothing is kept any more.';
comment on column openstock_core.channel_quota.tenant_id is 'The tenant.';
comment on column openstock_core.channel_quota.product_id is 'The product.';
comment on column openstock_core.channel_quota.warehouse_id is 'The warehouse.';
comment on column openstock_core.channel_quota.channel_id is 'The channel.';
comment on column openstock_core.channel_quota.qty is 'Units still kept: what the channel reserves is taken from them first, what it gives back returns.';
select openstock_core.protect_table('openstock_core.channel_quota');
grant select, insert, update on openstock_core.channel_quota to openstock_api;
grant select on openstock_core.channel_quota to openstock_maint;

reset role;

-- sql/tables/ledger.sql
-- The truth: one immutable row per movement, in monthly partitions by server time.
set local role openstock_owner;

create sequence openstock_core.ledger_entry_id as bigint;
comment on sequence openstock_core.ledger_entry_id is
  'Numbers the entries. Taken after the level is locked and never cached, so that it orders each level''s entries.';
grant usage on sequence openstock_core.ledger_entry_id to openstock_api;

create table openstock_core.ledger (
  tenant_id uuid not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  recorded_at timestamptz not null,
  entry_id bigint not null,
  occurred_at timestamptz,
  line integer not null,
  op_id text not null,
  event_type openstock_core.event_type not null,
  location_id bigint,
  lot_id bigint,
  handling_unit_id bigint,
  status text,
  qty_delta openstock_core.quantity not null default 0,
  blocked_delta openstock_core.quantity not null default 0,
  reserved_delta openstock_core.quantity not null default 0,
  allocated_delta openstock_core.quantity not null default 0,
  backordered_delta openstock_core.quantity,
  quota_delta openstock_core.quantity,
  on_hand_after openstock_core.amount,
  blocked_after openstock_core.amount,
  reserved_after openstock_core.amount,
  order_ref text,
  reservation_line_id bigint,
  backorder_id bigint,
  expires_at timestamptz,
  unit_cost openstock_core.quantity,
  reference text,
  reason text,
  note text,
  actor text not null,
  constraint ledger_pkey primary key (tenant_id, product_id, warehouse_id, recorded_at, entry_id),
  constraint ledger_entry_is_sound check (openstock_core.is_sound(
    event_type, location_id, status, qty_delta, blocked_delta, allocated_delta, backordered_delta, quota_delta,
    on_hand_after, blocked_after, reserved_after))
) partition by range (recorded_at);
create index ledger_operation on openstock_core.ledger (tenant_id, op_id);
create index ledger_recorded_at on openstock_core.ledger using brin (recorded_at);
comment on table openstock_core.ledger is
  'Append-only record of every movement, partitioned by month of recorded_at. UPDATE, DELETE and TRUNCATE are refused.';
comment on column openstock_core.ledger.tenant_id is 'The tenant.';
comment on column openstock_core.ledger.product_id is 'The product.';
comment on column openstock_core.ledger.warehouse_id is 'The warehouse.';
comment on column openstock_core.ledger.recorded_at is 'Server time of the entry; within a level each entry is later than the one before.';
comment on column openstock_core.ledger.entry_id is 'Number of the entry, rising within a level.';
comment on column openstock_core.ledger.occurred_at is 'Business time where the caller gave one, may be back-dated; null: when it was recorded.';
comment on column openstock_core.ledger.line is 'The line of the call.';
comment on column openstock_core.ledger.op_id is 'The operation that wrote it.';
comment on column openstock_core.ledger.event_type is
  'RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, RELEASE, EXPIRE, '
  'ALLOCATE or '
  'DEALLOCATE.';
comment on column openstock_core.ledger.location_id is 'The bin''s location; null where no bin is touched.';
comment on column openstock_core.ledger.lot_id is 'The bin''s lot.';
comment on column openstock_core.ledger.handling_unit_id is 'The bin''s handling unit; null: loose.';
comment on column openstock_core.ledger.status is 'The bin''s stock status.';
comment on column openstock_core.ledger.qty_delta is 'Change of on_hand of the level and of the bin.';
comment on column openstock_core.ledger.blocked_delta is 'Change of blocked of the level.';
comment on column openstock_core.ledger.reserved_delta is 'Change of reserved of the level and of the reservation line.';
comment on column openstock_core.ledger.allocated_delta is 'Change of allocated of the bin and of the line''s allocation there.';
comment on column openstock_core.ledger.backordered_delta is
  'Change of what waits for stock, of the backorder and of the product''s backlog; null where the entry changes none. Such an entry changes no level, and its '
  'warehouse is the one asked for, or the first by priority.';
comment on column openstock_core.ledger.quota_delta is
  'Change of what is kept for the sales channel of the line at the level: RESERVE takes from it, RELEASE and EXPIRE give back; null where the entry changes '
  'none.';
comment on column openstock_core.ledger.on_hand_after is 'The level''s on_hand after the entry; null on BACKORDER, EXTEND, CONFIRM, ALLOCATE and DEALLOCATE, and where '
  'backordered units are released or expire: none of these changes a level.';
comment on column openstock_core.ledger.blocked_after is 'The level''s blocked after the entry.';
comment on column openstock_core.ledger.reserved_after is 'The level''s reserved after the entry.';
comment on column openstock_core.ledger.order_ref is 'The order.';
comment on column openstock_core.ledger.reservation_line_id is 'The reservation line.';
comment on column openstock_core.ledger.backorder_id is 'The backorder.';
comment on column openstock_core.ledger.expires_at is
  'Until when the line''s promise holds, from a RESERVE or EXTEND entry on; null: without end, also from a CONFIRM entry on.';
comment on column openstock_core.ledger.unit_cost is 'Cost of one unit, where units came in with one; the currency is the tenant''s affair.';
comment on column openstock_core.ledger.reference is 'The document behind the call: delivery note, count sheet, invoice.';
comment on column openstock_core.ledger.reason is 'Why: the caller''s for ADJUST and RELEASE; expired for what the end of a lot or of a hold caused.';
comment on column openstock_core.ledger.note is 'Free text.';
comment on column openstock_core.ledger.actor is 'Who: app.actor where the application sets it, otherwise the login.';
comment on index openstock_core.ledger_operation is 'Entries of an operation.';
comment on index openstock_core.ledger_recorded_at is 'Entries by time.';
select openstock_core.protect_table('openstock_core.ledger');
select openstock_core.make_append_only('openstock_core.ledger');
create trigger ledger_rows_are_append_only before update or delete on openstock_core.ledger
  for each row execute function openstock_core.refuse_change();
alter table openstock_core.ledger enable always trigger ledger_rows_are_append_only;
comment on trigger ledger_rows_are_append_only on openstock_core.ledger is
  'Refuses also what reaches rows without a statement of its own, such as logical replication.';
grant select, insert on openstock_core.ledger to openstock_api;
grant select on openstock_core.ledger to openstock_maint;

reset role;

-- sql/tables/reservations.sql
-- Promises to orders, and the units pinned to them.
set local role openstock_owner;

create table openstock_core.reservation (
  tenant_id uuid not null,
  reservation_id bigint generated always as identity,
  order_ref openstock_core.code not null,
  created_at timestamptz not null,
  changes bigint not null default 0,
  became_id bigint,
  priority integer not null default 0,
  promised_at timestamptz,
  metadata openstock_core.json_object not null default '{}',
  constraint reservation_pkey primary key (tenant_id, reservation_id),
  constraint reservation_order_ref_is_unique unique (tenant_id, order_ref),
  constraint reservation_became_exists foreign key (tenant_id, became_id) references openstock_core.reservation
);
comment on table openstock_core.reservation is 'An order that stock was promised to.';
comment on column openstock_core.reservation.tenant_id is 'The tenant.';
comment on column openstock_core.reservation.reservation_id is 'Internal identity.';
comment on column openstock_core.reservation.order_ref is 'The order''s name in the caller''s system.';
comment on column openstock_core.reservation.changes is 'Calls that locked the order: each leaves a trace that a concurrent one cannot overlook.';
comment on column openstock_core.reservation.became_id is 'The order that its holds were confirmed into; nothing is promised to it any more.';
comment on column openstock_core.reservation.priority is 'Who is served first: the higher.';
comment on column openstock_core.reservation.promised_at is 'When the customer was promised the goods; among orders of one priority the earlier is served first.';
comment on column openstock_core.reservation.metadata is 'What the application wants to remember of the order, an object.';
comment on column openstock_core.reservation.created_at is 'When stock was first promised to it.';
select openstock_core.protect_table('openstock_core.reservation');
grant select, insert, update, delete on openstock_core.reservation to openstock_api;
grant select, insert on openstock_core.reservation to openstock_maint;

create table openstock_core.reservation_line (
  tenant_id uuid not null,
  reservation_line_id bigint generated always as identity,
  reservation_id bigint not null,
  line openstock_core.line_number not null,
  product_id bigint not null,
  warehouse_id bigint not null,
  ordered openstock_core.amount not null,
  reserved openstock_core.amount not null default 0,
  shipped openstock_core.amount not null default 0,
  released openstock_core.amount not null default 0,
  expired openstock_core.amount not null default 0,
  expires_at timestamptz,
  location_id bigint,
  lot_id bigint,
  min_days_left openstock_core.day_count,
  serial_ids bigint[],
  created_at timestamptz not null,
  changes bigint not null default 0,
  channel_id bigint,
  quota_used openstock_core.amount not null default 0,
  constraint reservation_line_pkey primary key (tenant_id, reservation_line_id),
  constraint reservation_line_reservation_exists foreign key (tenant_id, reservation_id) references openstock_core.reservation,
  constraint reservation_line_level_exists foreign key (tenant_id, product_id, warehouse_id) references openstock_core.stock_level,
  constraint reservation_line_location_exists foreign key (tenant_id, location_id) references openstock_core.location,
  constraint reservation_line_lot_exists foreign key (tenant_id, lot_id) references openstock_core.lot,
  constraint reservation_line_channel_exists foreign key (tenant_id, channel_id) references openstock_core.channel,
  constraint reservation_line_quota_used_is_part_of_ordered check (quota_used <= ordered),
  constraint reservation_line_parts_add_up check (ordered = reserved + shipped + released + expired)
) with (fillfactor = 80);
-- An expression, so that these columns are no key to which a foreign key could point: confirm moves lines to another order, and
-- changing a key would wait for every transaction that pins units for the line, which waits for lines after bins.
create unique index reservation_line_key on openstock_core.reservation_line (
  tenant_id, reservation_id, line, product_id, (warehouse_id + 0));
create index reservation_line_open on openstock_core.reservation_line (tenant_id, warehouse_id, reservation_id)
  where reserved > 0 and expires_at is null;
create index reservation_line_expiring on openstock_core.reservation_line (tenant_id, expires_at)
  where expires_at is not null and reserved > 0;
create index reservation_line_due on openstock_core.reservation_line (tenant_id, product_id, warehouse_id, expires_at)
  where expires_at is not null and reserved > 0;
create index reservation_line_certain on openstock_core.reservation_line (tenant_id, product_id, warehouse_id)
  where reserved > 0 and num_nonnulls(location_id, lot_id, min_days_left, serial_ids) > 0;
comment on table openstock_core.reservation_line is
  'The part of an order''s line that one warehouse promises. Its quantities change only under the lock of its stock level, the end of its hold and '
  'its order only under the lock of the order.';
comment on column openstock_core.reservation_line.tenant_id is 'The tenant.';
comment on column openstock_core.reservation_line.reservation_line_id is 'Internal identity; lines are locked in its order.';
comment on column openstock_core.reservation_line.reservation_id is 'The order.';
comment on column openstock_core.reservation_line.line is 'The order''s line, from 1; a line that two warehouses serve has two rows.';
comment on column openstock_core.reservation_line.product_id is 'The product.';
comment on column openstock_core.reservation_line.warehouse_id is 'The warehouse that promises.';
comment on column openstock_core.reservation_line.ordered is 'Units asked of this warehouse: reserved + shipped + released + expired.';
comment on column openstock_core.reservation_line.reserved is 'Units promised and not yet gone.';
comment on column openstock_core.reservation_line.shipped is 'Units gone to the order.';
comment on column openstock_core.reservation_line.released is 'Units given back.';
comment on column openstock_core.reservation_line.expired is 'Units whose hold ended.';
comment on column openstock_core.reservation_line.expires_at is 'The promise holds until then, booked or not; null: until it is shipped or released.';
comment on column openstock_core.reservation_line.location_id is 'Only units that lie there will do; null: any of the warehouse.';
comment on column openstock_core.reservation_line.lot_id is 'Only units of this lot will do; null: of any.';
comment on column openstock_core.reservation_line.min_days_left is
  'Only units that have so many days left before the last day of their lot, when they are pinned, will do; null: any that have not expired.';
comment on column openstock_core.reservation_line.serial_ids is 'Only these pieces will do: those named, but for those that were shipped to it; null: any.';
comment on column openstock_core.reservation_line.created_at is 'When it was promised.';
comment on column openstock_core.reservation_line.changes is
  'Calls that pinned units for it or took pins off: each leaves a trace that a concurrent one cannot overlook.';
comment on column openstock_core.reservation_line.channel_id is 'The sales channel that it was promised to; null: none.';
comment on column openstock_core.reservation_line.quota_used is
  'Units taken from the channel''s quota at the level less those given back to it. What is shipped counts as taken from elsewhere first.';
comment on index openstock_core.reservation_line_key is 'One row for an order''s line, product and warehouse.';
comment on index openstock_core.reservation_line_open is 'Open promises of a warehouse that do not end, for pickers.';
comment on index openstock_core.reservation_line_expiring is 'Open holds by when they end, for upkeep.';
comment on index openstock_core.reservation_line_due is 'Open holds of a level by when they end, for who is short there.';
comment on index openstock_core.reservation_line_certain is 'Open promises of certain units by level, for who might take units that they lack.';
select openstock_core.protect_table('openstock_core.reservation_line');
grant select, insert, update on openstock_core.reservation_line to openstock_api;
grant select, insert, update on openstock_core.reservation_line to openstock_maint;

create table openstock_core.reservation_kit (
  tenant_id uuid not null,
  reservation_id bigint not null,
  line openstock_core.line_number not null,
  product_id bigint not null,
  kit_id bigint not null,
  qty openstock_core.quantity not null,
  constraint reservation_kit_pkey primary key (tenant_id, reservation_id, line, product_id),
  constraint reservation_kit_reservation_exists foreign key (tenant_id, reservation_id) references openstock_core.reservation,
  constraint reservation_kit_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint reservation_kit_kit_exists foreign key (tenant_id, kit_id) references openstock_core.product,
  constraint reservation_kit_qty_is_positive check (qty > 0)
);
comment on table openstock_core.reservation_kit is
  'The components of an order''s line of kits, as they were when it was reserved: later changes of the kit leave it alone. Changed only under the lock of the order.';
comment on column openstock_core.reservation_kit.tenant_id is 'The tenant.';
comment on column openstock_core.reservation_kit.reservation_id is 'The order.';
comment on column openstock_core.reservation_kit.line is 'The order''s line.';
comment on column openstock_core.reservation_kit.product_id is 'The component, which has reservation lines of this number.';
comment on column openstock_core.reservation_kit.kit_id is 'The kit.';
comment on column openstock_core.reservation_kit.qty is 'Units of the component in one kit.';
select openstock_core.protect_table('openstock_core.reservation_kit');
grant select, insert, delete on openstock_core.reservation_kit to openstock_api;
grant select on openstock_core.reservation_kit to openstock_maint;

create table openstock_core.backorder (
  tenant_id uuid not null,
  backorder_id bigint generated always as identity,
  reservation_id bigint not null,
  line openstock_core.line_number not null,
  product_id bigint not null,
  warehouse_id bigint,
  backordered openstock_core.amount not null default 0,
  released openstock_core.amount not null default 0,
  expired openstock_core.amount not null default 0,
  expires_at timestamptz,
  queued_at timestamptz not null,
  created_at timestamptz not null,
  channel_id bigint,
  constraint backorder_pkey primary key (tenant_id, backorder_id),
  constraint backorder_reservation_exists foreign key (tenant_id, reservation_id) references openstock_core.reservation,
  constraint backorder_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint backorder_warehouse_exists foreign key (tenant_id, warehouse_id) references openstock_core.warehouse,
  constraint backorder_channel_exists foreign key (tenant_id, channel_id) references openstock_core.channel
);
create index backorder_order on openstock_core.backorder (tenant_id, reservation_id);
create index backorder_queue on openstock_core.backorder (tenant_id, product_id, queued_at) where backordered > 0;
create index backorder_expiring on openstock_core.backorder (tenant_id, expires_at) where expires_at is not null and backordered > 0;
comment on table openstock_core.backorder is
  'The part of an order''s line that no stock covers yet: it has a place in the product''s queue. Its quantities change only under the lock of the backlog, the '
  'end of its hold and its order only under the lock of the order. What is filled becomes a reservation line''s.';
comment on column openstock_core.backorder.tenant_id is 'The tenant.';
comment on column openstock_core.backorder.backorder_id is 'Internal identity; backorders are locked in its order.';
comment on column openstock_core.backorder.reservation_id is 'The order.';
comment on column openstock_core.backorder.line is 'The order''s line.';
comment on column openstock_core.backorder.product_id is 'The product.';
comment on column openstock_core.backorder.warehouse_id is 'The warehouse that the line asked for; null: any.';
comment on column openstock_core.backorder.backordered is 'Units that wait.';
comment on column openstock_core.backorder.released is 'Units given back while they waited.';
comment on column openstock_core.backorder.expired is 'Units whose hold ended while they waited.';
comment on column openstock_core.backorder.expires_at is 'They wait until then, and are not filled before they are confirmed; null: until they are filled or released.';
comment on column openstock_core.backorder.queued_at is 'Since when they stand in the queue; among orders of one priority the earlier is filled first.';
comment on column openstock_core.backorder.created_at is 'When it was promised.';
comment on column openstock_core.backorder.channel_id is 'The sales channel, from whose quota it may be filled; null: none.';
comment on index openstock_core.backorder_order is 'Backorders of an order.';
comment on index openstock_core.backorder_queue is 'What waits for a product.';
comment on index openstock_core.backorder_expiring is 'Waiting holds by when they end, for upkeep.';
select openstock_core.protect_table('openstock_core.backorder');
grant select, insert, update on openstock_core.backorder to openstock_api;
grant select, insert, update on openstock_core.backorder to openstock_maint;

create table openstock_core.backlog (
  tenant_id uuid not null,
  product_id bigint not null,
  backordered openstock_core.amount not null default 0,
  next_expiry_at timestamptz,
  constraint backlog_pkey primary key (tenant_id, product_id),
  constraint backlog_product_exists foreign key (tenant_id, product_id) references openstock_core.product
) with (fillfactor = 50);
comment on table openstock_core.backlog is
  'What waits for a product in all: whoever adds to its queue or takes from it holds this row, so that its limit is kept and its order is one.';
comment on column openstock_core.backlog.tenant_id is 'The tenant.';
comment on column openstock_core.backlog.product_id is 'The product.';
comment on column openstock_core.backlog.backordered is 'Units that wait.';
comment on column openstock_core.backlog.next_expiry_at is 'No waiting hold ends before this moment; null: none ends.';
select openstock_core.protect_table('openstock_core.backlog');
grant select, insert, update on openstock_core.backlog to openstock_api;
grant select, insert, update on openstock_core.backlog to openstock_maint;

create table openstock_core.allocation (
  tenant_id uuid not null,
  reservation_line_id bigint not null,
  bin_id bigint not null,
  qty openstock_core.amount not null,
  created_at timestamptz not null,
  constraint allocation_pkey primary key (tenant_id, reservation_line_id, bin_id),
  constraint allocation_line_exists foreign key (tenant_id, reservation_line_id) references openstock_core.reservation_line,
  constraint allocation_bin_exists foreign key (tenant_id, bin_id) references openstock_core.stock_bin
);
create index allocation_bin on openstock_core.allocation (tenant_id, bin_id);
comment on table openstock_core.allocation is
  'Open allocations: units of a bin pinned to a reservation line. Changed only under the lock of the bin.';
comment on column openstock_core.allocation.tenant_id is 'The tenant.';
comment on column openstock_core.allocation.reservation_line_id is 'The reservation line.';
comment on column openstock_core.allocation.bin_id is 'The bin.';
comment on column openstock_core.allocation.qty is 'Units pinned; the row goes when there are none left.';
comment on column openstock_core.allocation.created_at is 'When they were first pinned.';
comment on index openstock_core.allocation_bin is 'Who holds units of a bin.';
select openstock_core.protect_table('openstock_core.allocation');
grant select, insert, update, delete on openstock_core.allocation to openstock_api;
grant select, insert, update, delete on openstock_core.allocation to openstock_maint;

reset role;

-- sql/tables/serials.sql
-- Single pieces of products tracked by serial: what each is called, where it is, who has it pinned, and which ledger entries were about it.
set local role openstock_owner;

create table openstock_core.serial_unit (
  tenant_id uuid not null,
  serial_id bigint generated always as identity,
  product_id bigint not null,
  serial openstock_core.code not null,
  bin_id bigint,
  reservation_line_id bigint,
  created_at timestamptz not null,
  constraint serial_unit_pkey primary key (tenant_id, serial_id),
  constraint serial_unit_serial_is_unique unique (tenant_id, product_id, serial),
  constraint serial_unit_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint serial_unit_bin_exists foreign key (tenant_id, bin_id) references openstock_core.stock_bin,
  constraint serial_unit_line_exists foreign key (tenant_id, reservation_line_id) references openstock_core.reservation_line,
  constraint serial_unit_pinned_is_in_a_bin check (reservation_line_id is null or bin_id is not null)
) with (fillfactor = 80);
create index serial_unit_bin on openstock_core.serial_unit (tenant_id, bin_id, reservation_line_id, serial_id) where bin_id is not null;
comment on table openstock_core.serial_unit is
  'One piece of a product that is tracked by serial, in one bin at most and pinned to one line at most. While it is in a bin it changes only under the lock of that bin; '
  'when it is in none, whoever brings it in locks its row.';
comment on column openstock_core.serial_unit.tenant_id is 'The tenant.';
comment on column openstock_core.serial_unit.serial_id is 'Internal identity; pieces that come in are locked in its order.';
comment on column openstock_core.serial_unit.product_id is 'The product.';
comment on column openstock_core.serial_unit.serial is 'Its serial number, unique within the product.';
comment on column openstock_core.serial_unit.bin_id is 'The bin that it is in; null: not in stock.';
comment on column openstock_core.serial_unit.reservation_line_id is 'The reservation line that it is pinned to; null: none.';
comment on column openstock_core.serial_unit.created_at is 'When it first came in.';
comment on index openstock_core.serial_unit_bin is 'The pieces of a bin, those pinned to nobody or to a line, in the order in which they are taken.';
select openstock_core.protect_table('openstock_core.serial_unit');
grant select, insert, update on openstock_core.serial_unit to openstock_api;
grant select, update on openstock_core.serial_unit to openstock_maint;

create table openstock_core.ledger_serial (
  tenant_id uuid not null,
  serial_id bigint not null,
  recorded_at timestamptz not null,
  entry_id bigint not null,
  constraint ledger_serial_pkey primary key (tenant_id, serial_id, recorded_at, entry_id)
) partition by range (recorded_at);
comment on table openstock_core.ledger_serial is
  'Which pieces a ledger entry is about, as many as it changes units. Append-only and partitioned by month of recorded_at, like the ledger.';
comment on column openstock_core.ledger_serial.tenant_id is 'The tenant.';
comment on column openstock_core.ledger_serial.serial_id is 'The piece.';
comment on column openstock_core.ledger_serial.recorded_at is 'The entry''s.';
comment on column openstock_core.ledger_serial.entry_id is 'The entry.';
select openstock_core.protect_table('openstock_core.ledger_serial');
select openstock_core.make_append_only('openstock_core.ledger_serial');
create trigger ledger_serial_rows_are_append_only before update or delete on openstock_core.ledger_serial
  for each row execute function openstock_core.refuse_change();
alter table openstock_core.ledger_serial enable always trigger ledger_serial_rows_are_append_only;
comment on trigger ledger_serial_rows_are_append_only on openstock_core.ledger_serial is
  'Refuses also what reaches rows without a statement of its own, such as logical replication.';
grant select, insert on openstock_core.ledger_serial to openstock_api;
grant select on openstock_core.ledger_serial to openstock_maint;

reset role;

-- sql/tables/operations.sql
-- Idempotency, and the outbox. No foreign key to tenant: every call of a tenant would share a lock on one row, and
-- openstock_core.enter() has looked the tenant up already.
set local role openstock_owner;

create table openstock_core.operation (
  tenant_id uuid not null,
  op_id openstock_core.op_id not null,
  function text not null,
  request_hash bytea not null,
  answer jsonb,
  recorded_at timestamptz not null,
  constraint operation_pkey primary key (tenant_id, op_id)
);
comment on table openstock_core.operation is 'One row per call that wrote: who calls again with the same op_id gets the stored answer.';
comment on column openstock_core.operation.tenant_id is 'The tenant.';
comment on column openstock_core.operation.op_id is 'The caller''s idempotency key, 1 to 128 bytes.';
comment on column openstock_core.operation.function is 'The function that was called.';
comment on column openstock_core.operation.request_hash is 'SHA-256 of the function''s name and its arguments that are not null.';
comment on column openstock_core.operation.answer is 'The rows that were returned; null once pruned, and while the call runs.';
comment on column openstock_core.operation.recorded_at is 'When it was done.';
select openstock_core.protect_table('openstock_core.operation');
grant select, insert, update on openstock_core.operation to openstock_api;
grant select on openstock_core.operation to openstock_maint;

create table openstock_core.event (
  tenant_id uuid not null,
  event_id bigint generated always as identity,
  op_id text not null,
  recorded_at timestamptz not null,
  constraint event_pkey primary key (tenant_id, event_id)
);
comment on table openstock_core.event is 'The outbox: one thin row per operation, committed with it.';
comment on column openstock_core.event.tenant_id is 'The tenant.';
comment on column openstock_core.event.event_id is 'Identity; not an order of commits.';
comment on column openstock_core.event.op_id is 'The operation.';
comment on column openstock_core.event.recorded_at is 'When it was done.';
select openstock_core.protect_table('openstock_core.event');
grant select, insert on openstock_core.event to openstock_api;
grant select on openstock_core.event to openstock_maint;

reset role;

-- sql/functions/openstock_core/ledger_totals.sql
-- What current_stock holds. A function, so that it carries row_security = on: a restore switches that off, and could then
-- not fill the view. What waits for stock is at no warehouse, although its entries name one. Reads: ledger, of all tenants.
set local role openstock_maint;

create or replace function openstock_core.ledger_totals(
  out tenant_id uuid, out product_id bigint, out warehouse_id bigint, out on_hand numeric, out blocked numeric,
  out reserved numeric, out allocated numeric, out entries bigint, out last_recorded_at timestamptz)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
set row_security = on
begin atomic
  select e.tenant_id, e.product_id, e.warehouse_id, sum(e.qty_delta), sum(e.blocked_delta), sum(e.reserved_delta),
         sum(e.allocated_delta), count(*), max(e.recorded_at)
  from openstock_core.ledger e
  where e.backorder_id is null
  group by e.tenant_id, e.product_id, e.warehouse_id;
end;

revoke all on function openstock_core.ledger_totals from public;
comment on function openstock_core.ledger_totals is 'The ledger''s sums per tenant, product and warehouse, without what waits for stock.';

reset role;

-- sql/tables/snapshot.sql
-- The snapshot for dashboards: computed from the ledger alone, it is also the witness that the projections tell the
-- truth. Owned by the maintenance role, which sees every tenant; a materialized view cannot carry a policy of its own.
set local role openstock_owner;

create table openstock_core.snapshot (
  name text not null,
  refreshed_at timestamptz not null,
  constraint snapshot_pkey primary key (name)
);
comment on table openstock_core.snapshot is 'When each materialized view was last refreshed.';
comment on column openstock_core.snapshot.name is 'The materialized view.';
comment on column openstock_core.snapshot.refreshed_at is 'It holds at least all that was committed before this moment.';
alter table openstock_core.snapshot enable row level security, force row level security;
create policy snapshot_reading on openstock_core.snapshot for select to openstock_api using (true);
create policy snapshot_maintenance on openstock_core.snapshot to openstock_maint using (true) with check (true);
grant select on openstock_core.snapshot to openstock_api;
grant select, insert, update on openstock_core.snapshot to openstock_maint;

set local role openstock_maint;

create materialized view openstock_core.current_stock as
select * from openstock_core.ledger_totals();
create unique index current_stock_key on openstock_core.current_stock (tenant_id, product_id, warehouse_id);
comment on materialized view openstock_core.current_stock is
  'Stock per product and warehouse, summed from the ledger at the last refresh. For dashboards; it never decides a promise.';
comment on column openstock_core.current_stock.tenant_id is 'The tenant.';
comment on column openstock_core.current_stock.product_id is 'The product.';
comment on column openstock_core.current_stock.warehouse_id is 'The warehouse.';
comment on column openstock_core.current_stock.on_hand is 'Sum of qty_delta.';
comment on column openstock_core.current_stock.blocked is 'Sum of blocked_delta.';
comment on column openstock_core.current_stock.reserved is 'Sum of reserved_delta.';
comment on column openstock_core.current_stock.allocated is 'Sum of allocated_delta.';
comment on column openstock_core.current_stock.entries is 'Ledger entries behind the row.';
comment on column openstock_core.current_stock.last_recorded_at is 'The last of them.';
comment on index openstock_core.current_stock_key is 'Lets the view be refreshed concurrently.';
grant select on openstock_core.current_stock to openstock_api;

reset role;

-- sql/views/openstock/error_codes.sql
-- Every error that openstock raises. The messages are constants: DETAIL carries the values as JSON.
-- 40P01, 55P03 and 57014 PostgreSQL raises itself, with its own words, in whatever call waits or runs for too long: here is what they mean for callers.
set local role openstock_api;

create or replace view openstock.error_codes as
select code, name, message, hint
from (values
  ('22023', 'invalid_argument', 'An argument is not valid.',
   'DETAIL names the argument, the line and what is wrong with it.'),
  ('25006', 'read_only', 'The transaction is read-only.',
   'Write on the primary server, in a transaction that is not read-only.'),
  ('40001', 'serialization_failure', 'Another transaction changed the same rows at the same time.',
   'Repeat the whole transaction, with the same op_id.'),
  ('40P01', 'deadlock', 'The transaction was ended to resolve a deadlock.',
   'Repeat the whole transaction with the same op_id.'),
  ('42501', 'not_allowed', 'This login may not act for this tenant.',
   'An operator allows it with openstock_admin.grant_tenant.'),
  ('55P03', 'lock_timeout', 'A lock was not given within lock_timeout.',
   'It says nothing about stock. Repeat the whole transaction with the same op_id, or find who holds the lock in pg_stat_activity.'),
  ('57014', 'query_canceled', 'The statement was canceled.',
   'Repeat the whole transaction with the same op_id; give a long one more time with statement_timeout.'),
  ('OS001', 'no_tenant', 'No tenant is set for this transaction.',
   'Pass tenant => ..., or call openstock.act_for(...) in the same transaction.'),
  ('OS002', 'tenant_conflict', 'The tenant given is not the transaction''s tenant.',
   'A transaction belongs to one tenant: end it first, or give the same tenant.'),
  ('OS003', 'unknown_tenant', 'The tenant does not exist or is not active.',
   'An operator creates it with openstock_admin.create_tenant.'),
  ('OS010', 'op_id_reused', 'The op_id was used before with another request.',
   'Use a new op_id for a new request, and the same one only to repeat the same request.'),
  ('OS011', 'answer_pruned', 'The operation was done before, and its answer is no longer stored.',
   'It took effect once and will not again: read the ledger by its op_id.'),
  ('OS101', 'unknown_product', 'A product is unknown.',
   'Create it with openstock.put_products.'),
  ('OS102', 'inactive_product', 'A product is not active.',
   'Activate it with openstock.put_products, or leave it out.'),
  ('OS103', 'unknown_warehouse', 'A warehouse is unknown.',
   'Create it with openstock.put_warehouses.'),
  ('OS104', 'inactive_warehouse', 'A warehouse is not active.',
   'Activate it with openstock.put_warehouses, or choose another.'),
  ('OS105', 'unknown_location', 'A location is unknown in the warehouse.',
   'Create it with openstock.put_locations.'),
  ('OS106', 'inactive_location', 'A location is not active.',
   'Activate it with openstock.put_locations, or choose another.'),
  ('OS107', 'unknown_lot', 'A lot of the product is unknown.',
   'A lot comes into being when it is received, or by openstock.put_lots.'),
  ('OS108', 'lot_conflict', 'The lot does not fit the product.',
   'Name a lot where the product''s tracking is lot and only there; a lot keeps the expiry it was received with.'),
  ('OS109', 'serial_in_stock', 'A piece that should come in is in stock already.',
   'Read openstock.serials for where it is: one serial is one piece, and in one place.'),
  ('OS110', 'invalid_quantity', 'A quantity is not valid.',
   'Give a positive number (signed for adjust) of at most 12 digits before the point, with no more decimals than the product has.'),
  ('OS111', 'unknown_serial', 'A piece of the product is unknown.',
   'A piece comes into being when it is received.'),
  ('OS112', 'serial_conflict', 'The serials do not fit the product or the quantity.',
   'Name as many serials as units where the product''s tracking is serial, and none elsewhere.'),
  ('OS113', 'serial_not_there', 'A piece is not where it was looked for, or another order has it.',
   'DETAIL says where it is: see openstock.serials.'),
  ('OS114', 'unknown_handling_unit', 'A handling unit is unknown.',
   'It comes into being when units are received in it.'),
  ('OS115', 'handling_unit_elsewhere', 'What a handling unit holds lies at another location.',
   'Move the handling unit first: all it holds lies at one location.'),
  ('OS116', 'unknown_channel', 'A sales channel is unknown.',
   'Create it with openstock.put_channels.'),
  ('OS117', 'inactive_channel', 'A sales channel is not active.',
   'Activate it with openstock.put_channels, or choose another.'),
  ('OS120', 'in_use', 'The change does not fit stock that exists.',
   'Move or ship the stock first.'),
  ('OS121', 'needs_read_committed', 'The change needs a transaction at READ COMMITTED.',
   'Call it in a transaction of its own, at isolation level READ COMMITTED.'),
  ('OS201', 'insufficient_stock', 'There is not enough stock.',
   'DETAIL says, for each line, how much was asked and how much there is.'),
  ('OS202', 'unexpected_balance', 'The balance is not the expected one.',
   'Someone else changed it: read it again, then decide again.'),
  ('OS301', 'unknown_order', 'The order has no reservation.',
   'Reserve for it first, with openstock.reserve.'),
  ('OS302', 'order_closed', 'Nothing of the order is open any more.',
   'Read openstock.orders for what became of it; to reserve again, use a new order_ref.'),
  ('OS303', 'not_reserved', 'The call does not fit what the order has reserved, pinned or shipped.',
   'DETAIL says what was asked and what there is: see openstock.reservations.'),
  ('OS304', 'line_exists', 'The order has this line already.',
   'Give the new line a number that the order does not use, or none.'),
  ('OS305', 'hold_expired', 'The hold has expired.',
   'Its units may be promised to others by now: reserve again, on the same order_ref if you like.'),
  ('OS306', 'not_held', 'The order has no hold.',
   'What it has promised holds without end already, see openstock.reservations.'),
  ('OS401', 'append_only', 'The ledger is append-only.',
   'Write a correcting entry instead, with openstock.adjust or openstock.move.'),
  ('OS402', 'no_partition', 'The ledger has no partition for this month.',
   'An operator makes it with openstock_admin.ensure_partitions() or run_maintenance(); where that makes none, doctor() says why.'),
  ('OS501', 'differences_found', 'The projections differ from the ledger.',
   'Look at openstock_admin.verify(), then repair with openstock_admin.rebuild(tenant, replace => true).'),
  ('OS502', 'maintenance_failed', 'A part of the maintenance failed.',
   'The warnings before it say which, as does DETAIL; all else is done and committed. Correct the cause, then run it again.'),
  ('OS901', 'contended', 'Bins or lines were locked or changed by others.',
   'Internal: functions take it as the sign to give up their locks and try again; it never reaches a caller.'),
  ('OS902', 'inconsistent', 'The ledger and its projections do not fit together.',
   'Nothing was written. Run openstock_admin.verify() and report what it says.')
) as catalogue (code, name, message, hint);

comment on view openstock.error_codes is 'Every error that openstock raises, and what those mean that PostgreSQL raises itself, with its own words, in any call: 40P01, 55P03, 57014.';
comment on column openstock.error_codes.code is 'SQLSTATE.';
comment on column openstock.error_codes.name is 'Name, that of the exception in the Python package.';
comment on column openstock.error_codes.message is 'The error''s MESSAGE; DETAIL holds the values as JSON: line is the place of an entry in the call, from 1, order_line the number of the order''s line.';
comment on column openstock.error_codes.hint is 'The error''s HINT: what to do next.';
grant select on openstock.error_codes to openstock_owner, openstock_maint, openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/functions/openstock_core/fail.sql
-- Raises one of the errors of openstock.error_codes.
set local role openstock_owner;

create or replace function openstock_core.fail(code text, detail jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  entry record;
begin
  select e.message, e.hint into strict entry from openstock.error_codes e where e.code = fail.code;
  raise exception using errcode = fail.code, message = entry.message, detail = fail.detail::text, hint = entry.hint;
end
$$;

revoke all on function openstock_core.fail from public;
grant execute on function openstock_core.fail to openstock_api, openstock_maint;
comment on function openstock_core.fail is 'Raises the error with this code: its constant message and hint, and the values as JSON in DETAIL.';

reset role;

-- sql/functions/openstock_core/refuse_entry.sql
-- Refuses a call about an order for what is wrong with one of its lines.
set local role openstock_owner;

create or replace function openstock_core.refuse_entry(place bigint, entry jsonb, what jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.fail(what ->> 'code',
    jsonb_build_object('line', place)
    || jsonb_strip_nulls(jsonb_build_object('order_line', entry -> 'line', 'sku', normalize(btrim(entry ->> 'sku'))))
    || (what - 'code'));
end
$$;

revoke all on function openstock_core.refuse_entry from public;
grant execute on function openstock_core.refuse_entry to openstock_api;
comment on function openstock_core.refuse_entry is
  'Raises the error of what (code, and values for DETAIL) for an entry: line is its place in the call, from 1, order_line the number of the order''s line and sku '
  'the product that it names.';

reset role;

-- sql/functions/openstock/server_time.sql
-- The clock.
set local role openstock_api;

create or replace function openstock.server_time() returns timestamptz
language sql
volatile
parallel safe
return clock_timestamp();

revoke all on function openstock.server_time from public;
grant execute on function openstock.server_time
  to openstock_owner, openstock_maint, openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.server_time is 'The server''s clock, by which entries are stamped and expiry is decided.';

reset role;

-- sql/functions/openstock_core/as_uuid.sql
-- Reads a uuid that somebody may have mistyped. One expression, so that PostgreSQL inlines it; four hyphens in their
-- places and nothing but digits otherwise take a tenth of the time that one regular expression for all of it does.
set local role openstock_owner;

create or replace function openstock_core.as_uuid(value text) returns uuid
language sql
immutable
parallel safe
return case when value like '________-____-____-____-____________' and value not like '%-%-%-%-%-%' and value !~ '[^0-9a-fA-F-]'
  then value::uuid end;

revoke all on function openstock_core.as_uuid from public;
grant execute on function openstock_core.as_uuid to openstock_api, openstock_maint;
comment on function openstock_core.as_uuid is 'The uuid, or null where the text is none in its usual form of 8-4-4-4-12 digits.';

reset role;

-- sql/functions/openstock/current_tenant.sql
-- Whose rows the views show.
set local role openstock_api;

create or replace function openstock.current_tenant() returns uuid
language sql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select c.tenant_id
  from (select openstock_core.as_uuid(current_setting('app.tenant_id', true)) as tenant_id) as c
  where exists (select from openstock_core.tenant_login as b where b.tenant_id = c.tenant_id and b.login = session_user)
     or exists (select from openstock_core.trusted_login as t where t.login = session_user)
    and exists (select from openstock_core.tenant as n where n.tenant_id = c.tenant_id);
end;

revoke all on function openstock.current_tenant from public;
grant execute on function openstock.current_tenant to openstock_maint, openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.current_tenant is
  'The tenant set for this transaction, if it exists and the login may act for it; otherwise null, and the views are empty. Error: 22P02, where it is no uuid.';

reset role;

-- sql/functions/openstock/schema_version.sql
-- Which migration this database is at. Reads: migration.
set local role openstock_owner;

create or replace function openstock.schema_version() returns text
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select max(m.name) from openstock_core.migration as m;
end;

revoke all on function openstock.schema_version from public;
grant execute on function openstock.schema_version to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.schema_version is 'The newest migration applied to this database.';

reset role;

-- sql/functions/openstock_core/is_date.sql
-- Whether a text is a calendar date; PostgreSQL can say so without an exception only from 16 on.
set local role openstock_owner;

create or replace function openstock_core.is_date(value text) returns boolean
language plpgsql
immutable
parallel restricted
set search_path = pg_catalog, pg_temp
as $$
begin
  return value ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
     and make_date(substr(value, 1, 4)::integer, substr(value, 6, 2)::integer, substr(value, 9, 2)::integer) is not null;
exception when datetime_field_overflow then
  return false;
end
$$;

revoke all on function openstock_core.is_date from public;
grant execute on function openstock_core.is_date to openstock_api, openstock_maint;
comment on function openstock_core.is_date is 'True for a date of the calendar written as YYYY-MM-DD.';

reset role;

-- sql/functions/openstock_core/value_problem.sql
-- Whether a JSON value is of the type that a key of lines asks for. Codes that pass are stored and looked up as
-- normalize(btrim(code)), which takes plain spaces off: what else nobody sees around a code would make another code of it.
set local role openstock_owner;

create or replace function openstock_core.value_problem(wanted text, value jsonb) returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  given constant text := jsonb_typeof(value);
  content constant text := value #>> '{}';
begin
  if wanted is null then
    return 'is not a known key';
  elsif given = 'null' then
    return null;
  end if;
  case wanted
    when 'code' then
      if given <> 'string' then return 'must be a string'; end if;
      -- What nearly all codes are made of.
      if content ~ '^[!-~]{1,64}$' then return null; end if;
      if char_length(normalize(btrim(content))) not between 1 and 64 then return 'must have 1 to 64 characters'; end if;
      -- Written out where a database's collation may leave them out.
      if content ~ '[[:cntrl:]\u0080-\u009f\u2028\u2029]' then return 'must not contain control characters'; end if;
      -- White space, soft hyphen, marks of direction, joiners, byte order mark.
      if btrim(content) ~ '^[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]'
        or btrim(content) ~ '[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]$' then
        return 'must not begin or end with an invisible character other than a space';
      end if;
    when 'text' then
      if given <> 'string' then return 'must be a string'; end if;
      if char_length(content) > 1000 then return 'must have at most 1000 characters'; end if;
    when 'document' then
      if given <> 'string' then return 'must be a string'; end if;
      if char_length(content) > 10000 then return 'must have at most 10000 characters'; end if;
    when 'number' then
      if given <> 'number' then return 'must be a number'; end if;
      if abs(content::numeric) > 999999999999.999999 then return 'must have at most 12 digits before the point'; end if;
      if scale(trim_scale(content::numeric)) > 6 then return 'must have at most 6 decimals'; end if;
    when 'degrees' then
      if given <> 'number' then return 'must be a number'; end if;
      if abs(content::numeric) > 180 then return 'must be between -180 and 180'; end if;
      -- What programs compute has more decimals than a map, and what has more than this might not fit double precision.
      if scale(trim_scale(content::numeric)) > 30 then return 'must have at most 30 decimals'; end if;
    when 'integer' then
      if given <> 'number' then return 'must be a whole number'; end if;
      -- Not 1.0 either: jsonb keeps its point, and a cast to integer refuses that.
      if content !~ '^-?[0-9]+$' or abs(content::numeric) > 2147483647 then
        return 'must be a whole number of at most 2147483647';
      end if;
    when 'boolean' then
      if given <> 'boolean' then return 'must be true or false'; end if;
    when 'object' then
      if given <> 'object' then return 'must be an object'; end if;
      if octet_length(value::text) > 65536 then return 'must have at most 65536 bytes'; end if;
    when 'codes' then
      if given <> 'array' then return 'must be an array of strings'; end if;
      if jsonb_array_length(value) not between 1 and 10000 then return 'must have 1 to 10000 elements'; end if;
      return (select 'has an element that ' || p.problem
              from jsonb_array_elements(value) with ordinality as e (code, n)
              cross join lateral (select case when e.code = 'null' then 'must be a string'
                                              else openstock_core.value_problem('code', e.code) end as problem) as p
              where p.problem is not null
              order by e.n limit 1);
    when 'array' then
      if given <> 'array' then return 'must be an array'; end if;
    when 'date' then
      if given <> 'string' or not openstock_core.is_date(content) then return 'must be a date, such as "2027-03-31"'; end if;
    when 'days' then
      if given <> 'number' or content::numeric not between 0 and 36500 or content::numeric <> trunc(content::numeric) then
        return 'must be a whole number of days';
      end if;
    else
      return 'is not a known key';
  end case;
  return null;
end
$$;

revoke all on function openstock_core.value_problem from public;
grant execute on function openstock_core.value_problem to openstock_api, openstock_maint;
comment on function openstock_core.value_problem is
  'What is wrong with a value for a key of this type (code, codes, text, document, number, degrees, integer, boolean, object, array, date, days), or null.';

reset role;

-- sql/functions/openstock_core/check_text.sql
-- Refuses a text argument that is too long, and normalises one that is a code.
set local role openstock_owner;

create or replace function openstock_core.check_text(argument text, wanted text, value text) returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  problem text;
begin
  if value ~ '^[!-~]{1,64}$' and wanted like 'code%' then
    -- What nearly all codes are made of: there is nothing to refuse and nothing to normalise.
    return value;
  end if;
  problem := openstock_core.value_problem(rtrim(wanted, '!'), to_jsonb(value));
  if value is null and wanted like '%!' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', 'missing'));
  elsif wanted = 'text!' and btrim(value) = '' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', 'must not be empty'));
  elsif problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', problem));
  end if;
  return case when wanted like 'code%' then normalize(btrim(value)) else value end;
end
$$;

revoke all on function openstock_core.check_text from public;
grant execute on function openstock_core.check_text to openstock_api, openstock_maint;
comment on function openstock_core.check_text is
  'Returns a text argument of type code or text (with ! where it must be given), codes NFC-normalised and trimmed. Errors: 22023.';

reset role;

-- sql/functions/openstock_core/check_choice.sql
-- Refuses an argument that is not one of its choices.
set local role openstock_owner;

create or replace function openstock_core.check_choice(argument text, value text, choices text[]) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value <> all (choices) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', argument, 'value', left(value, 100), 'problem', 'must be one of ' || array_to_string(choices, ', ')));
  end if;
end
$$;

revoke all on function openstock_core.check_choice from public;
grant execute on function openstock_core.check_choice to openstock_api;
comment on function openstock_core.check_choice is
  'Errors: 22023 where the value is neither null nor one of the choices.';

reset role;

-- sql/functions/openstock_core/check_call.sql
-- Checks the arguments that many calls share.
set local role openstock_owner;

create or replace function openstock_core.check_call(reference text, note text, reason text, occurred_at timestamptz) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.check_text('reference', 'text', reference);
  perform openstock_core.check_text('note', 'text', note);
  perform openstock_core.check_text('reason', 'text', reason);
  if not isfinite(occurred_at) then
    perform openstock_core.fail('22023', '{"argument": "occurred_at", "problem": "must be finite"}');
  end if;
end
$$;

revoke all on function openstock_core.check_call from public;
grant execute on function openstock_core.check_call to openstock_api;
comment on function openstock_core.check_call is
  'Errors: 22023 where a text is too long or a time is infinite.';

reset role;

-- sql/functions/openstock_core/check_lines.sql
-- Refuses lines that are not an array of objects with known keys of the right types.
set local role openstock_owner;

create or replace function openstock_core.check_lines(lines jsonb, keys jsonb, most integer, numbered_by text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  if lines is null or jsonb_typeof(lines) <> 'array' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'problem', 'must be a JSON array of objects'));
  end if;
  if jsonb_array_length(lines) not between 1 and most then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'problem', format('must have 1 to %s lines', most), 'lines', jsonb_array_length(lines)));
  end if;

  select f.* into bad from (
    select e.n, null as key, 'must be an object' as problem
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    where jsonb_typeof(e.line) <> 'object'
    union all
    select e.n, v.key, openstock_core.value_problem(split_part(keys ->> v.key, '!', 1), v.value)
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    cross join lateral jsonb_each(case when jsonb_typeof(e.line) = 'object' then e.line else '{}' end) as v
    union all
    select e.n, k.key, 'missing'
    from jsonb_array_elements(lines) with ordinality as e (line, n)
    cross join jsonb_each_text(keys) as k
    where k.value like '%!%' and jsonb_typeof(e.line) = 'object' and coalesce(e.line -> k.key, 'null') = 'null'
      and not exists (select from unnest(string_to_array(split_part(k.value, '! or ', 2), ' or ')) as o (key) where coalesce(e.line -> o.key, 'null') <> 'null')
  ) as f
  where f.problem is not null
  order by f.n, f.key
  limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', bad.n, 'key', bad.key, 'problem', bad.problem));
  end if;

  select l.line, max(l.n) as n into bad
  from rows from (jsonb_to_recordset(lines) as (line integer, warehouse text, sku text)) with ordinality as l (line, warehouse, sku, n)
  where l.line is not null
  group by l.line, case when numbered_by = 'line and warehouse' then normalize(btrim(l.warehouse)) end,
    case when numbered_by = 'line and warehouse' then normalize(btrim(l.sku)) end
  having (count(*) > 1 and numbered_by is not null) or l.line not between 1 and 1000000000
  order by min(l.n) limit 1;
  if bad.line is not null then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', bad.n, 'key', 'line', 'problem', 'must be between 1 and 1000000000, and given once', 'value', bad.line));
  end if;
end
$$;

revoke all on function openstock_core.check_lines from public;
grant execute on function openstock_core.check_lines to openstock_api;
comment on function openstock_core.check_lines is
  'Checks lines against keys, an object of key to type (see value_problem; a type that ends in ! must be there, one that ends in ! or another key, or several, unless one of these is), that there are at most this '
  'many, and that a line number is given once: numbered_by line, or once for each sku and warehouse: numbered_by line and warehouse; as often as one likes: null. '
  'Errors: 22023 with argument, line (place from 1), key and problem.';

reset role;

-- sql/functions/openstock_core/quantity_problem.sql
-- Whether a quantity can be one of a product. Without format(), which is not immutable, so that it is written into the queries that call it.
set local role openstock_owner;

create or replace function openstock_core.quantity_problem(qty numeric, decimals integer, lowest text) returns text
language sql
immutable
parallel safe
return case
  when lowest = 'positive' and qty <= 0 then 'must be positive'
  when lowest = 'zero' and qty < 0 then 'must not be negative'
  when lowest = 'signed' and qty = 0 then 'must not be zero'
  when scale(trim_scale(qty)) > decimals then 'must have at most ' || decimals::text || ' decimals'
end;

revoke all on function openstock_core.quantity_problem from public;
grant execute on function openstock_core.quantity_problem to openstock_api;
comment on function openstock_core.quantity_problem is
  'What is wrong with a quantity of a product with this many decimals, or null. lowest: positive, zero (allowed) or signed (not zero).';

reset role;

-- sql/functions/openstock_core/enter.sql
-- The guard at the door of every public function. Reads: tenant_login, trusted_login, tenant.
set local role openstock_owner;

create or replace function openstock_core.enter(given uuid, even_inactive boolean default false) returns uuid
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  setting constant text := nullif(current_setting('app.tenant_id', true), '');
  acting uuid := given;
begin
  if setting is not null then
    acting := openstock_core.as_uuid(setting);
    if acting is null then
      perform openstock_core.fail('OS001', jsonb_build_object('app.tenant_id', setting, 'problem', 'not a uuid'));
    end if;
    if given is distinct from acting and given is not null then
      perform openstock_core.fail('OS002', jsonb_build_object('given', given, 'set', acting));
    end if;
  elsif given is null then
    perform openstock_core.fail('OS001', '{"app.tenant_id": null}');
  else
    perform set_config('app.tenant_id', given::text, true);
  end if;

  if not exists (select from openstock_core.tenant_login b where b.tenant_id = acting and b.login = session_user)
     and not exists (select from openstock_core.trusted_login t where t.login = session_user) then
    perform openstock_core.fail('42501', jsonb_build_object('login', session_user, 'tenant', acting));
  end if;
  if not exists (select from openstock_core.tenant t where t.tenant_id = acting and (t.active or even_inactive)) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', acting));
  end if;
  return acting;
end
$$;

revoke all on function openstock_core.enter from public;
grant execute on function openstock_core.enter to openstock_api, openstock_maint;
comment on function openstock_core.enter is
  'Settles which tenant the call is for, that the login may act for it and that it is active, unless it only reads; sets it for the rest of the transaction. '
  'Errors: OS001, OS002, OS003, 42501.';

reset role;

-- sql/functions/openstock/act_for.sql
-- Names the tenant of a transaction that reads views, and says so where it cannot be: views alone would be empty.
set local role openstock_api;

create or replace function openstock.act_for(tenant uuid default null) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  return openstock_core.enter(tenant, true);
end
$$;

revoke all on function openstock.act_for from public;
grant execute on function openstock.act_for to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.act_for is
  'Sets the tenant for the rest of the transaction, as the argument tenant of the functions does, and returns it; without one, checks the one that is '
  'set. A tenant that is not active can be read. Errors: OS001, OS002, OS003 (does not exist), 42501.';

reset role;

-- sql/functions/openstock_core/enter_as_operator.sql
-- The guard of operators' functions that act within one tenant: membership of openstock_operator let them in already.
set local role openstock_owner;

create or replace function openstock_core.enter_as_operator(tenant uuid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  setting constant text := nullif(current_setting('app.tenant_id', true), '');
  acting constant uuid := openstock_core.as_uuid(setting);
begin
  if setting is not null and acting is null then
    perform openstock_core.fail('OS001', jsonb_build_object('app.tenant_id', setting, 'problem', 'not a uuid'));
  elsif acting <> tenant then
    perform openstock_core.fail('OS002', jsonb_build_object('given', tenant, 'set', acting));
  end if;
  perform set_config('app.tenant_id', coalesce(tenant::text, ''), true);
  if not exists (select from openstock_core.tenant t where t.tenant_id = tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
end
$$;

revoke all on function openstock_core.enter_as_operator from public;
grant execute on function openstock_core.enter_as_operator to openstock_api;
comment on function openstock_core.enter_as_operator is
  'Sets the tenant for the rest of the transaction, without asking what the login is bound to. Errors: OS001, OS002, OS003.';

reset role;

-- sql/functions/openstock_core/find_warehouse.sql
-- Looks a warehouse up by its code.
set local role openstock_owner;

create or replace function openstock_core.find_warehouse(tenant uuid, code text, must_be_active boolean) returns bigint
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted constant text := openstock_core.check_text('warehouse', 'code!', code);
  found_one record;
begin
  select w.warehouse_id, w.active into found_one
  from openstock_core.warehouse w
  where w.tenant_id = tenant and w.code = wanted;
  if not found then
    perform openstock_core.fail('OS103', jsonb_build_object('warehouse', wanted));
  elsif must_be_active and not found_one.active then
    perform openstock_core.fail('OS104', jsonb_build_object('warehouse', wanted));
  end if;
  return found_one.warehouse_id;
end
$$;

revoke all on function openstock_core.find_warehouse from public;
grant execute on function openstock_core.find_warehouse to openstock_api;
comment on function openstock_core.find_warehouse is 'The warehouse''s id. Errors: 22023, OS103, OS104.';

reset role;

-- sql/functions/openstock_core/find_channel.sql
-- Looks a sales channel up by its code. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.find_channel(tenant uuid, code text) returns openstock_core.channel
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  wanted constant text := openstock_core.check_text('channel', 'code!', code);
  found_one openstock_core.channel;
begin
  select c.* into found_one
  from openstock_core.channel c
  where c.tenant_id = tenant and c.code = wanted;
  if not found then
    perform openstock_core.fail('OS116', jsonb_build_object('channel', wanted));
  elsif not found_one.active then
    perform openstock_core.fail('OS117', jsonb_build_object('channel', wanted));
  end if;
  return found_one;
end
$$;

revoke all on function openstock_core.find_channel from public;
grant execute on function openstock_core.find_channel to openstock_api;
comment on function openstock_core.find_channel is 'The channel, which is active. Errors: 22023, OS116, OS117.';

reset role;

-- sql/functions/openstock_core/request_hash.sql
-- What makes two requests the same. Callers pass times in UTC: in jsonb they would otherwise carry the session's time zone.
-- Numbers of the same value are the same number: 1 and 1.0, which jsonb tells apart as text and nowhere else. A quote and a
-- colon end a key: within a string the quote would have a backslash before it, and the quote that begins a string, which may
-- itself begin with a colon, follows a space or a bracket. So no string is touched.
set local role openstock_owner;

create or replace function openstock_core.request_hash(function text, arguments jsonb) returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  given jsonb := jsonb_strip_nulls(arguments);
  request text;
begin
  if starts_with(function, 'put_') then
    -- What puts master data keeps the nulls of its lines: there a null clears a value, and an absent key leaves it.
    given := (select jsonb_object_agg(a.key, a.value) from jsonb_each(arguments) as a where a.value <> 'null');
  end if;
  request := function || coalesce(given, '{}')::text;
  return sha256(convert_to(case when strpos(request, '.') = 0 then request else
    regexp_replace(request, E'([^ \\\\{[]": -?[0-9]+)(?:[.]0+|([.][0-9]*[1-9])0+)(?=[,}])', E'\\1\\2', 'g') end, 'UTF8'));
end
$$;

revoke all on function openstock_core.request_hash from public;
grant execute on function openstock_core.request_hash to openstock_api;
comment on function openstock_core.request_hash is
  'SHA-256 of the function''s name and its arguments without nulls, so that an optional argument added later keeps old hashes, and with the '
  'numbers of their keys without trailing zeros.';

reset role;

-- sql/functions/openstock_core/level_lock.sql
-- The key of a level's advisory lock.
set local role openstock_owner;

create or replace function openstock_core.level_lock(tenant uuid, product_id bigint, warehouse_id bigint) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock level ' || tenant::text || ' ' || product_id::text || ' ' || warehouse_id::text, 0);

revoke all on function openstock_core.level_lock from public;
grant execute on function openstock_core.level_lock to openstock_api;
comment on function openstock_core.level_lock is
  'The advisory lock in which those who reserve in hot-SKU mode queue for a level, before its row. Two levels whose keys collide wait for each other.';

reset role;

-- sql/functions/openstock_core/tenant_lock.sql
-- The key of the advisory lock that every writer of a tenant shares.
set local role openstock_owner;

create or replace function openstock_core.tenant_lock(tenant uuid) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock tenant ' || tenant::text, 0);

revoke all on function openstock_core.tenant_lock from public;
grant execute on function openstock_core.tenant_lock to openstock_api, openstock_maint;
comment on function openstock_core.tenant_lock is
  'The advisory lock that writers of a tenant take shared and rebuild takes alone. Two tenants whose keys collide wait for each other''s rebuilds.';

reset role;

-- sql/functions/openstock_core/begin_operation.sql
-- Claims an op_id by its row, or finds that it was done before. Writes: operation.
-- Locks: tenant (advisory, shared: only a rebuild takes it alone), operation (the new row).
-- A twin waits here for the first one's end; its next statement then sees what the first one committed. From repeatable read on
-- it could not, and its insert ends in 40001. An advisory lock for each op_id would fill the server's lock table in a transaction
-- of thousands of calls.
set local role openstock_owner;

create or replace function openstock_core.begin_operation(tenant uuid, op_id text, function text, arguments jsonb)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  hash bytea;
  done record;
begin
  if op_id is null or octet_length(op_id) not between 1 and 128 then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'op_id', 'problem', case when op_id is null then 'missing' else 'must have 1 to 128 bytes' end));
  end if;
  if current_setting('transaction_read_only')::boolean then
    perform openstock_core.fail('25006', jsonb_build_object('function', function));
  end if;

  perform pg_advisory_xact_lock_shared(openstock_core.tenant_lock(tenant));
  hash := openstock_core.request_hash(function, arguments);
  insert into openstock_core.operation (tenant_id, op_id, function, request_hash, recorded_at)
  values (tenant, begin_operation.op_id, function, hash, openstock.server_time())
  on conflict on constraint operation_pkey do nothing;
  if found then
    return null;
  end if;

  select o.function, o.request_hash, o.answer into strict done
  from openstock_core.operation o
  where o.tenant_id = tenant and o.op_id = begin_operation.op_id;
  if done.request_hash <> hash then
    perform openstock_core.fail('OS010', jsonb_build_object('op_id', op_id, 'first_used_for', done.function));
  end if;
  if done.answer is null then
    perform openstock_core.fail('OS011', jsonb_build_object('op_id', op_id, 'function', done.function));
  end if;
  -- reserve_now may have committed it a moment ago, and the disk not have it yet. This is written to the log, so that the commit waits for that.
  perform pg_logical_emit_message(true, 'openstock', '');
  return (select coalesce(jsonb_agg(row || '{"replayed": true}' order by n), '[]')
          from jsonb_array_elements(done.answer) with ordinality as e (row, n));
end
$$;

revoke all on function openstock_core.begin_operation from public;
grant execute on function openstock_core.begin_operation to openstock_api;
comment on function openstock_core.begin_operation is
  'Claims an op_id for this transaction, or returns the stored answer where it was done before; null where it is new. '
  'Errors: 22023 (op_id), 25006, OS010, OS011, 40001 where a twin committed meanwhile and this transaction cannot see it.';

reset role;

-- sql/functions/openstock_core/finish_operation.sql
-- Stores the answer of the operation that begin_operation claimed, and puts its event into the outbox. Writes: operation, event.
set local role openstock_owner;

create or replace function openstock_core.finish_operation(tenant uuid, op_id text, answer jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  update openstock_core.operation o
  set answer = finish_operation.answer, recorded_at = stamp
  where o.tenant_id = tenant and o.op_id = finish_operation.op_id;
  insert into openstock_core.event (tenant_id, op_id, recorded_at) values (tenant, op_id, stamp);
end
$$;

revoke all on function openstock_core.finish_operation from public;
grant execute on function openstock_core.finish_operation to openstock_api;
comment on function openstock_core.finish_operation is 'Stores the answer of this transaction''s operation, and its event.';

reset role;

-- sql/functions/openstock_core/lock_order.sql
-- Locks an order by its row for this transaction. Writes: reservation (changes; the row itself, where the order may be new).
-- Locks: order. Each call leaves a trace in the row, which from repeatable read on a transaction that cannot see it trips over (40001).
set local role openstock_owner;

create or replace function openstock_core.lock_order(tenant uuid, order_ref text, may_be_new boolean) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id bigint;
begin
  for attempt in 1 .. 2 loop
    update openstock_core.reservation r set changes = r.changes + 1
    where r.tenant_id = tenant and r.order_ref = lock_order.order_ref
    returning r.reservation_id into order_id;
    exit when found or not may_be_new;
    insert into openstock_core.reservation (tenant_id, order_ref, created_at)
    values (tenant, lock_order.order_ref, openstock.server_time())
    on conflict on constraint reservation_order_ref_is_unique do nothing
    returning reservation_id into order_id;
    exit when found;
  end loop;
  return order_id;
end
$$;

revoke all on function openstock_core.lock_order from public;
grant execute on function openstock_core.lock_order to openstock_api;
comment on function openstock_core.lock_order is
  'Waits for other transactions that change the same order, keeps them out until this one ends, and returns its id; null where there is none.';

reset role;

-- sql/functions/openstock_core/lock_known_order.sql
-- Locks an order that must be there. Writes and locks: as lock_order.
set local role openstock_owner;

create or replace function openstock_core.lock_known_order(tenant uuid, order_ref text) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id constant bigint := openstock_core.lock_order(tenant, order_ref, false);
begin
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', order_ref));
  end if;
  return order_id;
end
$$;

revoke all on function openstock_core.lock_known_order from public;
grant execute on function openstock_core.lock_known_order to openstock_api;
comment on function openstock_core.lock_known_order is 'Locks an order and returns its id. Errors: OS301.';

reset role;

-- sql/functions/openstock_core/lock_orders.sql
-- Locks an order, and another that its holds are to go to and that may be new, in the one order. Writes: reservation. Locks: order, by
-- order_ref.
set local role openstock_owner;

create or replace function openstock_core.lock_orders(tenant uuid, order_ref text, new_order_ref text) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id bigint;
  new_order_id bigint;
begin
  if new_order_ref collate "C" < order_ref then
    new_order_id := openstock_core.lock_order(tenant, new_order_ref, true);
  end if;
  order_id := openstock_core.lock_known_order(tenant, order_ref);
  if new_order_ref collate "C" > order_ref then
    new_order_id := openstock_core.lock_order(tenant, new_order_ref, true);
  end if;
  return array[order_id, new_order_id];
end
$$;

revoke all on function openstock_core.lock_orders from public;
grant execute on function openstock_core.lock_orders to openstock_api;
comment on function openstock_core.lock_orders is 'The ids of both orders, locked; of the second null where it is not named. Errors: OS301.';

reset role;

-- sql/functions/openstock_core/share_places.sql
-- Keeps locations and lots as they are while units enter. Locks: location, lot (shared), before any level.
set local role openstock_owner;

create or replace function openstock_core.share_places(tenant uuid, location_ids bigint[], lot_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  closed text;
begin
  -- Not "where not active": pushed down into the subquery, it would leave the others unlocked.
  select min(s.code) filter (where not s.active) into closed from (
    select l.code, l.active from openstock_core.location l
    where l.tenant_id = tenant and l.location_id = any (location_ids)
    order by l.location_id for share) as s;
  if closed is not null then
    perform openstock_core.fail('OS106', jsonb_build_object('location', closed));
  end if;
  perform from openstock_core.lot t
  where t.tenant_id = tenant and t.lot_id = any (lot_ids)
  order by t.lot_id for share;
end
$$;

revoke all on function openstock_core.share_places from public;
grant execute on function openstock_core.share_places to openstock_api;
comment on function openstock_core.share_places is
  'Takes shared locks, so that a location''s kind and a lot''s expiry cannot change until the units have entered. Errors: OS106.';

reset role;

-- sql/functions/openstock_core/lock_bins.sql
-- Locks bins, waiting, in the one order. Locks: stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.lock_bins(tenant uuid, bin_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(bin_ids) > 0 then
    perform from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (bin_ids)
    order by b.bin_id
    for no key update;
  end if;
end
$$;

revoke all on function openstock_core.lock_bins from public;
grant execute on function openstock_core.lock_bins to openstock_api;
comment on function openstock_core.lock_bins is 'Locks these bins in order of bin_id until the transaction ends.';

reset role;

-- sql/functions/openstock_core/make_levels.sql
-- Makes stock levels that are missing, with their product's safety stock. Writes: stock_level, product (its row, unchanged).
-- Locks: product by product_id. Rewriting its row makes a change of the product that cannot see the new level, from repeatable
-- read on, end in 40001 instead of overlooking it.
set local role openstock_owner;

create or replace function openstock_core.make_levels(tenant uuid, missing openstock_core.level_key[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.product_id = any (array(select k.product_id from unnest(missing) as k))
  order by p.product_id
  for no key update;
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.product_id = any (array(select k.product_id from unnest(missing) as k));

  insert into openstock_core.stock_level (tenant_id, product_id, warehouse_id, safety_stock)
  select tenant, k.product_id, k.warehouse_id, p.safety_stock
  from unnest(missing) as k
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
  order by k.product_id, k.warehouse_id
  on conflict on constraint stock_level_pkey do nothing;
end
$$;

revoke all on function openstock_core.make_levels from public;
grant execute on function openstock_core.make_levels to openstock_api;
comment on function openstock_core.make_levels is 'Makes these stock levels, where nobody else has made them meanwhile.';

reset role;

-- sql/functions/openstock_core/due_bins.sql
-- The bins whose units expired at these levels and are not blocked yet. The levels are locked. Reads: stock_bin, lot.
set local role openstock_owner;

create or replace function openstock_core.due_bins(tenant uuid, levels openstock_core.level_key[], at timestamptz) returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select b.bin_id
    from unnest(levels) as k
    join openstock_core.stock_bin b
      on b.tenant_id = tenant and b.product_id = k.product_id and b.warehouse_id = k.warehouse_id
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.on_hand > 0 and not b.blocked and openstock_core.expiry(t.expires_on) <= at);
end
$$;

revoke all on function openstock_core.due_bins from public;
grant execute on function openstock_core.due_bins to openstock_api;
comment on function openstock_core.due_bins is 'Bins with unblocked units of lots that have expired by this moment.';

reset role;

-- sql/functions/openstock_core/lock_levels.sql
-- Locks the stock levels that a call may write, all at once and in the one order, and says which lots have to be booked there as
-- expired, and from when on holds. The caller locks their bins together with its own, by bin_id, and then calls book_due().
-- Writes: stock_level (missing rows, where asked).
-- Locks: product by product_id (where a level is missing), stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_levels(
  tenant uuid, keys openstock_core.level_key[], make_missing boolean)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.level_key[];
  locked record;
  due openstock_core.due;
begin
  if make_missing then
    missing := array(
      select distinct row(u.product_id, u.warehouse_id)::openstock_core.level_key
      from unnest(keys) as u
      where not exists (select from openstock_core.stock_level l
                        where l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = u.warehouse_id));
    if cardinality(missing) > 0 then
      perform openstock_core.make_levels(tenant, missing);
    end if;
  end if;

  select array_agg(row(l.product_id, l.warehouse_id)::openstock_core.level_key) as levels, array_agg(l.next_block_at) as block_at,
         min(l.next_expiry_at) as expiry_at
  into locked
  from (
    select l.product_id, l.warehouse_id, l.next_block_at, l.next_expiry_at
    from (select distinct u.product_id, u.warehouse_id from unnest(keys) as u) as k
    cross join lateral (
      select * from openstock_core.stock_level s
      where s.tenant_id = tenant and s.product_id = k.product_id and s.warehouse_id = k.warehouse_id
    ) as l
    order by k.product_id, k.warehouse_id
    for no key update of l
  ) as l;
  -- Read when the locks are held: it may have waited long for them.
  due := row(openstock.server_time(), '{}', '{}', '{}', '{}', '{}', locked.expiry_at);
  if due.at < all (locked.block_at) is not false then
    return due;
  end if;
  due.levels := array(
    select row(u.product_id, u.warehouse_id)::openstock_core.level_key
    from unnest(locked.levels, locked.block_at) as u (product_id, warehouse_id, block_at)
    where u.block_at <= due.at);
  due.lot_bin_ids := openstock_core.due_bins(tenant, due.levels, due.at);
  due.bin_ids := due.lot_bin_ids;
  return due;
end
$$;

revoke all on function openstock_core.lock_levels from public;
grant execute on function openstock_core.lock_levels to openstock_api;
comment on function openstock_core.lock_levels is
  'Locks stock levels in order of product and warehouse, first making the missing ones where asked, and returns the moment, which lots are due there, and when the first hold ends.';

reset role;

-- sql/functions/openstock_core/lock_candidate_levels.sql
-- Locks all levels that may serve an order's lines; also at warehouses that are not active: one that opens meanwhile would have to
-- be locked out of order. A level that came into being since the others were locked is not waited for where it comes before them,
-- or where lines and bins are locked already.
-- Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.lock_candidate_levels(
  tenant uuid, lines openstock_core.order_line[], more openstock_core.level_key[], may_wait boolean,
  inout held openstock_core.level_key[], out due openstock_core.due)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  keys openstock_core.level_key[];
  out_of_order openstock_core.level_key[];
begin
  keys := array(
    select distinct row(l.product_id, l.warehouse_id)::openstock_core.level_key as key
    from unnest(lines) as u
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id
      and l.warehouse_id = coalesce(u.warehouse_id, l.warehouse_id)
    union
    select k from unnest(more) as k
    order by key);
  if cardinality(held) > 0 then
    keys := array(
      select row(k.product_id, k.warehouse_id)::openstock_core.level_key as key
      from (select * from unnest(keys) except select * from unnest(held)) as k
      order by key);
    out_of_order := array(
      select k from unnest(keys) as k
      where not may_wait or k < (select h from unnest(held) as h order by h desc limit 1));
    if cardinality(out_of_order) > (
      select count(*) from (
        select from unnest(out_of_order) as k
        join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
        for no key update of l skip locked) as l)
    then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being and is in use"}');
    end if;
  end if;
  held := held || keys;
  due := openstock_core.lock_levels(tenant, held, false);
end
$$;

revoke all on function openstock_core.lock_candidate_levels from public;
grant execute on function openstock_core.lock_candidate_levels to openstock_api;
comment on function openstock_core.lock_candidate_levels is
  'Locks the levels of the lines'' products at the warehouses they name, or at all, that are not held yet, and returns all: no other may be promised '
  'from; and what is due there. Errors: 40001 where a new level is in use.';

reset role;

-- sql/functions/openstock_core/lock_backlogs.sql
-- Locks what waits for products, so that more can be added or some of it be taken, and the waiting holds that have ended. The levels are
-- locked. Writes: backlog (missing rows). Locks: backlog by product_id, backorder by id.
set local role openstock_owner;

create or replace function openstock_core.lock_backlogs(
  tenant uuid, product_ids bigint[], due openstock_core.due, most integer default null)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  ended bigint[];
begin
  insert into openstock_core.backlog (tenant_id, product_id)
  select tenant, p.product_id
  from (select distinct unnest(product_ids) as product_id) as p
  where not exists (select from openstock_core.backlog g where g.tenant_id = tenant and g.product_id = p.product_id)
  order by p.product_id
  on conflict on constraint backlog_pkey do nothing;

  -- All are aggregated before any is compared: a condition here would be pushed below the lock, and leave the others unlocked.
  select array_agg(g.product_id) as product_ids, array_agg(g.next_expiry_at) as expiry_at
  into locked
  from (
    select g.product_id, g.next_expiry_at
    from openstock_core.backlog g
    where g.tenant_id = tenant and g.product_id = any (lock_backlogs.product_ids)
    order by g.product_id
    for no key update) as g;
  ended := array(
    select u.product_id from unnest(locked.product_ids, locked.expiry_at) as u (product_id, expiry_at) where u.expiry_at <= due.at);
  if cardinality(ended) > 0 then
    due.backorder_ids := array(
      select b.backorder_id
      from openstock_core.backorder b
      where b.tenant_id = tenant and b.expires_at <= due.at and b.backordered > 0 and b.backorder_id in (
        select s.backorder_id
        from openstock_core.backorder s
        where s.tenant_id = tenant and s.product_id = any (ended) and s.expires_at <= due.at and s.backordered > 0
        order by s.expires_at, s.backorder_id
        limit most)
      order by b.backorder_id
      for no key update);
  end if;
  return due;
end
$$;

revoke all on function openstock_core.lock_backlogs from public;
grant execute on function openstock_core.lock_backlogs to openstock_api;
comment on function openstock_core.lock_backlogs is
  'Locks the backlogs of these products, making missing ones, and adds to what is due the holds among them that have ended, '
  'at most so many, or all.';

reset role;

-- sql/functions/openstock_core/lock_order_backorders.sql
-- Locks what an order waits for. The order and its levels are locked. Locks: backlog by product_id, backorder by id.
-- Holds that have ended wait for nothing, whether or not that is booked.
set local role openstock_owner;

create or replace function openstock_core.lock_order_backorders(tenant uuid, order_id bigint, due openstock_core.due) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(
    select b.product_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0);
begin
  if cardinality(product_ids) = 0 then
    return array[]::bigint[];
  end if;
  perform openstock_core.lock_backlogs(tenant, product_ids, null);
  return array(
    select b.backorder_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0 and (b.expires_at is null or b.expires_at > due.at)
    order by b.backorder_id
    for no key update);
end
$$;

revoke all on function openstock_core.lock_order_backorders from public;
grant execute on function openstock_core.lock_order_backorders to openstock_api;
comment on function openstock_core.lock_order_backorders is 'The ids of the order''s backorders that wait now, locked with their backlogs.';

reset role;

-- sql/functions/openstock_core/units_for_quota.sql
-- How many units that a line gives back are kept for its channel again. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.units_for_quota(tenant uuid, channel_id bigint, quota_used numeric, units numeric)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from openstock_core.channel c
             where c.tenant_id = tenant and c.channel_id = units_for_quota.channel_id and c.active) then
    return nullif(least(units, quota_used), 0);
  end if;
  return null;
end
$$;

revoke all on function openstock_core.units_for_quota from public;
grant execute on function openstock_core.units_for_quota to openstock_api;
comment on function openstock_core.units_for_quota is
  'As many as the line took from the quota and has not given back; null: none, as where the channel is not active, or none.';

reset role;

-- sql/functions/openstock_core/units_freed.sql
-- How many of the units that a line gives back come free for a sales channel, or for who has none: what another channel's line took from its
-- quota goes back there. One expression, so that PostgreSQL writes it into the query. Reads: what units_for_quota reads.
set local role openstock_owner;

create or replace function openstock_core.units_freed(
  tenant uuid, channel_id bigint, quota_used numeric, units numeric, for_channel bigint) returns numeric
language sql
stable
return units - case when quota_used > 0 and channel_id is distinct from for_channel
  then coalesce(openstock_core.units_for_quota(tenant, channel_id, quota_used, units), 0) else 0 end;

revoke all on function openstock_core.units_freed from public;
grant execute on function openstock_core.units_freed to openstock_api;
comment on function openstock_core.units_freed is
  'These units of a line of channel_id that has quota_used, less what goes back to its quota; all of them for its own channel.';

reset role;

-- sql/functions/openstock_core/find_due_holds.sql
-- Chooses holds that have ended, at locked levels, the oldest first, until they hold the units that are missing there.
-- What holds of other channels took from their quotas goes back there. Reads: reservation_line, allocation, stock_bin, lot, product,
-- channel. The smallest quantity of the product bounds how many lines are read.
set local role openstock_owner;

create or replace function openstock_core.find_due_holds(
  tenant uuid, missing openstock_core.pick[], at timestamptz, only_pinned boolean, avoided bigint[] default '{}', channels bigint[] default null)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select distinct h.reservation_line_id
    from (select m.product_id, m.warehouse_id, m.channel_id, sum(m.qty) as qty
          from rows from (unnest(missing), unnest(channels)) as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, channel_id)
          group by 1, 2, 3) as k
    cross join lateral (select s.decimals from openstock_core.product s
                        where s.tenant_id = tenant and s.product_id = k.product_id limit 1) as p
    cross join lateral (
      select l.reservation_line_id,
             sum(l.units) over (order by l.expires_at, l.reservation_line_id) - l.units as before
      from (
        select d.reservation_line_id, d.expires_at, u.units
        from openstock_core.reservation_line d
        cross join lateral (
          select case when only_pinned
            then (select sum(a.qty) from openstock_core.allocation a
                  join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = a.bin_id
                  left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
                  where a.tenant_id = tenant and a.reservation_line_id = d.reservation_line_id and a.bin_id <> all (avoided)
                    and (t.expires_on is null or openstock_core.expiry(t.expires_on) > find_due_holds.at))
            else openstock_core.units_freed(tenant, d.channel_id, d.quota_used, d.reserved, k.channel_id) end as units) as u
        where d.tenant_id = tenant and d.product_id = k.product_id and d.warehouse_id = k.warehouse_id
          and d.expires_at <= find_due_holds.at and d.reserved > 0 and u.units > 0
        order by d.expires_at, d.reservation_line_id
        limit least(ceil(k.qty * 10::numeric ^ p.decimals), 1e9)
      ) as l
    ) as h
    where h.before < k.qty);
end
$$;

revoke all on function openstock_core.find_due_holds from public;
grant execute on function openstock_core.find_due_holds to openstock_api;
comment on function openstock_core.find_due_holds is
  'Lines whose hold has ended by this moment and is not booked, that together free this much per level and channel (parallel to missing; null: none), counting what they have reserved, or '
  'only what they have pinned to bins and can be picked there: nothing of a lot that has expired, nor from bins to be avoided.';

reset role;

-- sql/functions/openstock_core/lock_due_holds.sql
-- Locks holds that have ended, so that they can be booked, and adds the bins that their units are pinned to. The levels are locked, so
-- only extend and confirm can have changed a hold meanwhile. Locks: reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.lock_due_holds(tenant uuid, due openstock_core.due, line_ids bigint[], all_of_them boolean)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(line_ids) = 0 then
    return due;
  end if;
  due.line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids) and l.expires_at <= due.at and l.reserved > 0
    order by l.reservation_line_id
    for no key update);
  if all_of_them and cardinality(due.line_ids) < cardinality(line_ids) then
    perform openstock_core.fail('OS901', jsonb_build_object('extended', cardinality(line_ids) - cardinality(due.line_ids)));
  end if;
  due.bin_ids := due.lot_bin_ids || array(
    select a.bin_id from openstock_core.allocation a
    where a.tenant_id = tenant and a.reservation_line_id = any (due.line_ids));
  return due;
end
$$;

revoke all on function openstock_core.lock_due_holds from public;
grant execute on function openstock_core.lock_due_holds to openstock_api;
comment on function openstock_core.lock_due_holds is
  'Locks those of the lines whose hold has ended still, and returns what is due with them. Errors: OS901 where all were wanted and some were extended.';

reset role;

-- sql/functions/openstock_core/backorder_movements.sql
-- Plans the entries about units that wait. Reads: backorder, reservation, warehouse.
set local role openstock_owner;

create or replace function openstock_core.backorder_movements(
  tenant uuid, event_type text, line integer, backorder_ids bigint[], units numeric[], reason text, until timestamptz)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(cardinality(backorder_ids), 0) = 0 then
    return array[]::openstock_core.movement[];
  end if;
  return array(
    select row(coalesce(backorder_movements.line, b.line), event_type, b.product_id, coalesce(b.warehouse_id, f.warehouse_id), null, 0, 0, 0, 0,
               null, r.order_ref, null, reason,
               case event_type when 'BACKORDER' then b.expires_at when 'EXTEND' then greatest(b.expires_at, until) end,
               case when event_type not in ('EXTEND', 'CONFIRM') then coalesce(k.units, -b.backordered) end,
               b.backorder_id, null, null)::openstock_core.movement
    from rows from (unnest(backorder_ids), unnest(units)) with ordinality as k (backorder_id, units, n)
    join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = k.backorder_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    cross join (select w.warehouse_id from openstock_core.warehouse w
                where w.tenant_id = tenant order by w.active desc, w.priority, w.code limit 1) as f
    order by k.n);
end
$$;

revoke all on function openstock_core.backorder_movements from public;
grant execute on function openstock_core.backorder_movements to openstock_api;
comment on function openstock_core.backorder_movements is
  'Movements of this type for these backorders, each by so many units, or by all that wait, under the order''s line or the one given; EXTEND until a time, '
  'if that is later.';

reset role;

-- sql/functions/openstock_core/end_holds.sql
-- Ends holds whose time has come: their units are nobody's any more. The levels, backlogs, backorders, lines and bins are locked.
-- Writes: ledger (DEALLOCATE, EXPIRE), stock_level, stock_bin, reservation_line, allocation, backorder, backlog.
set local role openstock_owner;

create or replace function openstock_core.end_holds(tenant uuid, op_id text, line_ids bigint[], backorder_ids bigint[])
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select * from openstock_core.post(tenant, op_id, array(
    select row(0, 'DEALLOCATE', l.product_id, l.warehouse_id, a.bin_id, 0, 0, 0, -a.qty,
               l.reservation_line_id, r.order_ref, null, 'expired', null, null, null, null, null)::openstock_core.movement
    from openstock_core.allocation a
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where a.tenant_id = tenant and a.reservation_line_id = any (line_ids)
    order by a.reservation_line_id, a.bin_id) || array(
    select row(0, 'EXPIRE', l.product_id, l.warehouse_id, null, 0, 0, -l.reserved, 0,
               l.reservation_line_id, r.order_ref, null, 'expired', null, null, null,
               case when l.quota_used > 0 then openstock_core.units_for_quota(tenant, l.channel_id, l.quota_used, l.reserved) end,
               null)::openstock_core.movement
    from openstock_core.reservation_line l
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids)
    order by l.reservation_line_id)
    || openstock_core.backorder_movements(tenant, 'EXPIRE', 0, backorder_ids, null, 'expired', null), null, null, null);

  update openstock_core.stock_level l set next_expiry_at = (
    select min(n.expires_at)
    from openstock_core.reservation_line n
    where n.tenant_id = tenant and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.expires_at is not null and n.reserved > 0)
  from (select distinct n.product_id, n.warehouse_id from openstock_core.reservation_line n
        where n.tenant_id = tenant and n.reservation_line_id = any (line_ids)) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
  update openstock_core.backlog g set next_expiry_at = (
    select min(b.expires_at)
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.product_id = g.product_id and b.expires_at is not null and b.backordered > 0)
  where g.tenant_id = tenant and g.product_id in (
    select b.product_id from openstock_core.backorder b where b.tenant_id = tenant and b.backorder_id = any (backorder_ids));
end
$$;

revoke all on function openstock_core.end_holds from public;
grant execute on function openstock_core.end_holds to openstock_api;
comment on function openstock_core.end_holds is
  'De-allocates what these lines have pinned, ends their promises and what these backorders wait for, and recomputes when the next hold ends at their levels '
  'and in their backlogs; returns the entries.';

reset role;

-- sql/functions/openstock_core/judge_bins.sql
-- Blocks the units that can be promised no longer, whose pins go, and unblocks those that can be promised again: by their status, location and lot at a
-- moment. The levels and bins are locked. Writes: ledger (DEALLOCATE, STATUS), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.judge_bins(
  tenant uuid, op_id text, levels openstock_core.level_key[], bin_ids bigint[], at timestamptz, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  changing constant bigint[] := array(
    select b.bin_id
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (bin_ids) and b.on_hand > 0
      and b.blocked <> openstock_core.enters_blocked(tenant, b.location_id, b.lot_id, b.status, at));
begin
  perform openstock_core.post(tenant, op_id,
    (select openstock_core.unpin_from_bins(tenant, 0, array_agg(b.bin_id), array_agg(b.allocated), judge_bins.reason)
     from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (changing)),
    null, null, null);
  perform openstock_core.post(tenant, op_id, array(
    select row(0, 'STATUS', b.product_id, b.warehouse_id, b.bin_id, 0, case when b.blocked then -b.on_hand else b.on_hand end, 0, 0,
               null, null, null, judge_bins.reason, null, null, null, null, null)::openstock_core.movement
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.bin_id = any (changing)
    order by b.bin_id), null, null, null);

  update openstock_core.stock_bin b set blocked = not b.blocked
  where b.tenant_id = tenant and b.bin_id = any (changing);
  update openstock_core.stock_level l set next_block_at = (
    select min(openstock_core.expiry(t.expires_on))
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked)
  from unnest(levels) as k
  where l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id;
end
$$;

revoke all on function openstock_core.judge_bins from public;
grant execute on function openstock_core.judge_bins to openstock_api;
comment on function openstock_core.judge_bins is
  'Books of these bins which are blocked from now on, de-allocates their units, and which are blocked no longer; and looks up when the next lot expires at these levels.';

reset role;

-- sql/functions/openstock_core/book_due.sql
-- Books what came due at levels: holds that ended give their units back, and units of expired lots are blocked. The levels, lines and
-- bins are locked. Writes: ledger (DEALLOCATE, EXPIRE, STATUS), stock_level, stock_bin, reservation_line, allocation, backorder,
-- backlog.
set local role openstock_owner;

create or replace function openstock_core.book_due(tenant uuid, op_id text, due openstock_core.due) returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(due.line_ids) > 0 or cardinality(due.backorder_ids) > 0 then
    return query select * from openstock_core.end_holds(tenant, op_id, due.line_ids, due.backorder_ids);
  end if;
  if cardinality(due.levels) > 0 then
    perform openstock_core.judge_bins(tenant, op_id, due.levels, due.lot_bin_ids, due.at, 'expired');
  end if;
end
$$;

revoke all on function openstock_core.book_due from public;
grant execute on function openstock_core.book_due to openstock_api;
comment on function openstock_core.book_due is
  'Books the holds that ended and blocks the units of lots that have expired; returns the entries of the holds.';

reset role;

-- sql/functions/openstock_core/refuse_stale_shortage.sql
-- A warehouse that a line names may have closed since it was looked up: that, and not a shortage, is what the caller is told then.
-- From repeatable read on, a level that was made after the snapshot is not seen. Who would say short looks at the products then:
-- make_levels rewrites their rows. Reads: warehouse. Locks: product (shared, and skipping what others hold, who may be making a level).
set local role openstock_owner;

create or replace function openstock_core.refuse_stale_shortage(tenant uuid, lines openstock_core.order_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  products constant bigint[] := array(select distinct u.product_id from unnest(lines) as u);
  closed text;
begin
  select min(w.code) into closed
  from unnest(lines) as u
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = u.warehouse_id
  where not w.active;
  if closed is not null then
    perform openstock_core.fail('OS104', jsonb_build_object('warehouse', closed));
  end if;
  if current_setting('transaction_isolation') = 'read committed' then
    return;
  end if;
  if cardinality(products) > (
    select count(*) from (
      select from openstock_core.product p
      where p.tenant_id = tenant and p.product_id = any (products)
      for share skip locked) as p)
  then
    perform openstock_core.fail('40001', '{"problem": "a product of the order is being changed"}');
  end if;
end
$$;

revoke all on function openstock_core.refuse_stale_shortage from public;
grant execute on function openstock_core.refuse_stale_shortage to openstock_api;
comment on function openstock_core.refuse_stale_shortage is
  'Ends a call that names a warehouse which has closed meanwhile, or whose snapshot may hide stock of these products. Errors: OS104, 40001.';

reset role;

-- sql/functions/openstock_core/expiry.sql
-- When a lot's last day ends.
set local role openstock_owner;

create or replace function openstock_core.expiry(expires_on date) returns timestamptz
language sql
immutable
parallel safe
return (expires_on + 1)::timestamp at time zone 'UTC';

revoke all on function openstock_core.expiry from public;
grant execute on function openstock_core.expiry to openstock_api, openstock_maint;
comment on function openstock_core.expiry is 'The first moment at which a lot with this last day is expired: midnight UTC after it.';

reset role;

-- sql/functions/openstock_core/actor.sql
-- Who is written into the ledger.
set local role openstock_owner;

create or replace function openstock_core.actor() returns text
language sql
stable
return left(coalesce(nullif(current_setting('app.actor', true), ''), session_user), 200);

revoke all on function openstock_core.actor from public;
grant execute on function openstock_core.actor to openstock_api;
comment on function openstock_core.actor is 'Who calls: app.actor where the application sets it, otherwise the login; at most 200 characters.';

reset role;

-- sql/functions/openstock_core/post_ledger.sql
-- Updates the levels and appends the entries that explain it, chaining balances and times.
-- A level that would hold more than the largest quantity is left out with its entries, and post() then says so.
-- Writes: stock_level, ledger.
set local role openstock_owner;

create or replace function openstock_core.post_ledger(
  tenant uuid, op_id text, movements openstock_core.movement[],
  occurred_at timestamptz, reference text, note text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  stamp constant timestamptz := openstock.server_time();
  who constant text := openstock_core.actor();
  partition constant text := 'ledger_' || to_char(stamp at time zone 'UTC', 'YYYY_MM');
begin
  -- Looking for the name takes about 2 us; catching the error of the INSERT would take a subtransaction at every call.
  if to_regclass('openstock_core.' || partition) is null then
    perform openstock_core.fail('OS402', jsonb_build_object('partition', partition));
  end if;
  return query
  with movement as materialized (
    select u.*, openstock_core.is_chained(u.event_type, u.backordered_delta) as chained,
           b.location_id, b.lot_id, b.status, b.handling_unit_id,
           case when u.qty_delta > 0 and not b.blocked then openstock_core.expiry(t.expires_on) end as block_at, p.by_serial
    from rows from (unnest(movements)) with ordinality as u (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord)
    left join lateral (select * from openstock_core.stock_bin s
                       where s.tenant_id = tenant and s.bin_id = u.bin_id limit 1) as b on true
    left join lateral (select * from openstock_core.lot s
                       where s.tenant_id = tenant and s.lot_id = b.lot_id limit 1) as t on true
    -- By the bin's product: what touches no bin looks nothing up.
    left join lateral (select s.tracking = 'serial' as by_serial from openstock_core.product s
                       where s.tenant_id = tenant and s.product_id = b.product_id limit 1) as p on true
  ), level as (
    update openstock_core.stock_level l
    set on_hand = trim_scale(l.on_hand + s.qty),
        blocked = trim_scale(l.blocked + s.blocked),
        reserved = trim_scale(l.reserved + s.reserved),
        fenced = trim_scale(l.fenced + s.quota),
        next_block_at = least(l.next_block_at, s.block_at),
        next_expiry_at = least(l.next_expiry_at, s.expires_at),
        last_recorded_at = greatest(stamp, l.last_recorded_at + tick) + (s.entries - 1) * tick,
        version = l.version + s.entries
    from (
      select m.product_id, m.warehouse_id, sum(m.qty_delta) as qty, sum(m.blocked_delta) as blocked,
             sum(m.reserved_delta) as reserved, sum(coalesce(m.quota_delta, 0)) as quota, count(*) as entries,
             min(m.block_at) as block_at, min(m.expires_at) as expires_at
      from movement m where m.chained
      group by m.product_id, m.warehouse_id
    ) as s
    where l.tenant_id = tenant and l.product_id = s.product_id and l.warehouse_id = s.warehouse_id
      and l.on_hand + s.qty <= 999999999999.999999
    returning l.product_id, l.warehouse_id, l.on_hand - s.qty as on_hand, l.blocked - s.blocked as blocked,
              l.reserved - s.reserved as reserved, l.safety_stock + l.fenced - s.quota as withheld,
              l.last_recorded_at - (s.entries - 1) * tick as first_at
  ), chain as (
    select m.*, l.first_at + (row_number() over level_entries - 1) * tick as chained_at,
           l.withheld + sum(coalesce(m.quota_delta, 0)) over level_entries as withheld,
           trim_scale(l.on_hand + sum(m.qty_delta) over level_entries) as on_hand_after,
           trim_scale(l.blocked + sum(m.blocked_delta) over level_entries) as blocked_after,
           trim_scale(l.reserved + sum(m.reserved_delta) over level_entries) as reserved_after
    from movement m
    left join level l on m.chained and l.product_id = m.product_id and l.warehouse_id = m.warehouse_id
    where l.product_id is not null or not m.chained
    window level_entries as (partition by m.product_id, m.warehouse_id, m.chained order by m.ord)
  ), entry as (
    insert into openstock_core.ledger (
      tenant_id, product_id, warehouse_id, recorded_at, entry_id, occurred_at, line, op_id, event_type,
      location_id, lot_id, handling_unit_id, status, qty_delta, blocked_delta, reserved_delta, allocated_delta, backordered_delta, quota_delta,
      on_hand_after, blocked_after, reserved_after,
      order_ref, reservation_line_id, backorder_id, expires_at, unit_cost, reference, reason, note, actor)
    select tenant, c.product_id, c.warehouse_id, coalesce(c.chained_at, stamp),
           nextval('openstock_core.ledger_entry_id'), post_ledger.occurred_at, c.line, post_ledger.op_id, c.event_type,
           c.location_id, c.lot_id, c.handling_unit_id, c.status, c.qty_delta, c.blocked_delta, c.reserved_delta, c.allocated_delta, c.backordered_delta, c.quota_delta,
           c.on_hand_after, c.blocked_after, c.reserved_after,
           c.order_ref, c.reservation_line_id, c.backorder_id, c.expires_at, c.unit_cost, post_ledger.reference, c.reason, post_ledger.note, who
    from (select * from chain order by ord) as c
    returning ledger.entry_id, ledger.recorded_at
  ), numbered as (
    select e.entry_id, e.recorded_at, row_number() over (order by e.entry_id) as ord from entry e
  )
  select c.ord, c.line, c.event_type, c.product_id, c.warehouse_id, c.location_id, c.lot_id, c.status, c.qty_delta,
         c.reserved_delta, c.backordered_delta, c.reservation_line_id, c.backorder_id, c.on_hand_after, c.blocked_after, c.reserved_after,
         trim_scale(c.on_hand_after - c.blocked_after - c.reserved_after - c.withheld), n.entry_id, n.recorded_at,
         coalesce(c.by_serial, false), c.serial_ids, c.handling_unit_id
  from numbered n
  join (select *, row_number() over (order by ord) as place from chain) as c on c.place = n.ord;
end
$$;

revoke all on function openstock_core.post_ledger from public;
grant execute on function openstock_core.post_ledger to openstock_api;
comment on function openstock_core.post_ledger is
  'Updates the stock levels and appends the entries; each chained entry is recorded later than the one before it at its level. '
  'Balances are null on entries that are not chained. Errors: OS402.';

reset role;

-- sql/functions/openstock_core/post_quotas.sql
-- Applies the quota part of movements to the quotas; what they change of the levels and lines is written with these. The levels are locked.
-- Writes: channel_quota.
set local role openstock_owner;

create or replace function openstock_core.post_quotas(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from unnest(movements) as u where u.quota_delta <> 0) then
    return;
  end if;
  update openstock_core.channel_quota q
  set qty = trim_scale(q.qty + m.qty)
  from (select u.product_id, u.warehouse_id, l.channel_id, sum(u.quota_delta) as qty
        from unnest(movements) as u
        cross join lateral (select * from openstock_core.reservation_line s
                            where s.tenant_id = tenant and s.reservation_line_id = u.reservation_line_id limit 1) as l
        where u.quota_delta <> 0
        group by u.product_id, u.warehouse_id, l.channel_id) as m
  where q.tenant_id = tenant and q.product_id = m.product_id and q.warehouse_id = m.warehouse_id and q.channel_id = m.channel_id;
end
$$;

revoke all on function openstock_core.post_quotas from public;
grant execute on function openstock_core.post_quotas to openstock_api;
comment on function openstock_core.post_quotas is
  'Takes what movements took from their lines'' channels'' quotas, and adds what they gave back. Where none does, it touches no table.';

reset role;

-- sql/functions/openstock_core/post_allocations.sql
-- Applies the allocated part of movements to the open allocations. Writes: allocation.
set local role openstock_owner;

create or replace function openstock_core.post_allocations(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- One for all: among pins of one call, the bin says which is the newer one.
  stamp constant timestamptz := openstock.server_time();
begin
  if not exists (select from unnest(movements) as u where u.allocated_delta <> 0) then
    return;
  end if;
  insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at)
  select tenant, u.reservation_line_id, u.bin_id, sum(u.allocated_delta), stamp
  from unnest(movements) as u
  where u.allocated_delta > 0
  group by u.reservation_line_id, u.bin_id
  on conflict on constraint allocation_pkey do update set qty = trim_scale(allocation.qty + excluded.qty);

  update openstock_core.allocation a
  set qty = trim_scale(a.qty + m.qty)
  from (select u.reservation_line_id, u.bin_id, sum(u.allocated_delta) as qty
        from unnest(movements) as u where u.allocated_delta < 0 group by u.reservation_line_id, u.bin_id) as m
  where a.tenant_id = tenant and a.reservation_line_id = m.reservation_line_id and a.bin_id = m.bin_id;

  delete from openstock_core.allocation a
  using (select distinct u.reservation_line_id, u.bin_id from unnest(movements) as u where u.allocated_delta < 0) as m
  where a.tenant_id = tenant and a.reservation_line_id = m.reservation_line_id and a.bin_id = m.bin_id and a.qty = 0;
end
$$;

revoke all on function openstock_core.post_allocations from public;
grant execute on function openstock_core.post_allocations to openstock_api;
comment on function openstock_core.post_allocations is
  'Adds and takes away what movements say was allocated; an allocation of nothing is removed.';

reset role;

-- sql/functions/openstock_core/post_backorders.sql
-- Applies the backordered part of movements to backorders and backlogs; new backorders were inserted with what they wait for.
-- Writes: backorder, backlog. The backlogs are locked where a quantity changes.
set local role openstock_owner;

create or replace function openstock_core.post_backorders(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp timestamptz;
begin
  if not exists (select from unnest(movements) as u where u.backorder_id is not null) then
    return;
  end if;
  stamp := openstock.server_time();
  update openstock_core.backorder b
  set backordered = trim_scale(b.backordered + m.taken),
      released = trim_scale(b.released + m.released),
      expired = trim_scale(b.expired + m.expired),
      expires_at = case when m.redated then m.expires_at else b.expires_at end,
      queued_at = case when m.confirmed then stamp else b.queued_at end
  from (select u.backorder_id, coalesce(sum(u.backordered_delta), 0) as taken,
               coalesce(-sum(u.backordered_delta) filter (where u.event_type = 'RELEASE'), 0) as released,
               coalesce(-sum(u.backordered_delta) filter (where u.event_type = 'EXPIRE'), 0) as expired,
               bool_or(u.event_type in ('EXTEND', 'CONFIRM')) as redated, bool_or(u.event_type = 'CONFIRM') as confirmed,
               max(u.expires_at) as expires_at
        from unnest(movements) as u
        where u.backorder_id is not null
        group by u.backorder_id) as m
  where b.tenant_id = tenant and b.backorder_id = m.backorder_id and (m.taken < 0 or m.redated);

  update openstock_core.backlog g
  set backordered = trim_scale(g.backordered + m.qty), next_expiry_at = least(g.next_expiry_at, m.expires_at)
  from (select u.product_id, sum(u.backordered_delta) as qty, min(u.expires_at) as expires_at
        from unnest(movements) as u where u.backordered_delta <> 0 group by u.product_id) as m
  where g.tenant_id = tenant and g.product_id = m.product_id;
end
$$;

revoke all on function openstock_core.post_backorders from public;
grant execute on function openstock_core.post_backorders to openstock_api;
comment on function openstock_core.post_backorders is
  'Adds and takes away what movements say about units that wait for stock. A backorder that is confirmed joins the queue at that moment.';

reset role;

-- sql/functions/openstock_core/refuse_unwritten.sql
-- Says why post_ledger left movements out: a level would grow beyond the largest quantity, or has no row.
-- Reads: stock_level, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.refuse_unwritten(
  tenant uuid, op_id text, movements openstock_core.movement[], written openstock_core.posted[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  too_much jsonb;
begin
  select jsonb_build_object('sku', p.sku, 'warehouse', w.code, 'on_hand', l.on_hand, 'qty', s.qty,
                            'problem', 'on_hand must have at most 12 digits before the point') into too_much
  from (select u.product_id, u.warehouse_id, sum(u.qty_delta) as qty from unnest(movements) as u group by 1, 2) as s
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = s.product_id and l.warehouse_id = s.warehouse_id
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = s.product_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = s.warehouse_id
  where not exists (select from unnest(written) as u where u.product_id = s.product_id and u.warehouse_id = s.warehouse_id)
  order by s.product_id, s.warehouse_id
  limit 1;
  if found then
    perform openstock_core.fail('OS110', too_much);
  end if;
  perform openstock_core.fail('OS902', jsonb_build_object(
    'op_id', op_id, 'movements', cardinality(movements), 'written', cardinality(written)));
end
$$;

revoke all on function openstock_core.refuse_unwritten from public;
grant execute on function openstock_core.refuse_unwritten to openstock_api;
comment on function openstock_core.refuse_unwritten is
  'Errors: OS110 with the level that would grow beyond the largest quantity, otherwise OS902.';

reset role;

-- sql/functions/openstock_core/choose_serials.sql
-- Says which pieces each movement is about: those that the caller named, otherwise the first of those that it can be about, by
-- serial_id: of a line's pins where pins are taken off (first those that lines lack) or pinned units leave, of the bin's free pieces elsewhere, such that lines which
-- lack certain ones find them (find_claims). The bins are locked. Reads: serial_unit, and what find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.choose_serials(
  tenant uuid, movements openstock_core.movement[], written openstock_core.posted[])
returns openstock_core.piece[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  named constant bigint[] := array(
    select n.serial_id from unnest(movements) as m cross join lateral unnest(m.serial_ids) as n (serial_id));
  claims constant openstock_core.order_line[] := openstock_core.find_claims(tenant, array(
    select row(m.product_id, m.warehouse_id)::openstock_core.level_key from unnest(movements) as m where m.serial_ids is null), at, null);
  claimed constant bigint[] := array(
    select distinct n.serial_id from unnest(claims) as c cross join lateral unnest(c.serial_ids) as n (serial_id));
  taken openstock_core.pick[];
  ours bigint[];
begin
  if cardinality(claimed) > 0 then
    taken := array(
      select row(null, m.product_id, m.warehouse_id, m.bin_id, sum(greatest(m.allocated_delta - m.qty_delta, 0)), null)::openstock_core.pick
      from unnest(movements) as m
      group by m.product_id, m.warehouse_id, m.bin_id);
    -- The bins have given these units already, their pieces have not.
    ours := array(
      select n.serial_id
      from unnest(openstock_core.plan_pins(tenant, array(
        select row(c.line, c.sku, c.product_id, c.warehouse_id, c.qty, c.location_id, c.lot_id, c.min_days_left, c.kit_id, c.kit_qty, case when c.serial_ids is not null then array(
                 select s from unnest(c.serial_ids) as s where s <> all (named)) end)::openstock_core.order_line
        from unnest(claims) as c), null, null, null, at, false, taken, taken)) as p
      cross join lateral unnest(p.serial_ids) as n (serial_id)
      where p.reservation_line_id = 0);
  end if;
  return array(
    with asked as (
      select m.ord, m.bin_id, m.serial_ids, m.qty_delta, case when m.allocated_delta < 0 then m.reservation_line_id end as line_id,
             greatest(abs(m.qty_delta), abs(m.allocated_delta)) as units
      from rows from (unnest(movements)) with ordinality as m (
        line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
        reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord)
      join unnest(written) as w on w.ord = m.ord and w.by_serial
    ), unnamed as (
      -- What enters is always named.
      select a.*, sum(a.units) over (partition by a.bin_id, a.line_id order by a.ord) - a.units as start
      from asked a
      where a.serial_ids is null and a.qty_delta <= 0
    ), pool as (
      select k.bin_id, k.line_id, s.serial_id,
             row_number() over (partition by k.bin_id, k.line_id order by s.serial_id) as place
      from (select u.bin_id, u.line_id, sum(u.units) as units, bool_and(u.qty_delta = 0) as frees from unnamed u group by u.bin_id, u.line_id) as k
      cross join lateral (
        (select u.serial_id from openstock_core.serial_unit u
         where k.line_id is null and u.tenant_id = tenant and u.bin_id = k.bin_id and u.reservation_line_id is null
           and u.serial_id <> all (named)
         order by u.serial_id = any (ours) desc, u.serial_id = any (claimed), u.serial_id limit k.units)
        union all
        (select u.serial_id from openstock_core.serial_unit u
         where u.tenant_id = tenant and u.bin_id = k.bin_id and u.reservation_line_id = k.line_id and u.serial_id <> all (named)
         order by (u.serial_id = any (claimed)) = k.frees desc, u.serial_id limit k.units)) as s
    )
    select row(a.ord, n.serial_id)::openstock_core.piece
    from asked a cross join lateral unnest(a.serial_ids) as n (serial_id)
    union all
    select row(u.ord, p.serial_id)::openstock_core.piece
    from unnamed u
    join pool p on p.bin_id = u.bin_id and p.line_id is not distinct from u.line_id
      and p.place > u.start and p.place <= u.start + u.units);
end
$$;

revoke all on function openstock_core.choose_serials from public;
grant execute on function openstock_core.choose_serials to openstock_api;
comment on function openstock_core.choose_serials is
  'The pieces of each movement about a product tracked by serial; fewer than units where the bins have no more.';

reset role;

-- sql/functions/openstock_core/post_serials.sql
-- Applies movements of products tracked by serial to their pieces: the one place where a piece goes from bin to bin, or is pinned.
-- The bins are locked, and the pieces that come in. Pieces that a line asked for and got it asks for no more.
-- Writes: ledger_serial, serial_unit, reservation_line (which pieces it asks for).
set local role openstock_owner;

create or replace function openstock_core.post_serials(
  tenant uuid, op_id text, movements openstock_core.movement[], written openstock_core.posted[])
returns openstock_core.posted[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  pieces constant openstock_core.piece[] := openstock_core.choose_serials(tenant, movements, written);
  partition constant text := 'ledger_serial_' || to_char((written[1]).recorded_at at time zone 'UTC', 'YYYY_MM');
  wrong jsonb;
  expected integer;
  changed integer;
begin
  if to_regclass('openstock_core.' || partition) is null then
    perform openstock_core.fail('OS402', jsonb_build_object('partition', partition));
  end if;
  select jsonb_build_object('op_id', op_id, 'entry_id', w.entry_id, 'units', greatest(abs(m.qty_delta), abs(m.allocated_delta)), 'serials', coalesce(c.serials, 0))
  into wrong
  from unnest(written) as w
  join unnest(movements) with ordinality as m (
    line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
    reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = w.ord
  left join (select p.ord, count(distinct p.serial_id) as serials from unnest(pieces) as p group by p.ord) as c on c.ord = w.ord
  where w.by_serial and coalesce(c.serials, 0) <> greatest(abs(m.qty_delta), abs(m.allocated_delta))
  order by w.ord
  limit 1;
  if found then
    perform openstock_core.fail('OS902', wrong);
  end if;

  insert into openstock_core.ledger_serial (tenant_id, serial_id, recorded_at, entry_id)
  select tenant, p.serial_id, w.recorded_at, w.entry_id
  from unnest(pieces) as p
  join unnest(written) as w on w.ord = p.ord;

  -- A piece ends where the last movement brings it, and has to have been where the first one takes it from.
  with change as (
    select p.serial_id,
           (array_agg(case when m.qty_delta > 0 then null else m.bin_id end order by m.ord))[1] as old_bin,
           (array_agg(case when m.qty_delta < 0 then null else m.bin_id end order by m.ord desc))[1] as new_bin,
           (array_agg(case when m.allocated_delta < 0 then m.reservation_line_id end order by m.ord))[1] as old_line,
           (array_agg(case when m.allocated_delta > 0 then m.reservation_line_id end order by m.ord desc))[1] as new_line
    from unnest(pieces) as p
    join unnest(movements) with ordinality as m (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = p.ord
    group by p.serial_id
  )
  update openstock_core.serial_unit u set bin_id = c.new_bin, reservation_line_id = c.new_line
  from change c
  where u.tenant_id = tenant and u.serial_id = c.serial_id
    and u.bin_id is not distinct from c.old_bin and u.reservation_line_id is not distinct from c.old_line;
  get diagnostics changed = row_count;
  expected := (select count(distinct p.serial_id) from unnest(pieces) as p);
  if changed <> expected then
    perform openstock_core.fail('OS902', jsonb_build_object('op_id', op_id, 'serials', expected, 'changed', changed));
  end if;

  update openstock_core.reservation_line l
  set serial_ids = array(select s from unnest(l.serial_ids) as s where s <> all (g.serial_ids))
  from (
    select m.reservation_line_id, array_agg(p.serial_id) as serial_ids
    from unnest(pieces) as p
    join unnest(movements) with ordinality as m (
      line, event_type, product_id, warehouse_id, bin_id, qty_delta, blocked_delta, reserved_delta, allocated_delta,
      reservation_line_id, order_ref, unit_cost, reason, expires_at, backordered_delta, backorder_id, quota_delta, serial_ids, ord) on m.ord = p.ord
    where m.event_type = 'SHIP'
    group by m.reservation_line_id) as g
  where l.tenant_id = tenant and l.reservation_line_id = g.reservation_line_id and l.serial_ids && g.serial_ids;

  return array(
    select row(w.ord, w.line, w.event_type, w.product_id, w.warehouse_id, w.location_id, w.lot_id, w.status, w.qty_delta, w.reserved_delta,
               w.backordered_delta, w.reservation_line_id, w.backorder_id, w.on_hand, w.blocked, w.reserved, w.available, w.entry_id, w.recorded_at,
               w.by_serial, s.serial_ids, w.handling_unit_id)::openstock_core.posted
    from unnest(written) as w
    left join (select p.ord, array_agg(p.serial_id) as serial_ids from unnest(pieces) as p group by p.ord) as s on s.ord = w.ord);
end
$$;

revoke all on function openstock_core.post_serials from public;
grant execute on function openstock_core.post_serials to openstock_api;
comment on function openstock_core.post_serials is
  'Says of which pieces the entries are, takes these to their bins, pins and frees them, and returns the entries with them. Errors: OS402, and OS902 where an entry '
  'has not as many pieces as units, or a piece is not where it should be.';

reset role;

-- sql/functions/openstock_core/post.sql
-- The one place where stock changes: writes movements to the ledger and applies each to the projections by the same
-- rule by which openstock_core.differences() replays them. The caller holds the locks of all levels and bins named.
-- Writes: stock_level, ledger, stock_bin, reservation_line (what left it), channel_quota, allocation, backorder, backlog, ledger_serial, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.post(
  tenant uuid, op_id text, movements openstock_core.movement[],
  occurred_at timestamptz, reference text, note text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  written openstock_core.posted[];
  any_serial boolean;
begin
  if cardinality(movements) = 0 then
    return;
  end if;
  select array_agg(p), bool_or(p.by_serial) into written, any_serial
  from openstock_core.post_ledger(tenant, op_id, movements, occurred_at, reference, note) as p;
  if cardinality(written) is distinct from cardinality(movements) then
    perform openstock_core.refuse_unwritten(tenant, op_id, movements, coalesce(written, array[]::openstock_core.posted[]));
  end if;

  update openstock_core.stock_bin b
  set on_hand = trim_scale(b.on_hand + m.qty), allocated = trim_scale(b.allocated + m.allocated)
  from (select u.bin_id, sum(u.qty_delta) as qty, sum(u.allocated_delta) as allocated
        from unnest(movements) as u where u.bin_id is not null group by u.bin_id) as m
  where b.tenant_id = tenant and b.bin_id = m.bin_id and (m.qty <> 0 or m.allocated <> 0);

  update openstock_core.reservation_line l
  set reserved = trim_scale(l.reserved + m.reserved),
      shipped = trim_scale(l.shipped + m.shipped),
      released = trim_scale(l.released - m.reserved - m.shipped - m.expired),
      expired = trim_scale(l.expired + m.expired),
      expires_at = case when m.redated then m.expires_at else l.expires_at end,
      quota_used = trim_scale(l.quota_used - m.quota)
  from (select u.reservation_line_id, sum(u.reserved_delta) as reserved,
               sum(case when u.event_type = 'SHIP' then -u.qty_delta else 0 end) as shipped,
               sum(case when u.event_type = 'EXPIRE' then -u.reserved_delta else 0 end) as expired,
               bool_or(u.event_type in ('EXTEND', 'CONFIRM')) as redated, max(u.expires_at) as expires_at, sum(coalesce(u.quota_delta, 0)) as quota
        from unnest(movements) as u
        where u.event_type in ('SHIP', 'RELEASE', 'EXPIRE', 'EXTEND', 'CONFIRM') and u.reservation_line_id is not null
        group by u.reservation_line_id) as m
  where l.tenant_id = tenant and l.reservation_line_id = m.reservation_line_id;

  perform openstock_core.post_quotas(tenant, movements);
  perform openstock_core.post_allocations(tenant, movements);
  perform openstock_core.post_backorders(tenant, movements);
  if any_serial then
    written := openstock_core.post_serials(tenant, op_id, movements, written);
  end if;
  return query select * from unnest(written);
end
$$;

revoke all on function openstock_core.post from public;
grant execute on function openstock_core.post to openstock_api;
comment on function openstock_core.post is
  'Writes movements to the ledger and the projections, and returns the entries, each with its place among them and the level''s balances after it. '
  'Errors: OS110 (on_hand would be too large), OS902.';

reset role;

-- sql/functions/openstock_core/unpin_from_bins.sql
-- Plans which allocations give way when a bin loses units that are pinned: those of holds that have
-- ended, then of lines that any other units will do for, then the newest. Reads: allocation, reservation_line, reservation.
set local role openstock_owner;

create or replace function openstock_core.unpin_from_bins(
  tenant uuid, line integer, bin_ids bigint[], units numeric[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
begin
  return array(
    select row(unpin_from_bins.line, 'DEALLOCATE', b.product_id, b.warehouse_id, b.bin_id, 0, 0, 0, -trim_scale(least(s.qty, s.surplus - s.before)),
               s.reservation_line_id, r.order_ref, null, unpin_from_bins.reason, null, null, null, null, null)::openstock_core.movement
    from (
      select a.bin_id, a.reservation_line_id, a.qty, k.surplus, l.reservation_id,
             sum(a.qty) over (partition by a.bin_id order by (l.expires_at <= at) is true desc, num_nonnulls(l.location_id, l.lot_id, l.min_days_left),
                              a.created_at desc,
                              a.reservation_line_id desc) - a.qty as before
      from unnest(bin_ids, units) as k (bin_id, surplus)
      join openstock_core.allocation a on a.tenant_id = tenant and a.bin_id = k.bin_id
      left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
      where k.surplus > 0
    ) as s
    -- Each is there. Left joins keep the planner from joining all bins with all lines of the tenant before it looks at s.
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = s.bin_id
    left join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = s.reservation_id
    where s.before < s.surplus
    order by b.bin_id, s.reservation_line_id);
end
$$;

revoke all on function openstock_core.unpin_from_bins from public;
grant execute on function openstock_core.unpin_from_bins to openstock_api;
comment on function openstock_core.unpin_from_bins is
  'DEALLOCATE movements that free these units of locked bins, those of holds that have ended first, of lines that ask for certain units last, then the newest.';

reset role;

-- sql/functions/openstock_core/unpin_from_lines.sql
-- Plans which allocations give way when a line gives promised units back: units that are not pinned go first, then the
-- newest allocations. The bins are locked. Reads: allocation.
set local role openstock_owner;

create or replace function openstock_core.unpin_from_lines(
  tenant uuid, order_ref text, taken openstock_core.taken_line[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(s.line, 'DEALLOCATE', s.product_id, s.warehouse_id, s.bin_id, 0, 0, 0, -trim_scale(least(s.qty, s.surplus - s.before)),
               s.reservation_line_id, order_ref, null, reason, null, null, null, null, null)::openstock_core.movement
    from (
      select t.line, t.product_id, t.warehouse_id, a.reservation_line_id, a.bin_id, a.qty,
             t.qty - t.reserved + sum(a.qty) over (partition by a.reservation_line_id) as surplus,
             sum(a.qty) over (partition by a.reservation_line_id order by a.created_at desc, a.bin_id desc) - a.qty as before
      from unnest(taken) as t
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id
    ) as s
    where s.before < s.surplus
    order by s.reservation_line_id, s.bin_id);
end
$$;

revoke all on function openstock_core.unpin_from_lines from public;
grant execute on function openstock_core.unpin_from_lines to openstock_api;
comment on function openstock_core.unpin_from_lines is
  'DEALLOCATE movements that leave each line no more allocated than it will have reserved, newest allocations first.';

reset role;

-- sql/functions/openstock_core/lock_names.sql
-- Lets one transaction at a time give names to new master data of a kind. Locks: names (advisory).
-- Two that created the same name at once would not see each other's row: the second would put defaults over what the first wrote.
set local role openstock_owner;

create or replace function openstock_core.lock_names(tenant uuid, kind text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended(tenant::text || ' new ' || kind, 0));
end
$$;

revoke all on function openstock_core.lock_names from public;
grant execute on function openstock_core.lock_names to openstock_api;
comment on function openstock_core.lock_names is
  'Waits for other transactions that create master data of this kind (product, warehouse, location), and keeps them out until this one ends.';

reset role;

-- sql/functions/openstock_core/check_master_lines.sql
-- Refuses master data lines that name something twice or make null what must have a value.
set local role openstock_owner;

create or replace function openstock_core.check_master_lines(lines jsonb, not_null text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select g.n, case
        when count(*) over (partition by normalize(btrim(g.v ->> 'code'))) > 1 then
          '{"key": "code", "problem": "is named by another line too"}'::jsonb
        when n.key is not null then jsonb_build_object('key', n.key, 'problem', 'must not be null')
        when g.v ->> 'name' = '' or char_length(g.v ->> 'name') > 200 then '{"key": "name", "problem": "must have 1 to 200 characters"}'
        when g.v ->> 'kind' not in ('receiving', 'storage', 'picking', 'packing', 'quarantine') then
          '{"key": "kind", "problem": "must be receiving, storage, picking, packing or quarantine"}'
      end as problem
    from jsonb_array_elements(lines) with ordinality as g (v, n)
    left join lateral (select e.key from jsonb_each(g.v) as e
                       where e.value = 'null' and e.key = any (not_null) order by e.key limit 1) as n on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_master_lines from public;
grant execute on function openstock_core.check_master_lines to openstock_api;
comment on function openstock_core.check_master_lines is
  'Errors: 22023 with line, key and problem.';

reset role;

-- sql/functions/openstock_core/check_products.sql
-- Refuses product lines whose values are not known words, or that do not fit stock that exists.
-- Reads: product, ledger, channel_quota, kit_component.
set local role openstock_owner;

create or replace function openstock_core.check_products(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, normalize(btrim(e.line ->> 'sku')) as sku, e.line as v
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), known as (
    select g.*, p.product_id, p.tracking, p.decimals, count(*) over (partition by g.sku) as times,
           coalesce(g.v ->> 'backorder', p.backorder, 'none') as backorder_then,
           coalesce((g.v ->> 'decimals')::numeric, p.decimals, 0) as decimals_then,
           coalesce((g.v ->> 'safety_stock')::numeric, p.safety_stock, 0) as safety_then,
           case when g.v ? 'backorder_limit' then (g.v ->> 'backorder_limit')::numeric else p.backorder_limit end as limit_then
    from given g
    left join openstock_core.product p on p.tenant_id = tenant and p.sku = g.sku
  )
  select f.* into bad from (
    select k.n, k.sku, case
        when k.times > 1 then '{"key": "sku", "problem": "names a product that another line names too"}'::jsonb
        when k.product_id is null and k.v ->> 'name' is null then '{"key": "name", "problem": "missing"}'
        when k.v ? 'name' and char_length(coalesce(k.v ->> 'name', '')) not between 1 and 500 then
          '{"key": "name", "problem": "must have 1 to 500 characters"}'
        when n.key is not null then jsonb_build_object('key', n.key, 'problem', 'must not be null')
        when k.v ->> 'unit' !~ '^[A-Z0-9]{1,3}$' then '{"key": "unit", "problem": "must be a UN/CEFACT Rec 20 code, such as C62 or KGM"}'
        when (k.v ->> 'decimals')::numeric not between 0 and 6 then '{"key": "decimals", "problem": "must be between 0 and 6"}'
        when k.v ->> 'tracking' not in ('none', 'lot', 'serial') then '{"key": "tracking", "problem": "must be none, lot or serial"}'
        when coalesce(k.v ->> 'tracking', k.tracking) = 'serial' and k.decimals_then > 0 then
          '{"key": "decimals", "problem": "must be 0 where tracking is serial"}'
        when k.v ->> 'removal' not in ('fefo', 'fifo', 'lifo', 'fewest_bins') then
          '{"key": "removal", "problem": "must be fefo, fifo, lifo or fewest_bins"}'
        when k.backorder_then not in ('none', 'unlimited', 'limited') then
          '{"key": "backorder", "problem": "must be none, unlimited or limited"}'
        when (k.backorder_then = 'limited') <> (k.limit_then is not null) or k.limit_then <= 0 then
          '{"key": "backorder_limit", "problem": "must be positive where backorder is limited, and null elsewhere"}'
        when (k.v ->> 'safety_stock')::numeric < 0 then '{"key": "safety_stock", "problem": "must not be negative"}'
        when (k.v ->> 'reorder_point')::numeric < 0 then '{"key": "reorder_point", "problem": "must not be negative"}'
        when (k.v ->> 'reorder_quantity')::numeric <= 0 then '{"key": "reorder_quantity", "problem": "must be positive"}'
        when (k.v ->> 'tracking' <> k.tracking or (k.v ->> 'decimals')::numeric < k.decimals)
          and exists (select from openstock_core.ledger e where e.tenant_id = tenant and e.product_id = k.product_id) then
          '{"code": "OS120", "problem": "tracking and fewer decimals do not fit the ledger that the product has"}'
        when (k.v ->> 'decimals')::numeric < k.decimals and exists (
          select from openstock_core.channel_quota q
          where q.tenant_id = tenant and q.product_id = k.product_id and scale(trim_scale(q.qty)) > (k.v ->> 'decimals')::numeric) then
          '{"code": "OS120", "problem": "fewer decimals do not fit what is kept of the product for sales channels"}'
        when (k.v ->> 'decimals')::numeric < k.decimals and exists (
          select from openstock_core.kit_component c
          where c.tenant_id = tenant and c.component_id = k.product_id and scale(trim_scale(c.qty)) > (k.v ->> 'decimals')::numeric) then
          '{"code": "OS120", "problem": "fewer decimals do not fit the kits that the product is part of"}'
        when scale(trim_scale(k.safety_then)) > k.decimals_then then
          '{"key": "safety_stock", "problem": "must not have more decimals than the product"}'
      end as problem
    from known k
    left join lateral (
      select v.key from jsonb_each(k.v) as v
      where v.value = 'null' and v.key not in (
        'line', 'description', 'backorder_limit', 'reorder_point', 'reorder_quantity', 'lead_time_days')
      order by v.key limit 1) as n on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem ->> 'code' = 'OS120' then
    perform openstock_core.fail('OS120', jsonb_build_object('line', bad.n, 'sku', bad.sku) || (bad.problem - 'code'));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_products from public;
grant execute on function openstock_core.check_products to openstock_api;
comment on function openstock_core.check_products is
  'Errors: 22023 with line, key and problem; OS120 where tracking or decimals do not fit the product''s ledger, quotas or kits.';

reset role;

-- sql/functions/openstock_core/check_warehouses.sql
-- Refuses warehouse lines whose position or shipping costs make no sense. The warehouses are locked. Reads: warehouse.
set local role openstock_owner;

create or replace function openstock_core.check_warehouses(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, normalize(btrim(e.line ->> 'code')) as code, e.line as v,
           coalesce(nullif(e.line -> 'shipping_cost_by_zone', 'null'), '{}') as zones
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), known as (
    select g.n, g.v, g.zones,
           case when g.v ? 'latitude' then (g.v ->> 'latitude')::numeric else w.latitude::numeric end as latitude,
           case when g.v ? 'longitude' then (g.v ->> 'longitude')::numeric else w.longitude::numeric end as longitude
    from given g
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.code = g.code
  )
  select f.* into bad from (
    select k.n, case
        when k.latitude not between -90 and 90 then '{"key": "latitude", "problem": "must be between -90 and 90"}'::jsonb
        when k.latitude is null and k.longitude is not null then
          '{"key": "latitude", "problem": "must be given where longitude is"}'
        when k.longitude is null and k.latitude is not null then
          '{"key": "longitude", "problem": "must be given where latitude is"}'
        when (k.v ->> 'shipping_cost')::numeric < 0 then '{"key": "shipping_cost", "problem": "must not be negative"}'
        when (select count(*) from jsonb_object_keys(k.zones)) > 1000 then
          '{"key": "shipping_cost_by_zone", "problem": "must have at most 1000 zones"}'
        else z.problem
      end as problem
    from known k
    left join lateral (
      select jsonb_build_object('key', 'shipping_cost_by_zone', 'zone', left(c.zone, 100), 'problem', c.problem) as problem
      from (select e.key as zone, case
                when openstock_core.value_problem('code', to_jsonb(e.key)) is not null then
                  openstock_core.value_problem('code', to_jsonb(e.key))
                when e.value = 'null' then 'must be a number'
                when openstock_core.value_problem('number', e.value) is not null then
                  openstock_core.value_problem('number', e.value)
                when (e.value #>> '{}')::numeric < 0 then 'must not be negative'
                when count(*) over (partition by normalize(btrim(e.key))) > 1 then 'is named twice'
              end as problem
            from jsonb_each(k.zones) as e) as c
      where c.problem is not null
      order by c.zone limit 1) as z on true
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || bad.problem);
  end if;
end
$$;

revoke all on function openstock_core.check_warehouses from public;
grant execute on function openstock_core.check_warehouses to openstock_api;
comment on function openstock_core.check_warehouses is
  'Errors: 22023 with line, key and problem, and the zone whose cost is wrong.';

reset role;

-- sql/functions/openstock_core/copy_safety_stock.sql
-- Brings the levels' safety stock in line with their products'. Writes: stock_level. Locks: stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.copy_safety_stock(tenant uuid, product_ids bigint[], safety_stocks numeric[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from unnest(product_ids, safety_stocks) as k (product_id, safety_stock)
  join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id
  where l.safety_stock <> k.safety_stock
  order by l.product_id, l.warehouse_id
  for no key update of l;
  update openstock_core.stock_level l
  set safety_stock = k.safety_stock
  from unnest(product_ids, safety_stocks) as k (product_id, safety_stock)
  where l.tenant_id = tenant and l.product_id = k.product_id and l.safety_stock <> k.safety_stock;
end
$$;

revoke all on function openstock_core.copy_safety_stock from public;
grant execute on function openstock_core.copy_safety_stock to openstock_api;
comment on function openstock_core.copy_safety_stock is
  'Copies the safety stock of these products to their stock levels.';

reset role;

-- sql/functions/openstock_core/trimmed_numbers.sql
-- Takes trailing zeros off the numbers of an object: a column with at most six decimals refuses 1.0000000.
set local role openstock_owner;

create or replace function openstock_core.trimmed_numbers(given jsonb) returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(jsonb_object_agg(v.key, trim_scale((v.value #>> '{}')::numeric)), '{}')
          from jsonb_each(given) as v where jsonb_typeof(v.value) = 'number');
end
$$;

revoke all on function openstock_core.trimmed_numbers from public;
grant execute on function openstock_core.trimmed_numbers to openstock_api;
comment on function openstock_core.trimmed_numbers is 'The keys of an object whose values are numbers, without trailing zeros.';

reset role;

-- sql/functions/openstock_core/write_products.sql
-- Upserts products, the work behind openstock.put_products. Writes: product, stock_level (safety_stock).
-- Locks: names (where a product is new), product by product_id, stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.write_products(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  skus constant text[] := array(select normalize(btrim(l ->> 'sku')) from jsonb_array_elements(lines) as l);
  answer jsonb;
  known bigint[];
  safety_stocks numeric[];
begin
  if (select count(*) from openstock_core.product p where p.tenant_id = tenant and p.sku = any (skus)) < cardinality(skus) then
    perform openstock_core.lock_names(tenant, 'product');
  end if;
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id for no key update;
  perform openstock_core.check_products(tenant, lines);

  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join
  -- on an expression whose functions might leak.
  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'sku')) as sku, e.line as keys
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, p.product_id, p as old, jsonb_populate_record(
             coalesce(p, row(tenant, null, g.sku, null, null, 'C62', 0, 'none', 'fefo', 'none', null, 0, null, null, null,
                             '{}', true, stamp, stamp, null, false)::openstock_core.product),
             (g.keys - 'line' - 'lead_time_days') || openstock_core.trimmed_numbers(g.keys) || jsonb_build_object('sku', g.sku) || case when g.keys ? 'lead_time_days'
               then jsonb_build_object('lead_time', (g.keys ->> 'lead_time_days') || ' days') else '{}' end) as new
    from given g
    left join openstock_core.product p on p.tenant_id = tenant and p.sku = g.sku
  ), written as (
    insert into openstock_core.product as p (
      tenant_id, sku, name, description, unit, decimals, tracking, removal, backorder, backorder_limit, safety_stock,
      reorder_point, reorder_quantity, lead_time, attributes, active, created_at, updated_at)
    select tenant, (m.new).sku, (m.new).name, (m.new).description, (m.new).unit, (m.new).decimals, (m.new).tracking,
           (m.new).removal, (m.new).backorder, (m.new).backorder_limit, (m.new).safety_stock, (m.new).reorder_point,
           (m.new).reorder_quantity, (m.new).lead_time, (m.new).attributes, (m.new).active, stamp, stamp
    from merged m
    where m.product_id is null or m.new is distinct from m.old
    order by (m.new).sku
    on conflict on constraint product_sku_is_unique do update
    set name = excluded.name, description = excluded.description, unit = excluded.unit, decimals = excluded.decimals,
        tracking = excluded.tracking, removal = excluded.removal, backorder = excluded.backorder,
        backorder_limit = excluded.backorder_limit, safety_stock = excluded.safety_stock,
        reorder_point = excluded.reorder_point, reorder_quantity = excluded.reorder_quantity,
        lead_time = excluded.lead_time, attributes = excluded.attributes, active = excluded.active,
        updated_at = excluded.updated_at
    returning p.sku
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', (m.new).sku, 'outcome', case
           when m.product_id is null then 'created' when w.sku is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n),
         array_agg(m.product_id order by m.n) filter (where m.product_id is not null),
         array_agg((m.new).safety_stock order by m.n) filter (where m.product_id is not null)
  into answer, known, safety_stocks
  from merged m
  left join written w on w.sku = (m.new).sku;

  perform openstock_core.copy_safety_stock(tenant, known, safety_stocks);
  return answer;
end
$$;

revoke all on function openstock_core.write_products from public;
grant execute on function openstock_core.write_products to openstock_api;
comment on function openstock_core.write_products is
  'Upserts products line by line and returns openstock.put_result rows. Errors: those of check_products.';

reset role;

-- sql/functions/openstock_core/write_warehouses.sql
-- Upserts warehouses, the work behind openstock.put_warehouses.
-- Writes: warehouse, location (DEFAULT). Locks: names (where a warehouse is new), warehouse by code.
set local role openstock_owner;

create or replace function openstock_core.write_warehouses(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(l ->> 'code')) from jsonb_array_elements(lines) as l);
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['name', 'address', 'priority', 'active']);
  if (select count(*) from openstock_core.warehouse w where w.tenant_id = tenant and w.code = any (codes)) < cardinality(codes) then
    perform openstock_core.lock_names(tenant, 'warehouse');
  end if;
  perform from openstock_core.warehouse w
  where w.tenant_id = tenant and w.code = any (codes)
  order by w.code for no key update;
  perform openstock_core.check_warehouses(tenant, lines);

  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as keys,
           case when e.line ? 'shipping_cost_by_zone' then jsonb_build_object('shipping_cost_by_zone', coalesce((
             select jsonb_object_agg(normalize(btrim(z.key)), trim_scale((z.value #>> '{}')::numeric))
             from jsonb_each(nullif(e.line -> 'shipping_cost_by_zone', 'null')) as z), '{}')) else '{}' end as zones
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, w.warehouse_id, w as old, jsonb_populate_record(
             coalesce(w, row(tenant, null, g.code, g.code, '{}', null, null, 100, null, '{}', true, stamp, stamp)::openstock_core.warehouse),
             g.keys - 'code' || openstock_core.trimmed_numbers(g.keys) || g.zones) as new
    from given g
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.code = g.code
  ), written as (
    insert into openstock_core.warehouse as w (
      tenant_id, code, name, address, latitude, longitude, priority, shipping_cost, shipping_cost_by_zone, active,
      created_at, updated_at)
    select tenant, m.code, (m.new).name, (m.new).address, (m.new).latitude, (m.new).longitude, (m.new).priority,
           (m.new).shipping_cost, (m.new).shipping_cost_by_zone, (m.new).active, stamp, stamp
    from merged m
    where m.warehouse_id is null or m.new is distinct from m.old
    order by m.code
    on conflict on constraint warehouse_code_is_unique do update
    set name = excluded.name, address = excluded.address, latitude = excluded.latitude, longitude = excluded.longitude,
        priority = excluded.priority, shipping_cost = excluded.shipping_cost,
        shipping_cost_by_zone = excluded.shipping_cost_by_zone, active = excluded.active, updated_at = excluded.updated_at
    returning w.code, w.warehouse_id
  ), default_location as (
    insert into openstock_core.location (tenant_id, warehouse_id, code, created_at, updated_at)
    select tenant, w.warehouse_id, 'DEFAULT', stamp, stamp
    from written w
    join merged m on m.code = w.code and m.warehouse_id is null
    on conflict on constraint location_code_is_unique do nothing
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.warehouse_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_warehouses from public;
grant execute on function openstock_core.write_warehouses to openstock_api;
comment on function openstock_core.write_warehouses is
  'Upserts warehouses and returns openstock.put_result rows. Errors: 22023.';

reset role;

-- sql/functions/openstock_core/write_locations.sql
-- Upserts locations, the work behind openstock.put_locations.
-- Writes: location. Locks: names (where a location is new), location by location_id.
-- Who puts units into a location shares its lock, so that its kind cannot change meanwhile.
set local role openstock_owner;

create or replace function openstock_core.write_locations(tenant uuid, warehouse_id bigint, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(v ->> 'code')) from jsonb_array_elements(lines) as v);
  occupied record;
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['kind', 'pick_order', 'active']);
  if cardinality(codes) > (
    select count(*) from openstock_core.location l
    where l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = any (codes))
  then
    perform openstock_core.lock_names(tenant, 'location');
  end if;
  perform from openstock_core.location l
  where l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = any (codes)
  order by l.location_id for no key update;

  -- A snapshot does not show what was put there meanwhile: units would lie, unblocked, in a quarantine location.
  select g.n, l.code, current_setting('transaction_isolation') <> 'read committed' as with_snapshot into occupied
  from jsonb_array_elements(lines) with ordinality as g (v, n)
  join openstock_core.location l on l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id
    and l.code = normalize(btrim(g.v ->> 'code'))
  where (g.v ->> 'kind' <> l.kind or (l.active and not (g.v ->> 'active')::boolean))
    and (current_setting('transaction_isolation') <> 'read committed'
         or exists (select from openstock_core.stock_bin b
                    where b.tenant_id = tenant and b.location_id = l.location_id and b.on_hand > 0))
  order by g.n limit 1;
  if occupied.with_snapshot then
    perform openstock_core.fail('OS121', jsonb_build_object(
      'line', occupied.n, 'location', occupied.code, 'isolation', current_setting('transaction_isolation')));
  elsif found then
    perform openstock_core.fail('OS120', jsonb_build_object(
      'line', occupied.n, 'location', occupied.code, 'problem', 'a location that holds stock keeps its kind and stays active'));
  end if;

  with given as (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as v
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, l.location_id,
           coalesce(g.v ->> 'kind', l.kind, 'storage') as kind,
           coalesce((g.v ->> 'pick_order')::integer, l.pick_order, 0) as pick_order,
           coalesce((g.v ->> 'active')::boolean, l.active, true) as active,
           (l.kind, l.pick_order, l.active) as old
    from given g
    left join openstock_core.location l on l.tenant_id = tenant and l.warehouse_id = write_locations.warehouse_id and l.code = g.code
  ), written as (
    insert into openstock_core.location as l (
      tenant_id, warehouse_id, code, kind, pick_order, active, created_at, updated_at)
    select tenant, write_locations.warehouse_id, m.code, m.kind, m.pick_order, m.active, stamp, stamp
    from merged m
    where m.location_id is null or (m.kind, m.pick_order, m.active) is distinct from m.old
    order by m.code
    on conflict on constraint location_code_is_unique do update
    set kind = excluded.kind, pick_order = excluded.pick_order, active = excluded.active, updated_at = excluded.updated_at
    returning l.code
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.location_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_locations from public;
grant execute on function openstock_core.write_locations to openstock_api;
comment on function openstock_core.write_locations is
  'Upserts locations and returns openstock.put_result rows. Errors: 22023, OS120, OS121.';

reset role;

-- sql/functions/openstock/put_products.sql
-- Creates and changes products.
-- Writes: operation, event, product, stock_level (safety_stock). Locks: operation, names, product by product_id, stock_level by (product, warehouse).
set local role openstock_api;

create or replace function openstock.put_products(op_id text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_products', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "name": "document",
      "description": "document", "unit": "code", "decimals": "integer", "tracking": "code", "removal": "code",
      "backorder": "code", "backorder_limit": "number", "safety_stock": "number", "reorder_point": "number",
      "reorder_quantity": "number", "lead_time_days": "days", "attributes": "object", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_products(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_products from public;
grant execute on function openstock.put_products to openstock_app;
comment on function openstock.put_products is
  'Creates products, or changes the keys given of those that exist. lines: sku, name (required for a new one), description, unit (UN/CEFACT '
  'Rec 20 code, default C62), decimals (0 to 6), tracking (none, lot, serial: whole units, each with a name), removal (fefo, fifo, lifo, fewest_bins), backorder (none, unlimited, limited), backorder_limit, '
  'safety_stock, reorder_point, reorder_quantity, lead_time_days, attributes (object), active. Tracking and fewer decimals are refused once the '
  'product has a ledger, fewer decimals also where quotas or kits use them. Returns one row per line. Errors: 22023, OS010, OS120.';

reset role;

-- sql/functions/openstock/put_warehouses.sql
-- Creates and changes warehouses.
-- Writes: operation, event, warehouse, location (DEFAULT). Locks: operation, names, warehouse by code.
set local role openstock_api;

create or replace function openstock.put_warehouses(op_id text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_warehouses', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "name": "text",
      "address": "object", "latitude": "degrees", "longitude": "degrees", "priority": "integer",
      "shipping_cost": "number", "shipping_cost_by_zone": "object", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_warehouses(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_warehouses from public;
grant execute on function openstock.put_warehouses to openstock_app;
comment on function openstock.put_warehouses is
  'Creates warehouses, each with a bin DEFAULT, or changes the keys given of those that exist. lines: code, name (default: the code), address (object), '
  'latitude and longitude (degrees, WGS 84; both or neither), priority (the lowest is asked for stock first, default 100), '
  'shipping_cost (of one shipment from here), shipping_cost_by_zone (object of destination zone to cost, at most 1,000, for which '
  'shipping_cost is the default; replaced as a whole), active. A key that is null clears latitude, longitude and the costs; one that is absent '
  'leaves its value. Returns one row per line. Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock/put_locations.sql
-- Creates and changes the bins of a warehouse.
-- Writes: operation, event, location. Locks: operation, names, location by location_id.
set local role openstock_api;

create or replace function openstock.put_locations(op_id text, warehouse text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_locations', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "kind": "code",
      "pick_order": "integer", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_locations(acting, openstock_core.find_warehouse(acting, warehouse, false), lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_locations from public;
grant execute on function openstock.put_locations to openstock_app;
comment on function openstock.put_locations is
  'Creates locations of a warehouse, or changes the keys given of those that exist. lines: code, kind (receiving, storage, picking, packing or '
  'quarantine; default storage), pick_order, active. A location that holds stock keeps its kind and stays active. Returns one row per line. '
  'That change is made at READ COMMITTED. Errors: 22023, OS010, OS103, OS120, OS121.';

reset role;

-- sql/functions/openstock_core/write_channels.sql
-- Upserts sales channels, the work behind openstock.put_channels. Writes: channel. Locks: names (where a channel is new), channel by code.
set local role openstock_owner;

create or replace function openstock_core.write_channels(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  codes constant text[] := array(select normalize(btrim(l ->> 'code')) from jsonb_array_elements(lines) as l);
  answer jsonb;
begin
  perform openstock_core.check_master_lines(lines, array['name', 'uses_safety_stock', 'active']);
  if (select count(*) from openstock_core.channel c where c.tenant_id = tenant and c.code = any (codes)) < cardinality(codes) then
    perform openstock_core.lock_names(tenant, 'channel');
  end if;
  perform from openstock_core.channel c
  where c.tenant_id = tenant and c.code = any (codes)
  order by c.code for no key update;

  with given as materialized (
    select e.n, coalesce((e.line ->> 'line')::integer, e.n::integer) as line, normalize(btrim(e.line ->> 'code')) as code, e.line as keys
    from jsonb_array_elements(lines) with ordinality as e (line, n)
  ), merged as (
    select g.n, g.line, g.code, c.channel_id, c as old, jsonb_populate_record(
             coalesce(c, row(tenant, null, g.code, g.code, false, true, stamp, stamp)::openstock_core.channel), g.keys - 'code') as new
    from given g
    left join openstock_core.channel c on c.tenant_id = tenant and c.code = g.code
  ), written as (
    insert into openstock_core.channel as c (tenant_id, code, name, uses_safety_stock, active, created_at, updated_at)
    select tenant, m.code, (m.new).name, (m.new).uses_safety_stock, (m.new).active, stamp, stamp
    from merged m
    where m.channel_id is null or m.new is distinct from m.old
    order by m.code
    on conflict on constraint channel_code_is_unique do update
    set name = excluded.name, uses_safety_stock = excluded.uses_safety_stock, active = excluded.active, updated_at = excluded.updated_at
    returning c.code
  )
  select jsonb_agg(jsonb_build_object('line', m.line, 'code', m.code, 'outcome', case
           when m.channel_id is null then 'created' when w.code is not null then 'updated' else 'unchanged' end,
           'replayed', false) order by m.n)
  into answer
  from merged m
  left join written w on w.code = m.code;
  return answer;
end
$$;

revoke all on function openstock_core.write_channels from public;
grant execute on function openstock_core.write_channels to openstock_api;
comment on function openstock_core.write_channels is
  'Upserts sales channels and returns openstock.put_result rows. Errors: 22023.';

reset role;

-- sql/functions/openstock/put_channels.sql
-- Creates and changes sales channels. Writes: operation, event, channel. Locks: operation, names, channel by code.
set local role openstock_api;

create or replace function openstock.put_channels(op_id text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_channels', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "code": "code!", "name": "text",
      "uses_safety_stock": "boolean", "active": "boolean"}', 10000, 'line');
    answer := openstock_core.write_channels(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_channels from public;
grant execute on function openstock.put_channels to openstock_app;
comment on function openstock.put_channels is
  'Creates sales channels, or changes the keys given of those that exist. lines: code, name (default: the code), uses_safety_stock (default false: what is reserved '
  'for it may use the products'' safety stock), active. Where one is no longer active, nothing is reserved for it any more, and what its orders give back can be '
  'promised to all; what is kept for it already stays so until put_quotas changes it. Returns one row per line. Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock_core/read_lot_lines.sql
-- Turns the lines of put_lots into typed rows and looks their products up. Reads: product.
set local role openstock_owner;

create or replace function openstock_core.read_lot_lines(tenant uuid, lines jsonb) returns openstock_core.lot_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  -- materialized, limit 1, no sequential scan: as in read_order_lines.
  with given as materialized (
    select g.n::integer as n, coalesce(g.line, g.n::integer) as line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.lot)) as lot, g.expires_on, g.quality,
           lines -> (g.n - 1)::integer -> 'quality' = 'null' as nullified
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, lot text, expires_on date, quality text)) with ordinality as g (line, sku, lot, expires_on, quality, n)
  ), looked_up as (
    select g.*, p.product_id,
           case
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when p.tracking <> 'lot' then
               jsonb_build_object('code', 'OS108', 'sku', g.sku, 'lot', g.lot, 'problem', 'the product is not tracked by lot')
             when g.quality not in ('released', 'hold', 'rejected') or g.nullified then
               '{"code": "22023", "argument": "lines", "key": "quality", "problem": "must be released, hold or rejected"}'
             when count(*) over (partition by g.sku, g.lot) > 1 then
               '{"code": "22023", "argument": "lines", "key": "lot", "problem": "is named by another line too"}'
           end as problem
    from given g
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
  )
  select (select array_agg((u.n, u.line, u.sku, u.product_id, u.lot, u.expires_on, u.quality)::openstock_core.lot_line) from looked_up u) as typed, f.n, f.problem
  into bad
  from (select) as always
  left join (select u.n, u.problem from looked_up u where u.problem is not null order by u.n limit 1) as f on true;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_lot_lines from public;
grant execute on function openstock_core.read_lot_lines to openstock_api;
comment on function openstock_core.read_lot_lines is
  'The typed lines. Errors: 22023, OS101 and OS108, for the first line that is wrong.';

reset role;

-- sql/functions/openstock_core/units_of_lots.sql
-- How many units of each lot are blocked in these bins, and how many are pinned. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.units_of_lots(tenant uuid, bin_ids bigint[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_object_agg(s.lot_id, jsonb_build_object('blocked', s.blocked, 'allocated', s.allocated))
    from (
      select b.lot_id, sum(case when b.blocked then b.on_hand else 0 end) as blocked, sum(b.allocated) as allocated
      from openstock_core.stock_bin b
      where b.tenant_id = tenant and b.bin_id = any (bin_ids)
      group by b.lot_id) as s);
end
$$;

revoke all on function openstock_core.units_of_lots from public;
grant execute on function openstock_core.units_of_lots to openstock_api;
comment on function openstock_core.units_of_lots is 'By lot_id, the units that are blocked and allocated; null where there are no bins.';

reset role;

-- sql/functions/openstock_core/write_lots.sql
-- Upserts lots, the work behind openstock.put_lots, and blocks or unblocks the units of those whose quality changes.
-- Writes: lot, and what book_due and judge_bins write.
-- Locks: lot by lot_id, stock_level by (product, warehouse), stock_bin by bin_id.
-- Who puts units into stock shares the lock of their lot, so that none enter, by its old quality, while its bins are looked for.
set local role openstock_owner;

create or replace function openstock_core.write_lots(tenant uuid, op_id text, lines openstock_core.lot_line[], reason text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  created bigint[];
  changed bigint[];
  levels openstock_core.level_key[];
  bins bigint[];
  due openstock_core.due;
  before jsonb;
  after jsonb;
  bad record;
begin
  with new as (
    insert into openstock_core.lot (tenant_id, product_id, code, expires_on, quality, created_at, updated_at)
    select tenant, u.product_id, u.lot, u.expires_on, coalesce(u.quality, 'released'), stamp, stamp
    from unnest(lines) as u
    order by u.product_id, u.lot
    on conflict on constraint lot_code_is_unique do nothing
    returning lot.lot_id
  )
  select coalesce(array_agg(n.lot_id), '{}') into created from new n;
  perform from openstock_core.lot t
  where t.tenant_id = tenant and (t.product_id, t.code) in (select u.product_id, u.lot from unnest(lines) as u)
  order by t.lot_id
  for no key update;

  select u.n, u.sku, u.lot, u.expires_on as given, t.expires_on into bad
  from unnest(lines) as u
  join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
  where u.expires_on is not null and t.expires_on is distinct from u.expires_on
  order by u.n limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object('line', bad.n, 'sku', bad.sku, 'lot', bad.lot, 'problem', 'the lot has another expiry',
                                                            'expires_on', bad.expires_on, 'given', bad.given));
  end if;
  changed := array(
    select t.lot_id
    from unnest(lines) as u
    join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
    where t.quality <> u.quality);
  if cardinality(changed) > 0 then
    -- A snapshot does not show what was received meanwhile.
    if current_setting('transaction_isolation') <> 'read committed' then
      perform openstock_core.fail('OS121', jsonb_build_object('isolation', current_setting('transaction_isolation')));
    end if;
    select array_agg(distinct row(b.product_id, b.warehouse_id)::openstock_core.level_key), array_agg(b.bin_id) into levels, bins
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.product_id in (select u.product_id from unnest(lines) as u) and b.lot_id = any (changed) and b.on_hand > 0;
    due := openstock_core.lock_levels(tenant, levels, false);
    perform openstock_core.settle_bins(tenant, op_id, bins, '{}', due);
    before := openstock_core.units_of_lots(tenant, bins);
    update openstock_core.lot t set quality = u.quality, updated_at = due.at
    from unnest(lines) as u
    where t.tenant_id = tenant and t.lot_id = any (changed) and t.product_id = u.product_id and t.code = u.lot;
    -- Of a lot that has expired meanwhile, both are told: that its units are released, and that they are blocked.
    perform openstock_core.judge_bins(tenant, op_id, levels, bins, '-infinity', reason);
    perform openstock_core.judge_bins(tenant, op_id, levels, bins, due.at, 'expired');
    after := openstock_core.units_of_lots(tenant, bins);
  end if;

  return (
    select jsonb_agg(jsonb_build_object(
      'line', u.line, 'sku', u.sku, 'lot', t.code, 'expires_on', t.expires_on, 'quality', t.quality,
      'outcome', case when t.lot_id = any (created) then 'created' when t.lot_id = any (changed) then 'updated' else 'unchanged' end,
      'qty_blocked', coalesce(trim_scale((a.units ->> 'blocked')::numeric - (b.units ->> 'blocked')::numeric), 0),
      'qty_deallocated', coalesce(trim_scale((b.units ->> 'allocated')::numeric - (a.units ->> 'allocated')::numeric), 0),
      'replayed', false) order by u.n)
    from unnest(lines) as u
    join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
    cross join lateral (select before -> t.lot_id::text as units) as b
    cross join lateral (select after -> t.lot_id::text as units) as a);
end
$$;

revoke all on function openstock_core.write_lots from public;
grant execute on function openstock_core.write_lots to openstock_api;
comment on function openstock_core.write_lots is
  'Writes the lots and returns the answer, an array of openstock.lot_change. Errors: OS108, OS121.';

reset role;

-- sql/functions/openstock/put_lots.sql
-- Creates lots, and says whether their units may be promised.
-- Writes: operation, event, lot, and what write_lots writes. Locks: operation, and what write_lots locks.
set local role openstock_api;

create or replace function openstock.put_lots(op_id text, lines jsonb, reason text default null, tenant uuid default null)
returns setof openstock.lot_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines, 'reason', coalesce(reason, 'lot quality'));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_lots', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "lot": "code!", "expires_on": "date", "quality": "code"}', 10000, 'line');
    perform openstock_core.check_call(null, null, reason, null);
    answer := openstock_core.write_lots(acting, op_id, openstock_core.read_lot_lines(acting, lines), coalesce(reason, 'lot quality'));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.lot_change, answer);
end
$$;

revoke all on function openstock.put_lots from public;
grant execute on function openstock.put_lots to openstock_app;
comment on function openstock.put_lots is
  'Says of lots whether they may be promised, in all warehouses: also of what is received or moved later. lines: sku, lot (a new one is created), expires_on (of a new one; of one that is '
  'there, the same), quality (released, hold or rejected; default of a new one: released). Units of a lot that is not released are blocked; pins are taken off them, and their orders keep '
  'their promises, which other units may be picked for (what is then promised and not there, shortages shows). Where a lot is released, what nothing else blocks can be '
  'promised again: units that lines asked for and lost are left to these, and fill_backorders gives others to who waits. '
  'reason (default lot quality) is written into the ledger. Another quality for a lot that is there is given at READ COMMITTED. Returns one row per line. '
  'Errors: 22023, OS010, OS101, OS108, OS121.';

reset role;

-- sql/functions/openstock_core/check_components.sql
-- Refuses lines of put_kits whose components are not objects with a sku and a quantity.
set local role openstock_owner;

create or replace function openstock_core.check_components(lines jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.n, f.problem into bad from (
    select g.n, 0 as place, 'must be at most 100' as problem
    from jsonb_array_elements(lines) with ordinality as g (line, n)
    where jsonb_array_length(g.line -> 'components') > 100
    union all
    select g.n, e.place, case
      when jsonb_typeof(e.line) <> 'object' then 'must be objects'
      else (
        select format('%s %s', k.key, k.problem) from (
          select v.key, openstock_core.value_problem(case v.key when 'sku' then 'code' when 'qty' then 'number' end, v.value) as problem
          from jsonb_each(e.line) as v
          union all
          select r.key, 'is missing' from unnest(array['sku', 'qty']) as r (key) where coalesce(e.line -> r.key, 'null') = 'null') as k
        where k.problem is not null order by k.key limit 1)
      end
    from jsonb_array_elements(lines) with ordinality as g (line, n)
    cross join lateral jsonb_array_elements(g.line -> 'components') with ordinality as e (line, place)
  ) as f
  where f.problem is not null
  order by f.n, f.place limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'key', 'components', 'problem', bad.problem));
  end if;
end
$$;

revoke all on function openstock_core.check_components from public;
grant execute on function openstock_core.check_components to openstock_api;
comment on function openstock_core.check_components is 'Errors: 22023, with the line''s place and what is wrong with the first bad component.';

reset role;

-- sql/functions/openstock_core/check_kits.sql
-- Refuses kits that are not made of products with stock of their own. The products are locked. Reads: product, kit_component, stock_level.
set local role openstock_owner;

create or replace function openstock_core.check_kits(tenant uuid, lines jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  with given as materialized (
    select g.n, normalize(btrim(g.line ->> 'sku')) as sku, g.line -> 'components' as components
    from jsonb_array_elements(lines) with ordinality as g (line, n)
  ), kit as materialized (
    select g.n, g.sku, jsonb_array_length(g.components) as size, count(*) over (partition by g.sku) as times, p.product_id, p.is_kit
    from given g
    left join lateral (select * from openstock_core.product s where s.tenant_id = check_kits.tenant and s.sku = g.sku limit 1) as p on true
  ), component as materialized (
    select g.n, e.place, normalize(btrim(e.line ->> 'sku')) as sku, (e.line ->> 'qty')::numeric as qty
    from given g cross join lateral jsonb_array_elements(g.components) with ordinality as e (line, place)
  ), looked_up as materialized (
    select c.*, p.product_id, p.decimals, count(*) over (partition by c.n, c.sku) as times,
           case when k.n is null then p.is_kit else k.size > 0 end as is_kit
    from component c
    left join lateral (select * from openstock_core.product s where s.tenant_id = check_kits.tenant and s.sku = c.sku limit 1) as p on true
    left join (select k.sku, min(k.n) as n, max(k.size) as size from kit k group by k.sku) as k on k.sku = c.sku
  )
  select f.n, f.problem into bad from (
    select k.n, 0 as place, case
      when k.times > 1 then '{"code": "22023", "key": "sku", "problem": "names a product that another line names too"}'::jsonb
      when k.product_id is null then jsonb_build_object('code', 'OS101', 'sku', k.sku)
      when k.size > 0 and not k.is_kit and (
        select true from openstock_core.stock_level l where l.tenant_id = check_kits.tenant and l.product_id = k.product_id limit 1) then
        jsonb_build_object('code', 'OS120', 'sku', k.sku, 'problem', 'a product that was ever stocked does not become a kit')
      when k.size > 0 and (
        select true from openstock_core.kit_component c
        where c.tenant_id = check_kits.tenant and c.component_id = k.product_id
          and c.kit_id not in (select o.product_id from kit o where o.product_id is not null) limit 1) then
        jsonb_build_object('code', '22023', 'key', 'sku', 'sku', k.sku, 'problem', 'is a component of another kit')
    end as problem
    from kit k
    union all
    select u.n, u.place, case
      when u.times > 1 then jsonb_build_object('code', '22023', 'key', 'components', 'sku', u.sku, 'problem', 'names a product twice')
      when u.product_id is null then jsonb_build_object('code', 'OS101', 'sku', u.sku)
      when u.is_kit then jsonb_build_object('code', '22023', 'key', 'components', 'sku', u.sku, 'problem', 'a kit is not made of kits')
      when openstock_core.quantity_problem(u.qty, u.decimals, 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'sku', u.sku, 'problem', openstock_core.quantity_problem(u.qty, u.decimals, 'positive'))
    end
    from looked_up u
  ) as f
  where f.problem is not null
  order by f.n, f.place limit 1;
  if bad.problem ->> 'code' = '22023' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n) || (bad.problem - 'code'));
  elsif bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
end
$$;

revoke all on function openstock_core.check_kits from public;
grant execute on function openstock_core.check_kits to openstock_api;
comment on function openstock_core.check_kits is 'Errors: 22023, OS101, OS110, OS120, each with the line''s place.';

reset role;

-- sql/functions/openstock_core/write_kits.sql
-- Says what kits are made of, the work behind openstock.put_kits. Writes: kit_component, product (is_kit; of components the row, unchanged).
-- Locks: product by product_id, kits and components alike. Rewriting their rows makes a change of the same products that cannot see what the kits are
-- made of now, from repeatable read on, end in 40001.
set local role openstock_owner;

create or replace function openstock_core.write_kits(tenant uuid, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  skus constant text[] := array(
    select normalize(btrim(g ->> 'sku')) from jsonb_array_elements(lines) as g
    union
    select normalize(btrim(c ->> 'sku')) from jsonb_array_elements(lines) as g cross join jsonb_array_elements(g -> 'components') as c);
  answer jsonb;
  changed bigint[];
  made bigint[];
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id for no key update;
  perform openstock_core.check_kits(tenant, lines);

  -- materialized, limit 1, no sequential scan: see read_order_lines.
  with named as materialized (
    select g.n, coalesce((g.line ->> 'line')::integer, g.n::integer) as line, normalize(btrim(g.line ->> 'sku')) as sku, g.line -> 'components' as components
    from jsonb_array_elements(lines) with ordinality as g (line, n)
  ), given as materialized (
    select g.n, g.line, p.product_id, p.sku::text as sku, p.is_kit,
           (select coalesce(jsonb_object_agg(c.component_id, trim_scale(c.qty)), '{}') from openstock_core.kit_component c
            where c.tenant_id = write_kits.tenant and c.kit_id = p.product_id) as old,
           (select coalesce(jsonb_object_agg(s.product_id, trim_scale(c.qty::numeric)), '{}')
            from (select c ->> 'qty' as qty, normalize(btrim(c ->> 'sku')) as sku from jsonb_array_elements(g.components) as c offset 0) as c
            cross join lateral (select * from openstock_core.product s where s.tenant_id = write_kits.tenant and s.sku = c.sku limit 1) as s) as new
    from named g
    cross join lateral (select * from openstock_core.product s where s.tenant_id = write_kits.tenant and s.sku = g.sku limit 1) as p
  ), gone as (
    delete from openstock_core.kit_component c using given g
    where c.tenant_id = write_kits.tenant and c.kit_id = g.product_id and not g.new ? c.component_id::text
  ), written as (
    insert into openstock_core.kit_component as c (tenant_id, kit_id, component_id, qty)
    select write_kits.tenant, g.product_id, e.key::bigint, e.value::numeric
    from given g cross join lateral jsonb_each_text(g.new) as e
    where g.old <> g.new
    on conflict on constraint kit_component_pkey do update set qty = excluded.qty
  )
  select jsonb_agg(jsonb_build_object('line', g.line, 'code', g.sku, 'outcome', case
           when g.old = g.new then 'unchanged' when g.is_kit then 'updated' else 'created' end, 'replayed', false) order by g.n),
         array_agg(g.product_id) filter (where g.old <> g.new), array_agg(g.product_id) filter (where g.old <> g.new and g.new <> '{}')
  into answer, changed, made
  from given g;

  update openstock_core.product p set is_kit = p.product_id = any (coalesce(made, '{}')), updated_at = stamp
  where p.tenant_id = write_kits.tenant and p.product_id = any (changed);
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = write_kits.tenant and p.product_id = any (array(
    select c.component_id from openstock_core.kit_component c where c.tenant_id = write_kits.tenant and c.kit_id = any (made)));
  return answer;
end
$$;

revoke all on function openstock_core.write_kits from public;
grant execute on function openstock_core.write_kits to openstock_api;
comment on function openstock_core.write_kits is
  'Replaces the components of kits and returns openstock.put_result rows: created where the product was none before. Errors: those of check_kits.';

reset role;

-- sql/functions/openstock/put_kits.sql
-- Says what kits are made of. Writes: operation, event, and what write_kits writes. Locks: operation, product by product_id.
set local role openstock_api;

create or replace function openstock.put_kits(op_id text, lines jsonb, tenant uuid default null)
returns setof openstock.put_result
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_kits', arguments);
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code!", "components": "array!"}', 1000, 'line');
    perform openstock_core.check_components(lines);
    answer := openstock_core.write_kits(acting, lines);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.put_result, answer);
end
$$;

revoke all on function openstock.put_kits from public;
grant execute on function openstock.put_kits to openstock_app;
comment on function openstock.put_kits is
  'Makes products kits, which are sold as one and sent as their components. lines: sku and components, an array of at most 100 objects with sku and qty (units in one '
  'kit, positive), which replace what the kit was made of; [] makes it an ordinary product again. A kit has no stock of its own: a product that was ever stocked does not '
  'become one, and a kit is not part of another. What is reserved stays as it is. Returns one row per line: created, updated or unchanged. '
  'Errors: 22023, OS010, OS101, OS110, OS120.';

reset role;

-- sql/functions/openstock_core/serials_problem.sql
-- What is wrong with the serials of a line, or with a line that has none.
set local role openstock_owner;

create or replace function openstock_core.serials_problem(tracking text, sku text, qty numeric, set_to numeric, serials text[])
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if tracking <> 'serial' then
    if serials is not null then
      return jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'the product is not tracked by serial');
    end if;
    return null;
  end if;
  return case
    when set_to is not null then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'pieces are adjusted by qty and serials, not by set_to')
    when serials is null then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'problem', 'the product is tracked by serial and none are named')
    when cardinality(serials) <> abs(qty) then
      jsonb_build_object('code', 'OS112', 'sku', sku, 'qty', qty, 'serials', cardinality(serials), 'problem', 'must be as many as units')
  end;
end
$$;

revoke all on function openstock_core.serials_problem from public;
grant execute on function openstock_core.serials_problem to openstock_api;
comment on function openstock_core.serials_problem is 'What is wrong as JSON, its error code under "code", or null.';

reset role;

-- sql/functions/openstock_core/stock_line_problem.sql
-- What is wrong with a line whose names were looked up.
set local role openstock_owner;

create or replace function openstock_core.stock_line_problem(
  sku text, product_id bigint, product_active boolean, tracking text,
  location text, location_id bigint, location_active boolean,
  to_location text, to_location_id bigint, to_location_active boolean,
  lot text, lot_id bigint, expires_on date, lot_expires_on date, receiving boolean,
  status text, to_status text, handling_unit text, handling_unit_id bigint, serials_problem jsonb, quantity_problem text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when product_id is null then jsonb_build_object('code', 'OS101', 'sku', sku)
    when not product_active then jsonb_build_object('code', 'OS102', 'sku', sku)
    when location_id is null then jsonb_build_object('code', 'OS105', 'location', location)
    when not location_active then jsonb_build_object('code', 'OS106', 'location', location)
    when to_location is not null and to_location_id is null then jsonb_build_object('code', 'OS105', 'location', to_location)
    when not to_location_active then jsonb_build_object('code', 'OS106', 'location', to_location)
    when status not in ('available', 'hold', 'quarantine', 'damaged')
      or to_status not in ('available', 'hold', 'quarantine', 'damaged') then
      jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'status',
                         'problem', 'must be available, hold, quarantine or damaged')
    when tracking = 'lot' and lot is null then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'problem', 'the product is tracked by lot and none is named')
    when tracking <> 'lot' and coalesce(lot, expires_on::text) is not null then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'lot', lot, 'problem', 'the product is not tracked by lot')
    when lot is not null and lot_id is null and not receiving then
      jsonb_build_object('code', 'OS107', 'sku', sku, 'lot', lot)
    when lot_id is not null and expires_on is not null and lot_expires_on is distinct from expires_on then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'lot', lot, 'problem', 'the lot has another expiry',
                         'expires_on', lot_expires_on, 'given', expires_on)
    when handling_unit is not null and handling_unit_id is null then
      jsonb_build_object('code', 'OS114', 'handling_unit', handling_unit)
    when serials_problem is not null then serials_problem
    when quantity_problem is not null then jsonb_build_object('code', 'OS110', 'sku', sku, 'problem', quantity_problem)
  end;
end
$$;

revoke all on function openstock_core.stock_line_problem from public;
grant execute on function openstock_core.stock_line_problem to openstock_api;
comment on function openstock_core.stock_line_problem is 'The first thing wrong with a line as JSON, its error code under "code", or null.';

reset role;

-- sql/functions/openstock_core/read_stock_lines.sql
-- Turns the lines of receive, adjust and move into typed rows and looks their names up. Reads: product, location, lot, handling_unit.
-- Locks: product by product_id (where it has no level at this warehouse yet: make_levels will want it).
set local role openstock_owner;

create or replace function openstock_core.read_stock_lines(
  tenant uuid, warehouse_id bigint, lines jsonb, lowest text, receiving boolean)
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  bad record;
begin
  -- Before there is a level, nothing else keeps tracking and decimals as they are.
  perform from openstock_core.product p
  where p.tenant_id = tenant
    and p.sku = any (array(select normalize(btrim(g.sku)) from jsonb_to_recordset(lines) as g (sku text)))
    and not exists (select from openstock_core.stock_level l where l.tenant_id = tenant and l.product_id = p.product_id
                    and l.warehouse_id = read_stock_lines.warehouse_id)
  order by p.product_id
  for no key update of p;
  -- materialized, limit 1, no sequential scan: one index probe a line. Under row-level security no index serves a name that
  -- is computed where it is compared, and planned while the tables are small the catalogue would be read for each line.
  with given as materialized (
    select g.n, coalesce(g.line, (coalesce(max(g.line) over (), 0)
                                  + row_number() over (partition by g.line is null order by g.n))::integer) as line,
           normalize(btrim(g.sku)) as sku,
           trim_scale(coalesce(g.qty, case when lowest = 'positive' then jsonb_array_length(g.serials) end)) as qty, trim_scale(g.set_to) as set_to, trim_scale(g.expected) as expected,
           coalesce(normalize(btrim(coalesce(g.location, g."from"))), 'DEFAULT') as location,
           case when g."to" is not null then normalize(btrim(g."to")) end as to_location,
           normalize(btrim(g.lot)) as lot, g.expires_on,
           coalesce(g.status, 'available') as status, g.to_status, trim_scale(g.unit_cost) as unit_cost,
           normalize(btrim(g.handling_unit)) as handling_unit,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (
      line integer, sku text, qty numeric, set_to numeric, expected numeric, location text, "from" text, "to" text,
      lot text, expires_on date, status text, to_status text, unit_cost numeric, serials jsonb, handling_unit text)) with ordinality as g (
      line, sku, qty, set_to, expected, location, "from", "to", lot, expires_on, status, to_status, unit_cost, serials, handling_unit, n)
  ), looked_up as (
    select g.*, p.product_id, p.tracking, p.decimals, p.active, p.is_kit, l.location_id, l.active as location_active,
           d.location_id as to_location_id, d.active as to_location_active, t.lot_id, t.expires_on as lot_expires_on, h.handling_unit_id
    from given g
    left join lateral (select * from openstock_core.product p
                       where p.tenant_id = tenant and p.sku = g.sku limit 1) as p on true
    left join lateral (select * from openstock_core.location l
                       where l.tenant_id = tenant and l.warehouse_id = read_stock_lines.warehouse_id
                         and l.code = g.location limit 1) as l on true
    left join lateral (select * from openstock_core.location d
                       where d.tenant_id = tenant and d.warehouse_id = read_stock_lines.warehouse_id
                         and d.code = g.to_location limit 1) as d on true
    left join lateral (select * from openstock_core.lot t
                       where t.tenant_id = tenant and t.product_id = p.product_id and t.code = g.lot limit 1) as t on true
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = g.handling_unit limit 1) as h on true
  ), checked as (
    select u.*, case when u.is_kit then
             jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'sku', u.sku, 'problem', 'is a kit, which has no stock of its own')
           else openstock_core.stock_line_problem(u.sku, u.product_id, u.active or not receiving, u.tracking,
             u.location, u.location_id, u.location_active, u.to_location, u.to_location_id, u.to_location_active,
             u.lot, u.lot_id, u.expires_on, u.lot_expires_on, receiving, u.status, u.to_status,
             u.handling_unit, u.handling_unit_id, openstock_core.serials_problem(u.tracking, u.sku, u.qty, u.set_to, u.serials),
             coalesce(openstock_core.quantity_problem(u.qty, u.decimals, lowest),
                      openstock_core.quantity_problem(u.set_to, u.decimals, 'zero'),
                      openstock_core.quantity_problem(u.expected, u.decimals, 'zero'),
                      case when u.unit_cost < 0 then 'unit_cost must not be negative' end)) end as problem
    from looked_up u
  )
  select array_agg((c.n, c.line, c.sku, c.product_id, c.tracking, c.qty, c.set_to, c.expected, c.location, c.location_id,
                    c.to_location, c.to_location_id, c.lot, c.lot_id, coalesce(c.lot_expires_on, c.expires_on), c.status,
                    coalesce(c.to_status, c.status), c.unit_cost, c.serials, null, c.handling_unit, c.handling_unit_id)::openstock_core.stock_line order by c.n) as typed,
         (array_agg(c.problem order by c.n) filter (where c.problem is not null))[1] as problem,
         (array_agg(c.n order by c.n) filter (where c.problem is not null))[1] as n
  into bad
  from checked c;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_stock_lines from public;
grant execute on function openstock_core.read_stock_lines to openstock_api;
comment on function openstock_core.read_stock_lines is
  'The lines, typed and looked up; lines without a location are meant for DEFAULT. With receiving, the product must be active and '
  'the lot may be new. Errors: 22023, OS101, OS102, OS105 to OS108, OS110, OS112, OS114, each with the line''s place.';

reset role;

-- sql/functions/openstock_core/lock_handling_units.sql
-- Locks the handling units that lines name, first making the missing ones where asked: until the transaction ends nobody else puts units into them
-- or moves them. Units may leave them meanwhile. Each call leaves a trace, which from repeatable read on a transaction that cannot see it trips over.
-- Writes: handling_unit (new ones; changes). Locks: handling_unit: new ones by code, then all by handling_unit_id, before any level.
set local role openstock_owner;

create or replace function openstock_core.lock_handling_units(tenant uuid, lines jsonb, make_missing boolean) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  odd record;
begin
  if make_missing then
    select g.n, case when g.handling_unit is null then 'needs a handling_unit' else 'must be pallet, tote or carton' end as problem into odd
    from rows from (jsonb_to_recordset(lines) as (handling_unit text, handling_unit_kind text)) with ordinality as g (handling_unit, handling_unit_kind, n)
    where g.handling_unit_kind not in ('pallet', 'tote', 'carton') or (g.handling_unit is null and g.handling_unit_kind is not null)
    order by g.n limit 1;
    if found then
      perform openstock_core.fail('22023', jsonb_build_object(
        'argument', 'lines', 'line', odd.n, 'key', 'handling_unit_kind', 'problem', odd.problem));
    end if;
    insert into openstock_core.handling_unit (tenant_id, code, kind, created_at)
    select tenant, g.code, coalesce(min(g.kind), 'pallet'), openstock.server_time()
    from (select normalize(btrim(l.handling_unit)) as code, l.handling_unit_kind as kind
          from jsonb_to_recordset(lines) as l (handling_unit text, handling_unit_kind text)) as g
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = g.code limit 1) as h on true
    where g.code is not null and h.handling_unit_id is null
    group by g.code
    order by g.code
    on conflict on constraint handling_unit_code_is_unique do nothing;
  end if;
  update openstock_core.handling_unit h set changes = h.changes + 1
  where h.tenant_id = tenant and h.handling_unit_id = any (array(
    select k.handling_unit_id
    from openstock_core.handling_unit k
    where k.tenant_id = tenant and k.code = any (array(
      select normalize(btrim(l.handling_unit)) from jsonb_to_recordset(lines) as l (handling_unit text)))
    order by k.handling_unit_id
    for no key update));
end
$$;

revoke all on function openstock_core.lock_handling_units from public;
grant execute on function openstock_core.lock_handling_units to openstock_api;
comment on function openstock_core.lock_handling_units is
  'Keeps others from putting units into these handling units, or moving them, until the transaction ends. Errors: 22023.';

reset role;

-- sql/functions/openstock_core/make_lots.sql
-- Makes the lots that are received for the first time. Writes: lot.
set local role openstock_owner;

create or replace function openstock_core.make_lots(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  torn record;
begin
  if not exists (select from unnest(lines) as l where l.lot is not null and l.lot_id is null) then
    return lines;
  end if;
  select min(l.n) as n, l.sku, l.lot into torn
  from unnest(lines) as l
  where l.lot is not null and l.lot_id is null
  group by l.sku, l.lot
  having count(distinct l.expires_on) > 1 or count(l.expires_on) not in (0, count(*))
  order by 1 limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object(
      'line', torn.n, 'sku', torn.sku, 'lot', torn.lot, 'problem', 'the lot is given with different expiries'));
  end if;

  insert into openstock_core.lot (tenant_id, product_id, code, expires_on)
  select tenant, l.product_id, l.lot, min(l.expires_on)
  from unnest(lines) as l
  where l.lot is not null and l.lot_id is null
  group by l.product_id, l.lot
  order by l.product_id, l.lot
  on conflict on constraint lot_code_is_unique do nothing;

  select l.n, l.sku, l.lot, t.expires_on into torn
  from unnest(lines) as l
  join openstock_core.lot t on t.tenant_id = tenant and t.product_id = l.product_id and t.code = l.lot
  where l.expires_on is not null and t.expires_on is distinct from l.expires_on
  order by l.n limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object(
      'line', torn.n, 'sku', torn.sku, 'lot', torn.lot, 'problem', 'the lot has another expiry', 'expires_on', torn.expires_on));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, l.qty, l.set_to, l.expected, l.location, l.location_id,
               l.to_location, l.to_location_id, l.lot, t.lot_id, t.expires_on, l.status, l.to_status,
               l.unit_cost, l.serials, l.serial_ids, l.handling_unit,
               l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    left join openstock_core.lot t on t.tenant_id = tenant and t.product_id = l.product_id and t.code = l.lot
    order by l.n);
end
$$;

revoke all on function openstock_core.make_lots from public;
grant execute on function openstock_core.make_lots to openstock_api;
comment on function openstock_core.make_lots is
  'Creates missing lots and returns the lines with their ids. Errors: OS108 where a lot is given with different expiries.';

reset role;

-- sql/functions/openstock_core/find_bins.sql
-- Looks bins up by their keys. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.find_bins(tenant uuid, keys openstock_core.bin_key[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select b.bin_id
    from rows from (unnest(keys)) with ordinality as k (location_id, product_id, lot_id, status, handling_unit_id, n)
    left join lateral (
      select s.bin_id from openstock_core.stock_bin s
      where s.tenant_id = tenant and s.location_id = k.location_id and s.product_id = k.product_id
        and s.lot_id = k.lot_id and s.status = k.status and s.handling_unit_id is not distinct from k.handling_unit_id
      union all
      select s.bin_id from openstock_core.stock_bin s
      where k.lot_id is null and s.tenant_id = tenant and s.location_id = k.location_id and s.product_id = k.product_id
        and s.lot_id is null and s.status = k.status and s.handling_unit_id is not distinct from k.handling_unit_id
    ) as b on true
    order by k.n);
end
$$;

revoke all on function openstock_core.find_bins from public;
grant execute on function openstock_core.find_bins to openstock_api;
comment on function openstock_core.find_bins is 'The bins'' ids in the order of the keys, null where there is none.';

reset role;

-- sql/functions/openstock_core/enters_blocked.sql
-- Whether units cannot be promised where and as they enter. Reads: location, lot.
set local role openstock_owner;

create or replace function openstock_core.enters_blocked(
  tenant uuid, location_id bigint, lot_id bigint, status text, at timestamptz)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return enters_blocked.status <> 'available'
      or exists (select from openstock_core.location l
                 where l.tenant_id = tenant and l.location_id = enters_blocked.location_id and l.kind = 'quarantine')
      or exists (select from openstock_core.lot t
                 where t.tenant_id = tenant and t.lot_id = enters_blocked.lot_id
                   and (t.quality <> 'released' or openstock_core.expiry(t.expires_on) <= at));
end
$$;

revoke all on function openstock_core.enters_blocked from public;
grant execute on function openstock_core.enters_blocked to openstock_api, openstock_maint;
comment on function openstock_core.enters_blocked is 'True where the status, a quarantine location or an expired lot keeps units from being promised.';

reset role;

-- sql/functions/openstock_core/make_bins.sql
-- Finds the bins that units are to enter, making those that are missing. The caller holds the levels' locks and shares the
-- locations' and lots', and locks the bins afterwards. Writes: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.make_bins(tenant uuid, warehouse_id bigint, keys openstock_core.bin_key[])
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  insert into openstock_core.stock_bin (tenant_id, location_id, product_id, lot_id, status, handling_unit_id, warehouse_id, blocked, received_at)
  select distinct tenant, k.location_id, k.product_id, k.lot_id, k.status, k.handling_unit_id, make_bins.warehouse_id,
         openstock_core.enters_blocked(tenant, k.location_id, k.lot_id, k.status, stamp), stamp
  from rows from (unnest(keys), unnest(openstock_core.find_bins(tenant, keys))) as k (location_id, product_id, lot_id, status, handling_unit_id, bin_id)
  where k.bin_id is null
  order by k.location_id, k.product_id, k.lot_id, k.status, k.handling_unit_id
  on conflict on constraint stock_bin_key_is_unique do nothing;

  return openstock_core.find_bins(tenant, keys);
end
$$;

revoke all on function openstock_core.make_bins from public;
grant execute on function openstock_core.make_bins to openstock_api;
comment on function openstock_core.make_bins is
  'The bins'' ids in the order of the keys.';

reset role;

-- sql/functions/openstock_core/inherit_ages.sql
-- Lets units that move into an empty bin keep their age: the oldest of what comes in. The bins are locked.
-- Writes: stock_bin (received_at).
set local role openstock_owner;

create or replace function openstock_core.inherit_ages(tenant uuid, sources bigint[], targets bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update openstock_core.stock_bin b set received_at = m.received_at
  from (select u.target, min(s.received_at) as received_at
        from unnest(sources, targets) as u (source, target)
        join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = u.source
        where u.source <> u.target
        group by u.target) as m
  where b.tenant_id = tenant and b.bin_id = m.target and b.on_hand = 0;
end
$$;

revoke all on function openstock_core.inherit_ages from public;
grant execute on function openstock_core.inherit_ages to openstock_api;
comment on function openstock_core.inherit_ages is
  'Gives empty target bins the age of the oldest source bin that units come from: putting goods away does not make them newer.';

reset role;

-- sql/functions/openstock_core/settle_bins.sql
-- Locks the bins of a call together with those where something is due, and makes ready what the call relies on: what is due is
-- booked, and empty bins that units are to enter begin anew.
-- Writes: what book_due writes, stock_bin (blocked and received_at of empty ones). Locks: stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.settle_bins(
  tenant uuid, op_id text, bins bigint[], entered bigint[], due openstock_core.due)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
begin
  perform openstock_core.lock_bins(tenant, bins || entered || due.bin_ids);
  perform from openstock_core.book_due(tenant, op_id, due);
  if cardinality(entered) = 0 then
    return;
  end if;
  update openstock_core.stock_bin b
  set blocked = openstock_core.enters_blocked(tenant, b.location_id, b.lot_id, b.status, stamp), received_at = stamp
  where b.tenant_id = tenant and b.bin_id = any (entered) and b.on_hand = 0;
end
$$;

revoke all on function openstock_core.settle_bins from public;
grant execute on function openstock_core.settle_bins to openstock_api;
comment on function openstock_core.settle_bins is
  'Locks bins in the one order and books what is due. Refilled bins are blocked where status, location or lot expiry says so, and are as old as this moment.';

reset role;

-- sql/functions/openstock_core/look_up_serials.sql
-- Looks the pieces of lines up by their serials. Reads: serial_unit.
set local role openstock_owner;

create or replace function openstock_core.look_up_serials(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  twice record;
begin
  select max(l.n) as n, l.sku, s.serial into twice
  from unnest(lines) as l
  cross join lateral unnest(l.serials) as s (serial)
  group by l.product_id, l.sku, s.serial
  having count(*) > 1
  order by 1, s.serial
  limit 1;
  if found then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'line', twice.n, 'key', 'serials', 'problem', 'names a piece a second time', 'serial', twice.serial));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, l.qty, l.set_to, l.expected, l.location, l.location_id,
               l.to_location, l.to_location_id, l.lot, l.lot_id, l.expires_on, l.status, l.to_status, l.unit_cost, l.serials,
               case when l.serials is not null then array(
                 select u.serial_id
                 from unnest(l.serials) with ordinality as s (serial, place)
                 left join lateral (select * from openstock_core.serial_unit k
                                    where k.tenant_id = tenant and k.product_id = l.product_id and k.serial = s.serial limit 1) as u on true
                 order by s.place) end, l.handling_unit, l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l);
end
$$;

revoke all on function openstock_core.look_up_serials from public;
grant execute on function openstock_core.look_up_serials to openstock_api;
comment on function openstock_core.look_up_serials is
  'The lines with the ids of their pieces in the order of their serials, null where there is no such piece. Errors: 22023 where a piece is named twice.';

reset role;

-- sql/functions/openstock_core/bring_serials.sql
-- Makes the pieces that come in for the first time, and locks those that come back. The levels and bins are locked.
-- Writes: serial_unit (new ones). Locks: serial_unit by serial_id: those that are in no bin. A piece in a bin is another call's, and is not waited for.
set local role openstock_owner;

create or replace function openstock_core.bring_serials(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  typed openstock_core.stock_line[] := openstock_core.look_up_serials(tenant, lines);
  entering bigint[];
  locked bigint[];
  bad jsonb;
begin
  if exists (select from unnest(typed) as l where l.qty > 0 and array_position(l.serial_ids, null) > 0) then
    insert into openstock_core.serial_unit (tenant_id, product_id, serial, created_at)
    select tenant, l.product_id, s.serial, openstock.server_time()
    from unnest(typed) as l
    cross join lateral unnest(l.serials, l.serial_ids) as s (serial, serial_id)
    where l.qty > 0 and s.serial_id is null
    order by l.product_id, s.serial
    on conflict on constraint serial_unit_serial_is_unique do nothing;
    -- Others may have made some of them meanwhile.
    typed := openstock_core.look_up_serials(tenant, lines);
  end if;

  entering := array(
    select s.serial_id from unnest(typed) as l cross join lateral unnest(l.serial_ids) as s (serial_id) where l.qty > 0);
  locked := array(
    select u.serial_id from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (entering) and u.bin_id is null
    order by u.serial_id
    for no key update);
  if cardinality(locked) < cardinality(entering) then
    -- From repeatable read on, what the snapshot shows in a bin may have left it: this ends the transaction then.
    perform from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (entering)
    for share skip locked;
    -- Others may have left their bins while it waited for those. Waiting for them now would be out of order.
    locked := array(
      select u.serial_id from openstock_core.serial_unit u
      where u.tenant_id = tenant and u.serial_id = any (entering) and u.bin_id is null
      for no key update skip locked);
  end if;
  if cardinality(locked) < cardinality(entering) then
    select jsonb_build_object('line', l.n, 'sku', l.sku, 'serial', u.serial, 'warehouse', w.code, 'location', c.code) into bad
    from unnest(typed) as l
    cross join lateral unnest(l.serial_ids) with ordinality as s (serial_id, place)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id and u.bin_id is not null
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    where l.qty > 0
    order by l.n, s.place
    limit 1;
    if bad is not null then
      perform openstock_core.fail('OS109', bad);
    end if;
    perform openstock_core.fail('40001', '{"problem": "a piece left its bin and is in use"}');
  end if;
  return typed;
end
$$;

revoke all on function openstock_core.bring_serials from public;
grant execute on function openstock_core.bring_serials to openstock_api;
comment on function openstock_core.bring_serials is
  'The lines with the ids of their pieces; those of lines with a positive quantity are in no bin and stay so until the call puts them there. Errors: OS109, 40001 where a piece leaves its bin at this moment, and another takes it.';

reset role;

-- sql/functions/openstock_core/check_serials.sql
-- Refuses lines whose pieces are not in the bin that they are to leave. The levels and bins are locked: pieces stay where they are.
-- Reads: serial_unit, stock_bin, warehouse, location.
set local role openstock_owner;

create or replace function openstock_core.check_serials(tenant uuid, lines openstock_core.stock_line[], bins bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad jsonb;
begin
  select jsonb_build_object('code', case when u.serial_id is null then 'OS111' else 'OS113' end, 'line', l.n, 'sku', l.sku, 'serial', s.serial)
    || case when u.serial_id is null then '{}' else jsonb_build_object('warehouse', w.code, 'location', c.code, 'status', b.status) end
  into bad
  from unnest(lines) as l
  cross join lateral unnest(l.serials, l.serial_ids) with ordinality as s (serial, serial_id, place)
  left join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
  left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
  left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
  left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  where u.bin_id is distinct from bins[l.n] or u.bin_id is null
  order by l.n, s.place
  limit 1;
  if found then
    perform openstock_core.fail(bad ->> 'code', bad - 'code');
  end if;
end
$$;

revoke all on function openstock_core.check_serials from public;
grant execute on function openstock_core.check_serials to openstock_api;
comment on function openstock_core.check_serials is
  'Errors: OS111 where there is no such piece, OS113 where it is elsewhere or not in stock, each with the line''s place.';

reset role;

-- sql/functions/openstock_core/unpin_serials.sql
-- Plans which pins give way when named pieces disappear: their own. The bins are locked. Reads: serial_unit, stock_bin, reservation_line, reservation.
set local role openstock_owner;

create or replace function openstock_core.unpin_serials(tenant uuid, line integer, serial_ids bigint[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(unpin_serials.line, 'DEALLOCATE', b.product_id, b.warehouse_id, b.bin_id, 0, 0, 0, -p.units,
               p.reservation_line_id, r.order_ref, null, unpin_serials.reason, null, null, null, null, p.serial_ids)::openstock_core.movement
    from (select u.bin_id, u.reservation_line_id, count(*) as units, array_agg(u.serial_id) as serial_ids
          from openstock_core.serial_unit u
          where u.tenant_id = tenant and u.serial_id = any (unpin_serials.serial_ids)
          group by u.bin_id, u.reservation_line_id) as p
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    order by p.bin_id, p.reservation_line_id);
end
$$;

revoke all on function openstock_core.unpin_serials from public;
grant execute on function openstock_core.unpin_serials to openstock_api;
comment on function openstock_core.unpin_serials is
  'DEALLOCATE movements that free those of these pieces that are pinned.';

reset role;

-- sql/functions/openstock_core/serial_names.sql
-- What pieces are called. Reads: serial_unit.
set local role openstock_owner;

create or replace function openstock_core.serial_names(tenant uuid, serial_ids bigint[]) returns text[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select u.serial::text from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (serial_ids)
    order by u.serial_id);
end
$$;

revoke all on function openstock_core.serial_names from public;
grant execute on function openstock_core.serial_names to openstock_api;
comment on function openstock_core.serial_names is 'The serials of these pieces, in the order in which they first came in.';

reset role;

-- sql/functions/openstock_core/stock_answer.sql
-- The answer of functions that change bins. Reads: product, warehouse, location, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.stock_answer(tenant uuid, entries openstock_core.posted[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'line', e.line, 'sku', p.sku, 'warehouse', w.code, 'location', l.code, 'lot', t.code,
      'handling_unit', h.code, 'status', e.status,
      'event_type', e.event_type, 'qty', e.qty_delta,
      'serials', case when e.serial_ids is not null then openstock_core.serial_names(tenant, e.serial_ids) end, 'on_hand', e.on_hand, 'blocked', e.blocked, 'reserved', e.reserved,
      'available', e.available, 'entry_id', e.entry_id, 'recorded_at', e.recorded_at, 'replayed', false) order by e.ord), '[]')
    from unnest(entries) as e
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    left join openstock_core.location l on l.tenant_id = tenant and l.location_id = e.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = e.lot_id
    left join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = e.handling_unit_id
    where openstock_core.is_chained(e.event_type, e.backordered_delta));
end
$$;

revoke all on function openstock_core.stock_answer from public;
grant execute on function openstock_core.stock_answer to openstock_api;
comment on function openstock_core.stock_answer is
  'Entries as an array of openstock.stock_change; what only pins or unpins units is left to the ledger.';

reset role;

-- sql/functions/openstock_core/resolve_adjustments.sql
-- Turns set_to into a change, and refuses what a bin cannot give. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.resolve_adjustments(
  tenant uuid, lines openstock_core.stock_line[], bins bigint[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select l.n, l.sku, l.qty, l.expected, b.on_hand, case
        when (l.qty is null) = (l.set_to is null) then 'must have either qty or set_to'
        when (l.set_to is null) <> (l.expected is null) then 'set_to and expected go together'
        when count(*) over (partition by b.bin_id) > 1 then 'names a bin that another line names too'
        when l.expected <> b.on_hand then 'OS202'
        when b.on_hand + l.qty < 0 then 'OS201'
      end as problem
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = bins[l.n]
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem = 'OS202' then
    perform openstock_core.fail('OS202', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'expected', bad.expected, 'on_hand', bad.on_hand));
  elsif bad.problem = 'OS201' then
    perform openstock_core.fail('OS201', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'qty', bad.qty, 'on_hand', bad.on_hand));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'problem', bad.problem));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, coalesce(l.qty, l.set_to - b.on_hand), null, null,
               l.location, l.location_id, null, null, l.lot, l.lot_id, l.expires_on, l.status, l.to_status,
               l.unit_cost, l.serials, l.serial_ids, l.handling_unit,
               l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = bins[l.n]
    order by l.n);
end
$$;

revoke all on function openstock_core.resolve_adjustments from public;
grant execute on function openstock_core.resolve_adjustments to openstock_api;
comment on function openstock_core.resolve_adjustments is
  'The lines with qty as the signed change of their bin. Errors: 22023, OS201 (less than nothing would be left), OS202.';

reset role;

-- sql/functions/openstock_core/check_handling_units.sql
-- Refuses lines that would let a handling unit lie at two locations. The handling units are locked: nobody else puts units in.
-- Reads: stock_bin, warehouse, location. Locks: stock_bin (shared, and skipping what others hold), only to refuse.
set local role openstock_owner;

create or replace function openstock_core.check_handling_units(tenant uuid, lines openstock_core.stock_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select l.n, l.handling_unit, l.handling_unit_id, w.code as warehouse, c.code as location into bad
  from unnest(lines) as l
  cross join lateral (
    select b.warehouse_id, b.location_id from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.handling_unit_id = l.handling_unit_id and b.on_hand > 0 and b.location_id <> l.location_id
    union all
    select null, o.location_id from unnest(lines) as o
    where o.handling_unit_id = l.handling_unit_id and o.location_id <> l.location_id and o.qty > 0 and o.n < l.n
    limit 1) as e
  join openstock_core.location c on c.tenant_id = tenant and c.location_id = e.location_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = c.warehouse_id
  where l.qty > 0
  order by l.n
  limit 1;
  if found then
    -- From repeatable read on, what the snapshot shows in it may have left: this ends the transaction then.
    perform from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.handling_unit_id = bad.handling_unit_id
    for share skip locked;
    perform openstock_core.fail('OS115', jsonb_build_object(
      'line', bad.n, 'handling_unit', bad.handling_unit, 'warehouse', bad.warehouse, 'location', bad.location));
  end if;
end
$$;

revoke all on function openstock_core.check_handling_units from public;
grant execute on function openstock_core.check_handling_units to openstock_api;
comment on function openstock_core.check_handling_units is
  'Errors: OS115 where units enter a handling unit whose other units are elsewhere, with the line''s place.';

reset role;

-- sql/functions/openstock_core/unpack_handling_units.sql
-- Turns lines that move whole handling units into lines about what these hold. They are locked: nothing is put in, and what leaves until the levels are
-- locked is left out by take_whole_units. Reads: handling_unit, stock_bin, location, product, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.unpack_handling_units(tenant uuid, warehouse_id bigint, lines jsonb) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  bad record;
begin
  with given as materialized (
    select e.n, e.line as v, normalize(btrim(e.line ->> 'handling_unit')) as code, h.handling_unit_id,
           count(*) over (partition by h.handling_unit_id) as times
    from jsonb_array_elements(jsonb_strip_nulls(lines)) with ordinality as e (line, n)
    left join lateral (select * from openstock_core.handling_unit h
                       where h.tenant_id = tenant and h.code = normalize(btrim(e.line ->> 'handling_unit')) limit 1) as h on true
  ), held as materialized (
    select g.n, jsonb_strip_nulls(jsonb_build_object(
             'line', coalesce((g.v ->> 'line')::integer, g.n), 'sku', p.sku, 'qty', b.on_hand, 'from', c.code, 'to', g.v ->> 'to', 'lot', t.code,
             'status', b.status, 'handling_unit', g.code, 'serials', case when p.tracking = 'serial' then to_jsonb(array(
               select u.serial from openstock_core.serial_unit u where u.tenant_id = tenant and u.bin_id = b.bin_id)) end)) as line,
           b.bin_id
    from given g
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.handling_unit_id = g.handling_unit_id
      and b.warehouse_id = unpack_handling_units.warehouse_id and b.on_hand > 0
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  )
  select (select jsonb_agg(h.line order by h.n, h.bin_id) from held h) as lines, f.n, f.problem
  into bad
  from (select) as always
  left join (
    select g.n, case
      when g.v ? 'sku' then '{"code": "22023", "argument": "lines", "problem": "whole handling units move in a call of their own"}'::jsonb
      when g.v ?| array['qty', 'serials', 'from', 'lot', 'status', 'to_status'] then
        '{"code": "22023", "argument": "lines", "problem": "a handling unit moves with all it holds: only to and line go with it"}'
      when not g.v ? 'to' then '{"code": "22023", "argument": "lines", "key": "to", "problem": "missing"}'
      when g.handling_unit_id is null then jsonb_build_object('code', 'OS114', 'handling_unit', g.code)
      when g.times > 1 then '{"code": "22023", "argument": "lines", "key": "handling_unit", "problem": "names a handling unit a second time"}'
      when not exists (select from held h where h.n = g.n) then jsonb_build_object('code', 'OS201', 'handling_unit', g.code, 'on_hand', 0)
      end as problem
    from given g) as f on f.problem is not null
  order by f.n
  limit 1;
  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.lines;
end
$$;

revoke all on function openstock_core.unpack_handling_units from public;
grant execute on function openstock_core.unpack_handling_units to openstock_api;
comment on function openstock_core.unpack_handling_units is
  'Lines of a move for each bin of these handling units at the warehouse. Errors: 22023, OS114, and OS201 where it holds nothing there.';

reset role;

-- sql/functions/openstock_core/take_whole_units.sql
-- Lets lines that move whole handling units take all that their bins hold now. The levels and bins are locked. Reads: stock_bin, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.take_whole_units(tenant uuid, lines openstock_core.stock_line[], sources bigint[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, b.on_hand, null, null, l.location, l.location_id, l.to_location, l.to_location_id,
               l.lot, l.lot_id, l.expires_on, l.status, l.to_status, null, l.serials,
               case when l.tracking = 'serial' then array(
                 select u.serial_id from openstock_core.serial_unit u
                 where u.tenant_id = tenant and u.bin_id = b.bin_id) end,
               l.handling_unit, l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = sources[l.n]);
end
$$;

revoke all on function openstock_core.take_whole_units from public;
grant execute on function openstock_core.take_whole_units to openstock_api;
comment on function openstock_core.take_whole_units is
  'The lines with what their bins hold as qty, and of products tracked by serial with all their pieces.';

reset role;

-- sql/functions/openstock_core/check_moves.sql
-- Refuses moves that go nowhere or take more than a bin holds. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.check_moves(
  tenant uuid, lines openstock_core.stock_line[], sources bigint[], targets bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select l.n, l.sku, l.location, l.qty, coalesce(s.on_hand, 0) as on_hand, case
        when sources[l.n] = targets[l.n] then 'must go to another bin or status'
        when coalesce(s.on_hand, 0) < sum(l.qty) over (partition by l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id) then 'OS201'
      end as problem
    from unnest(lines) as l
    left join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = sources[l.n]
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem = 'OS201' then
    perform openstock_core.fail('OS201', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'location', bad.location, 'qty', bad.qty, 'on_hand', bad.on_hand));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'problem', bad.problem));
  end if;
end
$$;

revoke all on function openstock_core.check_moves from public;
grant execute on function openstock_core.check_moves to openstock_api;
comment on function openstock_core.check_moves is
  'Errors: 22023 where a line stays where it is, OS201 where lines together take more than a bin holds.';

reset role;

-- sql/functions/openstock_core/plan_moves.sql
-- Plans the entries of a move. The bins are locked. Reads: stock_bin, allocation, serial_unit.
-- The units of a source bin are laid end to end, free ones first and then the pinned ones: those of holds that have ended, then of lines that
-- any other units will do for, then the newest allocation first; the lines take them in turn, and where a line overlaps an allocation it carries
-- it along.
set local role openstock_owner;

create or replace function openstock_core.plan_moves(
  tenant uuid, lines openstock_core.stock_line[], sources bigint[], targets bigint[], reason text)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
begin
  perform openstock_core.check_moves(tenant, lines, sources, targets);
  return array(
    with leaving as (
      select l.n, l.line, l.qty, l.serial_ids, s.product_id, s.warehouse_id, s.bin_id as source, d.bin_id as target,
             s.blocked as source_blocked, d.blocked as target_blocked,
             case when s.location_id = d.location_id then 'STATUS' else 'MOVE' end as event_type,
             s.on_hand - s.allocated as free,
             sum(l.qty) over (partition by s.bin_id order by l.n) - l.qty as start
      from unnest(lines) as l
      join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = sources[l.n]
      join openstock_core.stock_bin d on d.tenant_id = tenant and d.bin_id = targets[l.n]
    ), pinned as (
      select a.bin_id, a.reservation_line_id, r.order_ref, a.qty, s.on_hand - s.allocated
               + sum(a.qty) over (partition by a.bin_id order by (l.expires_at <= at) is true desc, num_nonnulls(l.location_id, l.lot_id, l.min_days_left),
                                     a.created_at desc, a.reservation_line_id desc) - a.qty as start
      from openstock_core.allocation a
      join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = a.bin_id
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
      join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
      where a.tenant_id = tenant and a.bin_id = any (sources)
    ), part as (
      select m.*, null::bigint as reservation_line_id, null::text as order_ref, trim_scale(least(m.qty, m.free - m.start)) as units,
             null::bigint[] as pieces
      from leaving m where m.start < m.free and m.serial_ids is null
      union all
      select m.*, p.reservation_line_id, p.order_ref, trim_scale(least(m.start + m.qty, p.start + p.qty) - greatest(m.start, p.start)), null
      from leaving m
      join pinned p on p.bin_id = m.source and p.start < m.start + m.qty and m.start < p.start + p.qty
      where m.serial_ids is null
      union all
      -- Pieces that are named take their own pins along.
      select m.*, u.reservation_line_id, p.order_ref, count(*), array_agg(u.serial_id)
      from leaving m
      cross join lateral unnest(m.serial_ids) as s (serial_id)
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
      left join pinned p on p.bin_id = m.source and p.reservation_line_id = u.reservation_line_id
      group by m.n, m.line, m.qty, m.serial_ids, m.product_id, m.warehouse_id, m.source, m.target, m.source_blocked, m.target_blocked, m.event_type,
               m.free, m.start, u.reservation_line_id, p.order_ref
    ), entry as (
      select p.n, p.reservation_line_id, 1 as step, row(0, 'DEALLOCATE', p.product_id, p.warehouse_id, p.source,
               0, 0, 0, -p.units, p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement as movement
      from part p where p.reservation_line_id is not null and p.target_blocked
      union all
      select p.n, p.reservation_line_id, 2, row(p.line, p.event_type, p.product_id, p.warehouse_id, p.source,
               -p.units, case when p.source_blocked then -p.units else 0 end, 0,
               case when p.reservation_line_id is not null and not p.target_blocked then -p.units else 0 end,
               p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement
      from part p
      union all
      select p.n, p.reservation_line_id, 3, row(p.line, p.event_type, p.product_id, p.warehouse_id, p.target,
               p.units, case when p.target_blocked then p.units else 0 end, 0,
               case when p.reservation_line_id is not null and not p.target_blocked then p.units else 0 end,
               p.reservation_line_id, p.order_ref, null, reason, null, null, null, null, p.pieces)::openstock_core.movement
      from part p
    )
    select e.movement from entry e order by e.n, e.reservation_line_id nulls first, e.step);
end
$$;

revoke all on function openstock_core.plan_moves from public;
grant execute on function openstock_core.plan_moves to openstock_api;
comment on function openstock_core.plan_moves is
  'The movements of a move: for each line the free units it takes, then each allocation it carries, or de-allocates where the target is blocked. '
  'Errors: those of check_moves.';

reset role;

-- sql/functions/openstock/receive.sql
-- Goods in. Writes: operation, event, ledger (RECEIPT), stock_level, stock_bin, lot (new ones), handling_unit, serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id, serial_unit by serial_id (those that come back); where somebody waits for a product,
-- before the bins backlog by product_id, order (skipping those in use), backorder by id. Writes then: what fill_queue writes.
set local role openstock_api;

create or replace function openstock.receive(
  op_id text, warehouse text, lines jsonb,
  reference text default null, note text default null, occurred_at timestamptz default null, fill_backorders boolean default null,
  tenant uuid default null)
returns setof openstock.stock_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object(
    'warehouse', warehouse, 'lines', lines, 'reference', reference, 'note', note, 'occurred_at', occurred_at at time zone 'UTC', 'fill_backorders', fill_backorders);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'receive', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  bins bigint[];
  levels openstock_core.level_key[];
  waiting bigint[];
  due openstock_core.due;
  packed boolean;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number! or serials", "serials": "codes", "line": "integer", "location": "code",
      "lot": "code", "handling_unit": "code", "handling_unit_kind": "code", "expires_on": "date", "status": "code", "unit_cost": "number"}', 10000, 'line');
    perform openstock_core.check_call(reference, note, null, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, true);
    packed := jsonb_path_exists(lines, '$[*] ? (@.handling_unit != null || @.handling_unit_kind != null)');
    if packed then
      perform openstock_core.lock_handling_units(acting, lines, true);
    end if;
    typed := openstock_core.make_lots(acting, openstock_core.read_stock_lines(acting, place, lines, 'positive', true));

    perform openstock_core.share_places(acting,
      array(select distinct l.location_id from unnest(typed) as l), array(select distinct l.lot_id from unnest(typed) as l));
    levels := array(select distinct row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l);
    due := openstock_core.lock_levels(acting, levels, true);
    if fill_backorders is not false then
      waiting := openstock_core.lock_waiting(acting, levels);
    end if;
    bins := openstock_core.make_bins(acting, place, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, '{}', bins, due);
    if packed then
      perform openstock_core.check_handling_units(acting, typed);
    end if;
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.bring_serials(acting, typed);
    end if;

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'RECEIPT', l.product_id, place, b.bin_id, l.qty, case when b.blocked then l.qty else 0 end, 0, 0,
                   null, null, l.unit_cost, null, null, null, null, null, l.serial_ids)::openstock_core.movement
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n]
        order by l.n), occurred_at, reference, note) as p));
    if cardinality(waiting) > 0 then
      perform from openstock_core.fill_queue(acting, op_id, levels, waiting);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.receive from public;
grant execute on function openstock.receive to openstock_app;
comment on function openstock.receive is
  'Goods in. lines: sku, qty (positive), and optionally line, location (default DEFAULT), lot (required where the product is tracked by '
  'lot; a new one is created), expires_on (the lot''s last day), serials (required where the product is tracked by serial: an array of as many names '
  'as units, and qty may be left out; a new one is created, and a piece that left may come back), status (default available), unit_cost, handling_unit (the barcode of the pallet, tote or '
  'carton that they come in; a new one is created, of the handling_unit_kind given, default pallet). fill_backorders (default true): orders that wait for the products get what is available at the '
  'warehouse then, by priority and age, in the same transaction, so that nobody comes between. Returns one row per line. '
  'Errors: 22023, OS010, OS101 to OS115; 40001 also at READ COMMITTED, where a piece leaves its bin meanwhile and another takes it.';

reset role;

-- sql/functions/openstock/adjust.sql
-- Corrects what a bin holds. Writes: operation, event, ledger (ADJUST, DEALLOCATE), stock_level, stock_bin, allocation, handling_unit (changes), serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id, serial_unit by serial_id (those that come back).
set local role openstock_api;

create or replace function openstock.adjust(
  op_id text, warehouse text, lines jsonb, reason text,
  reference text default null, note text default null, occurred_at timestamptz default null, tenant uuid default null)
returns setof openstock.stock_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines, 'reason', reason,
    'reference', reference, 'note', note, 'occurred_at', occurred_at at time zone 'UTC');
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'adjust', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  bins bigint[];
  due openstock_core.due;
  packed boolean;
  leaving openstock_core.stock_line[];
  unpinned openstock_core.movement[] := array[]::openstock_core.movement[];
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code!", "qty": "number", "set_to": "number", "expected": "number", "serials": "codes",
      "line": "integer", "location": "code", "lot": "code", "handling_unit": "code", "status": "code", "unit_cost": "number"}', 10000, 'line');
    perform openstock_core.check_text('reason', 'text!', reason);
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    packed := jsonb_path_exists(lines, '$[*].handling_unit ? (@ != null)');
    if packed then
      perform openstock_core.lock_handling_units(acting, lines, false);
    end if;
    typed := openstock_core.read_stock_lines(acting, place, lines, 'signed', false);

    perform openstock_core.share_places(acting,
      array(select distinct l.location_id from unnest(typed) as l), array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    bins := openstock_core.make_bins(acting, place, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, '{}', bins, due);
    typed := openstock_core.resolve_adjustments(acting, typed, bins);
    if packed then
      perform openstock_core.check_handling_units(acting, typed);
    end if;
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.bring_serials(acting, typed);
      leaving := array(select l from unnest(typed) as l where l.qty < 0);
      perform openstock_core.check_serials(acting, leaving, bins);
      unpinned := openstock_core.unpin_serials(acting, 0, array(
        select s.serial_id from unnest(leaving) as l cross join lateral unnest(l.serial_ids) as s (serial_id)), reason);
    end if;

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id, (
        select openstock_core.unpin_from_bins(acting, 0, array_agg(b.bin_id), array_agg(b.allocated - b.on_hand - l.qty), reason)
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n] and l.serials is null
      ) || unpinned || array(
        select row(l.line, 'ADJUST', l.product_id, place, b.bin_id, l.qty, case when b.blocked then l.qty else 0 end, 0, 0,
                   null, null, l.unit_cost, reason, null, null, null, null, l.serial_ids)::openstock_core.movement
        from unnest(typed) as l
        join openstock_core.stock_bin b on b.tenant_id = acting and b.bin_id = bins[l.n]
        order by l.n), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.adjust from public;
grant execute on function openstock.adjust to openstock_app;
comment on function openstock.adjust is
  'Corrects what bins hold, for a reason. lines: sku, and either qty (signed change) or set_to with the expected balance; optionally line, '
  'location (default DEFAULT), lot, status, handling_unit (what it holds; without, what is loose), unit_cost; where the product is tracked by serial qty and serials, the pieces that were lost or found. Units pinned to orders that disappear are de-allocated; the promises stay, and available may '
  'become negative. Returns one row per line. Errors: 22023, OS010, OS101 to OS115, OS201, OS202; 40001 also at READ COMMITTED, where a piece leaves its bin meanwhile and another takes it.';

reset role;

-- sql/functions/openstock/move.sql
-- Moves units from bin to bin within a warehouse, or changes their status; pinned units take their allocations along.
-- Writes: operation, event, ledger (MOVE, STATUS, DEALLOCATE), stock_level, stock_bin, allocation, handling_unit (changes), serial_unit, ledger_serial.
-- Locks: operation, handling_unit by id, location and lot (shared), stock_level by (product, warehouse), stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.move(
  op_id text, warehouse text, lines jsonb,
  reason text default null, reference text default null, note text default null,
  occurred_at timestamptz default null, tenant uuid default null)
returns setof openstock.stock_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines, 'reason', reason,
    'reference', reference, 'note', note, 'occurred_at', occurred_at at time zone 'UTC');
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'move', arguments);
  place bigint;
  typed openstock_core.stock_line[];
  sources bigint[];
  targets bigint[];
  due openstock_core.due;
  whole boolean := false;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"sku": "code! or handling_unit", "qty": "number! or serials or handling_unit", "serials": "codes", "handling_unit": "code", "from": "code", "to": "code",
      "line": "integer", "lot": "code", "status": "code", "to_status": "code"}', 10000, 'line');
    perform openstock_core.check_call(reference, note, reason, occurred_at);
    place := openstock_core.find_warehouse(acting, warehouse, false);
    if jsonb_path_exists(lines, '$[*].handling_unit ? (@ != null)') then
      perform openstock_core.lock_handling_units(acting, lines, false);
      whole := jsonb_path_exists(lines, '$[*] ? (!exists (@.sku) || @.sku == null)');
      if whole then
        lines := openstock_core.unpack_handling_units(acting, place, lines);
      end if;
    end if;
    typed := openstock_core.read_stock_lines(acting, place, lines, 'positive', false);

    perform openstock_core.share_places(acting,
      array(select distinct coalesce(l.to_location_id, l.location_id) from unnest(typed) as l),
      array(select distinct l.lot_id from unnest(typed) as l));
    due := openstock_core.lock_levels(acting, array(
      select row(l.product_id, place)::openstock_core.level_key from unnest(typed) as l), true);
    sources := openstock_core.find_bins(acting, array(
      select row(l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id)::openstock_core.bin_key from unnest(typed) as l order by l.n));
    targets := openstock_core.make_bins(acting, place, array(
      select row(coalesce(l.to_location_id, l.location_id), l.product_id, l.lot_id, l.to_status, case when whole then l.handling_unit_id end)::openstock_core.bin_key
      from unnest(typed) as l order by l.n));
    perform openstock_core.settle_bins(acting, op_id, sources, targets, due);
    perform openstock_core.inherit_ages(acting, sources, targets);
    if whole then
      typed := openstock_core.take_whole_units(acting, typed, sources);
    elsif jsonb_path_exists(lines, '$[*].serials[*]') then
      typed := openstock_core.look_up_serials(acting, typed);
      perform openstock_core.check_serials(acting, typed, sources);
    end if;

    answer := openstock_core.stock_answer(acting, array(
      select p from openstock_core.post(acting, op_id,
        openstock_core.plan_moves(acting, typed, sources, targets, reason), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.stock_change, answer);
end
$$;

revoke all on function openstock.move from public;
grant execute on function openstock.move to openstock_app;
comment on function openstock.move is
  'Moves units within a warehouse. lines: sku, qty (positive), and from and to (bins; default DEFAULT, and to where it comes from), status '
  'and to_status (what it is and becomes), optionally line, lot; where the product is tracked by serial serials (which pieces; qty may be left out). handling_unit names what units leave: they become loose. A line of handling_unit and to alone '
  'moves it with all it holds. All lines happen at once. Units pinned to orders move last and stay pinned, unless they '
  'become blocked: then they are de-allocated; pieces keep their own pins. Returns the entries out of and into bins. Errors: 22023, OS010, OS101 to OS114, OS201.';

reset role;

-- sql/functions/openstock_core/read_quota_lines.sql
-- Turns the lines of put_quotas into typed rows and looks their names up. Reads: product, channel. Writes: product (its row, unchanged).
-- Locks: product by product_id, so that none becomes a kit or gets fewer decimals meanwhile. Rewriting its row makes such a change that cannot see the
-- quota, from repeatable read on, end in 40001.
set local role openstock_owner;

create or replace function openstock_core.read_quota_lines(tenant uuid, lines jsonb) returns openstock_core.quota_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  skus constant text[] := array(select normalize(btrim(g.sku)) from jsonb_to_recordset(lines) as g (sku text));
  bad record;
begin
  perform from openstock_core.product p
  where p.tenant_id = tenant and p.sku = any (skus)
  order by p.product_id
  for no key update;
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.sku = any (skus);
  -- materialized, limit 1, no sequential scan: as in read_order_lines.
  with given as materialized (
    select g.n::integer as n, coalesce(g.line, g.n::integer) as line, normalize(btrim(g.channel)) as channel, normalize(btrim(g.sku)) as sku,
           trim_scale(g.qty) as qty
    from rows from (jsonb_to_recordset(lines) as (line integer, channel text, sku text, qty numeric)) with ordinality as g (line, channel, sku, qty, n)
  ), looked_up as (
    select g.*, c.channel_id, p.product_id,
           case
             when c.channel_id is null then jsonb_build_object('code', 'OS116', 'channel', g.channel)
             when not c.active and g.qty > 0 then jsonb_build_object('code', 'OS117', 'channel', g.channel)
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when p.is_kit then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'sku', g.sku, 'problem', 'is a kit, which has no stock of its own')
             when openstock_core.quantity_problem(g.qty, p.decimals, 'zero') is not null then
               jsonb_build_object('code', 'OS110', 'sku', g.sku, 'problem', openstock_core.quantity_problem(g.qty, p.decimals, 'zero'))
             when count(*) over (partition by g.channel, g.sku) > 1 then
               '{"code": "22023", "argument": "lines", "key": "sku", "problem": "is named by another line for this channel too"}'
           end as problem
    from given g
    left join lateral (select * from openstock_core.channel s where s.tenant_id = tenant and s.code = g.channel limit 1) as c on true
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
  )
  select (select array_agg((u.n, u.line, u.channel, u.channel_id, u.sku, u.product_id, u.qty)::openstock_core.quota_line)
          from looked_up u) as typed, f.n, f.problem
  into bad
  from (select) as always
  left join (select u.n, u.problem from looked_up u where u.problem is not null order by u.n limit 1) as f on true;

  if bad.problem is not null then
    perform openstock_core.fail(bad.problem ->> 'code', jsonb_build_object('line', bad.n) || (bad.problem - 'code'));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_quota_lines from public;
grant execute on function openstock_core.read_quota_lines to openstock_api;
comment on function openstock_core.read_quota_lines is
  'The lines, typed and looked up. A channel that is not active can only be given nothing. Errors: 22023, OS101, OS110, OS116, OS117, each with the line''s place.';

reset role;

-- sql/functions/openstock_core/write_quotas.sql
-- Sets what is kept for sales channels at a warehouse. What ended holds took from these quotas is given back first: it counts as kept from that moment on,
-- and would otherwise come on top. Writes: stock_level, channel_quota, and what make_levels and book_due write.
-- Locks: stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.write_quotas(tenant uuid, op_id text, place bigint, lines openstock_core.quota_line[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(select distinct u.product_id from unnest(lines) as u);
  due openstock_core.due;
  too_much jsonb;
begin
  due := openstock_core.lock_levels(tenant, array(select row(k, place)::openstock_core.level_key from unnest(product_ids) as k), true);
  due := openstock_core.lock_due_holds(tenant, due, array(
    select l.reservation_line_id
    from unnest(lines) as u
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = place
      and l.channel_id = u.channel_id
    where l.expires_at <= due.at and l.reserved > 0 and l.quota_used > 0), false);
  perform openstock_core.settle_bins(tenant, op_id, '{}', '{}', due);

  insert into openstock_core.channel_quota as q (tenant_id, product_id, warehouse_id, channel_id, qty)
  select tenant, u.product_id, place, u.channel_id, u.qty
  from unnest(lines) as u
  where u.qty > 0 or exists (
    select from openstock_core.channel_quota s
    where s.tenant_id = tenant and s.product_id = u.product_id and s.warehouse_id = place and s.channel_id = u.channel_id)
  on conflict on constraint channel_quota_pkey do update set qty = excluded.qty;

  select jsonb_build_object('line', min(u.n), 'sku', u.sku, 'problem', 'all that is kept of it must have at most 12 digits before the point')
  into too_much
  from unnest(lines) as u
  where 999999999999.999999 < (select sum(q.qty) from openstock_core.channel_quota q
                               where q.tenant_id = tenant and q.product_id = u.product_id and q.warehouse_id = place)
  group by u.sku order by min(u.n) limit 1;
  if found then
    perform openstock_core.fail('OS110', too_much);
  end if;
  -- Also where the sum is what it was: an older snapshot must not overlook that its parts changed.
  update openstock_core.stock_level l
  set fenced = (select coalesce(trim_scale(sum(q.qty)), 0) from openstock_core.channel_quota q
                where q.tenant_id = tenant and q.product_id = l.product_id and q.warehouse_id = place)
  where l.tenant_id = tenant and l.product_id = any (product_ids) and l.warehouse_id = place;

  return (
    select jsonb_agg(jsonb_build_object(
      'line', u.line, 'channel', u.channel, 'sku', u.sku, 'warehouse', w.code, 'qty', u.qty, 'on_hand', l.on_hand, 'blocked', l.blocked,
      'reserved', l.reserved, 'fenced', l.fenced, 'available', l.available, 'replayed', false) order by u.n)
    from unnest(lines) as u
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = place
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = place);
end
$$;

revoke all on function openstock_core.write_quotas from public;
grant execute on function openstock_core.write_quotas to openstock_api;
comment on function openstock_core.write_quotas is
  'Sets these quotas and returns openstock.quota_change rows. Errors: OS110 where all that is kept would be too large.';

reset role;

-- sql/functions/openstock/put_quotas.sql
-- Sets what is kept for sales channels at a warehouse. Writes: operation, event, and what read_quota_lines and write_quotas write.
-- Locks: operation, product by product_id, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.put_quotas(op_id text, warehouse text, lines jsonb, tenant uuid default null)
returns setof openstock.quota_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'lines', lines);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'put_quotas', arguments);
  place bigint;
begin
  if answer is null then
    perform openstock_core.check_lines(lines, '{"line": "integer", "channel": "code!", "sku": "code!", "qty": "number!"}', 10000, 'line');
    place := openstock_core.find_warehouse(acting, warehouse, false);
    answer := openstock_core.write_quotas(acting, op_id, place, openstock_core.read_quota_lines(acting, lines));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.quota_change, answer);
end
$$;

revoke all on function openstock.put_quotas from public;
grant execute on function openstock.put_quotas to openstock_app;
comment on function openstock.put_quotas is
  'Keeps units of products at a warehouse for sales channels: only they are promised them. lines: channel, sku, qty (units to keep from now on, whatever was kept and '
  'used before; 0: none). May be more than there is: what comes in is then kept first. Safety stock goes before the quota of a channel that may not '
  'use it: choose quotas whose sum and the safety stock fit into the stock. Returns one row per line, with the balances after all. '
  'Errors: 22023, OS010, OS101, OS103, OS110, OS116, OS117.';

reset role;

-- sql/functions/openstock_core/check_ttl.sql
-- Refuses times to live that make no hold, or none that means the same everywhere: a month has no length.
set local role openstock_owner;

create or replace function openstock_core.check_ttl(ttl interval) returns double precision
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not isfinite(ttl) or ttl <= interval '0' or ttl > interval '3653 days' then
    perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "must be positive, and at most ten years"}');
  elsif extract(year from ttl) <> 0 or extract(month from ttl) <> 0 then
    perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "must be given in days, hours, minutes or seconds: months have no fixed length"}');
  end if;
  return extract(epoch from ttl);
end
$$;

revoke all on function openstock_core.check_ttl from public;
grant execute on function openstock_core.check_ttl to openstock_api;
comment on function openstock_core.check_ttl is 'The seconds of a time to live; a day has 86,400. Errors: 22023.';

reset role;

-- sql/functions/openstock_core/check_order_details.sql
-- Refuses details of an order that are not valid.
set local role openstock_owner;

create or replace function openstock_core.check_order_details(promised_at timestamptz, metadata jsonb) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not isfinite(promised_at) then
    perform openstock_core.fail('22023', '{"argument": "promised_at", "problem": "must be finite"}');
  elsif jsonb_typeof(metadata) <> 'object' then
    perform openstock_core.fail('22023', '{"argument": "metadata", "problem": "must be a JSON object"}');
  elsif octet_length(metadata::text) > 65536 then
    perform openstock_core.fail('22023', '{"argument": "metadata", "problem": "must not have more than 65536 bytes"}');
  end if;
end
$$;

revoke all on function openstock_core.check_order_details from public;
grant execute on function openstock_core.check_order_details to openstock_api;
comment on function openstock_core.check_order_details is 'Errors: 22023.';

reset role;

-- sql/functions/openstock_core/set_order_details.sql
-- Writes what the caller says of an order: what is given replaces what was, metadata key by key. The order is locked. Writes: reservation.
set local role openstock_owner;

create or replace function openstock_core.set_order_details(
  tenant uuid, order_id bigint, priority integer, promised_at timestamptz, metadata jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update openstock_core.reservation r
  set priority = coalesce(set_order_details.priority, r.priority),
      promised_at = coalesce(set_order_details.promised_at, r.promised_at),
      metadata = r.metadata || coalesce(set_order_details.metadata, '{}')
  where r.tenant_id = tenant and r.reservation_id = order_id;
end
$$;

revoke all on function openstock_core.set_order_details from public;
grant execute on function openstock_core.set_order_details to openstock_api;
comment on function openstock_core.set_order_details is 'Sets an order''s priority, promised time and metadata, where given.';

reset role;

-- sql/functions/openstock_core/order_line_keys.sql
-- What a line that asks for stock may say.
set local role openstock_owner;

create or replace function openstock_core.order_line_keys() returns jsonb
language sql
immutable
parallel safe
return '{"sku": "code!", "qty": "number! or serials", "line": "integer", "warehouse": "code", "location": "code", "lot": "code", "min_days_left": "days", "serials": "codes"}'::jsonb;

revoke all on function openstock_core.order_line_keys from public;
grant execute on function openstock_core.order_line_keys to openstock_api;
comment on function openstock_core.order_line_keys is 'Keys of the lines of reserve and quote and their types, for check_lines.';

reset role;

-- sql/functions/openstock_core/read_order_lines.sql
-- Turns the lines of reserve into typed rows, looks their names up and sums those that are alike. Reads: product, warehouse,
-- location, lot, serial_unit, kit_component. A line of kits is one of each component, as the kit is made now.
set local role openstock_owner;

create or replace function openstock_core.read_order_lines(
  tenant uuid, lines jsonb, warehouse text, places integer[] default null)
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  bad record;
begin
  -- materialized, limit 1, no sequential scan: one index probe a line. Under row-level security no index serves a name that
  -- is computed where it is compared, and planned while the tables are small the catalogue would be read for each line.
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, trim_scale(coalesce(g.qty, jsonb_array_length(g.serials))) as qty,
           coalesce(normalize(btrim(g.warehouse)), read_order_lines.warehouse) as warehouse,
           normalize(btrim(g.location)) as location, normalize(btrim(g.lot)) as lot, g.min_days_left::integer as min_days_left,
           g.kit_id, g.kit_qty,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (
      line integer, sku text, qty numeric, warehouse text, location text, lot text, min_days_left numeric,
      kit_id bigint, kit_qty numeric, serials jsonb))
      with ordinality as g (line, sku, qty, warehouse, location, lot, min_days_left, kit_id, kit_qty, serials, n)
  ), looked_up as (
    select g.n, g.line, coalesce(c.sku, g.sku) as sku, trim_scale(g.qty * coalesce(c.qty, 1)) as qty, g.min_days_left,
           coalesce(c.component_id, p.product_id) as product_id, w.warehouse_id, l.location_id, t.lot_id,
           case when p.is_kit then p.product_id else g.kit_id end as kit_id, coalesce(c.qty, g.kit_qty) as kit_qty, g.serials, s.serial_ids,
           case
             when p.product_id is null then jsonb_build_object('code', 'OS101', 'sku', g.sku)
             when not p.active then jsonb_build_object('code', 'OS102', 'sku', g.sku)
             when g.warehouse is not null and w.warehouse_id is null then
               jsonb_build_object('code', 'OS103', 'warehouse', g.warehouse)
             when not w.active then jsonb_build_object('code', 'OS104', 'warehouse', g.warehouse)
             when p.is_kit and num_nonnulls(g.location, g.lot, g.min_days_left, g.serials) > 0 then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'sku', g.sku, 'problem', 'is a kit: it can ask for no location, lot, days left or serials',
                                  'key', case when g.location is not null then 'location' when g.lot is not null then 'lot'
                                              when g.min_days_left is not null then 'min_days_left' else 'serials' end)
             when g.location is not null and g.warehouse is null then
               jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'location', 'problem', 'needs a warehouse')
             when g.location is not null and l.location_id is null then jsonb_build_object('code', 'OS105', 'location', g.location)
             when coalesce(g.lot, g.min_days_left::text) is not null and p.tracking = 'none' then
               jsonb_build_object('code', 'OS108', 'sku', g.sku, 'lot', g.lot, 'problem', 'the product is not tracked by lot')
             when g.lot is not null and t.lot_id is null then jsonb_build_object('code', 'OS107', 'sku', g.sku, 'lot', g.lot)
             when g.serials is not null and openstock_core.serials_problem(p.tracking, g.sku, g.qty, null, g.serials) is not null then
               openstock_core.serials_problem(p.tracking, g.sku, g.qty, null, g.serials)
             when s.unknown is not null then jsonb_build_object('code', 'OS111', 'sku', g.sku, 'serial', g.serials[s.unknown])
             when openstock_core.quantity_problem(g.qty, k.decimals, 'positive') is not null then
               jsonb_build_object('code', 'OS110', 'sku', g.sku,
                                  'problem', openstock_core.quantity_problem(g.qty, k.decimals, 'positive'))
             when not c.active then jsonb_build_object('code', 'OS102', 'sku', c.sku, 'kit', g.sku)
             when openstock_core.quantity_problem(g.qty * c.qty, c.decimals, 'positive') is not null then
               jsonb_build_object('code', 'OS110', 'sku', c.sku, 'kit', g.sku,
                                  'problem', openstock_core.quantity_problem(g.qty * c.qty, c.decimals, 'positive'))
             when g.qty * c.qty > 999999999999.999999 then
               jsonb_build_object('code', 'OS110', 'sku', c.sku, 'kit', g.sku, 'problem', 'must have at most 12 digits before the point')
           end as problem
    from given g
    left join lateral (select * from openstock_core.product s
                       where s.tenant_id = tenant and s.sku = g.sku limit 1) as p on true
    left join lateral (select * from openstock_core.warehouse s
                       where s.tenant_id = tenant and s.code = g.warehouse limit 1) as w on true
    left join lateral (select * from openstock_core.location s
                       where s.tenant_id = tenant and s.warehouse_id = w.warehouse_id and s.code = g.location limit 1) as l on g.location is not null
    left join lateral (select * from openstock_core.lot s
                       where s.tenant_id = tenant and s.product_id = p.product_id and s.code = g.lot limit 1) as t on g.lot is not null
    left join lateral (
      select array_agg(u.serial_id) as serial_ids, min(e.place) filter (where u.serial_id is null) as unknown
      from unnest(g.serials) with ordinality as e (serial, place)
      left join lateral (select * from openstock_core.serial_unit s
                         where s.tenant_id = tenant and s.product_id = p.product_id and s.serial = e.serial limit 1) as u on true) as s on g.serials is not null
    -- Kits are sold whole.
    cross join lateral (select case when p.is_kit then 0 else p.decimals end as decimals) as k
    -- limit, so that the condition stands above the scan: for other products there is none.
    left join lateral (select i.component_id, i.qty, s.sku, s.active, s.decimals
                       from openstock_core.kit_component i
                       join openstock_core.product s on s.tenant_id = tenant and s.product_id = i.component_id
                       where p.is_kit and i.tenant_id = tenant and i.kit_id = p.product_id limit 100) as c on true
  ), twice as (
    select max(u.n) as n, jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'names a piece a second time', 'sku', u.sku,
                                             'serial', e.serial) as problem
    from looked_up u
    cross join lateral unnest(u.serials) as e (serial)
    group by u.product_id, u.sku, e.serial
    having count(*) > 1
  ), first_problem as (
    select f.n, f.problem
    from (select u.n, u.product_id, u.problem from looked_up u where u.problem is not null union all select t.n, null, t.problem from twice t) as f
    order by f.n, f.product_id, f.problem ->> 'serial' limit 1
  ), summed as (
    select u.line, u.sku, u.product_id, u.warehouse_id, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty,
           u.serial_ids, trim_scale(sum(u.qty)) as qty, min(u.n) as n
    from looked_up u
    group by u.line, u.sku, u.product_id, u.warehouse_id, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty, u.serial_ids
  )
  select (select array_agg((s.line, s.sku, s.product_id, s.warehouse_id, s.qty, s.location_id, s.lot_id, s.min_days_left,
                            s.kit_id, s.kit_qty, s.serial_ids)::openstock_core.order_line order by s.n, s.product_id)
          from summed s) as typed, f.n, f.problem
  into bad
  from (select) as always left join first_problem f on true;

  if bad.problem is not null then
    perform openstock_core.refuse_entry(coalesce(places[bad.n], bad.n), lines -> (bad.n - 1)::integer, bad.problem);
  end if;
  if cardinality(bad.typed) > 10000 then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'lines', 'problem', 'must ask for at most 10000 components of kits and other products', 'parts', cardinality(bad.typed)));
  end if;
  return bad.typed;
end
$$;

revoke all on function openstock_core.read_order_lines from public;
grant execute on function openstock_core.read_order_lines to openstock_api;
comment on function openstock_core.read_order_lines is
  'The lines, typed and looked up; lines without a number that ask for the same are one, and one of kits is a line of each component. '
  'Errors: 22023, OS101 to OS105, OS107, OS108, OS110 to OS112, each with the line''s place, or the one given for it.';

reset role;

-- sql/functions/openstock_core/parts_of_order.sql
-- An order's reservation lines and backorders as one list: what it is promised, and what it waits for. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.parts_of_order(
  tenant uuid, order_id bigint,
  out reservation_line_id bigint, out backorder_id bigint, out line integer, out product_id bigint, out warehouse_id bigint,
  out ordered numeric, out open numeric, out expired numeric, out expires_at timestamptz, out channel_id bigint)
returns setof record
language sql
stable
begin atomic
  select l.reservation_line_id, null::bigint, l.line, l.product_id, l.warehouse_id, l.ordered, l.reserved, l.expired, l.expires_at, l.channel_id
  from openstock_core.reservation_line l
  where l.tenant_id = tenant and l.reservation_id = order_id
  union all
  select null, b.backorder_id, b.line, b.product_id, b.warehouse_id, b.backordered + b.released + b.expired, b.backordered, b.expired, b.expires_at,
         b.channel_id
  from openstock_core.backorder b
  where b.tenant_id = tenant and b.reservation_id = order_id;
end;

revoke all on function openstock_core.parts_of_order from public;
grant execute on function openstock_core.parts_of_order to openstock_api;
comment on function openstock_core.parts_of_order is
  'The rows that an order''s lines are made of. open: what is reserved, or waits; its end may have come (expires_at) without being booked.';

reset role;

-- sql/functions/openstock_core/check_order_is_open.sql
-- Refuses promises to an order that is over. The order is locked. Reads: reservation, reservation_line, backorder.
-- An order whose holds ended is not over: the shopper may come back; whether the end is booked makes no difference.
set local role openstock_owner;

create or replace function openstock_core.check_order_is_open(tenant uuid, order_id bigint, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select b.order_ref as became, l.lines, l.still_open into bad
  from openstock_core.reservation r
  left join openstock_core.reservation b on b.tenant_id = tenant and b.reservation_id = r.became_id
  cross join lateral (
    select count(*) as lines, bool_or(p.open > 0 or p.expired > 0) as still_open
    from openstock_core.parts_of_order(tenant, order_id) as p) as l
  where r.tenant_id = tenant and r.reservation_id = order_id;
  if bad.became is not null or (bad.lines > 0 and not bad.still_open) then
    perform openstock_core.fail('OS302', jsonb_strip_nulls(jsonb_build_object('order_ref', order_ref, 'became', bad.became)));
  end if;
end
$$;

revoke all on function openstock_core.check_order_is_open from public;
grant execute on function openstock_core.check_order_is_open to openstock_api;
comment on function openstock_core.check_order_is_open is
  'Errors: OS302 where all of the order is shipped or released, or where it was confirmed into another.';

reset role;

-- sql/functions/openstock_core/fail_nothing_open.sql
-- Says why nothing of an order can be shipped, released, pinned, extended or confirmed. Reads: reservation, reservation_line,
-- backorder.
-- What has ended is the same error before and after it is booked.
set local role openstock_owner;

create or replace function openstock_core.fail_nothing_open(tenant uuid, order_id bigint, order_ref text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  became text;
  ended numeric;
  waiting numeric;
begin
  select b.order_ref into became
  from openstock_core.reservation r
  join openstock_core.reservation b on b.tenant_id = tenant and b.reservation_id = r.became_id
  where r.tenant_id = tenant and r.reservation_id = order_id;
  if found then
    perform openstock_core.fail('OS302', jsonb_build_object('order_ref', order_ref, 'became', became));
  end if;
  select trim_scale(sum(p.expired + case when p.expires_at <= at then p.open else 0 end)), trim_scale(sum(p.open)) into ended, waiting
  from openstock_core.parts_of_order(tenant, order_id) as p;
  if ended > 0 then
    perform openstock_core.fail('OS305', jsonb_build_object('order_ref', order_ref, 'expired', ended));
  elsif waiting > 0 then
    perform openstock_core.fail('OS303', jsonb_build_object('order_ref', order_ref, 'reserved', 0, 'backordered', waiting));
  end if;
  perform openstock_core.fail('OS302', jsonb_build_object('order_ref', order_ref));
end
$$;

revoke all on function openstock_core.fail_nothing_open from public;
grant execute on function openstock_core.fail_nothing_open to openstock_api;
comment on function openstock_core.fail_nothing_open is
  'Errors: OS302 where the order was confirmed into another, OS305 where its holds have ended, OS303 where it only waits for stock, otherwise OS302: '
  'all of it was shipped or given back.';

reset role;

-- sql/functions/openstock_core/number_new_lines.sql
-- Numbers those of an order's lines that have no number after the highest that it uses. The order is locked. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.number_new_lines(tenant uuid, order_id bigint, lines openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(coalesce(l.line, h.highest + dense_rank() over (partition by l.line is null order by l.first)),
               l.sku, l.product_id, l.warehouse_id, l.qty, l.location_id, l.lot_id, l.min_days_left, l.kit_id, l.kit_qty, l.serial_ids)::openstock_core.order_line
    from (
      -- The components of a kit are parts of one line.
      select u.*, min(u.n) over (partition by u.line, coalesce(u.kit_id, u.product_id), u.warehouse_id, u.location_id, u.lot_id, u.min_days_left,
                                      u.serial_ids) as first
      from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)) as l
    cross join (select coalesce(max(u.line), 0) as highest
                from (select p.line from openstock_core.parts_of_order(tenant, order_id) as p
                      union all select o.line from unnest(lines) as o) as u) as h
    order by l.n);
end
$$;

revoke all on function openstock_core.number_new_lines from public;
grant execute on function openstock_core.number_new_lines to openstock_api;
comment on function openstock_core.number_new_lines is 'The lines, each with a number.';

reset role;

-- sql/functions/openstock_core/number_lines.sql
-- Gives an order's new lines their numbers. The order is locked. Reads: what check_order_is_open reads.
set local role openstock_owner;

create or replace function openstock_core.number_lines(
  tenant uuid, order_id bigint, order_ref text, lines openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taken integer[];
  repeated integer;
begin
  perform openstock_core.check_order_is_open(tenant, order_id, order_ref);
  taken := array(select p.line from openstock_core.parts_of_order(tenant, order_id) as p);
  select min(l.line) into repeated from unnest(lines) as l where l.line = any (taken);
  if repeated is not null then
    perform openstock_core.fail('OS304', jsonb_build_object('order_ref', order_ref, 'order_line', repeated));
  end if;
  return openstock_core.number_new_lines(tenant, order_id, lines);
end
$$;

revoke all on function openstock_core.number_lines from public;
grant execute on function openstock_core.number_lines to openstock_api;
comment on function openstock_core.number_lines is
  'Numbers an order''s new lines after the highest line there is. Errors: OS302, OS304.';

reset role;

-- sql/functions/openstock_core/units_kept.sql
-- What a level holds for one sales channel beyond what anyone can have. Reads: channel_quota.
set local role openstock_owner;

create or replace function openstock_core.units_kept(
  tenant uuid, channel_id bigint, uses_safety_stock boolean, product_id bigint, warehouse_id bigint, safety_stock numeric)
returns numeric
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce((
    select q.qty from openstock_core.channel_quota q
    where q.tenant_id = tenant and q.product_id = units_kept.product_id and q.warehouse_id = units_kept.warehouse_id
      and q.channel_id = units_kept.channel_id), 0) + case when uses_safety_stock then coalesce(safety_stock, 0) else 0 end;
end
$$;

revoke all on function openstock_core.units_kept from public;
grant execute on function openstock_core.units_kept to openstock_api;
comment on function openstock_core.units_kept is
  'Units that this channel may use there in addition to what is available: its quota, and the safety stock if it may.';

reset role;

-- sql/functions/openstock_core/for_channel.sql
-- Adds the sales channel to what find_candidates takes. Reads: channel.
set local role openstock_owner;

create or replace function openstock_core.for_channel(tenant uuid, sourcing openstock_core.sourcing, code text) returns openstock_core.sourcing
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  channel openstock_core.channel;
begin
  if code is not null then
    channel := openstock_core.find_channel(tenant, code);
    sourcing.channel_id := channel.channel_id;
    sourcing.uses_safety_stock := channel.uses_safety_stock;
  end if;
  return sourcing;
end
$$;

revoke all on function openstock_core.for_channel from public;
grant execute on function openstock_core.for_channel to openstock_api;
comment on function openstock_core.for_channel is 'The sourcing for this channel, unchanged where it is null. Errors: those of find_channel.';

reset role;

-- sql/functions/openstock_core/distance_km.sql
-- The great circle between two points on a round earth. One expression, so that PostgreSQL writes it into the query.
-- Haversines of the way and of what is missing to the antipode add up to 1. With both at hand the angle is exact everywhere: from
-- the first alone, rounding blurs the antipode, and may ask for the arc sine of more than 1.
set local role openstock_owner;

create or replace function openstock_core.distance_km(
  lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision) returns double precision
language sql
immutable
parallel safe
return 2 * 6371.0088::double precision * atan2(
  sqrt(sind((lat2 - lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2),
  sqrt(sind((lat2 + lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * cosd((lon2 - lon1) / 2) ^ 2));

revoke all on function openstock_core.distance_km from public;
grant execute on function openstock_core.distance_km to openstock_api;
comment on function openstock_core.distance_km is
  'Kilometres along the great circle between two points given in degrees (WGS 84), null where one is unknown. Haversine formula '
  '(R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68, 1984) with the mean radius of the earth, 6371.0088 km (IUGG): within '
  '0.6 % of the way on the ellipsoid.';

reset role;

-- sql/functions/openstock_core/read_sourcing.sql
-- Turns strategy and destination into what find_candidates takes.
set local role openstock_owner;

create or replace function openstock_core.read_sourcing(strategy text, destination jsonb) returns openstock_core.sourcing
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  perform openstock_core.check_choice('strategy', strategy, array[
    'priority', 'most_stock', 'nearest', 'least_cost', 'fewest_splits', 'ship_complete']);
  if destination is null and strategy is distinct from 'nearest' then
    return row(coalesce(strategy, 'priority'), null::double precision, null::double precision, null::text, null::bigint, false);
  end if;
  if jsonb_typeof(destination) <> 'object' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'destination', 'problem', 'must be an object'));
  end if;
  select f.key, f.problem into bad from (
    select d.key, openstock_core.value_problem('{"latitude": "degrees", "longitude": "degrees", "zone": "code"}'::jsonb ->> d.key, d.value) as problem
    from jsonb_each(destination) as d
    union all
    select 'latitude', case
      when strategy = 'nearest' and destination ->> 'latitude' is null then 'missing: nearest needs to know where the goods go'
      when (destination ->> 'latitude' is null) <> (destination ->> 'longitude' is null) then 'must be given with longitude' end
    union all
    select 'latitude', 'must be between -90 and 90'
    where jsonb_path_exists(destination, 'strict $.latitude ? (@ < -90 || @ > 90)', silent => true)
  ) as f
  where f.problem is not null
  order by f.key limit 1;
  if bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'destination', 'key', bad.key, 'problem', bad.problem));
  end if;
  return row(coalesce(strategy, 'priority'), (destination ->> 'latitude')::double precision, (destination ->> 'longitude')::double precision,
             normalize(btrim(destination ->> 'zone')), null::bigint, false);
end
$$;

revoke all on function openstock_core.read_sourcing from public;
grant execute on function openstock_core.read_sourcing to openstock_api;
comment on function openstock_core.read_sourcing is
  'The typed strategy (priority where null) and destination. Errors: 22023.';

reset role;

-- sql/functions/openstock_core/check_completeness.sql
-- Refuses to promise a part of what one warehouse has to send as a whole.
set local role openstock_owner;

create or replace function openstock_core.check_completeness(strategy text, on_shortage text) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if strategy = 'ship_complete' and on_shortage in ('partial', 'backorder') then
    perform openstock_core.fail('22023', '{"argument": "on_shortage", "problem": "must be reject or error where the strategy is ship_complete"}');
  end if;
end
$$;

revoke all on function openstock_core.check_completeness from public;
grant execute on function openstock_core.check_completeness to openstock_api;
comment on function openstock_core.check_completeness is 'Errors: 22023 where the strategy is ship_complete and parts would do.';

reset role;

-- sql/functions/openstock_core/cover_greedily.sql
-- Chooses warehouses one after the other: always the one that serves the largest share of what is left for its cost, summed over the
-- products (V. Chvatal, "A greedy heuristic for the set-covering problem", Mathematics of Operations Research 4, 1979). Then leaves out,
-- the dearest first, what those that were chosen later make superfluous.
set local role openstock_owner;

create or replace function openstock_core.cover_greedily(needs openstock_core.pick[], offers openstock_core.candidate[]) returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  lacking numeric[] := array(select n.qty from unnest(needs) as n);
  chosen bigint[] := array[]::bigint[];
  best bigint;
begin
  loop
    select o.warehouse_id into best
    from unnest(offers) as o
    join rows from (unnest(needs), unnest(lacking)) as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, lacking)
      on n.product_id = o.product_id
    where n.lacking > 0 and o.warehouse_id <> all (chosen)
    group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    order by sum(least(o.available, n.lacking) / n.qty) / greatest(o.shipping_cost, 0.000001) desc, o.priority, o.code
    limit 1;
    exit when best is null;
    chosen := chosen || best;
    lacking := array(
      select greatest(n.lacking - coalesce(o.available, 0), 0)
      from rows from (unnest(needs), unnest(lacking)) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, lacking, place)
      left join unnest(offers) as o on o.product_id = n.product_id and o.warehouse_id = best
      order by n.place);
  end loop;

  loop
    select o.warehouse_id into best
    from unnest(offers) as o
    join (select n.product_id, sum(f.available) - n.qty as spare
          from unnest(needs) as n join unnest(offers) as f on f.product_id = n.product_id
          where f.warehouse_id = any (chosen)
          group by n.product_id, n.qty) as s on s.product_id = o.product_id
    where o.warehouse_id = any (chosen)
    group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    having bool_and(o.available <= s.spare)
    order by o.shipping_cost desc, o.priority desc, o.code desc
    limit 1;
    exit when best is null;
    chosen := array_remove(chosen, best);
  end loop;
  return chosen;
end
$$;

revoke all on function openstock_core.cover_greedily from public;
grant execute on function openstock_core.cover_greedily to openstock_api;
comment on function openstock_core.cover_greedily is
  'Warehouses that serve these needs as far as any can, none of them without need, in the order in which they were chosen. shipping_cost of an offer is what choosing its warehouse costs.';

reset role;

-- sql/functions/openstock_core/cover_with_two.sql
-- Looks through all warehouses, and all pairs of them, for the cheapest that serve these needs wholly.
set local role openstock_owner;

create or replace function openstock_core.cover_with_two(needs openstock_core.pick[], offers openstock_core.candidate[]) returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with offer as materialized (
      select o.warehouse_id, o.product_id, o.available from unnest(offers) as o
    ), place as materialized (
      select o.warehouse_id, o.shipping_cost as cost, row_number() over (order by o.shipping_cost, o.priority, o.code) as rank
      from unnest(offers) as o group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    )
    select case when a.warehouse_id = b.warehouse_id then array[a.warehouse_id] else array[a.warehouse_id, b.warehouse_id] end
    from place a
    join place b on b.rank >= a.rank
    cross join unnest(needs) as n
    left join offer f on f.warehouse_id = a.warehouse_id and f.product_id = n.product_id
    left join offer s on s.warehouse_id = b.warehouse_id and s.product_id = n.product_id
    group by a.warehouse_id, a.cost, a.rank, b.warehouse_id, b.cost, b.rank
    having bool_and(coalesce(f.available, 0) + case when a.rank = b.rank then 0 else coalesce(s.available, 0) end >= n.qty)
    order by a.cost + case when a.rank = b.rank then 0 else b.cost end, a.rank <> b.rank, a.rank, b.rank
    limit 1);
end
$$;

revoke all on function openstock_core.cover_with_two from public;
grant execute on function openstock_core.cover_with_two to openstock_api;
comment on function openstock_core.cover_with_two is
  'The one or two warehouses that serve these needs wholly at the least cost, null where no two do. shipping_cost of an offer is what choosing its warehouse costs.';

reset role;

-- sql/functions/openstock_core/choose_warehouses.sql
-- Chooses the warehouses that an order is sent from. One that a line names sends anyway: it costs nothing more, and is chosen first.
-- Which set of the others is the cheapest is a set cover problem, for which no fast exact method is known: it is the best one or two of them, where
-- few enough have any of the goods to try, or those found greedily, whichever costs less.
set local role openstock_owner;

create or replace function openstock_core.choose_warehouses(
  lines openstock_core.order_line[], candidates openstock_core.candidate[], strategy text)
returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  named constant bigint[] := array(
    -- Also where the product never was, and the warehouse is no candidate.
    select u.warehouse_id from unnest(lines) as u left join unnest(candidates) as c on c.warehouse_id = u.warehouse_id
    where u.warehouse_id is not null group by u.warehouse_id, c.priority, c.code order by c.priority, c.code);
  offers openstock_core.candidate[];
  needs openstock_core.pick[];
  chosen bigint[];
  best bigint[];
begin
  if exists (select from unnest(lines) as u where u.warehouse_id is null and num_nonnulls(u.lot_id, u.min_days_left, u.serial_ids) > 0) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'strategy', 'value', strategy, 'problem', 'lines that ask for a lot, days left or serials must name a warehouse'));
  end if;
  -- What lines that name a warehouse leave there. An unknown cost is dearer than any that is known.
  offers := array(
    select row(c.product_id, c.warehouse_id, c.code, c.priority, true, c.available - coalesce(u.qty, 0), null,
               case strategy when 'least_cost' then coalesce(c.shipping_cost, 999999999999) else 1 end, null)::openstock_core.candidate
    from unnest(candidates) as c
    left join (select u.product_id, u.warehouse_id, sum(u.qty) as qty from unnest(lines) as u group by 1, 2) as u
      on u.product_id = c.product_id and u.warehouse_id = c.warehouse_id
    where c.active and c.available > coalesce(u.qty, 0));
  needs := array(
    select row(null, u.product_id, null, null, u.qty - coalesce(o.units, 0), null)::openstock_core.pick
    from (select u.product_id, sum(u.qty) as qty from unnest(lines) as u where u.warehouse_id is null group by 1) as u
    left join (select o.product_id, sum(o.available) as units from unnest(offers) as o where o.warehouse_id = any (named) group by 1) as o
      on o.product_id = u.product_id
    where u.qty > coalesce(o.units, 0));
  offers := array(select o from unnest(offers) as o where o.warehouse_id <> all (named));

  if strategy = 'ship_complete' and cardinality(named) > 0 then
    return case when cardinality(named) = 1 and cardinality(needs) = 0 then named else '{}' end;
  elsif strategy = 'ship_complete' then
    return array(
      select o.warehouse_id from unnest(offers) as o join unnest(needs) as n on n.product_id = o.product_id and n.qty <= o.available
      group by o.warehouse_id, o.priority, o.code having count(*) = cardinality(needs)
      order by o.priority, o.code limit 1);
  end if;

  chosen := openstock_core.cover_greedily(needs, offers);
  if cardinality(chosen) > 1 and 50 >= (select count(distinct o.warehouse_id) from unnest(offers) as o) then
    best := openstock_core.cover_with_two(needs, offers);
  end if;
  select s.ids into chosen
  -- Without such two, best is null, and its cost: it comes last.
  from (values (best, 1), (chosen, 2)) as s (ids, rank)
  order by (select sum(c.cost) from (select distinct o.warehouse_id, o.shipping_cost as cost from unnest(offers) as o
                                     where o.warehouse_id = any (s.ids)) as c), s.rank
  limit 1;
  return named || chosen;
end
$$;

revoke all on function openstock_core.choose_warehouses from public;
grant execute on function openstock_core.choose_warehouses to openstock_api;
comment on function openstock_core.choose_warehouses is
  'The warehouses to ask, in order, by strategy: ship_complete (the first by priority that can send all, or none), fewest_splits (each costs the same) or '
  'least_cost (each its shipping cost). Errors: 22023.';

reset role;

-- sql/functions/openstock_core/ended_units.sql
-- Says what would change for a sales channel, or who has none, if all that is due at levels were booked. What other channels' holds took from
-- their quotas goes back there. Where so many units are enough, only so many holds are counted as surely have them: after a sale there may be thousands.
-- Reads: stock_level, stock_bin, lot, reservation_line, product, channel.
set local role openstock_owner;

create or replace function openstock_core.ended_units(
  tenant uuid, keys openstock_core.level_key[], at timestamptz, channel_id bigint, enough openstock_core.pick[])
returns openstock_core.pick[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(null, l.product_id, l.warehouse_id, null, h.units - d.units, null)::openstock_core.pick
    from unnest(keys) as k
    left join (select e.product_id, sum(e.qty) as qty from unnest(enough) as e group by 1) as n on n.product_id = k.product_id
    cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                          and s.warehouse_id = k.warehouse_id limit 1) as l
    cross join lateral (
      select coalesce(sum(b.on_hand), 0) as units
      from openstock_core.stock_bin b
      join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
      where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id and l.next_block_at <= ended_units.at
        and b.on_hand > 0 and not b.blocked and openstock_core.expiry(t.expires_on) <= ended_units.at) as d
    cross join lateral (select case when enough is not null then least(ceil(greatest(coalesce(n.qty, 0) - l.available + d.units, 0)
                          * 10::numeric ^ p.decimals), 1e9) end as holds
                        from openstock_core.product p where p.tenant_id = tenant and p.product_id = l.product_id) as m
    cross join lateral (
      select coalesce(sum(f.units), 0) as units
      from (
        select u.units
        from openstock_core.reservation_line n
        cross join lateral (select openstock_core.units_freed(tenant, n.channel_id, n.quota_used, n.reserved, ended_units.channel_id) as units) as u
        where n.tenant_id = tenant and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id and l.next_expiry_at <= ended_units.at
          and n.expires_at <= ended_units.at and n.reserved > 0 and u.units > 0
        limit m.holds) as f) as h
    where l.next_block_at <= ended_units.at or l.next_expiry_at <= ended_units.at);
end
$$;

revoke all on function openstock_core.ended_units from public;
grant execute on function openstock_core.ended_units to openstock_api;
comment on function openstock_core.ended_units is
  'Levels where lots or holds have ended by this moment, with the change of what is available there to the channel: units of the holds less units of the lots. enough: how '
  'many units of each product, available ones included, need be counted at a level at most; null: all.';

reset role;

-- sql/functions/openstock_core/find_candidates.sql
-- Says what warehouses could promise of products, and in which order they are asked. Reads: stock_level, warehouse, for a sales channel
-- channel_quota, and where something is due what ended_units reads.
set local role openstock_owner;

create or replace function openstock_core.find_candidates(
  tenant uuid, lines openstock_core.order_line[], keys openstock_core.level_key[], sourcing openstock_core.sourcing, freed openstock_core.pick[],
  at timestamptz, only_as_many boolean)
returns openstock_core.candidate[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  ended openstock_core.pick[] := coalesce(freed, array[]::openstock_core.pick[]);
  candidates openstock_core.candidate[];
  chosen bigint[];
begin
  if at is not null then
    ended := ended || openstock_core.ended_units(tenant, keys, at, sourcing.channel_id, case when only_as_many and sourcing.strategy <> 'most_stock' then array(
      select row(null, u.product_id, null, null, u.qty, null)::openstock_core.pick from unnest(lines) as u) end);
  end if;
  candidates := array(
    select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available, c.distance_km, c.shipping_cost, row_number() over (
      partition by c.product_id
      order by case sourcing.strategy when 'most_stock' then -c.available when 'nearest' then c.distance_km::numeric end nulls last,
               c.priority, c.code))::openstock_core.candidate
    from (
      select k.product_id, k.warehouse_id, w.code, w.priority, w.active,
             -- As units_kept says it, which would be a statement for each.
             greatest(coalesce(l.available, 0) + coalesce(q.qty, 0) + case when sourcing.uses_safety_stock then coalesce(l.safety_stock, 0) else 0 end
                      + coalesce(e.qty, 0), 0) as available,
             openstock_core.distance_km(w.latitude, w.longitude, sourcing.latitude, sourcing.longitude) as distance_km,
             coalesce((w.shipping_cost_by_zone ->> sourcing.zone)::numeric, w.shipping_cost) as shipping_cost
      from unnest(keys) as k
      cross join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = k.warehouse_id limit 1) as w
      left join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                           and s.warehouse_id = k.warehouse_id limit 1) as l on true
      left join lateral (select * from openstock_core.channel_quota s where s.tenant_id = tenant and s.product_id = k.product_id
                           and s.warehouse_id = k.warehouse_id and s.channel_id = sourcing.channel_id limit 1) as q on true
      left join (select u.product_id, u.warehouse_id, sum(u.qty) as qty from unnest(ended) as u group by 1, 2) as e
        on e.product_id = k.product_id and e.warehouse_id = k.warehouse_id
    ) as c);
  if sourcing.strategy in ('least_cost', 'fewest_splits', 'ship_complete') then
    chosen := openstock_core.choose_warehouses(lines, candidates, sourcing.strategy);
    candidates := array(
      select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available, c.distance_km, c.shipping_cost,
                 array_position(chosen, c.warehouse_id))::openstock_core.candidate
      from unnest(candidates) as c);
  end if;
  return candidates;
end
$$;

revoke all on function openstock_core.find_candidates from public;
grant execute on function openstock_core.find_candidates to openstock_api;
comment on function openstock_core.find_candidates is
  'Per product and warehouse what could be promised, to the channel if there is one, and its place by the strategy: null where that does not choose it. freed: what the caller adds to levels. at: the moment by which '
  'lots and holds have ended, booked or not; null where nothing is due. only_as_many: units of ended holds are counted as far as the lines may need and the strategy looks at them.';

reset role;

-- sql/functions/openstock_core/plan_reservation.sql
-- Says which warehouse promises how much of each line. Per product, what lines want and what warehouses have are laid end to end as
-- intervals: where they overlap, that warehouse serves that line. Lines that name a warehouse are served before those that do not.
set local role openstock_owner;

create or replace function openstock_core.plan_reservation(
  lines openstock_core.order_line[], candidates openstock_core.candidate[])
returns setof openstock_core.order_line
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
begin
  return query
  with wanted as materialized (
    select u.line, u.sku, u.product_id, u.warehouse_id, u.qty, u.kit_id, u.kit_qty, u.n,
           sum(u.qty) over (partition by u.product_id, u.warehouse_id order by u.n) - u.qty as start
    from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
  ), level as materialized (
    select c.product_id, c.warehouse_id, c.place, c.available as free from unnest(candidates) as c
    where c.active and c.place is not null
  ), named as materialized (
    select u.n, u.line, u.sku, u.product_id, l.warehouse_id, least(u.qty, l.free - u.start) as qty, 0::numeric as place, u.kit_id, u.kit_qty
    from wanted u
    join level l on l.product_id = u.product_id and l.warehouse_id = u.warehouse_id
    where u.start < l.free
  ), supply as materialized (
    select r.*, sum(r.free) over (partition by r.product_id order by r.place) - r.free as start
    from (select l.product_id, l.warehouse_id, l.place, l.free - coalesce(m.qty, 0) as free
          from level l
          left join (select m.product_id, m.warehouse_id, sum(m.qty) as qty from named m group by 1, 2) as m
            on m.product_id = l.product_id and m.warehouse_id = l.warehouse_id) as r
    where r.free > 0
  ), anywhere as (
    select u.n, u.line, u.sku, u.product_id, s.warehouse_id, least(u.start + u.qty, s.start + s.free) - greatest(u.start, s.start) as qty, s.start,
           u.kit_id, u.kit_qty
    from wanted u
    join supply s on s.product_id = u.product_id and s.start < u.start + u.qty and u.start < s.start + s.free
    where u.warehouse_id is null
  )
  select p.line, p.sku, p.product_id, p.warehouse_id, trim_scale(p.qty), null::bigint, null::bigint, null::integer, p.kit_id, p.kit_qty, null::bigint[]
  from (select * from named union all select * from anywhere) as p
  order by p.n, p.place;
end
$$;

revoke all on function openstock_core.plan_reservation from public;
grant execute on function openstock_core.plan_reservation to openstock_api;
comment on function openstock_core.plan_reservation is
  'The parts of the lines that these warehouses can promise, each asked in its place; together less than the lines where stock is short.';

reset role;

-- sql/functions/openstock_core/asks_for_kits.sql
-- Whether any line is part of one of kits.
set local role openstock_owner;

create or replace function openstock_core.asks_for_kits(lines openstock_core.order_line[]) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from unnest(lines) as u where u.kit_id is not null);
end
$$;

revoke all on function openstock_core.asks_for_kits from public;
grant execute on function openstock_core.asks_for_kits to openstock_api;
comment on function openstock_core.asks_for_kits is 'True where a line is a component of kits, which are promised whole or not at all.';

reset role;

-- sql/functions/openstock_core/fit_kits.sql
-- Lowers lines of kits to the whole kits that stock allows: line by line, those that name a warehouse first, as plan_reservation serves them. What a
-- line cannot use, since another component is short, is there for the next. An amended line may ask for a part of a kit, which makes up its last one.
set local role openstock_owner;

create or replace function openstock_core.fit_kits(lines openstock_core.order_line[], candidates openstock_core.candidate[])
returns openstock_core.order_line[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  products bigint[];
  warehouses bigint[];
  free numeric[];
  wish record;
  units numeric;
  left_over numeric;
  used numeric;
  fitted numeric[] := array[]::numeric[];
begin
  -- A place of stock is a product at a warehouse, or all that there is of it. Aggregates without an order of their own see the rows in the same one.
  select array_agg(s.product_id), array_agg(s.warehouse_id), array_agg(s.units)
  into products, warehouses, free
  from (
    select c.product_id, c.warehouse_id, sum(c.available) as units
    from unnest(candidates) as c
    where c.active and c.available > 0 and c.place is not null
    group by grouping sets ((c.product_id), (c.product_id, c.warehouse_id))) as s;

  for wish in
    with place as materialized (
      select p.* from unnest(products, warehouses) with ordinality as p (product_id, warehouse_id, n)
    )
    select array_agg(u.n) as parts, min(u.qty / coalesce(u.kit_qty, 1)) as units, bool_or(u.kit_id is not null) as whole,
           array_agg(u.qty) as qty, array_agg(coalesce(u.kit_qty, 1)) as each, array_agg(a.n) as anywhere, array_agg(h.n) as here,
           u.warehouse_id is not null as named
    from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join place a on a.product_id = u.product_id and a.warehouse_id is null
    left join place h on h.product_id = u.product_id and h.warehouse_id = u.warehouse_id
    group by u.line, coalesce(u.kit_id, u.product_id), u.warehouse_id
    order by u.warehouse_id is null, min(u.n)
  loop
    units := wish.units;
    for i in 1 .. cardinality(wish.parts) loop
      left_over := coalesce(free[case when wish.named then wish.here[i] else wish.anywhere[i] end], 0);
      continue when left_over >= wish.qty[i];
      units := least(units, case when wish.whole then div(left_over, wish.each[i]) else left_over end);
    end loop;
    for i in 1 .. cardinality(wish.parts) loop
      used := case when units = wish.units then wish.qty[i] else units * wish.each[i] end;
      if units > 0 then
        free[wish.anywhere[i]] := free[wish.anywhere[i]] - used;
      end if;
      if units > 0 and wish.named then
        free[wish.here[i]] := free[wish.here[i]] - used;
      end if;
      fitted[wish.parts[i]] := case when wish.whole then trim_scale(used) end;
    end loop;
  end loop;
  return array(
    select row(u.line, u.sku, u.product_id, u.warehouse_id, coalesce(fitted[u.n], u.qty), u.location_id, u.lot_id, u.min_days_left, u.kit_id,
               u.kit_qty, u.serial_ids)::openstock_core.order_line
    from unnest(lines) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    where coalesce(fitted[u.n], u.qty) > 0
    order by u.n);
end
$$;

revoke all on function openstock_core.fit_kits from public;
grant execute on function openstock_core.fit_kits to openstock_api;
comment on function openstock_core.fit_kits is 'The lines, those of kits with as many kits as all components allow; the others as they are.';

reset role;

-- sql/functions/openstock_core/pickable_bins.sql
-- The order in which a product's bins are picked. Reads: stock_bin, location, lot, product.
set local role openstock_owner;

create or replace function openstock_core.pickable_bins(
  tenant uuid, product_id bigint, warehouse_id bigint, removal text,
  out bin_id bigint, out free numeric, out start numeric)
returns setof record
language sql
stable
begin atomic
  select b.bin_id, b.on_hand - b.allocated,
         sum(b.on_hand - b.allocated) over (order by
           case when coalesce(pickable_bins.removal, p.removal) = 'fefo' then t.expires_on end nulls last,
           case when coalesce(pickable_bins.removal, p.removal) = 'fewest_bins' then b.on_hand - b.allocated end desc nulls last,
           case when coalesce(pickable_bins.removal, p.removal) = 'lifo' then b.received_at end desc nulls last,
           b.received_at, l.pick_order, b.bin_id) - (b.on_hand - b.allocated)
  from openstock_core.stock_bin b
  join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
  join openstock_core.location l on l.tenant_id = b.tenant_id and l.location_id = b.location_id
  left join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
  where b.tenant_id = tenant and b.product_id = pickable_bins.product_id and b.warehouse_id = pickable_bins.warehouse_id
    and b.on_hand > 0 and b.on_hand > b.allocated and not b.blocked
    and (t.expires_on is null or openstock_core.expiry(t.expires_on) > openstock.server_time());
end;

revoke all on function openstock_core.pickable_bins from public;
grant execute on function openstock_core.pickable_bins to openstock_api;
comment on function openstock_core.pickable_bins is
  'Bins with free units of a product at a warehouse, laid end to end by the removal rule (the product''s where null): '
  'start is how many free units come before the bin''s.';

reset role;

-- sql/functions/openstock_core/asks_for_certain_units.sql
-- Whether any line asks for a certain location, lot or remaining life, or for certain pieces.
set local role openstock_owner;

create or replace function openstock_core.asks_for_certain_units(lines openstock_core.order_line[]) returns boolean
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from unnest(lines) as u where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0);
end
$$;

revoke all on function openstock_core.asks_for_certain_units from public;
grant execute on function openstock_core.asks_for_certain_units to openstock_api;
comment on function openstock_core.asks_for_certain_units is 'True where a line asks for a location, a lot, days left or serials: its units are pinned as they are promised.';

reset role;

-- sql/functions/openstock_core/certain_bins.sql
-- The bins that will do for lines that ask for a certain location, lot or remaining life, or for certain pieces: the same for locking, promising
-- and pinning. Reads: stock_bin, lot, serial_unit; where holds that ended count as gone, also allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.certain_bins(
  tenant uuid, lines openstock_core.order_line[], at timestamptz, without_ended boolean,
  out n bigint, out bin_id bigint, out warehouse_id bigint, out free numeric, out pieces bigint[])
returns setof record
language sql
stable
begin atomic
  select u.n, b.bin_id, b.warehouse_id, b.on_hand - b.allocated + case when without_ended then (
      select coalesce(sum(a.qty), 0)
      from openstock_core.allocation a
      cross join lateral (select * from openstock_core.reservation_line s
                          where s.tenant_id = tenant and s.reservation_line_id = a.reservation_line_id limit 1) as l
      where a.tenant_id = tenant and a.bin_id = b.bin_id and l.expires_at <= certain_bins.at) else 0 end,
         case when u.serial_ids is not null then coalesce(s.free, '{}') end
  from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
  cross join lateral (
    select s.* from openstock_core.stock_bin s
    where s.tenant_id = tenant and s.product_id = u.product_id and s.on_hand > 0 and not s.blocked) as b
  left join lateral (select * from openstock_core.lot s where s.tenant_id = tenant and s.lot_id = b.lot_id limit 1) as t on true
  cross join lateral (
    select count(*) as pieces, array_agg(k.serial_id) filter (where k.reservation_line_id is null or (without_ended and exists (
             select from openstock_core.reservation_line l
             where l.tenant_id = tenant and l.reservation_line_id = k.reservation_line_id and l.expires_at <= certain_bins.at))) as free
    from openstock_core.serial_unit k
    where k.tenant_id = tenant and k.serial_id = any (u.serial_ids) and k.bin_id = b.bin_id) as s
  where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0
    and b.warehouse_id = coalesce(u.warehouse_id, b.warehouse_id)
    and b.location_id = coalesce(u.location_id, b.location_id)
    and (u.lot_id is null or b.lot_id = u.lot_id)
    and (u.serial_ids is null or s.pieces > 0)
    and (t.expires_on is null
         or (openstock_core.expiry(t.expires_on) > certain_bins.at
             and t.expires_on - (certain_bins.at at time zone 'UTC')::date >= coalesce(u.min_days_left, 0)));
end;

revoke all on function openstock_core.certain_bins from public;
grant execute on function openstock_core.certain_bins to openstock_api;
comment on function openstock_core.certain_bins is
  'Stocked bins that will do for each of the lines (n is its place) that asks for certain units, and what of these is not pinned, or would not be if the holds '
  'that have ended were booked: units, and where the line names pieces which of them. A lot without a last day has days left for ever.';

reset role;

-- sql/functions/openstock_core/lacking_lines.sql
-- Finds the lines that ask for certain units and are promised units that are not pinned to them, since these were lost or blocked, or their lot expired.
-- Reads: reservation_line, allocation, stock_bin, lot.
set local role openstock_owner;

create or replace function openstock_core.lacking_lines(
  tenant uuid, levels openstock_core.level_key[], at timestamptz, served openstock_core.pick[],
  out reservation_line_id bigint, out product_id bigint, out warehouse_id bigint, out qty numeric, out location_id bigint, out lot_id bigint,
  out min_days_left integer, out serial_ids bigint[], out ended boolean)
returns setof record
language sql
stable
begin atomic
  select l.reservation_line_id, l.product_id, l.warehouse_id, l.reserved - a.qty - s.qty, l.location_id, l.lot_id, l.min_days_left, l.serial_ids,
         coalesce(l.expires_at <= lacking_lines.at, false)
  from (select distinct k.product_id, k.warehouse_id from unnest(levels) as k) as k
  -- With an offset, the planner reads level by level, by the index of such lines, also where it takes the table for empty.
  cross join lateral (
    select * from openstock_core.reservation_line n
    where n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id
      and n.reserved > 0 and num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) > 0 offset 0) as l
  cross join lateral (
    select coalesce(sum(n.qty), 0) as qty
    from openstock_core.allocation n
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where n.tenant_id = tenant and n.reservation_line_id = l.reservation_line_id
      and (t.expires_on is null or openstock_core.expiry(t.expires_on) > lacking_lines.at)) as a
  cross join lateral (
    select coalesce(sum(n.qty), 0) as qty from unnest(served) as n where n.reservation_line_id = l.reservation_line_id) as s
  where l.reserved > a.qty + s.qty;
end;

revoke all on function openstock_core.lacking_lines from public;
grant execute on function openstock_core.lacking_lines to openstock_api;
comment on function openstock_core.lacking_lines is
  'Lines at these levels that ask for certain units, with what they lack besides what the caller serves or gives back; ended: holds that are over, and not booked.';

reset role;

-- sql/functions/openstock_core/find_claims.sql
-- What lines that ask for certain units lack: such units, where there are some again, are theirs, and whoever promises or pins there leaves them as many.
-- Their lines need no lock: whoever takes pins off, or puts them on, holds the bins. Reads: what lacking_lines reads.
set local role openstock_owner;

create or replace function openstock_core.find_claims(
  tenant uuid, levels openstock_core.level_key[], at timestamptz, served openstock_core.pick[])
returns openstock_core.order_line[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(-row_number() over (), null, l.product_id, l.warehouse_id, sum(l.qty), l.location_id,
               l.lot_id, l.min_days_left, null, null, l.serial_ids)::openstock_core.order_line
    from openstock_core.lacking_lines(tenant, levels, find_claims.at, served) as l
    where not l.ended
    group by l.product_id, l.warehouse_id, l.location_id, l.lot_id, l.min_days_left, l.serial_ids
    order by min(l.reservation_line_id));
end
$$;

revoke all on function openstock_core.find_claims from public;
grant execute on function openstock_core.find_claims to openstock_api;
comment on function openstock_core.find_claims is
  'What lines at these levels that ask for certain units lack besides what the caller serves or gives back: those that ask for the same as one, the oldest first, with '
  'negative numbers.';

reset role;

-- sql/functions/openstock_core/share_units.sql
-- Shares units in cells (bins, or pieces of them) out to lines that not all cells will do for. Each line in turn takes from the cells that it prefers; one that comes up
-- short looks, breadth first, for a way to have others use other cells that will do for them as well (an augmenting path, as by Edmonds and Karp). So each gets the most
-- that it can have beside what those before it get, and nobody gets less for another's sake. Where lines are bounded by their levels, whoever leaves a level makes
-- room there for others. What a line could not get past in vain, nobody can later: such cells are closed.
set local role openstock_owner;

create or replace function openstock_core.share_units(
  wanted numeric[], cells numeric[], cell_levels integer[], available numeric[], bounded_from integer, edge_lines integer[], edge_cells integer[])
returns numeric[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  edges constant integer := coalesce(cardinality(edge_lines), 0);
  units numeric[] := array_fill(0::numeric, array[edges]);
  first_edge integer[] := array_fill(null::integer, array[coalesce(cardinality(wanted), 0)]);
  first_in_cell integer[]; after_in_cell integer[] := array_fill(null::integer, array[edges]);
  first_in_level integer[]; after_in_level integer[] := after_in_cell;
  cell_seen integer[]; level_seen integer[]; line_seen integer[]; came_by integer[]; gave integer[]; for_cell integer[];
  closed boolean[];
  queue integer[]; found integer; search integer := 0;
  bounded boolean; need numeric; qty numeric;
  c integer; e integer; g integer; n integer; k integer; l integer; head integer;
begin
  for i in reverse edges .. 1 loop
    c := edge_cells[i];
    l := cell_levels[c];
    first_edge[edge_lines[i]] := i;
    after_in_cell[i] := first_in_cell[c];
    first_in_cell[c] := i;
    after_in_level[i] := first_in_level[l];
    first_in_level[l] := i;
  end loop;
  for line in 1 .. coalesce(cardinality(wanted), 0) loop
    need := wanted[line];
    bounded := coalesce(line >= bounded_from, false);
    e := first_edge[line];
    while need > 0 and edge_lines[e] = line loop
      c := edge_cells[e];
      qty := least(need, cells[c], case when bounded then available[cell_levels[c]] end);
      if qty > 0 then
        units[e] := qty;
        need := need - qty;
        cells[c] := cells[c] - qty;
        if bounded then
          available[cell_levels[c]] := available[cell_levels[c]] - qty;
        end if;
      end if;
      e := e + 1;
    end loop;

    while need > 0 loop
      search := search + 1;
      queue := array[line];
      line_seen[line] := search;
      head := 1;
      found := null;
      while found is null and head <= cardinality(queue) loop
        n := queue[head];
        head := head + 1;
        e := first_edge[n];
        while edge_lines[e] = n loop
          c := edge_cells[e];
          l := cell_levels[c];
          if closed[c] is null and cell_seen[c] is distinct from search then
            cell_seen[c] := search;
            came_by[c] := e;
            if cells[c] > 0 and (not bounded or available[l] > 0) then
              found := c;
              exit;
            end if;
            -- Who has units here might have others; where there are some, but the level is used up, whoever has any there: of a claim, which stays in its level, others there.
            g := case when cells[c] = 0 then first_in_cell[c] when level_seen[l] is distinct from search then first_in_level[l] end;
            if cells[c] > 0 then
              level_seen[l] := search;
            end if;
            while g is not null loop
              k := edge_lines[g];
              if units[g] > 0 and line_seen[k] is distinct from search then
                line_seen[k] := search;
                gave[k] := g;
                for_cell[k] := c;
                queue := queue || k;
              end if;
              g := case when cells[c] = 0 then after_in_cell[g] else after_in_level[g] end;
            end loop;
          end if;
          e := e + 1;
        end loop;
      end loop;

      if found is null then
        for i in 1 .. cardinality(cells) loop
          if cell_seen[i] = search then
            closed[i] := true;
          end if;
        end loop;
        exit;
      end if;
      qty := least(need, cells[found], case when bounded then available[cell_levels[found]] end);
      c := found;
      n := edge_lines[came_by[c]];
      while n <> line loop
        c := for_cell[n];
        -- Who leaves a level leaves another cell, and this one has to have the units itself.
        qty := least(qty, units[gave[n]], nullif(cells[c], 0));
        n := edge_lines[came_by[c]];
      end loop;
      cells[found] := cells[found] - qty;
      if bounded then
        available[cell_levels[found]] := available[cell_levels[found]] - qty;
      end if;
      c := found;
      loop
        e := came_by[c];
        n := edge_lines[e];
        units[e] := units[e] + qty;
        exit when n = line;
        g := gave[n];
        units[g] := units[g] - qty;
        c := for_cell[n];
        cells[edge_cells[g]] := cells[edge_cells[g]] + qty;
        cells[c] := cells[c] - qty;
      end loop;
      need := need - qty;
    end loop;
  end loop;
  return units;
end
$$;

revoke all on function openstock_core.share_units from public;
grant execute on function openstock_core.share_units to openstock_api;
comment on function openstock_core.share_units is
  'Units per edge. wanted: units per line, in the order in which they choose; cells: units in each, and parallel to them their levels; available: units per level for '
  'all lines from bounded_from on together (null: no line is bounded). Edges say which cells will do for which line (by line, what it prefers first); parallel arrays.';

reset role;

-- sql/functions/openstock_core/plan_pins.sql
-- Chooses bins for lines that ask for certain pieces, a certain location, lot or remaining life, such that as little as can be is lacking: each gets the most that
-- it can have beside those before it (share_units). Those that ask most narrowly come first, each takes from the bins that fewest of the others could use, then by
-- place of the warehouse and removal rule. Each free piece that a line names is a cell of its own, and the rest of its bin another.
-- Claims (lines with negative numbers, see find_claims) come before what is newly promised, and after who is as old as they are; what the caller takes from bins,
-- whichever units these are, before all.
-- Reads: what certain_bins and pickable_bins read.
set local role openstock_owner;

create or replace function openstock_core.plan_pins(
  tenant uuid, lines openstock_core.order_line[], candidates openstock_core.candidate[], bin_ids bigint[], removal text,
  at timestamptz, without_ended boolean, freed openstock_core.pick[] default null, taken openstock_core.pick[] default null)
returns openstock_core.pick[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  graph record;
begin
  with line as materialized (
    select u.*, row_number() over (order by u.taken desc, u.claims = (candidates is null), not u.named, u.places desc, u.min_days_left desc nulls last, u.n) as turn
    from (
      select u.n, u.line, u.product_id, u.qty, u.line < 0 as claims, false as taken, u.serial_ids is not null as named,
             num_nonnulls(u.location_id, u.lot_id) as places, u.min_days_left
      from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
      union all
      select -t.n, 0, t.product_id, t.qty, false, true, true, 0, null
      from unnest(taken) with ordinality as t (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)) as u
  ), suitable as materialized (
    select c.n, c.bin_id, c.warehouse_id, c.free + coalesce(f.qty, 0) as free, c.pieces
    from openstock_core.certain_bins(tenant, lines, plan_pins.at, without_ended) as c
    left join (select p.bin_id, sum(p.qty) as qty from unnest(freed) as p group by p.bin_id) as f on f.bin_id = c.bin_id
    where bin_ids is null or c.bin_id = any (bin_ids)
  ), bin as materialized (
    select l.turn, l.line, l.product_id, l.claims, l.named, s.warehouse_id, s.bin_id, s.free, s.pieces
    from (
      select s.* from suitable s
      union all
      select -t.n, t.bin_id, t.warehouse_id, s.free, null
      from unnest(taken) with ordinality as t (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
      join (select distinct s.bin_id, s.free from suitable s) as s on s.bin_id = t.bin_id) as s
    join line l on l.n = s.n
  ), piece as materialized (
    select distinct b.bin_id, p.serial_id from bin b cross join lateral unnest(b.pieces) as p (serial_id)
  ), edge as materialized (
    -- Each piece that a line names is a cell of one unit, and the rest of its bin another.
    select c.*, dense_rank() over (order by c.bin_id, c.serial_id) as cell, dense_rank() over (order by c.product_id, c.warehouse_id) as level,
           -- Who chooses after the claims is not in their way.
           case when candidates is null or c.claims then count(*) over (partition by c.bin_id, c.serial_id)
                else count(*) filter (where not c.claims) over (partition by c.bin_id, c.serial_id) end as lines_that_could
    from (
      select b.*, p.serial_id, 1 as units from bin b cross join lateral unnest(b.pieces) as p (serial_id)
      union all
      select b.*, p.serial_id, 1 from bin b join piece p on p.bin_id = b.bin_id where b.pieces is null
      union all
      select b.*, null, b.free - coalesce(p.pieces, 0)
      from bin b
      left join (select k.bin_id, count(*) as pieces from piece k group by k.bin_id) as p on p.bin_id = b.bin_id
      where b.pieces is null) as c
  ), candidate as materialized (
    select c.product_id, c.warehouse_id, c.available, c.place from unnest(candidates) as c where c.active
  ), ordered as materialized (
    select p.bin_id, p.start
    from (select distinct b.product_id, b.warehouse_id from bin b) as k
    cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as p
  ), preferred as materialized (
    select e.*, row_number() over (order by e.turn, e.lines_that_could, case when not e.claims then c.place end, e.warehouse_id, o.start nulls last, e.bin_id,
                                            e.serial_id nulls first) as place
    from edge e
    left join candidate c on c.product_id = e.product_id and c.warehouse_id = e.warehouse_id
    left join ordered o on o.bin_id = e.bin_id
    where candidates is null or e.claims or c.place is not null
  )
  select array(select l.qty from line l order by l.turn) as wanted,
         case when candidates is not null then 1 + (select count(*) from line l where l.claims) end as bounded_from,
         array(select min(e.units) from edge e group by e.cell order by e.cell) as cells,
         array(select min(e.level)::integer from edge e group by e.cell order by e.cell) as cell_levels,
         array(select min(c.available)
               from edge e left join candidate c on c.product_id = e.product_id and c.warehouse_id = e.warehouse_id group by e.level order by e.level) as available,
         array_agg(p.turn::integer order by p.place) as edge_lines, array_agg(p.cell::integer order by p.place) as edge_cells,
         array_agg(row(p.line, p.product_id, p.warehouse_id, p.bin_id, p.turn, case when p.named and p.serial_id is not null then array[p.serial_id] end)::openstock_core.pick
                   order by p.place) as picks
  into graph
  from preferred p;
  return array(
    select row(p.line, p.product_id, p.warehouse_id, p.bin_id, trim_scale(sum(p.units)),
               array_agg(p.serial_ids[1]) filter (where p.serial_ids is not null))::openstock_core.pick
    from rows from (
      unnest(graph.picks),
      unnest(openstock_core.share_units(graph.wanted, graph.cells, graph.cell_levels, graph.available, graph.bounded_from::integer, graph.edge_lines, graph.edge_cells))
    ) with ordinality as p (line, product_id, warehouse_id, bin_id, turn, serial_ids, units, place)
    where p.units > 0
    group by p.turn, p.line, p.product_id, p.warehouse_id, p.bin_id
    order by min(p.place));
end
$$;

revoke all on function openstock_core.plan_pins from public;
grant execute on function openstock_core.plan_pins to openstock_api;
comment on function openstock_core.plan_pins is
  'Units of these bins (of any, where null) for the lines that ask for certain ones, no more of a warehouse than it is a candidate for (null: as much as there is), with what the caller is about to free in them; '
  'reservation_line_id of a pick is the line''s number, and serial_ids are the pieces where the line names some. taken: units that the caller takes of bins, which '
  'it does not name; with the line 0, their serial_ids say which of the pieces that lines name these are.';

reset role;

-- sql/functions/openstock_core/plan_stock.sql
-- Says what an order's lines can be promised: first those that ask for certain units, of which fewest will do; then the others, of what is left.
-- Where a line asks for certain units, those that such lines of old lack are left to them. Reads: there, what find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.plan_stock(
  tenant uuid, lines openstock_core.order_line[], candidates openstock_core.candidate[], bin_ids bigint[], at timestamptz, without_ended boolean,
  freed openstock_core.pick[] default null, given openstock_core.pick[] default null,
  out parts openstock_core.order_line[], out pins openstock_core.pick[], out short boolean, out claimed openstock_core.pick[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  others openstock_core.order_line[] := lines;
  served openstock_core.order_line[];
  claims openstock_core.order_line[];
begin
  parts := array[]::openstock_core.order_line[];
  if openstock_core.asks_for_certain_units(lines) then
    claims := openstock_core.find_claims(tenant, array(
      select row(c.product_id, c.warehouse_id)::openstock_core.level_key from unnest(candidates) as c), at, given);
    pins := openstock_core.plan_pins(tenant, lines || claims, candidates, bin_ids, null, at, without_ended, freed);
    claimed := array(select p from unnest(pins) as p where p.reservation_line_id < 0);
    pins := array(select p from unnest(pins) as p where p.reservation_line_id > 0);
    parts := array(
      select row(u.line, u.sku, u.product_id, p.warehouse_id, p.qty, u.location_id, u.lot_id, u.min_days_left, u.kit_id, u.kit_qty,
                 case when u.serial_ids is not null then p.serial_ids end)::openstock_core.order_line
      from rows from (unnest(lines)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
      join (select p.reservation_line_id as line, p.product_id, p.warehouse_id, sum(p.qty) as qty, array(
              select s from unnest(pins) as k cross join lateral unnest(k.serial_ids) as s
              where k.reservation_line_id = p.reservation_line_id and k.warehouse_id = p.warehouse_id) as serial_ids
            from unnest(pins) as p group by 1, 2, 3) as p
        on p.line = u.line and p.product_id = u.product_id
      order by u.n, p.warehouse_id);
    candidates := array(
      select row(c.product_id, c.warehouse_id, c.code, c.priority, c.active, c.available - coalesce(p.qty, 0), c.distance_km, c.shipping_cost,
                 c.place)::openstock_core.candidate
      from unnest(candidates) as c
      left join (select p.product_id, p.warehouse_id, sum(p.qty) as qty from unnest(pins) as p group by 1, 2) as p
        on p.product_id = c.product_id and p.warehouse_id = c.warehouse_id);
    others := array(select u from unnest(lines) as u where num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) = 0);
  end if;
  served := array(select p from openstock_core.plan_reservation(others, candidates) as p);
  short := (select coalesce(sum(u.qty), 0) from unnest(lines) as u) > (select coalesce(sum(p.qty), 0) from unnest(parts || served) as p);
  if short and openstock_core.asks_for_kits(others) then
    served := array(select p from openstock_core.plan_reservation(openstock_core.fit_kits(others, candidates), candidates) as p);
  end if;
  parts := parts || served;
end
$$;

revoke all on function openstock_core.plan_stock from public;
grant execute on function openstock_core.plan_stock to openstock_api;
comment on function openstock_core.plan_stock is
  'The parts of the lines that these warehouses can promise (of kits whole ones), whether they are short of the lines, and the bins for lines that ask for certain units '
  '(reservation_line_id is the line''s number); claimed: the units in bins that are left to older lines (see find_claims). freed: units that the caller is about to '
  'free in bins; given: what it is about to give back of lines.';

reset role;

-- sql/functions/openstock_core/ended_pins.sql
-- Finds holds that have ended, are not booked, and have units pinned in bins. Reads: allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.ended_pins(tenant uuid, bin_ids bigint[], at timestamptz) returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(bin_ids) = 0 then
    return array[]::bigint[];
  end if;
  return array(
    select distinct l.reservation_line_id
    from openstock_core.allocation a
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = a.reservation_line_id
    where a.tenant_id = tenant and a.bin_id = any (bin_ids) and l.expires_at <= ended_pins.at and l.reserved > 0);
end
$$;

revoke all on function openstock_core.ended_pins from public;
grant execute on function openstock_core.ended_pins to openstock_api;
comment on function openstock_core.ended_pins is 'Lines whose hold has ended by this moment, and is not booked, with units pinned in one of these bins.';

reset role;

-- sql/functions/openstock_core/find_holds_of_quotas.sql
-- Chooses holds that have ended, at locked levels, the oldest first, whose units go back to the quotas of channels that need units there, until the quotas
-- cover them: whether a hold is booked must not decide whether a quota is used first.
-- Reads: channel, channel_quota, reservation_line, stock_level, product. The smallest quantity of the product bounds how many lines are read.
set local role openstock_owner;

create or replace function openstock_core.find_holds_of_quotas(
  tenant uuid, needs openstock_core.pick[], callers openstock_core.sourcing[], at timestamptz)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select h.reservation_line_id
    from unnest(needs) as k
    cross join unnest(callers) as c
    join openstock_core.channel s on s.tenant_id = tenant and s.channel_id = c.channel_id and s.active
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      and l.next_expiry_at <= find_holds_of_quotas.at
    cross join lateral (
      select k.qty - openstock_core.units_kept(tenant, c.channel_id, false, k.product_id, k.warehouse_id, null) as qty) as m
    cross join lateral (
      select d.reservation_line_id, sum(d.units) over (order by d.expires_at, d.reservation_line_id) - d.units as before
      from (
        select n.reservation_line_id, n.expires_at, least(n.reserved, n.quota_used) as units
        from openstock_core.reservation_line n
        where n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id and n.channel_id = c.channel_id
          and n.expires_at <= find_holds_of_quotas.at and n.reserved > 0 and n.quota_used > 0
        order by n.expires_at, n.reservation_line_id
        limit least(ceil(greatest(m.qty, 0) * 10::numeric ^ p.decimals), 1e9)) as d) as h
    where h.before < m.qty);
end
$$;

revoke all on function openstock_core.find_holds_of_quotas from public;
grant execute on function openstock_core.find_holds_of_quotas to openstock_api;
comment on function openstock_core.find_holds_of_quotas is
  'Lines whose hold has ended by this moment and is not booked, that took from quotas which would be used now.';

reset role;

-- sql/functions/openstock_core/missing_units.sql
-- Says what levels lack of what is needed there, as it is booked: holds that ended count as alive. Lots that are about to be booked as expired
-- are left out, and what the caller is about to give back counts.
-- Reads: stock_level, stock_bin, for sales channels channel_quota. The levels are locked.
set local role openstock_owner;

create or replace function openstock_core.missing_units(
  tenant uuid, needs openstock_core.pick[], freed openstock_core.pick[], callers openstock_core.sourcing[], due openstock_core.due,
  out units openstock_core.pick[], out channels bigint[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select coalesce(array_agg(row(null, m.product_id, m.warehouse_id, null, m.qty, null)::openstock_core.pick), '{}'), array_agg(m.channel_id)
  into units, channels
  from (
    select n.product_id, n.warehouse_id, c.channel_id, n.qty - g.units - l.available + b.units - f.units as qty
    from unnest(needs) as n
    cross join unnest(callers) as c
    cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = n.product_id
                          and s.warehouse_id = n.warehouse_id limit 1) as l
    cross join lateral (select coalesce(sum(s.on_hand), 0) as units from openstock_core.stock_bin s
                        where s.tenant_id = tenant and s.bin_id = any (due.lot_bin_ids) and s.product_id = n.product_id
                          and s.warehouse_id = n.warehouse_id) as b
    cross join lateral (select coalesce(sum(u.qty), 0) as units from unnest(freed) as u
                        where u.product_id = n.product_id and u.warehouse_id = n.warehouse_id) as g
    cross join lateral (select case when c.channel_id is null then 0 else openstock_core.units_kept(
                          tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) end as units) as f) as m
  where m.qty > 0;
end
$$;

revoke all on function openstock_core.missing_units from public;
grant execute on function openstock_core.missing_units to openstock_api;
comment on function openstock_core.missing_units is
  'What each of these levels has too little for each of these channels, or for who has none: the units, and parallel to them the channels.';

reset role;

-- sql/functions/openstock_core/needed_units.sql
-- Says how many units a plan takes of each level, or without one how many it might take.
set local role openstock_owner;

create or replace function openstock_core.needed_units(
  lines openstock_core.order_line[], levels openstock_core.level_key[], parts openstock_core.order_line[])
returns openstock_core.pick[]
language sql
immutable
begin atomic
  select coalesce(array_agg(row(null, n.product_id, n.warehouse_id, null, n.qty, null)::openstock_core.pick), '{}')
  from (
    select u.product_id, u.warehouse_id, sum(u.qty) as qty
    from (
      select p.product_id, p.warehouse_id, p.qty from unnest(parts) as p
      union all
      select l.product_id, k.warehouse_id, l.qty from unnest(lines) as l join unnest(levels) as k on k.product_id = l.product_id where parts is null
    ) as u
    group by u.product_id, u.warehouse_id) as n;
end;

revoke all on function openstock_core.needed_units from public;
grant execute on function openstock_core.needed_units to openstock_api;
comment on function openstock_core.needed_units is
  'Units that these parts, or where they are null all the lines, need at each level.';

reset role;

-- sql/functions/openstock_core/make_room.sql
-- Books what is due at locked levels: all lots that expired, and of the holds that ended, the oldest first, as many as are needed
-- for each of these channels beyond what the caller frees, and as many as their quotas lack; so a flash sale's end does not hold up whoever comes next. Of holds that ended and
-- have units pinned in bins that the caller wants, or that the caller names, all are booked. Writes: what book_due writes.
-- Locks: reservation_line by id, stock_bin by bin_id; the caller gives them up on OS901, and chooses anew.
set local role openstock_owner;

create or replace function openstock_core.make_room(
  tenant uuid, op_id text, needs openstock_core.pick[], freed openstock_core.pick[], bins bigint[], ended bigint[],
  due openstock_core.due, callers openstock_core.sourcing[])
returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing record;
  holds bigint[] := array[]::bigint[];
begin
  if due.next_expiry_at <= due.at then
    missing := openstock_core.missing_units(tenant, needs, freed, callers, due);
    holds := openstock_core.find_due_holds(tenant, missing.units, due.at, false, channels => missing.channels)
      || openstock_core.find_holds_of_quotas(tenant, needs, callers, due.at)
      || openstock_core.ended_pins(tenant, bins, due.at)
      || array(select l.reservation_line_id from openstock_core.reservation_line l
               where l.tenant_id = tenant and l.reservation_line_id = any (ended) and l.expires_at <= due.at and l.reserved > 0);
  end if;
  if cardinality(holds) = 0 and cardinality(bins) = 0 and cardinality(due.lot_bin_ids) = 0 and cardinality(due.backorder_ids) = 0 then
    return false;
  end if;
  due := openstock_core.lock_due_holds(tenant, due, array(select distinct h from unnest(holds) as h), true);
  perform openstock_core.settle_bins(tenant, op_id, bins, '{}', due);
  -- A picker that still took a hold for alive may have pinned units for it, until the bins were locked.
  if cardinality(openstock_core.ended_pins(tenant, bins, due.at)) > 0 then
    perform openstock_core.fail('OS901', '{"problem": "units were pinned for a hold that has ended"}');
  end if;
  return true;
end
$$;

revoke all on function openstock_core.make_room from public;
grant execute on function openstock_core.make_room to openstock_api;
comment on function openstock_core.make_room is
  'Locks these bins, and books what is due there, and at these levels as far as it is needed; false where there was nothing. Errors: OS901 where a hold was extended or pinned meanwhile.';

reset role;

-- sql/functions/openstock_core/find_stock.sql
-- Finds stock for an order's lines. Locks: stock_level by (product, warehouse), and what lock_backlogs and make_room lock. Writes: what they write.
-- While it waits for locks, another level may come into being, or its warehouse be opened: it is short only when there is none left
-- to lock. What may have to wait locks the backlogs before it settles anything. Lots that expired are booked before anything is promised. Holds that ended
-- count as gone, booked or not, as quote counts them: the warehouses are chosen first, and then those are booked that this takes. Lines that ask for
-- certain units choose last: their bins are locked together with those of the holds, and with those that may be left to older lines that lack such
-- units (find_claims); where such a line is a hold that has ended it is booked, which waits for who is extending it.
set local role openstock_owner;

create or replace function openstock_core.find_stock(
  tenant uuid, op_id text, lines openstock_core.order_line[], sourcing openstock_core.sourcing, may_queue boolean,
  giving openstock_core.giving default null)
returns openstock_core.found_stock
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  certain constant boolean := openstock_core.asks_for_certain_units(lines);
  held openstock_core.level_key[] := array[]::openstock_core.level_key[];
  born openstock_core.level_key[];
  bins bigint[] := array[]::bigint[];
  waiting bigint[] := array[]::bigint[];
  judged_at timestamptz;
  ended_at timestamptz;
  locked record;
  due openstock_core.due;
  needs openstock_core.pick[];
  parts openstock_core.order_line[];
  pins openstock_core.pick[];
  freed openstock_core.pick[];
  given constant openstock_core.pick[] := array(
    select row(t.reservation_line_id, t.product_id, t.warehouse_id, null, t.qty, null)::openstock_core.pick from unnest(giving.taken) as t);
  sought openstock_core.order_line[];
  short boolean := true;
  queued boolean := false;
  settled boolean := false;
  again boolean := true;
begin
  for attempt in 1 .. 20 loop
    select c.held, c.due into locked from openstock_core.lock_candidate_levels(tenant, lines, giving.levels, not settled and not queued, held) as c;
    exit when cardinality(locked.held) = cardinality(held) and not again;
    born := locked.held[cardinality(held) + 1 :];
    held := locked.held;
    due := locked.due;
    due.backorder_ids := waiting;
    again := false;
    if not settled then
      judged_at := due.at;
    elsif cardinality(due.lot_bin_ids) > 0 and due.levels && born then
      perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a lot that has expired"}');
    else
      -- Lots that have expired since are judged by the moment before.
      due.lot_bin_ids := '{}';
    end if;
    if certain then
      -- Whoever lacks such units may be left others, so that these are free for the lines: where nobody else is at them.
      sought := lines || openstock_core.find_claims(tenant, held, judged_at, given);
    end if;
    ended_at := case when due.next_expiry_at <= judged_at or cardinality(due.levels) > 0 then judged_at end;

    if settled or not certain then
      select p.parts, p.pins, p.short into parts, pins, short
      from openstock_core.plan_stock(
        tenant, lines, openstock_core.find_candidates(tenant, lines, held, sourcing, giving.units, ended_at, true), bins, judged_at, false, freed, given) as p;
    end if;
    exit when not short and ended_at is null and (settled or giving.bin_ids is null);
    if (short and may_queue or cardinality(giving.product_ids) > 0) and not queued then
      due := openstock_core.lock_backlogs(tenant, giving.product_ids || array(select u.product_id from unnest(lines) as u), due);
      waiting := due.backorder_ids;
      queued := true;
    end if;
    needs := openstock_core.needed_units(lines, held, parts);
    if settled then
      if cardinality((openstock_core.missing_units(tenant, needs, giving.units, array[sourcing], due)).units) > 0
        or (short and exists (select from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain and c.bin_id <> all (bins)))
      then
        perform openstock_core.fail('40001', '{"problem": "a stock level came into being, with a hold that has ended or units that are asked for"}');
      end if;
    else
      bins := array(select distinct c.bin_id from openstock_core.certain_bins(tenant, sought, judged_at, false) as c where certain);
      begin
        settled := openstock_core.make_room(tenant, op_id, needs, giving.units, bins || giving.bin_ids, coalesce(giving.ended_ids, '{}')
            || case when certain then array(select l.reservation_line_id from openstock_core.lacking_lines(tenant, held, judged_at, null) as l) end, due, array[sourcing])
          or certain or giving.bin_ids is not null;
        due.lot_bin_ids := '{}';
        if not certain and cardinality((openstock_core.missing_units(tenant, needs, giving.units, array[sourcing], due)).units) > 0 then
          perform openstock_core.fail('OS901', '{"problem": "a hold was extended that was counted as ended"}');
        end if;
        again := certain;
      exception when sqlstate 'OS901' then
        settled := false;
        again := true;
      end;
      if certain and giving.taken is not null and settled then
        -- By what is pinned now: pins in lots that have expired are off already.
        freed := array(
          select row(null, u.product_id, u.warehouse_id, u.bin_id, -u.allocated_delta, null)::openstock_core.pick
          from unnest(openstock_core.unpin_from_lines(tenant, null, giving.taken, null)) as u);
      end if;
    end if;
    exit when not short and not again;
    if attempt = 20 then
      perform openstock_core.fail('40001', jsonb_build_object('problem', case when again then 'holds kept being extended or pinned' else 'stock levels keep coming into being' end));
    end if;
  end loop;
  return row(parts, pins, held, judged_at, short)::openstock_core.found_stock;
end
$$;

revoke all on function openstock_core.find_stock from public;
grant execute on function openstock_core.find_stock to openstock_api;
comment on function openstock_core.find_stock is
  'Locks the levels that the lines may be promised from, and the bins for lines that ask for certain units, and returns the parts that they can be promised now, together '
  'less than the lines where stock is short, with the levels and the moment by which that is judged; the backlogs are then locked if the rest may wait. '
  'Errors: 40001 where levels came into being meanwhile that are in use or have something due, or where holds kept being extended or pinned.';

reset role;

-- sql/functions/openstock_core/reservation_answer.sql
-- The answer of functions that change promises. No sequential scan: planned while the orders are few, each would be read for every answer.
-- Reads: reservation, reservation_line, reservation_kit, backorder, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.reservation_answer(tenant uuid, outcome text, entries openstock_core.posted[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  -- Materialized, so that the names joined below are plain columns: under row-level security no index serves a join on an expression.
  return (
    with entry as materialized (
      select e.ord, e.event_type, e.product_id, e.reserved_delta, e.backordered_delta, e.on_hand, e.blocked, e.reserved as level_reserved, e.available,
             coalesce(l.reservation_id, b.reservation_id) as reservation_id, coalesce(l.warehouse_id, b.warehouse_id) as warehouse_id,
             coalesce(l.line, b.line) as line, coalesce(l.ordered, b.backordered + b.released + b.expired) as ordered,
             coalesce(l.reserved, 0) as reserved, coalesce(b.backordered, 0) as backordered, coalesce(l.expires_at, b.expires_at) as expires_at
      from unnest(entries) as e
      left join lateral (select * from openstock_core.reservation_line s
                         where s.tenant_id = tenant and s.reservation_line_id = e.reservation_line_id limit 1) as l on true
      left join lateral (select * from openstock_core.backorder s
                         where s.tenant_id = tenant and s.backorder_id = e.backorder_id limit 1) as b on true
      where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM', 'RELEASE', 'EXPIRE') or (e.event_type = 'BACKORDER' and e.backordered_delta > 0)
    )
    select coalesce(jsonb_agg(o order by e.ord), '[]')
    from entry e
    cross join lateral (select * from openstock_core.reservation s where s.tenant_id = tenant and s.reservation_id = e.reservation_id limit 1) as r
    cross join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = e.product_id limit 1) as p
    left join lateral (select * from openstock_core.warehouse s
                       where s.tenant_id = tenant and s.warehouse_id = e.warehouse_id limit 1) as w on true
    left join lateral (select s.kit_id from openstock_core.reservation_kit s
                       where s.tenant_id = tenant and s.reservation_id = e.reservation_id and s.line = e.line and s.product_id = e.product_id limit 1) as c on true
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = c.kit_id limit 1) as k on c.kit_id is not null
    -- As a row: jsonb_agg would write an object of jsonb_build_object a second time.
    cross join lateral (
      select r.order_ref, e.line, p.sku, w.code as warehouse, case when e.event_type = 'BACKORDER' then 'backordered' else outcome end as outcome,
             e.ordered as qty_ordered, e.reserved as qty_reserved, e.backordered as qty_backordered, 0 as qty_short,
             case when e.event_type in ('RELEASE', 'EXPIRE') then -(e.reserved_delta + coalesce(e.backordered_delta, 0)) else 0 end as qty_released,
             e.expires_at, e.on_hand, e.blocked, e.level_reserved as reserved, e.available, k.sku as kit, false as replayed) as o);
end
$$;

revoke all on function openstock_core.reservation_answer from public;
grant execute on function openstock_core.reservation_answer to openstock_api;
comment on function openstock_core.reservation_answer is
  'Entries as an array of openstock.reservation_change, with what each line has reserved now, and each backorder waits for.';

reset role;

-- sql/functions/openstock_core/promise.sql
-- Books the promise that find_stock found, and queues what it did not find stock for. The order, the levels and the bins of pins are locked, and
-- the backlogs where something has to wait. A channel's own quota is used first.
-- Writes: reservation_line, reservation_kit, backorder, backlog, channel_quota, ledger (RESERVE, BACKORDER, ALLOCATE), stock_level, stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.promise(
  tenant uuid, op_id text, order_id bigint, order_ref text, stock openstock_core.found_stock, waiting openstock_core.order_line[],
  seconds double precision, until timestamptz, ends jsonb, channel_id bigint)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  promised openstock_core.movement[];
  pinned openstock_core.movement[];
  queued_ids bigint[];
  kept numeric[];
begin
  until := coalesce(until, stamp + make_interval(secs => seconds));
  if channel_id is not null then
    kept := array(
      select trim_scale(greatest(least(p.qty, coalesce(q.qty, 0) - p.before), 0))
      from (select u.n, u.product_id, u.warehouse_id, u.qty,
                   sum(u.qty) over (partition by u.product_id, u.warehouse_id order by u.n) - u.qty as before
            from unnest(stock.parts) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)) as p
      left join lateral (select s.qty from openstock_core.channel_quota s where s.tenant_id = tenant and s.product_id = p.product_id
                           and s.warehouse_id = p.warehouse_id and s.channel_id = promise.channel_id limit 1) as q on true
      order by p.n);
  end if;
  with line as (
    -- A line that the order has at this level already grows. If it is empty, the end that it once had is of no account any more.
    insert into openstock_core.reservation_line as l (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, location_id, lot_id, min_days_left, serial_ids, created_at,
      channel_id, quota_used)
    select tenant, order_id, p.line, p.product_id, p.warehouse_id, p.qty, p.qty, coalesce((ends ->> p.line::text)::timestamptz, until), p.location_id, p.lot_id,
           p.min_days_left, p.serial_ids, stamp,
           promise.channel_id, coalesce(kept[p.n], 0)
    from unnest(stock.parts) with ordinality as p (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    order by p.n
    on conflict (tenant_id, reservation_id, line, product_id, (warehouse_id + 0)) do update
    set ordered = trim_scale(l.ordered + excluded.ordered), reserved = trim_scale(l.reserved + excluded.reserved),
        expires_at = case when l.reserved = 0 then excluded.expires_at else l.expires_at end,
        channel_id = coalesce(l.channel_id, excluded.channel_id), quota_used = trim_scale(l.quota_used + excluded.quota_used)
    returning l.*
  )
  select array_agg(row(l.line, 'RESERVE', l.product_id, l.warehouse_id, null, 0, 0, p.qty, 0,
                       l.reservation_line_id, promise.order_ref, null, null, l.expires_at, null, null, nullif(-kept[p.n], 0), null)::openstock_core.movement
                   order by l.line, l.reservation_line_id),
         (select array_agg(row(l.line, 'ALLOCATE', p.product_id, p.warehouse_id, p.bin_id, 0, 0, 0, p.qty,
                               l.reservation_line_id, promise.order_ref, null, null, null, null, null, null, p.serial_ids)::openstock_core.movement
                           order by l.line, l.reservation_line_id, p.bin_id)
          from unnest(stock.pins) as p
          join line l on l.line = p.reservation_line_id and l.product_id = p.product_id and l.warehouse_id = p.warehouse_id)
  into promised, pinned
  from line l
  join unnest(stock.parts) with ordinality as p (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    on p.line = l.line and p.product_id = l.product_id and p.warehouse_id = l.warehouse_id;
  promised := promised || pinned;
  if openstock_core.asks_for_kits(stock.parts) then
    insert into openstock_core.reservation_kit (tenant_id, reservation_id, line, product_id, kit_id, qty)
    select distinct tenant, order_id, p.line, p.product_id, p.kit_id, p.kit_qty
    from unnest(stock.parts) as p
    where p.kit_id is not null
    on conflict on constraint reservation_kit_pkey do nothing;
  end if;

  if cardinality(waiting) > 0 then
    with queued as (
      insert into openstock_core.backorder (
        tenant_id, reservation_id, line, product_id, warehouse_id, backordered, expires_at, queued_at, created_at, channel_id)
      select tenant, order_id, w.line, w.product_id, w.warehouse_id, w.qty, coalesce((ends ->> w.line::text)::timestamptz, until), stamp, stamp, promise.channel_id
      from unnest(waiting) as w
      order by w.line
      returning backorder_id
    )
    select array_agg(q.backorder_id order by q.backorder_id) into queued_ids from queued q;
    promised := promised || openstock_core.backorder_movements(tenant, 'BACKORDER', null, queued_ids, array(
      select b.backordered::numeric from openstock_core.backorder b
      where b.tenant_id = tenant and b.backorder_id = any (queued_ids) order by b.backorder_id), null, null);
  end if;
  return openstock_core.reservation_answer(tenant, 'reserved', array(
    select p from openstock_core.post(tenant, op_id, promised, null, null, null) as p));
end
$$;

revoke all on function openstock_core.promise from public;
grant execute on function openstock_core.promise to openstock_api;
comment on function openstock_core.promise is
  'Writes an order''s new reservation lines and backorders, adds to lines that it has, held for so many seconds, or until then, or without end, but lines in ends (an object) until theirs, and their entries, and returns the answer.';

reset role;

-- sql/functions/openstock_core/missing_lines.sql
-- What of the lines no part covers.
set local role openstock_owner;

create or replace function openstock_core.missing_lines(wanted openstock_core.order_line[], parts openstock_core.order_line[])
returns openstock_core.order_line[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(w.line, w.sku, w.product_id, w.warehouse_id, trim_scale(w.qty - coalesce(p.qty, 0)),
               w.location_id, w.lot_id, w.min_days_left, w.kit_id, w.kit_qty, w.serial_ids)::openstock_core.order_line
    from rows from (unnest(wanted)) with ordinality as w (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join (select u.line, u.product_id, sum(u.qty) as qty from unnest(parts) as u group by 1, 2) as p on p.line = w.line and p.product_id = w.product_id
    where w.qty > coalesce(p.qty, 0)
    order by w.n);
end
$$;

revoke all on function openstock_core.missing_lines from public;
grant execute on function openstock_core.missing_lines to openstock_api;
comment on function openstock_core.missing_lines is 'The lines that are short, each with the quantity that is.';

reset role;

-- sql/functions/openstock_core/may_wait.sql
-- Says whether units may wait for stock. The backlogs are locked. Reads: product, backlog, warehouse.
-- Without a limit, as many as a quantity can be.
set local role openstock_owner;

create or replace function openstock_core.may_wait(tenant uuid, waiting openstock_core.order_line[]) returns boolean
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from openstock_core.warehouse w where w.tenant_id = tenant)
    and not openstock_core.asks_for_certain_units(waiting) and not openstock_core.asks_for_kits(waiting) and not exists (
    select from (select u.product_id, sum(u.qty) as qty from unnest(waiting) as u group by u.product_id) as k
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
    left join openstock_core.backlog g on g.tenant_id = tenant and g.product_id = k.product_id
    where p.backorder = 'none' or k.qty + coalesce(g.backordered, 0) > coalesce(p.backorder_limit, 999999999999.999999));
end
$$;

revoke all on function openstock_core.may_wait from public;
grant execute on function openstock_core.may_wait to openstock_api;
comment on function openstock_core.may_wait is
  'True where none of them is part of a kit, or has to be of a certain location, lot or life, and the backorder policy of every product lets these units wait beside those that wait already.';

reset role;

-- sql/functions/openstock_core/fold_kits.sql
-- Makes one row of the rows that shortage_answer has for the components of a line of kits. Reads: product.
set local role openstock_owner;

create or replace function openstock_core.fold_kits(tenant uuid, answer jsonb, wanted openstock_core.order_line[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  return (
    with part as materialized (
      select u.n, u.told, u.line, u.kit_id, coalesce(u.kit_id, u.product_id) as product_id, u.kit_qty as each
      from rows from (jsonb_array_elements(answer), unnest(wanted)) with ordinality
        as u (told, line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    ), line as materialized (
      select min(p.n) as n, p.line, p.product_id, p.kit_id, count(*) as parts, (array_agg(p.told order by p.n))[1] as told,
             max((p.told ->> 'qty_ordered')::numeric / p.each) as qty_ordered, max((p.told ->> 'qty_short')::numeric / p.each) as qty_short,
             min(div((p.told ->> 'available')::numeric, p.each)) as available
      from part p
      group by p.line, p.product_id, p.kit_id
    )
    select jsonb_agg(case when l.kit_id is null then l.told else l.told || jsonb_build_object(
             'sku', k.sku, 'kit', k.sku, 'qty_ordered', trim_scale(l.qty_ordered), 'qty_short', trim_scale(l.qty_short),
             'on_hand', null, 'blocked', null, 'reserved', null, 'available', l.available, 'offers', coalesce(o.offers, '[]')) end order by l.n)
    from line l
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = l.kit_id limit 1) as k on l.kit_id is not null
    left join lateral (
      select jsonb_agg(jsonb_build_object('warehouse', w.code, 'available', w.kits) order by w.place) as offers
      from (
        select o.offer ->> 'warehouse' as code, min(div((o.offer ->> 'available')::numeric, p.each)) as kits, min(o.place) as place
        from part p
        cross join lateral jsonb_array_elements(p.told -> 'offers') with ordinality as o (offer, place)
        where p.line = l.line and p.kit_id = l.kit_id
        group by 1 having count(*) = l.parts) as w
      where w.kits > 0) as o on l.kit_id is not null);
end
$$;

revoke all on function openstock_core.fold_kits from public;
grant execute on function openstock_core.fold_kits to openstock_api;
comment on function openstock_core.fold_kits is
  'Rows of openstock.reservation_change, one for each of the lines: of kits, how many are short, and how many each warehouse could put together.';

reset role;

-- sql/functions/openstock_core/shortage_answer.sql
-- What stock does not cover, as rows of an answer. Holds that ended and that nobody needed booked count as available.
-- By the levels and the moment by which the shortage was judged: a level that came into being or a hold that ended since would make it
-- available, and yet short.
-- Reads: stock_level, reservation_line, channel_quota, channel, warehouse.
set local role openstock_owner;

create or replace function openstock_core.shortage_answer(
  tenant uuid, order_ref text, outcome text, wanted openstock_core.order_line[], stock openstock_core.found_stock,
  sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  answer jsonb;
begin
  answer := (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', order_ref, 'line', w.line, 'sku', w.sku, 'warehouse', h.code, 'outcome', outcome,
      'qty_ordered', w.qty, 'qty_reserved', 0, 'qty_backordered', 0, 'qty_short', trim_scale(w.qty - coalesce(p.qty, 0)), 'qty_released', 0,
      'on_hand', trim_scale(coalesce(l.on_hand, 0)), 'blocked', trim_scale(coalesce(l.blocked, 0)), 'reserved', trim_scale(coalesce(l.reserved, 0)),
      'available', trim_scale(case when c.certain then coalesce(p.qty, 0) else coalesce(l.available, 0) end),
      'offers', coalesce(case when c.certain then p.offers else l.offers end, '[]'), 'replayed', false) order by w.n), '[]')
    from rows from (unnest(wanted)) with ordinality as w (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join openstock_core.warehouse h on h.tenant_id = tenant and h.warehouse_id = w.warehouse_id
    cross join lateral (select num_nonnulls(w.location_id, w.lot_id, w.min_days_left, w.serial_ids) > 0 as certain) as c
    left join (
      select u.line, u.product_id, sum(u.qty) as qty, jsonb_agg(jsonb_build_object('warehouse', a.code, 'available', u.qty) order by a.priority, a.code) as offers
      from unnest(stock.parts) as u
      join openstock_core.warehouse a on a.tenant_id = tenant and a.warehouse_id = u.warehouse_id
      group by u.line, u.product_id) as p on p.line = w.line and p.product_id = w.product_id
    -- Of all warehouses where the line names none.
    left join (
      select k.product_id, k.warehouse_id, sum(s.on_hand) as on_hand, sum(s.blocked) as blocked, sum(s.reserved - d.units) as reserved,
             sum(greatest(s.available + d.free + f.units, 0)) as available,
             jsonb_agg(jsonb_build_object('warehouse', a.code, 'available', trim_scale(s.available + d.free + f.units)) order by a.priority, a.code)
               filter (where s.available + d.free + f.units > 0) as offers
      from unnest(stock.levels) as k
      cross join lateral (select * from openstock_core.stock_level s where s.tenant_id = tenant and s.product_id = k.product_id
                            and s.warehouse_id = k.warehouse_id limit 1) as s
      cross join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = k.warehouse_id
                            and s.active limit 1) as a
      cross join lateral (
        select coalesce(sum(n.reserved), 0) as units,
               coalesce(sum(openstock_core.units_freed(tenant, n.channel_id, n.quota_used, n.reserved, sourcing.channel_id)), 0) as free
        from openstock_core.reservation_line n
        where s.next_expiry_at <= stock.at and n.tenant_id = tenant and n.product_id = k.product_id and n.warehouse_id = k.warehouse_id
          and n.expires_at <= stock.at and n.reserved > 0) as d
      cross join lateral (
        select case when sourcing.channel_id is null then 0 else openstock_core.units_kept(
          tenant, sourcing.channel_id, sourcing.uses_safety_stock, k.product_id, k.warehouse_id, s.safety_stock) end as units) as f
      group by grouping sets ((k.product_id), (k.product_id, k.warehouse_id))
    ) as l on l.product_id = w.product_id and l.warehouse_id is not distinct from w.warehouse_id);
  if openstock_core.asks_for_kits(wanted) then
    answer := openstock_core.fold_kits(tenant, answer, wanted);
  end if;
  return answer;
end
$$;

revoke all on function openstock_core.shortage_answer from public;
grant execute on function openstock_core.shortage_answer to openstock_api;
comment on function openstock_core.shortage_answer is
  'Rows of openstock.reservation_change with this outcome: per line what was asked, what is short, the balances of the warehouses asked, and what each of '
  'them could promise to the channel: to a line that asks for certain units, of these. A line of kits is one row, and counts kits.';

reset role;

-- sql/functions/openstock_core/promise_or_refuse.sql
-- Decides what becomes of an order whose parts were stock. The order and the levels are locked, and the backlogs where it may wait.
-- Writes: what promise writes, or reservation (one that has no lines is taken back).
set local role openstock_owner;

create or replace function openstock_core.promise_or_refuse(
  tenant uuid, op_id text, order_id bigint, order_ref text, wanted openstock_core.order_line[], stock openstock_core.found_stock,
  on_shortage text, seconds double precision, until timestamptz, ends jsonb, sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.order_line[];
  answer jsonb;
begin
  if not stock.short then
    return openstock_core.promise(tenant, op_id, order_id, order_ref, stock, null, seconds, until, ends, sourcing.channel_id);
  end if;
  perform openstock_core.refuse_stale_shortage(tenant, wanted);
  missing := openstock_core.missing_lines(wanted, stock.parts);
  if on_shortage = 'backorder' and openstock_core.may_wait(tenant, missing) then
    return openstock_core.promise(tenant, op_id, order_id, order_ref, stock, missing, seconds, until, ends, sourcing.channel_id);
  elsif on_shortage = 'partial' and cardinality(stock.parts) > 0 then
    answer := openstock_core.promise(tenant, op_id, order_id, order_ref, stock, null, seconds, until, ends, sourcing.channel_id);
    return answer || openstock_core.shortage_answer(tenant, order_ref, 'short', missing, row('{}', null, stock.levels, stock.at, true), sourcing);
  end if;

  answer := case when on_shortage = 'partial'
    then openstock_core.shortage_answer(tenant, order_ref, 'short', wanted, row('{}', null, stock.levels, stock.at, true), sourcing)
    else openstock_core.shortage_answer(tenant, order_ref, 'rejected', wanted, stock, sourcing) end;
  if on_shortage = 'error' then
    perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', (
      select jsonb_agg(jsonb_build_object('line', s.line, 'sku', s.sku, 'qty_ordered', s.qty_ordered, 'available', s.available,
                                          'qty_short', s.qty_short, 'offers', s.offers))
      from jsonb_populate_recordset(null::openstock.reservation_change, answer) as s where s.qty_short > 0)));
  end if;
  delete from openstock_core.reservation r
  where r.tenant_id = tenant and r.reservation_id = order_id
    and not exists (select from openstock_core.reservation_line l where l.tenant_id = tenant and l.reservation_id = order_id)
    and not exists (select from openstock_core.backorder b where b.tenant_id = tenant and b.reservation_id = order_id);
  return answer;
end
$$;

revoke all on function openstock_core.promise_or_refuse from public;
grant execute on function openstock_core.promise_or_refuse to openstock_api;
comment on function openstock_core.promise_or_refuse is
  'Promises the parts, and lets the missing rest wait, or be short, or refuses all, as the caller wants it; returns the answer. '
  'Errors: OS104 where a warehouse has closed meanwhile, OS201 on request.';

reset role;

-- sql/functions/openstock_core/open_lines.sql
-- An order's locked reservation lines and backorders, as one list. Reads: reservation_line, backorder.
set local role openstock_owner;

create or replace function openstock_core.open_lines(tenant uuid, line_ids bigint[], backorder_ids bigint[])
returns openstock_core.open_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(l.reservation_line_id, null, l.line, l.product_id, l.warehouse_id, l.reserved)::openstock_core.open_line
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids))
  || array(
    select row(null, b.backorder_id, b.line, b.product_id, b.warehouse_id, b.backordered)::openstock_core.open_line
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.backorder_id = any (backorder_ids));
end
$$;

revoke all on function openstock_core.open_lines from public;
grant execute on function openstock_core.open_lines to openstock_api;
comment on function openstock_core.open_lines is
  'What these lines have reserved and these backorders wait for.';

reset role;

-- sql/functions/openstock_core/split_kit_entries.sql
-- Turns entries that name an order's line of kits into one for each of its components, as they were when it was reserved: an entry names it by number, or by
-- the kit's sku, and counts kits. Others stay as they are. Reads: reservation, reservation_kit, product.
set local role openstock_owner;

create or replace function openstock_core.split_kit_entries(
  tenant uuid, order_ref text, open integer[], lowest text, inout lines jsonb, out kit_lines integer[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  kit_lines := array(
    select distinct k.line
    from openstock_core.reservation r
    join openstock_core.reservation_kit k on k.tenant_id = r.tenant_id and k.reservation_id = r.reservation_id
    where r.tenant_id = split_kit_entries.tenant and r.order_ref = split_kit_entries.order_ref);
  if cardinality(kit_lines) = 0 then
    return;
  end if;
  with part as materialized (
    select k.line, k.product_id, k.kit_id, k.qty, p.sku::text as sku, n.sku::text as kit
    from openstock_core.reservation r
    join openstock_core.reservation_kit k on k.tenant_id = r.tenant_id and k.reservation_id = r.reservation_id
    join openstock_core.product p on p.tenant_id = k.tenant_id and p.product_id = k.product_id
    join openstock_core.product n on n.tenant_id = k.tenant_id and n.product_id = k.kit_id
    where r.tenant_id = split_kit_entries.tenant and r.order_ref = split_kit_entries.order_ref
  ), given as materialized (
    select g.n, g.entry, (g.entry ->> 'line')::integer as line, normalize(btrim(g.entry ->> 'sku')) as sku, (g.entry ->> 'qty')::numeric as qty
    from jsonb_array_elements(lines) with ordinality as g (entry, n)
  ), matched as materialized (
    select g.*, k.line as kit_line, k.kit, count(k.line) over (partition by g.n) as named
    from given g
    left join (select distinct p.line, p.kit from part p) as k
      on (k.line = g.line and (g.sku is null or g.sku = k.kit)) or (g.line is null and g.sku = k.kit and k.line = any (open))
  ), problem as (
    select m.n, case
      when m.kit is null and m.line = any (kit_lines) and not exists (select from part p where p.line = m.line and p.sku = m.sku) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'is neither the kit of the line nor a component of it', 'sku', m.sku)
      when m.named > 1 and m.qty is not null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has several such lines: name one')
      when m.kit is not null and openstock_core.quantity_problem(m.qty, 0, lowest) is not null then
        jsonb_build_object('code', 'OS110', 'sku', m.kit, 'problem', openstock_core.quantity_problem(m.qty, 0, lowest))
    end as what
    from matched m
  )
  select (
    select jsonb_agg(case when m.kit is null then m.entry else m.entry || jsonb_build_object(
             'line', m.kit_line, 'sku', p.sku, 'qty', trim_scale(m.qty * p.qty), 'kit_id', p.kit_id, 'kit_qty', trim_scale(p.qty)) end
           || jsonb_build_object('place', m.n) order by m.n, m.kit_line, p.product_id)
    from matched m
    left join part p on p.line = m.kit_line) as lines, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;
  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  lines := bad.lines;
end
$$;

revoke all on function openstock_core.split_kit_entries from public;
grant execute on function openstock_core.split_kit_entries to openstock_api;
comment on function openstock_core.split_kit_entries is
  'The entries, with their place in the call where the order has kits, and the numbers of its lines of kits. open: the lines that a kit''s sku alone may mean. '
  'Errors: 22023, OS110, each with the entry''s place.';

reset role;

-- sql/functions/openstock_core/match_order_lines.sql
-- Finds the open lines of an order that a request means, by line number, sku, or warehouse, and how much it takes of each: first what
-- waits for stock, the youngest before the older. Of a line of kits, kits or a component alone. Reads: product, warehouse, and what split_kit_entries reads.
set local role openstock_owner;

create or replace function openstock_core.match_order_lines(
  tenant uuid, order_ref text, available openstock_core.open_line[], lines jsonb, measure text default 'reserved')
returns openstock_core.taken_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_nestloop = off
as $$
declare
  split constant record := openstock_core.split_kit_entries(tenant, order_ref, array(select a.line from unnest(available) as a), 'positive', lines);
  bad record;
begin
  with given as materialized (
    select min(g.n) as n, coalesce(min(g.place), min(g.n)) as place, g.kit_qty, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse,
           case when count(g.qty) = count(*) then trim_scale(sum(g.qty)) end as qty, min(g.qty) as lowest
    from rows from (jsonb_to_recordset(split.lines) as (line integer, sku text, warehouse text, qty numeric, kit_qty numeric, place bigint, serials jsonb))
      with ordinality as g (line, sku, warehouse, qty, kit_qty, place, serials, n)
    -- match_serials reads those that name pieces.
    where g.serials is null
    group by g.line, normalize(btrim(g.sku)), normalize(btrim(g.warehouse)), g.kit_qty
  ), open as materialized (
    select l.reservation_line_id, l.backorder_id, l.line, l.product_id, l.warehouse_id, l.units as reserved, p.sku::text as sku, p.decimals,
           w.code::text as warehouse, row_number() over (order by l.backorder_id desc nulls last, l.line, l.reservation_line_id) as place
    from unnest(available) as l
    cross join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = l.product_id limit 1) as p
    left join lateral (select * from openstock_core.warehouse s where s.tenant_id = tenant and s.warehouse_id = l.warehouse_id limit 1) as w on true
  ), matched as materialized (
    select m.*, sum(m.reserved) over (partition by m.n order by m.place) - m.reserved as before,
           count(*) over (partition by m.place) as named
    from (
      select g.n, g.qty as wanted, o.*
      from given g join open o on o.line = g.line
      where (g.sku is null or g.sku = o.sku) and (g.warehouse is null or g.warehouse = o.warehouse)
      union all
      select g.n, g.qty, o.*
      from given g join open o on o.sku = g.sku
      where g.line is null and (g.warehouse is null or g.warehouse = o.warehouse) and o.line <> all (split.kit_lines)
    ) as m
  ), problem as (
    select g.place as n, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when g.lowest <= 0 then jsonb_build_object('code', 'OS110', 'problem', 'must be positive')
      when openstock_core.quantity_problem(g.qty, m.decimals, 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'problem', openstock_core.quantity_problem(g.qty, m.decimals, 'positive'))
      when m.named > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
      when m.n is null or g.qty > m.reserved then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'asked', trim_scale(g.qty / coalesce(g.kit_qty, 1)), measure,
          case when g.kit_qty is null then coalesce(m.reserved, 0)
               else min(div(coalesce(m.reserved, 0), g.kit_qty)) over (partition by g.place, g.line, g.kit_qty is null) end)
      end as what
    from given g
    left join (select o.n, min(o.decimals) as decimals, max(o.named) as named, sum(o.reserved) as reserved
               from matched o group by o.n) as m on m.n = g.n
  )
  select (select array_agg(row(m.reservation_line_id, m.line, m.product_id, m.warehouse_id,
                               trim_scale(least(m.reserved, coalesce(m.wanted, m.before + m.reserved) - m.before)),
                               m.reserved, m.backorder_id, null)::openstock_core.taken_line
                           order by m.n, m.line, m.backorder_id nulls first, m.reservation_line_id)
          from matched m where m.wanted is null or m.before < m.wanted) as taken, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;

  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  return bad.taken;
end
$$;

revoke all on function openstock_core.match_order_lines from public;
grant execute on function openstock_core.match_order_lines to openstock_api;
comment on function openstock_core.match_order_lines is
  'What a request takes of what is available of an order''s locked lines; an entry without qty takes all it names. measure: what DETAIL calls that. A sku without a line does not mean components of kits. '
  'Errors: 22023, OS110, OS303, each with the entry''s place.';

reset role;

-- sql/functions/openstock_core/lock_open_lines.sql
-- Locks what an order is promised now, and what it waits for where asked. A hold that has ended is neither, whether or not that is booked.
-- Locks: order, stock_level by (product, warehouse), backlog by product_id and backorder by id (where what waits is taken too),
-- reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.lock_open_lines(
  tenant uuid, order_ref text, waiting_too boolean, out line_ids bigint[], out backorder_ids bigint[], out due openstock_core.due)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  order_id constant bigint := openstock_core.lock_known_order(tenant, lock_open_lines.order_ref);
begin
  due := openstock_core.lock_levels(tenant, array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0), false);
  backorder_ids := '{}';
  if waiting_too then
    backorder_ids := openstock_core.lock_order_backorders(tenant, order_id, due);
  end if;
  line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and (l.expires_at is null or l.expires_at > due.at)
    order by l.reservation_line_id
    for no key update);
  if cardinality(line_ids) = 0 and cardinality(backorder_ids) = 0 then
    perform openstock_core.fail_nothing_open(tenant, order_id, lock_open_lines.order_ref);
  end if;
end
$$;

revoke all on function openstock_core.lock_open_lines from public;
grant execute on function openstock_core.lock_open_lines to openstock_api;
comment on function openstock_core.lock_open_lines is
  'The ids of the order''s open lines and backorders, locked with their levels and backlogs, and what is due there. Errors: OS301, and those of '
  'fail_nothing_open.';

reset role;

-- sql/functions/openstock_core/match_serials.sql
-- Finds the open lines of an order that named pieces go to: a piece that is pinned to one of them to that line, a free one to the first line
-- at its warehouse that has room. The levels and lines are locked, so pieces stay in their bins; whether one is free is only seen when its bin is
-- locked, by plan_named_shipment. Reads: serial_unit, stock_bin, product, warehouse, location.
set local role openstock_owner;

create or replace function openstock_core.match_serials(
  tenant uuid, order_ref text, available openstock_core.open_line[], taken openstock_core.taken_line[], lines jsonb)
returns openstock_core.taken_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  found_lines record;
begin
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse, trim_scale(g.qty) as qty, s.serials
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, warehouse text, qty numeric, serials jsonb))
      with ordinality as g (line, sku, warehouse, qty, serials, n)
    cross join lateral (select array(select normalize(btrim(e)) from jsonb_array_elements_text(g.serials) as e) as serials) as s
    where g.serials is not null
  ), candidate as materialized (
    select g.n, o.reservation_line_id, o.line, o.product_id, o.warehouse_id, o.units, p.tracking, n.serial_ids
    from unnest(available) as o
    join openstock_core.reservation_line n on n.tenant_id = tenant and n.reservation_line_id = o.reservation_line_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = o.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = o.warehouse_id
    join given g on coalesce(g.line::text, g.sku) is not null and (g.line is null or g.line = o.line)
      and (g.sku is null or g.sku = p.sku) and (g.warehouse is null or g.warehouse = w.code)
  ), piece as materialized (
    select g.n, s.serial, s.place, u.serial_id, u.product_id, b.warehouse_id, b.blocked, b.status, u.bin_id, w.code as warehouse, c.code as location, u.reservation_line_id,
           count(*) over (partition by u.serial_id) as times
    from given g
    cross join lateral unnest(g.serials) with ordinality as s (serial, place)
    left join lateral (
      select k.* from (select distinct c.product_id from candidate c where c.n = g.n) as d
      join openstock_core.serial_unit k on k.tenant_id = tenant and k.product_id = d.product_id and k.serial = s.serial limit 1) as u on true
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  ), own as (
    -- A line that asks for certain pieces takes these, pinned or not, and no others; of two that ask for one, the line that asks for fewer.
    select distinct on (p.n, p.serial_id) p.n, p.serial_id, c.reservation_line_id
    from piece p
    join candidate c on c.n = p.n and (c.reservation_line_id = p.reservation_line_id or (
      p.reservation_line_id is null and c.warehouse_id = p.warehouse_id and p.serial_id = any (c.serial_ids)))
    order by p.n, p.serial_id, cardinality(c.serial_ids), c.reservation_line_id
  ), room as (
    select c.*, c.units - coalesce(o.pieces, 0) as room,
           sum(c.units - coalesce(o.pieces, 0)) over (partition by c.n, c.product_id, c.warehouse_id order by c.line, c.reservation_line_id)
             - (c.units - coalesce(o.pieces, 0)) as start
    from candidate c
    left join (select o.n, o.reservation_line_id, count(*) as pieces from own o group by o.n, o.reservation_line_id) as o
      on o.n = c.n and o.reservation_line_id = c.reservation_line_id
    where c.serial_ids is null
  ), free as (
    select p.*, row_number() over (partition by p.n, p.product_id, p.warehouse_id order by p.place) as nth
    from piece p
    where not exists (select from own o where o.serial_id = p.serial_id)
  ), assigned as materialized (
    select o.n, o.serial_id, o.reservation_line_id from own o
    union all
    select f.n, f.serial_id, r.reservation_line_id
    from free f
    join room r on r.n = f.n and r.product_id = f.product_id and r.warehouse_id = f.warehouse_id and f.nth > r.start and f.nth <= r.start + r.room
  ), problem as (
    select g.n, 0 as place, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when not exists (select from candidate c where c.n = g.n) then
        jsonb_build_object('code', 'OS303', 'order_ref', match_serials.order_ref, 'asked', cardinality(g.serials), 'reserved', 0)
      when exists (select from candidate c where c.n = g.n and c.tracking <> 'serial') then
        jsonb_build_object('code', 'OS112', 'problem', 'the product is not tracked by serial')
      when cardinality(g.serials) <> g.qty then
        jsonb_build_object('code', 'OS112', 'qty', g.qty, 'serials', cardinality(g.serials), 'problem', 'must be as many as units')
      when exists (select from candidate c join unnest(taken) as t on t.product_id = c.product_id and t.warehouse_id = c.warehouse_id where c.n = g.n) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'another entry takes pieces of the product and names none')
      end as what
    from given g
    union all
    select p.n, p.place, jsonb_build_object('serial', p.serial) || case
      when p.serial_id is null then jsonb_build_object('code', 'OS111')
      when p.times > 1 then jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'names a piece a second time')
      when p.bin_id is null or p.blocked or not exists (select from candidate c where c.n = p.n and c.warehouse_id = p.warehouse_id) then
        jsonb_build_object('code', 'OS113', 'warehouse', p.warehouse, 'location', p.location, 'status', p.status)
      when not exists (select from candidate c where c.n = p.n and c.warehouse_id = p.warehouse_id and c.serial_ids is null) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'serials', 'problem', 'the line asks for other pieces')
      else jsonb_build_object('code', 'OS303', 'order_ref', match_serials.order_ref, 'asked', cardinality(g.serials),
                              'reserved', (select sum(c.units) from candidate c where c.n = p.n)) end
    from piece p
    join given g on g.n = p.n
    left join assigned a on a.n = p.n and a.serial_id = p.serial_id
    where a.serial_id is null or p.blocked or p.times > 1
    union all
    select max(a.n), null, jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
    from assigned a join candidate c on c.n = a.n and c.reservation_line_id = a.reservation_line_id
    group by a.reservation_line_id, c.units having count(*) > c.units
  )
  select array(select row(c.reservation_line_id, c.line, c.product_id, c.warehouse_id, a.qty, c.units, null, a.serial_ids)::openstock_core.taken_line
               from (select u.reservation_line_id, count(*) as qty, array_agg(u.serial_id) as serial_ids
                     from assigned u group by u.reservation_line_id) as a
               join lateral (select * from candidate s where s.reservation_line_id = a.reservation_line_id limit 1) as c on true) as taken, f.n, f.what
  into found_lines
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n, p.place nulls last limit 1) as f on true;

  if found_lines.what is not null then
    perform openstock_core.refuse_entry(found_lines.n, lines -> (found_lines.n - 1)::integer, found_lines.what);
  end if;
  return found_lines.taken;
end
$$;

revoke all on function openstock_core.match_serials from public;
grant execute on function openstock_core.match_serials to openstock_api;
comment on function openstock_core.match_serials is
  'What the entries that name pieces take of which lines. Errors: 22023, OS111 to OS113, OS303, each with the entry''s place.';

reset role;

-- sql/functions/openstock_core/take_order_lines.sql
-- Locks an order's open lines, and says how much of each a release or shipment takes. Locks: as lock_open_lines.
set local role openstock_owner;

create or replace function openstock_core.take_order_lines(tenant uuid, order_ref text, lines jsonb, waiting_too boolean)
returns openstock_core.taking
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  available openstock_core.open_line[];
  taken openstock_core.taken_line[];
  named openstock_core.taken_line[] := array[]::openstock_core.taken_line[];
begin
  select l.line_ids, l.backorder_ids, l.due into locked from openstock_core.lock_open_lines(tenant, order_ref, waiting_too) as l;
  available := openstock_core.open_lines(tenant, locked.line_ids, locked.backorder_ids);
  if lines is not null then
    taken := openstock_core.match_order_lines(tenant, order_ref, available, lines);
    if jsonb_path_exists(lines, '$[*].serials[*]') then
      named := openstock_core.match_serials(tenant, order_ref, available, taken, lines);
    end if;
    return row(taken, locked.due, named)::openstock_core.taking;
  end if;
  return row(array(
    select row(o.reservation_line_id, o.line, o.product_id, o.warehouse_id, o.units, o.units, o.backorder_id, null)::openstock_core.taken_line
    from unnest(available) as o
    order by o.line, o.backorder_id nulls first, o.reservation_line_id), locked.due, named)::openstock_core.taking;
end
$$;

revoke all on function openstock_core.take_order_lines from public;
grant execute on function openstock_core.take_order_lines to openstock_api;
comment on function openstock_core.take_order_lines is
  'What the request takes of each of the order''s open lines, all of them without lines; and what is due. '
  'Errors: those of lock_open_lines match_order_lines and match_serials.';

reset role;

-- sql/functions/openstock_core/release_units.sql
-- Books that an order gives back what it was promised and what it waits for. The levels, backlogs, backorders, lines and bins are locked.
-- Writes: ledger (RELEASE, DEALLOCATE), stock_level, channel_quota, stock_bin, reservation_line, allocation, backorder, backlog.
set local role openstock_owner;

create or replace function openstock_core.release_units(
  tenant uuid, op_id text, order_ref text, taken openstock_core.taken_line[], reason text)
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select p.* from openstock_core.post(tenant, op_id,
    openstock_core.unpin_from_lines(tenant, order_ref, taken, reason) || array(
      select row(t.line, 'RELEASE', t.product_id, t.warehouse_id, null, 0, 0, -t.qty, 0,
                 t.reservation_line_id, order_ref, null, reason, null, null, null,
                 case when n.quota_used > 0 then openstock_core.units_for_quota(tenant, n.channel_id, n.quota_used, t.qty) end, null)::openstock_core.movement
      from unnest(taken) as t
      cross join lateral (select * from openstock_core.reservation_line s
                          where s.tenant_id = tenant and s.reservation_line_id = t.reservation_line_id limit 1) as n)
    || openstock_core.backorder_movements(tenant, 'RELEASE', null,
      array(select t.backorder_id from unnest(taken) as t where t.backorder_id is not null order by t.backorder_id),
      array(select -t.qty from unnest(taken) as t where t.backorder_id is not null order by t.backorder_id), reason, null),
    null, null, null) as p;
end
$$;

revoke all on function openstock_core.release_units from public;
grant execute on function openstock_core.release_units to openstock_api;
comment on function openstock_core.release_units is 'Writes what is given back, pins of it first, and returns the entries.';

reset role;

-- sql/functions/openstock_core/give_back.sql
-- Gives back what an order was promised and what it waits for. Writes: ledger (RELEASE, DEALLOCATE), stock_level, stock_bin,
-- reservation_line, allocation, backorder, backlog, and what book_due writes. Locks: order, stock_level by (product, warehouse), backlog by
-- product_id, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.give_back(tenant uuid, op_id text, order_ref text, lines jsonb, reason text, outcome text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taking constant openstock_core.taking := openstock_core.take_order_lines(tenant, order_ref, lines, true);
  entries openstock_core.posted[];
begin
  perform openstock_core.settle_bins(tenant, op_id, array(
    select distinct a.bin_id from unnest(taking.lines) as t
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id), '{}', taking.due);
  entries := array(select p from openstock_core.release_units(tenant, op_id, order_ref, taking.lines, reason) as p);
  -- A statement of its own: within the one above, the lines would still be what they were before.
  return openstock_core.reservation_answer(tenant, outcome, entries);
end
$$;

revoke all on function openstock_core.give_back from public;
grant execute on function openstock_core.give_back to openstock_api;
comment on function openstock_core.give_back is
  'Releases what the request takes of an order, and returns the answer. Errors: those of take_order_lines.';

reset role;

-- sql/functions/openstock_core/reserve_line_directly.sql
-- Promises the one line that most orders are, a product and a quantity, to a new order, where the first warehouse by priority has it: what reserve does
-- for any lines, by one query and five statements. Whatever is not that plain is left to reserve, as if nobody had looked.
-- Writes: reservation, reservation_line, stock_level, ledger (RESERVE). Locks: order (the new row), in hot-SKU mode level_lock (advisory), stock_level.
set local role openstock_owner;

create or replace function openstock_core.reserve_line_directly(
  tenant uuid, op_id text, order_ref text, lines jsonb, warehouse text, seconds double precision)
returns openstock.reservation_change[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  given constant jsonb := case when jsonb_typeof(lines) = 'array' and jsonb_array_length(lines) = 1 then lines -> 0 end;
  who constant text := openstock_core.actor();
  qty numeric;
  source record;
  order_id bigint;
  level record;
  line_id bigint;
  stamp timestamptz;
  until timestamptz;
begin
  if jsonb_typeof(given) is distinct from 'object' or given - '{sku,qty}'::text[] <> '{}'
     or jsonb_typeof(given -> 'sku') is distinct from 'string' or jsonb_typeof(given -> 'qty') is distinct from 'number' then
    return null;
  end if;
  qty := trim_scale((given ->> 'qty')::numeric);
  -- A name under which something is found is one that may be given, and what has a level is no kit.
  select p.product_id, p.sku, w.warehouse_id, w.code into source
  from openstock_core.product p
  cross join lateral (
    select s.warehouse_id, s.code, l.available
    from openstock_core.stock_level l
    join openstock_core.warehouse s on s.tenant_id = tenant and s.warehouse_id = l.warehouse_id
    where l.tenant_id = tenant and l.product_id = p.product_id and s.active and (warehouse is null or s.code = warehouse)
    order by s.priority, s.code limit 1) as w
  where p.tenant_id = tenant and p.sku = given ->> 'sku' and p.active
    and qty > 0 and scale(qty) <= p.decimals and w.available >= qty
    and to_regclass('openstock_core.ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM')) is not null;
  if not found then
    return null;
  end if;

  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  values (tenant, reserve_line_directly.order_ref, openstock.server_time())
  on conflict on constraint reservation_order_ref_is_unique do nothing
  returning reservation_id into order_id;
  if order_id is null then
    return null;
  end if;
  if current_setting('app.hot_sku', true) = 'on' then
    -- In a queue of its own whoever came first is next, and nobody looks at a row that changes before it is held. Not for all: a transaction of the caller's
    -- with thousands of calls would fill the server's lock table.
    perform pg_advisory_xact_lock(openstock_core.level_lock(tenant, source.product_id, source.warehouse_id));
  end if;
  begin
    select l.available, l.next_block_at into level
    from openstock_core.stock_level l
    where l.tenant_id = tenant and l.product_id = source.product_id and l.warehouse_id = source.warehouse_id
    for no key update of l;
    stamp := openstock.server_time();
    if level.available < qty or level.next_block_at <= stamp then
      perform openstock_core.fail('OS901', '{"problem": "there is less, or a lot to be blocked, now that the level is locked"}');
    end if;

    -- Written within the block, by the transaction id that has the lock: PostgreSQL keeps two in a multixact.
    until := stamp + make_interval(secs => seconds);
    -- Before the level changes: while its row is as it was locked, the foreign key's lock is there already, and nothing has to be written for it.
    insert into openstock_core.reservation_line (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, created_at)
    values (tenant, order_id, 1, source.product_id, source.warehouse_id, qty, qty, until, stamp)
    returning reservation_line_id into line_id;
    update openstock_core.stock_level l
    set reserved = trim_scale(l.reserved + qty), next_expiry_at = least(l.next_expiry_at, until),
        last_recorded_at = greatest(stamp, l.last_recorded_at + tick), version = l.version + 1
    where l.tenant_id = tenant and l.product_id = source.product_id and l.warehouse_id = source.warehouse_id
    returning l.on_hand, l.blocked, l.reserved, l.available, l.last_recorded_at into level;
    insert into openstock_core.ledger (
      tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, event_type, reserved_delta,
      on_hand_after, blocked_after, reserved_after, order_ref, reservation_line_id, expires_at, actor)
    values (tenant, source.product_id, source.warehouse_id, level.last_recorded_at, nextval('openstock_core.ledger_entry_id'), 1, reserve_line_directly.op_id, 'RESERVE', qty,
            level.on_hand, level.blocked, level.reserved, reserve_line_directly.order_ref, line_id, until, who);
  exception when sqlstate 'OS901' then
    -- The lock is given up: whoever looks elsewhere now locks levels in order.
    return null;
  end;
  return array[row(order_ref, 1, source.sku, source.code, 'reserved', qty, qty, 0, 0, 0, until,
                   level.on_hand, level.blocked, level.reserved, level.available, null, null, false)::openstock.reservation_change];
end
$$;

revoke all on function openstock_core.reserve_line_directly from public;
grant execute on function openstock_core.reserve_line_directly to openstock_api;
comment on function openstock_core.reserve_line_directly is
  'Promises one line of a product and a quantity to a new order from the first warehouse by priority, or from the one that is named, held for so many seconds, or '
  'without end; returns what reserve answers. Null where it is anything else, or not there, and then nothing is promised.';

reset role;

-- sql/functions/openstock_core/find_plain_lines.sql
-- Reads lines that are a product and a quantity and nothing else, and finds for each the first warehouse by priority. Reads only.
set local role openstock_owner;

create or replace function openstock_core.find_plain_lines(tenant uuid, lines jsonb, warehouse text) returns openstock_core.plain_lines
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  given record;
  source record;
begin
  if jsonb_typeof(lines) is distinct from 'array' or jsonb_array_length(lines) not between 2 and 1000 then
    return null;
  end if;
  select array_agg(e.line ->> 'sku' order by e.n) as skus,
         array_agg(case when jsonb_typeof(e.line -> 'qty') = 'number' then trim_scale((e.line -> 'qty')::numeric) end order by e.n) as qtys,
         bool_and(case when jsonb_typeof(e.line) = 'object' and jsonb_typeof(e.line -> 'sku') = 'string'
                    then e.line - '{sku,qty}'::text[] = '{}' else false end) as plain
  into given
  from jsonb_array_elements(lines) with ordinality as e (line, n);
  if not given.plain then
    return null;
  end if;
  -- A name under which something is found is one that may be given, and what has a level is no kit.
  select array_agg(p.sku order by u.n) as skus, array_agg(u.qty order by u.n) as qtys, array_agg(p.product_id order by u.n) as product_ids,
         array_agg(w.warehouse_id order by u.n) as warehouse_ids, array_agg(w.code order by u.n) as warehouses,
         count(*) as lines, count(distinct p.product_id) as products
  into source
  from unnest(given.skus, given.qtys) with ordinality as u (sku, qty, n)
  cross join lateral (
    select s.product_id, s.sku, s.decimals
    from openstock_core.product s
    where s.tenant_id = tenant and s.sku = u.sku and s.active limit 1) as p
  cross join lateral (
    select s.warehouse_id, s.code, l.available
    from openstock_core.stock_level l
    join openstock_core.warehouse s on s.tenant_id = tenant and s.warehouse_id = l.warehouse_id
    where l.tenant_id = tenant and l.product_id = p.product_id and s.active and (find_plain_lines.warehouse is null or s.code = find_plain_lines.warehouse)
    order by s.priority, s.code limit 1) as w
  where u.qty > 0 and scale(u.qty) <= p.decimals and w.available >= u.qty;
  if source.lines < jsonb_array_length(lines) or source.products < source.lines then
    return null;
  end if;
  return row(source.skus, source.qtys, source.product_ids, source.warehouse_ids, source.warehouses)::openstock_core.plain_lines;
end
$$;

revoke all on function openstock_core.find_plain_lines from public;
grant execute on function openstock_core.find_plain_lines to openstock_api;
comment on function openstock_core.find_plain_lines is
  'Two lines or more, in their order, with the first warehouse by priority, or the one that is named, which has enough of each; null where any line is anything else '
  'than an sku and a quantity that are right, names a product again, or is not there.';

reset role;

-- sql/functions/openstock_core/reserve_lines_directly.sql
-- Promises several lines of a product and a quantity to a new order, where for each the first warehouse by priority has it: what reserve does for any
-- lines, by three queries and four statements for all of them. Whatever is not that plain is left to reserve, as if nobody had looked.
-- Writes: reservation, reservation_line, stock_level, ledger (RESERVE). Locks: order (the new row), stock_level by (product, warehouse).
set local role openstock_owner;

create or replace function openstock_core.reserve_lines_directly(
  tenant uuid, op_id text, order_ref text, lines jsonb, warehouse text, seconds double precision)
returns openstock.reservation_change[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  tick constant interval := interval '1 microsecond';
  who constant text := openstock_core.actor();
  plain constant openstock_core.plain_lines := openstock_core.find_plain_lines(tenant, lines, warehouse);
  order_id bigint;
  line_ids bigint[];
  level record;
  stamp timestamptz;
  until timestamptz;
  answer openstock.reservation_change[];
begin
  if plain.skus is null
     or to_regclass('openstock_core.ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM')) is null then
    return null;
  end if;

  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  values (tenant, reserve_lines_directly.order_ref, openstock.server_time())
  on conflict on constraint reservation_order_ref_is_unique do nothing
  returning reservation_id into order_id;
  if order_id is null then
    return null;
  end if;
  begin
    select count(*) filter (where l.available >= l.qty) as enough, min(l.next_block_at) as next_block_at into level
    from (
      select l.available, l.next_block_at, u.qty
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) as u (product_id, warehouse_id, qty)
      cross join lateral (
        select * from openstock_core.stock_level s
        where s.tenant_id = tenant and s.product_id = u.product_id and s.warehouse_id = u.warehouse_id) as l
      order by u.product_id
      for no key update of l) as l;
    stamp := openstock.server_time();
    if level.enough < cardinality(plain.skus) or level.next_block_at <= stamp then
      perform openstock_core.fail('OS901', '{"problem": "there is less, or a lot to be blocked, now that the levels are locked"}');
    end if;

    -- Written within the block, by the transaction id that has the lock: PostgreSQL keeps two in a multixact.
    until := stamp + make_interval(secs => seconds);
    with made as (
      insert into openstock_core.reservation_line (
        tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, expires_at, created_at)
      select tenant, order_id, u.n, u.product_id, u.warehouse_id, u.qty, u.qty, until, stamp
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) with ordinality as u (product_id, warehouse_id, qty, n)
      returning line, reservation_line_id)
    select array_agg(m.reservation_line_id order by m.line) into line_ids
    from made as m;
    with changed as (
      update openstock_core.stock_level l
      set reserved = trim_scale(l.reserved + u.qty), next_expiry_at = least(l.next_expiry_at, until),
          last_recorded_at = greatest(stamp, l.last_recorded_at + tick), version = l.version + 1
      from unnest(plain.product_ids, plain.warehouse_ids, plain.qtys) with ordinality as u (product_id, warehouse_id, qty, n)
      where l.tenant_id = tenant and l.product_id = u.product_id and l.warehouse_id = u.warehouse_id
      returning u.n, u.product_id, u.warehouse_id, u.qty, l.on_hand, l.blocked, l.reserved, l.available, l.last_recorded_at
    ), entry as (
      insert into openstock_core.ledger (
        tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, event_type, reserved_delta,
        on_hand_after, blocked_after, reserved_after, order_ref, reservation_line_id, expires_at, actor)
      select tenant, c.product_id, c.warehouse_id, c.last_recorded_at, nextval('openstock_core.ledger_entry_id'), c.n, reserve_lines_directly.op_id, 'RESERVE', c.qty,
             c.on_hand, c.blocked, c.reserved, reserve_lines_directly.order_ref, line_ids[c.n], until, who
      from (select * from changed order by n) as c
    )
    select array_agg(row(reserve_lines_directly.order_ref, c.n, plain.skus[c.n], plain.warehouses[c.n], 'reserved', c.qty, c.qty, 0, 0, 0, until,
                         c.on_hand, c.blocked, c.reserved, c.available, null, null, false)::openstock.reservation_change order by c.n)
    into answer
    from changed as c;
  exception when sqlstate 'OS901' then
    -- The locks are given up: whoever looks elsewhere now locks levels in order.
    return null;
  end;
  return answer;
end
$$;

revoke all on function openstock_core.reserve_lines_directly from public;
grant execute on function openstock_core.reserve_lines_directly to openstock_api;
comment on function openstock_core.reserve_lines_directly is
  'Promises lines of a product and a quantity each to a new order from the first warehouse by priority, or from the one that is named, held for so many seconds, or '
  'without end; returns what reserve answers. Null where any is anything else, or not there, or names a product again, and then nothing is promised.';

reset role;

-- sql/functions/openstock/reserve.sql
-- Promises stock to an order. Writes: operation, event, reservation, reservation_line, backorder, backlog, ledger (RESERVE, BACKORDER,
-- ALLOCATE), stock_level, stock_bin, allocation, for a sales channel channel_quota, and, where something is due, what book_due writes.
-- Locks: operation, order, stock_level by (product, warehouse); where stock is short and may wait, backlog by product_id; where something
-- is due, or lines ask for certain units, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.reserve(
  op_id text, order_ref text, lines jsonb,
  warehouse text default null, on_shortage text default 'reject', ttl interval default null, priority integer default null,
  promised_at timestamptz default null, metadata jsonb default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object(
    'order_ref', order_ref, 'lines', lines, 'warehouse', warehouse, 'on_shortage', on_shortage, 'ttl', extract(epoch from ttl),
    'priority', priority, 'promised_at', promised_at at time zone 'UTC', 'metadata', metadata::text,
    'strategy', strategy, 'destination', destination, 'channel', channel);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'reserve', arguments);
  order_id bigint;
  wanted openstock_core.order_line[];
  sourcing openstock_core.sourcing;
  stock openstock_core.found_stock;
  seconds double precision;
  promised openstock.reservation_change[];
  change openstock.reservation_change;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    if on_shortage is distinct from 'reject' then
      perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'backorder', 'error']);
    end if;
    if ttl is not null then
      seconds := openstock_core.check_ttl(ttl);
    end if;
    if strategy = 'priority' and num_nonnulls(destination, channel, priority, promised_at, metadata) = 0 then
      promised := coalesce(openstock_core.reserve_line_directly(acting, op_id, order_ref, lines, warehouse, seconds),
                           openstock_core.reserve_lines_directly(acting, op_id, order_ref, lines, warehouse, seconds));
      if promised is not null then
        perform openstock_core.finish_operation(acting, op_id, to_jsonb(promised));
        foreach change in array promised loop
          return next change;
        end loop;
        return;
      end if;
    end if;
    sourcing := openstock_core.read_sourcing(strategy, destination);
    perform openstock_core.check_completeness(strategy, on_shortage);
    if channel is not null then
      sourcing := openstock_core.for_channel(acting, sourcing, channel);
    end if;
    if promised_at is not null or metadata is not null then
      perform openstock_core.check_order_details(promised_at, metadata);
    end if;
    perform openstock_core.check_lines(lines, openstock_core.order_line_keys(), 1000, 'line');
    wanted := openstock_core.read_order_lines(acting, lines, openstock_core.check_text('warehouse', 'code', warehouse));
    order_id := openstock_core.lock_order(acting, order_ref, true);
    wanted := openstock_core.number_lines(acting, order_id, order_ref, wanted);

    stock := openstock_core.find_stock(acting, op_id, wanted, sourcing, on_shortage = 'backorder');
    answer := openstock_core.promise_or_refuse(acting, op_id, order_id, order_ref, wanted, stock, on_shortage, seconds, null, null, sourcing);
    if num_nonnulls(priority, promised_at, metadata) > 0 and answer -> 0 ->> 'outcome' in ('reserved', 'backordered') then
      perform openstock_core.set_order_details(acting, order_id, priority, promised_at, metadata);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.reserve from public;
grant execute on function openstock.reserve to openstock_app;
comment on function openstock.reserve is
  'Promises stock to an order. lines: sku, qty (positive), and optionally line (its number in the order), warehouse, and '
  'what its units have to be: location (with a warehouse), lot, min_days_left (days before the last day of the lot; the same day is 0), serials (the very pieces; qty may then be left out). Such units are pinned to bins in '
  'the same step, and do not wait for stock; a kit is promised as its components (see put_kits), whole kits only, and does not wait either; '
  'without a warehouse, active warehouses are asked by strategy, and one line may be split over several. On an open order it adds lines. '
  'strategy: priority (the warehouses'' own), most_stock, nearest (to the destination), least_cost (of shipping to the destination''s zone, once per warehouse '
  'that sends), fewest_splits (as few warehouses as can be found) or ship_complete (one warehouse sends all, or nothing is promised; only with reject or error). '
  'destination: an object with latitude and longitude (degrees), and zone. '
  'channel: the sales channel that the order came through; what is kept for it (put_quotas) is used first, and the safety stock last if it may use it. '
  'ttl: the promise is a hold that ends after this time unless it is confirmed or extended (a day is 24 hours; no months or years; at most ten years). '
  'on_shortage: reject (outcome rejected, nothing is promised), error (OS201), partial (what there is; the rest of a line is a row with outcome short) or '
  'backorder (the rest waits, a row with outcome backordered, if the policy of each product lets it; otherwise as reject). Rows of what is short '
  'say what each warehouse could promise (offers). priority (higher is served first), promised_at and metadata belong to the order: what is given '
  'replaces what was, metadata key by key. Returns one row per line and warehouse. '
  'Errors: 22023, OS010, OS101 to OS105, OS107, OS108, OS110 to OS112, OS116, OS117, OS201, OS302, OS304; 40001 also at '
  'READ COMMITTED, where a stock level came into being meanwhile that is in use or has something due.';

reset role;

-- sql/functions/openstock/reserve_now.sql
-- Promises stock to an order as reserve does, for a product that all want at once: the promise is committed, which lets the next one in, before the
-- disk has it, and answered after. Writes and locks: as reserve, which is told by app.hot_sku to queue for the level.
-- Two transactions: the first does not wait for the disk when it commits; the second only writes a message to the log, and waits. The log is flushed
-- in order, so that what is answered is on disk. With invoker's rights and without SET, since PostgreSQL lets no other procedure commit.
set local role openstock_api;

create or replace procedure openstock.reserve_now(
  op_id text, order_ref text, lines jsonb,
  warehouse text default null, on_shortage text default 'reject', ttl interval default null, priority integer default null,
  promised_at timestamptz default null, metadata jsonb default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, inout answer jsonb default null, tenant uuid default null)
language plpgsql
as $$
declare
  -- A session that never waits would not wait here either.
  waits constant pg_catalog.text := case when pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off' then 'on'
                                         else pg_catalog.current_setting('synchronous_commit') end;
begin
  perform pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.set_config('app.hot_sku', 'on', true);
  answer := (
    select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r)) from openstock.reserve(
      op_id => reserve_now.op_id, order_ref => reserve_now.order_ref, lines => reserve_now.lines, warehouse => reserve_now.warehouse,
      on_shortage => reserve_now.on_shortage, ttl => reserve_now.ttl, priority => reserve_now.priority, promised_at => reserve_now.promised_at,
      metadata => reserve_now.metadata, strategy => reserve_now.strategy, destination => reserve_now.destination,
      channel => reserve_now.channel, tenant => reserve_now.tenant) as r);
  commit;
  perform pg_catalog.set_config('synchronous_commit', waits, true);
  perform pg_catalog.pg_logical_emit_message(true, 'openstock', '');
  commit;
end
$$;

revoke all on procedure openstock.reserve_now from public;
grant execute on procedure openstock.reserve_now to openstock_app;
comment on procedure openstock.reserve_now is
  'Promises stock to an order as reserve does, with the same arguments and errors, for products that all want at once (a promotion, a ticket sale): '
  'others are let at the stock before the promise is on disk, and the caller is answered when it is. answer: an array with an object for each row that '
  'reserve would return. A transaction of its own: it cannot be called within one, nor from a function. After a crash nothing that was answered is lost; what others '
  'read meanwhile may be. Errors: those of reserve; 2D000 (PostgreSQL''s own: invalid transaction termination) within a transaction.';

reset role;

-- sql/functions/openstock/quote.sql
-- Says what reserve would do now, and why. Writes nothing, locks nothing. Reads: product, warehouse, stock_level, for a sales channel
-- channel and channel_quota, where lots or holds have ended that is not booked, stock_bin, lot, reservation_line, and for lines that ask for
-- certain units what plan_pins reads.
set local role openstock_api;

create or replace function openstock.quote(
  lines jsonb, warehouse text default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, tenant uuid default null)
returns setof openstock.quoted_source
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  sourcing constant openstock_core.sourcing := openstock_core.for_channel(acting, openstock_core.read_sourcing(strategy, destination), channel);
  wanted openstock_core.order_line[];
  candidates openstock_core.candidate[];
  planned record;
  at constant timestamptz := openstock.server_time();
  any_ended boolean;
begin
  perform openstock_core.check_lines(lines, openstock_core.order_line_keys(), 1000, 'line');
  wanted := openstock_core.number_lines(acting, null, null,
    openstock_core.read_order_lines(acting, lines, openstock_core.check_text('warehouse', 'code', warehouse)));
  candidates := openstock_core.find_candidates(acting, wanted, array(
    select row(u.product_id, w.warehouse_id)::openstock_core.level_key
    from (select distinct u.product_id from unnest(wanted) as u) as u
    cross join openstock_core.warehouse w
    where w.tenant_id = acting), sourcing, null, at, false);
  any_ended := exists (
    select from (select distinct u.product_id from unnest(wanted) as u) as u
    join openstock_core.stock_level l on l.tenant_id = acting and l.product_id = u.product_id and l.next_expiry_at <= at);
  planned := openstock_core.plan_stock(acting, wanted, candidates, null, at, any_ended);
  return query
  with part as materialized (
    select p.line, p.product_id, p.warehouse_id, p.qty from unnest(planned.parts) as p
  ), candidate as materialized (
    select c.* from unnest(candidates) as c
  ), such as materialized (
    select b.n, b.warehouse_id, sum(case when b.pieces is null then b.free - coalesce(c.qty, 0) else least(b.free - coalesce(c.qty, 0), (
             select count(*) from unnest(b.pieces) as s where s <> all (coalesce(c.serial_ids, '{}')))) end) as units
    from openstock_core.certain_bins(acting, wanted, at, any_ended) as b
    left join (
      select p.bin_id, sum(p.qty) as qty, array(select s from unnest(planned.claimed) as k cross join lateral unnest(k.serial_ids) as s) as serial_ids
      from unnest(planned.claimed) as p group by 1) as c on c.bin_id = b.bin_id
    group by 1, 2
  ), line as materialized (
    select u.n, u.line, u.sku, u.product_id, u.warehouse_id, u.qty, u.kit_id, trim_scale(u.qty - coalesce(p.qty, 0)) as qty_short,
           num_nonnulls(u.location_id, u.lot_id, u.min_days_left, u.serial_ids) > 0 as certain
    from rows from (unnest(wanted)) with ordinality as u (line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    left join (select p.line, p.product_id, sum(p.qty) as qty from part p group by 1, 2) as p on p.line = u.line and p.product_id = u.product_id
  )
  select u.line, u.sku, c.code, case when p.qty > 0 then 'chosen' else 'rejected' end,
         case when p.qty > 0 then null
              when c.code is null then 'no_warehouse'
              when not c.active then 'inactive'
              when c.available = 0 then 'no_stock'
              when a.units = 0 then 'no_such_units'
              when (sourcing.strategy = 'ship_complete' or u.kit_id is not null) and u.qty_short > 0 then 'incomplete'
              when u.qty_short > 0 then 'used_by_other_lines'
              else 'not_needed' end,
         u.qty, coalesce(p.qty, 0), u.qty_short, trim_scale(a.units), c.distance_km, c.shipping_cost, c.place::integer, k.sku::text
  from line u
  left join candidate c on c.product_id = u.product_id and c.warehouse_id = coalesce(u.warehouse_id, c.warehouse_id)
  left join part p on p.line = u.line and p.product_id = c.product_id and p.warehouse_id = c.warehouse_id
  left join such s on s.n = u.n and s.warehouse_id = c.warehouse_id
  cross join lateral (select case when not c.active then 0 when c.active and u.certain then least(c.available, coalesce(s.units, 0)) else c.available end as units) as a
  left join openstock_core.product k on k.tenant_id = acting and k.product_id = u.kit_id
  order by u.line, u.sku, p.qty is null, c.place nulls last, c.priority, c.code;
end
$$;

revoke all on function openstock.quote from public;
grant execute on function openstock.quote to openstock_app, openstock_analyst;
comment on function openstock.quote is
  'What reserve would promise for these lines now, and why: the same arguments, the same choice. Per line one row for each warehouse that could be asked, those that '
  'are chosen first. Promises nothing: what it says may be gone a moment later. Errors: 22023, OS101 to OS105, OS107, OS108, OS110 to OS112, OS116, OS117.';

reset role;

-- sql/functions/openstock/release.sql
-- Gives promised stock back. Writes: operation, event, and what give_back writes. Locks: operation, and what give_back locks.
set local role openstock_api;

create or replace function openstock.release(
  op_id text, order_ref text, lines jsonb default null, reason text default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'release', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number"}', 1000, 'line and warehouse');
    end if;
    answer := openstock_core.give_back(acting, op_id, order_ref, lines, reason, 'released');
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.release from public;
grant execute on function openstock.release to openstock_app;
comment on function openstock.release is
  'Gives an order''s promised stock back: all of it, or lines: each names a line or a sku (and a warehouse), with qty or all that is reserved. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'What waits for stock goes first, the youngest before the older; pinned units go last and are de-allocated. Returns one row per line and warehouse. Errors: 22023, OS010, OS110, OS301, OS302, OS303, OS305.';

reset role;

-- sql/functions/openstock/cancel.sql
-- Gives back all of an order that has not gone. Writes: operation, event, and what give_back writes. Locks: operation, and what give_back
-- locks.
set local role openstock_api;

create or replace function openstock.cancel(op_id text, order_ref text, reason text default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'cancel', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    answer := openstock_core.give_back(acting, op_id, order_ref, null, coalesce(reason, 'cancelled'), 'cancelled');
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.cancel from public;
grant execute on function openstock.cancel to openstock_app;
comment on function openstock.cancel is
  'Gives back all that an order has promised and that has not been shipped, and de-allocates it; what was shipped stays shipped. '
  'Returns one row per line and warehouse. Errors: 22023, OS010, OS301, OS302, OS305.';

reset role;

-- sql/functions/openstock_core/read_amendment.sql
-- Compares what an order's lines are to be with what they are. The order is locked. Reads: reservation_line, backorder, product, warehouse,
-- location, lot, and what split_kit_entries reads.
set local role openstock_owner;

create or replace function openstock_core.read_amendment(
  tenant uuid, order_id bigint, order_ref text, lines jsonb, at timestamptz, out more jsonb, out places integer[], out less jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  split constant record := openstock_core.split_kit_entries(tenant, order_ref, array(
    select p.line from openstock_core.parts_of_order(tenant, order_id) as p
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    where l.shipped > 0 or (p.open > 0 and (p.expires_at is null or p.expires_at > read_amendment.at))), 'zero', lines);
  bad record;
begin
  with part as materialized (
    select p.line, p.product_id, p.warehouse_id, case when p.expires_at <= read_amendment.at then 0 else p.open end as open,
           coalesce(l.shipped, 0) as shipped, l.location_id, l.lot_id, l.min_days_left, l.serial_ids is not null as of_pieces
    from openstock_core.parts_of_order(tenant, order_id) as p
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
  ), present as materialized (
    select p.line, s.sku::text as sku, s.decimals, s.is_kit, p.open, p.shipped, p.of_pieces, p.min_days_left, w.code::text as warehouse, c.code::text as location, t.code::text as lot
    from (select p.line, p.product_id, sum(p.open) as open, sum(p.shipped) as shipped, max(p.location_id) as location_id, max(p.lot_id) as lot_id,
                 max(p.min_days_left) as min_days_left, max(p.warehouse_id) filter (where p.location_id is not null) as warehouse_id, bool_or(p.of_pieces) as of_pieces
          from part p group by p.line, p.product_id) as p
    join openstock_core.product s on s.tenant_id = tenant and s.product_id = p.product_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = p.warehouse_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = p.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = p.lot_id
  ), given as materialized (
    select g.n, coalesce(g.place, g.n)::integer as place, g.line, normalize(btrim(g.sku)) as sku, trim_scale(g.qty) as qty, g.warehouse, g.kit_id, g.kit_qty
    from rows from (jsonb_to_recordset(split.lines) as (
      line integer, sku text, qty numeric, warehouse text, kit_id bigint, kit_qty numeric, place bigint))
      with ordinality as g (line, sku, qty, warehouse, kit_id, kit_qty, place, n)
  ), matched as materialized (
    select g.n, g.place, g.kit_id, g.kit_qty, g.qty, g.qty - coalesce(p.open + p.shipped, 0) as delta, g.warehouse as from_warehouse, g.line as asked_line, g.sku as asked_sku, p.*, count(p.line) over (partition by g.n) as lines,
           count(*) over (partition by p.line, p.sku) as named
    from given g
    left join present p on (p.line = g.line and (p.sku = g.sku or p.line <> all (split.kit_lines)))
      or (g.line is null and p.sku = g.sku and p.open + p.shipped > 0 and p.line <> all (split.kit_lines))
  ), problem as (
    select m.place as n, case
      when m.asked_line is null and m.asked_sku is null then
        '{"code": "22023", "argument": "lines", "problem": "must name a line or a sku"}'::jsonb
      when m.line is null and m.asked_sku is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has no such line: name a sku to add it', 'order_ref', order_ref)
      when m.is_kit and m.delta > 0 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'has become a kit: name it without the line', 'sku', m.sku)
      when m.of_pieces and m.delta > 0 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'qty', 'problem', 'the line asks for certain pieces: reserve more of them as another line', 'sku', m.sku)
      when m.lines > 1 then jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has several such lines: name one')
      when m.asked_sku <> m.sku then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'the line is of another product', 'sku', m.sku)
      when m.line is not null and m.named > 1 then
        '{"code": "22023", "argument": "lines", "problem": "names what another entry names too"}'::jsonb
      when openstock_core.quantity_problem(m.qty, coalesce(m.decimals, 6), 'zero') is not null then
        jsonb_build_object('code', 'OS110', 'sku', coalesce(m.sku, m.asked_sku), 'problem', openstock_core.quantity_problem(m.qty, coalesce(m.decimals, 6), 'zero'))
      when m.qty < m.shipped then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'asked', trim_scale(m.qty / coalesce(m.kit_qty, 1)),
                           'shipped', case when m.kit_qty is null then trim_scale(m.shipped) else ceil(m.shipped / m.kit_qty) end)
      when max(m.delta) over k > 0 and min(m.delta / m.kit_qty) over k < max(m.delta / m.kit_qty) over k then
        '{"code": "22023", "argument": "lines", "problem": "its components no longer make up whole kits: name each of them, with the line"}'::jsonb
      end as what
    from matched m
    window k as (partition by m.place, m.kit_id)
  )
  select f.n, f.what,
         (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'line', coalesce(c.line, c.asked_line), 'sku', coalesce(c.sku, c.asked_sku), 'qty', c.delta,
            'warehouse', coalesce(c.from_warehouse, c.warehouse), 'location', c.location, 'lot', c.lot, 'min_days_left', c.min_days_left,
            'kit_id', c.kit_id, 'kit_qty', c.kit_qty)) order by c.n)
          from matched c where c.delta > 0) as more,
         (select array_agg(c.place order by c.n) from matched c where c.delta > 0) as places,
         (select jsonb_agg(jsonb_build_object('line', c.line, 'sku', c.sku, 'qty', -c.delta) order by c.n) from matched c where c.delta < 0) as less
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;
  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  more := bad.more;
  places := bad.places;
  less := bad.less;
end
$$;

revoke all on function openstock_core.read_amendment from public;
grant execute on function openstock_core.read_amendment to openstock_api;
comment on function openstock_core.read_amendment is
  'Lines for reserve with what is wanted more, and their places in the call, and lines for release with what is wanted less; null where there is none. '
  'Errors: 22023, OS110, OS303, each with the entry''s place.';

reset role;

-- sql/functions/openstock_core/find_giving.sql
-- Says what has to be locked so that an order can give units back and get others in one step. The order is locked, so that only the end of its
-- holds can change what it has. Reads: reservation_line, backorder, allocation.
set local role openstock_owner;

create or replace function openstock_core.find_giving(
  tenant uuid, order_id bigint, taken openstock_core.taken_line[], channel_id bigint, at timestamptz)
returns openstock_core.giving
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return row(
    array(select row(l.product_id, l.warehouse_id)::openstock_core.level_key from openstock_core.reservation_line l
          where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0),
    array(select t.product_id from unnest(taken) as t where t.backorder_id is not null),
    array(select distinct a.bin_id from unnest(taken) as t
          join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id),
    array(select l.reservation_line_id from openstock_core.reservation_line l
          where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and l.expires_at <= find_giving.at),
    array(select row(null, t.product_id, t.warehouse_id, null,
                     openstock_core.units_freed(tenant, l.channel_id, l.quota_used, t.qty, find_giving.channel_id), null)::openstock_core.pick
          from unnest(taken) as t
          join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = t.reservation_line_id),
    taken)::openstock_core.giving;
end
$$;

revoke all on function openstock_core.find_giving from public;
grant execute on function openstock_core.find_giving to openstock_api;
comment on function openstock_core.find_giving is 'The levels, backlogs and bins of what the order gives back, the holds of it that have ended, and the units that come free for this channel.';

reset role;

-- sql/functions/openstock_core/check_still_open.sql
-- Locks lines that an order is about to change, and makes sure that they are what they were before the levels and backlogs were locked: until then a hold may
-- have ended and been booked. Locks: reservation_line by id, backorder by id; the order, levels and backlogs are locked.
set local role openstock_owner;

create or replace function openstock_core.check_still_open(tenant uuid, taken openstock_core.taken_line[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform from openstock_core.reservation_line l
  where l.tenant_id = tenant and l.reservation_line_id in (select t.reservation_line_id from unnest(taken) as t)
  order by l.reservation_line_id
  for no key update;
  perform from openstock_core.backorder b
  where b.tenant_id = tenant and b.backorder_id in (select t.backorder_id from unnest(taken) as t)
  order by b.backorder_id
  for no key update;
  if exists (
    select from unnest(taken) as t
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = t.reservation_line_id
    left join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = t.backorder_id
    where t.reserved <> coalesce(l.reserved, b.backordered))
  then
    perform openstock_core.fail('40001', '{"problem": "a hold of the order ended meanwhile"}');
  end if;
end
$$;

revoke all on function openstock_core.check_still_open from public;
grant execute on function openstock_core.check_still_open to openstock_api;
comment on function openstock_core.check_still_open is 'Errors: 40001 where one of these lines and backorders has not what it had.';

reset role;

-- sql/functions/openstock_core/amend_order.sql
-- Gives back what an order's lines are to have less, and promises what they are to have more. All stock is found before anything is given back, so that
-- each kind of lock is taken in one pass; what the order frees itself counts as found.
-- Writes: what release_units and promise_or_refuse write, and what book_due writes. Locks: order, and what find_stock locks; then reservation_line and
-- backorder of the order by id, which nobody waits for: they change only under its lock, or under that of their level or backlog.
set local role openstock_owner;

create or replace function openstock_core.amend_order(
  tenant uuid, op_id text, order_ref text, lines jsonb, on_shortage text, reason text, sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  order_id constant bigint := openstock_core.lock_known_order(tenant, order_ref);
  arrived_at constant timestamptz := openstock.server_time();
  wish record;
  until timestamptz;
  ends jsonb;
  common_channel_id bigint;
  alive openstock_core.open_line[];
  taken openstock_core.taken_line[] := array[]::openstock_core.taken_line[];
  wanted openstock_core.order_line[] := array[]::openstock_core.order_line[];
  stock openstock_core.found_stock;
  entries openstock_core.posted[];
  answer jsonb := '[]'::jsonb;
  gained jsonb;
begin
  select array_agg(row(p.reservation_line_id, p.backorder_id, p.line, p.product_id, p.warehouse_id, p.open)::openstock_core.open_line),
         case when bool_and(p.expires_at is not null) then max(p.expires_at) end,
         -- The parts of a line end together: what of it waits would else be filled into one that is a hold.
         jsonb_object_agg(p.line, p.expires_at)
  into alive, until, ends
  from openstock_core.parts_of_order(tenant, order_id) as p
  where p.open > 0 and (p.expires_at is null or p.expires_at > arrived_at);
  if alive is null then
    perform openstock_core.fail_nothing_open(tenant, order_id, order_ref);
  end if;
  select a.more, a.places, a.less into wish from openstock_core.read_amendment(tenant, order_id, order_ref, lines, arrived_at) as a;
  if wish.less is not null then
    taken := openstock_core.match_order_lines(tenant, order_ref, alive, wish.less);
  end if;
  if wish.more is not null then
    -- What is new comes through the channel of the order's lines, if they have one in common: those that grow count too if nothing of them is open,
    -- since they keep their channel, and would be promised what is kept for another.
    select case when count(distinct coalesce(p.channel_id, 0)) = 1 then min(p.channel_id) end into common_channel_id
    from openstock_core.parts_of_order(tenant, order_id) as p
    where p.open > 0 and (p.expires_at is null or p.expires_at > arrived_at)
      or p.line in (select (m ->> 'line')::integer from jsonb_array_elements(wish.more) as m);
    sourcing := openstock_core.for_channel(tenant, sourcing, (
      select c.code from openstock_core.channel c where c.tenant_id = tenant and c.channel_id = common_channel_id));
    wanted := openstock_core.number_new_lines(tenant, order_id, openstock_core.read_order_lines(tenant, wish.more, null, wish.places));
  elsif wish.less is null then
    return answer;
  end if;

  stock := openstock_core.find_stock(tenant, op_id, wanted, sourcing, on_shortage = 'backorder',
                                     openstock_core.find_giving(tenant, order_id, taken, sourcing.channel_id, arrived_at));
  -- Of lines that are to have more, too: booked as ended, they would grow from nothing.
  perform openstock_core.check_still_open(tenant, taken || array(
    select row(p.reservation_line_id, p.line, p.product_id, p.warehouse_id, 0, p.units, p.backorder_id, null)::openstock_core.taken_line
    from unnest(alive) as p where p.line in (select u.line from unnest(wanted) as u)));
  begin
    if cardinality(taken) > 0 then
      entries := array(select p from openstock_core.release_units(tenant, op_id, order_ref, taken, reason) as p);
      -- A statement of its own: within the one above, the lines would still be what they were before.
      answer := openstock_core.reservation_answer(tenant, 'released', entries);
    end if;
    if cardinality(wanted) > 0 then
      gained := openstock_core.promise_or_refuse(tenant, op_id, order_id, order_ref, wanted, stock, on_shortage, null, until, ends, sourcing);
      if gained -> 0 ->> 'outcome' = 'rejected' then
        perform openstock_core.fail('OS901', '{"problem": "what is wanted more is short"}');
      end if;
      answer := answer || gained;
    end if;
  exception when sqlstate 'OS901' then
    answer := gained;
  end;
  return answer;
end
$$;

revoke all on function openstock_core.amend_order from public;
grant execute on function openstock_core.amend_order to openstock_api;
comment on function openstock_core.amend_order is
  'Amends an order and returns the answer, an array of openstock.reservation_change. Errors: those of openstock.amend.';

reset role;

-- sql/functions/openstock/amend.sql
-- Changes what an order's lines are to be, in one step: what is wanted less is given back, what is wanted more is promised, also of what the order gives
-- back itself. Writes: operation, event, and what release_units and promise_or_refuse write, and what book_due writes.
-- Locks: operation, order, and what find_stock locks: stock_level by (product, warehouse), backlog by product_id, backorder by id, reservation_line by id,
-- stock_bin by bin_id. The order's own lines and backorders change only under its lock, or under that of their level or backlog, which are held too.
set local role openstock_api;

create or replace function openstock.amend(
  op_id text, order_ref text, lines jsonb, on_shortage text default 'reject', reason text default null, strategy text default 'priority',
  destination jsonb default null, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object(
    'order_ref', order_ref, 'lines', lines, 'on_shortage', on_shortage, 'reason', reason, 'strategy', strategy, 'destination', destination);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'amend', arguments);
  sourcing openstock_core.sourcing;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'backorder', 'error']);
    perform openstock_core.check_call(null, null, reason, null);
    sourcing := openstock_core.read_sourcing(strategy, destination);
    perform openstock_core.check_completeness(strategy, on_shortage);
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number!"}', 1000, 'line');
    answer := openstock_core.amend_order(acting, op_id, order_ref, lines, on_shortage, reason, sourcing);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.amend from public;
grant execute on function openstock.amend to openstock_app;
comment on function openstock.amend is
  'Changes what an order''s lines are to be, all of them in one step. lines: qty, what is wanted of the line in all, with what was shipped of it (0: no more than that), and '
  'line, or the sku of the order''s only line of this product; a sku that the order has no line of is a new line. Of a line of kits, qty counts kits, or with the line the units of a component. What is wanted less is given back: what waits first, then what is not pinned, then pins; '
  'what is wanted more is promised, from the warehouse that the entry names or by strategy (see reserve), also of what other lines give back. on_shortage as in reserve: with reject and error, an order that '
  'cannot have all stays as it was. Lines keep their end, which more of them has too; a new line ends when the order''s last hold does, or not at all if it has any promise without end. '
  'What is new comes through the sales channel of the order''s lines, if they have one in common. '
  'Returns rows released, reserved and so on, one per line and warehouse; none where nothing changes. '
  'Errors: 22023, OS010, OS101 to OS104, OS110, OS117, OS201, OS301, OS302, OS303 (less than was shipped), OS305; 40001 also at READ COMMITTED, as reserve, and where a hold ends meanwhile.';

reset role;

-- sql/functions/openstock_core/ended_holds.sql
-- What of an order has ended, as rows of an answer. Reads: reservation, reservation_line, reservation_kit, backorder, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.ended_holds(tenant uuid, order_id bigint, at timestamptz) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', e.line, 'sku', p.sku, 'warehouse', w.code, 'outcome', 'expired',
      'qty_ordered', e.ordered, 'qty_reserved', 0, 'qty_backordered', 0, 'qty_short', 0, 'qty_released', e.units, 'expires_at', e.expires_at,
      'kit', k.sku, 'replayed', false) order by e.line, e.backorder_id nulls first, e.reservation_line_id), '[]')
    from (
      select s.*, trim_scale(s.expired + case when s.expires_at <= at then s.open else 0 end) as units
      from openstock_core.parts_of_order(tenant, order_id) as s) as e
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = order_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    left join openstock_core.reservation_kit c
      on c.tenant_id = tenant and c.reservation_id = order_id and c.line = e.line and c.product_id = e.product_id
    left join openstock_core.product k on k.tenant_id = tenant and k.product_id = c.kit_id
    where e.units > 0);
end
$$;

revoke all on function openstock_core.ended_holds from public;
grant execute on function openstock_core.ended_holds to openstock_api;
comment on function openstock_core.ended_holds is
  'Rows of openstock.reservation_change with outcome expired for the order''s units whose hold has ended by this moment, booked or not.';

reset role;

-- sql/functions/openstock_core/lock_holds.sql
-- Locks an order's holds that have not ended. The order is locked. Locks: backorder by id, reservation_line by id.
-- The moment is the call's arrival: a call that came in time and had to wait for locks is not late. That is safe as long as the end is
-- not booked: until then nobody was promised the units.
set local role openstock_owner;

create or replace function openstock_core.lock_holds(
  tenant uuid, order_id bigint, order_ref text, arrival timestamptz, out line_ids bigint[], out backorder_ids bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  backorder_ids := array(
    select b.backorder_id
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.reservation_id = order_id and b.backordered > 0 and b.expires_at > arrival
    order by b.backorder_id
    for no key update);
  line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = order_id and l.reserved > 0 and l.expires_at > arrival
    order by l.reservation_line_id
    for no key update);
  if cardinality(line_ids) = 0 and cardinality(backorder_ids) = 0 then
    if not exists (select from openstock_core.parts_of_order(tenant, order_id) as p where p.open > 0 and p.expires_at is null) then
      perform openstock_core.fail_nothing_open(tenant, order_id, order_ref);
    end if;
    perform openstock_core.fail('OS306', jsonb_build_object('order_ref', order_ref, 'expired', openstock_core.ended_holds(tenant, order_id, arrival)));
  end if;
end
$$;

revoke all on function openstock_core.lock_holds from public;
grant execute on function openstock_core.lock_holds to openstock_api;
comment on function openstock_core.lock_holds is
  'The order''s lines and backorders that are held at this moment, locked. Errors: those of fail_nothing_open, OS306 where what is promised is held '
  'without end.';

reset role;

-- sql/functions/openstock_core/move_lines.sql
-- Makes lines of one order lines of another, which need not have any. Both orders, the lines and the backorders are locked.
-- Writes: reservation_line, backorder, reservation_kit, reservation. The parts of a line stay parts of one line.
set local role openstock_owner;

create or replace function openstock_core.move_lines(
  tenant uuid, order_id bigint, new_order_id bigint, new_order_ref text, line_ids bigint[], backorder_ids bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  old_lines constant integer[] := array(
    select distinct o.line from unnest(openstock_core.open_lines(tenant, line_ids, backorder_ids)) as o order by o.line);
  highest integer;
  kits boolean;
begin
  perform openstock_core.check_order_is_open(tenant, new_order_id, new_order_ref);
  select coalesce(max(p.line), 0) into highest from openstock_core.parts_of_order(tenant, new_order_id) as p;
  insert into openstock_core.reservation_kit (tenant_id, reservation_id, line, product_id, kit_id, qty)
  select distinct tenant, new_order_id, highest + array_position(old_lines, k.line), k.product_id, k.kit_id, k.qty
  from openstock_core.reservation_kit k
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_id = order_id and l.line = k.line and l.product_id = k.product_id
  where k.tenant_id = tenant and k.reservation_id = order_id and l.reservation_line_id = any (line_ids);
  kits := found;
  update openstock_core.reservation_line l
  set reservation_id = new_order_id, line = highest + array_position(old_lines, l.line)
  where l.tenant_id = tenant and l.reservation_line_id = any (line_ids);
  update openstock_core.backorder b
  set reservation_id = new_order_id, line = highest + array_position(old_lines, b.line)
  where b.tenant_id = tenant and b.backorder_id = any (backorder_ids);
  if kits then
    delete from openstock_core.reservation_kit k
    where k.tenant_id = tenant and k.reservation_id = order_id and not exists (
      select from openstock_core.reservation_line l
      where l.tenant_id = tenant and l.reservation_id = order_id and l.line = k.line and l.product_id = k.product_id);
  end if;

  update openstock_core.reservation r set became_id = new_order_id
  where r.tenant_id = tenant and r.reservation_id = order_id
    and not exists (select from openstock_core.parts_of_order(tenant, order_id) as p where p.open > 0 and p.expires_at is null);
  -- What the new order does not say of itself, the old one says.
  update openstock_core.reservation r
  set priority = case when r.priority = 0 then o.priority else r.priority end,
      promised_at = coalesce(r.promised_at, o.promised_at),
      metadata = o.metadata || r.metadata
  from openstock_core.reservation o
  where r.tenant_id = tenant and r.reservation_id = new_order_id and o.tenant_id = tenant and o.reservation_id = order_id;
end
$$;

revoke all on function openstock_core.move_lines from public;
grant execute on function openstock_core.move_lines to openstock_api;
comment on function openstock_core.move_lines is
  'Moves lines into another order, numbered after its highest line; the old order ends with it unless it has promises without end. Errors: OS302.';

reset role;

-- sql/functions/openstock_core/expire_holds.sql
-- Books holds that have ended. Writes: operation, event, and what book_due writes.
-- Locks: operation, stock_level, skipping those in use, or, where that leaves nothing to do, waiting by (product, warehouse) for those where a
-- hold ended long ago; backlog by product_id, backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.expire_holds(tenant uuid, op_id text, max_lines integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  arrival constant timestamptz := openstock.server_time();
  answer jsonb;
  ended record;
  locked openstock_core.level_key[];
  room integer;
  waiting bigint[];
  due openstock_core.due;
  entries openstock_core.posted[];
begin
  if max_lines is null or max_lines not between 1 and 10000 then
    perform openstock_core.fail('22023', '{"argument": "max_lines", "problem": "must be between 1 and 10000"}');
  end if;
  if op_id is null then
    if not exists (select from openstock_core.reservation_line l
                   where l.tenant_id = tenant and l.expires_at <= arrival and l.reserved > 0
                   union all
                   select from openstock_core.backorder b
                   where b.tenant_id = tenant and b.expires_at <= arrival and b.backordered > 0) then
      return '[]'::jsonb;
    end if;
    op_id := 'openstock.expire_reservations ' || gen_random_uuid();
  end if;
  answer := openstock_core.begin_operation(tenant, op_id, 'expire_reservations', jsonb_build_object('max_lines', max_lines));
  if answer is not null then
    return answer;
  end if;

  select array_agg(d.reservation_line_id) as line_ids,
         array_agg(distinct row(d.product_id, d.warehouse_id)::openstock_core.level_key) as levels,
         array_agg(distinct row(d.product_id, d.warehouse_id)::openstock_core.level_key)
           filter (where d.expires_at < arrival - interval '1 minute') as long_due
  into ended
  from (
    select l.reservation_line_id, l.product_id, l.warehouse_id, l.expires_at
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.expires_at <= arrival and l.reserved > 0
    order by l.expires_at, l.reservation_line_id
    limit max_lines) as d;
  room := max_lines - coalesce(cardinality(ended.line_ids), 0);
  waiting := array(
    select b.product_id from openstock_core.backorder b
    where b.tenant_id = tenant and b.expires_at <= arrival and b.backordered > 0
    order by b.expires_at, b.backorder_id
    limit room);
  locked := array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from unnest(ended.levels) as k
    join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
    for no key update of l skip locked);
  -- Where there is nothing else to do, those where a hold ended long ago are waited for: none is passed over for ever.
  if cardinality(locked) = 0 and cardinality(waiting) = 0 and ended.long_due is not null then
    locked := ended.long_due;
  end if;

  due := openstock_core.lock_backlogs(tenant, waiting, openstock_core.lock_levels(tenant, locked, false), room);
  due := openstock_core.lock_due_holds(tenant, due, array(
    select l.reservation_line_id
    from unnest(locked) as k
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
    where l.reservation_line_id = any (ended.line_ids)), false);
  perform openstock_core.lock_bins(tenant, due.bin_ids);
  entries := array(select b from openstock_core.book_due(tenant, op_id, due) as b);
  -- A statement of its own: within the one above, the lines would still be what they were before.
  answer := openstock_core.reservation_answer(tenant, 'expired', entries);
  perform openstock_core.finish_operation(tenant, op_id, answer);
  return answer;
end
$$;

revoke all on function openstock_core.expire_holds from public;
grant execute on function openstock_core.expire_holds to openstock_api;
comment on function openstock_core.expire_holds is
  'Books holds that have ended and returns the answer, an array of openstock.reservation_change. Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock/extend.sql
-- Prolongs an order's holds. Writes: operation, event, ledger (EXTEND), reservation_line, backorder.
-- Locks: operation, order, backorder by id, reservation_line by id; no level: a later end takes nothing from anybody, and a busy product need not wait for it.
set local role openstock_api;

create or replace function openstock.extend(op_id text, order_ref text, ttl interval, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'ttl', extract(epoch from ttl));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'extend', arguments);
  arrival constant timestamptz := openstock.server_time();
  seconds double precision;
  order_id bigint;
  held record;
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    seconds := openstock_core.check_ttl(ttl);
    if seconds is null then
      perform openstock_core.fail('22023', '{"argument": "ttl", "problem": "missing"}');
    end if;
    order_id := openstock_core.lock_known_order(acting, order_ref);
    select h.line_ids, h.backorder_ids into held from openstock_core.lock_holds(acting, order_id, order_ref, arrival) as h;

    entries := array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'EXTEND', l.product_id, l.warehouse_id, null, 0, 0, 0, 0, l.reservation_line_id, order_ref, null, null,
                   greatest(l.expires_at, arrival + make_interval(secs => seconds)), null, null, null, null)::openstock_core.movement
        from openstock_core.reservation_line l
        where l.tenant_id = acting and l.reservation_line_id = any (held.line_ids)
        order by l.line, l.reservation_line_id)
        || openstock_core.backorder_movements(acting, 'EXTEND', null, held.backorder_ids, null, null, arrival + make_interval(secs => seconds)),
        null, null, null) as p);
    -- A statement of its own: within the one above, the lines would still be what they were before.
    answer := openstock_core.reservation_answer(acting, 'extended', entries) || openstock_core.ended_holds(acting, order_id, arrival);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.extend from public;
grant execute on function openstock.extend to openstock_app;
comment on function openstock.extend is
  'Lets an order''s holds end this long from now (see reserve''s ttl), and none sooner than it would. Returns a row with outcome extended per line and '
  'warehouse that is held, and one with outcome expired where a hold of the order has ended already. The stock level is not touched: its balances are null. '
  'Errors: 22023, OS010, OS301, OS302, OS305 (all have ended), OS306.';

reset role;

-- sql/functions/openstock/confirm.sql
-- Turns an order's holds into promises without end, in another order if wanted. Writes: operation, event, reservation, reservation_line,
-- backorder, ledger (CONFIRM). Locks: operation, order (both, by order_ref), backorder by id, reservation_line by id; no level: the units
-- stay promised.
set local role openstock_api;

create or replace function openstock.confirm(
  op_id text, order_ref text, new_order_ref text default null, on_expired text default 'error', tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'new_order_ref', new_order_ref, 'on_expired', on_expired);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'confirm', arguments);
  arrival constant timestamptz := openstock.server_time();
  order_ids bigint[];
  held record;
  ended jsonb;
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    new_order_ref := nullif(openstock_core.check_text('new_order_ref', 'code', new_order_ref), order_ref);
    perform openstock_core.check_choice('on_expired', on_expired, array['error', 'skip']);
    order_ids := openstock_core.lock_orders(acting, order_ref, new_order_ref);
    select h.line_ids, h.backorder_ids into held from openstock_core.lock_holds(acting, order_ids[1], order_ref, arrival) as h;
    ended := openstock_core.ended_holds(acting, order_ids[1], arrival);
    if ended <> '[]' and on_expired is distinct from 'skip' then
      perform openstock_core.fail('OS305', jsonb_build_object('order_ref', order_ref, 'lines', ended));
    end if;
    if new_order_ref is not null then
      perform openstock_core.move_lines(acting, order_ids[1], order_ids[2], new_order_ref, held.line_ids, held.backorder_ids);
    end if;

    entries := array(
      select p from openstock_core.post(acting, op_id, array(
        select row(l.line, 'CONFIRM', l.product_id, l.warehouse_id, null, 0, 0, 0, 0, l.reservation_line_id,
                   coalesce(new_order_ref, order_ref), null, null, null, null, null, null, null)::openstock_core.movement
        from openstock_core.reservation_line l
        where l.tenant_id = acting and l.reservation_line_id = any (held.line_ids)
        order by l.line, l.reservation_line_id)
        || openstock_core.backorder_movements(acting, 'CONFIRM', null, held.backorder_ids, null, null, null), null, case when new_order_ref is not null then order_ref end, null) as p);
    answer := openstock_core.reservation_answer(acting, 'confirmed', entries);
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.reservation_change, answer);
end
$$;

revoke all on function openstock.confirm from public;
grant execute on function openstock.confirm to openstock_app;
comment on function openstock.confirm is
  'Makes an order''s holds promises without end; nothing is given back meanwhile, and what is pinned stays pinned; what waits for stock joins the queue. new_order_ref: they become lines of '
  'that order, which may be new or open, after its highest line and in the same order, and the old order_ref can no more be used; '
  'what that order does not say itself of priority, promised time and metadata, it takes over. '
  'on_expired: error (OS305 where any hold of the order has ended) or skip (confirms the others). Returns one row per line and warehouse; the stock level '
  'is not touched: its balances are null. Errors: 22023, OS010, OS301, OS302, OS305, OS306.';

reset role;

-- sql/functions/openstock/expire_reservations.sql
-- Books holds that have ended. Writes: operation, event, and what expire_holds writes. Locks: operation, and what expire_holds locks.
set local role openstock_api;

create or replace function openstock.expire_reservations(
  op_id text default null, max_lines integer default 1000, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
begin
  return query
  select * from jsonb_populate_recordset(null::openstock.reservation_change, openstock_core.expire_holds(acting, op_id, max_lines));
end
$$;

revoke all on function openstock.expire_reservations from public;
grant execute on function openstock.expire_reservations to openstock_app;
comment on function openstock.expire_reservations is
  'Books holds that have ended, those of up to this many lines (1 to 10,000), the longest ended first, and returns a row for each; lines whose stock level is '
  'in use are left for a later call, which waits for those that ended more than a minute ago if it finds nothing else to book. Promises and views are exact without it; it keeps the ledger up to date. '
  'Any number may run at once. No row: nothing was due, all was in use, or others have just booked it. op_id may be left out: then a call that finds nothing to do leaves no trace. '
  'Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock_core/queue_lock.sql
-- The key by which workers share out products whose queues are to be filled.
set local role openstock_owner;

create or replace function openstock_core.queue_lock(tenant uuid, product_id bigint) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock queue ' || tenant::text || ' ' || product_id::text, 0);

revoke all on function openstock_core.queue_lock from public;
grant execute on function openstock_core.queue_lock to openstock_api;
comment on function openstock_core.queue_lock is
  'The key of the advisory lock that says who fills the queue of a product; only tried, never waited for. Two products of the same key would only be filled '
  'one after the other.';

reset role;

-- sql/functions/openstock_core/lock_queue.sql
-- Locks the head of products' queues, without those that wait for other warehouses, or, where a moment is given, for what is kept for other
-- channels: so many of them would leave no room for who can be filled. The levels and backlogs are locked. Writes: reservation (changes: each order that may be filled shows
-- a trace, so that nobody overlooks the lines it gets). Locks: order, skipping those in use: they keep their place; backorder by id.
set local role openstock_owner;

create or replace function openstock_core.lock_queue(tenant uuid, levels openstock_core.level_key[], max_rows integer, at timestamptz) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  head constant bigint[] := array(
    with open as materialized (
      select l.product_id, l.warehouse_id, c.channel_id
      from unnest(levels) as k
      join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      cross join (select distinct b.channel_id, s.uses_safety_stock
                  from openstock_core.backorder b
                  left join openstock_core.channel s on s.tenant_id = tenant and s.channel_id = b.channel_id
                  where b.tenant_id = tenant and b.product_id = any (array(select k.product_id from unnest(levels) as k))
                    and b.backordered > 0 and b.expires_at is null) as c
      where l.next_expiry_at <= lock_queue.at or l.available > 0 or l.available + case when c.channel_id is null then 0 else
        openstock_core.units_kept(tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) end > 0
    )
    select b.backorder_id
    from openstock_core.backorder b
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    where b.tenant_id = tenant and b.product_id = any (array(select k.product_id from unnest(levels) as k))
      and b.backordered > 0 and b.expires_at is null
      and (b.warehouse_id is null
           or (b.product_id, b.warehouse_id) in (select k.product_id, k.warehouse_id from unnest(levels) as k))
      and (lock_queue.at is null or exists (
        select from open o where o.product_id = b.product_id and o.warehouse_id = coalesce(b.warehouse_id, o.warehouse_id)
          and o.channel_id is not distinct from b.channel_id))
    order by r.priority desc, b.queued_at, b.backorder_id
    limit max_rows);
  order_ids bigint[];
begin
  order_ids := array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant
      and r.reservation_id in (select b.reservation_id from openstock_core.backorder b where b.tenant_id = tenant and b.backorder_id = any (head))
    for no key update skip locked);
  update openstock_core.reservation r set changes = r.changes + 1
  where r.tenant_id = tenant and r.reservation_id = any (order_ids);
  -- Whoever waits no more gets nothing: plan_fill looks once all is locked.
  return array(
    select b.backorder_id
    from openstock_core.backorder b
    where b.tenant_id = tenant and b.backorder_id = any (head) and b.reservation_id = any (order_ids)
    order by b.backorder_id
    for no key update);
end
$$;

revoke all on function openstock_core.lock_queue from public;
grant execute on function openstock_core.lock_queue to openstock_api;
comment on function openstock_core.lock_queue is
  'Locks the first backorders that these levels could fill, at this moment or whatever comes in (null), and their orders, and returns the ids of those whose order nobody else changes.';

reset role;

-- sql/functions/openstock_core/lock_waiting.sql
-- Locks who waits for products that come in, at most 1,000 backorders. The levels are locked. Locks: backlog by product_id, and what
-- lock_queue locks. Where nobody waits it is one look at the backlog.
set local role openstock_owner;

create or replace function openstock_core.lock_waiting(tenant uuid, levels openstock_core.level_key[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  product_ids constant bigint[] := array(
    select g.product_id from openstock_core.backlog g
    where g.tenant_id = tenant and g.backordered > 0 and g.product_id = any (array(select k.product_id from unnest(levels) as k)));
begin
  if cardinality(product_ids) = 0 then
    return array[]::bigint[];
  end if;
  perform openstock_core.lock_backlogs(tenant, product_ids, null);
  return openstock_core.lock_queue(tenant, array(
    select row(k.product_id, k.warehouse_id)::openstock_core.level_key from unnest(levels) as k where k.product_id = any (product_ids)), 1000, null);
end
$$;

revoke all on function openstock_core.lock_waiting from public;
grant execute on function openstock_core.lock_waiting to openstock_api;
comment on function openstock_core.lock_waiting is 'The ids of the backorders that these levels may fill, locked with their orders and backlogs.';

reset role;

-- sql/functions/openstock_core/plan_fill.sql
-- Says which locked level fills how much of which backorder. Reads: backorder, reservation, stock_level, warehouse, channel, channel_quota.
-- One after the other in the queue's order, which no set of intervals keeps where some name a warehouse and some do not. Those whose order is
-- in use keep their units: nobody behind them gets these. One of a sales channel uses its quota first, and then what anyone can have.
set local role openstock_owner;

create or replace function openstock_core.plan_fill(tenant uuid, levels openstock_core.level_key[], mine bigint[])
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  waiting record;
  supply record;
  free numeric[];
  units numeric;
  kept jsonb;
  own numeric;
  picks openstock_core.pick[] := array[]::openstock_core.pick[];
begin
  for waiting in
    select b.backorder_id, b.product_id, b.warehouse_id, b.backordered::numeric as qty,
           b.channel_id, c.uses_safety_stock,
           row_number() over (partition by b.product_id order by r.priority desc, b.queued_at, b.backorder_id) as place
    from openstock_core.backorder b
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = b.reservation_id
    left join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = b.channel_id
    where b.tenant_id = tenant and b.product_id in (select k.product_id from unnest(levels) as k) and b.backordered > 0 and b.expires_at is null
    order by b.product_id, place
  loop
    if waiting.place = 1 then
      select array_agg(l.warehouse_id order by w.priority, w.code) as places, array_agg(l.available order by w.priority, w.code) as free,
             array_agg(l.safety_stock::numeric order by w.priority, w.code) as safety
      into supply
      from unnest(levels) as k
      join openstock_core.stock_level l on l.tenant_id = tenant and l.product_id = k.product_id and l.warehouse_id = k.warehouse_id
      join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
      where k.product_id = waiting.product_id and (l.available > 0 or l.fenced > 0 or l.safety_stock > 0);
      free := supply.free;
      kept := '{}';
    end if;
    for i in 1 .. coalesce(cardinality(free), 0) loop
      continue when waiting.warehouse_id <> supply.places[i];
      own := 0;
      if waiting.channel_id is not null then
        own := coalesce((kept ->> format('%s %s', waiting.channel_id, i))::numeric, openstock_core.units_kept(
          tenant, waiting.channel_id, false, waiting.product_id, supply.places[i], null));
      end if;
      units := least(waiting.qty, free[i] + own + case when waiting.uses_safety_stock then supply.safety[i] else 0 end);
      if units > 0 then
        free[i] := free[i] - greatest(units - own, 0);
        if own > 0 then
          kept := kept || jsonb_build_object(format('%s %s', waiting.channel_id, i), greatest(own - units, 0));
        end if;
        waiting.qty := waiting.qty - units;
        if waiting.backorder_id = any (mine) then
          picks := picks || row(waiting.backorder_id, waiting.product_id, supply.places[i], null, trim_scale(units), null)::openstock_core.pick;
        end if;
      end if;
    end loop;
  end loop;
  return picks;
end
$$;

revoke all on function openstock_core.plan_fill from public;
grant execute on function openstock_core.plan_fill to openstock_api;
comment on function openstock_core.plan_fill is
  'Picks whose reservation_line_id is a backorder''s id, in the order of the queue: priority, then age; a part of one where stock ends.';

reset role;

-- sql/functions/openstock_core/fill_queue.sql
-- Gives stock to backorders that are locked with their orders, levels and backlogs.
-- Writes: reservation_line, backorder, backlog, channel_quota, ledger (BACKORDER, RESERVE), stock_level.
set local role openstock_owner;

create or replace function openstock_core.fill_queue(tenant uuid, op_id text, levels openstock_core.level_key[], mine bigint[])
returns setof openstock_core.posted
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  picks constant openstock_core.pick[] := openstock_core.plan_fill(tenant, levels, mine);
  filled openstock_core.movement[];
begin
  with part as (
    select b.reservation_id, b.line, p.product_id, p.warehouse_id, max(b.channel_id) as channel_id, sum(p.qty) as qty, min(p.n) as n,
           sum(sum(p.qty)) over (partition by p.product_id, p.warehouse_id, max(b.channel_id) order by b.reservation_id, b.line) - sum(p.qty) as before
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join openstock_core.backorder b on b.tenant_id = tenant and b.backorder_id = p.reservation_line_id
    group by b.reservation_id, b.line, p.product_id, p.warehouse_id
  ), taken as (
    select p.*, trim_scale(greatest(least(p.qty, coalesce(q.qty, 0) - p.before), 0)) as kept
    from part p
    left join openstock_core.channel_quota q on q.tenant_id = tenant and q.product_id = p.product_id and q.warehouse_id = p.warehouse_id
      and q.channel_id = p.channel_id
  ), line as (
    -- Who is first in the queue gets the oldest line. A line of the order at this level grows; if it is empty, the end that it once
    -- had is of no account any more.
    insert into openstock_core.reservation_line as l (
      tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, created_at, channel_id, quota_used)
    select tenant, p.reservation_id, p.line, p.product_id, p.warehouse_id, p.qty, p.qty, stamp, p.channel_id, p.kept from taken p
    order by p.n
    on conflict (tenant_id, reservation_id, line, product_id, (warehouse_id + 0)) do update
    set ordered = trim_scale(l.ordered + excluded.ordered), reserved = trim_scale(l.reserved + excluded.reserved), expires_at = null,
        channel_id = coalesce(l.channel_id, excluded.channel_id), quota_used = trim_scale(l.quota_used + excluded.quota_used)
    where l.reserved = 0 or l.expires_at is null
    returning l.reservation_line_id, l.reservation_id, l.line, l.product_id, l.warehouse_id
  )
  select array_agg(row(l.line, 'RESERVE', l.product_id, l.warehouse_id, null, 0, 0, p.qty, 0, l.reservation_line_id, r.order_ref,
                       null, 'filled', null, null, null, nullif(-p.kept, 0), null)::openstock_core.movement order by r.reservation_id, l.line, l.reservation_line_id)
  into filled
  from taken p
  left join line l on l.reservation_id = p.reservation_id and l.line = p.line and l.product_id = p.product_id and l.warehouse_id = p.warehouse_id
  left join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = p.reservation_id;

  return query
  select * from openstock_core.post(tenant, op_id, openstock_core.backorder_movements(tenant, 'BACKORDER', null,
    array(select p.reservation_line_id from unnest(picks) as p group by 1 order by 1),
    array(select -sum(p.qty) from unnest(picks) as p group by p.reservation_line_id order by p.reservation_line_id), 'filled', null)
    || filled, null, null, null);
end
$$;

revoke all on function openstock_core.fill_queue from public;
grant execute on function openstock_core.fill_queue to openstock_api;
comment on function openstock_core.fill_queue is
  'Promises what these levels have to those of the backorders that are first in the queue, and returns the entries.';

reset role;

-- sql/functions/openstock_core/fill_from_stock.sql
-- Gives stock that came free to whoever waits for it. Writes: operation, event, and what fill_queue and make_room write.
-- Locks: operation; product (advisory, tried: of several workers each takes other products), stock_level by (product, warehouse), backlog by
-- product_id, order (skipping those in use), backorder by id, reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.fill_from_stock(tenant uuid, op_id text, max_rows integer) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  product_ids bigint[] := array[]::bigint[];
  candidate bigint;
  levels openstock_core.level_key[];
  due openstock_core.due;
  mine bigint[];
  entries openstock_core.posted[];
  answer jsonb;
begin
  if max_rows is null or max_rows not between 1 and 10000 then
    perform openstock_core.fail('22023', '{"argument": "max_rows", "problem": "must be between 1 and 10000"}');
  end if;
  if op_id is not null then
    answer := openstock_core.begin_operation(tenant, op_id, 'fill_backorders', jsonb_build_object('max_rows', max_rows));
    if answer is not null then
      return answer;
    end if;
  end if;
  for candidate in
    select g.product_id from openstock_core.backlog g
    where g.tenant_id = tenant and g.backordered > 0 and exists (
      select from openstock_core.stock_level l
      join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
      where l.tenant_id = tenant and l.product_id = g.product_id and (
        l.available > 0 or l.next_expiry_at <= at or ((l.fenced > 0 or l.safety_stock > 0) and exists (
          select from (
            select distinct b.channel_id from openstock_core.backorder b
            where b.tenant_id = tenant and b.product_id = l.product_id and b.backordered > 0 and b.expires_at is null
              and l.warehouse_id = coalesce(b.warehouse_id, l.warehouse_id)) as b
          join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = b.channel_id
          where l.available + openstock_core.units_kept(tenant, c.channel_id, c.uses_safety_stock, l.product_id, l.warehouse_id, l.safety_stock) > 0))))
    order by g.product_id
  loop
    exit when cardinality(product_ids) = 100;
    if pg_try_advisory_xact_lock(openstock_core.queue_lock(tenant, candidate)) then
      product_ids := product_ids || candidate;
    end if;
  end loop;
  if cardinality(product_ids) = 0 then
    if op_id is not null then
      perform openstock_core.finish_operation(tenant, op_id, '[]');
    end if;
    return '[]'::jsonb;
  end if;

  if op_id is null then
    op_id := 'openstock.fill_backorders ' || gen_random_uuid();
    perform openstock_core.begin_operation(tenant, op_id, 'fill_backorders', jsonb_build_object('max_rows', max_rows));
  end if;
  levels := array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level l where l.tenant_id = tenant and l.product_id = any (product_ids));
  due := openstock_core.lock_backlogs(tenant, product_ids, openstock_core.lock_levels(tenant, levels, false));
  mine := openstock_core.lock_queue(tenant, array(
    select row(l.product_id, l.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level l
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id and w.active
    where l.tenant_id = tenant and l.product_id = any (product_ids)), max_rows, due.at);
  for attempt in 1 .. 20 loop
    begin
      perform openstock_core.make_room(tenant, op_id, array(
        select row(null, k.product_id, k.warehouse_id, null, g.backordered, null)::openstock_core.pick
        from unnest(levels) as k
        join openstock_core.backlog g on g.tenant_id = tenant and g.product_id = k.product_id), '{}', '{}', '{}', due, array(
        select row(null, null, null, null, c.channel_id, c.uses_safety_stock)::openstock_core.sourcing
        from (select distinct b.channel_id from openstock_core.backorder b
              where b.tenant_id = tenant and b.product_id = any (product_ids) and b.backordered > 0 and b.expires_at is null) as k
        left join openstock_core.channel c on c.tenant_id = tenant and c.channel_id = k.channel_id));
      exit;
    exception when sqlstate 'OS901' then
      if attempt = 20 then
        perform openstock_core.fail('40001', '{"problem": "holds kept being extended or pinned"}');
      end if;
    end;
  end loop;
  entries := array(select p from openstock_core.fill_queue(tenant, op_id, levels, mine) as p);
  answer := openstock_core.reservation_answer(tenant, 'filled', entries);
  perform openstock_core.finish_operation(tenant, op_id, answer);
  return answer;
end
$$;

revoke all on function openstock_core.fill_from_stock from public;
grant execute on function openstock_core.fill_from_stock to openstock_api;
comment on function openstock_core.fill_from_stock is
  'Fills backorders and returns the answer, an array of openstock.reservation_change. Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock/fill_backorders.sql
-- Gives stock that came free to whoever waits for it. Writes and locks: see openstock_core.fill_from_stock.
set local role openstock_api;

create or replace function openstock.fill_backorders(
  op_id text default null, max_rows integer default 1000, tenant uuid default null)
returns setof openstock.reservation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
begin
  return query
  select * from jsonb_populate_recordset(null::openstock.reservation_change, openstock_core.fill_from_stock(acting, op_id, max_rows));
end
$$;

revoke all on function openstock.fill_backorders from public;
grant execute on function openstock.fill_backorders to openstock_app;
comment on function openstock.fill_backorders is
  'Promises available stock to backorders: of each product by priority of the order, then age; those that name a warehouse only from there, others from '
  'warehouses by priority; at most so many backorders (1 to 10,000) of 100 products. Returns a row with outcome filled per line and warehouse; what is filled in '
  'part keeps its place. Orders that are in use keep theirs, and their units. Any number may run at once: a product at which another works is passed over. No row: nothing could be filled, or others are at it. op_id may be left out: '
  'then a call that finds nothing to do leaves no trace. Errors: 22023, OS010.';

reset role;

-- sql/functions/openstock_core/units.sql
-- Sums picks.
set local role openstock_owner;

create or replace function openstock_core.units(picks openstock_core.pick[]) returns numeric
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select coalesce(sum(p.qty), 0) from unnest(picks) as p);
end
$$;

revoke all on function openstock_core.units from public;
grant execute on function openstock_core.units to openstock_api;
comment on function openstock_core.units is
  'The units of these picks, summed.';

reset role;

-- sql/functions/openstock_core/lock_pickable_bins.sql
-- Locks bins that units could be taken from, and the bins named. Locks: stock_bin: the named ones by bin_id, then without waiting
-- the ones that the removal rule would take, skipping what others hold; or, waiting, the named ones and all candidates by bin_id.
set local role openstock_owner;

create or replace function openstock_core.lock_pickable_bins(
  tenant uuid, needs openstock_core.pick[], removal text, named bigint[], avoided bigint[], wait boolean)
returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  candidates bigint[];
begin
  if not wait then
    perform openstock_core.lock_bins(tenant, named);
  end if;
  candidates := array(
    select c.bin_id
    from (select n.product_id, n.warehouse_id, sum(n.qty) as qty from unnest(needs) as n group by 1, 2) as k
    cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
    where (wait or c.start < k.qty) and c.bin_id <> all (avoided));
  if wait then
    perform openstock_core.lock_bins(tenant, candidates || named);
    return candidates;
  end if;
  return array(
    select b.bin_id from openstock_core.stock_bin b where b.tenant_id = tenant and b.bin_id = any (candidates)
    for no key update of b skip locked);
end
$$;

revoke all on function openstock_core.lock_pickable_bins from public;
grant execute on function openstock_core.lock_pickable_bins to openstock_api;
comment on function openstock_core.lock_pickable_bins is
  'Locks the bins named, and bins with units that are neither blocked nor allocated for these needs; returns the ids of the latter, those to be avoided left out.';

reset role;

-- sql/functions/openstock_core/certain_needs.sql
-- What needs ask for that are for certain units. Reads: reservation_line.
set local role openstock_owner;

create or replace function openstock_core.certain_needs(tenant uuid, needs openstock_core.pick[]) returns openstock_core.order_line[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(n.place, null, l.product_id, l.warehouse_id, n.qty, l.location_id, l.lot_id, l.min_days_left, null, null, l.serial_ids)::openstock_core.order_line
    from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
    cross join lateral (select * from openstock_core.reservation_line s
                        where s.tenant_id = tenant and s.reservation_line_id = n.reservation_line_id limit 1) as l
    where num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0);
end
$$;

revoke all on function openstock_core.certain_needs from public;
grant execute on function openstock_core.certain_needs to openstock_api;
comment on function openstock_core.certain_needs is
  'The needs of lines that ask for certain units, with what these are; the place of the need stands for the line''s number.';

reset role;

-- sql/functions/openstock_core/plan_picks.sql
-- Says which locked bins give how much to each line: needs and bins laid end to end as intervals, and where they
-- overlap, that bin serves that line; the first need is served first. Lines that ask for certain units choose before all others, and what those
-- that the caller does not serve lack is left to them.
-- Reads: what certain_needs, pickable_bins, find_claims and plan_pins read.
set local role openstock_owner;

create or replace function openstock_core.plan_picks(
  tenant uuid, needs openstock_core.pick[], bin_ids bigint[], removal text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  certain constant openstock_core.order_line[] := openstock_core.certain_needs(tenant, needs);
  claims openstock_core.order_line[];
  chosen openstock_core.pick[] := array[]::openstock_core.pick[];
  others openstock_core.pick[] := needs;
begin
  claims := openstock_core.find_claims(tenant, array(
    select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), at, needs);
  if cardinality(certain || claims) > 0 then
    chosen := openstock_core.plan_pins(tenant, certain || claims, null, bin_ids, removal, at, false);
    others := array(
      select row(n.reservation_line_id, n.product_id, n.warehouse_id, n.bin_id, n.qty, n.serial_ids)::openstock_core.pick
      from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      where n.place not in (select c.line from unnest(certain) as c)
      order by n.place);
  end if;
  return array(
    select row((needs[p.reservation_line_id]).reservation_line_id, p.product_id, p.warehouse_id, p.bin_id, p.qty, p.serial_ids)::openstock_core.pick
    from unnest(chosen) as p
    where p.reservation_line_id > 0
  ) || array(
    with need as (
      select n.reservation_line_id, n.product_id, n.warehouse_id, n.qty, n.place,
             sum(n.qty) over (partition by n.product_id, n.warehouse_id order by n.place) - n.qty as start
      from unnest(others) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      where n.qty > 0
    ), supply as (
      select s.product_id, s.warehouse_id, s.bin_id, s.free,
             sum(s.free) over (partition by s.product_id, s.warehouse_id order by s.start, s.bin_id) - s.free as start
      from (
        select k.product_id, k.warehouse_id, c.bin_id, c.start, c.free - case when cardinality(chosen) = 0 then 0 else (
            select coalesce(sum(p.qty), 0) from unnest(chosen) as p where p.bin_id = c.bin_id) end as free
        from (select distinct n.product_id, n.warehouse_id from need n) as k
        cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
        where c.bin_id = any (bin_ids)
      ) as s
      where s.free > 0
    )
    select row(n.reservation_line_id, n.product_id, n.warehouse_id, s.bin_id,
               trim_scale(least(n.start + n.qty, s.start + s.free) - greatest(n.start, s.start)), null)::openstock_core.pick
    from need n
    join supply s on s.product_id = n.product_id and s.warehouse_id = n.warehouse_id
      and s.start < n.start + n.qty and n.start < s.start + s.free
    order by n.place, s.start);
end
$$;

revoke all on function openstock_core.plan_picks from public;
grant execute on function openstock_core.plan_picks to openstock_api;
comment on function openstock_core.plan_picks is
  'Picks from these locked bins for these needs, by the removal rule; together less than the needs where bins are short.';

reset role;

-- sql/functions/openstock_core/plan_whole_units.sql
-- Says which locked bins give how much to each line, handling units first: one whose free units of the product all fit what a line still needs goes as it is,
-- in the order of the removal rule, unless some of them are left to who lacks certain units; loose units and parts of handling units make up the rest.
-- Reads: stock_bin, and what plan_picks reads.
set local role openstock_owner;

create or replace function openstock_core.plan_whole_units(
  tenant uuid, needs openstock_core.pick[], bin_ids bigint[], removal text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  kept bigint[];
  rest openstock_core.pick[] := array[]::openstock_core.pick[];
  picks openstock_core.pick[] := array[]::openstock_core.pick[];
  used bigint[] := array[]::bigint[];
  need openstock_core.pick;
  unit record;
begin
  -- Lines that ask for certain units choose before all others: with them, no unit is kept whole.
  if cardinality(openstock_core.certain_needs(tenant, needs)) > 0 then
    return openstock_core.plan_picks(tenant, needs, bin_ids, removal);
  end if;
  kept := array(
    select b.handling_unit_id
    from unnest(openstock_core.plan_pins(tenant, openstock_core.find_claims(tenant, array(
      select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), at, null), null, bin_ids, removal, at, false)) as p
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    where b.handling_unit_id is not null);
  foreach need in array coalesce(needs, '{}') loop
    for unit in
      select array_agg(c.bin_id order by c.start) as bins, array_agg(c.free order by c.start) as free, sum(c.free) as units
      from openstock_core.pickable_bins(tenant, need.product_id, need.warehouse_id, removal) as c
      join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = c.bin_id
      where b.handling_unit_id is not null and b.handling_unit_id <> all (kept) and c.bin_id = any (bin_ids) and c.bin_id <> all (used)
      group by b.handling_unit_id
      order by min(c.start)
    loop
      continue when unit.units > need.qty;
      picks := picks || array(
        select row(need.reservation_line_id, need.product_id, need.warehouse_id, u.bin_id, trim_scale(u.free), null)::openstock_core.pick
        from unnest(unit.bins, unit.free) as u (bin_id, free));
      used := used || unit.bins;
      need.qty := need.qty - unit.units;
    end loop;
    rest := rest || need;
  end loop;
  return picks || openstock_core.plan_picks(tenant, rest, array(select b from unnest(bin_ids) as b where b <> all (used)), removal);
end
$$;

revoke all on function openstock_core.plan_whole_units from public;
grant execute on function openstock_core.plan_whole_units to openstock_api;
comment on function openstock_core.plan_whole_units is
  'Picks from these locked bins for these needs, whole handling units before all else; together less than the needs where bins are short.';

reset role;

-- sql/functions/openstock_core/try_picks.sql
-- One attempt to find and lock the bins that units come from, within a subtransaction of the caller's. Writes: what book_due writes.
-- Locks: stock_bin: at attempt 0 those named and due, by bin_id, then of the others those that are free to lock, by the removal rule;
-- at later attempts, and where whole handling units or certain units are looked for, the named and due ones and all candidates by bin_id, waiting.
-- Reads: what certain_needs and pickable_bins read.
set local role openstock_owner;

create or replace function openstock_core.try_picks(
  tenant uuid, op_id text, needs openstock_core.pick[], removal text, named bigint[], avoided bigint[],
  due openstock_core.due, attempt integer, whole_units boolean)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Bins that holds that ended had pinned wholly are none of the candidates, and become pickable when these are booked.
  bins constant bigint[] := openstock_core.lock_pickable_bins(tenant, needs, removal, named || due.bin_ids, avoided,
      attempt > 0 or whole_units or cardinality(openstock_core.certain_needs(tenant, needs)) > 0)
    || array(select b.bin_id from unnest(due.bin_ids) as b (bin_id) where b.bin_id <> all (avoided));
  picks openstock_core.pick[];
begin
  perform from openstock_core.book_due(tenant, op_id, due);
  if whole_units then
    picks := openstock_core.plan_whole_units(tenant, needs, bins, removal);
  else
    picks := openstock_core.plan_picks(tenant, needs, bins, removal);
  end if;
  if openstock_core.units(picks) = openstock_core.units(needs) then
    return picks;
  end if;
  -- Units that moved while this call waited lie in bins that it has not locked, and holds that ended may keep units pinned: it is
  -- short only if there are none of either.
  if attempt = 0
    or exists (
      select from (select distinct n.product_id, n.warehouse_id from unnest(needs) as n) as k
      cross join lateral openstock_core.pickable_bins(tenant, k.product_id, k.warehouse_id, removal) as c
      where c.bin_id <> all (bins || avoided))
    or (attempt = 1 and cardinality(openstock_core.find_due_holds(tenant, needs, openstock.server_time(), true, avoided)) > 0)
  then
    perform openstock_core.fail('OS901', jsonb_build_object('attempt', attempt));
  end if;
  return picks;
end
$$;

revoke all on function openstock_core.try_picks from public;
grant execute on function openstock_core.try_picks to openstock_api;
comment on function openstock_core.try_picks is
  'Picks for these needs by the removal rule; together less than the needs only where no bin has more. Errors: OS901: give up all locks and try again.';

reset role;

-- sql/functions/openstock_core/find_picks.sql
-- Finds and locks the bins that a shipment's units come from, and books what is due. The levels and lines are locked.
-- Writes: what book_due writes. Locks: what try_picks locks, and from the third attempt on before it reservation_line by id: those
-- whose hold has ended and keeps units pinned.
set local role openstock_owner;

create or replace function openstock_core.find_picks(
  tenant uuid, op_id text, needs openstock_core.pick[], named bigint[], avoided bigint[], due openstock_core.due)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due_now openstock_core.due := due;
begin
  if cardinality(needs) = 0 then
    perform openstock_core.settle_bins(tenant, op_id, named, '{}', due);
    return array[]::openstock_core.pick[];
  end if;
  for attempt in 0 .. 20 loop
    begin
      if attempt > 1 then
        due_now := openstock_core.lock_due_holds(tenant, due, array(
          select unnest(due.line_ids) union select unnest(openstock_core.find_due_holds(tenant, needs, due.at, true, avoided))), true);
      end if;
      return openstock_core.try_picks(tenant, op_id, needs, null, named, avoided, due_now, attempt, false);
    exception when sqlstate 'OS901' then
      continue;
    end;
  end loop;
  perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
end
$$;

revoke all on function openstock_core.find_picks from public;
grant execute on function openstock_core.find_picks to openstock_api;
comment on function openstock_core.find_picks is
  'Locks the bins named and others for these needs, and returns picks by the removal rule, none from bins to be avoided; together less than the needs only where no bin has more. '
  'Errors: 40001 where units kept moving.';

reset role;

-- sql/functions/openstock_core/lock_needs.sql
-- What orders still need pinned. The orders are locked. Locks: reservation_line by id. Reads: allocation.
-- Each line is written: pins change neither line nor level, and a transaction that ends the line's hold on an older snapshot, from
-- repeatable read on, would overlook them.
set local role openstock_owner;

create or replace function openstock_core.lock_needs(tenant uuid, order_ids bigint[], only_warehouse bigint, firm_only boolean)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at timestamptz;
  open_ids bigint[];
begin
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = any (order_ids) and l.reserved > 0
      and l.warehouse_id = coalesce(only_warehouse, l.warehouse_id)
    order by l.reservation_line_id
    for no key update);
  at := openstock.server_time();
  open_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (open_ids)
      and (l.expires_at is null or (l.expires_at > at and not firm_only)));
  if cardinality(open_ids) = 0 then
    return null;
  end if;
  update openstock_core.reservation_line l set changes = l.changes + 1
  where l.tenant_id = tenant and l.reservation_line_id = any (open_ids);
  return array(
    select row(l.reservation_line_id, l.product_id, l.warehouse_id, null, trim_scale(l.reserved - a.qty), null)::openstock_core.pick
    from openstock_core.reservation_line l
    cross join lateral (
      select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
      where s.tenant_id = tenant and s.reservation_line_id = l.reservation_line_id) as a
    where l.tenant_id = tenant and l.reservation_line_id = any (open_ids) and l.reserved > a.qty
    order by array_position(order_ids, l.reservation_id), l.reservation_line_id);
end
$$;

revoke all on function openstock_core.lock_needs from public;
grant execute on function openstock_core.lock_needs to openstock_api;
comment on function openstock_core.lock_needs is
  'Per line of the orders that is promised now, the units that are not pinned, order by order; the lines are locked. Null where nothing is promised.';

reset role;

-- sql/functions/openstock_core/find_picks_of_orders.sql
-- Finds and locks the bins for all that orders have promised and not pinned. The orders are locked, and the first is served first. No level is waited for while lines
-- or bins are locked: where holds that have ended keep the units pinned, all is given up and begun again with the levels.
-- Where serve is given, orders that get nothing (partial) or not everything (reject) are dropped, and what is found for the others is found anew.
-- All of that in one subtransaction at a time, none within another: who waits for a lock of an inner one that ended well waits until the whole transaction
-- ends, even where an outer one gives the lock up, and meanwhile keeps its place before others, this call among them.
-- Writes: what book_due writes.
-- Locks: stock_level by (product, warehouse) (only then), reservation_line by id, and what try_picks locks.
set local role openstock_owner;

create or replace function openstock_core.find_picks_of_orders(
  tenant uuid, op_id text, order_ids bigint[], only_warehouse bigint, firm_only boolean, removal text, whole_units boolean, serve text,
  out needs openstock_core.pick[], out picks openstock_core.pick[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  due openstock_core.due;
  attempt integer := 0;
  served bigint[];
  hopeful bigint[] := order_ids;
begin
  loop
    begin
      served := null;
      due := null;
      if attempt > 1 and cardinality(openstock_core.find_due_holds(tenant, needs, openstock.server_time(), true)) > 0 then
        due := openstock_core.lock_levels(tenant, array(
          select row(n.product_id, n.warehouse_id)::openstock_core.level_key from unnest(needs) as n), false);
        due := openstock_core.lock_due_holds(tenant, due, openstock_core.find_due_holds(tenant, needs, due.at, true), true);
      end if;
      needs := openstock_core.lock_needs(tenant, order_ids, only_warehouse, firm_only);
      picks := array[]::openstock_core.pick[];
      if cardinality(needs) > 0 or due.at is not null then
        picks := openstock_core.try_picks(tenant, op_id, needs, removal, '{}', '{}', due, attempt, whole_units);
      end if;
      exit when serve is null;
      served := openstock_core.served_orders(tenant, order_ids, needs, picks, serve = 'reject');
      exit when cardinality(served) > 0 and (serve = 'partial' or openstock_core.units(needs) = openstock_core.units(picks));
      perform openstock_core.fail('OS901', '{"problem": "not for all of these orders"}');
    exception when sqlstate 'OS901' then
      attempt := case when served is null then attempt + 1 else 0 end;
      if attempt > 20 then
        perform openstock_core.fail('40001', '{"problem": "units kept moving from bin to bin"}');
      end if;
      if cardinality(served) = 0 then
        -- Who was tried seemed to get everything, and did not, since what certain units there are for one hangs on who else asks: those whom they stood
        -- before are tried again.
        hopeful := array(select o.order_id from unnest(hopeful) with ordinality as o (order_id, n) where o.order_id <> all (order_ids) order by o.n);
        served := hopeful;
        if cardinality(hopeful) = 0 then
          needs := '{}';
          picks := '{}';
          return;
        end if;
      end if;
      -- Units of an order that gets not everything are for those behind it: what they get is found anew, without it.
      order_ids := coalesce(served, order_ids);
    end;
  end loop;
  if serve is not null then
    needs := array(
      select n from unnest(needs) as n
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id
      where l.reservation_id = any (served)
      order by array_position(order_ids, l.reservation_id), n.reservation_line_id);
  end if;
end
$$;

revoke all on function openstock_core.find_picks_of_orders from public;
grant execute on function openstock_core.find_picks_of_orders to openstock_api;
comment on function openstock_core.find_picks_of_orders is
  'What the orders need pinned, null where they are promised nothing, and the picks by the removal rule; together less than the needs only where no bin has '
  'more. serve: null (all that there is, of all of them), partial (of those that get something) or reject (of those that get everything); where none is served nothing, '
  'and no line or bin is locked. Errors: 40001 where units kept moving.';

reset role;

-- sql/functions/openstock_core/pick_rows.sql
-- Picks as rows of an answer. Reads: reservation, reservation_line, product, warehouse, stock_bin, location, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.pick_rows(tenant uuid, outcomes text[], picks openstock_core.pick[]) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', r.order_ref, 'line', l.line, 'sku', d.sku, 'warehouse', w.code, 'location', c.code, 'lot', t.code, 'handling_unit', h.code,
      'expires_on', t.expires_on, 'outcome', p.outcome, 'qty', p.qty,
      'serials', case when p.serial_ids is not null then openstock_core.serial_names(tenant, p.serial_ids) end, 'replayed', false) order by p.n), '[]')
    from rows from (unnest(picks), unnest(outcomes)) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, outcome, n)
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    join openstock_core.product d on d.tenant_id = tenant and d.product_id = l.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    left join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = b.handling_unit_id);
end
$$;

revoke all on function openstock_core.pick_rows from public;
grant execute on function openstock_core.pick_rows to openstock_api;
comment on function openstock_core.pick_rows is
  'Picks as an array of openstock.allocation_change, each with its outcome.';

reset role;

-- sql/functions/openstock_core/allocation_answer.sql
-- The answer of functions that pin units: order by order and line by line what was pinned, then what no bin could give.
-- Reads: what pick_rows reads.
set local role openstock_owner;

create or replace function openstock_core.allocation_answer(tenant uuid, needs openstock_core.pick[], picks openstock_core.pick[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
begin
  select array_agg(r.pick order by r.place, r.line, r.reservation_line_id, r.n nulls last) as picks,
         array_agg(r.outcome order by r.place, r.line, r.reservation_line_id, r.n nulls last) as outcomes
  into part
  from (select p.*, l.line, l.reservation_line_id, min(p.need) over (partition by l.reservation_id) as place from (
    select row(p.reservation_line_id, p.product_id, p.warehouse_id, p.bin_id, p.qty, p.serial_ids)::openstock_core.pick as pick, 'allocated' as outcome, n.place as need, p.n
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      on n.reservation_line_id = p.reservation_line_id
    union all
    select row(n.reservation_line_id, n.product_id, n.warehouse_id, null, trim_scale(n.qty - coalesce(p.qty, 0)), null)::openstock_core.pick, 'short', n.place, null
    from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
    left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(picks) as u group by 1) as p
      on p.reservation_line_id = n.reservation_line_id
    where n.qty > coalesce(p.qty, 0)
  ) as p
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = (p.pick).reservation_line_id) as r;
  return openstock_core.pick_rows(tenant, part.outcomes, part.picks);
end
$$;

revoke all on function openstock_core.allocation_answer from public;
grant execute on function openstock_core.allocation_answer to openstock_api;
comment on function openstock_core.allocation_answer is
  'Picks as an array of openstock.allocation_change, with a short row for each need that bins could not cover.';

reset role;

-- sql/functions/openstock_core/pin.sql
-- Pins units to lines; of products tracked by serial the pieces that a pick names, or the first that are free in its bin.
-- The lines and bins are locked. Writes: ledger (ALLOCATE), stock_bin, allocation, ledger_serial, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.pin(tenant uuid, op_id text, picks openstock_core.pick[], reason text)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select row(k.reservation_line_id, k.product_id, k.warehouse_id, k.bin_id, k.qty, e.serial_ids)::openstock_core.pick
    from openstock_core.post(tenant, op_id, array(
    select row(l.line, 'ALLOCATE', p.product_id, p.warehouse_id, p.bin_id, 0, 0, 0, p.qty,
               p.reservation_line_id, r.order_ref, null, reason, null, null, null, null, p.serial_ids)::openstock_core.movement
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
    order by p.n), null, null, null) as e
    join unnest(picks) with ordinality as k (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n) on k.n = e.ord
    order by k.n);
end
$$;

revoke all on function openstock_core.pin from public;
grant execute on function openstock_core.pin to openstock_api;
comment on function openstock_core.pin is
  'Writes these picks as allocations and returns them, with the pieces that were pinned.';

reset role;

-- sql/functions/openstock_core/serial_bins.sql
-- Says which bins a shipment of named pieces has to lock together with its others: theirs, and those of what else their lines have pinned, which may
-- have to give way. Pieces that are pinned to holds that ended are free once that is booked. The levels and lines are locked.
-- Locks: reservation_line by id: those whose hold has ended. Reads: serial_unit, allocation, reservation_line.
set local role openstock_owner;

create or replace function openstock_core.serial_bins(
  tenant uuid, named openstock_core.taken_line[], inout due openstock_core.due, out bin_ids bigint[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  due := openstock_core.lock_due_holds(tenant, due, array(
    select distinct l.reservation_line_id
    from unnest(named) as t
    cross join lateral unnest(t.serial_ids) as s (serial_id)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = u.reservation_line_id
    where l.expires_at <= due.at), false);
  bin_ids := array(
    select u.bin_id
    from unnest(named) as t
    cross join lateral unnest(t.serial_ids) as s (serial_id)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    union
    select a.bin_id
    from unnest(named) as t
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id);
end
$$;

revoke all on function openstock_core.serial_bins from public;
grant execute on function openstock_core.serial_bins to openstock_api;
comment on function openstock_core.serial_bins is
  'The bins to lock for these pieces, and what is due with the holds that ended and have some of them pinned.';

reset role;

-- sql/functions/openstock_core/plan_named_shipment.sql
-- Plans the entries of a shipment whose pieces the caller named. The lines and bins are locked. Reads: serial_unit, stock_bin, warehouse, location,
-- allocation, reservation_line, reservation. Where free pieces go instead of pinned ones, the line's newest pins give way, so that no more is pinned than stays promised.
set local role openstock_owner;

create or replace function openstock_core.plan_named_shipment(tenant uuid, order_ref text, named openstock_core.taken_line[])
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad jsonb;
begin
  select jsonb_build_object('serial', u.serial, 'warehouse', w.code, 'location', c.code, 'order_ref', r.order_ref) into bad
  from unnest(named) as t
  cross join lateral unnest(t.serial_ids) as s (serial_id)
  join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = u.reservation_line_id
  join openstock_core.reservation r on r.tenant_id = tenant and r.reservation_id = l.reservation_id
  join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
  join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  where u.reservation_line_id <> t.reservation_line_id
  order by u.serial_id
  limit 1;
  if found then
    perform openstock_core.fail('OS113', bad);
  end if;

  return array(
    with leaving as materialized (
      select t.reservation_line_id, t.line, t.product_id, t.warehouse_id, t.reserved - t.qty as stays, u.serial_id, u.bin_id,
             u.reservation_line_id is not null as pinned
      from unnest(named) as t
      cross join lateral unnest(t.serial_ids) as s (serial_id)
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id
    ), other as (
      select l.reservation_line_id, l.line, l.product_id, l.warehouse_id, l.stays, u.serial_id, u.bin_id,
             count(*) over (partition by l.reservation_line_id) as pins,
             row_number() over (partition by l.reservation_line_id order by a.created_at desc, u.serial_id desc) as nth
      from (select distinct g.reservation_line_id, g.line, g.product_id, g.warehouse_id, g.stays from leaving g) as l
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = l.reservation_line_id
      join openstock_core.serial_unit u on u.tenant_id = tenant and u.bin_id = a.bin_id and u.reservation_line_id = a.reservation_line_id
      where not exists (select from leaving g where g.serial_id = u.serial_id)
    ), entry as (
      select 1 as step, o.line, o.reservation_line_id, o.bin_id, row(o.line, 'DEALLOCATE', o.product_id, o.warehouse_id, o.bin_id, 0, 0, 0,
               -count(*), o.reservation_line_id, order_ref, null, null, null, null, null, null, array_agg(o.serial_id))::openstock_core.movement as movement
      from other o
      where o.nth <= o.pins - o.stays
      group by o.line, o.reservation_line_id, o.product_id, o.warehouse_id, o.bin_id
      union all
      select case when g.pinned then 2 else 3 end, g.line, g.reservation_line_id, g.bin_id, row(g.line, 'SHIP', g.product_id, g.warehouse_id, g.bin_id,
               -count(*), 0, -count(*), case when g.pinned then -count(*) else 0 end,
               g.reservation_line_id, order_ref, null, null, null, null, null, null, array_agg(g.serial_id))::openstock_core.movement
      from leaving g
      group by g.line, g.reservation_line_id, g.product_id, g.warehouse_id, g.bin_id, g.pinned
    )
    select e.movement from entry e order by e.line, e.reservation_line_id, e.step, e.bin_id);
end
$$;

revoke all on function openstock_core.plan_named_shipment from public;
grant execute on function openstock_core.plan_named_shipment to openstock_api;
comment on function openstock_core.plan_named_shipment is
  'SHIP movements for these pieces, and DEALLOCATE movements for pins of their lines that give way. Errors: OS113 where one is pinned to another line.';

reset role;

-- sql/functions/openstock_core/missing_in_bins.sql
-- Says which lines of a shipment bins cannot give. Reads: product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.missing_in_bins(tenant uuid, taken openstock_core.taken_line[], picks openstock_core.pick[])
returns jsonb
language sql
stable
begin atomic
  select jsonb_agg(jsonb_build_object('line', m.line, 'sku', p.sku, 'warehouse', w.code, 'qty', m.qty, 'in_bins', m.in_bins) order by m.line, p.sku, w.code)
  from (
    select t.line, t.product_id, t.warehouse_id, trim_scale(sum(t.qty)) as qty, trim_scale(coalesce(sum(f.qty), 0)) as in_bins
    from unnest(taken) as t
    left join (select k.reservation_line_id, sum(k.qty) as qty from unnest(picks) as k group by k.reservation_line_id) as f
      on f.reservation_line_id = t.reservation_line_id
    group by t.line, t.product_id, t.warehouse_id
    having sum(t.qty) > coalesce(sum(f.qty), 0)
  ) as m
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = m.product_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = m.warehouse_id;
end;

revoke all on function openstock_core.missing_in_bins from public;
grant execute on function openstock_core.missing_in_bins to openstock_api;
comment on function openstock_core.missing_in_bins is
  'Of what is taken of lines the rows (line, sku, warehouse, qty, in_bins) where the picks, with the line''s own pins, are less; null where none is.';

reset role;

-- sql/functions/openstock_core/plan_shipment.sql
-- Plans which bins a shipment leaves: the line's own allocations first, the oldest before the newer, then free units by
-- the removal rule. The order and its levels are locked, so its allocations stay what they are. Writes and locks: as find_picks.
-- Reads: allocation, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.plan_shipment(
  tenant uuid, op_id text, order_ref text, taking openstock_core.taking)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taken constant openstock_core.taken_line[] := taking.lines;
  due openstock_core.due := taking.due;
  locked record;
  named_bins bigint[] := array[]::bigint[];
  needs openstock_core.pick[];
  pinned openstock_core.pick[];
  free openstock_core.pick[];
begin
  pinned := array(
    select row(s.reservation_line_id, s.product_id, s.warehouse_id, s.bin_id, trim_scale(least(s.qty, s.wanted - s.before)), null)::openstock_core.pick
    from (
      select t.reservation_line_id, t.product_id, t.warehouse_id, t.qty as wanted, a.bin_id, a.qty,
             sum(a.qty) over (partition by a.reservation_line_id order by a.created_at, a.bin_id) - a.qty as before
      from unnest(taken) as t
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id
      where a.bin_id <> all (due.lot_bin_ids)
    ) as s
    where s.before < s.wanted);
  needs := array(
    select row(t.reservation_line_id, t.product_id, t.warehouse_id, null, t.qty - coalesce(p.qty, 0), null)::openstock_core.pick
    from unnest(taken) as t
    left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(pinned) as u group by 1) as p
      on p.reservation_line_id = t.reservation_line_id
    where t.qty > coalesce(p.qty, 0)
    order by t.reservation_line_id);
  if cardinality(taking.named) > 0 then
    select s.bin_ids, s.due into locked from openstock_core.serial_bins(tenant, taking.named, due) as s;
    named_bins := locked.bin_ids;
    due := locked.due;
  end if;
  free := openstock_core.find_picks(tenant, op_id, needs, named_bins || array(select distinct p.bin_id from unnest(pinned) as p), '{}', due);
  if openstock_core.units(free) < openstock_core.units(needs) then
    perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref,
      'lines', openstock_core.missing_in_bins(tenant, taken, pinned || free)));
  end if;

  return array(
    select row(t.line, 'SHIP', p.product_id, p.warehouse_id, p.bin_id, -p.qty, 0, -p.qty,
               case when p.pinned then -p.qty else 0 end, p.reservation_line_id, order_ref, null, null, null, null, null, null, p.serial_ids)::openstock_core.movement
    from (select u.*, true as pinned from unnest(pinned) as u union all select u.*, false from unnest(free) as u) as p
    join unnest(taken) as t on t.reservation_line_id = p.reservation_line_id
    order by t.line, p.reservation_line_id, p.pinned desc, p.bin_id)
    || case when cardinality(taking.named) > 0 then openstock_core.plan_named_shipment(tenant, order_ref, taking.named) end;
end
$$;

revoke all on function openstock_core.plan_shipment from public;
grant execute on function openstock_core.plan_shipment to openstock_api;
comment on function openstock_core.plan_shipment is
  'SHIP movements for these lines. Errors: OS201 where bins no longer hold what was promised, and those of plan_named_shipment.';

reset role;

-- sql/functions/openstock_core/shipment_answer.sql
-- The answer of ship. Reads: product, warehouse, location, lot, serial_unit.
set local role openstock_owner;

create or replace function openstock_core.shipment_answer(tenant uuid, order_ref text, entries openstock_core.posted[])
returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
      'order_ref', order_ref, 'line', e.line, 'sku', p.sku, 'warehouse', w.code, 'location', l.code, 'lot', t.code,
      'handling_unit', h.code,
      'qty', -e.qty_delta, 'serials', case when e.serial_ids is not null then openstock_core.serial_names(tenant, e.serial_ids) end,
      'on_hand', e.on_hand, 'blocked', e.blocked, 'reserved', e.reserved, 'available', e.available,
      'entry_id', e.entry_id, 'recorded_at', e.recorded_at, 'replayed', false) order by e.ord), '[]')
    from unnest(entries) as e
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = e.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = e.warehouse_id
    join openstock_core.location l on l.tenant_id = tenant and l.location_id = e.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = e.lot_id
    left join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = e.handling_unit_id
    where e.event_type = 'SHIP');
end
$$;

revoke all on function openstock_core.shipment_answer from public;
grant execute on function openstock_core.shipment_answer to openstock_api;
comment on function openstock_core.shipment_answer is
  'Entries as an array of openstock.shipment_line.';

reset role;

-- sql/functions/openstock/allocate.sql
-- Pins an order's promised units to bins and lots. Writes: operation, event, ledger (ALLOCATE), stock_bin, reservation_line (changes),
-- allocation, and what book_due writes. Locks: operation, order, and what find_picks_of_orders locks.
set local role openstock_api;

create or replace function openstock.allocate(
  op_id text, order_ref text, removal text default null, on_shortage text default 'partial', whole_units boolean default false, tenant uuid default null)
returns setof openstock.allocation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'removal', removal, 'on_shortage', on_shortage, 'whole_units', nullif(whole_units, false));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'allocate', arguments);
  order_id bigint;
  chosen record;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_choice('removal', removal, array['fefo', 'fifo', 'lifo', 'fewest_bins']);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial', 'error']);
    order_id := openstock_core.lock_known_order(acting, order_ref);
    select f.needs, f.picks into chosen
    from openstock_core.find_picks_of_orders(acting, op_id, array[order_id], null, false, removal, coalesce(whole_units, false), null) as f;
    if chosen.needs is null then
      perform openstock_core.fail_nothing_open(acting, order_id, order_ref);
    end if;

    if coalesce(on_shortage, 'partial') <> 'partial' and openstock_core.units(chosen.picks) < openstock_core.units(chosen.needs) then
      chosen.picks := '{}';
    end if;
    chosen.picks := openstock_core.pin(acting, op_id, chosen.picks, null);
    answer := openstock_core.allocation_answer(acting, chosen.needs, chosen.picks);
    if on_shortage = 'error' and answer @> '[{"outcome": "short"}]' then
      perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', answer));
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.allocate from public;
grant execute on function openstock.allocate to openstock_app;
comment on function openstock.allocate is
  'Pins all promised units of an order that are not pinned yet to bins and lots, by the product''s removal rule or the one given (fefo, fifo, lifo, or '
  'fewest_bins: the fullest first). whole_units: pallets, totes and cartons whose free units of the product all fit what a line needs go first, '
  'as they are. on_shortage: partial (pins what there is, default), reject (pins nothing) or error (OS201). Returns a row per line and '
  'bin, and a row with outcome short for what no bin could give. Holds are pinned too. Errors: 22023, OS010, OS201, OS301, OS302, OS303 (all of it waits), OS305.';

reset role;

-- sql/functions/openstock/deallocate.sql
-- Takes pins off an order's units; they stay promised. Writes: operation, event, ledger (DEALLOCATE), stock_bin, reservation_line (changes),
-- allocation, serial_unit, ledger_serial, and what book_due writes. Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by
-- bin_id.
set local role openstock_api;

create or replace function openstock.deallocate(
  op_id text, order_ref text, lines jsonb default null, reason text default null, tenant uuid default null)
returns setof openstock.allocation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', reason);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'deallocate', arguments);
  locked record;
  pinned openstock_core.open_line[];
  taken openstock_core.taken_line[];
  kept integer;
  freed openstock_core.movement[];
  entries openstock_core.posted[];
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number"}', 1000, 'line and warehouse');
    end if;
    select l.line_ids, l.due into locked from openstock_core.lock_open_lines(acting, order_ref, false) as l;
    update openstock_core.reservation_line l set changes = l.changes + 1
    where l.tenant_id = acting and l.reservation_line_id = any (locked.line_ids);
    perform openstock_core.settle_bins(acting, op_id, array(
      select distinct a.bin_id from openstock_core.allocation a
      where a.tenant_id = acting and a.reservation_line_id = any (locked.line_ids)), '{}', locked.due);

    pinned := array(
      select row(o.reservation_line_id, null, o.line, o.product_id, o.warehouse_id, a.qty)::openstock_core.open_line
      from unnest(openstock_core.open_lines(acting, locked.line_ids, '{}')) as o
      cross join lateral (select sum(s.qty) as qty from openstock_core.allocation s
                          where s.tenant_id = acting and s.reservation_line_id = o.reservation_line_id) as a
      join openstock_core.reservation_line n on n.tenant_id = acting and n.reservation_line_id = o.reservation_line_id
      where a.qty > 0 and (lines is not null or num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) = 0));
    taken := case when lines is not null then openstock_core.match_order_lines(acting, order_ref, pinned, lines, 'allocated') else array(
      select row(p.reservation_line_id, p.line, p.product_id, p.warehouse_id, p.units, p.units, null, null)::openstock_core.taken_line
      from unnest(pinned) as p) end;
    select t.line into kept
    from unnest(taken) as t
    join openstock_core.reservation_line n on n.tenant_id = acting and n.reservation_line_id = t.reservation_line_id
    where num_nonnulls(n.location_id, n.lot_id, n.min_days_left, n.serial_ids) > 0
    order by t.line limit 1;
    if kept is not null then
      perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'order_line', kept, 'order_ref', order_ref,
        'problem', 'it asks for a location, a lot, days left or serials, and stays pinned as long as it is promised'));
    end if;
    freed := openstock_core.unpin_from_lines(acting, order_ref, taken, reason);
    entries := array(select e from openstock_core.post(acting, op_id, freed, null, null, null) as e);
    answer := openstock_core.pick_rows(acting, array_fill('deallocated'::text, array[cardinality(freed)]), array(
      select row(f.reservation_line_id, f.product_id, f.warehouse_id, f.bin_id, -f.allocated_delta, e.serial_ids)::openstock_core.pick
      from unnest(freed) with ordinality as f
      join unnest(entries) as e on e.ord = f.ordinality
      order by f.line, f.bin_id));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.deallocate from public;
grant execute on function openstock.deallocate to openstock_app;
comment on function openstock.deallocate is
  'Takes pins off an order''s units, which stay promised: all of them, or lines: each names a line or a sku (and a warehouse), with qty or all that is pinned. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'The newest pins go first. A line that asks for a location, a lot, days left or serials stays pinned as long as it is promised. Returns a row with outcome deallocated per line and bin; none where nothing is pinned. '
  'Errors: 22023, OS010, OS110, OS301, OS302, OS303 (less is pinned), OS305.';

reset role;

-- sql/functions/openstock_core/served_orders.sql
-- Says which orders get something of what was found for them; or which are to be tried next, until each of them gets everything. Reads: reservation_line.
set local role openstock_owner;

create or replace function openstock_core.served_orders(
  tenant uuid, order_ids bigint[], needs openstock_core.pick[], picks openstock_core.pick[], whole_only boolean)
returns bigint[]
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  free numeric[];
  wanted record;
  freed bigint[] := array[]::bigint[];
  served bigint[] := array[]::bigint[];
begin
  if whole_only is not true then
    return array(
      select distinct l.reservation_id
      from unnest(picks) as p
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id);
  end if;
  -- For lines that any units will do for: of a product that is not short, as much was found as is needed; of others, all that there is. What lines that ask
  -- for certain units leave is no more, since they keep a claim on it.
  free := array(
    select coalesce((
      select sum(p.qty) from unnest(picks) as p
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
      where p.product_id = n.product_id and num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) = 0), 0)
    from unnest(needs) as n group by n.product_id order by n.product_id);
  for wanted in
    select o.reservation_id, array_agg(o.place) as places, array_agg(o.qty) as units,
           array_agg(o.place) filter (where o.lacks) as lacking, array_agg(o.place) filter (where o.certain > 0) as taken
    from (select l.reservation_id, dense_rank() over (order by n.product_id) as place, coalesce(sum(n.qty) filter (where not c.certain), 0) as qty,
                 sum(p.qty) filter (where c.certain) as certain, bool_or(c.certain and n.qty > coalesce(p.qty, 0)) as lacks
          from unnest(needs) as n
          join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id
          cross join lateral (select num_nonnulls(l.location_id, l.lot_id, l.min_days_left, l.serial_ids) > 0 as certain) as c
          left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(picks) as u group by 1) as p
            on p.reservation_line_id = n.reservation_line_id
          group by l.reservation_id, n.product_id) as o
    group by o.reservation_id
    order by array_position(order_ids, o.reservation_id)
  loop
    if not (select bool_and(free[u.place] >= u.qty) from unnest(wanted.places, wanted.units) as u (place, qty)) then
      freed := freed || wanted.taken;
    elsif wanted.lacking is null then
      for i in 1 .. cardinality(wanted.places) loop
        free[wanted.places[i]] := free[wanted.places[i]] - wanted.units[i];
      end loop;
      served := served || wanted.reservation_id;
    elsif wanted.lacking && freed then
      -- What an order before it leaves may be the certain units that it lacks.
      served := served || wanted.reservation_id;
    else
      freed := freed || wanted.taken;
    end if;
  end loop;
  return served;
end
$$;

revoke all on function openstock_core.served_orders from public;
grant execute on function openstock_core.served_orders to openstock_api;
comment on function openstock_core.served_orders is
  'The orders that get something of these picks at one warehouse; or those that can get all they need, where each order that cannot leaves what there is to '
  'those behind it.';

reset role;

-- sql/functions/openstock_core/claim_orders.sql
-- Takes the next orders that a picker could work on, skipping those that others hold. Locks: order.
-- Writes: reservation (changes). Reads: reservation_line, allocation, stock_bin. What is found unlocked is only a hint: the caller locks
-- the lines and looks again.
set local role openstock_owner;

create or replace function openstock_core.claim_orders(tenant uuid, warehouse_id bigint, most integer, passed_over bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  at constant timestamptz := openstock.server_time();
  order_ids constant bigint[] := array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant and r.reservation_id <> all (passed_over) and r.reservation_id in (
      select l.reservation_id
      from openstock_core.reservation_line l
      where l.tenant_id = tenant and l.warehouse_id = claim_orders.warehouse_id and l.reserved > 0 and l.expires_at is null
        and l.reserved > (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
                          where a.tenant_id = tenant and a.reservation_line_id = l.reservation_line_id)
        and exists (select from openstock_core.stock_bin b
                    where b.tenant_id = tenant and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
                      and b.on_hand > 0 and not b.blocked
                      and (b.on_hand > b.allocated or exists (
                        select from openstock_core.allocation a
                        join openstock_core.reservation_line h on h.tenant_id = tenant and h.reservation_line_id = a.reservation_line_id
                        where a.tenant_id = tenant and a.bin_id = b.bin_id and h.expires_at <= at))))
    order by r.priority desc, r.promised_at nulls last, r.created_at, r.reservation_id
    limit most
    for no key update skip locked);
begin
  update openstock_core.reservation r set changes = r.changes + 1
  where r.tenant_id = tenant and r.reservation_id = any (order_ids);
  -- A row that changed before it was locked may have been read out of order.
  return array(
    select r.reservation_id
    from openstock_core.reservation r
    where r.tenant_id = tenant and r.reservation_id = any (order_ids)
    order by r.priority desc, r.promised_at nulls last, r.created_at, r.reservation_id);
end
$$;

revoke all on function openstock_core.claim_orders from public;
grant execute on function openstock_core.claim_orders to openstock_api;
comment on function openstock_core.claim_orders is
  'Locks at most so many orders that have units promised at the warehouse, without end and not pinned, of products that some bin there has free, or pinned to holds '
  'that have ended; by priority, promised time and age.';

reset role;

-- sql/functions/openstock/allocate_next.sql
-- Pins the units of the orders that are next. Writes: operation, event, ledger (ALLOCATE), stock_bin, reservation (changes), reservation_line
-- (changes), allocation, and what book_due writes. Locks: operation, order (skipping those in use), and what find_picks_of_orders locks.
set local role openstock_api;

create or replace function openstock.allocate_next(
  op_id text, warehouse text, max_orders integer default 10, removal text default null, on_shortage text default 'partial',
  tenant uuid default null)
returns setof openstock.allocation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('warehouse', warehouse, 'max_orders', max_orders, 'removal', removal, 'on_shortage', on_shortage);
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'allocate_next', arguments);
  place bigint;
  claimed bigint[];
  passed_over bigint[] := array[]::bigint[];
  chosen record;
begin
  if answer is null then
    perform openstock_core.check_choice('removal', removal, array['fefo', 'fifo', 'lifo', 'fewest_bins']);
    perform openstock_core.check_choice('on_shortage', on_shortage, array['reject', 'partial']);
    if max_orders is null or max_orders not between 1 and 1000 then
      perform openstock_core.fail('22023', '{"argument": "max_orders", "problem": "must be between 1 and 1000"}');
    end if;
    place := openstock_core.find_warehouse(acting, warehouse, false);
    -- Orders that turn out to get nothing are passed over; nothing but the orders themselves is locked then.
    loop
      claimed := openstock_core.claim_orders(acting, place, max_orders, passed_over);
      exit when cardinality(claimed) = 0;
      select f.needs, f.picks into chosen
      from openstock_core.find_picks_of_orders(acting, op_id, claimed, place, true, removal, false, coalesce(on_shortage, 'partial')) as f;
      exit when cardinality(chosen.picks) > 0;
      passed_over := passed_over || claimed;
    end loop;

    answer := '[]';
    if cardinality(claimed) > 0 then
      chosen.picks := openstock_core.pin(acting, op_id, chosen.picks, null);
      answer := openstock_core.allocation_answer(acting, chosen.needs, chosen.picks);
    end if;
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.allocate_next from public;
grant execute on function openstock.allocate_next to openstock_app;
comment on function openstock.allocate_next is
  'Pins what the next orders at a warehouse are promised, by priority, promised time and age: of at most so many orders (1 to 1,000). Holds are left out. Orders '
  'that others work on are skipped, so that any number of workers may pull at once and none gets an order twice. removal: as allocate''s. on_shortage: partial (an '
  'order may get a part) or reject (only orders that get everything promised here). Returns the rows of allocate for the orders that got something; no row: there '
  'is no work. Errors: 22023, OS010, OS103.';

reset role;

-- sql/functions/openstock_core/match_short_picks.sql
-- Finds the pins that a short pick means, newest first. The levels, lines and bins are locked. Reads: allocation, serial_unit, stock_bin, location, lot, product,
-- warehouse.
set local role openstock_owner;

create or replace function openstock_core.match_short_picks(
  tenant uuid, order_ref text, available openstock_core.open_line[], expired bigint[], lines jsonb)
returns openstock_core.pick[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  with given as materialized (
    select g.n, g.line, normalize(btrim(g.sku)) as sku, normalize(btrim(g.warehouse)) as warehouse, normalize(btrim(g.location)) as location,
           normalize(btrim(g.lot)) as lot, trim_scale(coalesce(g.qty, jsonb_array_length(g.serials))) as qty,
           case when g.serials is not null then array(select normalize(btrim(s)) from jsonb_array_elements_text(g.serials) as s) end as serials
    from rows from (jsonb_to_recordset(lines) as (line integer, sku text, warehouse text, location text, lot text, qty numeric, serials jsonb))
      with ordinality as g (line, sku, warehouse, location, lot, qty, serials, n)
  ), pin as materialized (
    select o.reservation_line_id, o.line, o.product_id, o.warehouse_id, a.bin_id, a.qty, a.created_at, p.sku::text as sku, p.decimals, p.tracking,
           w.code::text as warehouse, c.code::text as location, t.code::text as lot
    from unnest(available) as o
    join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = o.reservation_line_id
      and a.bin_id <> all (expired)
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = a.bin_id
    join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = o.warehouse_id
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  ), matched as materialized (
    -- Of products tracked by serial the pieces there that are named, or all.
    select g.n, g.qty as wanted, i.reservation_line_id, i.line, i.product_id, i.warehouse_id, i.bin_id, i.decimals, k.units as qty, s.serial_ids,
           sum(k.units) over (partition by g.n order by i.created_at desc, i.reservation_line_id desc, i.bin_id) - k.units as before,
           count(*) over (partition by i.reservation_line_id, i.bin_id) as named
    from given g
    join pin i on (g.line is null or g.line = i.line) and (g.sku is null or g.sku = i.sku) and (g.warehouse is null or g.warehouse = i.warehouse)
      and g.location = i.location and (g.lot is null or g.lot = i.lot) and coalesce(g.line::text, g.sku) is not null
    cross join lateral (
      select array_agg(u.serial_id order by u.serial_id) as serial_ids
      from openstock_core.serial_unit u
      where i.tracking = 'serial' and u.tenant_id = tenant and u.bin_id = i.bin_id and u.reservation_line_id = i.reservation_line_id
        and (g.serials is null or u.serial = any (g.serials))) as s
    cross join lateral (select coalesce(cardinality(s.serial_ids), i.qty) as units) as k
    where g.serials is null or s.serial_ids is not null
  ), problem as (
    select g.n, case
      when coalesce(g.line::text, g.sku) is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'must name a line or a sku')
      when g.serials is not null and exists (
        select from pin i where (g.line is null or g.line = i.line) and (g.sku is null or g.sku = i.sku) and i.tracking <> 'serial') then
        jsonb_build_object('code', 'OS112', 'problem', 'the product is not tracked by serial')
      when cardinality(g.serials) <> g.qty then
        jsonb_build_object('code', 'OS112', 'qty', g.qty, 'serials', cardinality(g.serials), 'problem', 'must be as many as units')
      when openstock_core.quantity_problem(g.qty, coalesce(m.decimals, 6), 'positive') is not null then
        jsonb_build_object('code', 'OS110', 'problem', openstock_core.quantity_problem(g.qty, coalesce(m.decimals, 6), 'positive'))
      when m.products > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'the line is of kits: name the component')
      when m.named > 1 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'names what another entry names too')
      when g.qty > coalesce(m.qty, 0) then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'location', g.location, 'asked', g.qty, 'allocated', coalesce(m.qty, 0))
      end as what
    from given g
    left join (select o.n, min(o.decimals) as decimals, max(o.named) as named, count(distinct o.product_id) as products, sum(o.qty) as qty from matched o group by o.n) as m on m.n = g.n
  )
  select (select array_agg(row(m.reservation_line_id, m.product_id, m.warehouse_id, m.bin_id,
                               trim_scale(least(m.qty, m.wanted - m.before)),
                               m.serial_ids[1:least(m.qty, m.wanted - m.before)::integer])::openstock_core.pick order by m.line, m.reservation_line_id, m.bin_id)
          from matched m where m.before < m.wanted) as pins, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;

  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  return bad.pins;
end
$$;

revoke all on function openstock_core.match_short_picks from public;
grant execute on function openstock_core.match_short_picks to openstock_api;
comment on function openstock_core.match_short_picks is
  'Which pins lose how much; those in bins whose lot has expired are none any more. Errors: 22023, OS110, OS112, OS303, each with the entry''s place.';

reset role;

-- sql/functions/openstock_core/make_held_bins.sql
-- Finds or makes the bins in which units are held that are missing from others: same place, product and lot, and loose, for they
-- are not found in what was picked from. The levels are locked.
-- Writes: stock_bin. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.make_held_bins(tenant uuid, sources bigint[]) returns bigint[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.make_bins(tenant, k.warehouse_id, k.keys)
  from (select b.warehouse_id, array_agg(distinct row(b.location_id, b.product_id, b.lot_id, 'hold', null)::openstock_core.bin_key) as keys
        from openstock_core.stock_bin b
        where b.tenant_id = tenant and b.bin_id = any (sources)
        group by b.warehouse_id) as k;
  return openstock_core.find_bins(tenant, array(
    select row(b.location_id, b.product_id, b.lot_id, 'hold', null)::openstock_core.bin_key
    from unnest(sources) with ordinality as s (bin_id, n)
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = s.bin_id
    order by s.n));
end
$$;

revoke all on function openstock_core.make_held_bins from public;
grant execute on function openstock_core.make_held_bins to openstock_api;
comment on function openstock_core.make_held_bins is
  'The bins'' ids in the order of the sources.';

reset role;

-- sql/functions/openstock_core/replace_pins.sql
-- Takes pins off units that are missing, holds them, and pins others. Writes: ledger (DEALLOCATE, STATUS, ALLOCATE), stock_level, stock_bin,
-- reservation_line (changes), allocation, serial_unit, ledger_serial, and what book_due writes.
-- Locks: order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_owner;

create or replace function openstock_core.replace_pins(tenant uuid, op_id text, order_ref text, lines jsonb, reason text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  locked record;
  missing openstock_core.pick[];
  needs openstock_core.pick[];
  sources bigint[];
  targets bigint[];
  picks openstock_core.pick[];
begin
  select l.line_ids, l.due into locked from openstock_core.lock_open_lines(tenant, order_ref, false) as l;
  update openstock_core.reservation_line l set changes = l.changes + 1
  where l.tenant_id = tenant and l.reservation_line_id = any (locked.line_ids);
  -- Under the levels' locks pins move no more; those in lots that have expired go when that is booked with the bins.
  missing := openstock_core.match_short_picks(tenant, order_ref, openstock_core.open_lines(tenant, locked.line_ids, '{}'),
                                              (locked.due).lot_bin_ids, lines);
  sources := array(select m.bin_id from unnest(missing) as m);
  targets := openstock_core.make_held_bins(tenant, sources);
  needs := array(
    select row(m.reservation_line_id, m.product_id, m.warehouse_id, null, sum(m.qty), null)::openstock_core.pick
    from unnest(missing) as m group by m.reservation_line_id, m.product_id, m.warehouse_id order by m.reservation_line_id);
  picks := openstock_core.find_picks(tenant, op_id, needs, sources || targets, sources, locked.due);
  perform openstock_core.inherit_ages(tenant, sources, targets);

  perform openstock_core.post(tenant, op_id, array(
    select e.movement from (
      select m.n, s.step, row(case when s.step = 1 then 0 else l.line end, case when s.step = 1 then 'DEALLOCATE' else 'STATUS' end, m.product_id,
               m.warehouse_id, case when s.step = 3 then targets[m.n] else m.bin_id end,
               case s.step when 1 then 0 when 2 then -m.qty else m.qty end, case when s.step = 3 then m.qty else 0 end, 0,
               case when s.step = 1 then -m.qty else 0 end, case when s.step = 1 then m.reservation_line_id end, case when s.step = 1 then order_ref end,
               null, reason, null, null, null, null, m.serial_ids)::openstock_core.movement as movement
      from unnest(missing) with ordinality as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
      join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = m.reservation_line_id
      cross join generate_series(1, 3) as s (step)) as e
    order by e.n, e.step), null, null, null);
  picks := openstock_core.pin(tenant, op_id, picks, reason);
  return openstock_core.pick_rows(tenant, array_fill('deallocated'::text, array[cardinality(missing)]), missing)
    || openstock_core.pick_rows(tenant, array_fill('held'::text, array[cardinality(missing)]), array(
      select row(m.reservation_line_id, m.product_id, m.warehouse_id, targets[m.n], m.qty, m.serial_ids)::openstock_core.pick
      from unnest(missing) with ordinality as m (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)))
    || openstock_core.allocation_answer(tenant, needs, picks);
end
$$;

revoke all on function openstock_core.replace_pins from public;
grant execute on function openstock_core.replace_pins to openstock_api;
comment on function openstock_core.replace_pins is
  'Replaces the pins that a short pick names, and returns the answer of short_pick. Errors: those of lock_open_lines and match_short_picks.';

reset role;

-- sql/functions/openstock/short_pick.sql
-- Says that units which a picker was sent for are not there: they are un-pinned and held, and others pinned instead.
-- Writes: operation, event, ledger (DEALLOCATE, STATUS, ALLOCATE), stock_level, stock_bin, reservation_line (changes), allocation, and what
-- book_due writes. Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
-- The units stay at their location and lot, and enter as held, which nothing about either can change: so neither is shared.
set local role openstock_api;

create or replace function openstock.short_pick(
  op_id text, order_ref text, lines jsonb, reason text default 'short pick', tenant uuid default null)
returns setof openstock.allocation_change
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reason', coalesce(reason, 'short pick'));
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'short_pick', arguments);
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(null, null, reason, null);
    perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "location": "code!", "lot": "code",
      "qty": "number! or serials", "serials": "codes"}', 1000, null);
    answer := openstock_core.replace_pins(acting, op_id, order_ref, lines, coalesce(reason, 'short pick'));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.allocation_change, answer);
end
$$;

revoke all on function openstock.short_pick from public;
grant execute on function openstock.short_pick to openstock_app;
comment on function openstock.short_pick is
  'Records that a picker did not find units pinned to an order, and finds others. lines: location and qty (what is missing), and line or sku, optionally '
  'warehouse and lot; serials (which pieces are missing; qty may be left out) where the product is tracked by serial, otherwise the first pinned there. The missing units are de-allocated and become held at their location (status hold: on_hand stays until a count decides, and nobody is '
  'promised them); as many are pinned elsewhere, never in the bins named. Returns rows with outcome deallocated, held, allocated and short. '
  'Errors: 22023, OS010, OS110, OS112, OS301, OS302, OS303 (less is pinned there), OS305.';

reset role;

-- sql/functions/openstock/ship.sql
-- Sends promised units out: those pinned to bins first, the rest from bins by the removal rule.
-- Writes: operation, event, ledger (SHIP), stock_level, stock_bin, reservation_line, allocation, serial_unit, ledger_serial.
-- Locks: operation, order, stock_level by (product, warehouse), reservation_line by id, stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock.ship(
  op_id text, order_ref text, lines jsonb default null,
  reference text default null, note text default null, occurred_at timestamptz default null, tenant uuid default null)
returns setof openstock.shipment_line
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  arguments constant jsonb := jsonb_build_object('order_ref', order_ref, 'lines', lines, 'reference', reference, 'note', note,
    'occurred_at', occurred_at at time zone 'UTC');
  answer jsonb := openstock_core.begin_operation(acting, op_id, 'ship', arguments);
  taking openstock_core.taking;
begin
  if answer is null then
    order_ref := openstock_core.check_text('order_ref', 'code!', order_ref);
    perform openstock_core.check_call(reference, note, null, occurred_at);
    if lines is not null then
      perform openstock_core.check_lines(lines, '{"line": "integer", "sku": "code", "warehouse": "code", "qty": "number", "serials": "codes"}', 1000, 'line and warehouse');
    end if;
    taking := openstock_core.take_order_lines(acting, order_ref, lines, false);
    answer := openstock_core.shipment_answer(acting, order_ref, array(
      select p from openstock_core.post(acting, op_id,
        openstock_core.plan_shipment(acting, op_id, order_ref, taking), occurred_at, reference, note) as p));
    perform openstock_core.finish_operation(acting, op_id, answer);
  end if;
  return query select * from jsonb_populate_recordset(null::openstock.shipment_line, answer);
end
$$;

revoke all on function openstock.ship from public;
grant execute on function openstock.ship to openstock_app;
comment on function openstock.ship is
  'Sends an order''s promised units out: all of them, or lines: each names a line or a sku (and a warehouse), with qty or all that is reserved. '
  'Of a line of kits, qty counts kits, or with the line the units of a component. '
  'Units pinned to bins go first, the rest is taken by the removal rule. Where the product is tracked by serial, lines may name the pieces (serials): those pinned to '
  'the line, or free ones of its warehouse. Returns a row per line and bin. '
  'Holds are shipped too. Errors: 22023, OS010, OS110 to OS113, OS201 (promised units were lost), OS301, OS302, OS303, OS305.';

reset role;

-- sql/views/openstock/products.sql
-- Products, for reading.
set local role openstock_api;

create or replace view openstock.products with (security_barrier) as
select
  p.sku::text as sku, p.name, p.description, p.unit, p.decimals, p.tracking, p.removal, p.backorder,
  p.backorder_limit::numeric as backorder_limit, p.safety_stock::numeric as safety_stock,
  p.reorder_point::numeric as reorder_point, p.reorder_quantity::numeric as reorder_quantity, p.lead_time,
  p.attributes::jsonb as attributes, p.active, p.created_at, p.updated_at
from openstock_core.product p
where p.tenant_id = (select openstock.current_tenant());

comment on view openstock.products is 'Products of the current tenant. For words and attributes use openstock.search_products.';
comment on column openstock.products.sku is 'Stock keeping unit.';
comment on column openstock.products.name is 'For people.';
comment on column openstock.products.description is 'For people.';
comment on column openstock.products.unit is 'Unit of its quantities, UN/CEFACT Recommendation 20 code.';
comment on column openstock.products.decimals is 'Decimals allowed in a quantity.';
comment on column openstock.products.tracking is 'none, lot or serial.';
comment on column openstock.products.removal is 'Which units go first: fefo, fifo, lifo or fewest_bins.';
comment on column openstock.products.backorder is 'none, unlimited or limited.';
comment on column openstock.products.backorder_limit is 'Units that may wait on backorder, where limited.';
comment on column openstock.products.safety_stock is 'Units per warehouse that are kept out of promises.';
comment on column openstock.products.reorder_point is 'Order more when what is available falls to this.';
comment on column openstock.products.reorder_quantity is 'How much to order then.';
comment on column openstock.products.lead_time is 'From order to arrival.';
comment on column openstock.products.attributes is 'Anything else, as a JSON object.';
comment on column openstock.products.active is 'False: cannot be received or promised any more.';
comment on column openstock.products.created_at is 'When it was created.';
comment on column openstock.products.updated_at is 'When it was last changed.';
grant select on openstock.products to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/kits.sql
-- What kits are made of.
set local role openstock_api;

create or replace view openstock.kits with (security_barrier) as
select k.sku::text as sku, p.sku::text as component, c.qty::numeric as qty
from openstock_core.kit_component c
join openstock_core.product k on k.tenant_id = c.tenant_id and k.product_id = c.kit_id
join openstock_core.product p on p.tenant_id = c.tenant_id and p.product_id = c.component_id
where c.tenant_id = (select openstock.current_tenant());

comment on view openstock.kits is 'The kits of the current tenant, a row for each component. What was reserved of a kit keeps the components that it had then: see openstock.reservations.';
comment on column openstock.kits.sku is 'The kit.';
comment on column openstock.kits.component is 'A product that is part of it.';
comment on column openstock.kits.qty is 'Units of the component in one kit.';
grant select on openstock.kits to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/warehouses.sql
-- Warehouses, for reading.
set local role openstock_api;

create or replace view openstock.warehouses with (security_barrier) as
select w.code::text as warehouse, w.name, w.address::jsonb as address, w.latitude, w.longitude, w.priority,
  w.shipping_cost::numeric as shipping_cost, w.shipping_cost_by_zone, w.active, w.created_at, w.updated_at
from openstock_core.warehouse w
where w.tenant_id = (select openstock.current_tenant());

comment on view openstock.warehouses is 'Warehouses of the current tenant.';
comment on column openstock.warehouses.warehouse is 'Its code.';
comment on column openstock.warehouses.name is 'For people.';
comment on column openstock.warehouses.address is 'Postal address, as a JSON object.';
comment on column openstock.warehouses.latitude is 'Degrees north, WGS 84; null where the position is unknown.';
comment on column openstock.warehouses.longitude is 'Degrees east, WGS 84; null where the position is unknown.';
comment on column openstock.warehouses.priority is 'Order in which warehouses are asked for stock, the lowest first.';
comment on column openstock.warehouses.shipping_cost is
  'Cost of one shipment from it to a zone that shipping_cost_by_zone does not name; null where unknown.';
comment on column openstock.warehouses.shipping_cost_by_zone is 'Cost of one shipment from it by zone of destination, as a JSON object.';
comment on column openstock.warehouses.active is 'False: receives and promises nothing any more.';
comment on column openstock.warehouses.created_at is 'When it was created.';
comment on column openstock.warehouses.updated_at is 'When it was last changed.';
grant select on openstock.warehouses to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/locations.sql
-- Locations, for reading.
set local role openstock_api;

create or replace view openstock.locations with (security_barrier) as
select w.code::text as warehouse, l.code::text as location, l.kind, l.pick_order, l.active, l.created_at, l.updated_at
from openstock_core.location l
join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
where l.tenant_id = (select openstock.current_tenant());

comment on view openstock.locations is 'Locations (bins) of the current tenant''s warehouses.';
comment on column openstock.locations.warehouse is 'The warehouse''s code.';
comment on column openstock.locations.location is 'Its code within the warehouse.';
comment on column openstock.locations.kind is 'receiving, storage, picking, packing (promisable) or quarantine (not).';
comment on column openstock.locations.pick_order is 'Among bins that are equal by the removal rule, the lowest is picked first.';
comment on column openstock.locations.active is 'False: nothing can be put there any more.';
comment on column openstock.locations.created_at is 'When it was created.';
comment on column openstock.locations.updated_at is 'When it was last changed.';
grant select on openstock.locations to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/channels.sql
-- Sales channels, for reading.
set local role openstock_api;

create or replace view openstock.channels with (security_barrier) as
select c.code::text as channel, c.name, c.uses_safety_stock, c.active, c.created_at, c.updated_at
from openstock_core.channel c
where c.tenant_id = (select openstock.current_tenant());

comment on view openstock.channels is 'Sales channels of the current tenant.';
comment on column openstock.channels.channel is 'Its code.';
comment on column openstock.channels.name is 'For people.';
comment on column openstock.channels.uses_safety_stock is 'True: what is reserved for it may use the safety stock.';
comment on column openstock.channels.active is 'False: nothing is reserved for it any more.';
comment on column openstock.channels.created_at is 'When it was created.';
comment on column openstock.channels.updated_at is 'When it was last changed.';
grant select on openstock.channels to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/lots.sql
-- Lots, for reading.
set local role openstock_api;

create or replace view openstock.lots with (security_barrier) as
select p.sku::text as sku, t.code::text as lot, t.expires_on, t.quality, t.created_at, t.updated_at
from openstock_core.lot t
join openstock_core.product p on p.tenant_id = t.tenant_id and p.product_id = t.product_id
where t.tenant_id = (select openstock.current_tenant());

comment on view openstock.lots is 'Lots of the current tenant.';
comment on column openstock.lots.sku is 'The product.';
comment on column openstock.lots.lot is 'The lot''s code, unique within the product.';
comment on column openstock.lots.expires_on is 'Last day (UTC) on which it may be promised; null: does not expire.';
comment on column openstock.lots.quality is 'released: may be promised; hold: not yet, or not until it is looked into; rejected: no more.';
comment on column openstock.lots.created_at is 'When it was first received, or put.';
comment on column openstock.lots.updated_at is 'When its quality was last changed.';
grant select on openstock.lots to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/stock.sql
-- Stock per product and warehouse. Units of lots that expired are shown as blocked, and units of holds that ended as available, or kept for their channel, from
-- that moment on, whether or not it was booked already.
set local role openstock_api;

create or replace view openstock.stock with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, l.on_hand::numeric as on_hand, l.blocked + d.units as blocked,
  l.reserved - h.units as reserved, l.safety_stock::numeric as safety_stock, trim_scale(l.fenced + h.kept) as fenced,
  l.available - d.units + h.units - h.kept as available, l.version, nullif(l.last_recorded_at, '-infinity') as last_recorded_at
from moment m
cross join openstock_core.stock_level l
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
cross join lateral (
  select case when l.next_block_at <= m.at then (
    select coalesce(sum(b.on_hand), 0)
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
    where b.tenant_id = l.tenant_id and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked and (t.expires_on + 1)::timestamp at time zone 'UTC' <= m.at
  ) else 0 end as units
) as d
cross join lateral (
  select coalesce(sum(n.reserved), 0) as units, coalesce(sum(case when n.quota_used > 0 and exists (
      select from openstock_core.channel c where c.tenant_id = l.tenant_id and c.channel_id = n.channel_id and c.active)
    then least(n.reserved, n.quota_used) else 0 end), 0) as kept
  from openstock_core.reservation_line n
  where l.next_expiry_at <= m.at and n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
    and n.expires_at <= m.at and n.reserved > 0
) as h
where l.tenant_id = (select openstock.current_tenant());

comment on view openstock.stock is 'Stock of the current tenant per product and warehouse, as of now.';
comment on column openstock.stock.sku is 'The product.';
comment on column openstock.stock.warehouse is 'The warehouse''s code.';
comment on column openstock.stock.on_hand is 'Physical units.';
comment on column openstock.stock.blocked is 'The part of on_hand that cannot be promised: status, location or lot expiry says so.';
comment on column openstock.stock.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock.stock.safety_stock is 'Units kept out of promises.';
comment on column openstock.stock.fenced is 'Units kept for sales channels that have not used them.';
comment on column openstock.stock.available is
  'What can be promised to anyone while product and warehouse are active (see openstock.availability): on_hand - blocked - reserved - safety_stock - fenced; negative after a loss of promised units, and where more is kept than there is.';
comment on column openstock.stock.version is 'Ledger entries that changed it.';
comment on column openstock.stock.last_recorded_at is 'When the last of them was recorded; null before the first.';
grant select on openstock.stock to openstock_app, openstock_analyst, openstock_operator, openstock_maint;

reset role;

-- sql/views/openstock/quotas.sql
-- What is kept for sales channels. What holds that ended took from a quota is back in it from that moment on, whether or not it was booked already.
set local role openstock_api;

create or replace view openstock.quotas with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select c.code::text as channel, p.sku::text as sku, w.code::text as warehouse, trim_scale(q.qty + h.units) as qty
from moment m
cross join openstock_core.channel_quota q
join openstock_core.channel c on c.tenant_id = q.tenant_id and c.channel_id = q.channel_id
join openstock_core.product p on p.tenant_id = q.tenant_id and p.product_id = q.product_id
join openstock_core.warehouse w on w.tenant_id = q.tenant_id and w.warehouse_id = q.warehouse_id
join openstock_core.stock_level l on l.tenant_id = q.tenant_id and l.product_id = q.product_id and l.warehouse_id = q.warehouse_id
cross join lateral (
  select case when c.active and l.next_expiry_at <= m.at then (
    select coalesce(sum(least(n.reserved, n.quota_used)), 0)
    from openstock_core.reservation_line n
    where n.tenant_id = q.tenant_id and n.product_id = q.product_id and n.warehouse_id = q.warehouse_id and n.channel_id = q.channel_id
      and n.expires_at <= m.at and n.reserved > 0
  ) else 0 end as units
) as h
where q.tenant_id = (select openstock.current_tenant()) and q.qty + h.units > 0;

comment on view openstock.quotas is 'Units of the current tenant''s stock that are kept for sales channels; no row: none.';
comment on column openstock.quotas.channel is 'The channel''s code.';
comment on column openstock.quotas.sku is 'The product.';
comment on column openstock.quotas.warehouse is 'The warehouse''s code.';
comment on column openstock.quotas.qty is
  'Units still kept: what put_quotas said, less what the channel reserved of them, with what it gave back. May be more than there is.';
grant select on openstock.quotas to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/bins.sql
-- What each bin holds.
set local role openstock_api;

create or replace view openstock.bins with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, h.code::text as handling_unit, t.expires_on, b.status,
  b.on_hand::numeric as on_hand,
  case when b.blocked or (t.expires_on + 1)::timestamp at time zone 'UTC' <= m.at then b.on_hand::numeric else 0 end as blocked,
  case when b.allocated > 0 then trim_scale(b.allocated - (
    select coalesce(sum(a.qty), 0)
    from openstock_core.allocation a
    join openstock_core.reservation_line n on n.tenant_id = a.tenant_id and n.reservation_line_id = a.reservation_line_id
    where a.tenant_id = b.tenant_id and a.bin_id = b.bin_id and n.expires_at <= m.at and n.reserved > 0)) else 0 end as allocated,
  b.received_at
from moment m
cross join openstock_core.stock_bin b
join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
join openstock_core.location c on c.tenant_id = b.tenant_id and c.location_id = b.location_id
left join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
left join openstock_core.handling_unit h on h.tenant_id = b.tenant_id and h.handling_unit_id = b.handling_unit_id
where b.on_hand > 0 and b.tenant_id = (select openstock.current_tenant());

comment on view openstock.bins is 'Units of the current tenant per location, product, lot, status and handling unit; empty bins are left out.';
comment on column openstock.bins.sku is 'The product.';
comment on column openstock.bins.warehouse is 'The warehouse''s code.';
comment on column openstock.bins.location is 'The location''s code.';
comment on column openstock.bins.lot is 'The lot''s code, or null.';
comment on column openstock.bins.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.bins.expires_on is 'The lot''s last day (UTC), or null.';
comment on column openstock.bins.status is 'Stock status: available, hold, quarantine or damaged.';
comment on column openstock.bins.on_hand is 'Physical units.';
comment on column openstock.bins.blocked is 'The part of on_hand that cannot be promised: all or nothing of a bin.';
comment on column openstock.bins.allocated is 'The part of on_hand that is pinned to orders, holds that have ended left out.';
comment on column openstock.bins.received_at is 'When units came into the empty bin: its age for fifo and lifo.';
grant select on openstock.bins to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/ledger.sql
-- The history, by name.
set local role openstock_api;

create or replace view openstock.ledger with (security_barrier) as
select
  e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at) as occurred_at, e.op_id, e.line, e.event_type::text as event_type,
  p.sku::text as sku, w.code::text as warehouse, c.code::text as location, t.code::text as lot, h.code::text as handling_unit, e.status,
  e.qty_delta::numeric as qty_delta, e.blocked_delta::numeric as blocked_delta,
  e.reserved_delta::numeric as reserved_delta, e.allocated_delta::numeric as allocated_delta,
  coalesce(e.backordered_delta, 0)::numeric as backordered_delta, coalesce(e.quota_delta, 0)::numeric as quota_delta,
  e.on_hand_after::numeric as on_hand_after, e.blocked_after::numeric as blocked_after,
  e.reserved_after::numeric as reserved_after, e.order_ref, e.expires_at, e.unit_cost::numeric as unit_cost,
  e.reference, e.reason, e.note, e.actor
from openstock_core.ledger e
join openstock_core.product p on p.tenant_id = e.tenant_id and p.product_id = e.product_id
join openstock_core.warehouse w on w.tenant_id = e.tenant_id and w.warehouse_id = e.warehouse_id
left join openstock_core.location c on c.tenant_id = e.tenant_id and c.location_id = e.location_id
left join openstock_core.lot t on t.tenant_id = e.tenant_id and t.lot_id = e.lot_id
left join openstock_core.handling_unit h on h.tenant_id = e.tenant_id and h.handling_unit_id = e.handling_unit_id
where e.tenant_id = (select openstock.current_tenant());

comment on view openstock.ledger is
  'Every movement of the current tenant''s stock. Order one product and warehouse by recorded_at or entry_id; ask by sku and time, or by op_id.';
comment on column openstock.ledger.entry_id is 'Number of the entry, rising within a product and warehouse.';
comment on column openstock.ledger.recorded_at is 'Server time of the entry.';
comment on column openstock.ledger.occurred_at is 'Business time: what the caller gave, otherwise recorded_at.';
comment on column openstock.ledger.op_id is 'The operation that wrote it.';
comment on column openstock.ledger.line is 'The line of the call; 0 for what followed from the call itself.';
comment on column openstock.ledger.event_type is
  'RECEIPT, SHIP, ADJUST, COUNT, MOVE, STATUS, TRANSFER_OUT, TRANSFER_IN, RETURN, RESERVE, BACKORDER, EXTEND, CONFIRM, RELEASE, EXPIRE, '
  'ALLOCATE or DEALLOCATE.';
comment on column openstock.ledger.sku is 'The product.';
comment on column openstock.ledger.warehouse is 'The warehouse''s code.';
comment on column openstock.ledger.location is 'The bin''s code; null where no bin is touched.';
comment on column openstock.ledger.lot is 'The bin''s lot.';
comment on column openstock.ledger.handling_unit is 'The pallet, tote or carton, or null: loose.';
comment on column openstock.ledger.status is 'The bin''s stock status.';
comment on column openstock.ledger.qty_delta is 'Change of on_hand.';
comment on column openstock.ledger.blocked_delta is 'Change of blocked.';
comment on column openstock.ledger.reserved_delta is 'Change of reserved.';
comment on column openstock.ledger.allocated_delta is 'Change of the bin''s allocated.';
comment on column openstock.ledger.backordered_delta is 'Change of what the order waits for.';
comment on column openstock.ledger.quota_delta is 'Change of what is kept for the sales channel of the order''s line.';
comment on column openstock.ledger.on_hand_after is 'on_hand of the product at the warehouse after the entry; null on entries that change no level: '
  'BACKORDER, EXTEND, CONFIRM, ALLOCATE and DEALLOCATE, and where what waits for stock is released or expires.';
comment on column openstock.ledger.blocked_after is 'blocked after the entry.';
comment on column openstock.ledger.reserved_after is 'reserved after the entry.';
comment on column openstock.ledger.order_ref is 'The order.';
comment on column openstock.ledger.expires_at is 'RESERVE and EXTEND: until when the promise holds; null: without end, also from a CONFIRM on.';
comment on column openstock.ledger.unit_cost is 'Cost of one unit, where units came in with one.';
comment on column openstock.ledger.reference is 'The document behind the call.';
comment on column openstock.ledger.reason is 'Why.';
comment on column openstock.ledger.note is 'Free text.';
comment on column openstock.ledger.actor is 'Who.';
grant select on openstock.ledger to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/reservations.sql
-- Promises to orders.
set local role openstock_api;

create or replace view openstock.reservations with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  r.order_ref::text as order_ref, l.line, p.sku::text as sku, w.code::text as warehouse,
  c.code::text as channel, l.ordered, trim_scale(l.reserved - d.reserved) as reserved, case when d.reserved > 0 then 0 else l.allocated end as allocated,
  trim_scale(l.backordered - d.backordered) as backordered, l.shipped, l.released,
  trim_scale(l.expired + d.reserved + d.backordered) as expired, l.expires_at, a.code::text as location, t.code::text as lot, l.min_days_left,
  l.created_at, k.sku::text as kit,
  case when l.serial_ids is not null then array(
    select u.serial::text from openstock_core.serial_unit u
    where u.tenant_id = l.tenant_id and u.serial_id = any (l.serial_ids) order by u.serial_id) end as serials
from moment m
cross join (
  select n.tenant_id, n.reservation_id, n.line::integer as line, n.product_id, n.warehouse_id, n.ordered::numeric as ordered, n.reserved::numeric as reserved,
         (select coalesce(sum(a.qty), 0) from openstock_core.allocation a
          where a.tenant_id = n.tenant_id and a.reservation_line_id = n.reservation_line_id) as allocated,
         0::numeric as backordered, n.shipped::numeric as shipped, n.released::numeric as released, n.expired::numeric as expired,
         n.expires_at, n.location_id, n.lot_id, n.min_days_left::integer as min_days_left, n.serial_ids, n.created_at, n.channel_id
  from openstock_core.reservation_line n
  where n.tenant_id = (select openstock.current_tenant())
  union all
  select b.tenant_id, b.reservation_id, b.line, b.product_id, b.warehouse_id, b.backordered + b.released + b.expired, 0,
         0, b.backordered::numeric, 0, b.released::numeric, b.expired::numeric, b.expires_at, null, null, null, null,
         b.created_at, b.channel_id
  from openstock_core.backorder b
  where b.tenant_id = (select openstock.current_tenant()) and b.backordered + b.released + b.expired > 0
) as l
cross join lateral (
  select case when l.expires_at <= m.at then l.reserved else 0 end as reserved,
         case when l.expires_at <= m.at then l.backordered else 0 end as backordered) as d
join openstock_core.reservation r on r.tenant_id = l.tenant_id and r.reservation_id = l.reservation_id
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
left join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
left join openstock_core.location a on a.tenant_id = l.tenant_id and a.location_id = l.location_id
left join openstock_core.lot t on t.tenant_id = l.tenant_id and t.lot_id = l.lot_id
left join openstock_core.channel c on c.tenant_id = l.tenant_id and c.channel_id = l.channel_id
left join openstock_core.reservation_kit i
  on i.tenant_id = l.tenant_id and i.reservation_id = l.reservation_id and i.line = l.line and i.product_id = l.product_id
left join openstock_core.product k on k.tenant_id = i.tenant_id and k.product_id = i.kit_id;

comment on view openstock.reservations is
  'Order lines of the current tenant per warehouse, and what of them waits for stock: ordered = reserved + backordered + shipped + released + expired. A hold counts as expired from that moment '
  'on, whether or not it was booked.';
comment on column openstock.reservations.order_ref is 'The order.';
comment on column openstock.reservations.line is 'The order''s line.';
comment on column openstock.reservations.sku is 'The product.';
comment on column openstock.reservations.warehouse is 'The warehouse that promises, or that a backorder waits for; null: any may fill it.';
comment on column openstock.reservations.channel is 'The sales channel that it was promised to; null: none.';
comment on column openstock.reservations.ordered is 'Units of the line in this row. What is filled moves from the backorder''s row to a warehouse''s.';
comment on column openstock.reservations.reserved is 'Units promised and not yet gone.';
comment on column openstock.reservations.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.reservations.backordered is 'Units that no stock covers yet.';
comment on column openstock.reservations.shipped is 'Units gone to the order.';
comment on column openstock.reservations.released is 'Units given back.';
comment on column openstock.reservations.expired is 'Units whose hold ended.';
comment on column openstock.reservations.expires_at is 'The promise holds until then; null: until it is shipped or released.';
comment on column openstock.reservations.location is 'The bin that the line asks for; null: any.';
comment on column openstock.reservations.lot is 'The lot that the line asks for; null: any.';
comment on column openstock.reservations.min_days_left is 'So many days before the last day of their lot its units had to have when they were pinned; null: any.';
comment on column openstock.reservations.created_at is 'When it was promised.';
comment on column openstock.reservations.kit is 'The kit that the product is a component of in this line; null: none.';
comment on column openstock.reservations.serials is 'The pieces that the line asks for, without those that went to it; null: any.';
grant select on openstock.reservations to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/orders.sql
-- One row for each order.
set local role openstock_api;

create or replace view openstock.orders with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  r.order_ref::text as order_ref,
  case when l.reserved + l.backordered = 0 then case
         when r.became_id is not null then 'confirmed' when l.shipped > 0 then 'shipped' when l.expired > 0 then 'expired' else 'cancelled' end
       when l.shipped > 0 then 'part-shipped'
       when l.held = l.reserved + l.backordered then 'held'
       when l.backordered = 0 and l.allocated = l.reserved then 'allocated'
       else 'open' end as status,
  l.ordered, l.reserved, l.held, l.allocated, l.backordered, l.shipped, l.released, l.expired,
  l.backordered > 0 as has_backorder, r.priority, r.promised_at, l.expires_at,
  (select b.order_ref::text from openstock_core.reservation b where b.tenant_id = r.tenant_id and b.reservation_id = r.became_id) as became,
  r.metadata::jsonb as metadata, r.created_at
from moment m
cross join openstock_core.reservation r
cross join lateral (
  select trim_scale(coalesce(sum(s.ordered), 0)) as ordered, trim_scale(coalesce(sum(s.reserved), 0)) as reserved,
         trim_scale(coalesce(sum(s.reserved + s.backordered) filter (where s.expires_at is not null), 0)) as held,
         trim_scale(coalesce(sum(s.allocated), 0)) as allocated, trim_scale(coalesce(sum(s.backordered), 0)) as backordered,
         trim_scale(coalesce(sum(s.shipped), 0)) as shipped, trim_scale(coalesce(sum(s.released), 0)) as released,
         trim_scale(coalesce(sum(s.expired), 0)) as expired, min(s.expires_at) filter (where s.reserved + s.backordered > 0) as expires_at
  from (
    select n.ordered::numeric as ordered, case when d.ended then 0 else n.reserved end as reserved, 0::numeric as backordered,
           case when d.ended then 0 else (
             select coalesce(sum(a.qty), 0) from openstock_core.allocation a
             where a.tenant_id = n.tenant_id and a.reservation_line_id = n.reservation_line_id) end as allocated,
           n.shipped::numeric as shipped, n.released::numeric as released,
           n.expired + case when d.ended then n.reserved else 0 end as expired, n.expires_at
    from openstock_core.reservation_line n
    cross join lateral (select coalesce(n.expires_at <= m.at, false) as ended) as d
    where n.tenant_id = r.tenant_id and n.reservation_id = r.reservation_id
    union all
    select b.backordered + b.released + b.expired, 0, case when d.ended then 0 else b.backordered end, 0, 0, b.released,
           b.expired + case when d.ended then b.backordered else 0 end, b.expires_at
    from openstock_core.backorder b
    cross join lateral (select coalesce(b.expires_at <= m.at, false) as ended) as d
    where b.tenant_id = r.tenant_id and b.reservation_id = r.reservation_id) as s
) as l
where r.tenant_id = (select openstock.current_tenant());

comment on view openstock.orders is
  'The orders of the current tenant, as of now: a hold that has ended counts as expired, whether or not that was booked. '
  'ordered = reserved + backordered + shipped + released + expired.';
comment on column openstock.orders.order_ref is 'The order.';
comment on column openstock.orders.status is
  'open, held (all that is open is a hold), allocated (all that is open is pinned to bins), part-shipped (some is shipped, some open), shipped, cancelled (all '
  'given back), expired (all that was open has ended), or confirmed (a cart whose holds went to the order in became).';
comment on column openstock.orders.ordered is 'Units asked for.';
comment on column openstock.orders.reserved is 'Units promised and not yet gone.';
comment on column openstock.orders.held is 'The part of reserved and backordered that ends unless it is confirmed.';
comment on column openstock.orders.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.orders.backordered is 'Units that wait for stock.';
comment on column openstock.orders.shipped is 'Units gone to the order.';
comment on column openstock.orders.released is 'Units given back.';
comment on column openstock.orders.expired is 'Units whose hold ended.';
comment on column openstock.orders.has_backorder is 'True where units wait for stock.';
comment on column openstock.orders.priority is 'Who is served first: the higher.';
comment on column openstock.orders.promised_at is 'When the customer was promised the goods, or null.';
comment on column openstock.orders.expires_at is 'When the first of its holds ends; null: none does.';
comment on column openstock.orders.became is 'The order that its holds were confirmed into, or null.';
comment on column openstock.orders.metadata is 'What the application wants to remember of it.';
comment on column openstock.orders.created_at is 'When stock was first promised to it.';
grant select on openstock.orders to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/order_lines.sql
-- One row for each line of an order, whatever warehouses serve it.
set local role openstock_api;

create or replace view openstock.order_lines with (security_barrier) as
select
  s.order_ref, s.line, s.sku, min(s.channel) as channel, trim_scale(sum(s.ordered)) as ordered, trim_scale(sum(s.reserved)) as reserved,
  trim_scale(sum(s.allocated)) as allocated, trim_scale(sum(s.backordered)) as backordered, trim_scale(sum(s.shipped)) as shipped,
  trim_scale(sum(s.released)) as released, trim_scale(sum(s.expired)) as expired,
  min(s.expires_at) filter (where s.reserved + s.backordered > 0) as expires_at,
  coalesce(jsonb_agg(jsonb_build_object('warehouse', s.warehouse, 'reserved', s.reserved, 'allocated', s.allocated, 'shipped', s.shipped)
                     order by s.warehouse) filter (where s.reserved + s.shipped > 0), '[]') as warehouses,
  s.kit
from openstock.reservations s
group by s.order_ref, s.line, s.sku, s.kit;

comment on view openstock.order_lines is
  'The lines of the current tenant''s orders: ordered = reserved + backordered + shipped + released + expired.';
comment on column openstock.order_lines.order_ref is 'The order.';
comment on column openstock.order_lines.line is 'The order''s line.';
comment on column openstock.order_lines.sku is 'The product.';
comment on column openstock.order_lines.channel is 'The sales channel that it came through; null: none.';
comment on column openstock.order_lines.ordered is 'Units asked for.';
comment on column openstock.order_lines.reserved is 'Units promised and not yet gone.';
comment on column openstock.order_lines.allocated is 'The part of reserved that is pinned to bins.';
comment on column openstock.order_lines.backordered is 'Units that wait for stock.';
comment on column openstock.order_lines.shipped is 'Units gone to the order.';
comment on column openstock.order_lines.released is 'Units given back.';
comment on column openstock.order_lines.expired is 'Units whose hold ended.';
comment on column openstock.order_lines.expires_at is 'When the first hold of the line ends; null: none does.';
comment on column openstock.order_lines.warehouses is
  'Who serves it: [{"warehouse": …, "reserved": …, "allocated": …, "shipped": …}].';
comment on column openstock.order_lines.kit is 'The kit that the product is a component of in this line; null: none.';
grant select on openstock.order_lines to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/backorders.sql
-- The queue of those who wait for stock. Holds have no place in it before they are confirmed.
set local role openstock_api;

create or replace view openstock.backorders with (security_barrier) as
select
  p.sku::text as sku,
  row_number() over (partition by b.product_id order by r.priority desc, b.queued_at, b.backorder_id) as place,
  r.order_ref::text as order_ref, b.line::integer as line, w.code::text as warehouse, c.code::text as channel, b.backordered::numeric as qty, r.priority, b.queued_at, r.promised_at
from openstock_core.backorder b
join openstock_core.reservation r on r.tenant_id = b.tenant_id and r.reservation_id = b.reservation_id
join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
left join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
left join openstock_core.channel c on c.tenant_id = b.tenant_id and c.channel_id = b.channel_id
where b.tenant_id = (select openstock.current_tenant()) and b.backordered > 0 and b.expires_at is null;

comment on view openstock.backorders is
  'Units of the current tenant''s orders that wait for stock, in the order in which fill_backorders and receive fill them. Holds are left out until they are '
  'confirmed.';
comment on column openstock.backorders.sku is 'The product.';
comment on column openstock.backorders.place is 'Place in the product''s queue, from 1: by priority of the order, then age.';
comment on column openstock.backorders.order_ref is 'The order.';
comment on column openstock.backorders.line is 'The order''s line.';
comment on column openstock.backorders.warehouse is 'The only warehouse that may fill it; null: any.';
comment on column openstock.backorders.channel is 'The sales channel, from whose quota it may be filled; null: none.';
comment on column openstock.backorders.qty is 'Units that wait.';
comment on column openstock.backorders.priority is 'The order''s priority; the higher is filled first.';
comment on column openstock.backorders.queued_at is 'Since when it stands in the queue.';
comment on column openstock.backorders.promised_at is 'When the customer was promised the goods, or null.';
grant select on openstock.backorders to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/shortages.sql
-- Promises that no stock is behind any more: after a loss, a block, or an expired lot.
set local role openstock_api;

create or replace view openstock.shortages with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, w.code::text as warehouse, l.on_hand::numeric as on_hand, l.blocked + d.units as blocked, l.reserved - h.units as reserved,
  trim_scale(l.reserved - h.units - (l.on_hand - l.blocked - d.units)) as qty_short, o.orders
from moment m
cross join openstock_core.stock_level l
join openstock_core.product p on p.tenant_id = l.tenant_id and p.product_id = l.product_id
join openstock_core.warehouse w on w.tenant_id = l.tenant_id and w.warehouse_id = l.warehouse_id
cross join lateral (
  select case when l.next_block_at <= m.at then (
    select coalesce(sum(b.on_hand), 0)
    from openstock_core.stock_bin b
    join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
    where b.tenant_id = l.tenant_id and b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
      and b.on_hand > 0 and not b.blocked and (t.expires_on + 1)::timestamp at time zone 'UTC' <= m.at
  ) else 0 end as units
) as d
cross join lateral (
  select case when l.next_expiry_at <= m.at then (
    select coalesce(sum(n.reserved), 0)
    from openstock_core.reservation_line n
    where n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.expires_at <= m.at and n.reserved > 0
  ) else 0 end as units
) as h
cross join lateral (
  select jsonb_agg(jsonb_build_object('order_ref', s.order_ref, 'line', s.line, 'reserved', s.reserved, 'allocated', s.allocated,
                                      'priority', s.priority) order by s.before) as orders
  from (
    select r.order_ref, n.line, n.reserved::numeric as reserved, a.qty as allocated, r.priority,
           sum(n.reserved) over (order by r.priority, a.qty > 0, n.created_at desc, n.reservation_line_id desc) - n.reserved as before
    from openstock_core.reservation_line n
    join openstock_core.reservation r on r.tenant_id = n.tenant_id and r.reservation_id = n.reservation_id
    cross join lateral (select coalesce(sum(s.qty), 0) as qty from openstock_core.allocation s
                        where s.tenant_id = n.tenant_id and s.reservation_line_id = n.reservation_line_id) as a
    where n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.reserved > 0 and (n.expires_at is null or n.expires_at > m.at)
  ) as s
  where s.before < l.reserved - h.units - (l.on_hand - l.blocked - d.units)
) as o
where l.tenant_id = (select openstock.current_tenant()) and l.reserved - h.units > l.on_hand - l.blocked - d.units;

comment on view openstock.shortages is
  'Products and warehouses of the current tenant where more is promised than can be promised of what is there: units were lost, blocked, or their lot expired. '
  'Safety stock and what is kept for sales channels play no part in it.';
comment on column openstock.shortages.sku is 'The product.';
comment on column openstock.shortages.warehouse is 'The warehouse''s code.';
comment on column openstock.shortages.on_hand is 'Physical units.';
comment on column openstock.shortages.blocked is 'The part of on_hand that cannot be promised.';
comment on column openstock.shortages.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock.shortages.qty_short is 'How many of them have no unit behind them.';
comment on column openstock.shortages.orders is
  'The orders'' lines with the weakest claim that together hold as much: lowest priority first, of these what is not pinned, then the youngest.';
grant select on openstock.shortages to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock/serials.sql
-- Single pieces: where each is, and who has it.
set local role openstock_api;

create or replace view openstock.serials with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, u.serial::text as serial, w.code::text as warehouse, c.code::text as location, b.status,
  r.order_ref::text as order_ref, l.line::integer as line,
  case when b.bin_id is null then 'gone' when l.line is null then 'in_stock' else 'allocated' end as state, u.created_at
from moment m
cross join openstock_core.serial_unit u
join openstock_core.product p on p.tenant_id = u.tenant_id and p.product_id = u.product_id
left join openstock_core.stock_bin b on b.tenant_id = u.tenant_id and b.bin_id = u.bin_id
left join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
left join openstock_core.location c on c.tenant_id = b.tenant_id and c.location_id = b.location_id
left join openstock_core.reservation_line l on l.tenant_id = u.tenant_id and l.reservation_line_id = u.reservation_line_id
  and (l.expires_at is null or l.expires_at > m.at)
left join openstock_core.reservation r on r.tenant_id = l.tenant_id and r.reservation_id = l.reservation_id
where u.tenant_id = (select openstock.current_tenant());

comment on view openstock.serials is
  'Every piece of the current tenant''s products that are tracked by serial, also those that have left. What happened to one tells openstock.serial_history(sku, serial).';
comment on column openstock.serials.sku is 'The product.';
comment on column openstock.serials.serial is 'The piece''s serial number, unique within the product.';
comment on column openstock.serials.warehouse is 'The warehouse''s code; null where the piece has left.';
comment on column openstock.serials.location is 'The location''s code; null where the piece has left.';
comment on column openstock.serials.status is 'Stock status: available, hold, quarantine or damaged; null where the piece has left.';
comment on column openstock.serials.order_ref is 'The order that it is pinned to; null: none. A hold that has ended pins nothing.';
comment on column openstock.serials.line is 'The order''s line.';
comment on column openstock.serials.state is 'in_stock, allocated (pinned to an order), or gone.';
comment on column openstock.serials.created_at is 'When it first came in.';
grant select on openstock.serials to openstock_app, openstock_analyst, openstock_operator;

reset role;

-- sql/functions/openstock/availability.sql
-- What can be promised of a product now. Reads: product, warehouse, what openstock.stock and openstock.kits read, and for a sales channel what
-- openstock.quotas reads.
set local role openstock_api;

create or replace function openstock.availability(sku text, warehouse text default null, channel text default null, tenant uuid default null)
returns setof openstock.stock
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
  acting constant uuid := openstock_core.enter(tenant);
  wanted constant text := openstock_core.check_text('sku', 'code!', sku);
  place constant text := openstock_core.check_text('warehouse', 'code', warehouse);
  seller openstock_core.channel;
  is_kit boolean;
  is_sold boolean;
begin
  select p.is_kit, p.active and not exists (
           select from openstock_core.kit_component i
           join openstock_core.product c on c.tenant_id = acting and c.product_id = i.component_id
           where i.tenant_id = acting and i.kit_id = p.product_id and not c.active)
  into is_kit, is_sold
  from openstock_core.product p where p.tenant_id = acting and p.sku = wanted;
  if not found then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted));
  end if;
  if place is not null then
    perform openstock_core.find_warehouse(acting, place, false);
  end if;
  if channel is not null then
    seller := openstock_core.find_channel(acting, channel);
  end if;
  if is_kit or channel is not null then
    return query
    with part as materialized (
      -- What is no kit has no components, and a kit itself no stock.
      select i.component as sku, i.qty, count(*) over () as parts from openstock.kits i where i.sku = wanted
      union all
      select wanted, 1, 1
    ), level as materialized (
      select s.*, is_sold and w.active as is_open, case when seller.code is null then s.available else greatest(
               s.available + coalesce(q.qty, 0) + case when seller.uses_safety_stock then s.safety_stock else 0 end, 0) end as free
      from openstock.stock s
      cross join lateral (select p.active from openstock_core.warehouse p where p.tenant_id = acting and p.code = s.warehouse limit 1) as w
      left join openstock.quotas q on q.channel = seller.code and q.sku = s.sku and q.warehouse = s.warehouse
      where s.sku = any (array(select p.sku from part p)) and (place is null or s.warehouse = place)
    )
    select wanted, l.warehouse, l.on_hand, l.blocked, l.reserved, l.safety_stock, l.fenced,
           case when l.is_open then l.free else least(l.free, 0) end, l.version, l.last_recorded_at
    from level l where not is_kit
    union all
    select wanted, l.warehouse, case when count(*) = p.parts then min(div(l.on_hand, p.qty)) else 0 end, 0, 0, 0, 0,
           case when count(*) = p.parts and bool_and(l.is_open) then min(greatest(div(l.free, p.qty), 0)) else 0 end, 0, max(l.last_recorded_at)
    from level l join part p on p.sku = l.sku
    where is_kit
    group by l.warehouse, p.parts
    order by 2;
    return;
  end if;
  return query
  select s.sku, s.warehouse, s.on_hand, s.blocked, s.reserved, s.safety_stock, s.fenced,
         case when is_sold and w.active then s.available else least(s.available, 0) end, s.version, s.last_recorded_at
  from openstock.stock s
  cross join lateral (select p.active from openstock_core.warehouse p where p.tenant_id = acting and p.code = s.warehouse limit 1) as w
  where s.sku = wanted and (place is null or s.warehouse = place)
  order by s.warehouse;
end
$$;

revoke all on function openstock.availability from public;
grant execute on function openstock.availability to openstock_app, openstock_analyst;
comment on function openstock.availability is
  'The product''s stock per warehouse, as in openstock.stock: no row where it was never stocked. available is what reserve can promise from there: nothing (0, or less after a loss) where the product '
  'or the warehouse is inactive. channel: available is then what can be promised to '
  'that sales channel, its quota and, if it may use it, the safety stock included, and never less than 0. Of a kit on_hand and available are the kits that could be put together '
  'there, by what its components have there (reserve may promise more, with components from several warehouses; 0 where any of them was never stocked; available is 0 too where any is inactive); the other balances are of components, and 0 here. Writes nothing. '
  'Errors: 22023, OS101, OS103, OS116, OS117.';

reset role;

-- sql/functions/openstock/order_history.sql
-- An order's whole story. Reads: reservation, reservation_line, backorder, ledger.
-- Also what happened to its units before they were its own: a cart's, say. Its lines' products bound what is read of the ledger.
set local role openstock_api;

create or replace function openstock.order_history(order_ref text, tenant uuid default null) returns setof openstock.ledger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
  acting constant uuid := openstock_core.enter(tenant, true);
  wanted constant text := openstock_core.check_text('order_ref', 'code!', order_history.order_ref);
  order_id bigint;
begin
  select r.reservation_id into order_id from openstock_core.reservation r where r.tenant_id = acting and r.order_ref = wanted;
  if order_id is null then
    perform openstock_core.fail('OS301', jsonb_build_object('order_ref', wanted));
  end if;
  return query
  with entry as (
    select e.*
    from openstock_core.reservation_line l
    join openstock_core.ledger e on e.tenant_id = acting and e.product_id = l.product_id and e.warehouse_id = l.warehouse_id
      and e.recorded_at >= l.created_at and e.reservation_line_id = l.reservation_line_id
    where l.tenant_id = acting and l.reservation_id = order_id
    union all
    select e.*
    from openstock_core.backorder b
    join openstock_core.ledger e on e.tenant_id = acting and e.product_id = b.product_id and e.recorded_at >= b.created_at
      and e.backorder_id = b.backorder_id
    where b.tenant_id = acting and b.reservation_id = order_id
  )
  select
    e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at), e.op_id, e.line, e.event_type::text,
    p.sku::text, w.code::text, c.code::text, t.code::text, h.code::text, e.status,
    e.qty_delta::numeric, e.blocked_delta::numeric,
    e.reserved_delta::numeric, e.allocated_delta::numeric,
    coalesce(e.backordered_delta, 0)::numeric, coalesce(e.quota_delta, 0)::numeric,
    e.on_hand_after::numeric, e.blocked_after::numeric,
    e.reserved_after::numeric, e.order_ref, e.expires_at, e.unit_cost::numeric,
    e.reference, e.reason, e.note, e.actor
  from entry e
  join openstock_core.product p on p.tenant_id = acting and p.product_id = e.product_id
  join openstock_core.warehouse w on w.tenant_id = acting and w.warehouse_id = e.warehouse_id
  left join openstock_core.location c on c.tenant_id = acting and c.location_id = e.location_id
  left join openstock_core.lot t on t.tenant_id = acting and t.lot_id = e.lot_id
  left join openstock_core.handling_unit h on h.tenant_id = acting and h.handling_unit_id = e.handling_unit_id
  order by e.entry_id;
end
$$;

revoke all on function openstock.order_history from public;
grant execute on function openstock.order_history to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.order_history is
  'All ledger entries about an order''s units, oldest first, also from before they were confirmed into it. Writes nothing. Errors: 22023, OS301.';

reset role;

-- sql/functions/openstock/serial_history.sql
-- A piece's whole story. Reads: product, serial_unit, ledger_serial, warehouse, ledger.
-- An entry is found by its whole key, of which ledger_serial leaves out the warehouse: so each is asked.
set local role openstock_api;

create or replace function openstock.serial_history(sku text, serial text, tenant uuid default null) returns setof openstock.ledger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
  acting constant uuid := openstock_core.enter(tenant, true);
  wanted_sku constant text := openstock_core.check_text('sku', 'code!', serial_history.sku);
  wanted constant text := openstock_core.check_text('serial', 'code!', serial_history.serial);
  piece record;
begin
  select p.product_id, u.serial_id into piece
  from openstock_core.product p
  left join openstock_core.serial_unit u on u.tenant_id = acting and u.product_id = p.product_id and u.serial = wanted
  where p.tenant_id = acting and p.sku = wanted_sku;
  if piece.product_id is null then
    perform openstock_core.fail('OS101', jsonb_build_object('sku', wanted_sku));
  elsif piece.serial_id is null then
    perform openstock_core.fail('OS111', jsonb_build_object('sku', wanted_sku, 'serial', wanted));
  end if;
  return query
  select
    e.entry_id, e.recorded_at, coalesce(e.occurred_at, e.recorded_at), e.op_id, e.line, e.event_type::text,
    wanted_sku, w.code::text, c.code::text, t.code::text, h.code::text, e.status,
    e.qty_delta::numeric, e.blocked_delta::numeric,
    e.reserved_delta::numeric, e.allocated_delta::numeric,
    coalesce(e.backordered_delta, 0)::numeric, coalesce(e.quota_delta, 0)::numeric,
    e.on_hand_after::numeric, e.blocked_after::numeric,
    e.reserved_after::numeric, e.order_ref, e.expires_at, e.unit_cost::numeric,
    e.reference, e.reason, e.note, e.actor
  from openstock_core.ledger_serial s
  join openstock_core.warehouse w on w.tenant_id = acting
  join openstock_core.ledger e on e.tenant_id = acting and e.product_id = piece.product_id and e.warehouse_id = w.warehouse_id
    and e.recorded_at = s.recorded_at and e.entry_id = s.entry_id
  left join openstock_core.location c on c.tenant_id = acting and c.location_id = e.location_id
  left join openstock_core.lot t on t.tenant_id = acting and t.lot_id = e.lot_id
  left join openstock_core.handling_unit h on h.tenant_id = acting and h.handling_unit_id = e.handling_unit_id
  where s.tenant_id = acting and s.serial_id = piece.serial_id
  order by e.entry_id;
end
$$;

revoke all on function openstock.serial_history from public;
grant execute on function openstock.serial_history to openstock_app, openstock_analyst, openstock_operator;
comment on function openstock.serial_history is
  'All ledger entries about one piece of a product that is tracked by serial, oldest first; quantities are those of the whole entry. Writes nothing. Errors: 22023, OS101, OS111.';

reset role;

-- sql/functions/openstock/search_products.sql
-- Finds products by words and attributes. Reads: product. It runs as the maintenance role, whose policy is "true", and
-- filters by tenant itself: under a tenant policy PostgreSQL may not use the GIN indexes, since their operators are not leakproof.
set local role openstock_maint;

create or replace function openstock.search_products(
  query text default null, attributes jsonb default null, max_rows integer default 50, tenant uuid default null)
returns setof openstock.products
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
#variable_conflict use_column
declare
  acting constant uuid := openstock_core.enter(tenant);
  words constant text := nullif(btrim(normalize(openstock_core.check_text('query', 'text', search_products.query))), '');
  pattern constant text := replace(replace(replace(lower(words), E'\\', E'\\\\'), '%', E'\\%'), '_', E'\\_') || '%';
begin
  if max_rows is null or max_rows not between 1 and 1000 then
    perform openstock_core.fail('22023', '{"argument": "max_rows", "problem": "must be between 1 and 1000"}');
  end if;
  if jsonb_typeof(search_products.attributes) <> 'object' then
    perform openstock_core.fail('22023', '{"argument": "attributes", "problem": "must be an object"}');
  end if;
  return query
  select p.sku::text, p.name, p.description, p.unit, p.decimals, p.tracking, p.removal, p.backorder,
         p.backorder_limit::numeric, p.safety_stock::numeric, p.reorder_point::numeric, p.reorder_quantity::numeric,
         p.lead_time, p.attributes::jsonb, p.active, p.created_at, p.updated_at
  from openstock_core.product p
  where p.tenant_id = acting
    and (words is null or p.search @@ websearch_to_tsquery('simple', words) or lower(p.sku) like pattern)
    and (search_products.attributes is null or p.attributes @> search_products.attributes)
  order by lower(p.sku) = lower(words) desc nulls last, ts_rank(p.search, websearch_to_tsquery('simple', words)) desc nulls last, p.sku
  limit max_rows;
end
$$;

revoke all on function openstock.search_products from public;
grant execute on function openstock.search_products to openstock_app, openstock_analyst;
comment on function openstock.search_products is
  'Products whose sku begins with the query, or whose sku, name or description has its words (web search syntax: or, -, "phrase"), and whose '
  'attributes contain those given; the best first, at most max_rows (1 to 1000). Errors: 22023.';

reset role;

-- sql/views/openstock_dw/current_stock.sql
-- The snapshot, filtered to the caller's tenant.
set local role openstock_api;

create or replace view openstock_dw.current_stock with (security_barrier) as
select
  p.sku::text as sku, p.name, w.code::text as warehouse, s.on_hand, s.blocked, s.reserved, s.allocated,
  s.entries, s.last_recorded_at, (select n.refreshed_at from openstock_core.snapshot n where n.name = 'current_stock') as refreshed_at
from openstock_core.current_stock s
join openstock_core.product p on p.tenant_id = s.tenant_id and p.product_id = s.product_id
join openstock_core.warehouse w on w.tenant_id = s.tenant_id and w.warehouse_id = s.warehouse_id
where s.tenant_id = (select openstock.current_tenant());

comment on view openstock_dw.current_stock is
  'Stock of the current tenant as summed from the ledger at refreshed_at. Fast and up to date as of then; openstock.stock is as of now.';
comment on column openstock_dw.current_stock.sku is 'The product.';
comment on column openstock_dw.current_stock.name is 'The product''s name.';
comment on column openstock_dw.current_stock.warehouse is 'The warehouse''s code.';
comment on column openstock_dw.current_stock.on_hand is 'Physical units.';
comment on column openstock_dw.current_stock.blocked is 'The part of on_hand that could not be promised, as booked.';
comment on column openstock_dw.current_stock.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock_dw.current_stock.allocated is 'Units pinned to bins.';
comment on column openstock_dw.current_stock.entries is 'Ledger entries behind the row.';
comment on column openstock_dw.current_stock.last_recorded_at is 'The last of them.';
comment on column openstock_dw.current_stock.refreshed_at is 'It holds at least all that was committed before this moment.';
grant select on openstock_dw.current_stock to openstock_analyst, openstock_operator;

reset role;

-- sql/views/openstock_admin/tenants.sql
-- All tenants, for operators.
set local role openstock_maint;

create or replace view openstock_admin.tenants with (security_barrier) as
select
  t.tenant_id, t.name, t.active, t.created_at,
  array(select b.login::text from openstock_core.tenant_login b where b.tenant_id = t.tenant_id order by b.login) as logins
from openstock_core.tenant t;

comment on view openstock_admin.tenants is 'Every tenant of this database.';
comment on column openstock_admin.tenants.tenant_id is 'Identity.';
comment on column openstock_admin.tenants.name is 'For people.';
comment on column openstock_admin.tenants.active is 'False: nothing can be written any more.';
comment on column openstock_admin.tenants.created_at is 'When it was created.';
comment on column openstock_admin.tenants.logins is 'Logins bound to it; trusted logins are not listed.';
grant select on openstock_admin.tenants to openstock_operator;

reset role;

-- sql/functions/openstock_core/check_grant.sql
-- Checks the arguments of grant_tenant and revoke_tenant. Reads: tenant.
set local role openstock_owner;

create or replace function openstock_core.check_grant(
  login text, tenant uuid, any_tenant boolean, must_exist boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (tenant is null) <> coalesce(any_tenant, false) then
    perform openstock_core.fail('22023', '{"argument": "tenant", "problem": "give a tenant, or any_tenant => true, not both"}');
  end if;
  if tenant is not null and not exists (select from openstock_core.tenant t where t.tenant_id = check_grant.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
  if login is null then
    perform openstock_core.fail('22023', '{"argument": "login", "problem": "missing"}');
  end if;
  if must_exist and not exists (select from pg_roles r where r.rolname = login and r.rolcanlogin) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'login', 'value', left(login, 100), 'problem', 'is not a role that can log in'));
  end if;
end
$$;

revoke all on function openstock_core.check_grant from public;
grant execute on function openstock_core.check_grant to openstock_maint;
comment on function openstock_core.check_grant is
  'must_exist: the login must be a role that can log in. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_core/unanalyzed_tables.sql
-- The tables that the planner knows nothing of. Reads: the catalogue.
-- reltuples is -1 before the first ANALYZE or VACUUM, and 0 where that found no rows; a VACUUM alone leaves no statistics,
-- which the record of activity tells, where it is kept. That record lost in a crash costs one more ANALYZE.
set local role openstock_owner;

create or replace function openstock_core.unanalyzed_tables(min_bytes bigint) returns setof regclass
language sql
stable
begin atomic
  select c.oid::regclass
  from pg_class c
  cross join lateral (
    select coalesce(sum(pg_relation_size(r.oid)), 0) as bytes, sum(pg_stat_get_live_tuples(r.oid)) as live
    from (select c.oid where c.relkind = 'r'
          union all select t.relid from pg_partition_tree(c.oid) as t where c.relkind = 'p' and t.isleaf) as r) as stored
  where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p')
    and stored.bytes >= greatest(min_bytes, 1)
    and (c.reltuples = -1 or (c.reltuples = 0 and stored.live > 0)
         or (current_setting('track_counts')::boolean and pg_stat_get_last_analyze_time(c.oid) is null
             and pg_stat_get_last_autoanalyze_time(c.oid) is null));
end;

revoke all on function openstock_core.unanalyzed_tables from public;
grant execute on function openstock_core.unanalyzed_tables to openstock_maint;
comment on function openstock_core.unanalyzed_tables is
  'Tables of openstock_core, the ledger and its partitions among them, that hold at least this many bytes and were never analysed.';

reset role;

-- sql/functions/openstock_core/findings_of_partitions.sql
-- What doctor says about the ledger's partitions. Reads: the catalogue.
set local role openstock_owner;

create or replace function openstock_core.findings_of_partitions(
  out place integer, out topic text, out good boolean, out detail text, out hint text)
returns setof record
language sql
stable
begin atomic
  with parent as (
    select n.name, format('openstock_core.%I', n.name)::regclass as oid from unnest(array['ledger', 'ledger_serial']) as n (name)
  ), partition as (
    select t.name as parent, c.relname::text as name, substr(c.relname, length(t.name) + 2) as month,
           c.relrowsecurity and c.relforcerowsecurity as protected
    from parent t
    join pg_inherits i on i.inhparent = t.oid and not i.inhdetachpending
    join pg_class c on c.oid = i.inhrelid
  ), month as (
    select to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM') as this,
           (select min(p.month) from partition p where p.month ~ '^[0-9]{4}_(0[1-9]|1[0-2])$') as first,
           (select max(p.month) from partition p where p.month ~ '^[0-9]{4}_(0[1-9]|1[0-2])$') as last
  ), missing as (
    select count(*) as months, string_agg(w.name, ', ' order by w.name) as names
    from month m
    cross join parent t
    cross join lateral (
      select t.name || to_char(s.month, '_YYYY_MM') as name
      from generate_series(to_timestamp(least(m.first, m.this), 'YYYY_MM')::timestamp,
                           to_timestamp(greatest(m.last, m.this), 'YYYY_MM')::timestamp, interval '1 month') as s (month)) as w
    where w.name not in (select p.name from partition p)
  ), detached as (
    select count(*) as tables, string_agg(c.relname, ', ' order by c.relname) as names
    from pg_class c
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p') and c.relname ~ '^ledger_(serial_)?[0-9]{4}_[0-9]{2}$'
      and c.relname not in (select p.name from partition p)
  )
  select 3, 'partitions', min(a.months) >= 3, min(a.months) || ' months ahead',
         'Call openstock_admin.ensure_partitions(), or run openstock tick regularly.'
  from (select count(p.name) as months from parent t cross join month m
        left join partition p on p.parent = t.name and p.month > m.this group by t.name) as a
  union all
  select 4, 'missing months', g.months = 0, concat(g.months || ' months missing', ': ' || left(g.names, 200)),
         'Attach a month that was detached; openstock_admin.ensure_partitions() makes this month and those to come.' from missing g
  union all
  select 5, 'detached partitions', d.tables = 0, concat(d.tables || ' partitions detached', ': ' || left(d.names, 200)),
         'ALTER TABLE openstock_core.ledger, or .ledger_serial, ATTACH PARTITION with its month''s bounds (UTC): until then nothing can be written for that '
           || 'month, its entries are not shown, and verify finds differences. A month kept elsewhere belongs into another schema.'
  from detached d
  union all
  select 6, 'row security', count(*) = 0, count(*) || ' unprotected partitions',
         'Make partitions with openstock_admin.ensure_partitions() only.' from partition p where not p.protected;
end;

revoke all on function openstock_core.findings_of_partitions from public;
grant execute on function openstock_core.findings_of_partitions to openstock_maint;
comment on function openstock_core.findings_of_partitions is
  'Rows of doctor: how many months are ahead, which are missing, which partitions are detached or unprotected.';

reset role;

-- sql/functions/openstock_core/findings_of_roles.sql
-- What doctor says about roles and logins. Reads: the catalogue, trusted_login, tenant_login.
set local role openstock_owner;

create or replace function openstock_core.findings_of_roles(
  out place integer, out topic text, out good boolean, out detail text, out hint text)
returns setof record
language sql
stable
begin atomic
  with mine as (
    select n.oid from pg_namespace n where n.nspname in ('openstock', 'openstock_core', 'openstock_dw', 'openstock_admin')
  ), owned as (
    select c.oid::regclass::text as name, c.relowner as owner, case
             when c.relkind in ('r', 'p', 'S') then array['openstock_owner']
             when c.relkind = 'm' or c.oid = 'openstock_admin.tenants'::regclass then array['openstock_maint']
             when c.relkind = 'v' then array['openstock_api'] end as owners
    from pg_class c where c.relnamespace in (select m.oid from mine m)
    union all select p.oid::regprocedure::text, p.proowner, null from pg_proc p where p.pronamespace in (select m.oid from mine m)
    union all select t.oid::regtype::text, t.typowner, null from pg_type t where t.typnamespace in (select m.oid from mine m)
    union all select n.nspname, n.nspowner, null from pg_namespace n where n.oid in (select m.oid from mine m)
  ), misplaced as (
    select count(*) as objects, string_agg(o.name, ', ' order by o.name) as names
    from owned o join pg_roles r on r.oid = o.owner
    where r.rolname <> all (coalesce(o.owners, array['openstock_owner', 'openstock_api', 'openstock_maint']))
  ), power as (
    select r.rolname || ' ' || p.name as name
    from pg_roles r
    cross join lateral (values ('LOGIN', r.rolcanlogin), ('SUPERUSER', r.rolsuper), ('BYPASSRLS', r.rolbypassrls),
                               ('CREATEROLE', r.rolcreaterole), ('REPLICATION', r.rolreplication)) as p (name, given)
    where p.given and r.rolname in ('openstock_owner', 'openstock_api', 'openstock_maint',
                                    'openstock_app', 'openstock_analyst', 'openstock_operator')
    union all
    select r.rolname || ' owns ' || pg_describe_object(d.classid, d.objid, d.objsubid)
    from pg_shdepend d join pg_roles r on r.oid = d.refobjid and d.refclassid = 'pg_authid'::regclass
    where d.deptype = 'o' and r.rolname in ('openstock_app', 'openstock_analyst', 'openstock_operator')
      and (d.dbid = 0 or d.dbid = (select b.oid from pg_database b where b.datname = current_database()))
  ), dropped as (
    select l.login || ' (' || l.tenants || ')' as name
    from (select b.login, count(*) || ' tenants' as tenants from openstock_core.tenant_login b group by b.login
          union all select t.login, 'any tenant' from openstock_core.trusted_login t) as l
    where l.login not in (select r.rolname from pg_roles r)
  )
  select 7, 'owners', m.objects = 0, concat(m.objects || ' objects owned by another role than theirs', ': ' || left(m.names, 200)),
         'ALTER ... OWNER TO the role that sql/README.md names: a view owned by a superuser, or by openstock_maint, shows every tenant.'
  from misplaced m
  union all
  select 8, 'roles', count(*) = 0, coalesce(left(string_agg(p.name, ', ' order by p.name), 200), 'none of openstock''s roles can do too much'),
         'ALTER ROLE ... NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION; group roles own nothing: REASSIGN OWNED to another role.'
  from power p
  union all
  select 11, 'logins', exists (select from openstock_core.tenant_login) or exists (select from openstock_core.trusted_login),
         (select count(distinct b.login) from openstock_core.tenant_login b) || ' bound, '
           || (select count(*) from openstock_core.trusted_login) || ' trusted',
         'Declare the logins of applications with openstock_admin.grant_tenant.'
  union all
  select 12, 'dropped logins', count(*) = 0,
         concat(count(*) || ' declared logins do not exist', ': ' || left(string_agg(d.name, ', ' order by d.name), 200)),
         'Whoever makes a role of that name may act for its tenants: take them back with openstock_admin.revoke_tenant(login, tenant), '
           || 'or with any_tenant => true.'
  from dropped d
  union all
  select 13, 'backup', count(*) > 0, count(*) || ' logins that pg_dump can use',
         'pg_dump needs a superuser or a role with BYPASSRLS: row-level security is forced on every table.'
  from pg_roles r where (r.rolsuper or r.rolbypassrls) and r.rolcanlogin;
end;

revoke all on function openstock_core.findings_of_roles from public;
grant execute on function openstock_core.findings_of_roles to openstock_maint;
comment on function openstock_core.findings_of_roles is
  'Rows of doctor: who owns what, what the roles of openstock can do, which logins are declared, and who can back up.';

reset role;

-- sql/functions/openstock_core/replayed_levels.sql
-- Replays a tenant's ledger into stock levels. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_levels(
  tenant uuid, out product_id bigint, out warehouse_id bigint, out on_hand numeric, out blocked numeric, out reserved numeric,
  out version bigint, out last_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.product_id, e.warehouse_id, trim_scale(sum(e.qty_delta)), trim_scale(sum(e.blocked_delta)), trim_scale(sum(e.reserved_delta)), count(*), max(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and openstock_core.is_chained(e.event_type, e.backordered_delta)
  group by e.product_id, e.warehouse_id;
end;

revoke all on function openstock_core.replayed_levels from public;
grant execute on function openstock_core.replayed_levels to openstock_maint;
comment on function openstock_core.replayed_levels is
  'What the ledger says that each stock level is.';

reset role;

-- sql/functions/openstock_core/replayed_bins.sql
-- Replays a tenant's ledger into bins. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_bins(
  tenant uuid, out location_id bigint, out product_id bigint, out lot_id bigint, out status text, out handling_unit_id bigint, out warehouse_id bigint,
  out on_hand numeric, out blocked numeric, out allocated numeric, out first_recorded_at timestamptz,
  out last_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, e.warehouse_id,
         trim_scale(sum(e.qty_delta)), trim_scale(sum(e.blocked_delta)), trim_scale(sum(e.allocated_delta)), min(e.recorded_at), max(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.location_id is not null
  group by e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, e.warehouse_id;
end;

revoke all on function openstock_core.replayed_bins from public;
grant execute on function openstock_core.replayed_bins to openstock_maint;
comment on function openstock_core.replayed_bins is
  'What the ledger says that each bin holds.';

reset role;

-- sql/functions/openstock_core/replayed_lines.sql
-- Replays a tenant's ledger into reservation lines. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_lines(
  tenant uuid, out reservation_line_id bigint, out order_ref text, out line integer, out product_id bigint, out warehouse_id bigint,
  out agreed boolean, out reserved numeric, out shipped numeric, out released numeric, out expired numeric, out expires_at timestamptz,
  out allocated numeric, out first_recorded_at timestamptz, out quota_used numeric)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  -- A line's order and number are those of its latest RESERVE or CONFIRM, and its end that of the latest of these or EXTEND: all of them
  -- are written under the line's lock, so that their numbers tell their order.
  select e.reservation_line_id,
         coalesce((array_agg(e.order_ref order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'CONFIRM')))[1], min(e.order_ref)),
         (array_agg(e.line order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'CONFIRM')))[1],
         min(e.product_id), min(e.warehouse_id),
         min(e.product_id) = max(e.product_id) and min(e.warehouse_id) = max(e.warehouse_id) and count(e.order_ref) = count(*)
           and coalesce(array_agg(e.order_ref) <@ array_agg(e.order_ref) filter (where e.event_type in ('RESERVE', 'CONFIRM')),
                        min(e.order_ref) = max(e.order_ref)),
         trim_scale(sum(e.reserved_delta)),
         trim_scale(coalesce(-sum(e.qty_delta) filter (where e.event_type = 'SHIP'), 0)),
         trim_scale(coalesce(-sum(e.reserved_delta) filter (where e.event_type = 'RELEASE'), 0)),
         trim_scale(coalesce(-sum(e.reserved_delta) filter (where e.event_type = 'EXPIRE'), 0)),
         (array_agg(e.expires_at order by e.entry_id desc) filter (where e.event_type in ('RESERVE', 'EXTEND', 'CONFIRM')))[1],
         trim_scale(sum(e.allocated_delta)), min(e.recorded_at), trim_scale(-sum(coalesce(e.quota_delta, 0)))
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.reservation_line_id is not null
  group by e.reservation_line_id;
end;

revoke all on function openstock_core.replayed_lines from public;
grant execute on function openstock_core.replayed_lines to openstock_maint;
comment on function openstock_core.replayed_lines is
  'What the ledger says that each reservation line has reserved, shipped, released, expired, allocated and taken from its channel''s quota, and until when it holds; agreed is false '
  'where its entries do not all name one product and warehouse, and orders that it belonged to.';

reset role;

-- sql/functions/openstock_core/replayed_allocations.sql
-- Replays a tenant's ledger into open allocations. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_allocations(
  tenant uuid, out reservation_line_id bigint, out location_id bigint, out product_id bigint, out lot_id bigint, out status text,
  out handling_unit_id bigint, out qty numeric, out first_recorded_at timestamptz)
returns setof record
language sql
stable
begin atomic
  select e.reservation_line_id, e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id, trim_scale(sum(e.allocated_delta)), min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.allocated_delta <> 0
  group by e.reservation_line_id, e.location_id, e.product_id, e.lot_id, e.status, e.handling_unit_id
  having sum(e.allocated_delta) <> 0;
end;

revoke all on function openstock_core.replayed_allocations from public;
grant execute on function openstock_core.replayed_allocations to openstock_maint;
comment on function openstock_core.replayed_allocations is
  'What the ledger says that each line has pinned in each bin.';

reset role;

-- sql/functions/openstock_core/replayed_backorders.sql
-- Replays a tenant's ledger into backorders. Reads: ledger.
set local role openstock_owner;

create or replace function openstock_core.replayed_backorders(
  tenant uuid, out backorder_id bigint, out order_ref text, out line integer, out product_id bigint, out backordered numeric,
  out released numeric, out expired numeric, out expires_at timestamptz, out queued_at timestamptz, out first_recorded_at timestamptz)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select e.backorder_id,
         (array_agg(e.order_ref order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'CONFIRM')))[1],
         (array_agg(e.line order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'CONFIRM')))[1],
         min(e.product_id), trim_scale(sum(coalesce(e.backordered_delta, 0))),
         trim_scale(coalesce(-sum(e.backordered_delta) filter (where e.event_type = 'RELEASE'), 0)),
         trim_scale(coalesce(-sum(e.backordered_delta) filter (where e.event_type = 'EXPIRE'), 0)),
         (array_agg(e.expires_at order by e.entry_id desc) filter (where e.event_type in ('BACKORDER', 'EXTEND', 'CONFIRM')))[1],
         max(e.recorded_at) filter (where e.event_type = 'CONFIRM' or e.backordered_delta > 0), min(e.recorded_at)
  from openstock_core.ledger e
  where e.tenant_id = tenant and e.backorder_id is not null
  group by e.backorder_id;
end;

revoke all on function openstock_core.replayed_backorders from public;
grant execute on function openstock_core.replayed_backorders to openstock_maint;
comment on function openstock_core.replayed_backorders is
  'What the ledger says that each backorder waits for, of which order, since and until when.';

reset role;

-- sql/functions/openstock_core/replayed_serials.sql
-- Replays a tenant's ledger into pieces: where each is, and who has it pinned. Reads: ledger, ledger_serial.
set local role openstock_owner;

create or replace function openstock_core.replayed_serials(
  tenant uuid, out serial_id bigint, out product_id bigint, out agreed boolean, out location_id bigint, out lot_id bigint, out status text,
  out handling_unit_id bigint, out reservation_line_id bigint)
returns setof record
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  with entry as (
    select s.serial_id, e.product_id, e.location_id, e.lot_id, e.status, e.handling_unit_id, e.reservation_line_id, sign(e.qty_delta) as placed, sign(e.allocated_delta) as pinned
    from openstock_core.ledger_serial s
    join openstock_core.ledger e on e.tenant_id = tenant and e.entry_id = s.entry_id and e.recorded_at = s.recorded_at
    where s.tenant_id = tenant
  ), product as (
    select e.serial_id, min(e.product_id) as product_id, min(e.product_id) = max(e.product_id) as agreed from entry e group by e.serial_id
  ), place as (
    select p.serial_id, min(p.location_id) as location_id, min(p.lot_id) as lot_id, min(p.status) as status, min(p.handling_unit_id) as handling_unit_id,
           count(*) = 1 and min(p.times) = 1 as agreed
    from (select e.serial_id, e.location_id, e.lot_id, e.status, e.handling_unit_id, sum(e.placed) as times
          from entry e group by e.serial_id, e.location_id, e.lot_id, e.status, e.handling_unit_id having sum(e.placed) <> 0) as p
    group by p.serial_id
  ), pin as (
    select p.serial_id, min(p.reservation_line_id) as reservation_line_id, count(*) = 1 and min(p.times) = 1 as agreed
    from (select e.serial_id, e.reservation_line_id, sum(e.pinned) as times
          from entry e group by e.serial_id, e.reservation_line_id having sum(e.pinned) <> 0) as p
    group by p.serial_id
  )
  select d.serial_id, d.product_id, d.agreed and l.agreed is not false and n.agreed is not false and (n.serial_id is null or l.serial_id is not null),
         l.location_id, l.lot_id, l.status, l.handling_unit_id, n.reservation_line_id
  from product d
  left join place l on l.serial_id = d.serial_id
  left join pin n on n.serial_id = d.serial_id;
end;

revoke all on function openstock_core.replayed_serials from public;
grant execute on function openstock_core.replayed_serials to openstock_maint;
comment on function openstock_core.replayed_serials is
  'What the ledger says of each piece: the bin that it is in, none where it has left, and the line that it is pinned to. agreed is false where its entries name two '
  'products, or leave it in two places, pinned twice, or pinned and nowhere.';

reset role;

-- sql/functions/openstock_core/level_differences.sql
-- The identities of stock levels: against the ledger, and against what they sum up or copy.
-- Reads: ledger, stock_level, stock_bin, lot, reservation_line, channel_quota, product.
set local role openstock_owner;

create or replace function openstock_core.level_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, l.product_id), coalesce(r.warehouse_id, l.warehouse_id), '{}'::jsonb, v.expected, v.actual, true
  from openstock_core.replayed_levels(tenant) r
  full join (select * from openstock_core.stock_level s where s.tenant_id = tenant) as l
    on l.product_id = r.product_id and l.warehouse_id = r.warehouse_id
  cross join lateral (values
    ('level on_hand = ledger', coalesce(r.on_hand, 0), l.on_hand::numeric),
    ('level blocked = ledger', coalesce(r.blocked, 0), l.blocked::numeric),
    ('level reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric),
    ('level version = ledger entries', coalesce(r.version, 0)::numeric, l.version::numeric),
    ('level last_recorded_at = ledger', extract(epoch from r.last_recorded_at),
     extract(epoch from nullif(l.last_recorded_at, '-infinity')))) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  -- Units that leave a bin do not put next_block_at off, nor do holds that are confirmed next_expiry_at: they may be too early, and
  -- that is then found out when they come.
  select v.fact, l.product_id, l.warehouse_id, '{}', v.expected, v.actual, true
  from openstock_core.stock_level l
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id
  left join (
    select b.product_id, b.warehouse_id, sum(b.on_hand) as on_hand, sum(b.on_hand) filter (where b.blocked) as blocked,
           min(openstock_core.expiry(t.expires_on)) filter (where b.on_hand > 0 and not b.blocked) as first_expiry
    from openstock_core.stock_bin b
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
    where b.tenant_id = tenant
    group by b.product_id, b.warehouse_id) as b on b.product_id = l.product_id and b.warehouse_id = l.warehouse_id
  left join (
    select n.product_id, n.warehouse_id, sum(n.reserved) as reserved, min(n.expires_at) filter (where n.reserved > 0) as first_end
    from openstock_core.reservation_line n
    where n.tenant_id = tenant
    group by n.product_id, n.warehouse_id) as n on n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
  left join (
    select k.product_id, k.warehouse_id, sum(k.qty) as qty
    from openstock_core.channel_quota k
    where k.tenant_id = tenant
    group by k.product_id, k.warehouse_id) as q on q.product_id = l.product_id and q.warehouse_id = l.warehouse_id
  cross join lateral (values
    ('level on_hand = bins', coalesce(b.on_hand, 0), l.on_hand::numeric),
    ('level blocked = blocked bins', coalesce(b.blocked, 0), l.blocked::numeric),
    ('level reserved = reservation lines', coalesce(n.reserved, 0), l.reserved::numeric),
    ('level fenced = quotas', coalesce(q.qty, 0), l.fenced::numeric),
    ('level safety_stock = product', p.safety_stock::numeric, l.safety_stock::numeric),
    ('level next_block_at <= first expiry of units not blocked', extract(epoch from b.first_expiry),
     case when b.first_expiry is null or l.next_block_at <= b.first_expiry then extract(epoch from b.first_expiry)
          else extract(epoch from l.next_block_at) end),
    ('level next_expiry_at <= first end of an open hold', extract(epoch from n.first_end),
     case when n.first_end is null or l.next_expiry_at <= n.first_end then extract(epoch from n.first_end)
          else extract(epoch from l.next_expiry_at) end)) as v (fact, expected, actual)
  where l.tenant_id = tenant and v.expected is distinct from v.actual;
end;

revoke all on function openstock_core.level_differences from public;
grant execute on function openstock_core.level_differences to openstock_maint;
comment on function openstock_core.level_differences is
  'Where a tenant''s stock levels are not what the ledger, bins, reservation lines and products say. Times are seconds since 1970 (UTC).';

reset role;

-- sql/functions/openstock_core/bin_differences.sql
-- The identities of bins: against the ledger, their allocations, and what their place and lot say about them.
-- Reads: ledger, stock_bin, allocation, product, location, lot.
set local role openstock_owner;

create or replace function openstock_core.bin_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, b.product_id), coalesce(r.warehouse_id, b.warehouse_id),
         jsonb_build_object('location_id', coalesce(r.location_id, b.location_id), 'lot_id', coalesce(r.lot_id, b.lot_id),
                            'status', coalesce(r.status, b.status), 'handling_unit_id', coalesce(r.handling_unit_id, b.handling_unit_id)), v.expected, v.actual, v.repairable
  from openstock_core.replayed_bins(tenant) r
  full join (select * from openstock_core.stock_bin s where s.tenant_id = tenant) as b
    on b.location_id = r.location_id and b.product_id = r.product_id and b.status = r.status
    and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0) and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  left join (
    select a.bin_id, sum(a.qty) as qty
    from openstock_core.allocation a
    where a.tenant_id = tenant
    group by a.bin_id) as a on a.bin_id = b.bin_id
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
  left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
  -- Units enter blocked or not by enters_blocked(), and are blocked when their lot expires, once somebody notices. Whether it had
  -- expired by their last entry tells if they may be blocked; the clock of today does not, since clocks go back.
  cross join lateral (
    select case when b.blocked then b.on_hand::numeric else 0 end as blocked,
           b.status <> 'available' or coalesce(c.kind = 'quarantine', false) or coalesce(t.quality <> 'released', false) as must_block,
           coalesce(openstock_core.expiry(t.expires_on) <= r.last_recorded_at, false) as may_block) as s
  cross join lateral (values
    ('bin on_hand = ledger', coalesce(r.on_hand, 0), b.on_hand::numeric, true),
    ('bin blocked = ledger', coalesce(r.blocked, 0), s.blocked, true),
    ('bin allocated = ledger', coalesce(r.allocated, 0), b.allocated::numeric, true),
    ('bin allocated = allocations', coalesce(a.qty, 0), b.allocated::numeric, true),
    ('bin blocked = status, location and lot',
     case when s.must_block then b.on_hand when s.may_block then s.blocked else 0 end, s.blocked,
     coalesce(r.blocked, 0) = case when s.must_block then coalesce(r.on_hand, 0) when s.may_block then coalesce(r.blocked, 0) else 0 end),
    ('bin belongs to the level of its entries', 1, case when r.warehouse_id <> b.warehouse_id then 0 else 1 end, true),
    ('bin has a lot = product is tracked by lot', case when b.on_hand > 0 then (p.tracking = 'lot')::integer end,
     case when b.on_hand > 0 then (b.lot_id is not null)::integer end, coalesce(r.on_hand, 0) = 0),
    ('bin lot belongs to its product', 1,
     case when b.on_hand > 0 and b.lot_id is not null and t.product_id is distinct from b.product_id then 0 else 1 end,
     coalesce(r.on_hand, 0) = 0)) as v (fact, expected, actual, repairable)
  where v.expected is distinct from v.actual
  union all
  select 'bins of a handling unit lie in one location', null, null, jsonb_build_object('handling_unit', h.code), 1, u.locations,
         (select count(distinct r.location_id) <= 1 from openstock_core.replayed_bins(tenant) r where r.handling_unit_id = u.handling_unit_id and r.on_hand > 0)
  from (select b.handling_unit_id, count(distinct b.location_id) as locations
        from openstock_core.stock_bin b
        where b.tenant_id = tenant and b.handling_unit_id is not null and b.on_hand > 0
        group by b.handling_unit_id) as u
  join openstock_core.handling_unit h on h.tenant_id = tenant and h.handling_unit_id = u.handling_unit_id
  where u.locations > 1;
end;

revoke all on function openstock_core.bin_differences from public;
grant execute on function openstock_core.bin_differences to openstock_maint;
comment on function openstock_core.bin_differences is
  'Where a tenant''s bins are not what the ledger, their allocations, or their status, location, lot and product say; of those, only what '
  'can never be right: that an expired lot was not blocked yet is, and so is a blocked lot after a clock went back.';

reset role;

-- sql/functions/openstock_core/line_differences.sql
-- The identities of reservation lines and of what is pinned for them.
-- Reads: ledger, reservation, reservation_line, reservation_kit, allocation, stock_bin.
set local role openstock_owner;

create or replace function openstock_core.line_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, coalesce(r.product_id, l.product_id), coalesce(r.warehouse_id, l.warehouse_id),
         jsonb_build_object('order_ref', coalesce(r.order_ref, o.order_ref), 'line', coalesce(l.line, r.line),
                            'reservation_line_id', coalesce(r.reservation_line_id, l.reservation_line_id)),
         v.expected, v.actual, v.repairable
  from openstock_core.replayed_lines(tenant) r
  full join (select * from openstock_core.reservation_line s where s.tenant_id = tenant) as l
    on l.reservation_line_id = r.reservation_line_id
  left join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = l.reservation_id
  left join (
    select a.reservation_line_id, sum(a.qty) as qty
    from openstock_core.allocation a
    where a.tenant_id = tenant
    group by a.reservation_line_id) as a on a.reservation_line_id = l.reservation_line_id
  cross join lateral (values
    ('line reserved = ledger', coalesce(r.reserved, 0), l.reserved::numeric, true),
    ('line shipped = ledger', coalesce(r.shipped, 0), l.shipped::numeric, true),
    ('line released = ledger', coalesce(r.released, 0), l.released::numeric, true),
    ('line expired = ledger', coalesce(r.expired, 0), l.expired::numeric, true),
    ('line quota_used = ledger', coalesce(r.quota_used, 0), coalesce(l.quota_used::numeric, 0), true),
    ('line expires_at = ledger', extract(epoch from r.expires_at), extract(epoch from l.expires_at), true),
    ('line allocated <= reserved', l.reserved::numeric, greatest(l.reserved, a.qty),
     coalesce(r.allocated, 0) <= coalesce(r.reserved, 0)),
    ('line number = ledger', coalesce(r.line, l.line), coalesce(l.line, r.line), true),
    ('line belongs to the order of its entries', 1,
     case when l.line is not null and r.agreed and o.order_ref is distinct from r.order_ref then 0 else 1 end, true),
    ('line belongs to the level of its entries', 1,
     case when r.agreed and (l.product_id, l.warehouse_id) <> (r.product_id, r.warehouse_id) then 0 else 1 end, true),
    ('entries of a line name one level, and its orders', 1, case when not r.agreed then 0 else 1 end, false)
  ) as v (fact, expected, actual, repairable)
  where v.expected is distinct from v.actual
  union all
  select 'allocation = ledger', coalesce(r.product_id, a.product_id), null,
         jsonb_build_object('reservation_line_id', coalesce(r.reservation_line_id, a.reservation_line_id),
                            'location_id', coalesce(r.location_id, a.location_id),
                            'bin_id', case when a.location_id is null then a.bin_id end), coalesce(r.qty, 0), a.qty, true
  from openstock_core.replayed_allocations(tenant) r
  full join (
    select n.reservation_line_id, n.bin_id, n.qty::numeric as qty, b.location_id, b.product_id, b.lot_id, b.status, b.handling_unit_id
    from openstock_core.allocation n
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
    where n.tenant_id = tenant) as a
    on a.reservation_line_id = r.reservation_line_id and a.location_id = r.location_id and a.product_id = r.product_id
    and a.status = r.status and coalesce(a.lot_id, 0) = coalesce(r.lot_id, 0)
    and coalesce(a.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  where coalesce(r.qty, 0) is distinct from a.qty
  union all
  select 'component of a kit has a line', k.product_id, null, jsonb_build_object('order_ref', o.order_ref, 'line', k.line), 1, 0, false
  from openstock_core.reservation_kit k
  join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = k.reservation_id
  where k.tenant_id = tenant and not exists (
    select from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_id = k.reservation_id and l.line = k.line and l.product_id = k.product_id);
end;

revoke all on function openstock_core.line_differences from public;
grant execute on function openstock_core.line_differences to openstock_maint;
comment on function openstock_core.line_differences is
  'Where a tenant''s reservation lines and allocations are not what the ledger says, more is pinned for a line than it has reserved, '
  'or a component of a line of kits has no line.';

reset role;

-- sql/functions/openstock_core/backorder_differences.sql
-- The identities of backorders and backlogs. Reads: ledger, backorder, backlog, reservation.
set local role openstock_owner;

create or replace function openstock_core.backorder_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select v.fact, coalesce(r.product_id, b.product_id), null::bigint,
         jsonb_build_object('order_ref', coalesce(r.order_ref, o.order_ref), 'line', coalesce(b.line, r.line),
                            'backorder_id', coalesce(r.backorder_id, b.backorder_id)),
         v.expected, v.actual, true
  from openstock_core.replayed_backorders(tenant) r
  full join (select * from openstock_core.backorder s where s.tenant_id = tenant) as b on b.backorder_id = r.backorder_id
  left join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = b.reservation_id
  cross join lateral (values
    ('backorder backordered = ledger', coalesce(r.backordered, 0), b.backordered::numeric),
    ('backorder released = ledger', coalesce(r.released, 0), b.released::numeric),
    ('backorder expired = ledger', coalesce(r.expired, 0), b.expired::numeric),
    ('backorder expires_at = ledger', extract(epoch from r.expires_at), extract(epoch from b.expires_at)),
    ('backorder line = ledger', coalesce(r.line, b.line), coalesce(b.line, r.line)),
    ('backorder belongs to the order and product of its entries', 1,
     case when b.line is not null and r.line is not null and (o.order_ref, b.product_id) is distinct from (r.order_ref, r.product_id) then 0 else 1 end)
  ) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  select v.fact, coalesce(g.product_id, b.product_id), null, '{}', v.expected, v.actual, true
  from (
    select s.product_id, sum(s.backordered) as backordered,
           min(s.expires_at) filter (where s.backordered > 0) as first_end
    from openstock_core.backorder s
    where s.tenant_id = tenant
    group by s.product_id) as b
  full join (select * from openstock_core.backlog s where s.tenant_id = tenant) as g on g.product_id = b.product_id
  cross join lateral (values
    ('backlog backordered = backorders', coalesce(b.backordered, 0), g.backordered::numeric),
    ('backlog next_expiry_at <= first end of a waiting hold', extract(epoch from b.first_end),
     case when b.first_end is null or g.next_expiry_at <= b.first_end then extract(epoch from b.first_end)
          else extract(epoch from g.next_expiry_at) end)) as v (fact, expected, actual)
  where v.expected is distinct from v.actual;
end;

revoke all on function openstock_core.backorder_differences from public;
grant execute on function openstock_core.backorder_differences to openstock_maint;
comment on function openstock_core.backorder_differences is
  'Where a tenant''s backorders are not what the ledger says, or its backlogs not what the backorders sum up to.';

reset role;

-- sql/functions/openstock_core/serial_differences.sql
-- The identities of pieces. Reads: ledger, ledger_serial, serial_unit, stock_bin, allocation, product.
set local role openstock_owner;

create or replace function openstock_core.serial_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  with replayed as materialized (
    select * from openstock_core.replayed_serials(tenant)
  ), unit as materialized (
    select u.*, b.location_id, b.lot_id, b.status, b.handling_unit_id, b.warehouse_id, b.product_id as bin_product_id
    from openstock_core.serial_unit u
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    where u.tenant_id = tenant
  ), kept as (
    -- What a rebuild can say of pieces whose names are not lost.
    select r.* from replayed r join unit u on u.serial_id = r.serial_id where r.agreed
  )
  select v.fact, coalesce(u.product_id, r.product_id), u.warehouse_id,
         jsonb_build_object('serial', u.serial, 'serial_id', case when u.serial_id is null then r.serial_id end), v.expected, v.actual, v.repairable
  from replayed r
  full join unit u on u.serial_id = r.serial_id
  cross join lateral (values
    ('serial has a name', 1, case when u.serial_id is null then 0 else 1 end, false),
    ('serial is in the bin of its entries', 1, case when u.serial_id is not null and r.agreed is not false
       and (u.bin_id is not null, u.location_id, u.lot_id, u.status, u.handling_unit_id, u.bin_product_id) is distinct from
           (r.location_id is not null, r.location_id, r.lot_id, r.status, r.handling_unit_id, case when r.location_id is not null then r.product_id end) then 0 else 1 end, true),
    ('serial is pinned to the line of its entries', 1,
     case when u.serial_id is not null and r.agreed is not false and u.reservation_line_id is distinct from r.reservation_line_id then 0 else 1 end, true),
    ('serial belongs to the product of its entries', 1, case when r.agreed and u.product_id <> r.product_id then 0 else 1 end, true),
    ('entries of a serial name one product, and leave it in one place', 1, case when not r.agreed then 0 else 1 end, false)
  ) as v (fact, expected, actual, repairable)
  where v.expected <> v.actual
  union all
  select 'bin on_hand = serials', b.product_id, b.warehouse_id,
         jsonb_build_object('location_id', b.location_id, 'lot_id', b.lot_id, 'status', b.status, 'handling_unit_id', b.handling_unit_id), n.expected, coalesce(u.serials, 0),
         coalesce(k.serials, 0) = case when p.tracking = 'serial' then coalesce(r.on_hand, 0) else 0 end
  from openstock_core.stock_bin b
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id
  cross join lateral (select case when p.tracking = 'serial' then b.on_hand::numeric else 0 end as expected) as n
  left join (select i.bin_id, count(*) as serials from unit i group by i.bin_id) as u on u.bin_id = b.bin_id
  left join (select i.location_id, i.product_id, i.lot_id, i.status, i.handling_unit_id, count(*) as serials
             from kept i group by i.location_id, i.product_id, i.lot_id, i.status, i.handling_unit_id) as k
    on k.location_id = b.location_id and k.product_id = b.product_id and k.status = b.status and coalesce(k.lot_id, 0) = coalesce(b.lot_id, 0)
    and coalesce(k.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0)
  left join openstock_core.replayed_bins(tenant) r
    on r.location_id = b.location_id and r.product_id = b.product_id and r.status = b.status and coalesce(r.lot_id, 0) = coalesce(b.lot_id, 0)
    and coalesce(r.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0)
  where b.tenant_id = tenant and n.expected <> coalesce(u.serials, 0)
  union all
  select 'allocation = serials', coalesce(a.product_id, u.product_id), null,
         jsonb_build_object('reservation_line_id', coalesce(a.reservation_line_id, u.reservation_line_id), 'location_id', b.location_id),
         coalesce(a.qty, 0), coalesce(u.serials, 0), coalesce(k.serials, 0) = coalesce(r.qty, 0)
  from (select n.reservation_line_id, n.bin_id, n.qty::numeric as qty, b.product_id
        from openstock_core.allocation n
        join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = n.bin_id
        join openstock_core.product p on p.tenant_id = tenant and p.product_id = b.product_id and p.tracking = 'serial'
        where n.tenant_id = tenant) as a
  full join (select i.reservation_line_id, i.bin_id, i.product_id, count(*) as serials
             from unit i where i.reservation_line_id is not null group by i.reservation_line_id, i.bin_id, i.product_id) as u
    on u.reservation_line_id = a.reservation_line_id and u.bin_id = a.bin_id
  left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = coalesce(a.bin_id, u.bin_id)
  left join (select i.reservation_line_id, count(*) as serials from kept i group by i.reservation_line_id) as k
    on k.reservation_line_id = coalesce(a.reservation_line_id, u.reservation_line_id)
  left join (select i.reservation_line_id, sum(i.qty) as qty from openstock_core.replayed_allocations(tenant) i group by i.reservation_line_id) as r
    on r.reservation_line_id = coalesce(a.reservation_line_id, u.reservation_line_id)
  where coalesce(a.qty, 0) <> coalesce(u.serials, 0)
  union all
  select 'entry units = serials', e.product_id, e.warehouse_id, jsonb_build_object('entry_id', coalesce(e.entry_id, s.entry_id)),
         coalesce(e.units, 0), coalesce(s.serials, 0), false
  from (select l.product_id, l.warehouse_id, l.entry_id, l.recorded_at, greatest(abs(l.qty_delta), abs(l.allocated_delta)) as units
        from openstock_core.ledger l
        join openstock_core.product p on p.tenant_id = tenant and p.product_id = l.product_id and p.tracking = 'serial'
        where l.tenant_id = tenant) as e
  full join (select n.entry_id, n.recorded_at, count(*) as serials
             from openstock_core.ledger_serial n where n.tenant_id = tenant group by n.entry_id, n.recorded_at) as s
    on s.entry_id = e.entry_id and s.recorded_at = e.recorded_at
  where coalesce(e.units, 0) <> coalesce(s.serials, 0);
end;

revoke all on function openstock_core.serial_differences from public;
grant execute on function openstock_core.serial_differences to openstock_maint;
comment on function openstock_core.serial_differences is
  'Where a tenant''s pieces are not what the ledger says, or not as many as their bins, allocations and entries have units. What depends on the name of a lost '
  'piece, or on entries that contradict themselves, cannot be repaired.';

reset role;

-- sql/functions/openstock_core/ledger_differences.sql
-- The identities of the ledger itself: no projection can be wrong about them, and rebuild repairs none.
-- Reads: ledger, operation.
set local role openstock_owner;

create or replace function openstock_core.ledger_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, e.product_id, e.warehouse_id, jsonb_build_object('entry_id', e.entry_id), v.expected, v.actual, false
  from (
    select l.product_id, l.warehouse_id, l.entry_id, l.on_hand_after, l.blocked_after, l.reserved_after,
           coalesce(lag(l.on_hand_after) over chain, 0) + l.qty_delta as on_hand,
           coalesce(lag(l.blocked_after) over chain, 0) + l.blocked_delta as blocked,
           coalesce(lag(l.reserved_after) over chain, 0) + l.reserved_delta as reserved,
           lag(l.entry_id) over chain < l.entry_id as higher, lag(l.recorded_at) over chain < l.recorded_at as later
    from openstock_core.ledger l
    where l.tenant_id = tenant and openstock_core.is_chained(l.event_type, l.backordered_delta)
    window chain as (partition by l.product_id, l.warehouse_id order by l.recorded_at, l.entry_id)
  ) as e
  cross join lateral (values
    ('entry on_hand_after = the one before + its delta', e.on_hand, e.on_hand_after::numeric),
    ('entry blocked_after = the one before + its delta', e.blocked, e.blocked_after::numeric),
    ('entry reserved_after = the one before + its delta', e.reserved, e.reserved_after::numeric),
    ('entry number is higher than the one before', 1, case when not e.higher then 0 else 1 end),
    ('entry is later than the one before', 1, case when not e.later then 0 else 1 end)) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  select 'entry belongs to an operation', e.product_id, e.warehouse_id,
         jsonb_build_object('entry_id', e.entry_id, 'op_id', e.op_id), 1, 0, false
  from openstock_core.ledger e
  where e.tenant_id = tenant
    and not exists (select from openstock_core.operation o where o.tenant_id = tenant and o.op_id = e.op_id);
end;

revoke all on function openstock_core.ledger_differences from public;
grant execute on function openstock_core.ledger_differences to openstock_maint;
comment on function openstock_core.ledger_differences is
  'Where a tenant''s ledger contradicts itself: balances, numbers and times of the chained entries of each level, and their operations.';

reset role;

-- sql/functions/openstock_core/differences.sql
-- The identities between the ledger and its projections, all in one statement. Reads: everything of the tenant.
set local role openstock_owner;

create or replace function openstock_core.differences(
  tenant uuid, out fact text, out key jsonb, out expected numeric, out actual numeric, out repairable boolean)
returns setof record
language sql
stable
begin atomic
  select d.fact, jsonb_strip_nulls(jsonb_build_object('sku', p.sku, 'warehouse', w.code) || d.key), d.expected, d.actual, d.repairable
  from (
    select * from openstock_core.level_differences(tenant)
    union all
    select * from openstock_core.bin_differences(tenant)
    union all
    select * from openstock_core.line_differences(tenant)
    union all
    select * from openstock_core.backorder_differences(tenant)
    union all
    select * from openstock_core.serial_differences(tenant)
    union all
    select * from openstock_core.ledger_differences(tenant)
  ) as d
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = d.product_id
  left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = d.warehouse_id;
end;

revoke all on function openstock_core.differences from public;
grant execute on function openstock_core.differences to openstock_maint;
comment on function openstock_core.differences is
  'Every identity that does not hold for a tenant: the fact, where, what the ledger (or the finer projection) says and what the projection says. '
  'repairable is false where the ledger contradicts itself, or the master data.';

reset role;

-- sql/functions/openstock_core/replace_levels.sql
-- Puts replayed quantities into the stock levels that differ. The tenant is locked. Writes: stock_level, product (its row, unchanged,
-- where it gets a level: as in make_levels, so that a transaction whose snapshot does not show the level ends in 40001).
set local role openstock_owner;

create or replace function openstock_core.replace_levels(tenant uuid) returns void
language sql
volatile
begin atomic
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.product_id in (
    select r.product_id from openstock_core.replayed_levels(tenant) r
    where not exists (select from openstock_core.stock_level s
                      where s.tenant_id = tenant and s.product_id = r.product_id and s.warehouse_id = r.warehouse_id));

  insert into openstock_core.stock_level as l (
    tenant_id, product_id, warehouse_id, on_hand, blocked, reserved, safety_stock, fenced, version, last_recorded_at)
  select tenant, k.product_id, k.warehouse_id, coalesce(r.on_hand, 0), coalesce(r.blocked, 0), coalesce(r.reserved, 0), p.safety_stock,
         coalesce((select sum(q.qty) from openstock_core.channel_quota q where q.tenant_id = tenant and q.product_id = k.product_id
                     and q.warehouse_id = k.warehouse_id), 0),
         coalesce(r.version, 0), coalesce(r.last_recorded_at, '-infinity')
  from (select product_id, warehouse_id from openstock_core.replayed_levels(tenant)
        union select s.product_id, s.warehouse_id from openstock_core.stock_level s where s.tenant_id = tenant) as k
  left join openstock_core.replayed_levels(tenant) r on r.product_id = k.product_id and r.warehouse_id = k.warehouse_id
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
  on conflict on constraint stock_level_pkey do update
  set on_hand = excluded.on_hand, blocked = excluded.blocked, reserved = excluded.reserved, version = excluded.version,
      safety_stock = excluded.safety_stock, fenced = excluded.fenced, last_recorded_at = excluded.last_recorded_at
  where (l.on_hand, l.blocked, l.reserved, l.safety_stock, l.fenced, l.version, l.last_recorded_at) is distinct from
        (excluded.on_hand, excluded.blocked, excluded.reserved, excluded.safety_stock, excluded.fenced, excluded.version, excluded.last_recorded_at);
end;

revoke all on function openstock_core.replace_levels from public;
grant execute on function openstock_core.replace_levels to openstock_maint;
comment on function openstock_core.replace_levels is
  'Makes the stock levels what the ledger, the product''s safety stock and the quotas say; replace_due_times recomputes when something is due.';

reset role;

-- sql/functions/openstock_core/replace_lines.sql
-- Puts replayed quantities, and the order, number, product, warehouse and end, into the reservation lines that differ. The tenant is
-- locked. Writes: reservation, reservation_line. Of which channel a lost line was is not in the ledger: what it gives back is then anyone's.
set local role openstock_owner;

create or replace function openstock_core.replace_lines(tenant uuid) returns void
language sql
volatile
begin atomic
  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  select tenant, r.order_ref, min(r.first_recorded_at)
  from openstock_core.replayed_lines(tenant) r
  where not exists (select from openstock_core.reservation o where o.tenant_id = tenant and o.order_ref = r.order_ref)
    and (r.agreed or not exists (select from openstock_core.reservation_line l
                                 where l.tenant_id = tenant and l.reservation_line_id = r.reservation_line_id))
  group by r.order_ref
  order by min(r.first_recorded_at), r.order_ref
  on conflict on constraint reservation_order_ref_is_unique do nothing;

  insert into openstock_core.reservation_line as l (
    tenant_id, reservation_line_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, shipped, released, expired,
    expires_at, created_at, quota_used)
  overriding system value
  select tenant, r.reservation_line_id, coalesce(n.reservation_id, o.reservation_id), r.line,
         coalesce(n.product_id, r.product_id), coalesce(n.warehouse_id, r.warehouse_id),
         r.reserved + r.shipped + r.released + r.expired, r.reserved, r.shipped, r.released, r.expired, r.expires_at, r.first_recorded_at,
         r.quota_used
  from openstock_core.replayed_lines(tenant) r
  left join openstock_core.reservation o on o.tenant_id = tenant and o.order_ref = r.order_ref
  left join openstock_core.reservation_line n
    on n.tenant_id = tenant and n.reservation_line_id = r.reservation_line_id and not r.agreed
  on conflict on constraint reservation_line_pkey do update
  set reservation_id = excluded.reservation_id, line = excluded.line,
      product_id = excluded.product_id, warehouse_id = excluded.warehouse_id,
      ordered = excluded.ordered, reserved = excluded.reserved, shipped = excluded.shipped, released = excluded.released,
      expired = excluded.expired, expires_at = excluded.expires_at, quota_used = excluded.quota_used
  where (l.reservation_id, l.line, l.product_id, l.warehouse_id, l.reserved, l.shipped, l.released, l.expired, l.expires_at, l.quota_used) is distinct from
        (excluded.reservation_id, excluded.line, excluded.product_id, excluded.warehouse_id,
         excluded.reserved, excluded.shipped, excluded.released, excluded.expired, excluded.expires_at, excluded.quota_used);

  update openstock_core.reservation_line l
  set ordered = 0, reserved = 0, shipped = 0, released = 0, expired = 0, quota_used = 0
  where l.tenant_id = tenant and l.ordered > 0
    and not exists (select from openstock_core.replayed_lines(tenant) r where r.reservation_line_id = l.reservation_line_id);
end;

revoke all on function openstock_core.replace_lines from public;
grant execute on function openstock_core.replace_lines to openstock_maint;
comment on function openstock_core.replace_lines is
  'Makes the reservation lines what the ledger says; a line that the ledger does not know keeps nothing, and one whose entries '
  'do not agree on it keeps its order, product and warehouse.';

reset role;

-- sql/functions/openstock_core/replace_backorders.sql
-- Puts replayed quantities, order, number, product and end into the backorders that differ, and their sums into the backlogs. The tenant is
-- locked. Writes: reservation, backorder, backlog. Which warehouse a lost backorder had asked for is not in the ledger, nor its channel: any may fill it then,
-- from what anyone can have.
set local role openstock_owner;

create or replace function openstock_core.replace_backorders(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  select tenant, r.order_ref, min(r.first_recorded_at)
  from openstock_core.replayed_backorders(tenant) r
  where not exists (select from openstock_core.reservation o where o.tenant_id = tenant and o.order_ref = r.order_ref)
  group by r.order_ref
  order by min(r.first_recorded_at), r.order_ref
  on conflict on constraint reservation_order_ref_is_unique do nothing;

  insert into openstock_core.backorder as b (
    tenant_id, backorder_id, reservation_id, line, product_id, backordered, released, expired, expires_at, queued_at, created_at)
  overriding system value
  select tenant, r.backorder_id, o.reservation_id, r.line, r.product_id, r.backordered, r.released, r.expired, r.expires_at, r.queued_at,
         r.first_recorded_at
  from openstock_core.replayed_backorders(tenant) r
  join openstock_core.reservation o on o.tenant_id = tenant and o.order_ref = r.order_ref
  on conflict on constraint backorder_pkey do update
  set reservation_id = excluded.reservation_id, line = excluded.line, product_id = excluded.product_id,
      backordered = excluded.backordered, released = excluded.released, expired = excluded.expired, expires_at = excluded.expires_at
  where (b.reservation_id, b.line, b.product_id, b.backordered, b.released, b.expired, b.expires_at) is distinct from
        (excluded.reservation_id, excluded.line, excluded.product_id, excluded.backordered, excluded.released, excluded.expired,
         excluded.expires_at);

  update openstock_core.backorder b set backordered = 0, released = 0, expired = 0, expires_at = null
  where b.tenant_id = tenant
    and not exists (select from openstock_core.replayed_backorders(tenant) r where r.backorder_id = b.backorder_id);

  insert into openstock_core.backlog as g (tenant_id, product_id, backordered, next_expiry_at)
  select tenant, k.product_id, coalesce(sum(b.backordered), 0), min(b.expires_at) filter (where b.backordered > 0)
  from (select product_id from openstock_core.backorder s where s.tenant_id = tenant
        union select product_id from openstock_core.backlog s where s.tenant_id = tenant) as k
  left join openstock_core.backorder b on b.tenant_id = tenant and b.product_id = k.product_id
  group by k.product_id
  on conflict on constraint backlog_pkey do update
  set backordered = excluded.backordered, next_expiry_at = excluded.next_expiry_at
  where (g.backordered, g.next_expiry_at) is distinct from (excluded.backordered, excluded.next_expiry_at);
end;

revoke all on function openstock_core.replace_backorders from public;
grant execute on function openstock_core.replace_backorders to openstock_maint;
comment on function openstock_core.replace_backorders is
  'Makes backorders and backlogs what the ledger says; a backorder that the ledger does not know waits for nothing.';

reset role;

-- sql/functions/openstock_core/replace_bins.sql
-- Puts replayed quantities into the bins and allocations that differ. The tenant is locked.
-- Writes: stock_bin, allocation.
set local role openstock_owner;

create or replace function openstock_core.replace_bins(tenant uuid) returns void
language sql
volatile
begin atomic
  insert into openstock_core.stock_bin as b (
    tenant_id, location_id, product_id, lot_id, status, handling_unit_id, warehouse_id, blocked, on_hand, allocated, received_at)
  select tenant, r.location_id, r.product_id, r.lot_id, r.status, r.handling_unit_id, r.warehouse_id,
         -- What an empty one will be for units that enter: short_pick takes it as it is.
         case when r.on_hand = 0 then openstock_core.enters_blocked(tenant, r.location_id, r.lot_id, r.status, openstock.server_time()) else r.blocked <> 0 end,
         r.on_hand, r.allocated, r.first_recorded_at
  from openstock_core.replayed_bins(tenant) r
  order by r.location_id, r.product_id, r.lot_id, r.status, r.handling_unit_id
  on conflict on constraint stock_bin_key_is_unique do update
  set warehouse_id = excluded.warehouse_id, on_hand = excluded.on_hand, allocated = excluded.allocated,
      blocked = excluded.blocked
  where (b.warehouse_id, b.on_hand, b.allocated) is distinct from (excluded.warehouse_id, excluded.on_hand, excluded.allocated)
     or (b.on_hand > 0 and b.blocked <> excluded.blocked);

  update openstock_core.stock_bin b
  set on_hand = 0, allocated = 0
  where b.tenant_id = tenant and b.on_hand > 0
    and not exists (select from openstock_core.replayed_bins(tenant) r
                    where r.location_id = b.location_id and r.product_id = b.product_id and r.status = b.status
                      and coalesce(r.lot_id, 0) = coalesce(b.lot_id, 0)
                      and coalesce(r.handling_unit_id, 0) = coalesce(b.handling_unit_id, 0));

  delete from openstock_core.allocation a
  where a.tenant_id = tenant
    and not exists (select from openstock_core.replayed_allocations(tenant) r
                    join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id
                      and b.product_id = r.product_id and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0)
                      and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
                    where r.reservation_line_id = a.reservation_line_id and b.bin_id = a.bin_id and r.qty = a.qty);
  insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at)
  select tenant, r.reservation_line_id, b.bin_id, r.qty, r.first_recorded_at
  from openstock_core.replayed_allocations(tenant) r
  join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id and b.product_id = r.product_id
    and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0) and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
  on conflict on constraint allocation_pkey do nothing;
end;

revoke all on function openstock_core.replace_bins from public;
grant execute on function openstock_core.replace_bins to openstock_maint;
comment on function openstock_core.replace_bins is
  'Makes bins and allocations what the ledger says.';

reset role;

-- sql/functions/openstock_core/replace_serials.sql
-- Puts the pieces that differ into the bins, and on the lines, that the ledger says. The tenant is locked; bins and lines were replaced before.
-- Writes: serial_unit. What a lost piece was called is not in the ledger: it stays lost.
set local role openstock_owner;

create or replace function openstock_core.replace_serials(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update openstock_core.serial_unit u
  set bin_id = k.bin_id, reservation_line_id = k.reservation_line_id, product_id = k.product_id
  from (
    select n.serial_id, coalesce(r.product_id, n.product_id) as product_id, b.bin_id, r.reservation_line_id
    from openstock_core.serial_unit n
    left join openstock_core.replayed_serials(tenant) r on r.serial_id = n.serial_id
    left join openstock_core.stock_bin b on b.tenant_id = tenant and b.location_id = r.location_id and b.product_id = r.product_id
      and b.status = r.status and coalesce(b.lot_id, 0) = coalesce(r.lot_id, 0)
      and coalesce(b.handling_unit_id, 0) = coalesce(r.handling_unit_id, 0)
    where n.tenant_id = tenant and r.agreed is not false
  ) as k
  where u.tenant_id = tenant and u.serial_id = k.serial_id
    and (u.bin_id, u.reservation_line_id, u.product_id) is distinct from (k.bin_id, k.reservation_line_id, k.product_id);
end;

revoke all on function openstock_core.replace_serials from public;
grant execute on function openstock_core.replace_serials to openstock_maint;
comment on function openstock_core.replace_serials is
  'Makes the places and pins of pieces what the ledger says; a piece that the ledger does not know is in no bin, and one whose entries do not agree stays where it is.';

reset role;

-- sql/functions/openstock_core/replace_due_times.sql
-- Recomputes when something is due at each level, from bins and lines that were replaced before. The tenant is locked.
-- Writes: stock_level.
set local role openstock_owner;

create or replace function openstock_core.replace_due_times(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update openstock_core.stock_level l
  set next_block_at = e.next_block_at, next_expiry_at = e.next_expiry_at
  from (
    select s.product_id, s.warehouse_id,
           (select min(openstock_core.expiry(t.expires_on))
            from openstock_core.stock_bin b
            join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
            where b.tenant_id = tenant and b.product_id = s.product_id and b.warehouse_id = s.warehouse_id
              and b.on_hand > 0 and not b.blocked) as next_block_at,
           (select min(n.expires_at)
            from openstock_core.reservation_line n
            where n.tenant_id = tenant and n.product_id = s.product_id and n.warehouse_id = s.warehouse_id
              and n.expires_at is not null and n.reserved > 0) as next_expiry_at
    from openstock_core.stock_level s
    where s.tenant_id = tenant
  ) as e
  where l.tenant_id = tenant and l.product_id = e.product_id and l.warehouse_id = e.warehouse_id
    and (l.next_block_at, l.next_expiry_at) is distinct from (e.next_block_at, e.next_expiry_at);
end;

revoke all on function openstock_core.replace_due_times from public;
grant execute on function openstock_core.replace_due_times to openstock_maint;
comment on function openstock_core.replace_due_times is
  'Makes next_block_at the first expiry of a level''s units that are not blocked, and next_expiry_at the first end of its open holds.';

reset role;

-- sql/functions/openstock_admin/create_tenant.sql
-- Makes a tenant. Writes: tenant.
set local role openstock_maint;

create or replace function openstock_admin.create_tenant(name text, tenant uuid default null) returns uuid
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  created uuid;
begin
  if create_tenant.name is null or char_length(btrim(create_tenant.name)) not between 1 and 200 then
    perform openstock_core.fail('22023', '{"argument": "name", "problem": "must have 1 to 200 characters"}');
  end if;
  insert into openstock_core.tenant (tenant_id, name)
  values (coalesce(create_tenant.tenant, gen_random_uuid()), btrim(create_tenant.name))
  on conflict on constraint tenant_pkey do nothing
  returning tenant_id into created;
  if created is null then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', 'tenant', 'value', create_tenant.tenant, 'problem', 'exists already'));
  end if;
  return created;
end
$$;

revoke all on function openstock_admin.create_tenant from public;
grant execute on function openstock_admin.create_tenant to openstock_operator;
comment on function openstock_admin.create_tenant is
  'Makes a tenant with this name and returns its id: the one given, or a new random one. Errors: 22023.';

reset role;

-- sql/functions/openstock_admin/set_tenant_active.sql
-- Switches a tenant off or on. Writes: tenant.
set local role openstock_maint;

create or replace function openstock_admin.set_tenant_active(tenant uuid, active boolean) returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  if set_tenant_active.active is null then
    perform openstock_core.fail('22023', '{"argument": "active", "problem": "missing"}');
  end if;
  update openstock_core.tenant t set active = set_tenant_active.active where t.tenant_id = set_tenant_active.tenant;
  if not found then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', tenant));
  end if;
end
$$;

revoke all on function openstock_admin.set_tenant_active from public;
grant execute on function openstock_admin.set_tenant_active to openstock_operator;
comment on function openstock_admin.set_tenant_active is
  'An inactive tenant can neither write nor call functions; its rows stay. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/grant_tenant.sql
-- Lets a login act for one tenant, or for any. Writes: tenant_login, trusted_login.
set local role openstock_maint;

create or replace function openstock_admin.grant_tenant(login text, tenant uuid default null, any_tenant boolean default false)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.check_grant(grant_tenant.login, grant_tenant.tenant, grant_tenant.any_tenant, true);
  if grant_tenant.any_tenant then
    insert into openstock_core.trusted_login (login) values (grant_tenant.login) on conflict on constraint trusted_login_pkey do nothing;
  else
    insert into openstock_core.tenant_login (tenant_id, login) values (grant_tenant.tenant, grant_tenant.login)
    on conflict on constraint tenant_login_pkey do nothing;
  end if;
end
$$;

revoke all on function openstock_admin.grant_tenant from public;
grant execute on function openstock_admin.grant_tenant to openstock_operator;
comment on function openstock_admin.grant_tenant is
  'Declares a login role: bound to this tenant (it may be granted several), or with any_tenant => true trusted to name any. '
  'What it may call is another matter: grant openstock_app or openstock_analyst to it. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/revoke_tenant.sql
-- Takes back what grant_tenant gave. Writes: tenant_login, trusted_login.
set local role openstock_maint;

create or replace function openstock_admin.revoke_tenant(login text, tenant uuid default null, any_tenant boolean default false)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.check_grant(revoke_tenant.login, revoke_tenant.tenant, revoke_tenant.any_tenant, false);
  if revoke_tenant.any_tenant then
    delete from openstock_core.trusted_login t where t.login = revoke_tenant.login;
  else
    delete from openstock_core.tenant_login b where b.tenant_id = revoke_tenant.tenant and b.login = revoke_tenant.login;
  end if;
end
$$;

revoke all on function openstock_admin.revoke_tenant from public;
grant execute on function openstock_admin.revoke_tenant to openstock_operator;
comment on function openstock_admin.revoke_tenant is
  'Takes a tenant, or the trust to name any, from a login; it works at the login''s next statement. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/analyze_tables.sql
-- Tells the planner what is in the tables. Writes: statistics. Locks: SHARE UPDATE EXCLUSIVE on each table until the
-- transaction ends, which keeps no reader or writer waiting; a table that somebody else is analysing is passed over.
-- Runs as the tables' owner, as ANALYZE asks for. Autovacuum comes a minute after a table has grown, to the ledger as a
-- whole it never comes: until then PostgreSQL takes a tenant for one row, and calls of many lines are slow.
set local role openstock_owner;

create or replace function openstock_admin.analyze_tables(all_tables boolean default false) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  one name;
begin
  -- The ledger as a whole, where one of its partitions is new: that includes them.
  for one in
    select distinct t.relname
    from pg_class c
    join pg_class t on t.oid = coalesce(pg_partition_root(c.oid), c.oid)
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p')
      and (all_tables or c.oid in (select u::oid from openstock_core.unanalyzed_tables(1) as u))
    order by 1
  loop
    execute format('analyze (skip_locked) openstock_core.%I', one);
    return next 'openstock_core.' || one;
  end loop;
end
$$;

revoke all on function openstock_admin.analyze_tables from public;
grant execute on function openstock_admin.analyze_tables to openstock_operator;
comment on function openstock_admin.analyze_tables is
  'Analyses the tables that hold rows and never were, or with all_tables => true all of them, and returns their names. Call it after the first '
  'rows of a large import, and at its end with all_tables; afterwards autovacuum keeps up by itself.';

reset role;

-- sql/functions/openstock_admin/ensure_partitions.sql
-- Makes the monthly partitions ahead of time, each protected like its parent. Writes: the catalogue.
-- Locks: advisory (one run at a time); the parent only with SHARE UPDATE EXCLUSIVE, since a partition is attached when complete.
set local role openstock_owner;

create or replace function openstock_admin.ensure_partitions(months_ahead integer default 12) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set datestyle = 'ISO'
set timezone = 'UTC'
as $$
declare
  this_month constant timestamp := date_trunc('month', openstock.server_time() at time zone 'UTC');
  month timestamp;
  parent text;
  partition text;
begin
  if months_ahead is null or months_ahead not between 0 and 120 then
    perform openstock_core.fail('22023', '{"argument": "months_ahead", "problem": "must be between 0 and 120"}');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('openstock.ensure_partitions', 0));
  for month, parent in
    select m, p from generate_series(this_month, this_month + make_interval(months => months_ahead), '1 month') as m
    cross join unnest(array['ledger', 'ledger_serial']) as p
    order by m, p
  loop
    partition := parent || to_char(month, '_YYYY_MM');
    continue when to_regclass(format('openstock_core.%I', partition)) is not null;
    execute format('create table openstock_core.%I (like openstock_core.%I including all)', partition, parent);
    execute format('alter table openstock_core.%I add constraint partition_bound check (recorded_at >= %L and recorded_at < %L)',
                   partition, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
    execute format('comment on table openstock_core.%I is %L', partition, format('Rows of openstock_core.%s recorded in ', parent)
                   || to_char(month, 'YYYY-MM') || ' (UTC).');
    perform openstock_core.protect_table(format('openstock_core.%I', partition)::regclass);
    perform openstock_core.make_append_only(format('openstock_core.%I', partition)::regclass);
    execute format('alter table openstock_core.%I attach partition openstock_core.%I for values from (%L) to (%L)', parent,
                   partition, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
    execute format('alter table openstock_core.%I drop constraint partition_bound', partition);
    return next partition;
  end loop;
end
$$;

revoke all on function openstock_admin.ensure_partitions from public;
grant execute on function openstock_admin.ensure_partitions to openstock_operator;
comment on function openstock_admin.ensure_partitions is
  'Makes the missing monthly partitions of the ledger and its serials up to this many months ahead and returns their names. Run it at least once a quarter: '
  'there is no default partition, and without one for the month nothing can be written. Errors: 22023.';

reset role;

-- sql/functions/openstock_admin/block_expired_lots.sql
-- Books what has expired, for levels that nobody reserved from since. Writes: operation, event, and what
-- openstock_core.book_due writes. Locks: operation, stock_level by (product, warehouse), stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock_admin.block_expired_lots(tenant uuid, max_levels integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
declare
  op_id constant text := 'openstock.block_expired_lots ' || gen_random_uuid();
  levels openstock_core.level_key[];
  due openstock_core.due;
  booked integer;
begin
  perform openstock_core.enter_as_operator(tenant);
  if max_levels is null or max_levels not between 1 and 100000 then
    perform openstock_core.fail('22023', '{"argument": "max_levels", "problem": "must be between 1 and 100000"}');
  end if;
  levels := array(
    select row(s.product_id, s.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level s
    where s.tenant_id = tenant and s.next_block_at <= openstock.server_time()
    order by s.next_block_at limit max_levels);
  if cardinality(levels) = 0 then
    return 0;
  end if;
  perform openstock_core.begin_operation(tenant, op_id, 'block_expired_lots', jsonb_build_object('levels', cardinality(levels)));
  due := openstock_core.lock_levels(tenant, levels, false);
  perform openstock_core.settle_bins(tenant, op_id, '{}', '{}', due);
  -- Not those where somebody else booked it while this call waited.
  booked := coalesce(cardinality(due.levels), 0);
  perform openstock_core.finish_operation(tenant, op_id, jsonb_build_array(jsonb_build_object('levels', booked)));
  return booked;
end
$$;

revoke all on function openstock_admin.block_expired_lots from public;
grant execute on function openstock_admin.block_expired_lots to openstock_operator;
comment on function openstock_admin.block_expired_lots is
  'Books units of expired lots of a tenant as blocked, at most at this many levels, and returns at how many. Promises and views are exact without it; '
  'it keeps the ledger up to date. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/expire_reservations.sql
-- Books holds of a tenant that have ended, as an operator. Writes: operation, event, and what openstock_core.expire_holds writes.
-- Locks: operation, and what expire_holds locks.
set local role openstock_api;

create or replace function openstock_admin.expire_reservations(tenant uuid, max_lines integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
begin
  perform openstock_core.enter_as_operator(tenant);
  return jsonb_array_length(openstock_core.expire_holds(tenant, null, max_lines));
end
$$;

revoke all on function openstock_admin.expire_reservations from public;
grant execute on function openstock_admin.expire_reservations to openstock_operator;
comment on function openstock_admin.expire_reservations is
  'openstock.expire_reservations for an operator: returns how many lines were booked as expired. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/fill_backorders.sql
-- Fills a tenant's backorders, as an operator. Writes and locks: see openstock_core.fill_from_stock.
set local role openstock_api;

create or replace function openstock_admin.fill_backorders(tenant uuid, max_rows integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
begin
  perform openstock_core.enter_as_operator(tenant);
  return jsonb_array_length(openstock_core.fill_from_stock(tenant, null, max_rows));
end
$$;

revoke all on function openstock_admin.fill_backorders from public;
grant execute on function openstock_admin.fill_backorders to openstock_operator;
comment on function openstock_admin.fill_backorders is
  'openstock.fill_backorders for an operator: returns how many lines were promised stock. Errors: 22023, OS003.';

reset role;

-- sql/functions/openstock_admin/refresh_current_stock.sql
-- Brings the snapshot up to date. Writes: current_stock, snapshot. It runs as the maintenance role, which sees every
-- tenant: refreshed by a role that row-level security binds, the view would silently hold one tenant or none.
set local role openstock_maint;

create or replace function openstock_admin.refresh_current_stock() returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  started constant timestamptz := openstock.server_time();
begin
  if (select relispopulated from pg_class where oid = 'openstock_core.current_stock'::regclass)
    and has_database_privilege(current_database(), 'temporary') then
    refresh materialized view concurrently openstock_core.current_stock;
  else
    refresh materialized view openstock_core.current_stock;
  end if;
  insert into openstock_core.snapshot (name, refreshed_at) values ('current_stock', started)
  on conflict on constraint snapshot_pkey do update set refreshed_at = excluded.refreshed_at;
  return started;
end
$$;

revoke all on function openstock_admin.refresh_current_stock from public;
grant execute on function openstock_admin.refresh_current_stock to openstock_operator;
comment on function openstock_admin.refresh_current_stock is
  'Recomputes openstock_dw.current_stock for all tenants and returns the moment from which it is up to date. Readers are kept out only where '
  'the snapshot holds nothing yet, or where openstock_maint lacks the privilege TEMPORARY on the database.';

reset role;

-- sql/functions/openstock_admin/verify.sql
-- Proves the projections against the ledger. Reads: everything of the tenant, in one statement, and so at one moment.
set local role openstock_maint;

create or replace function openstock_admin.verify(tenant uuid default null)
returns table (tenant_id uuid, fact text, key jsonb, expected numeric, actual numeric)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
#variable_conflict use_column
declare
  one uuid;
begin
  if verify.tenant is not null and not exists (select from openstock_core.tenant t where t.tenant_id = verify.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', verify.tenant));
  end if;
  for one in select t.tenant_id from openstock_core.tenant t
             where t.tenant_id = coalesce(verify.tenant, t.tenant_id) order by t.tenant_id loop
    return query select one, d.fact, d.key, d.expected, d.actual from openstock_core.differences(one) as d
      order by d.fact, d.key;
  end loop;
end
$$;

revoke all on function openstock_admin.verify from public;
grant execute on function openstock_admin.verify to openstock_operator;
comment on function openstock_admin.verify is
  'Checks the identities between ledger, stock levels, bins, reservation lines, allocations and pieces of a tenant, or of all, one statement each. '
  'Returns the differences: no row means that all is well. expected and actual are quantities, seconds since 1970 for times, or 1 for yes and '
  '0 for no. Errors: OS003.';

reset role;

-- sql/functions/openstock_admin/rebuild.sql
-- Repairs the projections from the ledger alone. Writes, with replace: stock_level, product (its row, unchanged), stock_bin,
-- reservation, reservation_line, allocation, backorder, backlog, serial_unit. Locks, with replace: tenant (advisory, alone: begin_operation shares it),
-- so that nothing of the tenant is half written.
set local role openstock_maint;

create or replace function openstock_admin.rebuild(tenant uuid, replace boolean default false)
returns table (fact text, key jsonb, expected numeric, actual numeric, replaced boolean)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
set lock_timeout = '5s'
as $$
#variable_conflict use_column
declare
  left_over record;
begin
  if not exists (select from openstock_core.tenant t where t.tenant_id = rebuild.tenant) then
    perform openstock_core.fail('OS003', jsonb_build_object('tenant', rebuild.tenant));
  end if;
  if rebuild.replace then
    perform pg_advisory_xact_lock(openstock_core.tenant_lock(rebuild.tenant));
  end if;
  return query
    select d.fact, d.key, d.expected, d.actual, coalesce(rebuild.replace, false) and d.repairable
    from openstock_core.differences(rebuild.tenant) as d
    order by d.fact, d.key;
  if rebuild.replace then
    perform openstock_core.replace_levels(rebuild.tenant);
    perform openstock_core.replace_lines(rebuild.tenant);
    perform openstock_core.replace_backorders(rebuild.tenant);
    perform openstock_core.replace_bins(rebuild.tenant);
    perform openstock_core.replace_serials(rebuild.tenant);
    perform openstock_core.replace_due_times(rebuild.tenant);
    select d.* into left_over from openstock_core.differences(rebuild.tenant) as d where d.repairable limit 1;
    if found then
      perform openstock_core.fail('OS501', to_jsonb(left_over));
    end if;
  end if;
end
$$;

revoke all on function openstock_admin.rebuild from public;
grant execute on function openstock_admin.rebuild to openstock_operator;
comment on function openstock_admin.rebuild is
  'Replays the tenant''s ledger and returns every difference from the projections; with replace => true it then puts the replayed '
  'quantities in their place, while the tenant''s writers wait; it gives up (55P03) where a transaction of theirs does not end within 5 s. What contradicts itself within the ledger, '
  'or the master data on the ledger''s own word, is reported and stays (replaced is false). Errors: OS003, OS501.';

reset role;

-- sql/functions/openstock_admin/run_maintenance.sql
-- One round of upkeep. It commits after each step and tenant, so it is no definer function and cannot set search_path: every
-- name is written out, and no operator is used. Writes: what its steps write.
-- The one place that catches every error: what is wrong with one tenant must not keep the others from their upkeep. The
-- subtransaction ends before the commit, which PostgreSQL refuses inside of one.
set local role openstock_api;

create or replace procedure openstock_admin.run_maintenance()
language plpgsql
as $$
declare
  step record;
  message pg_catalog.text;
  failures pg_catalog.jsonb[];
  done pg_catalog.int4[];
begin
  for step in
    select s.place, s.name, s.tenant
    from (values (1, 'analyze_tables', null::pg_catalog.uuid), (2, 'ensure_partitions', null)
          union all select k.place, k.name, t.tenant_id from openstock_admin.tenants as t
            cross join (values (3, 'block_expired_lots'), (4, 'expire_reservations'), (5, 'fill_backorders')) as k (place, name) where t.active
          union all values (6, 'refresh_current_stock', null::pg_catalog.uuid)) as s (place, name, tenant)
    order by s.place, s.tenant
  loop
    -- Until the commit: each step names its tenant itself, and none waits for ever for a row that one tenant holds.
    perform pg_catalog.set_config('app.tenant_id', '', true);
    perform pg_catalog.set_config('lock_timeout', '10s', true)
    where step.tenant is not null and pg_catalog.current_setting('lock_timeout') operator(pg_catalog.=) '0';
    begin
      if step.place operator(pg_catalog.=) 1 then
        perform openstock_admin.analyze_tables();
      elsif step.place operator(pg_catalog.=) 2 then
        perform openstock_admin.ensure_partitions();
      elsif step.place operator(pg_catalog.=) 3 then
        perform openstock_admin.block_expired_lots(step.tenant);
      elsif step.place operator(pg_catalog.=) 4 then
        perform openstock_admin.expire_reservations(step.tenant, 10000);
      elsif step.place operator(pg_catalog.=) 5 then
        perform openstock_admin.fill_backorders(step.tenant, 10000);
      else
        perform openstock_admin.refresh_current_stock();
      end if;
      done := pg_catalog.array_append(done, 1);
    exception when others then
      get stacked diagnostics message = message_text;
      failures := pg_catalog.array_append(failures, pg_catalog.jsonb_build_object(
        'step', step.name, 'tenant', step.tenant, 'sqlstate', sqlstate, 'message', message));
      raise warning using message = pg_catalog.format('%s failed%s: %s: %s', step.name,
        pg_catalog.concat(' for tenant ' operator(pg_catalog.||) step.tenant::pg_catalog.text), sqlstate, message);
    end;
    commit;
  end loop;
  if failures is not null then
    raise exception using errcode = 'OS502', detail = pg_catalog.jsonb_build_object(
      'failed', pg_catalog.cardinality(failures), 'succeeded', coalesce(pg_catalog.cardinality(done), 0),
      'steps', pg_catalog.to_jsonb(failures[1:20]))::pg_catalog.text,
      message = (select e.message from openstock.error_codes as e where e.name operator(pg_catalog.=) 'maintenance_failed'),
      hint = (select e.hint from openstock.error_codes as e where e.name operator(pg_catalog.=) 'maintenance_failed');
  end if;
end
$$;

revoke all on procedure openstock_admin.run_maintenance from public;
grant execute on procedure openstock_admin.run_maintenance to openstock_operator;
comment on procedure openstock_admin.run_maintenance is
  'Analyses new tables, makes partitions, books expired lots and holds that ended and fills backorders of every active tenant, and refreshes current_stock, committing each. A step that '
  'fails is told in a warning and keeps none of the others from being done; an error at the end counts the failures. Call it outside a '
  'transaction, every few minutes; runs may overlap. Errors: OS502.';

reset role;

-- sql/functions/openstock_admin/doctor.sql
-- Looks the installation over. Reads: the catalogue, snapshot, trusted_login, tenant_login.
set local role openstock_maint;

create or replace function openstock_admin.doctor() returns table (topic text, status text, detail text, hint text)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
begin atomic
  with finding as (
    select 1 as place, 'server' as topic, current_setting('server_version_num')::integer >= 150000 as good,
           'PostgreSQL ' || current_setting('server_version') as detail, 'openstock needs PostgreSQL 15 or newer.' as hint
    union all
    select 2, 'durability', bool_and(current_setting(name)::boolean), string_agg(name || ' = ' || current_setting(name), ', '),
           'Turn them on: otherwise a crash may lose or tear what was acknowledged.'
    from unnest(array['fsync', 'full_page_writes']) as name
    union all
    select p.place, p.topic, p.good, p.detail, p.hint from openstock_core.findings_of_partitions() as p
    union all
    select r.place, r.topic, r.good, r.detail, r.hint from openstock_core.findings_of_roles() as r
    union all
    -- Those that are small are read as a whole anyway.
    select 9, 'statistics', count(*) = 0,
           concat(count(*) || ' tables never analysed', ': ' || left(string_agg(t::text, ', ' order by t::text), 200)),
           'Call openstock_admin.analyze_tables(), or run openstock tick regularly: calls of many lines are slow without.'
    from openstock_core.unanalyzed_tables(81920) as t
    union all
    select 10, 'snapshot', coalesce(c.relispopulated and s.refreshed_at > openstock.server_time() - interval '1 day', false),
           coalesce('refreshed ' || s.refreshed_at, 'never refreshed') || case when c.relispopulated then '' else ', not populated' end,
           'Call openstock_admin.refresh_current_stock(), or run openstock tick regularly; after a restore it is needed once.'
    from pg_class c left join openstock_core.snapshot s on s.name = 'current_stock'
    where c.oid = 'openstock_core.current_stock'::regclass
    union all
    select 14, 'temporary tables', t.may, 'openstock_maint may ' || case when t.may then '' else 'not ' end || 'make temporary tables',
           'The owner of the database: GRANT TEMPORARY ON DATABASE ... TO openstock_maint. Until then readers of the snapshot wait for its refresh.'
    from has_database_privilege('openstock_maint', current_database(), 'temporary') as t (may)
  )
  select f.topic, case when f.good then 'ok' else 'warn' end, f.detail, case when f.good then null else f.hint end
  from finding f order by f.place;
end;

revoke all on function openstock_admin.doctor from public;
grant execute on function openstock_admin.doctor to openstock_operator;
comment on function openstock_admin.doctor is
  'Checks server, durability, partitions and their row security, owners, roles, statistics, snapshot, logins, backup and temporary tables: '
  'ok or warn, with what to do about it.';

reset role;

-- sql/finish.sql
-- The first partitions, and a snapshot of nothing.
set local role openstock_owner;
select openstock_admin.ensure_partitions(12);
reset role;

-- The record of this migration, with the SHA-256 of all the text above this line.
set local role openstock_owner;
insert into openstock_core.migration (name, checksum)
values ('0001.baseline', '043ca2f0dcf595a0d2879ebf3e35504843e1418c80e3a70047fc383e75dea3bd');
reset role;
