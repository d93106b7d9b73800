-- The identities of backorders and backlogs. Reads: ledger, backorder, backlog, reservation.
set local role openstock_owner;

create or replace function openstock_core.backorder_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
set search_path = pg_catalog, pg_temp
begin atomic
  select v.fact, coalesce(r.product_id, b.product_id), null::bigint,
         jsonb_build_object('order_ref', coalesce(r.order_ref, o.order_ref), 'line', coalesce(b.line, r.line),
                            'backorder_id', coalesce(r.backorder_id, b.backorder_id)),
         v.expected, v.actual, true
  from openstock_core.replayed_backorders(tenant) r
  full join (select * from openstock_core.backorder s where s.tenant_id = tenant) as b on b.backorder_id = r.backorder_id
  left join openstock_core.reservation o on o.tenant_id = tenant and o.reservation_id = b.reservation_id
  cross join lateral (values
    ('backorder backordered = ledger', coalesce(r.backordered, 0), b.backordered::numeric),
    ('backorder released = ledger', coalesce(r.released, 0), b.released::numeric),
    ('backorder expired = ledger', coalesce(r.expired, 0), b.expired::numeric),
    ('backorder expires_at = ledger', extract(epoch from r.expires_at), extract(epoch from b.expires_at)),
    ('backorder line = ledger', coalesce(r.line, b.line), coalesce(b.line, r.line)),
    ('backorder belongs to the order and product of its entries', 1,
     case when b.line is not null and r.line is not null and (o.order_ref, b.product_id) is distinct from (r.order_ref, r.product_id) then 0 else 1 end)
  ) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  select v.fact, coalesce(g.product_id, b.product_id), null, '{}', v.expected, v.actual, true
  from (
    select s.product_id, sum(s.backordered) as backordered,
           min(s.expires_at) filter (where s.backordered > 0) as first_end
    from openstock_core.backorder s
    where s.tenant_id = tenant
    group by s.product_id) as b
  full join (select * from openstock_core.backlog s where s.tenant_id = tenant) as g on g.product_id = b.product_id
  cross join lateral (values
    ('backlog backordered = backorders', coalesce(b.backordered, 0), g.backordered::numeric),
    ('backlog next_expiry_at <= first end of a waiting hold', extract(epoch from b.first_end),
     case when b.first_end is null or g.next_expiry_at <= b.first_end then extract(epoch from b.first_end)
          else extract(epoch from g.next_expiry_at) end)) as v (fact, expected, actual)
  where v.expected is distinct from v.actual;
end;

revoke all on function openstock_core.backorder_differences from public;
grant execute on function openstock_core.backorder_differences to openstock_maint;
comment on function openstock_core.backorder_differences is
  'Where a tenant''s backorders are not what the ledger says, or its backlogs not what the backorders sum up to.';

reset role;
