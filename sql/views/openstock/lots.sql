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
