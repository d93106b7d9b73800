-- Whether a JSON value is of the type that a key of lines asks for. Codes that pass are stored and looked up as
-- normalize(btrim(code)), which takes plain spaces off: what else nobody sees around a code would make another code of it.
set local role openstock_owner;

create or replace function openstock_core.value_problem(wanted text, value jsonb) returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  given constant text := jsonb_typeof(value);
  content constant text := value #>> '{}';
begin
  if wanted is null then
    return 'is not a known key';
  elsif given = 'null' then
    return null;
  end if;
  case wanted
    when 'code' then
      if given <> 'string' then return 'must be a string'; end if;
      -- What nearly all codes are made of.
      if content ~ '^[!-~]{1,64}$' then return null; end if;
      if char_length(normalize(btrim(content))) not between 1 and 64 then return 'must have 1 to 64 characters'; end if;
      -- Written out where a database's collation may leave them out.
      if content ~ '[[:cntrl:]\u0080-\u009f\u2028\u2029]' then return 'must not contain control characters'; end if;
      -- White space, soft hyphen, marks of direction, joiners, byte order mark.
      if btrim(content) ~ '^[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]'
        or btrim(content) ~ '[\u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]$' then
        return 'must not begin or end with an invisible character other than a space';
      end if;
    when 'text' then
      if given <> 'string' then return 'must be a string'; end if;
      if char_length(content) > 1000 then return 'must have at most 1000 characters'; end if;
    when 'document' then
      if given <> 'string' then return 'must be a string'; end if;
      if char_length(content) > 10000 then return 'must have at most 10000 characters'; end if;
    when 'number' then
      if given <> 'number' then return 'must be a number'; end if;
      if abs(content::numeric) > 999999999999.999999 then return 'must have at most 12 digits before the point'; end if;
      if scale(trim_scale(content::numeric)) > 6 then return 'must have at most 6 decimals'; end if;
    when 'degrees' then
      if given <> 'number' then return 'must be a number'; end if;
      if abs(content::numeric) > 180 then return 'must be between -180 and 180'; end if;
      -- What programs compute has more decimals than a map, and what has more than this might not fit double precision.
      if scale(trim_scale(content::numeric)) > 30 then return 'must have at most 30 decimals'; end if;
    when 'integer' then
      if given <> 'number' then return 'must be a whole number'; end if;
      -- Not 1.0 either: jsonb keeps its point, and a cast to integer refuses that.
      if content !~ '^-?[0-9]+$' or abs(content::numeric) > 2147483647 then
        return 'must be a whole number of at most 2147483647';
      end if;
    when 'boolean' then
      if given <> 'boolean' then return 'must be true or false'; end if;
    when 'object' then
      if given <> 'object' then return 'must be an object'; end if;
      if octet_length(value::text) > 65536 then return 'must have at most 65536 bytes'; end if;
    when 'codes' then
      if given <> 'array' then return 'must be an array of strings'; end if;
      if jsonb_array_length(value) not between 1 and 10000 then return 'must have 1 to 10000 elements'; end if;
      return (select 'has an element that ' || p.problem
              from jsonb_array_elements(value) with ordinality as e (code, n)
              cross join lateral (select case when e.code = 'null' then 'must be a string'
                                              else openstock_core.value_problem('code', e.code) end as problem) as p
              where p.problem is not null
              order by e.n limit 1);
    when 'array' then
      if given <> 'array' then return 'must be an array'; end if;
    when 'date' then
      if given <> 'string' or not openstock_core.is_date(content) then return 'must be a date, such as "2027-03-31"'; end if;
    when 'days' then
      if given <> 'number' or content::numeric not between 0 and 36500 or content::numeric <> trunc(content::numeric) then
        return 'must be a whole number of days';
      end if;
    else
      return 'is not a known key';
  end case;
  return null;
end
$$;

revoke all on function openstock_core.value_problem from public;
grant execute on function openstock_core.value_problem to openstock_api, openstock_maint;
comment on function openstock_core.value_problem is
  'What is wrong with a value for a key of this type (code, codes, text, document, number, degrees, integer, boolean, object, array, date, days), or null.';

reset role;
