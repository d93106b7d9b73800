-- Refuses a call about an order for what is wrong with one of its lines.
set local role openstock_owner;

create or replace function openstock_core.refuse_entry(place bigint, entry jsonb, what jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  perform openstock_core.fail(what ->> 'code',
    jsonb_build_object('line', place)
    || jsonb_strip_nulls(jsonb_build_object('order_line', entry -> 'line', 'sku', normalize(btrim(entry ->> 'sku'))))
    || (what - 'code'));
end
$$;

revoke all on function openstock_core.refuse_entry from public;
grant execute on function openstock_core.refuse_entry to openstock_api;
comment on function openstock_core.refuse_entry is
  'Raises the error of what (code, and values for DETAIL) for an entry: line is its place in the call, from 1, order_line the number of the order''s line and sku '
  'the product that it names.';

reset role;
