"""What the calls do inside, as PostgreSQL's own plans tell: they use indexes, whatever is in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from bench.databases import APP, Cluster, Connection, tenant_id

from .conftest import SKUS

SMALL = {"tenant", "tenant_login", "trusted_login", "warehouse", "location", "lot", "snapshot", "migration"}
"""Tables that have a few rows in this shop: reading all of them is the best plan."""
CALLS = {
    "reserve, one line": 'openstock.reserve(%(op)s, \'P-1\', \'[{"sku": "S1", "qty": 1}]\', tenant => %(tenant)s)',
    "reserve, many lines": "openstock.reserve(%(op)s, 'P-2', %(lines)s, tenant => %(tenant)s)",
    "reserve, two places": 'openstock.reserve(%(op)s, \'P-3\', \'[{"sku": "TWO", "qty": 1}]\', tenant => %(tenant)s)',
    "reserve, short": 'openstock.reserve(%(op)s, \'P-4\', \'[{"sku": "S1", "qty": 99999999}]\', tenant => %(tenant)s)',
    "allocate": "openstock.allocate(%(op)s, 'P-2', tenant => %(tenant)s)",
    "ship": "openstock.ship(%(op)s, 'P-2', tenant => %(tenant)s)",
    "release": "openstock.release(%(op)s, 'P-1', tenant => %(tenant)s)",
    "receive": "openstock.receive(%(op)s, 'MAIN', %(lines)s, tenant => %(tenant)s)",
    "availability": "openstock.availability('S1', tenant => %(tenant)s)",
}


@pytest.fixture
def session(cluster: Cluster, shop_copy: str) -> Iterator[Connection]:
    """A session that is shown the plan of each statement that it, or a function that it calls, runs."""
    with cluster.connect(shop_copy) as admin:
        admin.execute("select openstock_admin.grant_tenant(session_user::text, %s)", [tenant_id()])
        # Tables that only later calls fill: on empty ones any plan is as good as another.
        for first in range(1, SKUS + 1, 500):
            lines = json.dumps([{"sku": f"S{number}", "qty": 1} for number in range(first, first + 500)])
            for call in (
                f"reserve(%(op)s, 'A-{first}', %(lines)s, tenant => %(tenant)s)",
                f"allocate(%(op)s, 'A-{first}', tenant => %(tenant)s)",
            ):
                admin.execute(f"select count(*) from openstock.{call}", {"op": call, "lines": lines, "tenant": tenant_id()})
        admin.execute("vacuum (analyze)")
    with cluster.connect(shop_copy) as session:
        try:
            session.execute("load 'auto_explain'")
        except psycopg.Error as error:
            pytest.skip(f"this server has no auto_explain: {error}")
        for setting, value in {
            "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on",
            "auto_explain.log_format": "json",
            "client_min_messages": "log",
            # What is left of reading whole tables then has no index that it could use, at any size of the table.
            "enable_seqscan": "off",
        }.items():
            session.execute("select set_config(%s, %s, false)", [setting, value])
        yield session


def plans_of(session: Connection, call: str) -> list[dict[str, Any]]:
    """The plans of the statements within a call, the call's own left out."""
    said: list[str] = []
    handler = lambda notice: said.append(notice.message_primary)  # noqa: E731
    session.add_notice_handler(handler)
    lines = json.dumps([{"sku": f"S{number}", "qty": 1} for number in range(1, 51)])
    session.execute(f"select count(*) from {call}", {"op": f"op {call[:60]}", "lines": lines, "tenant": tenant_id()})
    session.remove_notice_handler(handler)
    documents = [json.loads(text[text.index("{") :]) for text in said if "duration:" in text]
    return [document for document in documents if call.split("(")[0] not in document["Query Text"]]


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Every scan of a table in a plan: its kind, the table, and whether an index led it to the rows that it wanted."""
    if "Relation Name" in plan and "Scan" in plan["Node Type"]:
        parts = [plan, *plan.get("Plans", [])] if plan["Node Type"] == "Bitmap Heap Scan" else [plan]
        yield plan["Node Type"], plan["Relation Name"], any("Index Cond" in part for part in parts)
    for below in plan.get("Plans", []):
        yield from scans(below)


def test_no_call_reads_the_whole_of_a_table_that_grows(session: Connection) -> None:
    whole = []
    for title, call in CALLS.items():
        plans = plans_of(session, call)
        assert len(plans) > 3, f"{title}: too few plans were seen"
        for document in plans:
            whole += [
                f"{title}: {kind} on {table}: {' '.join(document['Query Text'].split())[:200]}"
                for kind, table, led in scans(document["Plan"])
                if not led and table not in SMALL
            ]
    assert whole == []


def test_writing_calls_do_not_read_the_ledger(session: Connection) -> None:
    """What they have to know is in the balances, so that they cost as much with ten years behind them."""
    read = [
        f"{title}: {table}"
        for title, call in CALLS.items()
        for document in plans_of(session, call)
        for _, table, _ in scans(document["Plan"])
        if table.startswith("ledger")
    ]
    assert read == []


def test_a_month_of_the_ledger_is_one_partition(session: Connection) -> None:
    query = "select * from openstock.ledger where recorded_at >= date_trunc('month', now()) and recorded_at <= now()"
    with session.transaction():
        session.execute("select set_config('app.tenant_id', %s, true)", [str(tenant_id())])
        [[[document]]] = session.execute(f"explain (analyze, costs off, format json) {query}").fetchall()
    tables = {table for _, table, _ in scans(document["Plan"]) if table.startswith("ledger_")}
    assert len(tables) == 1


def test_the_last_balance_of_a_level_is_found_without_reading_its_history(session: Connection) -> None:
    [[[document]]] = session.execute(
        """explain (analyze, format json)
           select e.on_hand_after from openstock_core.ledger e
           where e.tenant_id = %s and e.product_id = 1 and e.warehouse_id = 1 and e.recorded_at <= now()
             and e.on_hand_after is not null
           order by e.recorded_at desc, e.entry_id desc limit 1""",
        [tenant_id()],
    ).fetchall()
    assert {kind for kind, *_ in scans(document["Plan"])} == {"Index Scan"}
    assert document["Plan"]["Actual Rows"] == 1


def test_balances_are_updated_in_place(cluster: Cluster, shop_copy: str) -> None:
    """Heap-only, that is: without a new entry in any index, and the room of old versions is used again."""
    counters = (
        "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relid = 'openstock_core.stock_level'::regclass"
    )
    with cluster.connect(shop_copy) as admin, cluster.connect(shop_copy, APP) as app:
        # A transaction begins to count what it did before only when it is told to.
        admin.execute("select pg_stat_force_next_flush()")
        [(updates, hot)] = admin.execute(counters).fetchall()
        for number in range(600):
            sku = 1 + number % 10 if number % 2 else 1 + number * 7 % SKUS
            app.execute(
                "select count(*) from openstock.reserve(gen_random_uuid()::text, %s, %s, tenant => %s)",
                [f"HOT-{number}", json.dumps([{"sku": f"S{sku}", "qty": 1}]), tenant_id()],
            )
        app.execute("select pg_stat_force_next_flush()")
        app.execute("select")
        [(updates_after, hot_after)] = admin.execute(counters).fetchall()
    assert updates_after - updates >= 600
    assert (hot_after - hot) / (updates_after - updates) >= 0.95
