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
