"""A time range touches only its months; BRIN finds time, the primary key a product's history, one more an operation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest

from tests.support import TENANT

MONTH = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
PARTITION = f"ledger_{MONTH:%Y_%m}"


@pytest.fixture
def history(db: psycopg.Connection) -> psycopg.Connection:
    """A database with 20,000 entries, one a second from the beginning of this month, of 2,000 products."""
    db.execute(
        "insert into openstock_core.ledger (tenant_id, product_id, warehouse_id, recorded_at, entry_id, line, op_id, "
        "event_type, reserved_delta, on_hand_after, blocked_after, reserved_after, order_ref, actor) "
        "select %s, n %% 2000, 1, %s + n * interval '1 second', n, 1, 'op-' || n, "
        "'RESERVE', 1, 0, 0, n / 2000 + 1, 'O' || n, 'me' "
        "from generate_series(0, 19999) as n",
        [TENANT, MONTH],
    )
    db.execute(f"analyze openstock_core.{PARTITION}")
    return db


def plan(db: psycopg.Connection, condition: str) -> str:
    return "\n".join(line for (line,) in db.execute(f"explain select * from openstock_core.ledger where {condition}"))


def scanned(text: str) -> set[str]:
    """The partitions that a plan reads."""
    words = text.replace("(", " ").split()
    return {after for word, after in pairwise(words) if word == "on" and after.count("_") == 2}


def test_a_time_range_scans_only_its_months_and_finds_the_time_by_brin(history: psycopg.Connection) -> None:
    text = plan(
        history, f"recorded_at >= '{MONTH + timedelta(hours=1)}' and recorded_at < '{MONTH + timedelta(minutes=65)}'"
    )
    assert scanned(text) == {PARTITION}
    assert f"Bitmap Index Scan on {PARTITION}_recorded_at_idx" in text


def test_a_time_that_is_known_only_when_it_runs_skips_the_other_months_too(history: psycopg.Connection) -> None:
    text = plan(history, "recorded_at >= now() - interval '1 minute' and recorded_at < now()")
    assert "Subplans Removed: 12" in text or scanned(text) == {PARTITION}


def test_the_primary_key_serves_the_history_of_a_product(history: psycopg.Connection) -> None:
    text = plan(history, f"tenant_id = '{TENANT}' and product_id = 7 and warehouse_id = 1")
    assert f"{PARTITION}_pkey" in text


def test_an_operations_entries_are_found_by_its_op_id(history: psycopg.Connection) -> None:
    text = plan(history, f"tenant_id = '{TENANT}' and op_id = 'op-77'")
    assert f"{PARTITION}_tenant_id_op_id_idx" in text


def test_there_are_no_other_indexes(db: psycopg.Connection) -> None:
    indexes = db.execute(
        "select c.relname, a.amname "
        "from pg_index i join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam "
        "where i.indrelid = 'openstock_core.ledger'::regclass order by 1"
    ).fetchall()
    assert indexes == [("ledger_operation", "btree"), ("ledger_pkey", "btree"), ("ledger_recorded_at", "brin")]
