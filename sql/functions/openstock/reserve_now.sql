-- Promises stock to an order as reserve does, for a product that all want at once: the promise is committed, which lets the next one in, before the
-- disk has it, and answered after. Writes and locks: as reserve, which is told by app.hot_sku to queue for the level.
-- Two transactions: the first does not wait for the disk when it commits; the second only writes a message to the log, and waits. The log is flushed
-- in order, so that what is answered is on disk. With invoker's rights and without SET, since PostgreSQL lets no other procedure commit.
set local role openstock_api;

create or replace procedure openstock.reserve_now(
  op_id text, order_ref text, lines jsonb,
  warehouse text default null, on_shortage text default 'reject', ttl interval default null, priority integer default null,
  promised_at timestamptz default null, metadata jsonb default null, strategy text default 'priority', destination jsonb default null,
  channel text default null, inout answer jsonb default null, tenant uuid default null)
language plpgsql
as $$
declare
  -- A session that never waits would not wait here either.
  waits constant pg_catalog.text := case when pg_catalog.current_setting('synchronous_commit') operator(pg_catalog.=) 'off' then 'on'
                                         else pg_catalog.current_setting('synchronous_commit') end;
begin
  perform pg_catalog.set_config('synchronous_commit', 'off', true), pg_catalog.set_config('app.hot_sku', 'on', true);
  answer := (
    select pg_catalog.jsonb_agg(pg_catalog.to_jsonb(r)) from openstock.reserve(
      op_id => reserve_now.op_id, order_ref => reserve_now.order_ref, lines => reserve_now.lines, warehouse => reserve_now.warehouse,
      on_shortage => reserve_now.on_shortage, ttl => reserve_now.ttl, priority => reserve_now.priority, promised_at => reserve_now.promised_at,
      metadata => reserve_now.metadata, strategy => reserve_now.strategy, destination => reserve_now.destination,
      channel => reserve_now.channel, tenant => reserve_now.tenant) as r);
  commit;
  perform pg_catalog.set_config('synchronous_commit', waits, true);
  perform pg_catalog.pg_logical_emit_message(true, 'openstock', '');
  commit;
end
$$;

revoke all on procedure openstock.reserve_now from public;
grant execute on procedure openstock.reserve_now to openstock_app;
comment on procedure openstock.reserve_now is
  'Promises stock to an order as reserve does, with the same arguments and errors, for products that all want at once (a promotion, a ticket sale): '
  'others are let at the stock before the promise is on disk, and the caller is answered when it is. answer: an array with an object for each row that '
  'reserve would return. A transaction of its own: it cannot be called within one, nor from a function. After a crash nothing that was answered is lost; what others '
  'read meanwhile may be. Errors: those of reserve; 2D000 (PostgreSQL''s own: invalid transaction termination) within a transaction.';

reset role;
