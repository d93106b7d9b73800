-- The snapshot, filtered to the caller's tenant.
set local role openstock_api;

create or replace view openstock_dw.current_stock with (security_barrier) as
select
  p.sku::text as sku, p.name, w.code::text as warehouse, s.on_hand, s.blocked, s.reserved, s.allocated,
  s.entries, s.last_recorded_at, (select n.refreshed_at from openstock_core.snapshot n where n.name = 'current_stock') as refreshed_at
from openstock_core.current_stock s
join openstock_core.product p on p.tenant_id = s.tenant_id and p.product_id = s.product_id
join openstock_core.warehouse w on w.tenant_id = s.tenant_id and w.warehouse_id = s.warehouse_id
where s.tenant_id = (select openstock.current_tenant());

comment on view openstock_dw.current_stock is
  'Stock of the current tenant as summed from the ledger at refreshed_at. Fast and up to date as of then; openstock.stock is as of now.';
comment on column openstock_dw.current_stock.sku is 'The product.';
comment on column openstock_dw.current_stock.name is 'The product''s name.';
comment on column openstock_dw.current_stock.warehouse is 'The warehouse''s code.';
comment on column openstock_dw.current_stock.on_hand is 'Physical units.';
comment on column openstock_dw.current_stock.blocked is 'The part of on_hand that could not be promised, as booked.';
comment on column openstock_dw.current_stock.reserved is 'Units promised to orders and not yet gone.';
comment on column openstock_dw.current_stock.allocated is 'Units pinned to bins.';
comment on column openstock_dw.current_stock.entries is 'Ledger entries behind the row.';
comment on column openstock_dw.current_stock.last_recorded_at is 'The last of them.';
comment on column openstock_dw.current_stock.refreshed_at is 'It holds at least all that was committed before this moment.';
grant select on openstock_dw.current_stock to openstock_analyst, openstock_operator;

reset role;
