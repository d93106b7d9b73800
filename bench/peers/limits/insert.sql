insert into limits.entry (qty) values (1);
