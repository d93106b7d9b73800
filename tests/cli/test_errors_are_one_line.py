"""Whatever goes wrong: one line on standard error with what to do next, an exit code, and no traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from ..support import LOGINS, TENANT, Shop, unchanged
from .conftest import Openstock

NOBODY = "0197a000-0000-7000-8000-00000000dead"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["COMMAND", "--help"]),
        (["restart"], ["'restart'", "--help"]),
        (["verify", "--tenant", "me"], ["'me'", "uuid"]),
        (["tick", "--every", "0"], ["0"]),
        (["demo", "--workers", "many"], ["many"]),
        (["up", "--database", "postgresql://x/y"], ["--database"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--map", "colour=Farbe"], ["colour=Farbe", "sku"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--map", "sku"], ["FIELD=COLUMN"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--delimiter", "ab"], ["--delimiter"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--encoding", "klingon"], ["klingon"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--date-format", "today"], ["'today'"]),
        (["import", "stock", "x.csv", "--tenant", NOBODY, "--timezone", "Mars/Olympus"], ["Mars/Olympus"]),
        (["import", "stock", "x.csv"], ["--tenant"]),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_wrong_usage(arguments: list[str], words: list[str], embedded: Openstock) -> None:
    done = embedded(*arguments)

    assert done.code == 2
    assert all(word in done.error() for word in words)


@pytest.mark.parametrize("command", ["status", "migrate", "verify", "doctor", "tick", "psql"])
def test_no_server_runs(command: str, embedded: Openstock) -> None:
    done = embedded(command)

    assert done.code == 1
    assert "openstock up" in done.error()


@pytest.mark.parametrize("command", ["status", "migrate", "verify", "psql"])
def test_the_server_cannot_be_reached(command: str, openstock: Openstock) -> None:
    done = openstock(command, database="postgresql://127.0.0.1:1/shop")

    assert done.code == 1
    assert "port 1" in done.error()
    assert "Check the address" in done.error()


@pytest.mark.parametrize("command", ["status", "verify", "psql"])
def test_the_database_or_the_user_is_unknown(command: str, openstock: Openstock, dsn: str) -> None:
    for wrong, hint in [({"dbname": "nowhere"}, "createdb"), ({"user": "nobody_here"}, "Check the user")]:
        done = openstock(command, database=make_conninfo(dsn, **wrong))

        assert done.code == 1
        assert "does not exist" in done.error()
        assert hint in done.error()
        assert "op_id" not in done.error()


@pytest.mark.parametrize("command", [["psql"], ["import", "stock", "x.csv"]], ids=["psql", "import"])
def test_the_environment_names_a_tenant_that_is_no_uuid(command: list[str], openstock: Openstock) -> None:
    done = openstock(*command, tenant="me")

    assert done.code == 2
    assert "OPENSTOCK_TENANT 'me'" in done.error()


@pytest.mark.parametrize("command", ["verify", "doctor", "tick"])
def test_the_database_was_never_migrated(command: str, openstock: Openstock, dsn: str) -> None:
    done = openstock(command, database=make_conninfo(dsn, dbname="postgres"))

    assert done.code == 1
    assert "3F000" in done.error()
    assert "openstock migrate" in done.error()


def test_the_address_makes_no_sense(openstock: Openstock) -> None:
    for command in (["verify"], ["status"], ["tick", "--loop"]):
        done = openstock(*command, "--database", "host=db password=half a secret")

        assert done.code == 1
        assert "address" in done.error()
        assert "secret" not in done.err


def test_the_login_is_no_operator(openstock: Openstock, dsn: str) -> None:
    done = openstock("verify", database=make_conninfo(dsn, user=LOGINS["bound"].name))

    assert done.code == 1
    assert "42501" in done.error()
    assert "openstock_operator" in done.error()


def test_the_tenant_is_unknown(openstock: Openstock) -> None:
    done = openstock("verify", "--tenant", NOBODY)

    assert done.code == 1
    assert "OS003" in done.error()
    assert NOBODY in done.error()


Make = Callable[[Path], object]


@pytest.mark.parametrize(
    ("login", "tenant", "make", "words"),
    [
        ("app", TENANT, lambda _path: None, ["No such file", "stock.csv"]),
        ("app", TENANT, Path.mkdir, ["not a file"]),
        ("app", TENANT, lambda path: path.write_text("Artikel,qty\nAPPLE,1\n"), ["'sku'", "'Artikel'", "--map sku="]),
        ("app", NOBODY, lambda path: path.write_text("sku,qty\nAPPLE,1\n"), ["OS003", NOBODY]),
        ("undeclared", TENANT, lambda path: path.write_text("sku,qty\nAPPLE,1\n"), ["42501", str(TENANT)]),
        ("analyst", TENANT, lambda path: path.write_text("sku,qty\nAPPLE,1\n"), ["42501"]),
    ],
    ids=["no file", "a directory", "unknown column", "unknown tenant", "not this tenant", "reader"],
)
def test_an_import_that_cannot_begin(
    login: str,
    tenant: object,
    make: Make,
    words: list[str],
    openstock: Openstock,
    shop: Shop,
    dsn: str,
    db: psycopg.Connection,
    tmp_path: Path,
) -> None:
    assert shop.differences() == []
    make(tmp_path / "stock.csv")

    with unchanged(db):
        done = openstock(
            *["import", "stock", "stock.csv", "--tenant", tenant, "--warehouse", "LON"],
            database=make_conninfo(dsn, user=LOGINS[login].name),
        )

    assert done.code == 1
    assert all(word in done.error() for word in words), done.error()
