-- Makes one row of the rows that shortage_answer has for the components of a line of kits. Reads: product.
set local role openstock_owner;

create or replace function openstock_core.fold_kits(tenant uuid, answer jsonb, wanted openstock_core.order_line[]) returns jsonb
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
begin
  return (
    with part as materialized (
      select u.n, u.told, u.line, u.kit_id, coalesce(u.kit_id, u.product_id) as product_id, u.kit_qty as each
      from rows from (jsonb_array_elements(answer), unnest(wanted)) with ordinality
        as u (told, line, sku, product_id, warehouse_id, qty, location_id, lot_id, min_days_left, kit_id, kit_qty, serial_ids, n)
    ), line as materialized (
      select min(p.n) as n, p.line, p.product_id, p.kit_id, count(*) as parts, (array_agg(p.told order by p.n))[1] as told,
             max((p.told ->> 'qty_ordered')::numeric / p.each) as qty_ordered, max((p.told ->> 'qty_short')::numeric / p.each) as qty_short,
             min(div((p.told ->> 'available')::numeric, p.each)) as available
      from part p
      group by p.line, p.product_id, p.kit_id
    )
    select jsonb_agg(case when l.kit_id is null then l.told else l.told || jsonb_build_object(
             'sku', k.sku, 'kit', k.sku, 'qty_ordered', trim_scale(l.qty_ordered), 'qty_short', trim_scale(l.qty_short),
             'on_hand', null, 'blocked', null, 'reserved', null, 'available', l.available, 'offers', coalesce(o.offers, '[]')) end order by l.n)
    from line l
    left join lateral (select * from openstock_core.product s where s.tenant_id = tenant and s.product_id = l.kit_id limit 1) as k on l.kit_id is not null
    left join lateral (
      select jsonb_agg(jsonb_build_object('warehouse', w.code, 'available', w.kits) order by w.place) as offers
      from (
        select o.offer ->> 'warehouse' as code, min(div((o.offer ->> 'available')::numeric, p.each)) as kits, min(o.place) as place
        from part p
        cross join lateral jsonb_array_elements(p.told -> 'offers') with ordinality as o (offer, place)
        where p.line = l.line and p.kit_id = l.kit_id
        group by 1 having count(*) = l.parts) as w
      where w.kits > 0) as o on l.kit_id is not null);
end
$$;

revoke all on function openstock_core.fold_kits from public;
grant execute on function openstock_core.fold_kits to openstock_api;
comment on function openstock_core.fold_kits is
  'Rows of openstock.reservation_change, one for each of the lines: of kits, how many are short, and how many each warehouse could put together.';

reset role;
