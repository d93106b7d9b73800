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
