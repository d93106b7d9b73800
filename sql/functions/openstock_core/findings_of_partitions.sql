-- What doctor says about the ledger's partitions. Reads: the catalogue.
set local role openstock_owner;

create or replace function openstock_core.findings_of_partitions(
  out place integer, out topic text, out good boolean, out detail text, out hint text)
returns setof record
language sql
stable
begin atomic
  with partition as (
    select c.relname::text as name, c.relrowsecurity and c.relforcerowsecurity as protected
    from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'openstock_core.ledger'::regclass and not i.inhdetachpending
  ), month as (
    select 'ledger_' || to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM') as this,
           (select min(p.name) from partition p where p.name ~ '^ledger_[0-9]{4}_(0[1-9]|1[0-2])$') as first,
           (select max(p.name) from partition p where p.name ~ '^ledger_[0-9]{4}_(0[1-9]|1[0-2])$') as last
  ), missing as (
    select count(*) as months, string_agg(w.name, ', ' order by w.name) as names
    from month m
    cross join lateral (
      select 'ledger_' || to_char(s.month, 'YYYY_MM') as name
      from generate_series(to_timestamp(least(m.first, m.this), '"ledger_"YYYY_MM')::timestamp,
                           to_timestamp(greatest(m.last, m.this), '"ledger_"YYYY_MM')::timestamp, interval '1 month') as s (month)) as w
    where w.name not in (select p.name from partition p)
  ), detached as (
    select count(*) as tables, string_agg(c.relname, ', ' order by c.relname) as names
    from pg_class c
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p') and c.relname ~ '^ledger_[0-9]{4}_[0-9]{2}$'
      and c.relname not in (select p.name from partition p)
  )
  select 3, 'partitions', count(*) >= 3, count(*) || ' months ahead',
         'Call openstock_admin.ensure_partitions(), or run openstock tick regularly.'
  from partition p, month m where p.name > m.this
  union all
  select 4, 'missing months', g.months = 0, concat(g.months || ' months missing', ': ' || left(g.names, 200)),
         'Attach a month that was detached; openstock_admin.ensure_partitions() makes this month and those to come.' from missing g
  union all
  select 5, 'detached partitions', d.tables = 0, concat(d.tables || ' partitions detached', ': ' || left(d.names, 200)),
         'ALTER TABLE openstock_core.ledger ATTACH PARTITION with its month''s bounds (UTC): until then nothing can be written for that '
           || 'month, its entries are not shown, and verify finds differences. A month kept elsewhere belongs into another schema.'
  from detached d
  union all
  select 6, 'row security', count(*) = 0, count(*) || ' unprotected partitions',
         'Make partitions with openstock_admin.ensure_partitions() only.' from partition p where not p.protected;
end;

revoke all on function openstock_core.findings_of_partitions from public;
grant execute on function openstock_core.findings_of_partitions to openstock_maint;
comment on function openstock_core.findings_of_partitions is
  'Rows of doctor: how many months are ahead, which are missing, which partitions are detached or unprotected.';

reset role;
