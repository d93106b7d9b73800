-- What reserve writes, and nothing else; see bench/bare.py.
\set n :n + 1
\set sku {sku}
select bare.reserve(:tenant, gen_random_uuid()::text, concat(:run::text, '-', :client_id::text, '-', :n::text), :sku);
