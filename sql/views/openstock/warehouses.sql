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
