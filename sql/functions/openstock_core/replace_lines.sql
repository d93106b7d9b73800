-- Puts replayed quantities, and the order, number, product, warehouse and end, into the reservation lines that differ. The tenant is
-- locked. Writes: reservation, reservation_line. Of which channel a lost line was is not in the ledger: what it gives back is then anyone's.
set local role openstock_owner;

create or replace function openstock_core.replace_lines(tenant uuid) returns void
language sql
volatile
begin atomic
  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  select tenant, r.order_ref, min(r.first_recorded_at)
  from openstock_core.replayed_lines(tenant) r
  where not exists (select from openstock_core.reservation o where o.tenant_id = tenant and o.order_ref = r.order_ref)
    and (r.agreed or not exists (select from openstock_core.reservation_line l
                                 where l.tenant_id = tenant and l.reservation_line_id = r.reservation_line_id))
  group by r.order_ref
  order by min(r.first_recorded_at), r.order_ref
  on conflict on constraint reservation_order_ref_is_unique do nothing;

  insert into openstock_core.reservation_line as l (
    tenant_id, reservation_line_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, shipped, released, expired,
    expires_at, created_at, quota_used)
  overriding system value
  select tenant, r.reservation_line_id, coalesce(n.reservation_id, o.reservation_id), r.line,
         coalesce(n.product_id, r.product_id), coalesce(n.warehouse_id, r.warehouse_id),
         r.reserved + r.shipped + r.released + r.expired, r.reserved, r.shipped, r.released, r.expired, r.expires_at, r.first_recorded_at,
         r.quota_used
  from openstock_core.replayed_lines(tenant) r
  left join openstock_core.reservation o on o.tenant_id = tenant and o.order_ref = r.order_ref
  left join openstock_core.reservation_line n
    on n.tenant_id = tenant and n.reservation_line_id = r.reservation_line_id and not r.agreed
  on conflict on constraint reservation_line_pkey do update
  set reservation_id = excluded.reservation_id, line = excluded.line,
      product_id = excluded.product_id, warehouse_id = excluded.warehouse_id,
      ordered = excluded.ordered, reserved = excluded.reserved, shipped = excluded.shipped, released = excluded.released,
      expired = excluded.expired, expires_at = excluded.expires_at, quota_used = excluded.quota_used
  where (l.reservation_id, l.line, l.product_id, l.warehouse_id, l.reserved, l.shipped, l.released, l.expired, l.expires_at, l.quota_used) is distinct from
        (excluded.reservation_id, excluded.line, excluded.product_id, excluded.warehouse_id,
         excluded.reserved, excluded.shipped, excluded.released, excluded.expired, excluded.expires_at, excluded.quota_used);

  update openstock_core.reservation_line l
  set ordered = 0, reserved = 0, shipped = 0, released = 0, expired = 0, quota_used = 0
  where l.tenant_id = tenant and l.ordered > 0
    and not exists (select from openstock_core.replayed_lines(tenant) r where r.reservation_line_id = l.reservation_line_id);
end;

revoke all on function openstock_core.replace_lines from public;
grant execute on function openstock_core.replace_lines to openstock_maint;
comment on function openstock_core.replace_lines is
  'Makes the reservation lines what the ledger says; a line that the ledger does not know keeps nothing, and one whose entries '
  'do not agree on it keeps its order, product and warehouse.';

reset role;
