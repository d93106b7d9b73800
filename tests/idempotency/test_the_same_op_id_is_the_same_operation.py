"""Whoever repeats a call with its op_id gets the stored answer, and nothing happens twice."""

from __future__ import annotations

import json

import psycopg
import pytest
from psycopg import IsolationLevel
from psycopg.types.json import Jsonb

from tests.calls import CALLS, WITH_LINES, Call, prepare
from tests.support import OTHER_TENANT, Connect, Shop, columns, denied, fails, refused, unchanged

every_function = pytest.mark.parametrize("call", CALLS, ids=str)


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The shop that the calls need."""
    return prepare(shop)


@every_function
def test_a_replay_gives_the_same_answer_and_changes_nothing(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    first = call(shop, op_id="once")
    assert {row["replayed"] for row in first} == {False}
    with unchanged(db):
        for _ in range(2):
            assert call(shop, op_id="once") == [row | {"replayed": True} for row in first]


@every_function
def test_an_operation_and_its_event_are_written_once(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    for _ in range(2):
        call(shop, op_id="once")
    done = db.execute("select tenant_id, function from openstock_core.operation where op_id = 'once'").fetchall()
    assert done == [(shop.tenant, call.function)]
    assert db.execute("select count(*) from openstock_core.event where op_id = 'once'").fetchone() == (1,)


@every_function
def test_another_request_under_the_same_op_id_is_refused(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    call(shop, op_id="once")
    with refused(db, "OS010", op_id="once", first_used_for=call.function):
        call(shop, op_id="once", **call.other)


@every_function
def test_another_function_under_the_same_op_id_is_refused(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    shop.put_warehouses(lines=[{"code": "PAR"}], op_id="once")
    with refused(db, "OS010", op_id="once", first_used_for="put_warehouses"):
        call(shop, op_id="once")


@every_function
def test_a_pruned_answer_is_an_error_and_no_second_booking(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    call(shop, op_id="once")
    db.execute("update openstock_core.operation set answer = null where op_id = 'once'")
    with refused(db, "OS011", op_id="once", function=call.function):
        call(shop, op_id="once")


@every_function
def test_an_argument_that_is_null_is_one_that_is_absent(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    call(shop, op_id="once")
    with unchanged(db):
        nulls: dict[str, None] = dict.fromkeys(call.optional)
        assert {row["replayed"] for row in call(shop, op_id="once", **nulls)} == {True}


@pytest.mark.parametrize("call", WITH_LINES, ids=str)
def test_the_order_of_keys_and_the_spaces_between_them_do_not_matter(
    shop: Shop, db: psycopg.Connection, call: Call
) -> None:
    line = call.line | {"line": 1}
    call(shop, op_id="once", lines=json.dumps([line]))
    with unchanged(db):
        backwards = json.dumps([dict(reversed(line.items()))], indent=3)
        assert {row["replayed"] for row in call(shop, op_id="once", lines=backwards)} == {True}


def digest_of(connection: psycopg.Connection, function: str, arguments: str) -> bytes:
    [digest] = connection.execute("select openstock_core.request_hash(%s, %s)", [function, arguments]).fetchone() or (
        "",
    )
    assert isinstance(digest, bytes)
    return digest


@pytest.mark.parametrize("function", ["put_products", "receive"])
def test_a_new_argument_that_is_null_changes_no_digest(db: psycopg.Connection, function: str) -> None:
    assert digest_of(db, function, '{"lines": [], "new": null}') == digest_of(db, function, '{"lines": []}')


@pytest.mark.parametrize("call", [call for call in WITH_LINES if "qty" in call.line], ids=str)
@pytest.mark.parametrize("again", ["{}.0", "{}.000000", "{}e0"])
def test_a_number_is_the_same_however_it_is_written(shop: Shop, db: psycopg.Connection, call: Call, again: str) -> None:
    call(shop, op_id="once", lines=json.dumps([call.line | {"qty": 1}]))
    lines = json.dumps([call.line | {"qty": "N"}]).replace('"N"', again.format(1))
    with unchanged(db):
        assert {row["replayed"] for row in call(shop, op_id="once", lines=lines)} == {True}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"q": 1.50}', '{"q": 1.5}', True),
        ('{"q": [{"p": -0.10, "r": 100}]}', '{"q": [{"p": -0.1, "r": 100.00}]}', True),
        ('{"q": 0.0, "r": 1}', '{"q": 0, "r": 1.0}', True),
        ('{"q": {"attributes": {"weight": 2.50}}}', '{"q": {"attributes": {"weight": 2.5}}}', True),
        ('{"EU": 1.50, "ZONE 1": 2.0, "": 3.0, "\u00e5": 4.0}', '{"EU": 1.5, "ZONE 1": 2, "": 3, "\u00e5": 4}', True),
        ('{"q": 100}', '{"q": 1}', False),
        ('{"q": 1.05}', '{"q": 1.5}', False),
        ('{"q": 10.0}', '{"q": 1}', False),
        ('{"q": "1.0"}', '{"q": "1"}', False),
        ('{"q": ": 1.0, a"}', '{"q": ": 1, a"}', False),
        (r'{"q": "a\": 1.0, b"}', r'{"q": "a\": 1, b"}', False),
        (r'{"q": "a\\\": 1.0, b"}', r'{"q": "a\\\": 1, b"}', False),
        ('{"q": ["a", ": 1.0,"]}', '{"q": ["a", ": 1,"]}', False),
        ('{"q": [": 1.0,"]}', '{"q": [": 1,"]}', False),
        ('{": 1.0,": 1}', '{": 1,": 1}', False),
        (r'{"q": "A 1\": 1.0, b"}', r'{"q": "A 1\": 1, b"}', False),
    ],
)
def test_only_numbers_are_compared_by_value(db: psycopg.Connection, one: str, other: str, same: bool) -> None:
    for conforming in ("on", "off"):
        with db.transaction():
            db.execute(f"set local standard_conforming_strings = {conforming}")
            assert (digest_of(db, "receive", one) == digest_of(db, "receive", other)) is same


@pytest.mark.parametrize("call", WITH_LINES, ids=str)
def test_a_key_that_is_null_is_one_that_is_absent(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    if call.function.startswith("put_"):
        pytest.skip("there a null clears a value, and an absent key leaves it")
    call(shop, op_id="once", lines=json.dumps([call.line]))
    key = next(key for key in call.keys if key not in call.line)
    with unchanged(db):
        assert {row["replayed"] for row in call(shop, op_id="once", lines=[call.line | {key: None}])} == {True}


def test_a_null_that_clears_a_value_is_another_request(shop: Shop, db: psycopg.Connection) -> None:
    tea = {"sku": "TEA", "name": "Tea", "description": "Green"}
    shop.put_products(lines=[tea])
    shop.put_products(lines=[{"sku": "TEA"}], op_id="once")
    with refused(db, "OS010", op_id="once"):
        shop.put_products(lines=[{"sku": "TEA", "description": None}], op_id="once")
    shop.put_products(lines=[{"sku": "TEA", "attributes": {"a": None}}], op_id="twice")
    with refused(db, "OS010", op_id="twice"):
        shop.put_products(lines=[{"sku": "TEA", "attributes": {}}], op_id="twice")


@pytest.mark.parametrize("call", [call for call in CALLS if "occurred_at" in call.optional], ids=str)
def test_the_same_moment_is_the_same_request_in_any_time_zone(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    call(shop, op_id="once", occurred_at="2026-03-01 12:00:00+00")
    shop.connection.execute("set timezone = 'Asia/Kathmandu'")
    with unchanged(db):
        assert {row["replayed"] for row in call(shop, op_id="once", occurred_at="2026-03-01 13:00:00+01")} == {True}


@every_function
def test_an_op_id_has_1_to_128_bytes(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    with unchanged(db):
        for op_id in (None, "", "x" * 129, "\u00e9" * 65)[0 if call.needs_op_id else 1 :]:
            with fails("22023", argument="op_id"):
                call(shop, op_id=op_id)
    for op_id in ("x" * 128, "\u00e9" * 64):
        with shop.connection.transaction(force_rollback=True):
            call(shop, op_id=op_id)


@pytest.mark.parametrize("call", [call for call in CALLS if call.needs_op_id], ids=str)
def test_an_op_id_must_be_given(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    named = ", ".join(f"{name} => %({name})s" for name in call.arguments)
    values = {name: Jsonb(value) if isinstance(value, list) else value for name, value in call.arguments.items()}
    with denied(db, "42883"):
        shop.connection.execute(f"select * from openstock.{call.function}({named}, tenant => '{shop.tenant}')", values)


@every_function
def test_a_refused_call_leaves_its_op_id_free(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    wrong = {"lines": [call.line | {"colour": 1}]} if call.keys else call.wrong
    with unchanged(db), pytest.raises(psycopg.Error):
        call(shop, op_id="once", **wrong)
    assert {row["replayed"] for row in call(shop, op_id="once")} == {False}


@every_function
def test_a_rolled_back_call_leaves_its_op_id_free(shop: Shop, call: Call) -> None:
    with shop.connection.transaction(force_rollback=True):
        call(shop, op_id="once")
    assert {row["replayed"] for row in call(shop, op_id="once")} == {False}


@every_function
def test_a_replay_within_the_transaction_is_recognised(shop: Shop, call: Call) -> None:
    with shop.connection.transaction():
        call(shop, op_id="once")
        assert {row["replayed"] for row in call(shop, op_id="once")} == {True}
    assert shop.differences() == []


@every_function
@pytest.mark.parametrize("level", [IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE])
def test_a_replay_is_recognised_at_stricter_isolation_levels(
    shop: Shop, db: psycopg.Connection, connect: Connect, call: Call, level: IsolationLevel
) -> None:
    first = call(shop, op_id="once")
    connection = connect("app", autocommit=False)
    connection.isolation_level = level
    with unchanged(db):
        assert call(Shop(connection, db), op_id="once") == [row | {"replayed": True} for row in first]
        connection.commit()


@every_function
def test_nothing_is_written_in_a_read_only_transaction(shop: Shop, db: psycopg.Connection, call: Call) -> None:
    call(shop, op_id="once")
    with unchanged(db):
        for op_id in ("new", "once"):
            with fails("25006", function=call.function), shop.connection.transaction():
                shop.connection.execute("set transaction read only")
                call(shop, op_id=op_id)


def test_an_op_id_belongs_to_its_tenant(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    for one in (shop, other):
        answer = one.receive("LON", [{"sku": "APPLE", "qty": 5}], op_id="once")
        assert columns(answer, "replayed") == [(False,)]
    assert shop.level("APPLE") == (15, 0, 3, 12)
    assert other.level("APPLE") == (5, 0, 0, 5)


def test_op_ids_are_compared_byte_by_byte(shop: Shop) -> None:
    for op_id in ("once", "ONCE", " once", "CAF\u00c9", "CAFE\u0301"):
        assert columns(shop.receive("LON", [{"sku": "APPLE", "qty": 1}], op_id=op_id), "replayed") == [(False,)]
    assert shop.level("APPLE")[0] == 15


def test_a_replay_tells_what_happened_then_and_not_what_is_now(shop: Shop) -> None:
    first = shop.reserve("O1", [{"sku": "APPLE", "qty": 2}], op_id="once")
    shop.ship("O1")
    shop.put_products(lines=[{"sku": "APPLE", "active": False}])
    assert shop.reserve("O1", [{"sku": "APPLE", "qty": 2}], op_id="once") == [row | {"replayed": True} for row in first]
    assert shop.level("APPLE") == (8, 0, 3, 5)


def test_an_answer_without_rows_is_replayed_without_rows(shop: Shop, db: psycopg.Connection) -> None:
    shop.allocate("ORDER")
    assert shop.allocate("ORDER", op_id="once") == []
    shop.reserve("ORDER", [{"sku": "APPLE", "qty": 1}])
    with unchanged(db):
        assert shop.allocate("ORDER", op_id="once") == []


def test_each_operation_keeps_its_own_answer(shop: Shop) -> None:
    one, two = ({"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": qty}], "op_id": f"of {qty}"} for qty in (1, 2))
    first = shop.receive(**one)
    second = shop.receive(**two)
    assert shop.receive(**one) == [row | {"replayed": True} for row in first]
    assert shop.receive(**two) == [row | {"replayed": True} for row in second]
