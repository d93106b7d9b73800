"""The demo, small: a shop, workers, an attempt to oversell, the proof, and a server that can be looked at."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg

from openstock.server import Server

from .conftest import COMMAND, Openstock, environment


def test_the_demo_proves_that_nothing_was_oversold(embedded: Openstock, home: Path) -> None:
    demo = embedded("demo", "--seconds", 2, "--skus", 300, "--workers", 8)

    assert demo.code == 0, demo.err
    for word in ("8 orders of 5 at once, 4 promised, 4 refused", "verify: 0 differences", "psql", "down"):
        assert word in demo.out
    with psycopg.connect(Server(home).dsn("openstock"), autocommit=True) as connection:
        [tenant] = connection.execute("select tenant_id from openstock_admin.tenants").fetchone() or [None]
        assert str(tenant) in demo.out
        connection.execute("select set_config('app.tenant_id', %s, false)", [str(tenant)])
        scarce = "select sum(on_hand), sum(reserved), sum(available) from openstock.stock where sku = 'LAST-TWENTY'"
        assert connection.execute(scarce).fetchone() == (20, 20, 0)
        kinds = "select distinct event_type from openstock.ledger where op_id like 'W%'"
        done = {kind for (kind,) in connection.execute(kinds)}
        assert {"RESERVE", "ALLOCATE", "SHIP", "RELEASE"} <= done
        workers = "select distinct actor from openstock.ledger where event_type = 'SHIP'"
        assert connection.execute(workers).fetchall() == [("openstock_demo",)]
        assert connection.execute("select count(*) from openstock_core.current_stock").fetchone() != (0,)


def test_a_demo_on_a_database_of_ones_own_makes_a_shop_beside_the_others(
    openstock: Openstock, db: psycopg.Connection
) -> None:
    before = db.execute("select count(*) from openstock_admin.tenants").fetchone()[0]  # type: ignore[index]

    for _ in range(2):
        demo = openstock("demo", "--seconds", 0.3, "--skus", 50, "--workers", 2)
        assert demo.code == 0, demo.err
        assert "stop it" not in demo.out

    assert db.execute("select count(*) from openstock_admin.tenants").fetchone() == (before + 2,)
    assert openstock("verify").out.startswith("0 differences")


def test_a_demo_that_is_interrupted_ends_at_once(
    dsn: str, wait_until: Callable[[str], None], tmp_path: Path
) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [*COMMAND, "demo", "--seconds", "600", "--skus", "50", "--workers", "4"],
        env=environment(tmp_path, dsn) | {"PYTHONPATH": root},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            wait_until("select exists (select from openstock_core.ledger where op_id like 'W%')")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
        finally:
            process.kill()
        assert process.stderr.read().splitlines() == ["openstock: interrupted"]
