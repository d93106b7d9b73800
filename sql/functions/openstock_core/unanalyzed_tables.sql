-- The tables that the planner knows nothing of. Reads: the catalogue.
-- reltuples is -1 before the first ANALYZE or VACUUM, and 0 where that found no rows; a VACUUM alone leaves no statistics,
-- which the record of activity tells, where it is kept. That record lost in a crash costs one more ANALYZE.
set local role openstock_owner;

create or replace function openstock_core.unanalyzed_tables(min_bytes bigint) returns setof regclass
language sql
stable
begin atomic
  select c.oid::regclass
  from pg_class c
  cross join lateral (
    select coalesce(sum(pg_relation_size(r.oid)), 0) as bytes, sum(pg_stat_get_live_tuples(r.oid)) as live
    from (select c.oid where c.relkind = 'r'
          union all select t.relid from pg_partition_tree(c.oid) as t where c.relkind = 'p' and t.isleaf) as r) as stored
  where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p')
    and stored.bytes >= greatest(min_bytes, 1)
    and (c.reltuples = -1 or (c.reltuples = 0 and stored.live > 0)
         or (current_setting('track_counts')::boolean and pg_stat_get_last_analyze_time(c.oid) is null
             and pg_stat_get_last_autoanalyze_time(c.oid) is null));
end;

revoke all on function openstock_core.unanalyzed_tables from public;
grant execute on function openstock_core.unanalyzed_tables to openstock_maint;
comment on function openstock_core.unanalyzed_tables is
  'Tables of openstock_core, the ledger and its partitions among them, that hold at least this many bytes and were never analysed.';

reset role;
