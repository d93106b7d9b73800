-- Refuses moves that go nowhere or take more than a bin holds. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.check_moves(
  tenant uuid, lines openstock_core.stock_line[], sources bigint[], targets bigint[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select l.n, l.sku, l.location, l.qty, coalesce(s.on_hand, 0) as on_hand, case
        when sources[l.n] = targets[l.n] then 'must go to another bin or status'
        when coalesce(s.on_hand, 0) < sum(l.qty) over (partition by l.location_id, l.product_id, l.lot_id, l.status, l.handling_unit_id) then 'OS201'
      end as problem
    from unnest(lines) as l
    left join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = sources[l.n]
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem = 'OS201' then
    perform openstock_core.fail('OS201', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'location', bad.location, 'qty', bad.qty, 'on_hand', bad.on_hand));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'problem', bad.problem));
  end if;
end
$$;

revoke all on function openstock_core.check_moves from public;
grant execute on function openstock_core.check_moves to openstock_api;
comment on function openstock_core.check_moves is
  'Errors: 22023 where a line stays where it is, OS201 where lines together take more than a bin holds.';

reset role;
