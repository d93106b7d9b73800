-- Notes what can be seen of products (skus; LAMP, unless others are set) after each step: note('what was done'), and at the end a product's table.
\set QUIET on
\pset footer off
\if :{?skus}
\else
  \set skus LAMP
\endif
create temporary table steps (
  n integer generated always as identity, sku text, step text, on_hand numeric, reserved numeric, allocated numeric, available numeric);
prepare note (text) as
  insert into steps (sku, step, on_hand, reserved, allocated, available)
  select s.sku, $1, sum(s.on_hand), sum(s.reserved), (select coalesce(sum(b.allocated), 0) from openstock.bins b where b.sku = s.sku), sum(s.available)
  from openstock.stock s where s.sku = any (string_to_array(:'skus', ' ')) group by s.sku;
prepare story (text) as select step, on_hand, reserved, allocated, available from steps where sku = $1 order by n;
