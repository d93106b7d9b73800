-- Puts replayed quantities, order, number, product and end into the backorders that differ, and their sums into the backlogs. The tenant is
-- locked. Writes: reservation, backorder, backlog. Which warehouse a lost backorder had asked for is not in the ledger, nor its channel: any may fill it then,
-- from what anyone can have.
set local role openstock_owner;

create or replace function openstock_core.replace_backorders(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  insert into openstock_core.reservation (tenant_id, order_ref, created_at)
  select tenant, r.order_ref, min(r.first_recorded_at)
  from openstock_core.replayed_backorders(tenant) r
  where not exists (select from openstock_core.reservation o where o.tenant_id = tenant and o.order_ref = r.order_ref)
  group by r.order_ref
  order by min(r.first_recorded_at), r.order_ref
  on conflict on constraint reservation_order_ref_is_unique do nothing;

  insert into openstock_core.backorder as b (
    tenant_id, backorder_id, reservation_id, line, product_id, backordered, released, expired, expires_at, queued_at, created_at)
  overriding system value
  select tenant, r.backorder_id, o.reservation_id, r.line, r.product_id, r.backordered, r.released, r.expired, r.expires_at, r.queued_at,
         r.first_recorded_at
  from openstock_core.replayed_backorders(tenant) r
  join openstock_core.reservation o on o.tenant_id = tenant and o.order_ref = r.order_ref
  on conflict on constraint backorder_pkey do update
  set reservation_id = excluded.reservation_id, line = excluded.line, product_id = excluded.product_id,
      backordered = excluded.backordered, released = excluded.released, expired = excluded.expired, expires_at = excluded.expires_at
  where (b.reservation_id, b.line, b.product_id, b.backordered, b.released, b.expired, b.expires_at) is distinct from
        (excluded.reservation_id, excluded.line, excluded.product_id, excluded.backordered, excluded.released, excluded.expired,
         excluded.expires_at);

  update openstock_core.backorder b set backordered = 0, released = 0, expired = 0, expires_at = null
  where b.tenant_id = tenant
    and not exists (select from openstock_core.replayed_backorders(tenant) r where r.backorder_id = b.backorder_id);

  insert into openstock_core.backlog as g (tenant_id, product_id, backordered, next_expiry_at)
  select tenant, k.product_id, coalesce(sum(b.backordered), 0), min(b.expires_at) filter (where b.backordered > 0)
  from (select product_id from openstock_core.backorder s where s.tenant_id = tenant
        union select product_id from openstock_core.backlog s where s.tenant_id = tenant) as k
  left join openstock_core.backorder b on b.tenant_id = tenant and b.product_id = k.product_id
  group by k.product_id
  on conflict on constraint backlog_pkey do update
  set backordered = excluded.backordered, next_expiry_at = excluded.next_expiry_at
  where (g.backordered, g.next_expiry_at) is distinct from (excluded.backordered, excluded.next_expiry_at);
end;

revoke all on function openstock_core.replace_backorders from public;
grant execute on function openstock_core.replace_backorders to openstock_maint;
comment on function openstock_core.replace_backorders is
  'Makes backorders and backlogs what the ledger says; a backorder that the ledger does not know waits for nothing.';

reset role;
