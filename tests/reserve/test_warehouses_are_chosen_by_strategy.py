"""strategy says in which order warehouses are asked, or which of them send: the destination decides where it is near or dear."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.support import Shop, columns, refused

PARIS = {"latitude": 48.8566, "longitude": 2.3522}


@pytest.fixture
def europe(shop: Shop) -> Shop:
    """London (priority 1), Berlin (2), Madrid (3), Oslo (4, position and cost unknown), each with APPLE and RICE."""
    shop.put_warehouses(
        lines=[
            {"code": "LON", "latitude": 51.5074, "longitude": -0.1278, "shipping_cost": 9},
            {
                "code": "BER",
                "latitude": 52.52,
                "longitude": 13.405,
                "shipping_cost": 5,
                "shipping_cost_by_zone": {"ES": 12},
            },
            {
                "code": "MAD",
                "priority": 3,
                "latitude": 40.4168,
                "longitude": -3.7038,
                "shipping_cost_by_zone": {"ES": 2},
            },
            {"code": "OSL", "priority": 4},
        ]
    )
    for warehouse, apples, rice in (("LON", 4, 1), ("BER", 6, 6), ("MAD", 9, 2), ("OSL", 20, 1)):
        shop.receive(warehouse, [{"sku": "APPLE", "qty": apples}, {"sku": "RICE", "qty": rice}])
    return shop


def sources(shop: Shop, lines: list[dict[str, Any]], **arguments: Any) -> list[tuple[Any, ...]]:
    """(sku, warehouse, units) that an order is promised."""
    return columns(shop.reserve("O1", lines, **arguments), "sku", "warehouse", "qty_reserved")


def test_most_stock_asks_where_most_can_be_promised(europe: Shop) -> None:
    assert sources(europe, [{"sku": "APPLE", "qty": 25}, {"sku": "RICE", "qty": 1}], strategy="most_stock") == [
        ("APPLE", "OSL", 20),
        ("APPLE", "MAD", 5),
        ("RICE", "BER", 1),
    ]


def test_nearest_asks_by_distance_and_the_unknown_last(europe: Shop) -> None:
    assert sources(europe, [{"sku": "APPLE", "qty": 20}], strategy="nearest", destination=PARIS) == [
        ("APPLE", "LON", 4),
        ("APPLE", "BER", 6),
        ("APPLE", "MAD", 9),
        ("APPLE", "OSL", 1),
    ]


def test_a_warehouse_that_is_near_without_stock_is_passed_over(europe: Shop) -> None:
    europe.put_warehouses(lines=[{"code": "PAR", **PARIS}, {"code": "LON", "active": False}])
    assert sources(europe, [{"sku": "APPLE", "qty": 2}], strategy="nearest", destination=PARIS) == [("APPLE", "BER", 2)]


def test_least_cost_is_that_of_the_zone_where_the_warehouse_has_one(europe: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 3}]
    assert sources(europe, lines, strategy="least_cost", destination={"zone": "ES"}) == [("APPLE", "MAD", 3)]
    europe.cancel("O1")
    answer = europe.reserve("O2", lines, strategy="least_cost", destination={"zone": "DE"})
    assert columns(answer, "warehouse") == [("BER",)]


def test_least_cost_counts_each_warehouse_that_sends_once(europe: Shop) -> None:
    """Berlin has all of it for 5; Madrid, for 2, would need a second one for the rice."""
    lines = [{"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 3}]
    europe.put_warehouses(lines=[{"code": "MAD", "shipping_cost": 2}])
    assert sources(europe, lines, strategy="least_cost") == [("APPLE", "BER", 6), ("RICE", "BER", 3)]


def test_an_unknown_cost_is_dearer_than_any(europe: Shop) -> None:
    europe.put_warehouses(lines=[{"code": "MAD", "active": False}])
    assert sources(europe, [{"sku": "APPLE", "qty": 8}], strategy="least_cost") == [
        ("APPLE", "BER", 6),
        ("APPLE", "LON", 2),
    ]


def test_fewest_splits_finds_the_one_that_has_all(europe: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 5}]
    assert sources(europe, lines, strategy="fewest_splits") == [("APPLE", "BER", 5), ("RICE", "BER", 5)]


def furnish(shop: Shop, has: dict[str, str], **costs: float) -> list[dict[str, Any]]:
    """Warehouses that have one unit of each of these products; returns a line for each product."""
    skus = sorted(set("".join(has.values())))
    shop.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    for code, held in has.items():
        shop.put_warehouses(lines=[{"code": code, "shipping_cost": costs.get(code)}])
        shop.receive(code, [{"sku": sku, "qty": 1} for sku in held])
    return [{"sku": sku, "qty": 1} for sku in skus]


def test_fewest_splits_finds_the_two_that_have_all(shop: Shop) -> None:
    """Taking the largest share first would need three: Z has four of six, and what is left lies in two places."""
    lines = furnish(shop, {"X": "abc", "Y": "def", "Z": "abde"})
    answer = shop.reserve("O1", lines, strategy="fewest_splits")
    assert columns(answer, "warehouse") == [("X",)] * 3 + [("Y",)] * 3


def test_what_others_make_superfluous_sends_nothing(shop: Shop) -> None:
    """BIG serves the largest share, and what it leaves lies in three places, which have all the rest as well; ZA and ZC have nothing that these lack."""
    lines = furnish(shop, {"BIG": "abdegh", "U": "abc", "V": "def", "W": "ghi", "ZA": "a", "ZC": "c"})
    assert sources(shop, lines, strategy="fewest_splits") == [(sku, "UVW"[n // 3], 1) for n, sku in enumerate("abcdefghi")]


def test_of_two_that_are_superfluous_one_without_the_other_the_dearer_goes(shop: Shop) -> None:
    lines = furnish(shop, {"A": "abc", "B": "ade", "C": "bcdef", "D": "g"}, A=1, B=1.5, C=100, D=1)
    assert {place for _, place, _ in sources(shop, lines, strategy="least_cost")} == {"A", "C", "D"}


def test_what_is_served_already_brings_nobody_in(shop: Shop) -> None:
    """W has a and b at 10; X and Y, with one of them at 6 each, would take its place if they were looked at when it has served both."""
    lines = furnish(shop, {"U": "c", "V": "d", "W": "ab", "X": "a", "Y": "b"}, U=1, V=1, W=10, X=6, Y=6)
    assert {place for _, place, _ in sources(shop, lines, strategy="least_cost")} == {"U", "V", "W"}


def test_the_cheapest_two_that_have_all_send(shop: Shop) -> None:
    """BIG and two small ones would cost more, and are what serving most for its cost first leads to; M and N have all at a much higher cost."""
    has = {"BIG": "abde", "A": "c", "B": "f", "M": "abc", "N": "def", "X": "abc", "Y": "def"}
    lines = furnish(shop, has, BIG=2, A=2, B=2, M=50, N=50, X=2.5, Y=2.5)
    assert {place for _, place, _ in sources(shop, lines, strategy="least_cost")} == {"X", "Y"}


def test_a_warehouse_that_a_line_names_sends_anyway(europe: Shop) -> None:
    lines = [{"sku": "APPLE", "qty": 1, "warehouse": "OSL"}, {"sku": "APPLE", "qty": 6}, {"sku": "RICE", "qty": 1}]
    for order, strategy in (("O1", "fewest_splits"), ("O2", "least_cost")):
        answer = europe.reserve(order, lines, strategy=strategy)
        assert columns(answer, "line", "warehouse", "qty_reserved") == [(1, "OSL", 1), (2, "OSL", 6), (3, "OSL", 1)]
        europe.cancel(order)


def test_of_warehouses_that_lines_name_the_first_by_priority_sends_the_rest(europe: Shop) -> None:
    named = [{"sku": "RICE", "qty": 1, "warehouse": place} for place in ("OSL", "MAD", "BER")]
    answer = europe.reserve("O1", [*named, {"sku": "APPLE", "qty": 8}], strategy="fewest_splits")
    assert columns(answer, "sku", "warehouse", "qty_reserved")[3:] == [("APPLE", "BER", 6), ("APPLE", "MAD", 2)]


def test_what_a_named_warehouse_lacks_another_sends(europe: Shop) -> None:
    """Berlin sends its six anyway, and has no more of them; Oslo is dearer, and has the other three."""
    europe.put_warehouses(lines=[{"code": code, "active": False} for code in ("LON", "MAD")])
    named = {"sku": "RICE", "qty": 1, "warehouse": "BER"}
    answer = europe.reserve("O1", [named, {"sku": "APPLE", "qty": 9}], strategy="least_cost")
    assert columns(answer, "sku", "warehouse", "qty_reserved")[1:] == [("APPLE", "BER", 6), ("APPLE", "OSL", 3)]


def test_what_lines_want_of_a_named_warehouse_no_other_has_to_have(europe: Shop) -> None:
    """Nine are left to send: for these Madrid will do, though only Oslo has the thirteen that are asked for in all."""
    europe.put_warehouses(lines=[{"code": "MAD", "shipping_cost": 3}, {"code": "OSL", "shipping_cost": 4}])
    named = {"sku": "APPLE", "qty": 4, "warehouse": "LON"}
    answer = europe.reserve("O1", [named, {"sku": "APPLE", "qty": 9}], strategy="least_cost")
    assert columns(answer, "warehouse", "qty_reserved") == [("LON", 4), ("MAD", 9)]


def test_three_cheap_warehouses_are_better_than_two_dear_ones(shop: Shop) -> None:
    lines = furnish(shop, {"X": "ab", "Y": "c", "U": "a", "V": "b", "W": "c"}, X=5, Y=5, U=1, V=1, W=2)
    answer = shop.reserve("O1", lines, strategy="least_cost")
    assert columns(answer, "warehouse") == [("U",), ("V",), ("W",)]


def test_what_all_together_lack_is_short_with_every_strategy(europe: Shop) -> None:
    for strategy in ("priority", "most_stock", "nearest", "least_cost", "fewest_splits", "ship_complete"):
        [row] = europe.reserve("O1", [{"sku": "APPLE", "qty": 40}], strategy=strategy, destination=PARIS)
        assert (row["outcome"], row["available"]) == ("rejected", 39)
    answer = europe.reserve("O1", [{"sku": "APPLE", "qty": 40}], strategy="fewest_splits", on_shortage="partial")
    assert sum(row["qty_reserved"] for row in answer) == 39
    assert europe.differences() == []


def test_ship_complete_takes_the_first_that_has_all_or_nothing(europe: Shop, db: psycopg.Connection) -> None:
    lines = [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 2}]
    assert sources(europe, lines, strategy="ship_complete") == [("APPLE", "BER", 5), ("RICE", "BER", 2)]
    answer = europe.reserve("O2", [{"sku": "APPLE", "qty": 12}, {"sku": "RICE", "qty": 2}], strategy="ship_complete")
    assert columns(answer, "outcome", "qty_short", "available") == [("rejected", 12, 34), ("rejected", 2, 8)]
    with refused(db, "OS201"):
        europe.reserve("O2", [{"sku": "APPLE", "qty": 21}], strategy="ship_complete", on_shortage="error")


def test_ship_complete_keeps_to_the_warehouse_that_lines_name(europe: Shop) -> None:
    named = {"sku": "APPLE", "qty": 1, "warehouse": "OSL"}
    assert sources(europe, [named, {"sku": "RICE", "qty": 1}], strategy="ship_complete") == [
        ("APPLE", "OSL", 1),
        ("RICE", "OSL", 1),
    ]
    for rest in ({"sku": "RICE", "qty": 2}, {"sku": "RICE", "qty": 1, "warehouse": "BER"}):
        assert columns(europe.reserve("O2", [named, rest], strategy="ship_complete"), "outcome") == [("rejected",)] * 2


@pytest.mark.parametrize("on_shortage", ["partial", "backorder"])
def test_ship_complete_has_no_parts(europe: Shop, db: psycopg.Connection, on_shortage: str) -> None:
    with refused(db, "22023", argument="on_shortage"):
        europe.reserve("O1", [{"sku": "APPLE", "qty": 1}], strategy="ship_complete", on_shortage=on_shortage)


@pytest.mark.parametrize(
    ("strategy", "destination", "key"),
    [
        ("cheapest", None, None),
        ("nearest", None, "latitude"),
        ("nearest", {"zone": "ES"}, "latitude"),
        ("priority", {"latitude": 91, "longitude": 0}, "latitude"),
        ("priority", {"latitude": 10}, "latitude"),
        ("priority", {"latitude": "10", "longitude": 0}, "latitude"),
        ("priority", {"zone": ""}, "zone"),
        ("priority", {"country": "ES"}, "country"),
    ],
)
def test_what_is_no_strategy_or_no_destination_is_refused(
    europe: Shop, db: psycopg.Connection, strategy: str, destination: dict[str, Any] | None, key: str | None
) -> None:
    lines = [{"sku": "APPLE", "qty": 1}]
    named = {"argument": "strategy"} if key is None else {"argument": "destination", "key": key}
    with refused(db, "22023", **named):
        europe.reserve("O1", lines, strategy=strategy, destination=destination)
    with refused(db, "22023", **named):
        europe.quote(lines, strategy=strategy, destination=destination)


def test_a_destination_is_an_object_and_the_first_of_its_wrong_keys_in_the_alphabet_is_named(europe: Shop, db: psycopg.Connection) -> None:
    lines = [{"sku": "APPLE", "qty": 1}]
    with refused(db, "22023", argument="destination", problem="must be an object"):
        europe.reserve("O1", lines, destination=[PARIS])
    with refused(db, "22023", argument="destination", key="colour", problem="is not a known key"):
        europe.reserve("O1", lines, destination={"zone": "", "colour": "red", "latitude": 91, "longitude": 0})
