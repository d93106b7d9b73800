-- Applies the quota part of movements to the quotas; what they change of the levels and lines is written with these. The levels are locked.
-- Writes: channel_quota.
set local role openstock_owner;

create or replace function openstock_core.post_quotas(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from unnest(movements) as u where u.quota_delta <> 0) then
    return;
  end if;
  update openstock_core.channel_quota q
  set qty = trim_scale(q.qty + m.qty)
  from (select u.product_id, u.warehouse_id, l.channel_id, sum(u.quota_delta) as qty
        from unnest(movements) as u
        cross join lateral (select * from openstock_core.reservation_line s
                            where s.tenant_id = tenant and s.reservation_line_id = u.reservation_line_id limit 1) as l
        where u.quota_delta <> 0
        group by u.product_id, u.warehouse_id, l.channel_id) as m
  where q.tenant_id = tenant and q.product_id = m.product_id and q.warehouse_id = m.warehouse_id and q.channel_id = m.channel_id;
end
$$;

revoke all on function openstock_core.post_quotas from public;
grant execute on function openstock_core.post_quotas to openstock_api;
comment on function openstock_core.post_quotas is
  'Takes what movements took from their lines'' channels'' quotas, and adds what they gave back. Where none does, it touches no table.';

reset role;
