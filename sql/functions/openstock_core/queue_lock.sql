-- The key by which workers share out products whose queues are to be filled.
set local role openstock_owner;

create or replace function openstock_core.queue_lock(tenant uuid, product_id bigint) returns bigint
language sql
immutable
parallel safe
return hashtextextended('openstock queue ' || tenant::text || ' ' || product_id::text, 0);

revoke all on function openstock_core.queue_lock from public;
grant execute on function openstock_core.queue_lock to openstock_api;
comment on function openstock_core.queue_lock is
  'The key of the advisory lock that says who fills the queue of a product; only tried, never waited for. Two products of the same key would only be filled '
  'one after the other.';

reset role;
