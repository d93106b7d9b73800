-- Puts replayed quantities into the stock levels that differ. The tenant is locked. Writes: stock_level, product (its row, unchanged,
-- where it gets a level: as in make_levels, so that a transaction whose snapshot does not show the level ends in 40001).
set local role openstock_owner;

create or replace function openstock_core.replace_levels(tenant uuid) returns void
language sql
volatile
begin atomic
  update openstock_core.product p set updated_at = p.updated_at
  where p.tenant_id = tenant and p.product_id in (
    select r.product_id from openstock_core.replayed_levels(tenant) r
    where not exists (select from openstock_core.stock_level s
                      where s.tenant_id = tenant and s.product_id = r.product_id and s.warehouse_id = r.warehouse_id));

  insert into openstock_core.stock_level as l (
    tenant_id, product_id, warehouse_id, on_hand, blocked, reserved, safety_stock, fenced, version, last_recorded_at)
  select tenant, k.product_id, k.warehouse_id, coalesce(r.on_hand, 0), coalesce(r.blocked, 0), coalesce(r.reserved, 0), p.safety_stock,
         coalesce((select sum(q.qty) from openstock_core.channel_quota q where q.tenant_id = tenant and q.product_id = k.product_id
                     and q.warehouse_id = k.warehouse_id), 0),
         coalesce(r.version, 0), coalesce(r.last_recorded_at, '-infinity')
  from (select product_id, warehouse_id from openstock_core.replayed_levels(tenant)
        union select s.product_id, s.warehouse_id from openstock_core.stock_level s where s.tenant_id = tenant) as k
  left join openstock_core.replayed_levels(tenant) r on r.product_id = k.product_id and r.warehouse_id = k.warehouse_id
  join openstock_core.product p on p.tenant_id = tenant and p.product_id = k.product_id
  on conflict on constraint stock_level_pkey do update
  set on_hand = excluded.on_hand, blocked = excluded.blocked, reserved = excluded.reserved, version = excluded.version,
      safety_stock = excluded.safety_stock, fenced = excluded.fenced, last_recorded_at = excluded.last_recorded_at
  where (l.on_hand, l.blocked, l.reserved, l.safety_stock, l.fenced, l.version, l.last_recorded_at) is distinct from
        (excluded.on_hand, excluded.blocked, excluded.reserved, excluded.safety_stock, excluded.fenced, excluded.version, excluded.last_recorded_at);
end;

revoke all on function openstock_core.replace_levels from public;
grant execute on function openstock_core.replace_levels to openstock_maint;
comment on function openstock_core.replace_levels is
  'Makes the stock levels what the ledger, the product''s safety stock and the quotas say; replace_due_times recomputes when something is due.';

reset role;
