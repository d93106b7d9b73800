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
