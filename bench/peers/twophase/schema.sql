-- The two-phase design on a plain ledger: no balance is kept; who promises locks the account, sums its entries in a
-- statement of its own (within the locking one the sum would be stale), and adds a pending entry. Tuned: the sum is an
-- index-only scan of the account's entries where vacuum has come by. It has idempotent transfers, no events, no tenants.
create schema twophase;
create table twophase.account (
  account_id bigint generated always as identity primary key,
  sku text not null unique
);
create table twophase.entry (
  entry_id bigint generated always as identity primary key,
  transfer_id text not null unique,
  account_id bigint not null,
  qty numeric not null,
  pending boolean not null,
  created_at timestamptz not null default now()
);
create index on twophase.entry (account_id) include (qty);

create function twophase.reserve(transfer_id text, sku text, quantity numeric) returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
as $$
declare
  found_account bigint;
  free numeric;
begin
  select a.account_id into found_account from twophase.account a where a.sku = reserve.sku for no key update;
  select sum(e.qty) into free from twophase.entry e where e.account_id = found_account;
  if free < reserve.quantity then
    return false;
  end if;
  insert into twophase.entry (transfer_id, account_id, qty, pending)
  values (reserve.transfer_id, found_account, -reserve.quantity, true);
  return true;
end
$$;

insert into twophase.account (sku) select 'S' || n from generate_series(1, :skus) as n;
insert into twophase.entry (transfer_id, account_id, qty, pending)
select 'opening ' || a.account_id, a.account_id, :stock, false from twophase.account a;
grant usage on schema twophase to public;
grant select, insert, update on all tables in schema twophase to public;
