-- The order in which a product's bins are picked. Reads: stock_bin, location, lot, product.
set local role openstock_owner;

create or replace function openstock_core.pickable_bins(
  tenant uuid, product_id bigint, warehouse_id bigint, removal text,
  out bin_id bigint, out free numeric, out start numeric)
returns setof record
language sql
stable
begin atomic
  select b.bin_id, b.on_hand - b.allocated,
         sum(b.on_hand - b.allocated) over (order by
           case when coalesce(pickable_bins.removal, p.removal) = 'fefo' then t.expires_on end nulls last,
           case when coalesce(pickable_bins.removal, p.removal) = 'fewest_bins' then b.on_hand - b.allocated end desc nulls last,
           case when coalesce(pickable_bins.removal, p.removal) = 'lifo' then b.received_at end desc nulls last,
           b.received_at, l.pick_order, b.bin_id) - (b.on_hand - b.allocated)
  from openstock_core.stock_bin b
  join openstock_core.product p on p.tenant_id = b.tenant_id and p.product_id = b.product_id
  join openstock_core.location l on l.tenant_id = b.tenant_id and l.location_id = b.location_id
  left join openstock_core.lot t on t.tenant_id = b.tenant_id and t.lot_id = b.lot_id
  where b.tenant_id = tenant and b.product_id = pickable_bins.product_id and b.warehouse_id = pickable_bins.warehouse_id
    and b.on_hand > 0 and b.on_hand > b.allocated and not b.blocked
    and (t.expires_on is null or openstock_core.expiry(t.expires_on) > openstock.server_time());
end;

revoke all on function openstock_core.pickable_bins from public;
grant execute on function openstock_core.pickable_bins to openstock_api;
comment on function openstock_core.pickable_bins is
  'Bins with free units of a product at a warehouse, laid end to end by the removal rule (the product''s where null): '
  'start is how many free units come before the bin''s.';

reset role;
