-- Gives back the whole of an order that reserve.sql made in the run before this one, by the same client.
\set n :n + 1
select * from openstock.release(
  op_id => gen_random_uuid()::text, order_ref => concat(:made_in_run::text, '-', :client_id::text, '-', :n::text), tenant => :tenant);
