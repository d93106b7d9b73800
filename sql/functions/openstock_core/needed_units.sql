-- Says how many units a plan takes of each level, or without one how many it might take.
set local role openstock_owner;

create or replace function openstock_core.needed_units(
  lines openstock_core.order_line[], levels openstock_core.level_key[], parts openstock_core.order_line[])
returns openstock_core.pick[]
language sql
immutable
begin atomic
  select coalesce(array_agg(row(null, n.product_id, n.warehouse_id, null, n.qty, null)::openstock_core.pick), '{}')
  from (
    select u.product_id, u.warehouse_id, sum(u.qty) as qty
    from (
      select p.product_id, p.warehouse_id, p.qty from unnest(parts) as p
      union all
      select l.product_id, k.warehouse_id, l.qty from unnest(lines) as l join unnest(levels) as k on k.product_id = l.product_id where parts is null
    ) as u
    group by u.product_id, u.warehouse_id) as n;
end;

revoke all on function openstock_core.needed_units from public;
grant execute on function openstock_core.needed_units to openstock_api;
comment on function openstock_core.needed_units is
  'Units that these parts, or where they are null all the lines, need at each level.';

reset role;
