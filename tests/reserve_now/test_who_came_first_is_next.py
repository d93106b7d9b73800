"""In hot-SKU mode those who want the same level queue for it, so that nobody overtakes."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from ..support import Connect, Shop, call, call_now, wait_until_blocked

EVENT = "select wait_event from pg_stat_activity where pid = %s"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def test_all_but_the_first_wait_in_a_queue_of_their_own(
    shop: Shop, connect: Connect, db: psycopg.Connection, threads: ThreadPoolExecutor
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}, {"sku": "RICE", "qty": 1}])
    holder, *sessions = (connect() for _ in range(5))
    answers, waits = [], []
    with holder.transaction():
        call(holder, "reserve", op_id="held", order_ref="HELD", lines=[{"sku": "APPLE", "qty": 1}], tenant=shop.tenant)
        for n, session in enumerate(sessions):
            order = {"op_id": f"op {n}", "order_ref": f"O{n}", "lines": [{"sku": "APPLE", "qty": 1}], "tenant": shop.tenant}
            answers.append(threads.submit(call_now, session, **order))
            wait_until_blocked(db, session)
            waits += db.execute(EVENT, [session.info.backend_pid]).fetchall()
        [other] = call_now(shop.connection, op_id="other", order_ref="RICE", lines=[{"sku": "RICE", "qty": 1}], tenant=shop.tenant)
        assert other["outcome"] == "reserved"
    assert waits == [("transactionid",), *[("advisory",)] * 3]
    assert [row["available"] for answer in answers for row in answer.result(30)] == [8, 7, 6, 5]
    assert shop.differences() == []
