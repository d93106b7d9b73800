-- Refuses an argument that is not one of its choices.
set local role openstock_owner;

create or replace function openstock_core.check_choice(argument text, value text, choices text[]) returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if value <> all (choices) then
    perform openstock_core.fail('22023', jsonb_build_object(
      'argument', argument, 'value', left(value, 100), 'problem', 'must be one of ' || array_to_string(choices, ', ')));
  end if;
end
$$;

revoke all on function openstock_core.check_choice from public;
grant execute on function openstock_core.check_choice to openstock_api;
comment on function openstock_core.check_choice is
  'Errors: 22023 where the value is neither null nor one of the choices.';

reset role;
