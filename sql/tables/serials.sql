-- Single pieces of products tracked by serial: what each is called, where it is, who has it pinned, and which ledger entries were about it.
set local role openstock_owner;

create table openstock_core.serial_unit (
  tenant_id uuid not null,
  serial_id bigint generated always as identity,
  product_id bigint not null,
  serial openstock_core.code not null,
  bin_id bigint,
  reservation_line_id bigint,
  created_at timestamptz not null,
  constraint serial_unit_pkey primary key (tenant_id, serial_id),
  constraint serial_unit_serial_is_unique unique (tenant_id, product_id, serial),
  constraint serial_unit_product_exists foreign key (tenant_id, product_id) references openstock_core.product,
  constraint serial_unit_bin_exists foreign key (tenant_id, bin_id) references openstock_core.stock_bin,
  constraint serial_unit_line_exists foreign key (tenant_id, reservation_line_id) references openstock_core.reservation_line,
  constraint serial_unit_pinned_is_in_a_bin check (reservation_line_id is null or bin_id is not null)
) with (fillfactor = 80);
create index serial_unit_bin on openstock_core.serial_unit (tenant_id, bin_id, reservation_line_id, serial_id) where bin_id is not null;
comment on table openstock_core.serial_unit is
  'One piece of a product that is tracked by serial, in one bin at most and pinned to one line at most. While it is in a bin it changes only under the lock of that bin; '
  'when it is in none, whoever brings it in locks its row.';
comment on column openstock_core.serial_unit.tenant_id is 'The tenant.';
comment on column openstock_core.serial_unit.serial_id is 'Internal identity; pieces that come in are locked in its order.';
comment on column openstock_core.serial_unit.product_id is 'The product.';
comment on column openstock_core.serial_unit.serial is 'Its serial number, unique within the product.';
comment on column openstock_core.serial_unit.bin_id is 'The bin that it is in; null: not in stock.';
comment on column openstock_core.serial_unit.reservation_line_id is 'The reservation line that it is pinned to; null: none.';
comment on column openstock_core.serial_unit.created_at is 'When it first came in.';
comment on index openstock_core.serial_unit_bin is 'The pieces of a bin, those pinned to nobody or to a line, in the order in which they are taken.';
select openstock_core.protect_table('openstock_core.serial_unit');
grant select, insert, update on openstock_core.serial_unit to openstock_api;
grant select, update on openstock_core.serial_unit to openstock_maint;

create table openstock_core.ledger_serial (
  tenant_id uuid not null,
  serial_id bigint not null,
  recorded_at timestamptz not null,
  entry_id bigint not null,
  constraint ledger_serial_pkey primary key (tenant_id, serial_id, recorded_at, entry_id)
) partition by range (recorded_at);
comment on table openstock_core.ledger_serial is
  'Which pieces a ledger entry is about, as many as it changes units. Append-only and partitioned by month of recorded_at, like the ledger.';
comment on column openstock_core.ledger_serial.tenant_id is 'The tenant.';
comment on column openstock_core.ledger_serial.serial_id is 'The piece.';
comment on column openstock_core.ledger_serial.recorded_at is 'The entry''s.';
comment on column openstock_core.ledger_serial.entry_id is 'The entry.';
select openstock_core.protect_table('openstock_core.ledger_serial');
select openstock_core.make_append_only('openstock_core.ledger_serial');
create trigger ledger_serial_rows_are_append_only before update or delete on openstock_core.ledger_serial
  for each row execute function openstock_core.refuse_change();
alter table openstock_core.ledger_serial enable always trigger ledger_serial_rows_are_append_only;
comment on trigger ledger_serial_rows_are_append_only on openstock_core.ledger_serial is
  'Refuses also what reaches rows without a statement of its own, such as logical replication.';
grant select, insert on openstock_core.ledger_serial to openstock_api;
grant select on openstock_core.ledger_serial to openstock_maint;

reset role;
