-- What a commit costs by itself, and what a row lock costs that everybody wants.
create schema limits;
create table limits.entry (entry_id bigint generated always as identity primary key, qty integer not null);
create table limits.hot (hot_id integer primary key, qty bigint not null) with (fillfactor = 50);
insert into limits.hot values (1, 0);
grant usage on schema limits to public;
grant select, insert on limits.entry to public;
grant select, update on limits.hot to public;
