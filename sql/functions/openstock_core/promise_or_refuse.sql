-- Decides what becomes of an order whose parts were stock. The order and the levels are locked, and the backlogs where it may wait.
-- Writes: what promise writes, or reservation (one that has no lines is taken back).
set local role openstock_owner;

create or replace function openstock_core.promise_or_refuse(
  tenant uuid, op_id text, order_id bigint, order_ref text, wanted openstock_core.order_line[], stock openstock_core.found_stock,
  on_shortage text, seconds double precision, until timestamptz, ends jsonb, sourcing openstock_core.sourcing)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  missing openstock_core.order_line[];
  answer jsonb;
begin
  if not stock.short then
    return openstock_core.promise(tenant, op_id, order_id, order_ref, stock, null, seconds, until, ends, sourcing.channel_id);
  end if;
  perform openstock_core.refuse_stale_shortage(tenant, wanted);
  missing := openstock_core.missing_lines(wanted, stock.parts);
  if on_shortage = 'backorder' and openstock_core.may_wait(tenant, missing) then
    return openstock_core.promise(tenant, op_id, order_id, order_ref, stock, missing, seconds, until, ends, sourcing.channel_id);
  elsif on_shortage = 'partial' and cardinality(stock.parts) > 0 then
    answer := openstock_core.promise(tenant, op_id, order_id, order_ref, stock, null, seconds, until, ends, sourcing.channel_id);
    return answer || openstock_core.shortage_answer(tenant, order_ref, 'short', missing, row('{}', null, stock.levels, stock.at, true), sourcing);
  end if;

  answer := case when on_shortage = 'partial'
    then openstock_core.shortage_answer(tenant, order_ref, 'short', wanted, row('{}', null, stock.levels, stock.at, true), sourcing)
    else openstock_core.shortage_answer(tenant, order_ref, 'rejected', wanted, stock, sourcing) end;
  if on_shortage = 'error' then
    perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', (
      select jsonb_agg(jsonb_build_object('line', s.line, 'sku', s.sku, 'qty_ordered', s.qty_ordered, 'available', s.available,
                                          'qty_short', s.qty_short, 'offers', s.offers))
      from jsonb_populate_recordset(null::openstock.reservation_change, answer) as s where s.qty_short > 0)));
  end if;
  delete from openstock_core.reservation r
  where r.tenant_id = tenant and r.reservation_id = order_id
    and not exists (select from openstock_core.reservation_line l where l.tenant_id = tenant and l.reservation_id = order_id)
    and not exists (select from openstock_core.backorder b where b.tenant_id = tenant and b.reservation_id = order_id);
  return answer;
end
$$;

revoke all on function openstock_core.promise_or_refuse from public;
grant execute on function openstock_core.promise_or_refuse to openstock_api;
comment on function openstock_core.promise_or_refuse is
  'Promises the parts, and lets the missing rest wait, or be short, or refuses all, as the caller wants it; returns the answer. '
  'Errors: OS104 where a warehouse has closed meanwhile, OS201 on request.';

reset role;
