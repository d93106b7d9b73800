-- Single pieces: where each is, and who has it.
set local role openstock_api;

create or replace view openstock.serials with (security_barrier) as
with moment as materialized (select openstock.server_time() as at)
select
  p.sku::text as sku, u.serial::text as serial, w.code::text as warehouse, c.code::text as location, b.status,
  r.order_ref::text as order_ref, l.line::integer as line,
  case when b.bin_id is null then 'gone' when l.line is null then 'in_stock' else 'allocated' end as state, u.created_at
from moment m
cross join openstock_core.serial_unit u
join openstock_core.product p on p.tenant_id = u.tenant_id and p.product_id = u.product_id
left join openstock_core.stock_bin b on b.tenant_id = u.tenant_id and b.bin_id = u.bin_id
left join openstock_core.warehouse w on w.tenant_id = b.tenant_id and w.warehouse_id = b.warehouse_id
left join openstock_core.location c on c.tenant_id = b.tenant_id and c.location_id = b.location_id
left join openstock_core.reservation_line l on l.tenant_id = u.tenant_id and l.reservation_line_id = u.reservation_line_id
  and (l.expires_at is null or l.expires_at > m.at)
left join openstock_core.reservation r on r.tenant_id = l.tenant_id and r.reservation_id = l.reservation_id
where u.tenant_id = (select openstock.current_tenant());

comment on view openstock.serials is
  'Every piece of the current tenant''s products that are tracked by serial, also those that have left. What happened to one tells openstock.serial_history(sku, serial).';
comment on column openstock.serials.sku is 'The product.';
comment on column openstock.serials.serial is 'The piece''s serial number, unique within the product.';
comment on column openstock.serials.warehouse is 'The warehouse''s code; null where the piece has left.';
comment on column openstock.serials.location is 'The location''s code; null where the piece has left.';
comment on column openstock.serials.status is 'Stock status: available, hold, quarantine or damaged; null where the piece has left.';
comment on column openstock.serials.order_ref is 'The order that it is pinned to; null: none. A hold that has ended pins nothing.';
comment on column openstock.serials.line is 'The order''s line.';
comment on column openstock.serials.state is 'in_stock, allocated (pinned to an order), or gone.';
comment on column openstock.serials.created_at is 'When it first came in.';
grant select on openstock.serials to openstock_app, openstock_analyst, openstock_operator;

reset role;
