-- Tells the planner what is in the tables. Writes: statistics. Locks: SHARE UPDATE EXCLUSIVE on each table until the
-- transaction ends, which keeps no reader or writer waiting; a table that somebody else is analysing is passed over.
-- Runs as the tables' owner, as ANALYZE asks for. Autovacuum comes a minute after a table has grown, to the ledger as a
-- whole it never comes: until then PostgreSQL takes a tenant for one row, and calls of many lines are slow.
set local role openstock_owner;

create or replace function openstock_admin.analyze_tables(all_tables boolean default false) returns setof text
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  one name;
begin
  -- The ledger as a whole, where one of its partitions is new: that includes them.
  for one in
    select distinct t.relname
    from pg_class c
    join pg_class t on t.oid = coalesce(pg_partition_root(c.oid), c.oid)
    where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p')
      and (all_tables or c.oid in (select u::oid from openstock_core.unanalyzed_tables(1) as u))
    order by 1
  loop
    execute format('analyze (skip_locked) openstock_core.%I', one);
    return next 'openstock_core.' || one;
  end loop;
end
$$;

revoke all on function openstock_admin.analyze_tables from public;
grant execute on function openstock_admin.analyze_tables to openstock_operator;
comment on function openstock_admin.analyze_tables is
  'Analyses the tables that hold rows and never were, or with all_tables => true all of them, and returns their names. Call it after the first '
  'rows of a large import, and at its end with all_tables; afterwards autovacuum keeps up by itself.';

reset role;
