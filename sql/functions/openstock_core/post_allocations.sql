-- Applies the allocated part of movements to the open allocations. Writes: allocation.
set local role openstock_owner;

create or replace function openstock_core.post_allocations(tenant uuid, movements openstock_core.movement[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- One for all: among pins of one call, the bin says which is the newer one.
  stamp constant timestamptz := openstock.server_time();
begin
  if not exists (select from unnest(movements) as u where u.allocated_delta <> 0) then
    return;
  end if;
  insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at)
  select tenant, u.reservation_line_id, u.bin_id, sum(u.allocated_delta), stamp
  from unnest(movements) as u
  where u.allocated_delta > 0
  group by u.reservation_line_id, u.bin_id
  on conflict on constraint allocation_pkey do update set qty = trim_scale(allocation.qty + excluded.qty);

  update openstock_core.allocation a
  set qty = trim_scale(a.qty + m.qty)
  from (select u.reservation_line_id, u.bin_id, sum(u.allocated_delta) as qty
        from unnest(movements) as u where u.allocated_delta < 0 group by u.reservation_line_id, u.bin_id) as m
  where a.tenant_id = tenant and a.reservation_line_id = m.reservation_line_id and a.bin_id = m.bin_id;

  delete from openstock_core.allocation a
  using (select distinct u.reservation_line_id, u.bin_id from unnest(movements) as u where u.allocated_delta < 0) as m
  where a.tenant_id = tenant and a.reservation_line_id = m.reservation_line_id and a.bin_id = m.bin_id and a.qty = 0;
end
$$;

revoke all on function openstock_core.post_allocations from public;
grant execute on function openstock_core.post_allocations to openstock_api;
comment on function openstock_core.post_allocations is
  'Adds and takes away what movements say was allocated; an allocation of nothing is removed.';

reset role;
