-- Recomputes when something is due at each level, from bins and lines that were replaced before. The tenant is locked.
-- Writes: stock_level.
set local role openstock_owner;

create or replace function openstock_core.replace_due_times(tenant uuid) returns void
language sql
volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update openstock_core.stock_level l
  set next_block_at = e.next_block_at, next_expiry_at = e.next_expiry_at
  from (
    select s.product_id, s.warehouse_id,
           (select min(openstock_core.expiry(t.expires_on))
            from openstock_core.stock_bin b
            join openstock_core.lot t on t.tenant_id = tenant and t.lot_id = b.lot_id
            where b.tenant_id = tenant and b.product_id = s.product_id and b.warehouse_id = s.warehouse_id
              and b.on_hand > 0 and not b.blocked) as next_block_at,
           (select min(n.expires_at)
            from openstock_core.reservation_line n
            where n.tenant_id = tenant and n.product_id = s.product_id and n.warehouse_id = s.warehouse_id
              and n.expires_at is not null and n.reserved > 0) as next_expiry_at
    from openstock_core.stock_level s
    where s.tenant_id = tenant
  ) as e
  where l.tenant_id = tenant and l.product_id = e.product_id and l.warehouse_id = e.warehouse_id
    and (l.next_block_at, l.next_expiry_at) is distinct from (e.next_block_at, e.next_expiry_at);
end;

revoke all on function openstock_core.replace_due_times from public;
grant execute on function openstock_core.replace_due_times to openstock_maint;
comment on function openstock_core.replace_due_times is
  'Makes next_block_at the first expiry of a level''s units that are not blocked, and next_expiry_at the first end of its open holds.';

reset role;
