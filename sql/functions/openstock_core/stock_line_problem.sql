-- What is wrong with a line whose names were looked up.
set local role openstock_owner;

create or replace function openstock_core.stock_line_problem(
  sku text, product_id bigint, product_active boolean, tracking text,
  location text, location_id bigint, location_active boolean,
  to_location text, to_location_id bigint, to_location_active boolean,
  lot text, lot_id bigint, expires_on date, lot_expires_on date, receiving boolean,
  status text, to_status text, handling_unit text, handling_unit_id bigint, serials_problem jsonb, quantity_problem text)
returns jsonb
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when product_id is null then jsonb_build_object('code', 'OS101', 'sku', sku)
    when not product_active then jsonb_build_object('code', 'OS102', 'sku', sku)
    when location_id is null then jsonb_build_object('code', 'OS105', 'location', location)
    when not location_active then jsonb_build_object('code', 'OS106', 'location', location)
    when to_location is not null and to_location_id is null then jsonb_build_object('code', 'OS105', 'location', to_location)
    when not to_location_active then jsonb_build_object('code', 'OS106', 'location', to_location)
    when status not in ('available', 'hold', 'quarantine', 'damaged')
      or to_status not in ('available', 'hold', 'quarantine', 'damaged') then
      jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'status',
                         'problem', 'must be available, hold, quarantine or damaged')
    when tracking = 'lot' and lot is null then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'problem', 'the product is tracked by lot and none is named')
    when tracking <> 'lot' and coalesce(lot, expires_on::text) is not null then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'lot', lot, 'problem', 'the product is not tracked by lot')
    when lot is not null and lot_id is null and not receiving then
      jsonb_build_object('code', 'OS107', 'sku', sku, 'lot', lot)
    when lot_id is not null and expires_on is not null and lot_expires_on is distinct from expires_on then
      jsonb_build_object('code', 'OS108', 'sku', sku, 'lot', lot, 'problem', 'the lot has another expiry',
                         'expires_on', lot_expires_on, 'given', expires_on)
    when handling_unit is not null and handling_unit_id is null then
      jsonb_build_object('code', 'OS114', 'handling_unit', handling_unit)
    when serials_problem is not null then serials_problem
    when quantity_problem is not null then jsonb_build_object('code', 'OS110', 'sku', sku, 'problem', quantity_problem)
  end;
end
$$;

revoke all on function openstock_core.stock_line_problem from public;
grant execute on function openstock_core.stock_line_problem to openstock_api;
comment on function openstock_core.stock_line_problem is 'The first thing wrong with a line as JSON, its error code under "code", or null.';

reset role;
