-- Turns set_to into a change, and refuses what a bin cannot give. The bins are locked. Reads: stock_bin.
set local role openstock_owner;

create or replace function openstock_core.resolve_adjustments(
  tenant uuid, lines openstock_core.stock_line[], bins bigint[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  select f.* into bad from (
    select l.n, l.sku, l.qty, l.expected, b.on_hand, case
        when (l.qty is null) = (l.set_to is null) then 'must have either qty or set_to'
        when (l.set_to is null) <> (l.expected is null) then 'set_to and expected go together'
        when count(*) over (partition by b.bin_id) > 1 then 'names a bin that another line names too'
        when l.expected <> b.on_hand then 'OS202'
        when b.on_hand + l.qty < 0 then 'OS201'
      end as problem
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = bins[l.n]
  ) as f
  where f.problem is not null
  order by f.n
  limit 1;
  if bad.problem = 'OS202' then
    perform openstock_core.fail('OS202', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'expected', bad.expected, 'on_hand', bad.on_hand));
  elsif bad.problem = 'OS201' then
    perform openstock_core.fail('OS201', jsonb_build_object(
      'line', bad.n, 'sku', bad.sku, 'qty', bad.qty, 'on_hand', bad.on_hand));
  elsif bad.problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', 'lines', 'line', bad.n, 'problem', bad.problem));
  end if;
  return array(
    select row(l.n, l.line, l.sku, l.product_id, l.tracking, coalesce(l.qty, l.set_to - b.on_hand), null, null,
               l.location, l.location_id, null, null, l.lot, l.lot_id, l.expires_on, l.status, l.to_status,
               l.unit_cost, l.serials, l.serial_ids, l.handling_unit,
               l.handling_unit_id)::openstock_core.stock_line
    from unnest(lines) as l
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = bins[l.n]
    order by l.n);
end
$$;

revoke all on function openstock_core.resolve_adjustments from public;
grant execute on function openstock_core.resolve_adjustments to openstock_api;
comment on function openstock_core.resolve_adjustments is
  'The lines with qty as the signed change of their bin. Errors: 22023, OS201 (less than nothing would be left), OS202.';

reset role;
