-- Looks through all warehouses, and all pairs of them, for the cheapest that serve these needs wholly.
set local role openstock_owner;

create or replace function openstock_core.cover_with_two(needs openstock_core.pick[], offers openstock_core.candidate[]) returns bigint[]
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with offer as materialized (
      select o.warehouse_id, o.product_id, o.available from unnest(offers) as o
    ), place as materialized (
      select o.warehouse_id, o.shipping_cost as cost, row_number() over (order by o.shipping_cost, o.priority, o.code) as rank
      from unnest(offers) as o group by o.warehouse_id, o.shipping_cost, o.priority, o.code
    )
    select case when a.warehouse_id = b.warehouse_id then array[a.warehouse_id] else array[a.warehouse_id, b.warehouse_id] end
    from place a
    join place b on b.rank >= a.rank
    cross join unnest(needs) as n
    left join offer f on f.warehouse_id = a.warehouse_id and f.product_id = n.product_id
    left join offer s on s.warehouse_id = b.warehouse_id and s.product_id = n.product_id
    group by a.warehouse_id, a.cost, a.rank, b.warehouse_id, b.cost, b.rank
    having bool_and(coalesce(f.available, 0) + case when a.rank = b.rank then 0 else coalesce(s.available, 0) end >= n.qty)
    order by a.cost + case when a.rank = b.rank then 0 else b.cost end, a.rank <> b.rank, a.rank, b.rank
    limit 1);
end
$$;

revoke all on function openstock_core.cover_with_two from public;
grant execute on function openstock_core.cover_with_two to openstock_api;
comment on function openstock_core.cover_with_two is
  'The one or two warehouses that serve these needs wholly at the least cost, null where no two do. shipping_cost of an offer is what choosing its warehouse costs.';

reset role;
