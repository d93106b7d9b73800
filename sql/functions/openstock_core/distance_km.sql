-- The great circle between two points on a round earth. One expression, so that PostgreSQL writes it into the query.
-- Haversines of the way and of what is missing to the antipode add up to 1. With both at hand the angle is exact everywhere: from
-- the first alone, rounding blurs the antipode, and may ask for the arc sine of more than 1.
set local role openstock_owner;

create or replace function openstock_core.distance_km(
  lat1 double precision, lon1 double precision, lat2 double precision, lon2 double precision) returns double precision
language sql
immutable
parallel safe
return 2 * 6371.0088::double precision * atan2(
  sqrt(sind((lat2 - lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * sind((lon2 - lon1) / 2) ^ 2),
  sqrt(sind((lat2 + lat1) / 2) ^ 2 + cosd(lat1) * cosd(lat2) * cosd((lon2 - lon1) / 2) ^ 2));

revoke all on function openstock_core.distance_km from public;
grant execute on function openstock_core.distance_km to openstock_api;
comment on function openstock_core.distance_km is
  'Kilometres along the great circle between two points given in degrees (WGS 84), null where one is unknown. Haversine formula '
  '(R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68, 1984) with the mean radius of the earth, 6371.0088 km (IUGG): within '
  '0.6 % of the way on the ellipsoid.';

reset role;
