-- The answer of allocate. Reads: reservation_line, product, warehouse, stock_bin, location, lot.
set local role openstock_owner;

create or replace function openstock_core.allocation_answer(
  tenant uuid, order_ref text, needs openstock_core.pick[], picks openstock_core.pick[], on_shortage text)
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  answer jsonb;
begin
  if openstock_core.units(picks) < openstock_core.units(needs) and on_shortage <> 'partial' then
    picks := '{}';
  end if;
  with part as (
    select p.reservation_line_id, p.bin_id, 'allocated' as outcome, p.qty, p.n
    from rows from (unnest(picks)) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, n)
    union all
    select n.reservation_line_id, null, 'short', n.qty - coalesce(p.qty, 0), null
    from unnest(needs) as n
    left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(picks) as u group by 1) as p
      on p.reservation_line_id = n.reservation_line_id
    where n.qty > coalesce(p.qty, 0)
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'order_ref', order_ref, 'line', l.line, 'sku', d.sku, 'warehouse', w.code, 'location', c.code, 'lot', t.code,
    'expires_on', t.expires_on, 'outcome', p.outcome, 'qty', p.qty, 'replayed', false)
    order by l.line, l.reservation_line_id, p.n nulls last), '[]')
  into answer
  from part p
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
  join openstock_core.product d on d.tenant_id = tenant and d.product_id = l.product_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = l.warehouse_id
  left join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = p.bin_id
  left join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
  left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id;

  if on_shortage = 'error' and answer @> '[{"outcome": "short"}]' then
    perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref, 'lines', answer));
  end if;
  return answer;
end
$$;

revoke all on function openstock_core.allocation_answer from public;
grant execute on function openstock_core.allocation_answer to openstock_api;
comment on function openstock_core.allocation_answer is
  'Picks as an array of openstock.allocation_change, with a short row for each line that bins could not cover. Errors: OS201 on request.';

reset role;
