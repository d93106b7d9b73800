"""In hot-SKU mode others are let at the stock before the promise is on disk, and the caller is answered when it is."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from .conftest import Disk

NOW = """call openstock.reserve_now(op_id => %s, order_ref => %s, lines => '[{"sku": "APPLE", "qty": 1}]', tenant => %s)"""
THEN = """select outcome, replayed from openstock.reserve(op_id => %s, order_ref => %s, lines => '[{"sku": "APPLE", "qty": 1}]', tenant => %s)"""


@pytest.fixture
def still(disk: Disk) -> Iterator[Disk]:
    """The server; if its commits stand still, they go on in the end."""
    yield disk
    disk.go_on()


def test_others_sell_while_the_caller_waits(still: Disk) -> None:
    shop = still.shop()
    still.stand_still()
    calls = [still.call(NOW, f"op {n}", f"O{n}", shop.tenant) for n in range(3)]
    for pid, _ in calls:
        still.until_it_waits_for_the_disk(pid)
    assert still.orders(shop.tenant) == ["O0", "O1", "O2"]
    assert not any(answer.done() for _, answer in calls)
    still.go_on()
    rows = [row for _, answer in calls for [[row]] in answer.result(30)]
    assert [row["outcome"] for row in rows] == ["reserved"] * 3
    assert sorted(row["available"] for row in rows) == [7, 8, 9]


def test_otherwise_others_wait_with_the_caller(still: Disk) -> None:
    shop = still.shop()
    still.stand_still()
    first, one = still.call(THEN, "op 1", "O1", shop.tenant)
    still.until_it_waits_for_the_disk(first)
    second, other = still.call(THEN, "op 2", "O2", shop.tenant)
    still.until_it_waits_for_a_lock(second)
    assert still.orders(shop.tenant) == []
    still.go_on()
    assert (one.result(30), other.result(30)) == ([("reserved", False)], [("reserved", False)])


@pytest.mark.parametrize("again", [NOW, THEN], ids=["reserve_now", "reserve"])
def test_a_retry_waits_as_well(still: Disk, again: str) -> None:
    """Whoever lost the connection asks again, and must not be told of a promise that a crash may still take back."""
    shop = still.shop()
    still.stand_still()
    first, _ = still.call(NOW, "once", "O1", shop.tenant)
    still.until_it_waits_for_the_disk(first)
    retry, answer = still.call(again, "once", "O1", shop.tenant)
    still.until_it_waits_for_the_disk(retry)
    assert not answer.done()
    still.go_on()
    [row] = answer.result(30)
    assert (row[0][0]["replayed"] if again == NOW else row[1]) is True


def test_a_session_that_never_waits_waits_here(still: Disk) -> None:
    shop = still.shop()
    still.db.execute("alter role postgres set synchronous_commit = off")
    try:
        still.stand_still()
        pid, answer = still.call(NOW, "once", "O1", shop.tenant)
        still.until_it_waits_for_the_disk(pid)
        still.go_on()
        assert answer.result(30)
    finally:
        still.go_on()
        still.db.execute("alter role postgres reset synchronous_commit")


def test_what_was_answered_survives_a_crash(disk: Disk) -> None:
    shop = disk.shop()
    for n in range(3):
        disk.db.execute(NOW, [f"op {n}", f"O{n}", shop.tenant])
    disk.crash()
    assert disk.orders(shop.tenant) == ["O0", "O1", "O2"]
    assert disk.db.execute("select * from openstock_admin.verify(%s)", [shop.tenant]).fetchall() == []


def test_without_the_wait_it_would_be_lost(disk: Disk) -> None:
    """So the test above tests something."""
    shop = disk.shop()
    disk.stop_the_log_writer()
    disk.db.execute("set synchronous_commit = off")
    disk.db.execute(THEN, ["op", "O1", shop.tenant])
    disk.crash()
    assert disk.orders(shop.tenant) == []
    with pytest.raises(psycopg.OperationalError):
        shop.connection.execute("select 1")
