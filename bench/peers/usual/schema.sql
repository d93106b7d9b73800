-- The usual application design: stock rows per product and warehouse with a quantity and what is reserved of it, and a
-- table of reservations. It keeps no ledger, no operation (a repeated request is booked twice) and no event, and knows
-- no tenants. Tuned: the lookups have their indexes, stock rows have room for HOT updates, and foreign keys, which such
-- schemas do have, are left out.
create schema usual;
create table usual.product (
  product_id bigint generated always as identity primary key,
  sku text not null unique
);
create table usual.stock (
  stock_id bigint generated always as identity primary key,
  product_id bigint not null,
  warehouse_id bigint not null,
  quantity numeric not null check (quantity >= 0),
  reserved numeric not null default 0 check (reserved >= 0),
  unique (product_id, warehouse_id)
) with (fillfactor = 50);
create table usual.reservation (
  reservation_id bigint generated always as identity primary key,
  order_ref text not null,
  stock_id bigint not null,
  quantity numeric not null,
  created_at timestamptz not null default now()
);
create index on usual.reservation (order_ref);
create index on usual.reservation (stock_id);

create function usual.reserve(order_ref text, sku text, quantity numeric) returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
declare
  candidate record;
begin
  for candidate in
    select s.stock_id, s.quantity - s.reserved as free
    from usual.product p join usual.stock s on s.product_id = p.product_id
    where p.sku = reserve.sku
    order by s.quantity - s.reserved desc
    for update of s
  loop
    if candidate.free >= reserve.quantity then
      update usual.stock s set reserved = s.reserved + reserve.quantity where s.stock_id = candidate.stock_id;
      insert into usual.reservation (order_ref, stock_id, quantity) values (reserve.order_ref, candidate.stock_id, reserve.quantity);
      return true;
    end if;
  end loop;
  return false;
end
$$;

insert into usual.product (sku) select 'S' || n from generate_series(1, :skus) as n;
insert into usual.product (sku) values ('TWO');
insert into usual.stock (product_id, warehouse_id, quantity)
select p.product_id, w.warehouse_id, :stock
from usual.product p
cross join generate_series(1, 2) as w (warehouse_id)
where w.warehouse_id = 1 or p.sku = 'TWO';
grant usage on schema usual to public;
grant select, insert, update on all tables in schema usual to public;
