-- Compares what an order's lines are to be with what they are. The order is locked. Reads: reservation_line, backorder, product, warehouse,
-- location, lot, and what split_kit_entries reads.
set local role openstock_owner;

create or replace function openstock_core.read_amendment(
  tenant uuid, order_id bigint, order_ref text, lines jsonb, at timestamptz, out more jsonb, out places integer[], out less jsonb)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  split constant record := openstock_core.split_kit_entries(tenant, order_ref, array(
    select p.line from openstock_core.parts_of_order(tenant, order_id) as p
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
    where l.shipped > 0 or (p.open > 0 and (p.expires_at is null or p.expires_at > read_amendment.at))), 'zero', lines);
  bad record;
begin
  with part as materialized (
    select p.line, p.product_id, p.warehouse_id, case when p.expires_at <= read_amendment.at then 0 else p.open end as open,
           coalesce(l.shipped, 0) as shipped, l.location_id, l.lot_id, l.min_days_left, l.serial_ids is not null as of_pieces
    from openstock_core.parts_of_order(tenant, order_id) as p
    left join openstock_core.reservation_line l on l.tenant_id = tenant and l.reservation_line_id = p.reservation_line_id
  ), present as materialized (
    select p.line, s.sku::text as sku, s.decimals, s.is_kit, p.open, p.shipped, p.of_pieces, p.min_days_left, w.code::text as warehouse, c.code::text as location, t.code::text as lot
    from (select p.line, p.product_id, sum(p.open) as open, sum(p.shipped) as shipped, max(p.location_id) as location_id, max(p.lot_id) as lot_id,
                 max(p.min_days_left) as min_days_left, max(p.warehouse_id) filter (where p.location_id is not null) as warehouse_id, bool_or(p.of_pieces) as of_pieces
          from part p group by p.line, p.product_id) as p
    join openstock_core.product s on s.tenant_id = tenant and s.product_id = p.product_id
    left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = p.warehouse_id
    left join openstock_core.location c on c.tenant_id = tenant and c.location_id = p.location_id
    left join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = p.lot_id
  ), given as materialized (
    select g.n, coalesce(g.place, g.n)::integer as place, g.line, normalize(btrim(g.sku)) as sku, trim_scale(g.qty) as qty, g.warehouse, g.kit_id, g.kit_qty
    from rows from (jsonb_to_recordset(split.lines) as (
      line integer, sku text, qty numeric, warehouse text, kit_id bigint, kit_qty numeric, place bigint))
      with ordinality as g (line, sku, qty, warehouse, kit_id, kit_qty, place, n)
  ), matched as materialized (
    select g.n, g.place, g.kit_id, g.kit_qty, g.qty, g.qty - coalesce(p.open + p.shipped, 0) as delta, g.warehouse as from_warehouse, g.line as asked_line, g.sku as asked_sku, p.*, count(p.line) over (partition by g.n) as lines,
           count(*) over (partition by p.line, p.sku) as named
    from given g
    left join present p on (p.line = g.line and (p.sku = g.sku or p.line <> all (split.kit_lines)))
      or (g.line is null and p.sku = g.sku and p.open + p.shipped > 0 and p.line <> all (split.kit_lines))
  ), problem as (
    select m.place as n, case
      when m.asked_line is null and m.asked_sku is null then
        '{"code": "22023", "argument": "lines", "problem": "must name a line or a sku"}'::jsonb
      when m.line is null and m.asked_sku is null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has no such line: name a sku to add it', 'order_ref', order_ref)
      when m.is_kit and m.delta > 0 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'has become a kit: name it without the line', 'sku', m.sku)
      when m.of_pieces and m.delta > 0 then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'qty', 'problem', 'the line asks for certain pieces: reserve more of them as another line', 'sku', m.sku)
      when m.lines > 1 then jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has several such lines: name one')
      when m.asked_sku <> m.sku then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'the line is of another product', 'sku', m.sku)
      when m.line is not null and m.named > 1 then
        '{"code": "22023", "argument": "lines", "problem": "names what another entry names too"}'::jsonb
      when openstock_core.quantity_problem(m.qty, coalesce(m.decimals, 6), 'zero') is not null then
        jsonb_build_object('code', 'OS110', 'sku', coalesce(m.sku, m.asked_sku), 'problem', openstock_core.quantity_problem(m.qty, coalesce(m.decimals, 6), 'zero'))
      when m.qty < m.shipped then
        jsonb_build_object('code', 'OS303', 'order_ref', order_ref, 'asked', trim_scale(m.qty / coalesce(m.kit_qty, 1)),
                           'shipped', case when m.kit_qty is null then trim_scale(m.shipped) else ceil(m.shipped / m.kit_qty) end)
      when max(m.delta) over k > 0 and min(m.delta / m.kit_qty) over k < max(m.delta / m.kit_qty) over k then
        '{"code": "22023", "argument": "lines", "problem": "its components no longer make up whole kits: name each of them, with the line"}'::jsonb
      end as what
    from matched m
    window k as (partition by m.place, m.kit_id)
  )
  select f.n, f.what,
         (select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
            'line', coalesce(c.line, c.asked_line), 'sku', coalesce(c.sku, c.asked_sku), 'qty', c.delta,
            'warehouse', coalesce(c.from_warehouse, c.warehouse), 'location', c.location, 'lot', c.lot, 'min_days_left', c.min_days_left,
            'kit_id', c.kit_id, 'kit_qty', c.kit_qty)) order by c.n)
          from matched c where c.delta > 0) as more,
         (select array_agg(c.place order by c.n) from matched c where c.delta > 0) as places,
         (select jsonb_agg(jsonb_build_object('line', c.line, 'sku', c.sku, 'qty', -c.delta) order by c.n) from matched c where c.delta < 0) as less
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;
  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  more := bad.more;
  places := bad.places;
  less := bad.less;
end
$$;

revoke all on function openstock_core.read_amendment from public;
grant execute on function openstock_core.read_amendment to openstock_api;
comment on function openstock_core.read_amendment is
  'Lines for reserve with what is wanted more, and their places in the call, and lines for release with what is wanted less; null where there is none. '
  'Errors: 22023, OS110, OS303, each with the entry''s place.';

reset role;
