-- The same as one function: one round trip.
\set n :n + 1
\set sku {sku}
select usual.reserve(concat(:run::text, '-', :client_id::text, '-', :n::text), {name}, 1);
