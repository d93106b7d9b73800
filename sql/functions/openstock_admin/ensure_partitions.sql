-- Makes the monthly partitions ahead of time, each protected like its parent. Writes: the catalogue.
-- Locks: advisory (one run at a time); the parent only with SHARE UPDATE EXCLUSIVE, since a partition is attached when complete.
set local role openstock_owner;

create or replace function openstock_admin.ensure_partitions(months_ahead integer default 12) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set datestyle = 'ISO'
set timezone = 'UTC'
as $$
declare
  this_month constant timestamp := date_trunc('month', openstock.server_time() at time zone 'UTC');
  month timestamp;
  parent text;
  partition text;
begin
  if months_ahead is null or months_ahead not between 0 and 120 then
    perform openstock_core.fail('22023', '{"argument": "months_ahead", "problem": "must be between 0 and 120"}');
  end if;
  perform pg_advisory_xact_lock(hashtextextended('openstock.ensure_partitions', 0));
  for month, parent in
    select m, p from generate_series(this_month, this_month + make_interval(months => months_ahead), '1 month') as m
    cross join unnest(array['ledger', 'ledger_serial']) as p
    order by m, p
  loop
    partition := parent || to_char(month, '_YYYY_MM');
    continue when to_regclass(format('openstock_core.%I', partition)) is not null;
    execute format('create table openstock_core.%I (like openstock_core.%I including all)', partition, parent);
    execute format('alter table openstock_core.%I add constraint partition_bound check (recorded_at >= %L and recorded_at < %L)',
                   partition, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
    execute format('comment on table openstock_core.%I is %L', partition, format('Rows of openstock_core.%s recorded in ', parent)
                   || to_char(month, 'YYYY-MM') || ' (UTC).');
    perform openstock_core.protect_table(format('openstock_core.%I', partition)::regclass);
    perform openstock_core.make_append_only(format('openstock_core.%I', partition)::regclass);
    execute format('alter table openstock_core.%I attach partition openstock_core.%I for values from (%L) to (%L)', parent,
                   partition, month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
    execute format('alter table openstock_core.%I drop constraint partition_bound', partition);
    return next partition;
  end loop;
end
$$;

revoke all on function openstock_admin.ensure_partitions from public;
grant execute on function openstock_admin.ensure_partitions to openstock_operator;
comment on function openstock_admin.ensure_partitions is
  'Makes the missing monthly partitions of the ledger and its serials up to this many months ahead and returns their names. Run it at least once a quarter: '
  'there is no default partition, and without one for the month nothing can be written. Errors: 22023.';

reset role;
