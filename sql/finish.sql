-- The first partitions, and a snapshot of nothing.
set local role openstock_owner;
select openstock_admin.ensure_partitions(12);
reset role;
