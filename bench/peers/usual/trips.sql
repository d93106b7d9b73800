-- As an application does it that thinks in rows: it locks the product's rows in all warehouses, the fullest first, decides,
-- writes; five round trips. The lock statement is wrapped so that one row comes back for any number of warehouses.
\set n :n + 1
\set sku {sku}
begin;
with locked as (
  select s.stock_id, s.quantity - s.reserved as free
  from usual.product p join usual.stock s on s.product_id = p.product_id
  where p.sku = {name}
  order by s.quantity - s.reserved desc
  for update of s
)
select (array_agg(stock_id order by free desc))[1] as stock_id, max(free)::bigint as free from locked \gset
\if :free >= 1
update usual.stock set reserved = reserved + 1 where stock_id = :stock_id;
insert into usual.reservation (order_ref, stock_id, quantity)
values (concat(:run::text, '-', :client_id::text, '-', :n::text), :stock_id, 1);
\endif
commit;
