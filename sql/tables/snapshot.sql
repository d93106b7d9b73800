-- The snapshot for dashboards: computed from the ledger alone, it is also the witness that the projections tell the
-- truth. Owned by the maintenance role, which sees every tenant; a materialized view cannot carry a policy of its own.
set local role openstock_owner;

create table openstock_core.snapshot (
  name text not null,
  refreshed_at timestamptz not null,
  constraint snapshot_pkey primary key (name)
);
comment on table openstock_core.snapshot is 'When each materialized view was last refreshed.';
comment on column openstock_core.snapshot.name is 'The materialized view.';
comment on column openstock_core.snapshot.refreshed_at is 'It holds at least all that was committed before this moment.';
alter table openstock_core.snapshot enable row level security, force row level security;
create policy snapshot_reading on openstock_core.snapshot for select to openstock_api using (true);
create policy snapshot_maintenance on openstock_core.snapshot to openstock_maint using (true) with check (true);
grant select on openstock_core.snapshot to openstock_api;
grant select, insert, update on openstock_core.snapshot to openstock_maint;

set local role openstock_maint;

create materialized view openstock_core.current_stock as
select * from openstock_core.ledger_totals();
create unique index current_stock_key on openstock_core.current_stock (tenant_id, product_id, warehouse_id);
comment on materialized view openstock_core.current_stock is
  'Stock per product and warehouse, summed from the ledger at the last refresh. For dashboards; it never decides a promise.';
comment on column openstock_core.current_stock.tenant_id is 'The tenant.';
comment on column openstock_core.current_stock.product_id is 'The product.';
comment on column openstock_core.current_stock.warehouse_id is 'The warehouse.';
comment on column openstock_core.current_stock.on_hand is 'Sum of qty_delta.';
comment on column openstock_core.current_stock.blocked is 'Sum of blocked_delta.';
comment on column openstock_core.current_stock.reserved is 'Sum of reserved_delta.';
comment on column openstock_core.current_stock.allocated is 'Sum of allocated_delta.';
comment on column openstock_core.current_stock.entries is 'Ledger entries behind the row.';
comment on column openstock_core.current_stock.last_recorded_at is 'The last of them.';
comment on index openstock_core.current_stock_key is 'Lets the view be refreshed concurrently.';
grant select on openstock_core.current_stock to openstock_api;

reset role;
