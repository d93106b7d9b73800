-- Turns entries that name an order's line of kits into one for each of its components, as they were when it was reserved: an entry names it by number, or by
-- the kit's sku, and counts kits. Others stay as they are. Reads: reservation, reservation_kit, product.
set local role openstock_owner;

create or replace function openstock_core.split_kit_entries(
  tenant uuid, order_ref text, open integer[], lowest text, inout lines jsonb, out kit_lines integer[])
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  bad record;
begin
  kit_lines := array(
    select distinct k.line
    from openstock_core.reservation r
    join openstock_core.reservation_kit k on k.tenant_id = r.tenant_id and k.reservation_id = r.reservation_id
    where r.tenant_id = split_kit_entries.tenant and r.order_ref = split_kit_entries.order_ref);
  if cardinality(kit_lines) = 0 then
    return;
  end if;
  with part as materialized (
    select k.line, k.product_id, k.kit_id, k.qty, p.sku::text as sku, n.sku::text as kit
    from openstock_core.reservation r
    join openstock_core.reservation_kit k on k.tenant_id = r.tenant_id and k.reservation_id = r.reservation_id
    join openstock_core.product p on p.tenant_id = k.tenant_id and p.product_id = k.product_id
    join openstock_core.product n on n.tenant_id = k.tenant_id and n.product_id = k.kit_id
    where r.tenant_id = split_kit_entries.tenant and r.order_ref = split_kit_entries.order_ref
  ), given as materialized (
    select g.n, g.entry, (g.entry ->> 'line')::integer as line, normalize(btrim(g.entry ->> 'sku')) as sku, (g.entry ->> 'qty')::numeric as qty
    from jsonb_array_elements(lines) with ordinality as g (entry, n)
  ), matched as materialized (
    select g.*, k.line as kit_line, k.kit, count(k.line) over (partition by g.n) as named
    from given g
    left join (select distinct p.line, p.kit from part p) as k
      on (k.line = g.line and (g.sku is null or g.sku = k.kit)) or (g.line is null and g.sku = k.kit and k.line = any (open))
  ), problem as (
    select m.n, case
      when m.kit is null and m.line = any (kit_lines) and not exists (select from part p where p.line = m.line and p.sku = m.sku) then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'key', 'sku', 'problem', 'is neither the kit of the line nor a component of it', 'sku', m.sku)
      when m.named > 1 and m.qty is not null then
        jsonb_build_object('code', '22023', 'argument', 'lines', 'problem', 'the order has several such lines: name one')
      when m.kit is not null and openstock_core.quantity_problem(m.qty, 0, lowest) is not null then
        jsonb_build_object('code', 'OS110', 'sku', m.kit, 'problem', openstock_core.quantity_problem(m.qty, 0, lowest))
    end as what
    from matched m
  )
  select (
    select jsonb_agg(case when m.kit is null then m.entry else m.entry || jsonb_build_object(
             'line', m.kit_line, 'sku', p.sku, 'qty', trim_scale(m.qty * p.qty), 'kit_id', p.kit_id, 'kit_qty', trim_scale(p.qty)) end
           || jsonb_build_object('place', m.n) order by m.n, m.kit_line, p.product_id)
    from matched m
    left join part p on p.line = m.kit_line) as lines, f.n, f.what
  into bad
  from (select) as always
  left join (select * from problem p where p.what is not null order by p.n limit 1) as f on true;
  if bad.what is not null then
    perform openstock_core.refuse_entry(bad.n, lines -> (bad.n - 1)::integer, bad.what);
  end if;
  lines := bad.lines;
end
$$;

revoke all on function openstock_core.split_kit_entries from public;
grant execute on function openstock_core.split_kit_entries to openstock_api;
comment on function openstock_core.split_kit_entries is
  'The entries, with their place in the call where the order has kits, and the numbers of its lines of kits. open: the lines that a kit''s sku alone may mean. '
  'Errors: 22023, OS110, each with the entry''s place.';

reset role;
