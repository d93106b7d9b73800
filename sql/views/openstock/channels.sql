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
