-- Whether a quantity can be one of a product. Without format(), which is not immutable, so that it is written into the queries that call it.
set local role openstock_owner;

create or replace function openstock_core.quantity_problem(qty numeric, decimals integer, lowest text) returns text
language sql
immutable
parallel safe
return case
  when lowest = 'positive' and qty <= 0 then 'must be positive'
  when lowest = 'zero' and qty < 0 then 'must not be negative'
  when lowest = 'signed' and qty = 0 then 'must not be zero'
  when scale(trim_scale(qty)) > decimals then 'must have at most ' || decimals::text || ' decimals'
end;

revoke all on function openstock_core.quantity_problem from public;
grant execute on function openstock_core.quantity_problem to openstock_api;
comment on function openstock_core.quantity_problem is
  'What is wrong with a quantity of a product with this many decimals, or null. lowest: positive, zero (allowed) or signed (not zero).';

reset role;
