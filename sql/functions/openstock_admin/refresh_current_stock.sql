-- Brings the snapshot up to date. Writes: current_stock, snapshot. It runs as the maintenance role, which sees every
-- tenant: refreshed by a role that row-level security binds, the view would silently hold one tenant or none.
set local role openstock_maint;

create or replace function openstock_admin.refresh_current_stock() returns timestamptz
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set row_security = on
as $$
declare
  started constant timestamptz := openstock.server_time();
begin
  if (select relispopulated from pg_class where oid = 'openstock_core.current_stock'::regclass)
    and has_database_privilege(current_database(), 'temporary') then
    refresh materialized view concurrently openstock_core.current_stock;
  else
    refresh materialized view openstock_core.current_stock;
  end if;
  insert into openstock_core.snapshot (name, refreshed_at) values ('current_stock', started)
  on conflict on constraint snapshot_pkey do update set refreshed_at = excluded.refreshed_at;
  return started;
end
$$;

revoke all on function openstock_admin.refresh_current_stock from public;
grant execute on function openstock_admin.refresh_current_stock to openstock_operator;
comment on function openstock_admin.refresh_current_stock is
  'Recomputes openstock_dw.current_stock for all tenants and returns the moment from which it is up to date. Readers are kept out only where '
  'the snapshot holds nothing yet, or where openstock_maint lacks the privilege TEMPORARY on the database.';

reset role;
