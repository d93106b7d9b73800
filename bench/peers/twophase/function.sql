-- One call, one round trip.
\set n :n + 1
\set sku {sku}
select twophase.reserve(concat(:run::text, '-', :client_id::text, '-', :n::text), {name}, 1);
