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
