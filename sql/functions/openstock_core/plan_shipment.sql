-- Plans which bins a shipment leaves: the line's own allocations first, the oldest before the newer, then free units by
-- the removal rule. The order and its levels are locked, so its allocations stay what they are. Writes and locks: as find_picks.
-- Reads: allocation, product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.plan_shipment(
  tenant uuid, op_id text, order_ref text, taking openstock_core.taking)
returns openstock_core.movement[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  taken constant openstock_core.taken_line[] := taking.lines;
  due openstock_core.due := taking.due;
  locked record;
  named_bins bigint[] := array[]::bigint[];
  needs openstock_core.pick[];
  pinned openstock_core.pick[];
  free openstock_core.pick[];
begin
  pinned := array(
    select row(s.reservation_line_id, s.product_id, s.warehouse_id, s.bin_id, trim_scale(least(s.qty, s.wanted - s.before)), null)::openstock_core.pick
    from (
      select t.reservation_line_id, t.product_id, t.warehouse_id, t.qty as wanted, a.bin_id, a.qty,
             sum(a.qty) over (partition by a.reservation_line_id order by a.created_at, a.bin_id) - a.qty as before
      from unnest(taken) as t
      join openstock_core.allocation a on a.tenant_id = tenant and a.reservation_line_id = t.reservation_line_id
      where a.bin_id <> all (due.lot_bin_ids)
    ) as s
    where s.before < s.wanted);
  needs := array(
    select row(t.reservation_line_id, t.product_id, t.warehouse_id, null, t.qty - coalesce(p.qty, 0), null)::openstock_core.pick
    from unnest(taken) as t
    left join (select u.reservation_line_id, sum(u.qty) as qty from unnest(pinned) as u group by 1) as p
      on p.reservation_line_id = t.reservation_line_id
    where t.qty > coalesce(p.qty, 0)
    order by t.reservation_line_id);
  if cardinality(taking.named) > 0 then
    select s.bin_ids, s.due into locked from openstock_core.serial_bins(tenant, taking.named, due) as s;
    named_bins := locked.bin_ids;
    due := locked.due;
  end if;
  free := openstock_core.find_picks(tenant, op_id, needs, named_bins || array(select distinct p.bin_id from unnest(pinned) as p), '{}', due);
  if openstock_core.units(free) < openstock_core.units(needs) then
    perform openstock_core.fail('OS201', jsonb_build_object('order_ref', order_ref,
      'lines', openstock_core.missing_in_bins(tenant, taken, pinned || free)));
  end if;

  return array(
    select row(t.line, 'SHIP', p.product_id, p.warehouse_id, p.bin_id, -p.qty, 0, -p.qty,
               case when p.pinned then -p.qty else 0 end, p.reservation_line_id, order_ref, null, null, null, null, null, null, p.serial_ids)::openstock_core.movement
    from (select u.*, true as pinned from unnest(pinned) as u union all select u.*, false from unnest(free) as u) as p
    join unnest(taken) as t on t.reservation_line_id = p.reservation_line_id
    order by t.line, p.reservation_line_id, p.pinned desc, p.bin_id)
    || case when cardinality(taking.named) > 0 then openstock_core.plan_named_shipment(tenant, order_ref, taking.named) end;
end
$$;

revoke all on function openstock_core.plan_shipment from public;
grant execute on function openstock_core.plan_shipment to openstock_api;
comment on function openstock_core.plan_shipment is
  'SHIP movements for these lines. Errors: OS201 where bins no longer hold what was promised, and those of plan_named_shipment.';

reset role;
