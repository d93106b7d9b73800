-- What doctor says about the ledger's partitions. Reads: the catalogue.
set local role openstock_owner;

create or replace function openstock_core.findings_of_partitions(
  out place integer, out topic text, out good boolean, out detail text, out hint text)
returns setof record
language sql
stable
begin atomic
  with parent as (
    select n.name, format('openstock_core.%I', n.name)::regclass as oid from unnest(array['ledger', 'ledger_serial']) as n (name)
  ), partition as (
    select t.name as parent, c.relname::text as name, substr(c.relname, length(t.name) + 2) as month,
           c.relrowsecurity and c.relforcerowsecurity as protected
    from parent t
    join pg_inherits i on i.inhparent = t.oid and not i.inhdetachpending
    join pg_class c on c.oid = i.inhrelid
  ), month as (
    select to_char(openstock.server_time() at time zone 'UTC', 'YYYY_MM') as this,
           (select min(p.month) from partition p where p.month ~ '^[0-9]{4}_(0[1-9]|1[0-2])$') as first,
           (select max(p.month) from partition p where p.month ~ '^[0-9]{4}_(0[1-9]|1[0-2])$') as last
  ), missing as (
    select count(*) as months, string_agg(w.name, ', ' order by w.name) as names
    from month m
    cross join parent t
    cross join lateral (
      select t.name || to_char(s.month, '_YYYY_MM') as name
      from generate_series(to_timestamp(least(m.first, m.this), 'YYYY_MM')::timestamp,
                           to_timestamp(greatest(m.last, m.this), 'YYYY_MM')::timestamp, interval '1 month') as s (month)) as w
    where w.name not in (select p.name from partition p)
  ), detached as (
    select count(*) as tables, string_agg(c.relname, ', ' order by c.relname) as names
    from pg_class c
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p') and c.relname ~ '^ledger_(serial_)?[0-9]{4}_[0-9]{2}$'
      and c.relname not in (select p.name from partition p)
  )
  select 3, 'partitions', min(a.months) >= 3, min(a.months) || ' months ahead',
         'Call openstock_admin.ensure_partitions(), or run openstock tick regularly.'
  from (select count(p.name) as months from parent t cross join month m
        left join partition p on p.parent = t.name and p.month > m.this group by t.name) as a
  union all
  select 4, 'missing months', g.months = 0, concat(g.months || ' months missing', ': ' || left(g.names, 200)),
         'Attach a month that was detached; openstock_admin.ensure_partitions() makes this month and those to come.' from missing g
  union all
  select 5, 'detached partitions', d.tables = 0, concat(d.tables || ' partitions detached', ': ' || left(d.names, 200)),
         'ALTER TABLE openstock_core.ledger, or .ledger_serial, ATTACH PARTITION with its month''s bounds (UTC): until then nothing can be written for that '
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
