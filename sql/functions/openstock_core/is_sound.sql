-- What has to hold within an entry of the ledger. One function for all of it: PostgreSQL reads the text of each CHECK anew in each statement
-- that writes, and a function once in a session. Its arguments have the columns' own types: a cast of each would be part of that text.
set local role openstock_owner;

create or replace function openstock_core.is_sound(
  event_type openstock_core.event_type, location_id bigint, status text, qty_delta openstock_core.quantity, blocked_delta openstock_core.quantity,
  allocated_delta openstock_core.quantity, backordered_delta openstock_core.quantity, quota_delta openstock_core.quantity,
  on_hand_after openstock_core.amount, blocked_after openstock_core.amount, reserved_after openstock_core.amount)
returns boolean
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return
    -- The chain of balances is whole.
    num_nonnulls(on_hand_after, blocked_after, reserved_after) = case when openstock_core.is_chained(event_type, backordered_delta) then 3 else 0 end
    -- A quota changes with a promise, and against it.
    and (quota_delta is null or (event_type = 'RESERVE' and quota_delta < 0) or (event_type in ('RELEASE', 'EXPIRE') and quota_delta > 0))
    -- A bin is a place and a status.
    and (location_id is null) = (status is null)
    -- Units are somewhere.
    and (location_id is not null or (qty_delta = 0 and blocked_delta = 0 and allocated_delta = 0));
end
$$;

revoke all on function openstock_core.is_sound from public;
grant execute on function openstock_core.is_sound to openstock_api, openstock_maint;
comment on function openstock_core.is_sound is
  'Whether an entry of the ledger can be one: it has all balances after it or none (see is_chained), a quota changes only with a promise, and against it, and '
  'units that come, go, are blocked or pinned are in a bin, which is a place and a status.';

reset role;
