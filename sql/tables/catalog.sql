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
