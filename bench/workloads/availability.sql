-- What can be promised of one product.
\set sku random(1, :skus)
select * from openstock.availability(sku => concat('S', :sku::text), tenant => :tenant);
