-- Says which lines of a shipment bins cannot give. Reads: product, warehouse.
set local role openstock_owner;

create or replace function openstock_core.missing_in_bins(tenant uuid, taken openstock_core.taken_line[], picks openstock_core.pick[])
returns jsonb
language sql
stable
begin atomic
  select jsonb_agg(jsonb_build_object('line', m.line, 'sku', p.sku, 'warehouse', w.code, 'qty', m.qty, 'in_bins', m.in_bins) order by m.line, p.sku, w.code)
  from (
    select t.line, t.product_id, t.warehouse_id, trim_scale(sum(t.qty)) as qty, trim_scale(coalesce(sum(f.qty), 0)) as in_bins
    from unnest(taken) as t
    left join (select k.reservation_line_id, sum(k.qty) as qty from unnest(picks) as k group by k.reservation_line_id) as f
      on f.reservation_line_id = t.reservation_line_id
    group by t.line, t.product_id, t.warehouse_id
    having sum(t.qty) > coalesce(sum(f.qty), 0)
  ) as m
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = m.product_id
  join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = m.warehouse_id;
end;

revoke all on function openstock_core.missing_in_bins from public;
grant execute on function openstock_core.missing_in_bins to openstock_api;
comment on function openstock_core.missing_in_bins is
  'Of what is taken of lines the rows (line, sku, warehouse, qty, in_bins) where the picks, with the line''s own pins, are less; null where none is.';

reset role;
