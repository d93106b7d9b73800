-- What makes two requests the same. Callers pass times in UTC: in jsonb they would otherwise carry the session's time zone.
-- Numbers of the same value are the same number: 1 and 1.0, which jsonb tells apart as text and nowhere else. A quote and a
-- colon end a key: within a string the quote would have a backslash before it, and the quote that begins a string, which may
-- itself begin with a colon, follows a space or a bracket. So no string is touched.
set local role openstock_owner;

create or replace function openstock_core.request_hash(function text, arguments jsonb) returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  given jsonb := jsonb_strip_nulls(arguments);
  request text;
begin
  if starts_with(function, 'put_') then
    -- What puts master data keeps the nulls of its lines: there a null clears a value, and an absent key leaves it.
    given := (select jsonb_object_agg(a.key, a.value) from jsonb_each(arguments) as a where a.value <> 'null');
  end if;
  request := function || coalesce(given, '{}')::text;
  return sha256(convert_to(case when strpos(request, '.') = 0 then request else
    regexp_replace(request, E'([^ \\\\{[]": -?[0-9]+)(?:[.]0+|([.][0-9]*[1-9])0+)(?=[,}])', E'\\1\\2', 'g') end, 'UTF8'));
end
$$;

revoke all on function openstock_core.request_hash from public;
grant execute on function openstock_core.request_hash to openstock_api;
comment on function openstock_core.request_hash is
  'SHA-256 of the function''s name and its arguments without nulls, so that an optional argument added later keeps old hashes, and with the '
  'numbers of their keys without trailing zeros.';

reset role;
