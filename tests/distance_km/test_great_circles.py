"""distance_km measures along great circles of a sphere with the earth's mean radius."""

from __future__ import annotations

import math

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Shop

Point = tuple[float, float]

RADIUS = 6371.0088
HALF_ROUND = math.pi * RADIUS
# Kilometres: a hundredth of a millimetre, and far more than rounding makes of coordinates.
ROUNDING = 1e-8

LONDON, PARIS = (51.5074, -0.1278), (48.8566, 2.3522)
NEW_YORK, SYDNEY = (40.7128, -74.0060), (-33.8688, 151.2093)
NORTH_POLE, SOUTH_POLE = (90.0, 0.0), (-90.0, 0.0)


def distance(db: psycopg.Connection, one: Point, other: Point) -> float:
    query = "select openstock_core.distance_km(%s::float8, %s::float8, %s::float8, %s::float8)"
    [(kilometres,)] = db.execute(query, [*one, *other]).fetchall()
    assert isinstance(kilometres, float)
    return kilometres


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        (LONDON, PARIS, 343.5, 344),
        (LONDON, NEW_YORK, 5565, 5575),
        (SYDNEY, NEW_YORK, 15985, 15995),
        ((0.0, 0.0), (0.0, 1.0), 111.19, 111.20),
        ((60.0, 10.0), (60.0, 11.0), 55.59, 55.60),
        ((-18.0, 179.9), (-18.0, -179.9), 21.14, 21.16),
    ],
    ids=["London, Paris", "London, New York", "Sydney, New York", "a degree", "one far north", "across the date line"],
)
def test_known_distances(db: psycopg.Connection, one: Point, other: Point, least: float, most: float) -> None:
    assert least < distance(db, one, other) < most
    assert distance(db, other, one) == distance(db, one, other)


def test_a_point_is_no_way_from_itself(db: psycopg.Connection) -> None:
    for point in (LONDON, SYDNEY, NORTH_POLE, (0.0, 180.0)):
        assert distance(db, point, point) == 0
    assert distance(db, (12.0, 180.0), (12.0, -180.0)) == 0


def test_the_antipode_is_half_way_round(db: psycopg.Connection) -> None:
    for one, other in [
        ((0.0, 0.0), (0.0, 180.0)),
        ((51.5, -0.5), (-51.5, 179.5)),
        (NORTH_POLE, SOUTH_POLE),
        ((90.0, 77.0), (-90.0, 123.4)),
    ]:
        assert distance(db, one, other) == HALF_ROUND
    assert distance(db, (0.0, 0.0), (0.0, 179.999999)) == pytest.approx(HALF_ROUND - 0.000111195, abs=ROUNDING)


def test_at_a_pole_the_longitude_says_nothing(db: psycopg.Connection) -> None:
    assert distance(db, NORTH_POLE, (90.0, 123.0)) == 0
    for longitude in (-180.0, -74.0, 0.0, 151.0):
        assert distance(db, (90.0, longitude), (0.0, 30.0)) == pytest.approx(HALF_ROUND / 2, abs=ROUNDING)


@pytest.mark.parametrize("unknown", range(4))
def test_it_is_unknown_where_a_coordinate_is(db: psycopg.Connection, unknown: int) -> None:
    values = ["null" if place == unknown else "1.5" for place in range(4)]
    query = f"select openstock_core.distance_km({', '.join(values)})"
    assert db.execute(query).fetchall() == [(None,)]  # type: ignore[arg-type]


# As put_warehouses takes them: with at most 30 decimals.
degrees_north = st.floats(-90, 90).map(lambda value: round(value, 30))
degrees_east = st.floats(-180, 180).map(lambda value: round(value, 30))
points = st.tuples(degrees_north, degrees_east)
near_the_antipode = points.flatmap(
    lambda a: st.tuples(
        st.just(a),
        st.floats(-1e-6, 1e-6).map(lambda off: (max(-90.0, min(90.0, round(off, 30) - a[0])), a[1] - math.copysign(180, a[1]))),
    )
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=points, two=points, three=points)
def test_it_is_a_distance(db: psycopg.Connection, one: Point, two: Point, three: Point) -> None:
    direct, first, second = (distance(db, *pair) for pair in [(one, three), (one, two), (two, three)])
    assert direct == distance(db, three, one)
    assert 0 <= direct <= HALF_ROUND
    assert direct <= first + second + ROUNDING
    assert distance(db, one, one) == 0


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=near_the_antipode)
def test_near_the_antipode_it_is_nearly_half_way_round(db: psycopg.Connection, pair: tuple[Point, Point]) -> None:
    one, other = pair
    assert HALF_ROUND - 0.00012 < distance(db, one, other) <= HALF_ROUND


def test_it_is_written_into_the_query(shop: Shop, db: psycopg.Connection) -> None:
    query = """explain (verbose, costs off) select w.code from openstock_core.warehouse w
      order by openstock_core.distance_km(w.latitude, w.longitude, 51.5, -0.1)"""
    plan = "\n".join(line for (line,) in db.execute(query))
    assert "atan2" in plan
    assert "distance_km" not in plan
