"""What Python holds exactly reaches the ledger exactly; what cannot be sent is named with its place."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import openstock
from openstock import exact_json

from ..support import unchanged


class Colour(StrEnum):
    RED = "red"


class Size(IntEnum):
    LARGE = 3


class Metres(float):
    """As numpy's floats: a float whose repr is no JSON."""

    def __repr__(self) -> str:
        return "Metres"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (Size.LARGE, "3"),
        (10**40, "1" + "0" * 40),
        (Decimal("0.1000"), "0.1000"),
        (Decimal("1E-7"), "1E-7"),
        (Decimal("-1.5E+3"), "-1.5E+3"),
        (Decimal("1E+400"), "1E+400"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
        (0.1, "0.1"),
        (1e22, "1e+22"),
        (Metres(2.5), "2.5"),
        (date(2027, 3, 31), '"2027-03-31"'),
        (datetime(2027, 3, 31, 12, tzinfo=UTC), '"2027-03-31T12:00:00+00:00"'),
        (UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Colour.RED, '"red"'),
        ('quote " and \\ and \n', '"quote \\" and \\\\ and \\n"'),
        ("Äpfel 🍎", '"Äpfel 🍎"'),
        (MappingProxyType({"a": (1, [2])}), '{"a":[1,[2]]}'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
    ],
)
def test_values_become_the_json_that_means_them(value: object, text: str) -> None:
    assert exact_json.dumps(value) == text


def looped() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    ("value", "problem", "path"),
    [
        ([{"sku": "A"}, {"qty": math.nan}], "must be a finite number", [1, "qty"]),
        ([{"qty": Decimal("Infinity")}], "must be a finite number", [0, "qty"]),
        ([{"qty": Decimal("sNaN")}], "must be a finite number", [0, "qty"]),
        ([{"qty": 10**5000}], "is too large", [0, "qty"]),
        ({"a": {"b": "x\0y"}}, "must not contain NUL", ["a", "b"]),
        ({"a\0": 1}, "must not contain NUL", ["a\0"]),
        (["\ud800"], "must be valid Unicode", [0]),
        ([{1: 2}], "has a key that is not text: 1", [0]),
        ([b"bytes"], "has a type that JSON does not know: bytes", [0]),
        ([{"tags": {1, 2}}], "has a type that JSON does not know: set", [0, "tags"]),
    ],
)
def test_what_cannot_be_sent_is_named_with_its_place(value: object, problem: str, path: list[object]) -> None:
    with pytest.raises(exact_json.UnencodableError, match=problem) as raised:
        exact_json.dumps(value)
    assert raised.value.path == path


def test_a_value_that_holds_itself_is_refused() -> None:
    with pytest.raises(exact_json.UnencodableError, match="at most 64 levels"):
        exact_json.dumps(looped())


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
documents = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(documents)
@settings(max_examples=50, deadline=None)
def test_any_document_comes_back_equal(document: Any) -> None:
    assert exact_json.loads(exact_json.dumps(document)) == document


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_sent_by_its_shortest_notation(number: float) -> None:
    assert float(exact_json.dumps(number)) == number
    assert exact_json.dumps(number) == json.dumps(number)


def test_quantities_and_costs_are_stored_as_given(client: Any) -> None:
    client.put_products([{"sku": "GOLD", "name": "Gold", "decimals": 6}])
    for qty in (Decimal("0.000001"), Decimal("123456789.123456"), 0.1, Decimal("1E+2"), 7):
        client.receive("LON", [{"sku": "GOLD", "qty": qty, "unit_cost": Decimal("0.1")}])
    booked = [(e.qty_delta, e.unit_cost) for e in reversed(client.ledger("GOLD"))]
    assert booked == [
        (qty, Decimal("0.1")) for qty in (Decimal("0.000001"), Decimal("123456789.123456"), Decimal("0.1"), 100, 7)
    ]
    assert [s.on_hand for s in client.stock("GOLD")] == [Decimal("123456896.223457")]


def receive(qty: object) -> Callable[[Any], Any]:
    return lambda client: client.receive("LON", [{"sku": "APPLE", "qty": 1}, {"sku": "RICE", "qty": qty}])


NO_NUMBER = {"argument": "lines", "line": 2, "key": "qty", "problem": "must be a finite number"}
REFUSED: list[tuple[Callable[[Any], Any], dict[str, Any]]] = [
    *((receive(qty), NO_NUMBER) for qty in [math.nan, math.inf, -math.inf, Decimal("NaN"), Decimal("-Infinity")]),
    (lambda c: c.allocate("O\0"), {"argument": "order_ref", "problem": "must not contain NUL"}),
    (lambda c: c.ship("\udfff"), {"argument": "order_ref", "problem": "must be valid Unicode"}),
    (lambda c: c.ship("O-1", op_id="a\0"), {"argument": "op_id", "problem": "must not contain NUL"}),
    (lambda c: c.ship(17), {"argument": "order_ref", "problem": "must be a string"}),
    (lambda c: c.stock("A\0"), {"argument": "sku", "problem": "must not contain NUL"}),
    (lambda c: c.products(active=1), {"argument": "active", "problem": "must be true or false"}),
    (lambda c: c.search_products(max_rows=2.5), {"argument": "max_rows", "problem": "must be a whole number"}),
    (
        lambda c: c.search_products(max_rows=10**10),
        {"argument": "max_rows", "problem": "must be a whole number of at most 2147483647"},
    ),
    (
        lambda c: c.search_products(attributes={"size": math.inf}),
        {"argument": "attributes", "key": "size", "problem": "must be a finite number"},
    ),
    (
        lambda c: c.receive("LON", [{"sku": "APPLE", "qty": 1}], occurred_at=datetime(2026, 1, 1)),
        {"argument": "occurred_at", "problem": "must have a time zone"},
    ),
    (
        lambda c: c.receive("LON", [{"sku": "APPLE", "qty": 1}], occurred_at="yesterday"),
        {"argument": "occurred_at", "problem": "must be a datetime"},
    ),
    (
        lambda c: c.put_products([{"sku": "A", "name": "x", "attributes": {"a": {"b": "\0"}}}]),
        {"argument": "lines", "line": 1, "key": "attributes", "problem": "must not contain NUL"},
    ),
]


def test_an_argument_that_cannot_be_sent_is_refused_in_the_servers_shape(client: Any, db: psycopg.Connection) -> None:
    with unchanged(db):
        for call, detail in REFUSED:
            with pytest.raises(openstock.InvalidArgument) as raised:
                call(client)
            assert raised.value.detail == detail
            assert raised.value.sqlstate == "22023"
            assert raised.value.hint


def test_a_number_beyond_all_bounds_is_refused_by_the_server(client: Any, db: psycopg.Connection) -> None:
    with unchanged(db), pytest.raises(openstock.InvalidArgument) as raised:
        client.receive("LON", [{"sku": "APPLE", "qty": Decimal("1E+999999")}])
    assert raised.value.detail["problem"]


def test_what_the_database_could_not_read_is_an_invalid_argument(db: psycopg.Connection) -> None:
    for query, sqlstate in [
        ("select %s::text", "22023"),
        ('select coalesce(%s, \'{"a": "\\u0000"}\'::jsonb)', "22P05"),
        ("select coalesce(%s, convert_from('\\xff', 'utf8'))", "22021"),
        ("select coalesce(%s, 'x'::integer)", "22P02"),
        ("select coalesce(%s, 1e200::numeric(3))", "22003"),
    ]:
        with pytest.raises(psycopg.Error) as raised:
            db.execute(query, ["a\0b" if sqlstate == "22023" else None])
        error = openstock.errors.translate(raised.value)
        assert type(error) is openstock.InvalidArgument
        assert error.sqlstate == sqlstate
        assert error.detail["problem"]
        assert error.hint
