-- Every error that openstock raises. The messages are constants: DETAIL carries the values as JSON.
set local role openstock_api;

create or replace view openstock.error_codes as
select code, name, message, hint
from (values
  ('22023', 'invalid_argument', 'An argument is not valid.',
   'DETAIL names the argument, the line and what is wrong with it.'),
  ('25006', 'read_only', 'The transaction is read-only.',
   'Write on the primary server, in a transaction that is not read-only.'),
  ('40001', 'serialization_failure', 'Another transaction changed the same rows at the same time.',
   'Repeat the whole transaction, with the same op_id.'),
  ('42501', 'not_allowed', 'This login may not act for this tenant.',
   'An operator allows it with openstock_admin.grant_tenant.'),
  ('OS001', 'no_tenant', 'No tenant is set for this transaction.',
   'Pass tenant => ..., or call openstock.act_for(...) in the same transaction.'),
  ('OS002', 'tenant_conflict', 'The tenant given is not the transaction''s tenant.',
   'A transaction belongs to one tenant: end it first, or give the same tenant.'),
  ('OS003', 'unknown_tenant', 'The tenant does not exist or is not active.',
   'An operator creates it with openstock_admin.create_tenant.'),
  ('OS010', 'op_id_reused', 'The op_id was used before with another request.',
   'Use a new op_id for a new request, and the same one only to repeat the same request.'),
  ('OS011', 'answer_pruned', 'The operation was done before, and its answer is no longer stored.',
   'It took effect once and will not again: read the ledger by its op_id.'),
  ('OS101', 'unknown_product', 'A product is unknown.',
   'Create it with openstock.put_products.'),
  ('OS102', 'inactive_product', 'A product is not active.',
   'Activate it with openstock.put_products, or leave it out.'),
  ('OS103', 'unknown_warehouse', 'A warehouse is unknown.',
   'Create it with openstock.put_warehouses.'),
  ('OS104', 'inactive_warehouse', 'A warehouse is not active.',
   'Activate it with openstock.put_warehouses, or choose another.'),
  ('OS105', 'unknown_location', 'A location is unknown in the warehouse.',
   'Create it with openstock.put_locations.'),
  ('OS106', 'inactive_location', 'A location is not active.',
   'Activate it with openstock.put_locations, or choose another.'),
  ('OS107', 'unknown_lot', 'A lot of the product is unknown.',
   'A lot comes into being when it is received.'),
  ('OS108', 'lot_conflict', 'The lot does not fit the product.',
   'Name a lot where the product''s tracking is lot and only there; a lot keeps the expiry it was received with.'),
  ('OS110', 'invalid_quantity', 'A quantity is not valid.',
   'Give a positive number (signed for adjust) of at most 12 digits before the point, with no more decimals than the product has.'),
  ('OS116', 'unknown_channel', 'A sales channel is unknown.',
   'Create it with openstock.put_channels.'),
  ('OS117', 'inactive_channel', 'A sales channel is not active.',
   'Activate it with openstock.put_channels, or choose another.'),
  ('OS120', 'in_use', 'The change does not fit stock that exists.',
   'Move or ship the stock first.'),
  ('OS121', 'needs_read_committed', 'The change needs a transaction at READ COMMITTED.',
   'Call it in a transaction of its own, at isolation level READ COMMITTED.'),
  ('OS201', 'insufficient_stock', 'There is not enough stock.',
   'DETAIL says, for each line, how much was asked and how much there is.'),
  ('OS202', 'unexpected_balance', 'The balance is not the expected one.',
   'Someone else changed it: read it again, then decide again.'),
  ('OS301', 'unknown_order', 'The order has no reservation.',
   'Reserve for it first, with openstock.reserve.'),
  ('OS302', 'order_closed', 'Nothing of the order is open any more.',
   'Use a new order_ref.'),
  ('OS303', 'not_reserved', 'More was asked for than the order has reserved.',
   'Read openstock.reservations for what is open.'),
  ('OS304', 'line_exists', 'The order has this line already.',
   'Give the new line a number that the order does not use, or none.'),
  ('OS305', 'hold_expired', 'The hold has expired.',
   'Its units may be promised to others by now: reserve again, on the same order_ref if you like.'),
  ('OS306', 'not_held', 'The order has no hold.',
   'What it has promised holds without end already, see openstock.reservations.'),
  ('OS401', 'append_only', 'The ledger is append-only.',
   'Write a correcting entry instead, with openstock.adjust or openstock.move.'),
  ('OS402', 'no_partition', 'The ledger has no partition for this month.',
   'An operator makes it with openstock_admin.ensure_partitions() or run_maintenance(); where that makes none, doctor() says why.'),
  ('OS501', 'differences_found', 'The projections differ from the ledger.',
   'Look at openstock_admin.verify(), then repair with openstock_admin.rebuild(tenant, replace => true).'),
  ('OS502', 'maintenance_failed', 'A part of the maintenance failed.',
   'The warnings before it say which, as does DETAIL; all else is done and committed. Correct the cause, then run it again.'),
  ('OS901', 'contended', 'Bins or lines were locked or changed by others.',
   'Internal: functions take it as the sign to give up their locks and try again; it never reaches a caller.'),
  ('OS902', 'inconsistent', 'The ledger and its projections do not fit together.',
   'Nothing was written. Run openstock_admin.verify() and report what it says.')
) as catalogue (code, name, message, hint);

comment on view openstock.error_codes is 'Every error that openstock raises, with its SQLSTATE.';
comment on column openstock.error_codes.code is 'SQLSTATE.';
comment on column openstock.error_codes.name is 'Name, that of the exception in the Python package.';
comment on column openstock.error_codes.message is 'The error''s MESSAGE; DETAIL holds the values as JSON.';
comment on column openstock.error_codes.hint is 'The error''s HINT: what to do next.';
grant select on openstock.error_codes to openstock_owner, openstock_maint, openstock_app, openstock_analyst, openstock_operator;

reset role;
