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
