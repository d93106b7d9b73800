"""Deadlocks, serialization failures and lock timeouts between real connections, and how often they are repeated."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest

import openstock
from openstock import Retry

from ..support import TENANT, Connect, Shop, call, unchanged, wait_until
from .faces import OpenClient, meanwhile

ONE_APPLE = [{"sku": "APPLE", "qty": 1}]


def wait_for_lock(db: psycopg.Connection, client: Any) -> None:
    """Wait until the client's session waits for a lock."""
    waiting = f"select from pg_stat_activity where pid = {client.pid()} and wait_event_type = 'Lock'"
    wait_until(db, f"select exists ({waiting})")


def every_session_is(db: psycopg.Connection, isolation: str) -> None:
    db.execute(f"alter database {db.info.dbname} set default_transaction_isolation = '{isolation}'")


def test_a_call_that_lost_against_its_twin_returns_the_twins_answer(
    open_client: OpenClient, client: Any, connect: Connect, db: psycopg.Connection
) -> None:
    # Under repeatable read the second twin cannot see what the first one committed: it fails with 40001.
    every_session_is(db, "repeatable read")
    second = open_client()
    first = connect(autocommit=False)
    call(first, "receive", op_id="twin", warehouse="LON", lines=ONE_APPLE, tenant=TENANT)
    with meanwhile(lambda: second.receive("LON", ONE_APPLE, op_id="twin")) as answer:
        wait_for_lock(db, second)
        first.commit()
        assert [row.replayed for row in answer()] == [True]
    assert second.retries == 1
    assert [s.on_hand for s in client.stock("APPLE")] == [1]


def test_without_retries_the_failure_is_the_callers(
    open_client: OpenClient, client: Any, connect: Connect, db: psycopg.Connection
) -> None:
    every_session_is(db, "repeatable read")
    second = open_client(retry=Retry(attempts=1))
    first = connect(autocommit=False)
    call(first, "receive", op_id="twin", warehouse="LON", lines=ONE_APPLE, tenant=TENANT)
    with meanwhile(lambda: second.receive("LON", ONE_APPLE, op_id="twin")) as answer:
        wait_for_lock(db, second)
        first.commit()
        with pytest.raises(openstock.SerializationFailure) as raised:
            answer()
    assert (raised.value.sqlstate, raised.value.op_id) == ("40001", "twin")
    assert raised.value.detail["problem"]
    assert (second.retries, client.retries) == (0, 0)


def test_a_whole_transaction_is_run_again_after_a_serialization_failure(open_client: OpenClient, client: Any) -> None:
    other = open_client()
    client.receive("LON", [{"sku": "APPLE", "qty": 10}])
    seen = []

    def reserve_half(mine: Any) -> str:
        mine.sql("set transaction isolation level repeatable read")
        [stock] = mine.stock("APPLE")
        seen.append(stock.available)
        if len(seen) == 1:
            other.reserve("OTHER", [{"sku": "APPLE", "qty": 4}])
        [row] = mine.reserve("MINE", [{"sku": "APPLE", "qty": stock.available / 2}])
        return row.outcome

    assert client.transaction(reserve_half) == "reserved"
    assert seen == [10, 6]
    assert client.retries == 1
    assert [s.reserved for s in client.stock("APPLE")] == [7]


def test_two_transactions_that_deadlock_both_take_effect_once(
    open_client: OpenClient, client: Any, db: psycopg.Connection
) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 10}])
    # Deadlocks are looked for after this time.
    db.execute(f"alter database {db.info.dbname} set deadlock_timeout = '20ms'")
    both_hold_one = threading.Barrier(2)

    def take(mine: Any, *skus: str) -> int:
        attempts = 0

        def work(inner: Any) -> int:
            nonlocal attempts
            attempts += 1
            inner.adjust("LON", [{"sku": skus[0], "qty": -1}], "deadlock")
            if attempts == 1:
                both_hold_one.wait(60)
            inner.adjust("LON", [{"sku": skus[1], "qty": -1}], "deadlock")
            return attempts

        return mine.transaction(work)

    first, second = open_client(), open_client()
    with meanwhile(lambda: take(first, "APPLE", "RICE")) as answer:
        attempts = [take(second, "RICE", "APPLE"), answer()]
    assert sorted(attempts) == [1, 2]
    assert first.retries + second.retries == 1
    assert [(s.sku, s.on_hand) for s in client.stock()] == [("APPLE", 8), ("RICE", 8)]


def test_repeating_is_bounded_and_says_how_often(open_client: OpenClient, client: Any) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 100}])
    unlucky = open_client(retry=Retry(attempts=3, base=0))

    def lose(mine: Any) -> None:
        mine.sql("set transaction isolation level repeatable read")
        mine.stock("APPLE")
        client.adjust("LON", [{"sku": "APPLE", "qty": -1}], "always a little earlier")
        mine.adjust("LON", [{"sku": "APPLE", "qty": -1}], "too late", op_id="mine")

    with pytest.raises(openstock.SerializationFailure) as raised:
        unlucky.transaction(lose)
    assert unlucky.retries == 2
    assert raised.value.op_id == "mine"
    assert raised.value.__notes__ == ["It was tried 3 times."]
    assert [s.on_hand for s in client.stock("APPLE")] == [97]


def test_a_serialization_failure_of_the_callers_own_statement_is_repeated_too(
    open_client: OpenClient, client: Any, db: psycopg.Connection
) -> None:
    db.execute("create table public.counter (n integer not null)")
    db.execute("insert into public.counter values (0)")
    db.execute("grant select, update on public.counter to public")
    attempts = []

    def count(mine: Any) -> None:
        attempts.append(1)
        mine.sql("set transaction isolation level repeatable read")
        mine.sql("select n from public.counter")
        if len(attempts) == 1:
            db.execute("update public.counter set n = n + 1")
        mine.sql("update public.counter set n = n + 1")

    client.transaction(count)
    assert db.execute("select n from public.counter").fetchone() == (2,)
    assert client.retries == 1

    def count_forever(mine: Any) -> None:
        mine.sql("set transaction isolation level repeatable read")
        mine.sql("select n from public.counter")
        db.execute("update public.counter set n = n + 1")
        mine.sql("update public.counter set n = n + 1")

    with pytest.raises(psycopg.errors.SerializationFailure):
        open_client(retry=Retry(attempts=2)).transaction(count_forever)


def test_a_lock_timeout_is_an_error_at_once(open_client: OpenClient, client: Any, connect: Connect) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 10}])
    holder = connect(autocommit=False)
    call(holder, "adjust", op_id="held", warehouse="LON", lines=ONE_APPLE, reason="held", tenant=TENANT)
    hasty = open_client(lock_timeout=0.02)
    with pytest.raises(openstock.LockTimeout) as raised:
        hasty.adjust("LON", ONE_APPLE, "late")
    assert raised.value.sqlstate == "55P03"
    assert hasty.retries == 0
    holder.rollback()
    hasty.adjust("LON", ONE_APPLE, "free now")


ONE = [{"line": 1, "qty": 1}]
# What waits for the stock of a product that another transaction changes.
OF_STOCK: dict[str, Callable[[Any], Any]] = {
    "receive": lambda c: c.receive("LON", ONE_APPLE),
    "move": lambda c: c.move("LON", [{"sku": "APPLE", "qty": 1, "from": "A-1", "to": "A-2"}]),
    "put_quotas": lambda c: c.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 1}]),
    "reserve": lambda c: c.reserve("O-2", ONE_APPLE),
    "reserve in part": lambda c: c.reserve("O-2", [{"sku": "APPLE", "qty": 99}], on_shortage="partial"),
    "reserve many": lambda c: c.reserve("O-2", [{"sku": "RICE", "qty": 1}, {"sku": "APPLE", "qty": 1}]),
    "reserve certain units": lambda c: c.reserve("O-2", [{"sku": "APPLE", "qty": 1, "warehouse": "LON", "location": "A-1"}]),
    "reserve now": lambda c: c.reserve("O-2", ONE_APPLE, now=True),
    "amend": lambda c: c.amend("O-1", [{"line": 1, "qty": 4}]),
    "release": lambda c: c.release("O-1", ONE),
    "cancel": lambda c: c.cancel("O-1"),
    "allocate": lambda c: c.allocate("O-1"),
    "allocate or fail": lambda c: c.allocate("O-1", on_shortage="error"),
    "deallocate": lambda c: c.deallocate("PINNED"),
    "short_pick": lambda c: c.short_pick("PINNED", [{"line": 1, "location": "A-1", "qty": 1}]),
    "ship": lambda c: c.ship("O-1"),
    "ship what is pinned": lambda c: c.ship("PINNED", ONE),
    "fill_backorders": lambda c: c.fill_backorders(),
}
# What waits for an order that another transaction changes.
OF_ORDERS = ["amend", "release", "cancel", "allocate", "ship", "extend", "confirm", "reserve more"]
ON_ORDERS = {name: call for name, call in OF_STOCK.items() if name in OF_ORDERS} | {
    "extend": lambda c: c.extend("O-1", timedelta(hours=2)),
    "confirm": lambda c: c.confirm("O-1"),
    "reserve more": lambda c: c.reserve("O-1", [{"sku": "RICE", "qty": 1}]),
}


@pytest.fixture
def busy(client: Any, shop: Shop) -> Any:
    """10 apples in A-1, of which 3 are held for O-1 and 2 promised to PINNED, and 9 rice; WAITS waits for 1 that came free."""
    shop.put_products(lines=[{"sku": "APPLE", "backorder": "unlimited"}])
    client.put_channels([{"code": "WEB"}])
    client.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 9}])
    client.reserve("PINNED", [{"sku": "APPLE", "qty": 2}])
    client.allocate("PINNED")
    client.reserve("O-1", [{"sku": "APPLE", "qty": 3}], ttl=timedelta(hours=1))
    client.reserve("GONE", [{"sku": "APPLE", "qty": 5}])
    client.reserve("WAITS", ONE_APPLE, on_shortage="backorder")
    client.release("GONE")
    return client


@pytest.mark.parametrize("function", OF_STOCK)
def test_whoever_waits_for_stock_in_vain_is_not_told_of_a_shortage(
    open_client: OpenClient, busy: Any, connect: Connect, db: psycopg.Connection, function: str
) -> None:
    holder = connect(autocommit=False)
    less = [{"sku": "APPLE", "qty": -1, "location": "A-1"}]
    call(holder, "adjust", op_id="held", warehouse="LON", lines=less, reason="held", tenant=TENANT)
    hasty = open_client(lock_timeout=0.02)
    with unchanged(db), pytest.raises(openstock.LockTimeout) as raised:
        OF_STOCK[function](hasty)
    assert raised.value.detail["problem"] == "canceling statement due to lock timeout"
    assert hasty.retries == 0
    holder.rollback()
    assert OF_STOCK[function](hasty) is not None


@pytest.mark.parametrize("function", ON_ORDERS)
def test_whoever_waits_for_an_order_in_vain_is_not_told_of_a_shortage(
    open_client: OpenClient, busy: Any, connect: Connect, db: psycopg.Connection, function: str
) -> None:
    holder = connect(autocommit=False)
    call(holder, "reserve", op_id="held", order_ref="O-1", lines=[{"sku": "RICE", "qty": 1}], tenant=TENANT)
    hasty = open_client(lock_timeout=0.02)
    with unchanged(db), pytest.raises(openstock.LockTimeout):
        ON_ORDERS[function](hasty)
    holder.rollback()
    assert ON_ORDERS[function](hasty)


def test_a_lock_timeout_is_repeated_on_request(open_client: OpenClient, client: Any, connect: Connect) -> None:
    client.receive("LON", [{"sku": "APPLE", "qty": 10}])
    holder = connect(autocommit=False)
    call(holder, "adjust", op_id="held", warehouse="LON", lines=ONE_APPLE, reason="held", tenant=TENANT)
    patient = open_client(lock_timeout=0.02, retry=Retry(attempts=1000, on_lock_timeout=True))
    repeated = threading.Event()

    def watch() -> None:
        while not patient.retries:
            repeated.wait(0.005)

    with meanwhile(lambda: patient.adjust("LON", ONE_APPLE, "late")) as answer:
        watch()
        holder.rollback()
        assert [row.on_hand for row in answer()] == [11]


def test_other_errors_are_never_repeated(client: Any) -> None:
    attempts = []

    def fail(mine: Any) -> None:
        attempts.append(1)
        mine.ship("UNKNOWN")

    with pytest.raises(openstock.UnknownOrder):
        client.transaction(fail)
    assert len(attempts) == 1
    assert client.retries == 0


def test_pauses_grow_up_to_the_cap_and_are_random() -> None:
    retry = Retry(base=0.01, cap=0.08)
    for attempt, longest in enumerate([0.01, 0.02, 0.04, 0.08, 0.08], start=1):
        pauses = [retry.pause(attempt) for _ in range(200)]
        assert longest / 2 < max(pauses) <= longest
        assert min(pauses) < longest / 2
    assert Retry(cap=1e300).pause(10**6) >= 0
    assert Retry(base=0).pause(5) == 0


@pytest.mark.parametrize("bounds", [{"attempts": 0}, {"base": -1}, {"cap": float("inf")}, {"cap": float("nan")}])
def test_bounds_that_are_none_are_refused(bounds: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Retry(**bounds)
