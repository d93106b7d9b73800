"""Errors are one class each, with SQLSTATE, DETAIL and HINT as the server gave them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

import openstock
from openstock import errors
from openstock.errors import OpenstockError, error_class, translate

from ..support import OTHER_TENANT, TENANT, Shop, unchanged
from .faces import OpenClient, wrapped

# Raised and caught within allocate; it never reaches a caller.
INTERNAL = {"OS901"}


def catalogue(db: psycopg.Connection) -> dict[str, tuple[str, str, str]]:
    rows = db.execute("select code, name, message, hint from openstock.error_codes").fetchall()
    return {code: (name, message, hint) for code, name, message, hint in rows if code not in INTERNAL}


def error_classes() -> dict[str, type[OpenstockError]]:
    return {name: getattr(errors, name) for name in errors.__all__ if name[0].isupper()}


def test_every_error_of_the_catalogue_has_a_class_of_its_name(db: psycopg.Connection) -> None:
    for code, (name, _, _) in catalogue(db).items():
        known = error_class(code)
        assert known.__name__ == "".join(word.capitalize() for word in name.split("_"))
        assert known.sqlstate == code
        assert known.__doc__


def test_every_class_of_an_openstock_code_is_in_the_catalogue(db: psycopg.Connection) -> None:
    codes = {str(known.sqlstate) for known in error_classes().values() if known.sqlstate}
    assert {code for code in codes if code[:2] == "OS"} == {code for code in catalogue(db) if code[:2] == "OS"}
    assert all(issubclass(known, OpenstockError) for known in error_classes().values())


def test_what_the_client_raises_itself_has_the_words_of_the_catalogue(db: psycopg.Connection) -> None:
    for code, (_, message, hint) in catalogue(db).items():
        known = error_class(code)
        if "message" in vars(known):
            assert (known.message, known.hint) == (message, hint)
    for known in (errors.InvalidArgument, errors.NoTenant, errors.TenantConflict, errors.NotAllowed):
        assert "message" in vars(known)


def test_every_error_of_the_catalogue_keeps_its_words_and_values(db: psycopg.Connection) -> None:
    values = '{"sku": "APPLE", "available": 2.50, "lines": [{"line": 1}]}'
    for code, (_, message, hint) in catalogue(db).items():
        with pytest.raises(psycopg.Error) as raised:
            db.execute("select openstock_core.fail(%s, %s)", [code, values])
        error = translate(raised.value, "op-1")
        assert type(error) is error_class(code)
        assert (error.sqlstate, error.message, error.hint, error.op_id) == (code, message, hint, "op-1")
        assert error.detail == {"sku": "APPLE", "available": Decimal("2.50"), "lines": [{"line": 1}]}
        assert error.diag.message_primary == message


APPLES = [{"sku": "APPLE", "qty": 1}]
MILK = {"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": "2031-01-01"}


def reserve_and_ship(client: Any) -> None:
    client.receive("LON", APPLES)
    client.reserve("SHIPPED", APPLES)
    client.ship("SHIPPED")


def use_twice(client: Any) -> None:
    client.receive("LON", APPLES, op_id="used")
    client.receive("LON", APPLES * 1, op_id="used", note="another request")


def receive_milk_twice(client: Any) -> None:
    client.receive("LON", [MILK])
    client.receive("LON", [{**MILK, "expires_on": "2032-01-01"}])


def receive_a_phone_twice(client: Any) -> None:
    client.put_products([{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    client.receive("LON", [{"sku": "PHONE", "serials": ["P1"]}])
    client.receive("LON", [{"sku": "PHONE", "serials": ["P1"]}])


def receive_in_two_places(client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 1, "location": place, "handling_unit": "H1"} for place in ("A-1", "A-2")])


def close_what_is_full(client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "A-1"}])
    client.put_locations("LON", [{"code": "A-1", "active": False}])


def sell_through_a_closed_channel(client: Any) -> None:
    client.put_channels([{"code": "OLD", "active": False}])
    client.reserve("R", APPLES, channel="OLD")


def reserve_again(client: Any) -> None:
    reserve_and_ship(client)
    client.reserve("SHIPPED", APPLES)


def reserve_the_same_line(client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 9}])
    client.reserve("NUMBERED", [{"sku": "APPLE", "qty": 1, "line": 7}])
    client.reserve("NUMBERED", [{"sku": "RICE", "qty": 1, "line": 7}])


def ship_more(client: Any) -> None:
    client.receive("LON", APPLES)
    client.reserve("SHORT", APPLES)
    client.ship("SHORT", [{"sku": "APPLE", "qty": 2}])


def confirm_too_late(client: Any) -> None:
    client.receive("LON", APPLES)
    client.reserve("CART", APPLES, ttl=timedelta(microseconds=1))
    client.confirm("CART")


def extend_what_has_no_end(client: Any) -> None:
    client.receive("LON", APPLES)
    client.reserve("FIRM", APPLES)
    client.extend("FIRM", timedelta(minutes=5))


# All that a call of schema openstock can meet; tenants and pruned answers have tests of their own.
BY_CALLS = ["22023", "OS010", *(f"OS10{n}" for n in range(1, 10)), *(f"OS11{n}" for n in range(8)), "OS120", "OS201", "OS202"] + [
    f"OS30{n}" for n in range(1, 7)
]
SITUATIONS: list[tuple[type[OpenstockError], Callable[[Any], Any]]] = [
    (openstock.InvalidArgument, lambda c: c.receive("LON", [])),
    (openstock.InvalidArgument, lambda c: c.receive("LON", [{"sku": "APPLE", "qty": 1, "colour": "red"}])),
    (openstock.InvalidArgument, lambda c: c.receive("LON", {"sku": "APPLE", "qty": 1})),
    (openstock.InvalidArgument, lambda c: c.receive("LON", APPLES, op_id="")),
    (openstock.InvalidArgument, lambda c: c.search_products(max_rows=0)),
    (openstock.InvalidQuantity, lambda c: c.receive("LON", [{"sku": "APPLE", "qty": Decimal("1.5")}])),
    (openstock.UnknownProduct, lambda c: c.receive("LON", [{"sku": "PEAR", "qty": 1}])),
    (openstock.UnknownProduct, lambda c: c.availability("PEAR")),
    (openstock.InactiveProduct, lambda c: c.receive("LON", [{"sku": "OLD", "qty": 1}])),
    (openstock.UnknownWarehouse, lambda c: c.receive("NYC", APPLES)),
    (openstock.InactiveWarehouse, lambda c: c.receive("SHUT", APPLES)),
    (openstock.UnknownChannel, lambda c: c.reserve("R", APPLES, channel="WEB")),
    (openstock.InactiveChannel, sell_through_a_closed_channel),
    (openstock.UnknownLocation, lambda c: c.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "Z-9"}])),
    (openstock.InactiveLocation, lambda c: c.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "OFF"}])),
    (openstock.UnknownLot, lambda c: c.adjust("LON", [{"sku": "MILK", "qty": 1, "lot": "L9"}], "found")),
    (openstock.LotConflict, receive_milk_twice),
    (openstock.SerialInStock, receive_a_phone_twice),
    (openstock.UnknownSerial, lambda c: c.serial_history("PHONE", "P9")),
    (openstock.SerialConflict, lambda c: c.receive("LON", [{"sku": "PHONE", "qty": 1}])),
    (openstock.SerialNotThere, lambda c: c.move("LON", [{"sku": "PHONE", "serials": ["P1"], "from": "A-1", "to": "A-2"}])),
    (openstock.UnknownHandlingUnit, lambda c: c.move("LON", [{"handling_unit": "H9", "to": "A-1"}])),
    (openstock.HandlingUnitElsewhere, receive_in_two_places),
    (openstock.OpIdReused, use_twice),
    (openstock.InUse, close_what_is_full),
    (openstock.InsufficientStock, lambda c: c.reserve("O-1", [{"sku": "APPLE", "qty": 999}], on_shortage="error")),
    (openstock.UnexpectedBalance, lambda c: c.adjust("LON", [{"sku": "APPLE", "set_to": 5, "expected": 999}], "count")),
    (openstock.UnknownOrder, lambda c: c.ship("O-9")),
    (openstock.OrderClosed, reserve_again),
    (openstock.NotReserved, ship_more),
    (openstock.LineExists, reserve_the_same_line),
    (openstock.HoldExpired, confirm_too_late),
    (openstock.NotHeld, extend_what_has_no_end),
]


def test_a_refused_call_says_why(client: Any) -> None:
    for number, (wanted, situation) in enumerate(SITUATIONS):
        with pytest.raises(OpenstockError) as raised:
            situation(client)
        error = raised.value
        assert type(error) is wanted, f"situation {number}: {error}"
        assert error.sqlstate == wanted.sqlstate
        assert error.detail
        assert error.hint
        assert isinstance(error.__cause__, psycopg.Error)
    assert client.retries == 0
    assert {wanted for wanted, _ in SITUATIONS} >= {error_class(code) for code in BY_CALLS}


def test_the_op_id_of_a_failed_call_is_readable(client: Any) -> None:
    with pytest.raises(openstock.UnknownOrder) as raised:
        client.ship("O-9")
    made = raised.value.op_id
    assert made is not None
    with pytest.raises(openstock.UnknownOrder) as raised:
        client.ship("O-9", op_id="given")
    assert raised.value.op_id == "given"
    with pytest.raises(openstock.InvalidArgument) as raised:
        client.ship("O-9\0", op_id="never sent")
    assert raised.value.op_id == "never sent"
    with pytest.raises(openstock.UnknownProduct) as raised:
        client.availability("PEAR")
    assert raised.value.op_id is None


def test_a_pruned_answer_is_an_error_and_no_second_booking(client: Any, db: psycopg.Connection) -> None:
    client.receive("LON", APPLES, op_id="long ago")
    db.execute("update openstock_core.operation set answer = null where op_id = 'long ago'")
    with unchanged(db), pytest.raises(openstock.AnswerPruned) as raised:
        client.receive("LON", APPLES, op_id="long ago")
    assert raised.value.detail == {"op_id": "long ago", "function": "receive"}


def test_tenants_and_logins_are_guarded(open_client: OpenClient, client: Any) -> None:
    with pytest.raises(openstock.NoTenant):
        open_client(tenant=None).receive("LON", APPLES)
    with pytest.raises(openstock.UnknownTenant):
        open_client(tenant="0197a000-0000-7000-8000-00000000dead").receive("LON", APPLES)
    with pytest.raises(openstock.NotAllowed) as raised:
        open_client("bound", tenant=OTHER_TENANT).receive("LON", APPLES)
    assert type(raised.value) is openstock.NotAllowed
    assert raised.value.detail == {"login": "test_bound", "tenant": str(OTHER_TENANT)}
    with pytest.raises(openstock.NoAccess) as raised:
        open_client("analyst").receive("LON", APPLES)
    assert raised.value.sqlstate == "42501"
    assert "permission denied" in raised.value.detail["problem"]
    with pytest.raises(openstock.NoAccess):
        client.admin.verify()


def test_a_write_where_nothing_can_be_written_is_read_only(
    open_client: OpenClient, client: Any, db: psycopg.Connection
) -> None:
    db.execute(f"alter database {db.info.dbname} set default_transaction_read_only = on")
    reader = open_client()
    with unchanged(db), pytest.raises(openstock.ReadOnly) as raised:
        reader.receive("LON", APPLES)
    assert raised.value.detail == {"function": "receive"}
    assert reader.stock() == client.stock() == []


@pytest.mark.parametrize("change", ["drop table {}", "alter table openstock_core.ledger detach partition {}"])
def test_a_month_that_is_missing_or_detached_is_named(client: Any, db: psycopg.Connection, change: str) -> None:
    [partition] = db.execute(
        "select min(inhrelid::regclass::text) from pg_inherits where inhparent = 'openstock_core.ledger'::regclass"
    ).fetchone() or ("",)
    db.execute(change.format(partition))
    with unchanged(db), pytest.raises(openstock.NoPartition) as raised:
        client.receive("LON", APPLES)
    assert raised.value.detail
    assert "ensure_partitions" in raised.value.hint


def test_a_function_that_is_not_there_asks_for_a_migration(client: Any, db: psycopg.Connection) -> None:
    db.execute("drop function openstock.search_products")
    with pytest.raises(openstock.NotMigrated) as raised:
        client.search_products("apple")
    assert raised.value.sqlstate == "42883"
    assert "migrate" in raised.value.hint


@pytest.fixture
def refusal(shop: Shop) -> openstock.OpenstockError:
    """An error as a caller gets it."""
    client = wrapped(shop.connection, tenant=TENANT)
    with pytest.raises(openstock.InsufficientStock) as raised:
        client.reserve("O-1", [{"sku": "RICE", "qty": Decimal("2.5")}], on_shortage="error", op_id="op-7")
    return raised.value


def test_an_error_is_shown_as_psql_shows_it_and_survives_pickling(refusal: openstock.OpenstockError) -> None:
    again = pickle.loads(pickle.dumps(refusal))
    for error in (refusal, again):
        assert type(error) is openstock.InsufficientStock
        assert str(error).splitlines() == [
            "OS201: There is not enough stock.",
            'DETAIL:  {"lines":[{"sku":"RICE","line":1,"offers":[],"available":0,"qty_short":2.5,"qty_ordered":2.5}],'
            '"order_ref":"O-1"}',
            "HINT:  DETAIL says, for each line, how much was asked and how much there is.",
            "OP_ID:  op-7",
        ]
        assert error.detail["lines"][0]["qty_short"] == Decimal("2.5")
        assert (error.sqlstate, error.message, error.op_id) == ("OS201", "There is not enough stock.", "op-7")


def test_who_catches_errors_of_psycopg_catches_these(refusal: openstock.OpenstockError) -> None:
    assert isinstance(refusal, psycopg.Error)
    assert isinstance(refusal.__cause__, psycopg.Error)
    for error in (refusal, pickle.loads(pickle.dumps(refusal))):
        assert error.diag.sqlstate == "OS201"
        assert error.diag.message_detail == refusal.__cause__.diag.message_detail


def test_an_error_that_nobody_foresaw_keeps_what_the_server_said(db: psycopg.Connection) -> None:
    with pytest.raises(psycopg.Error) as raised:
        db.execute("do $$ begin raise 'broken' using errcode = 'XX000', detail = 'in two', hint = 'glue it'; end $$")
    error = translate(raised.value)
    assert type(error) is OpenstockError
    assert (error.sqlstate, error.detail, error.hint) == ("XX000", {"problem": "broken", "more": "in two"}, "glue it")


def test_an_error_within_a_failed_transaction_says_that_it_failed_before(connect: Any) -> None:
    connection = connect(autocommit=False)
    client = wrapped(connection, tenant=TENANT)
    with pytest.raises(openstock.UnknownWarehouse):
        client.receive("NYC", APPLES)
    with pytest.raises(openstock.TransactionAborted):
        client.receive("LON", APPLES)
    with pytest.raises(openstock.TransactionAborted):
        client.stock()
