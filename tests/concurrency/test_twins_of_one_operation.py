"""Two calls with one op_id at the same time: one effect, one answer."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import IsolationLevel

from ..support import Shop
from .sessions import ALL_LEVELS, SNAPSHOT_LEVELS, OpenSession

CALLS: list[tuple[str, dict[str, Any]]] = [
    ("receive", {"warehouse": "LON", "lines": [{"sku": "MILK", "qty": 2, "lot": "L9", "expires_on": "2999-01-01"}]}),
    ("adjust", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": -2}], "reason": "broken"}),
    ("move", {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 2, "to": "A-1"}]}),
    ("reserve", {"order_ref": "NEW", "lines": [{"sku": "APPLE", "qty": 2}]}),
    ("release", {"order_ref": "OLD"}),
    ("allocate", {"order_ref": "OLD"}),
    ("ship", {"order_ref": "OLD"}),
    ("put_products", {"lines": [{"sku": "PEAR", "name": "Pear"}]}),
    ("put_warehouses", {"lines": [{"code": "ROM"}]}),
    ("put_locations", {"warehouse": "LON", "lines": [{"code": "A-9"}]}),
    ("put_channels", {"lines": [{"code": "WEB"}]}),
    ("put_lots", {"lines": [{"sku": "MILK", "lot": "L9", "quality": "hold"}]}),
]
FEW = [call for call in CALLS if call[0] in ("receive", "reserve", "ship", "put_warehouses")]
each_call = pytest.mark.parametrize(("function", "request_"), CALLS, ids=[function for function, _ in CALLS])
some_calls = pytest.mark.parametrize(("function", "request_"), FEW, ids=[function for function, _ in FEW])


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Ten apples, four of them promised."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.reserve("OLD", [{"sku": "APPLE", "qty": 4}])
    return shop


@each_call
def test_the_second_waits_and_gets_the_answer_of_the_first(
    stocked: Shop, session: OpenSession, function: str, request_: dict[str, Any]
) -> None:
    one, two = session(), session()
    first = one.later(function, op_id="twin", **request_).result()
    second = two.blocked(function, op_id="twin", **request_)
    one.commit()
    assert second.result() == [row | {"replayed": True} for row in first]
    two.commit()
    assert len({row["op_id"] for row in stocked.view("ledger") if row["op_id"] == "twin"}) <= 1
    assert stocked.differences() == []


@some_calls
@pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
def test_with_a_snapshot_the_second_fails_to_serialize_and_its_retry_gets_the_answer(
    stocked: Shop, session: OpenSession, level: IsolationLevel, function: str, request_: dict[str, Any]
) -> None:
    one, two = session(level), session(level)
    first = one.later(function, op_id="twin", **request_).result()
    second = two.blocked(function, op_id="twin", **request_)
    one.commit()
    assert two.refused(second) == "40001"
    assert two.later(function, op_id="twin", **request_).result() == [row | {"replayed": True} for row in first]
    two.commit()
    assert stocked.differences() == []


@some_calls
@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
def test_when_the_first_is_rolled_back_the_second_does_it(
    stocked: Shop, session: OpenSession, level: IsolationLevel, function: str, request_: dict[str, Any]
) -> None:
    one, two = session(level), session(level)
    one.later(function, op_id="twin", **request_).result()
    second = two.blocked(function, op_id="twin", **request_)
    one.rollback()
    rows = two.outcome(second, function, op_id="twin", **request_)
    assert [row["replayed"] for row in rows] == [False] * len(rows)
    again = two.later(function, op_id="twin", **request_).result()
    assert again == [row | {"replayed": True} for row in rows]
    assert stocked.differences() == []


def test_a_twin_with_another_request_waits_and_is_refused(stocked: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    one.reserve("A", [{"sku": "APPLE", "qty": 1}], op_id="twin")
    other = two.blocked("reserve", "A", [{"sku": "APPLE", "qty": 2}], op_id="twin")
    one.commit()
    assert two.refused(other) == "OS010"
    assert stocked.level("APPLE") == (10, 0, 5, 5)


def test_a_twin_of_a_failed_call_does_it_itself(stocked: Shop, session: OpenSession) -> None:
    one, two = session(), session()
    assert one.refused(one.later("reserve", "A", [{"sku": "APPLE", "qty": 99}], op_id="twin", on_shortage="error")) == "OS201"
    assert two.reserve("A", [{"sku": "APPLE", "qty": 1}], op_id="twin")[0]["replayed"] is False


def test_ten_twins_at_once_have_one_effect(stocked: Shop, session: OpenSession) -> None:
    first, *others = [session() for _ in range(10)]
    request = ("reserve", "A", [{"sku": "APPLE", "qty": 2}])
    answer = first.later(*request, op_id="twin").result()
    futures = [other.blocked(*request, op_id="twin") for other in others]
    first.commit()
    for other, future in zip(others, futures, strict=True):
        assert future.result() == [answer[0] | {"replayed": True}]
        other.commit()
    assert stocked.level("APPLE") == (10, 0, 6, 4)
