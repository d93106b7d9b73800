-- Refuses a text argument that is too long, and normalises one that is a code.
set local role openstock_owner;

create or replace function openstock_core.check_text(argument text, wanted text, value text) returns text
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  problem text;
begin
  if value ~ '^[!-~]{1,64}$' and wanted like 'code%' then
    -- What nearly all codes are made of: there is nothing to refuse and nothing to normalise.
    return value;
  end if;
  problem := openstock_core.value_problem(rtrim(wanted, '!'), to_jsonb(value));
  if value is null and wanted like '%!' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', 'missing'));
  elsif wanted = 'text!' and btrim(value) = '' then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', 'must not be empty'));
  elsif problem is not null then
    perform openstock_core.fail('22023', jsonb_build_object('argument', argument, 'problem', problem));
  end if;
  return case when wanted like 'code%' then normalize(btrim(value)) else value end;
end
$$;

revoke all on function openstock_core.check_text from public;
grant execute on function openstock_core.check_text to openstock_api, openstock_maint;
comment on function openstock_core.check_text is
  'Returns a text argument of type code or text (with ! where it must be given), codes NFC-normalised and trimmed. Errors: 22023.';

reset role;
