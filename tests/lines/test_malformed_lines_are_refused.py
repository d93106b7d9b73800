"""What holds for the lines of every function: an array of objects, known keys, right types, each line number once."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.calls import WITH_LINES, Call, prepare
from tests.support import Shop, columns, denied, fails, refused, unchanged

every_function = pytest.mark.parametrize("call", WITH_LINES, ids=str)
every_key = pytest.mark.parametrize(("call", "key"), [(call, key) for call in WITH_LINES for key in call.keys], ids=str)
every_required_key = pytest.mark.parametrize(
    ("call", "key"),
    [(call, key) for call in WITH_LINES for key, kind in call.keys.items() if kind.endswith("!")],
    ids=str,
)

WRONG: dict[str, list[Any]] = {
    "code": [5, True, [], {}, "", "   ", "x" * 65, "a\u0007b", "a\nb", "a\u0085b", "\ta", "\u00a0a", "a\u2003 "],
    "codes": ["A", {}, 5, True, [], [5], ["A", None], ["A", ""], [["A"]], ["x" * 65], ["a\u0007b"], ["A"] * 10_001],
    "text": [5, True, [], {}, "x" * 1001],
    "document": [5, True, [], {}, "x" * 10_001],
    "number": ["1", "NaN", "Infinity", True, [], {}, 1e12, -1e12, 1e300, 1e-7, 0.1234567],
    "degrees": ["1", "NaN", True, [], {}, 180.001, -181, 1e300, 1e-31],
    "integer": ["1", True, [], {}, 1.5, 1e10, -1e10, 1e300],
    "boolean": ["true", 1, 0, [], {}],
    "object": [[], "{}", 5, True],
    "array": [{}, "[]", 5, True],
    "date": [5, True, {}, "", "tomorrow", "infinity", "2026-02-30", "2026-1-1", "20260101", "0000-01-01", "2026-13-01"],
    "days": ["5", True, [], {}, 1.5, -1, 36_501, 1e300],
}


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The shop that the calls need."""
    return prepare(shop)


@every_function
def test_the_calls_themselves_are_fine(shop: Shop, call: Call) -> None:
    assert columns(call(shop), "line", "replayed") != []
    assert shop.differences() == []


@every_function
def test_lines_are_an_array_of_objects(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    with unchanged(db):
        for lines in ("{}", '{"sku": "APPLE"}', '"text"', "5", "true", "null"):
            with fails("22023", argument="lines", problem="must be a JSON array of objects"):
                call(shop, lines=lines)
        for first in ("1", '"text"', "null", "[]", "true"):
            with fails("22023", argument="lines", line=1, problem="must be an object"):
                call(shop, lines=f"[{first}]")
        with fails("22023", argument="lines", line=2, problem="must be an object"):
            call(shop, lines=f"[{json.dumps(call.line)}, 7]")


@every_function
def test_only_an_order_has_lines_to_leave_out(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    if call.function in ("release", "ship", "deallocate"):
        assert len(call(shop, lines=None)) == 1
    else:
        with refused(db, "22023", argument="lines", problem="must be a JSON array of objects"):
            call(shop, lines=None)


@every_function
def test_there_is_at_least_one_line_and_at_most_ten_thousand_or_of_an_order_a_thousand(
    shop: Shop, db: psycopg.Connection, call: Call
) -> None:
    most = 1_000 if call.function in ("put_kits", "reserve", "release", "ship", "deallocate", "short_pick") else 10_000
    with unchanged(db):
        for lines in ([], [call.line] * (most + 1)):
            with fails("22023", argument="lines", lines=len(lines)):
                call(shop, lines=lines)


@every_function
def test_what_is_no_json_never_arrives(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    for text, code in [
        ("", "22P02"),
        ("[", "22P02"),
        ("[{'sku': 1}]", "22P02"),
        ('[{"sku": NaN}]', "22P02"),
        ('[{"sku": "\\u0000"}]', "22P05"),
        ('[{"sku": "\\ud800"}]', "22P02"),
        ('[{"qty": 1e200000}]', "22003"),
    ]:
        with denied(db, code):
            call(shop, lines=text)


@every_function
def test_an_unknown_key_is_named(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    with unchanged(db):
        values: tuple[Any, ...] = (1, "text", None, [], {})
        for value in values:
            with fails("22023", argument="lines", line=2, key="colour", problem="is not a known key"):
                call(shop, lines=[call.line, call.line | {"colour": value}])


@every_function
def test_keys_are_spelt_exactly(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    first = next(iter(call.line))
    with refused(db, "22023", argument="lines", line=1, key=first.upper()):
        call(shop, lines=[{first.upper(): call.line[first]} | call.line])


@every_required_key
def test_a_required_key_cannot_be_missing_or_null(shop: Shop, db: psycopg.Connection, call: Call, key: str) -> None:
    without = {name: value for name, value in call.line.items() if name != key}
    with unchanged(db):
        for line in (without, without | {key: None}):
            with fails("22023", argument="lines", line=2, key=key, problem="missing"):
                call(shop, lines=[call.line, line])


@every_key
def test_a_wrong_type_is_named(shop: Shop, db: psycopg.Connection, call: Call, key: str) -> None:
    with unchanged(db):
        for value in WRONG[call.keys[key].rstrip("!")]:
            with fails("22023", argument="lines", line=1, key=key):
                call(shop, lines=[call.line | {key: value}])


def test_what_nobody_sees_makes_no_other_code(shop: Shop, db: psycopg.Connection) -> None:
    """Spaces around a code go; other white space and characters without width there are refused, wherever a code is given."""
    assert columns(shop.put_products(lines=[{"sku": "  APPLE ", "name": "Apple"}]), "code", "outcome") == [("APPLE", "unchanged")]
    white = [chr(point) for point in range(1, 0x110000) if chr(point).isspace() and chr(point) != " "]
    assert len(white) > 25
    with unchanged(db):
        for unseen in [*white, "\u00ad", "\u200b", "\u200f", "\u202a", "\u2060", "\ufeff"]:
            problem = "must not contain control characters"
            if unseen > "\u009f" and unseen not in "\u2028\u2029":
                problem = "must not begin or end with an invisible character other than a space"
            for code in (f"{unseen}APPLE", f"APPLE{unseen}", f" {unseen} APPLE", f"APPLE {unseen} ", unseen, f" {unseen} "):
                with fails("22023", argument="lines", line=1, key="sku", problem=problem):
                    shop.put_products(lines=[{"sku": code, "name": "Another"}])
            with fails("22023", argument="order_ref", problem=problem):
                shop.reserve(f"NEW{unseen}", [{"sku": "APPLE", "qty": 1}])
    assert columns(shop.put_products(lines=[{"sku": "A\u00a0B", "name": "Within"}]), "code") == [("A\u00a0B",)]


@every_function
def test_a_line_number_is_positive_and_given_once(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    with unchanged(db):
        wrongs: tuple[Any, ...] = (0, -1, 1_000_000_001, 2_147_483_648, 1e300, 1.5, "1", True, [], {})
        for wrong in wrongs:
            with fails("22023", argument="lines", line=2, key="line"):
                call(shop, lines=[call.line, call.line | {"line": wrong}])
        if call.function == "short_pick":
            return  # one line may be short in several bins
        with fails("22023", argument="lines", line=3, key="line", value=7):
            call(shop, lines=[call.line | {"line": 7}, call.line | {"line": 8}, call.line | {"line": 7}])
        with fails("22023", argument="lines", line=4, key="line", value=7):
            call(shop, lines=[call.line, call.line, call.line | {"line": 7}, call.line | {"line": 7}])
        with fails("22023", argument="lines", line=4, key="line", value=7):
            call(shop, lines=[call.line | {"line": number} for number in (7, 8, 8, 7)])
        with fails("22023", argument="lines", line=3, key="line", value=0):
            call(shop, lines=[call.line, call.line, call.line | {"line": 0}])


@every_function
def test_whole_numbers_are_written_as_such(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    """1.0 is a whole number, but PostgreSQL reads no integer from it."""
    with unchanged(db):
        for key in ["line", *(key for key, kind in call.keys.items() if kind == "integer")]:
            with fails("22023", argument="lines", line=1, key=key):
                call(shop, lines=json.dumps([call.line | {key: 1.0}]))


@every_function
def test_the_first_wrong_line_is_named(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    with refused(db, "22023", line=2):
        call(shop, lines=[call.line, call.line | {"colour": 1}, 5, {}])


@every_function
def test_numbers_may_be_written_with_an_exponent(shop: Shop, call: Call) -> None:
    key = next((key for key, kind in call.keys.items() if kind in ("number", "number!") and key in call.line), None)
    if key is not None:
        call(
            shop, lines=json.dumps([call.line]).replace(f'"{key}": {call.line[key]}', f'"{key}": {call.line[key]}0E-1')
        )
        assert shop.differences() == []


def test_of_several_elements_that_are_no_codes_the_first_is_named(shop: Shop, db: psycopg.Connection) -> None:
    for serials, problem in (["A", 5, ""], "must be a string"), (["A", "", 5], "must have 1 to 64 characters"):
        with refused(db, "22023", argument="lines", line=1, key="serials", problem=f"has an element that {problem}"):
            shop.receive("LON", [{"sku": "APPLE", "qty": 1, "serials": serials}])
