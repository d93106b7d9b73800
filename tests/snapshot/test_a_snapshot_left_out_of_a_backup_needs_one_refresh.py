"""A backup may leave the snapshot out: after the restore it is not populated, doctor says so, and a refresh fills it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from openstock.server import find_binaries
from tests.support import LOGINS, Shop, call, columns


@pytest.fixture
def restored(shop: Shop, db: psycopg.Connection, dsn: str) -> Iterator[str]:
    """The DSN of a copy of a shop with stock and an order, made by pg_dump and psql."""
    shop.receive(
        "LON", [{"sku": "APPLE", "qty": 8}, {"sku": "MILK", "qty": 2, "lot": "L1", "expires_on": "2999-12-31"}]
    )
    shop.reserve("O1", [{"sku": "APPLE", "qty": 5}])
    shop.allocate("O1")
    db.execute("select openstock_admin.refresh_current_stock()")
    name = f"{db.info.dbname}_restored"
    db.execute(f"create database {name} template template0")
    copy = make_conninfo(dsn, dbname=name)
    programs = find_binaries()
    dump = subprocess.run(
        [programs / "pg_dump", "--exclude-table-data=openstock_core.current_stock", dsn],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", copy],
        input=dump.stdout,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    yield copy
    db.execute(f"drop database {name} with (force)")


def test_it_is_not_populated_and_then_refreshed(restored: str) -> None:
    with (
        psycopg.connect(make_conninfo(restored, user=LOGINS["operator"].name), autocommit=True) as operator,
        psycopg.connect(make_conninfo(restored, user=LOGINS["analyst"].name), autocommit=True) as analyst,
        psycopg.connect(restored, autocommit=True) as db,
    ):
        copy = Shop(analyst, db)
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
            copy.view("openstock_dw.current_stock")
        [before] = [row for row in call(operator, "openstock_admin.doctor") if row["topic"] == "snapshot"]
        assert (before["status"], before["detail"].endswith("not populated")) == ("warn", True)

        call(operator, "openstock_admin.refresh_current_stock")
        assert columns(copy.view("openstock_dw.current_stock"), "sku", "on_hand", "reserved", "allocated") == [
            ("APPLE", 8, 5, 5),
            ("MILK", 2, 0, 0),
        ]
        [after] = [row for row in call(operator, "openstock_admin.doctor") if row["topic"] == "snapshot"]
        assert after["status"] == "ok"


def test_everything_else_goes_on_where_it_stopped(restored: str, shop: Shop) -> None:
    with (
        psycopg.connect(make_conninfo(restored, user=LOGINS["app"].name), autocommit=True) as app,
        psycopg.connect(restored, autocommit=True) as db,
    ):
        copy = Shop(app, db)
        assert copy.differences() == []
        assert copy.view("ledger") == shop.view("ledger")
        copy.ship("O1")
        copy.receive("LON", [{"sku": "APPLE", "qty": 1}])
        assert copy.level("APPLE") == (4, 0, 0, 4)
        assert copy.differences() == []
        with pytest.raises(psycopg.Error, match="append-only"):
            db.execute("delete from openstock_core.ledger")
