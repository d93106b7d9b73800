-- What makes two requests the same. Callers pass times in UTC: in jsonb they would otherwise carry the session's time zone.
set local role openstock_owner;

create or replace function openstock_core.request_hash(function text, arguments jsonb) returns bytea
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select sha256(convert_to(function || coalesce(
      (select jsonb_object_agg(a.key, a.value)::text from jsonb_each(arguments) as a where a.value <> 'null'), ''), 'UTF8')));
end
$$;

revoke all on function openstock_core.request_hash from public;
grant execute on function openstock_core.request_hash to openstock_api;
comment on function openstock_core.request_hash is
  'SHA-256 of the function''s name and its arguments that are not null, so that an optional argument added later keeps old hashes.';

reset role;
