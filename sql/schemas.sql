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
