-- Books what has expired, for levels that nobody reserved from since. Writes: operation, event, and what
-- openstock_core.book_due writes. Locks: operation, stock_level by (product, warehouse), stock_bin by bin_id.
set local role openstock_api;

create or replace function openstock_admin.block_expired_lots(tenant uuid, max_levels integer default 1000) returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
set jit = off
as $$
declare
  op_id constant text := 'openstock.block_expired_lots ' || gen_random_uuid();
  levels openstock_core.level_key[];
  due openstock_core.due;
  booked integer;
begin
  perform openstock_core.enter_as_operator(tenant);
  if max_levels is null or max_levels not between 1 and 100000 then
    perform openstock_core.fail('22023', '{"argument": "max_levels", "problem": "must be between 1 and 100000"}');
  end if;
  levels := array(
    select row(s.product_id, s.warehouse_id)::openstock_core.level_key
    from openstock_core.stock_level s
    where s.tenant_id = tenant and s.next_block_at <= openstock.server_time()
    order by s.next_block_at limit max_levels);
  if cardinality(levels) = 0 then
    return 0;
  end if;
  perform openstock_core.begin_operation(tenant, op_id, 'block_expired_lots', jsonb_build_object('levels', cardinality(levels)));
  due := openstock_core.lock_levels(tenant, levels, false);
  perform openstock_core.settle_bins(tenant, op_id, '{}', '{}', due);
  -- Not those where somebody else booked it while this call waited.
  booked := coalesce(cardinality(due.levels), 0);
  perform openstock_core.finish_operation(tenant, op_id, jsonb_build_array(jsonb_build_object('levels', booked)));
  return booked;
end
$$;

revoke all on function openstock_admin.block_expired_lots from public;
grant execute on function openstock_admin.block_expired_lots to openstock_operator;
comment on function openstock_admin.block_expired_lots is
  'Books units of expired lots of a tenant as blocked, at most at this many levels, and returns at how many. Promises and views are exact without it; '
  'it keeps the ledger up to date. Errors: 22023, OS003.';

reset role;
