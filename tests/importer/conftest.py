"""Fixtures for imports: a client of the shop's tenant, and files to import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import make_conninfo

from openstock import Client, connect
from openstock.importer import Kind, Options, Report, run

from ..support import LOGINS, TENANT, Shop

Import = Callable[..., Report]


@pytest.fixture
def client(dsn: str, shop: Shop) -> Iterator[Client]:
    """The test tenant's, as the application's login."""
    with connect(make_conninfo(dsn, user=LOGINS["app"].name), tenant=TENANT) as client:
        yield client


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file and returns its path: write("sku,qty", "APPLE,1")."""

    def write(*lines: str | bytes, name: str = "data.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines))
        return path

    return write


@pytest.fixture
def imports(client: Client) -> Import:
    """Imports a file for the test tenant: imports("stock", path, warehouse="LON")."""

    def imports(kind: Kind, path: Path, **options: Any) -> Report:
        report = run(client, kind, path, Options(**options))
        settled = report.imported + report.before + report.repeated + report.ignored + report.rejected
        assert settled == report.rows, f"rows are unaccounted for: {report}"
        return report

    return imports
