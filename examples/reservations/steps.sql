-- Notes what can be seen of LAMP after each step: note('what was done'), and at the end the table.
\set QUIET on
\pset footer off
create temporary table steps (
  n integer generated always as identity, step text, on_hand numeric, reserved numeric, allocated numeric, available numeric);
prepare note (text) as
  insert into steps (step, on_hand, reserved, allocated, available)
  select $1, sum(s.on_hand), sum(s.reserved), (select coalesce(sum(b.allocated), 0) from openstock.bins b where b.sku = 'LAMP'), sum(s.available)
  from openstock.stock s where s.sku = 'LAMP';
prepare story as select step, on_hand, reserved, allocated, available from steps order by n;
