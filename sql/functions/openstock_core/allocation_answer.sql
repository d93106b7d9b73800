-- The answer of functions that pin units: order by order and line by line what was pinned, then what no bin could give.
-- Reads: what pick_rows reads.
set local role openstock_owner;

create or replace function openstock_core.allocation_answer(tenant uuid, needs openstock_core.pick[], picks openstock_core.pick[])
returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  part record;
begin
  select array_agg(r.pick order by r.place, r.line, r.reservation_line_id, r.n nulls last) as picks,
         array_agg(r.outcome order by r.place, r.line, r.reservation_line_id, r.n nulls last) as outcomes
  into part
  from (select p.*, l.line, l.reservation_line_id, min(p.need) over (partition by l.reservation_id) as place from (
    select row(p.reservation_line_id, p.product_id, p.warehouse_id, p.bin_id, p.qty, p.serial_ids)::openstock_core.pick as pick, 'allocated' as outcome, n.place as need, p.n
    from unnest(picks) with ordinality as p (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, n)
    join unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
      on n.reservation_line_id = p.reservation_line_id
    union all
    select row(n.reservation_line_id, n.product_id, n.warehouse_id, null, trim_scale(n.qty - coalesce(p.qty, 0)), null)::openstock_core.pick, 'short', n.place, null
    from unnest(needs) with ordinality as n (reservation_line_id, product_id, warehouse_id, bin_id, qty, serial_ids, place)
    left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(picks) as u group by 1) as p
      on p.reservation_line_id = n.reservation_line_id
    where n.qty > coalesce(p.qty, 0)
  ) as p
  join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = (p.pick).reservation_line_id) as r;
  return openstock_core.pick_rows(tenant, part.outcomes, part.picks);
end
$$;

revoke all on function openstock_core.allocation_answer from public;
grant execute on function openstock_core.allocation_answer to openstock_api;
comment on function openstock_core.allocation_answer is
  'Picks as an array of openstock.allocation_change, with a short row for each need that bins could not cover.';

reset role;
