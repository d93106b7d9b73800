-- Which entries stand in their level's chain of balances.
set local role openstock_owner;

create or replace function openstock_core.is_chained(event_type text, backordered_delta numeric) returns boolean
language sql
immutable
parallel safe
return event_type not in ('ALLOCATE', 'DEALLOCATE', 'EXTEND', 'CONFIRM', 'BACKORDER') and backordered_delta is null;

revoke all on function openstock_core.is_chained from public;
grant execute on function openstock_core.is_chained to openstock_api, openstock_maint;
comment on function openstock_core.is_chained is
  'False for entries that change no stock level and are written without its lock: what is pinned, what waits for stock, and until when and to which '
  'order a promise holds.';

reset role;
