-- The identities between the ledger and its projections, all in one statement. Reads: everything of the tenant.
set local role openstock_owner;

create or replace function openstock_core.differences(
  tenant uuid, out fact text, out key jsonb, out expected numeric, out actual numeric, out repairable boolean)
returns setof record
language sql
stable
begin atomic
  select d.fact, jsonb_strip_nulls(jsonb_build_object('sku', p.sku, 'warehouse', w.code) || d.key), d.expected, d.actual, d.repairable
  from (
    select * from openstock_core.level_differences(tenant)
    union all
    select * from openstock_core.bin_differences(tenant)
    union all
    select * from openstock_core.line_differences(tenant)
    union all
    select * from openstock_core.backorder_differences(tenant)
    union all
    select * from openstock_core.serial_differences(tenant)
    union all
    select * from openstock_core.ledger_differences(tenant)
  ) as d
  left join openstock_core.product p on p.tenant_id = tenant and p.product_id = d.product_id
  left join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = d.warehouse_id;
end;

revoke all on function openstock_core.differences from public;
grant execute on function openstock_core.differences to openstock_maint;
comment on function openstock_core.differences is
  'Every identity that does not hold for a tenant: the fact, where, what the ledger (or the finer projection) says and what the projection says. '
  'repairable is false where the ledger contradicts itself, or the master data.';

reset role;
