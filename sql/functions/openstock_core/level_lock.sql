-- The key of a level's advisory lock.
set local role openstock_owner;

create or replace function openstock_core.level_lock(tenant uuid, product_id bigint, warehouse_id bigint) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock level ' || tenant::text || ' ' || product_id::text || ' ' || warehouse_id::text, 0);

revoke all on function openstock_core.level_lock from public;
grant execute on function openstock_core.level_lock to openstock_api;
comment on function openstock_core.level_lock is
  'The advisory lock in which those who reserve in hot-SKU mode queue for a level, before its row. Two levels whose keys collide wait for each other.';

reset role;
