-- Makes the lots that are received for the first time. Writes: lot.
set local role openstock_owner;

create or replace function openstock_core.make_lots(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  torn record;
begin
  if not exists (select from unnest(lines) as l where l.lot is not null and l.lot_id is null) then
    return lines;
  end if;
  select min(l.n) as n, l.sku, l.lot into torn
  from unnest(lines) as l
  where l.lot is not null and l.lot_id is null
  group by l.sku, l.lot
  having count(distinct l.expires_on) > 1 or count(l.expires_on) not in (0, count(*))
  order by 1 limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object(
      'line', torn.n, 'sku', torn.sku, 'lot', torn.lot, 'problem', 'the lot is given with different expiries'));
  end if;

  insert into openstock_core.lot (tenant_id, product_id, code, expires_on)
  select tenant, l.product_id, l.lot, min(l.expires_on)
  from unnest(lines) as l
  where l.lot is not null and l.lot_id is null
  group by l.product_id, l.lot
  order by l.product_id, l.lot
  on conflict on constraint lot_code_is_unique do nothing;

  select l.n, l.sku, l.lot, t.expires_on into torn
  from unnest(lines) as l
  join openstock_core.lot t on t.tenant_id = tenant and t.product_id = l.product_id and t.code = l.lot
  where l.expires_on is not null and t.expires_on is distinct from l.expires_on
  order by l.n limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object(
      'line', torn.n, 'sku', torn.sku, 'lot', torn.lot, 'problem', 'the lot has another expiry', 'expires_on', torn.expires_on));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, l.qty, l.set_to, l.expected, l.location, l.location_id,
               l.to_location, l.to_location_id, l.lot, t.lot_id, t.expires_on, l.status, l.to_status,
               l.unit_cost, l.serials, l.serial_ids, l.handling_unit,
               l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    left join openstock_core.lot t on t.tenant_id = tenant and t.product_id = l.product_id and t.code = l.lot
    order by l.n);
end
$$;

revoke all on function openstock_core.make_lots from public;
grant execute on function openstock_core.make_lots to openstock_api;
comment on function openstock_core.make_lots is
  'Creates missing lots and returns the lines with their ids. Errors: OS108 where a lot is given with different expiries.';

reset role;
