-- The identities of the ledger itself: no projection can be wrong about them, and rebuild repairs none.
-- Reads: ledger, operation.
set local role openstock_owner;

create or replace function openstock_core.ledger_differences(tenant uuid) returns setof openstock_core.difference
language sql
stable
begin atomic
  select v.fact, e.product_id, e.warehouse_id, jsonb_build_object('entry_id', e.entry_id), v.expected, v.actual, false
  from (
    select l.product_id, l.warehouse_id, l.entry_id, l.on_hand_after, l.blocked_after, l.reserved_after,
           coalesce(lag(l.on_hand_after) over chain, 0) + l.qty_delta as on_hand,
           coalesce(lag(l.blocked_after) over chain, 0) + l.blocked_delta as blocked,
           coalesce(lag(l.reserved_after) over chain, 0) + l.reserved_delta as reserved,
           lag(l.entry_id) over chain < l.entry_id as higher, lag(l.recorded_at) over chain < l.recorded_at as later
    from openstock_core.ledger l
    where l.tenant_id = tenant and openstock_core.is_chained(l.event_type, l.backordered_delta)
    window chain as (partition by l.product_id, l.warehouse_id order by l.recorded_at, l.entry_id)
  ) as e
  cross join lateral (values
    ('entry on_hand_after = the one before + its delta', e.on_hand, e.on_hand_after::numeric),
    ('entry blocked_after = the one before + its delta', e.blocked, e.blocked_after::numeric),
    ('entry reserved_after = the one before + its delta', e.reserved, e.reserved_after::numeric),
    ('entry number is higher than the one before', 1, case when not e.higher then 0 else 1 end),
    ('entry is later than the one before', 1, case when not e.later then 0 else 1 end)) as v (fact, expected, actual)
  where v.expected is distinct from v.actual
  union all
  select 'entry belongs to an operation', e.product_id, e.warehouse_id,
         jsonb_build_object('entry_id', e.entry_id, 'op_id', e.op_id), 1, 0, false
  from openstock_core.ledger e
  where e.tenant_id = tenant
    and not exists (select from openstock_core.operation o where o.tenant_id = tenant and o.op_id = e.op_id);
end;

revoke all on function openstock_core.ledger_differences from public;
grant execute on function openstock_core.ledger_differences to openstock_maint;
comment on function openstock_core.ledger_differences is
  'Where a tenant''s ledger contradicts itself: balances, numbers and times of the chained entries of each level, and their operations.';

reset role;
