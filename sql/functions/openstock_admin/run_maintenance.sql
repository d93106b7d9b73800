-- One round of upkeep. It commits after each step and tenant, so it is no definer function and cannot set search_path: every
-- name is written out, and no operator is used. Writes: what its steps write.
-- The one place that catches every error: what is wrong with one tenant must not keep the others from their upkeep. The
-- subtransaction ends before the commit, which PostgreSQL refuses inside of one.
set local role openstock_api;

create or replace procedure openstock_admin.run_maintenance()
language plpgsql
as $$
declare
  step record;
  message pg_catalog.text;
  failures pg_catalog.jsonb[];
  done pg_catalog.int4[];
begin
  for step in
    select s.place, s.name, s.tenant
    from (values (1, 'analyze_tables', null::pg_catalog.uuid), (2, 'ensure_partitions', null)
          union all select k.place, k.name, t.tenant_id from openstock_admin.tenants as t
            cross join (values (3, 'block_expired_lots'), (4, 'expire_reservations'), (5, 'fill_backorders')) as k (place, name) where t.active
          union all values (6, 'refresh_current_stock', null::pg_catalog.uuid)) as s (place, name, tenant)
    order by s.place, s.tenant
  loop
    -- Until the commit: each step names its tenant itself, and none waits for ever for a row that one tenant holds.
    perform pg_catalog.set_config('app.tenant_id', '', true);
    perform pg_catalog.set_config('lock_timeout', '10s', true)
    where step.tenant is not null and pg_catalog.current_setting('lock_timeout') operator(pg_catalog.=) '0';
    begin
      if step.place operator(pg_catalog.=) 1 then
        perform openstock_admin.analyze_tables();
      elsif step.place operator(pg_catalog.=) 2 then
        perform openstock_admin.ensure_partitions();
      elsif step.place operator(pg_catalog.=) 3 then
        perform openstock_admin.block_expired_lots(step.tenant);
      elsif step.place operator(pg_catalog.=) 4 then
        perform openstock_admin.expire_reservations(step.tenant, 10000);
      elsif step.place operator(pg_catalog.=) 5 then
        perform openstock_admin.fill_backorders(step.tenant, 10000);
      else
        perform openstock_admin.refresh_current_stock();
      end if;
      done := pg_catalog.array_append(done, 1);
    exception when others then
      get stacked diagnostics message = message_text;
      failures := pg_catalog.array_append(failures, pg_catalog.jsonb_build_object(
        'step', step.name, 'tenant', step.tenant, 'sqlstate', sqlstate, 'message', message));
      raise warning using message = pg_catalog.format('%s failed%s: %s: %s', step.name,
        pg_catalog.concat(' for tenant ' operator(pg_catalog.||) step.tenant::pg_catalog.text), sqlstate, message);
    end;
    commit;
  end loop;
  if failures is not null then
    raise exception using errcode = 'OS502', detail = pg_catalog.jsonb_build_object(
      'failed', pg_catalog.cardinality(failures), 'succeeded', coalesce(pg_catalog.cardinality(done), 0),
      'steps', pg_catalog.to_jsonb(failures[1:20]))::pg_catalog.text,
      message = (select e.message from openstock.error_codes as e where e.name operator(pg_catalog.=) 'maintenance_failed'),
      hint = (select e.hint from openstock.error_codes as e where e.name operator(pg_catalog.=) 'maintenance_failed');
  end if;
end
$$;

revoke all on procedure openstock_admin.run_maintenance from public;
grant execute on procedure openstock_admin.run_maintenance to openstock_operator;
comment on procedure openstock_admin.run_maintenance is
  'Analyses new tables, makes partitions, books expired lots and holds that ended and fills backorders of every active tenant, and refreshes current_stock, committing each. A step that '
  'fails is told in a warning and keeps none of the others from being done; an error at the end counts the failures. Call it outside a '
  'transaction, every few minutes; runs may overlap. Errors: OS502.';

reset role;
