-- Upserts lots, the work behind openstock.put_lots, and blocks or unblocks the units of those whose quality changes.
-- Writes: lot, and what book_due and judge_bins write.
-- Locks: lot by lot_id, stock_level by (product, warehouse), stock_bin by bin_id.
-- Who puts units into stock shares the lock of their lot, so that none enter, by its old quality, while its bins are looked for.
set local role openstock_owner;

create or replace function openstock_core.write_lots(tenant uuid, op_id text, lines openstock_core.lot_line[], reason text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  stamp constant timestamptz := openstock.server_time();
  created bigint[];
  changed bigint[];
  levels openstock_core.level_key[];
  bins bigint[];
  due openstock_core.due;
  before jsonb;
  after jsonb;
  bad record;
begin
  with new as (
    insert into openstock_core.lot (tenant_id, product_id, code, expires_on, quality, created_at, updated_at)
    select tenant, u.product_id, u.lot, u.expires_on, coalesce(u.quality, 'released'), stamp, stamp
    from unnest(lines) as u
    order by u.product_id, u.lot
    on conflict on constraint lot_code_is_unique do nothing
    returning lot.lot_id
  )
  select coalesce(array_agg(n.lot_id), '{}') into created from new n;
  perform from openstock_core.lot t
  where t.tenant_id = tenant and (t.product_id, t.code) in (select u.product_id, u.lot from unnest(lines) as u)
  order by t.lot_id
  for no key update;

  select u.n, u.sku, u.lot, u.expires_on as given, t.expires_on into bad
  from unnest(lines) as u
  join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
  where u.expires_on is not null and t.expires_on is distinct from u.expires_on
  order by u.n limit 1;
  if found then
    perform openstock_core.fail('OS108', jsonb_build_object('line', bad.n, 'sku', bad.sku, 'lot', bad.lot, 'problem', 'the lot has another expiry',
                                                            'expires_on', bad.expires_on, 'given', bad.given));
  end if;
  changed := array(
    select t.lot_id
    from unnest(lines) as u
    join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
    where t.quality <> u.quality);
  if cardinality(changed) > 0 then
    -- A snapshot does not show what was received meanwhile.
    if current_setting('transaction_isolation') <> 'read committed' then
      perform openstock_core.fail('OS121', jsonb_build_object('isolation', current_setting('transaction_isolation')));
    end if;
    select array_agg(distinct row(b.product_id, b.warehouse_id)::openstock_core.level_key), array_agg(b.bin_id) into levels, bins
    from openstock_core.stock_bin b
    where b.tenant_id = tenant and b.product_id in (select u.product_id from unnest(lines) as u) and b.lot_id = any (changed) and b.on_hand > 0;
    due := openstock_core.lock_levels(tenant, levels, false);
    perform openstock_core.settle_bins(tenant, op_id, bins, '{}', due);
    before := openstock_core.units_of_lots(tenant, bins);
    update openstock_core.lot t set quality = u.quality, updated_at = due.at
    from unnest(lines) as u
    where t.tenant_id = tenant and t.lot_id = any (changed) and t.product_id = u.product_id and t.code = u.lot;
    -- Of a lot that has expired meanwhile, both are told: that its units are released, and that they are blocked.
    perform openstock_core.judge_bins(tenant, op_id, levels, bins, '-infinity', reason);
    perform openstock_core.judge_bins(tenant, op_id, levels, bins, due.at, 'expired');
    after := openstock_core.units_of_lots(tenant, bins);
  end if;

  return (
    select jsonb_agg(jsonb_build_object(
      'line', u.line, 'sku', u.sku, 'lot', t.code, 'expires_on', t.expires_on, 'quality', t.quality,
      'outcome', case when t.lot_id = any (created) then 'created' when t.lot_id = any (changed) then 'updated' else 'unchanged' end,
      'qty_blocked', coalesce(trim_scale((a.units ->> 'blocked')::numeric - (b.units ->> 'blocked')::numeric), 0),
      'qty_deallocated', coalesce(trim_scale((b.units ->> 'allocated')::numeric - (a.units ->> 'allocated')::numeric), 0),
      'replayed', false) order by u.n)
    from unnest(lines) as u
    join openstock_core.lot t on t.tenant_id = tenant and t.product_id = u.product_id and t.code = u.lot
    cross join lateral (select before -> t.lot_id::text as units) as b
    cross join lateral (select after -> t.lot_id::text as units) as a);
end
$$;

revoke all on function openstock_core.write_lots from public;
grant execute on function openstock_core.write_lots to openstock_api;
comment on function openstock_core.write_lots is
  'Writes the lots and returns the answer, an array of openstock.lot_change. Errors: OS108, OS121.';

reset role;
