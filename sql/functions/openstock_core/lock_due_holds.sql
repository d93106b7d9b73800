-- Locks holds that have ended, so that they can be booked, and adds the bins that their units are pinned to. The levels are locked, so
-- only extend and confirm can have changed a hold meanwhile. Locks: reservation_line by id.
set local role openstock_owner;

create or replace function openstock_core.lock_due_holds(tenant uuid, due openstock_core.due, line_ids bigint[], all_of_them boolean)
returns openstock_core.due
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(line_ids) = 0 then
    return due;
  end if;
  due.line_ids := array(
    select l.reservation_line_id
    from openstock_core.reservation_line l
    where l.tenant_id = tenant and l.reservation_line_id = any (line_ids) and l.expires_at <= due.at and l.reserved > 0
    order by l.reservation_line_id
    for no key update);
  if all_of_them and cardinality(due.line_ids) < cardinality(line_ids) then
    perform openstock_core.fail('OS901', jsonb_build_object('extended', cardinality(line_ids) - cardinality(due.line_ids)));
  end if;
  due.bin_ids := due.lot_bin_ids || array(
    select a.bin_id from openstock_core.allocation a
    where a.tenant_id = tenant and a.reservation_line_id = any (due.line_ids));
  return due;
end
$$;

revoke all on function openstock_core.lock_due_holds from public;
grant execute on function openstock_core.lock_due_holds to openstock_api;
comment on function openstock_core.lock_due_holds is
  'Locks those of the lines whose hold has ended still, and returns what is due with them. Errors: OS901 where all were wanted and some were extended.';

reset role;
