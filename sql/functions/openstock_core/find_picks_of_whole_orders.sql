-- Finds picks for claimed orders, and drops the orders that get nothing, or not everything where asked; what nobody gets is locked no longer.
-- Writes and locks: as find_picks_of_orders.
set local role openstock_owner;

create or replace function openstock_core.find_picks_of_whole_orders(
  tenant uuid, op_id text, order_ids bigint[], place bigint, removal text, whole_only boolean,
  out needs openstock_core.pick[], out picks openstock_core.pick[])
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  served bigint[];
  hopeful bigint[] := order_ids;
begin
  loop
    begin
      select f.needs, f.picks into needs, picks
      from openstock_core.find_picks_of_orders(tenant, op_id, order_ids, place, true, removal, false) as f;
      served := openstock_core.served_orders(tenant, order_ids, needs, picks, whole_only);
      exit when cardinality(served) > 0 and (whole_only is not true or openstock_core.units(needs) = openstock_core.units(picks));
      perform openstock_core.fail('OS901', '{"problem": "not for all of these orders"}');
    exception when sqlstate 'OS901' then
      -- Units of an order that gets not everything are for those behind it: what they get is found anew, without it. Served is who could have
      -- all if any units of a product would do: if that was wrong, since some ask for certain units, those whom they stood before are tried again.
      if cardinality(served) = 0 then
        hopeful := array(select o.order_id from unnest(hopeful) with ordinality as o (order_id, n) where o.order_id <> all (order_ids) order by o.n);
        if cardinality(hopeful) = 0 then
          needs := '{}';
          picks := '{}';
          return;
        end if;
        served := hopeful;
      end if;
      order_ids := served;
    end;
  end loop;
  needs := array(
    select n from unnest(needs) as n
    join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = n.reservation_line_id
    where l.reservation_id = any (served)
    order by array_position(order_ids, l.reservation_id), n.reservation_line_id);
end
$$;

revoke all on function openstock_core.find_picks_of_whole_orders from public;
grant execute on function openstock_core.find_picks_of_whole_orders to openstock_api;
comment on function openstock_core.find_picks_of_whole_orders is
  'What the orders that are served need, and their picks; nothing, and no line or bin locked, where none is. Errors: 40001 where units kept moving.';

reset role;
