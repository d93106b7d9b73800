\o /dev/null
select * from openstock.put_products(op_id => 'p1', lines => '[{"sku": "TICKET", "name": "Ticket"}]');
select * from openstock.receive(op_id => 'p2', warehouse => 'OSLO', lines => '[{"sku": "TICKET", "qty": 3}]');
\o
\echo
\echo -- Answered when it is on disk; others were let at the stock before:
call openstock.reserve_now(op_id => 'p3', order_ref => 'SO-20', lines => '[{"sku": "TICKET", "qty": 2}]') \gset
select outcome, qty_reserved, available, replayed from jsonb_to_recordset(:'answer') as r (outcome text, qty_reserved numeric, available numeric, replayed boolean);
\echo -- Asked again, by either name, it is the same promise:
select outcome, qty_reserved, available, replayed from openstock.reserve(op_id => 'p3', order_ref => 'SO-20', lines => '[{"sku": "TICKET", "qty": 2}]');
\o /dev/null
select * from openstock.cancel(op_id => 'p5', order_ref => 'SO-20');
