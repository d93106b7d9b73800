"""Where a warehouse is, and what a shipment from it costs, by zone of destination."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.support import Row, Shop, columns, refused, unchanged

COSTS = ("shipping_cost", "shipping_cost_by_zone")
PLACE = ("latitude", "longitude")


def rome(shop: Shop, *names: str) -> tuple[Any, ...]:
    [row] = columns(shop.view("warehouses", warehouse="ROM"), *names)
    return row


def put(shop: Shop, **keys: Any) -> Row:
    [row] = shop.put_warehouses(lines=[{"code": "ROM"} | keys])
    return row


@pytest.mark.parametrize(("latitude", "longitude"), [(90, 180), (-90, -180), (0, 0), (41.90278349999999, -1e-30)])
def test_a_position_is_kept_as_it_is_given(shop: Shop, latitude: float, longitude: float) -> None:
    assert put(shop, latitude=latitude, longitude=longitude)["outcome"] == "created"
    assert rome(shop, *PLACE) == (latitude, longitude)
    assert put(shop, latitude=latitude, longitude=longitude)["outcome"] == "unchanged"


def test_null_clears_a_position_and_an_absent_key_leaves_it(shop: Shop) -> None:
    put(shop, latitude=41.9, longitude=12.5)
    put(shop, priority=3)
    assert rome(shop, *PLACE) == (41.9, 12.5)
    put(shop, latitude=41.8)
    assert rome(shop, *PLACE) == (41.8, 12.5)
    assert put(shop, latitude=None, longitude=None)["outcome"] == "updated"
    assert rome(shop, *PLACE) == (None, None)
    assert put(shop, latitude=None)["outcome"] == "unchanged"


def test_null_clears_costs_and_an_absent_key_leaves_them(shop: Shop) -> None:
    put(shop, shipping_cost=5.5, shipping_cost_by_zone={"EU": 4.9, "UK": 7})
    put(shop, name="Roma")
    assert rome(shop, *COSTS) == (Decimal("5.5"), {"EU": 4.9, "UK": 7})
    put(shop, shipping_cost=None)
    assert rome(shop, *COSTS) == (None, {"EU": 4.9, "UK": 7})
    put(shop, shipping_cost=0, shipping_cost_by_zone=None)
    assert rome(shop, *COSTS) == (0, {})
    assert put(shop, shipping_cost_by_zone={})["outcome"] == "unchanged"


def test_the_costs_by_zone_are_replaced_as_a_whole(shop: Shop) -> None:
    put(shop, shipping_cost_by_zone={"EU": 4.9, "UK": 7})
    put(shop, shipping_cost_by_zone={"EU": 5})
    assert rome(shop, *COSTS) == (None, {"EU": 5})


def test_zones_are_codes_and_costs_lose_their_trailing_zeros(shop: Shop) -> None:
    put(shop, shipping_cost_by_zone={" A\u030asgard ": 2, "UK": 7})
    assert rome(shop, *COSTS) == (None, {"\u00c5sgard": 2, "UK": 7})
    line = '[{"code": "ROM", "shipping_cost": 7.0000000, "shipping_cost_by_zone": {"EU": 4.90000000}}]'
    shop.put_warehouses(lines=line)
    assert [str(cost) for cost in rome(shop, "shipping_cost")] == ["7"]
    with shop.db.execute("select shipping_cost_by_zone::text from openstock_core.warehouse where code = 'ROM'") as found:
        assert found.fetchall() == [('{"EU": 4.9}',)]
    [again] = shop.put_warehouses(lines=line)
    assert again["outcome"] == "unchanged"


def test_there_are_at_most_a_thousand_zones(shop: Shop, db: psycopg.Connection) -> None:
    zones = {f"zone {n}": n for n in range(1000)}
    put(shop, shipping_cost_by_zone=zones)
    assert rome(shop, *COSTS) == (None, zones)
    with refused(db, "22023", line=1, key="shipping_cost_by_zone", problem="must have at most 1000 zones"):
        put(shop, shipping_cost_by_zone=zones | {"one more": 1})


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({"latitude": 90.0001, "longitude": 0}, "latitude"),
        ({"latitude": -91, "longitude": 0}, "latitude"),
        ({"latitude": 0, "longitude": 180.5}, "longitude"),
        ({"latitude": 1}, "longitude"),
        ({"longitude": 1}, "latitude"),
        ({"latitude": 1, "longitude": None}, "longitude"),
        ({"latitude": None, "longitude": 1}, "latitude"),
        ({"shipping_cost": -0.01}, "shipping_cost"),
    ],
    ids=str,
)
def test_half_a_position_one_off_the_earth_and_a_negative_cost_are_refused(
    shop: Shop, db: psycopg.Connection, keys: dict[str, Any], key: str
) -> None:
    with refused(db, "22023", argument="lines", line=2, key=key):
        shop.put_warehouses(lines=[{"code": "LON", "latitude": 51.5, "longitude": -0.1}, {"code": "ROM"} | keys])


@pytest.mark.parametrize("cleared", ["latitude", "longitude"])
def test_half_of_a_position_cannot_be_cleared(shop: Shop, db: psycopg.Connection, cleared: str) -> None:
    put(shop, latitude=41.9, longitude=12.5)
    with refused(db, "22023", argument="lines", line=1, key=cleared):
        put(shop, **{cleared: None})


@pytest.mark.parametrize(
    ("zones", "zone", "problem"),
    [
        ({"EU": 4, "UK": -1}, "UK", "must not be negative"),
        ({"EU": "4.9"}, "EU", "must be a number"),
        ({"EU": None}, "EU", "must be a number"),
        ({"EU": [4.9]}, "EU", "must be a number"),
        ({"EU": 1e12}, "EU", "must have at most 12 digits before the point"),
        ({"EU": 0.1234567}, "EU", "must have at most 6 decimals"),
        ({" ": 1}, " ", "must have 1 to 64 characters"),
        ({"z" * 200: 1}, "z" * 100, "must have 1 to 64 characters"),
        ({"E\nU": 1}, "E\nU", "must not contain control characters"),
        ({"EU\u00a0": 1}, "EU\u00a0", "must not begin or end with an invisible character other than a space"),
        ({"EU": 1, "EU ": 1}, "EU", "is named twice"),
    ],
    ids=str,
)
def test_a_bad_zone_is_named(
    shop: Shop, db: psycopg.Connection, zones: dict[str, Any], zone: str, problem: str
) -> None:
    with refused(db, "22023", argument="lines", line=1, key="shipping_cost_by_zone", zone=zone, problem=problem):
        put(shop, shipping_cost_by_zone=zones)


@pytest.mark.parametrize(
    "change",
    [
        "latitude = 1",
        "latitude = 91, longitude = 0",
        "latitude = 0, longitude = 'NaN'",
        "shipping_cost = -1",
        """shipping_cost_by_zone = '{"EU": -1}'""",
        """shipping_cost_by_zone = '{"EU": "1"}'""",
        """shipping_cost_by_zone = '{"EU": [1]}'""",
        """shipping_cost_by_zone = '{"EU": null}'""",
        "shipping_cost_by_zone = '[1]'",
        "shipping_cost_by_zone = (select jsonb_object_agg(n, n) from generate_series(0, 1000) as n)",
    ],
)
def test_the_table_itself_refuses_them(shop: Shop, db: psycopg.Connection, change: str) -> None:
    with unchanged(db), pytest.raises(psycopg.errors.CheckViolation):
        db.execute(f"update openstock_core.warehouse set {change} where code = 'LON'")  # type: ignore[arg-type]


def test_a_retry_may_write_a_zones_cost_differently(shop: Shop) -> None:
    for cost in ("4.9", "4.90", "49e-1"):
        lines = f'[{{"code": "ROM", "shipping_cost_by_zone": {{"EU": {cost}, "ZONE 1": 7.00, "\\u00e5": {cost}}}}}]'
        assert json.loads(lines)
        [row] = shop.put_warehouses(lines=lines, op_id="once")
        assert row["outcome"] == "created"


def test_of_several_bad_lines_the_first_is_named_and_of_its_zones_the_first_in_the_alphabet(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", argument="lines", line=2, key="shipping_cost_by_zone", zone="ASIA"):
        shop.put_warehouses(
            lines=[
                {"code": "LON", "shipping_cost_by_zone": {"EU": 1}},
                {"code": "ROM", "shipping_cost_by_zone": {"EU": 1, "UK": -1, "ASIA": -1}},
                {"code": "BER", "shipping_cost": -1},
            ]
        )
