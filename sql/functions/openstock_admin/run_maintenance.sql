-- One round of upkeep. It commits after each step and tenant, so it is no definer function and cannot set search_path: every name
-- is written out. Writes: what its steps write.
set local role openstock_api;

create or replace procedure openstock_admin.run_maintenance()
language plpgsql
as $$
declare
  one uuid;
begin
  perform openstock_admin.ensure_partitions();
  commit;
  for one in select t.tenant_id from openstock_admin.tenants as t where t.active loop
    perform openstock_admin.block_expired_lots(one);
    commit;
  end loop;
  perform openstock_admin.refresh_current_stock();
  commit;
end
$$;

revoke all on procedure openstock_admin.run_maintenance from public;
grant execute on procedure openstock_admin.run_maintenance to openstock_operator;
comment on procedure openstock_admin.run_maintenance is
  'Makes partitions, books expired lots of every active tenant and refreshes current_stock, committing each. Call it outside a transaction, '
  'every few minutes; runs may overlap.';

reset role;
