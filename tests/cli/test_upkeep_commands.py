"""migrate, status, verify, doctor, tick: what they say, what they change, and their exit codes."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from openstock.cli import status as status_command

from ..support import LOGINS, OTHER_TENANT, TENANT, Shop, unchanged
from .conftest import COMMAND, Openstock, environment


@pytest.fixture
def empty_dsn(db: psycopg.Connection, dsn: str) -> Iterator[str]:
    """A database that openstock has never seen."""
    name = f"{db.info.dbname}_empty"
    db.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    yield make_conninfo(dsn, dbname=name)
    db.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_migrate_says_what_it_would_do_then_does_it_then_has_nothing_to_do(
    openstock: Openstock, empty_dsn: str
) -> None:
    assert "never installed" in openstock("status", "--database", empty_dsn).out

    dry = openstock("migrate", "--dry-run", "--database", empty_dsn)
    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("select to_regnamespace('openstock')").fetchone() == (None,)
    real = openstock("migrate", "--database", empty_dsn)
    again = openstock("migrate", database=empty_dsn)

    assert [done.code for done in (dry, real, again)] == [0, 0, 0]
    assert "0001.baseline" in dry.out
    assert "Applied 0001.baseline" in real.out
    assert "nothing to apply" in again.out
    assert "0001.baseline, current" in openstock("status", database=empty_dsn).out


def test_status_tells_an_application_what_it_may_know(openstock: Openstock, dsn: str) -> None:
    status = openstock("status", database=make_conninfo(dsn, user=LOGINS["bound"].name))

    assert status.code == 0, status.err
    assert "0001.baseline, current" in status.out
    assert "openstock_operator" in status.out


@pytest.fixture
def _nothing_is_analysed_by_itself(db: psycopg.Connection) -> None:
    """Nor are there dead rows of earlier tests, whose pages an estimate would be made from."""
    for (partition,) in db.execute("select inhrelid::regclass::text from pg_inherits where inhparent = 'openstock_core.ledger'::regclass"):
        db.execute(f"alter table {partition} set (autovacuum_enabled = off)")
        db.execute(f"vacuum full {partition}")


@pytest.mark.usefixtures("_nothing_is_analysed_by_itself")
def test_status_counts_entries_until_there_is_an_estimate(
    openstock: Openstock, shop: Shop, dsn: str, db: psycopg.Connection
) -> None:
    bound = make_conninfo(dsn, user=LOGINS["bound"].name)
    assert ", 0 entries" in openstock("status").out
    db.execute("analyze openstock_core.ledger")  # while it is empty
    shop.receive("LON", [{"sku": "APPLE", "qty": 1, "line": line} for line in range(1, 301)])

    assert ", 300 entries" in openstock("status").out
    assert "entries not counted" in openstock("status", database=bound).out

    db.execute("analyze openstock_core.ledger")
    for database in (dsn, bound):
        assert ", about 300 entries" in openstock("status", database=database).out


@pytest.mark.usefixtures("_nothing_is_analysed_by_itself")
def test_status_stops_counting_where_it_would_take_long(shop: Shop, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_command, "COUNTED", 10)
    with psycopg.connect(dsn) as connection:
        for lines, said in [(10, "10 entries"), (1, "more than 10 entries")]:
            shop.receive("LON", [{"sku": "APPLE", "qty": 1, "line": line} for line in range(1, lines + 1)])
            connection.rollback()
            assert status_command.entries_text(connection) == said


def test_verify_finds_nothing_in_sound_stock(openstock: Openstock, shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])

    verified = openstock("verify")

    assert verified.code == 0
    assert verified.out.startswith("0 differences")


def test_verify_names_what_was_tampered_with_and_fails(
    openstock: Openstock, shop: Shop, db: psycopg.Connection
) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])
    db.execute("update openstock_core.stock_level set on_hand = 4")

    verified = openstock("verify", "--tenant", TENANT)

    assert verified.code == 1
    assert "level on_hand = ledger: expected 3, actual 4  sku=APPLE warehouse=LON" in verified.out
    assert openstock("verify", "--tenant", OTHER_TENANT).code == 0


def test_doctor_fails_on_a_warning_only_when_it_is_strict(openstock: Openstock) -> None:
    relaxed, strict = openstock("doctor"), openstock("doctor", "--strict")

    assert re.search(r"^partitions +ok ", relaxed.out, re.MULTILINE)
    assert re.search(r"^snapshot +warn ", relaxed.out, re.MULTILINE)
    assert "refresh_current_stock" in relaxed.out
    assert (relaxed.code, strict.code) == (0, 1)


def test_tick_does_one_round(openstock: Openstock, shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 3}])

    ticked = openstock("tick")

    assert ticked.code == 0, ticked.err
    assert len(ticked.out.splitlines()) == 1
    assert db.execute("select sum(on_hand) from openstock_core.current_stock").fetchone() == (3,)


@pytest.fixture
def loop(dsn: str, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`tick --loop`, with a round every fifth of a second."""
    root = str(Path(__file__).resolve().parents[2])
    process = subprocess.Popen(
        [*COMMAND, "tick", "--loop", "--every", "0.2"],
        env=environment(tmp_path, dsn) | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def _line_with(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if word in line:
            return line
    raise AssertionError(f"it ended without a word of {word!r}")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_loop_of_ticks_ends_cleanly_when_it_is_told_to(loop: subprocess.Popen[str], number: signal.Signals) -> None:
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ", _line_with(loop, "up to date"))
    _line_with(loop, "up to date")

    loop.send_signal(number)

    _line_with(loop, "stopped")
    assert loop.stderr is not None
    assert (loop.wait(60), loop.stderr.read()) == (0, "")


def test_a_loop_of_ticks_outlives_a_server_that_is_away(loop: subprocess.Popen[str], dsn: str) -> None:
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as elsewhere:
        database = sql.Identifier(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
        _line_with(loop, "up to date")
        elsewhere.execute(sql.SQL("alter database {} with allow_connections false").format(database))
        try:
            assert "next try in 0.2 s" in _line_with(loop, "failed")
        finally:
            elsewhere.execute(sql.SQL("alter database {} with allow_connections true").format(database))
        _line_with(loop, "up to date")


def test_import_reports_and_writes_its_rejects(openstock: Openstock, shop: Shop, tmp_path: Path) -> None:
    path, rejects = tmp_path / "stock.csv", tmp_path / "rejects.csv"
    path.write_text("Artikel;Menge\nAPPLE;5\nPEAR;1\n")
    command = ["import", "stock", path, "--tenant", TENANT, "--map", "sku=Artikel", "--map", "qty=Menge"]
    command += ["--warehouse", "LON", "--rejects", rejects]
    shop.db.execute("select openstock_admin.grant_tenant(session_user, %s)", [TENANT])

    first = openstock(*command)
    with unchanged(shop.db):
        second = openstock(*command, "--strict")

    assert first.code == 0, first.err
    assert "2 rows read" in first.out
    assert "line 3: " in first.out
    assert rejects.read_text().splitlines()[1].startswith("PEAR;1;3;")
    assert second.code == 1  # strict: a row was rejected
    assert "Nothing changed" in second.out
    assert shop.level("APPLE") == (5, 0, 0, 5)


def test_an_interrupted_command_says_so_in_one_line(
    dsn: str, wait_until: Callable[[str], None], tmp_path: Path
) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with psycopg.connect(dsn) as holder:
        holder.execute("lock table openstock_core.stock_level in access exclusive mode")
        with subprocess.Popen(
            [*COMMAND, "verify"],
            env=environment(tmp_path, dsn) | {"PYTHONPATH": root},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            wait_until(
                "select count(*) > 0 from pg_stat_activity where wait_event_type = 'Lock' and query like '%verify%' "
                "and datname = current_database()"
            )
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
            assert process.stderr is not None
            assert process.stderr.read().splitlines() == ["openstock: interrupted"]


def test_a_reader_that_goes_away_is_no_reason_to_complain(dsn: str, tmp_path: Path) -> None:
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [*COMMAND, "doctor"],
        env=environment(tmp_path, dsn) | {"PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.wait(60)
        assert process.stderr.read() == ""
