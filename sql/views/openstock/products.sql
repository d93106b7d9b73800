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
