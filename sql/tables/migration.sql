-- What was installed. Written by the last statement of each migration.
set local role openstock_owner;

create table openstock_core.migration (
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now(),
  constraint migration_pkey primary key (name)
);
comment on table openstock_core.migration is 'One row per applied migration.';
comment on column openstock_core.migration.name is 'The migration''s file name without its ending, such as 0001.baseline.';
comment on column openstock_core.migration.checksum is 'SHA-256 of the migration''s text up to the statement that records it, in hex.';
comment on column openstock_core.migration.applied_at is 'When it was applied.';

alter table openstock_core.migration enable row level security, force row level security;
create policy migration_owner on openstock_core.migration to openstock_owner using (true) with check (true);

reset role;
