-- Makes the pieces that come in for the first time, and locks those that come back. The levels and bins are locked.
-- Writes: serial_unit (new ones). Locks: serial_unit by serial_id: those that are in no bin. A piece in a bin is another call's, and is not waited for.
set local role openstock_owner;

create or replace function openstock_core.bring_serials(tenant uuid, lines openstock_core.stock_line[])
returns openstock_core.stock_line[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  typed openstock_core.stock_line[] := openstock_core.look_up_serials(tenant, lines);
  entering bigint[];
  locked bigint[];
  bad jsonb;
begin
  if exists (select from unnest(typed) as l where l.qty > 0 and array_position(l.serial_ids, null) > 0) then
    insert into openstock_core.serial_unit (tenant_id, product_id, serial, created_at)
    select tenant, l.product_id, s.serial, openstock.server_time()
    from unnest(typed) as l
    cross join lateral unnest(l.serials, l.serial_ids) as s (serial, serial_id)
    where l.qty > 0 and s.serial_id is null
    order by l.product_id, s.serial
    on conflict on constraint serial_unit_serial_is_unique do nothing;
    -- Others may have made some of them meanwhile.
    typed := openstock_core.look_up_serials(tenant, lines);
  end if;

  entering := array(
    select s.serial_id from unnest(typed) as l cross join lateral unnest(l.serial_ids) as s (serial_id) where l.qty > 0);
  locked := array(
    select u.serial_id from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (entering) and u.bin_id is null
    order by u.serial_id
    for no key update);
  if cardinality(locked) < cardinality(entering) then
    -- From repeatable read on, what the snapshot shows in a bin may have left it: this ends the transaction then.
    perform from openstock_core.serial_unit u
    where u.tenant_id = tenant and u.serial_id = any (entering)
    for share skip locked;
    -- Others may have left their bins while it waited for those. Waiting for them now would be out of order.
    locked := array(
      select u.serial_id from openstock_core.serial_unit u
      where u.tenant_id = tenant and u.serial_id = any (entering) and u.bin_id is null
      for no key update skip locked);
  end if;
  if cardinality(locked) < cardinality(entering) then
    select jsonb_build_object('line', l.n, 'sku', l.sku, 'serial', u.serial, 'warehouse', w.code, 'location', c.code) into bad
    from unnest(typed) as l
    cross join lateral unnest(l.serial_ids) with ordinality as s (serial_id, place)
    join openstock_core.serial_unit u on u.tenant_id = tenant and u.serial_id = s.serial_id and u.bin_id is not null
    join openstock_core.stock_bin b on b.tenant_id = tenant and b.bin_id = u.bin_id
    join openstock_core.warehouse w on w.tenant_id = tenant and w.warehouse_id = b.warehouse_id
    join openstock_core.location c on c.tenant_id = tenant and c.location_id = b.location_id
    where l.qty > 0
    order by l.n, s.place
    limit 1;
    if bad is not null then
      perform openstock_core.fail('OS109', bad);
    end if;
    perform openstock_core.fail('40001', '{"problem": "a piece left its bin and is in use"}');
  end if;
  return typed;
end
$$;

revoke all on function openstock_core.bring_serials from public;
grant execute on function openstock_core.bring_serials to openstock_api;
comment on function openstock_core.bring_serials is
  'The lines with the ids of their pieces; those of lines with a positive quantity are in no bin and stay so until the call puts them there. Errors: OS109, 40001 where a piece leaves its bin at this moment, and another takes it.';

reset role;
