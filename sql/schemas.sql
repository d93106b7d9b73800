-- The four rooms of the house. openstock_core is private: no group role is granted anything in it.
create schema openstock_core authorization openstock_owner;
create schema openstock authorization openstock_api;
create schema openstock_dw authorization openstock_api;
create schema openstock_admin authorization openstock_api;

comment on schema openstock_core is 'Tables, triggers and helpers of openstock. Private: reach them through the other schemas.';
comment on schema openstock is 'What applications use: functions that write, views and functions that read.';
comment on schema openstock_dw is 'What analysts use: views over history and snapshots.';
comment on schema openstock_admin is 'What operators use: tenants, logins, partitions, snapshots, verification and repair.';

grant usage, create on schema openstock_core to openstock_maint;
grant usage on schema openstock_core to openstock_api;
grant usage, create on schema openstock_admin to openstock_owner, openstock_maint;
grant usage, create on schema openstock to openstock_owner, openstock_maint;
grant usage on schema openstock_dw to openstock_maint;
grant usage on schema openstock to openstock_app, openstock_analyst, openstock_operator;
grant usage on schema openstock_dw to openstock_analyst, openstock_operator;
grant usage on schema openstock_admin to openstock_operator;

-- Refreshing the snapshot beside its readers takes a temporary table, which not every database lets everybody have. Who may not
-- grant it leaves that to the database's owner; the refresh then keeps readers out instead, and doctor says so.
do $temporary$
begin
  if pg_catalog.has_database_privilege(pg_catalog.current_database(), 'temporary with grant option') then
    execute pg_catalog.format('grant temporary on database %I to openstock_maint', pg_catalog.current_database());
  end if;
end
$temporary$;
