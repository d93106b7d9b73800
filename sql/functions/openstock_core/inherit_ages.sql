-- Lets units that move into an empty bin keep their age: the oldest of what comes in. The bins are locked.
-- Writes: stock_bin (received_at).
set local role openstock_owner;

create or replace function openstock_core.inherit_ages(tenant uuid, sources bigint[], targets bigint[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update openstock_core.stock_bin b set received_at = m.received_at
  from (select u.target, min(s.received_at) as received_at
        from unnest(sources, targets) as u (source, target)
        join openstock_core.stock_bin s on s.tenant_id = tenant and s.bin_id = u.source
        where u.source <> u.target
        group by u.target) as m
  where b.tenant_id = tenant and b.bin_id = m.target and b.on_hand = 0;
end
$$;

revoke all on function openstock_core.inherit_ages from public;
grant execute on function openstock_core.inherit_ages to openstock_api;
comment on function openstock_core.inherit_ages is
  'Gives empty target bins the age of the oldest source bin that units come from: putting goods away does not make them newer.';

reset role;
