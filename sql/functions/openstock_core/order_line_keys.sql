-- What a line that asks for stock may say.
set local role openstock_owner;

create or replace function openstock_core.order_line_keys() returns jsonb
language sql
immutable
parallel safe
return '{"sku": "code!", "qty": "number! or serials", "line": "integer", "warehouse": "code", "location": "code", "lot": "code", "min_days_left": "days", "serials": "codes"}'::jsonb;

revoke all on function openstock_core.order_line_keys from public;
grant execute on function openstock_core.order_line_keys to openstock_api;
comment on function openstock_core.order_line_keys is 'Keys of the lines of reserve and quote and their types, for check_lines.';

reset role;
