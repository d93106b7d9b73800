"""Where the catalogue tests look: the four schemas, and the sources that they are built from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

SQL = Path(__file__).resolve().parents[2] / "sql"
SCHEMAS = ("openstock", "openstock_admin", "openstock_core", "openstock_dw")
OWNERS = ("openstock_owner", "openstock_api", "openstock_maint")
GROUPS = ("openstock_app", "openstock_analyst", "openstock_operator")


def rows(db: psycopg.Connection, query: str, *values: object) -> list[Any]:
    """The rows of a query over what lies in the four schemas (its first %s); single columns without their tuples."""
    found = db.execute(query, [list(SCHEMAS), *values]).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


def sources() -> dict[str, str]:
    """Every file below sql/, by its path there."""
    return {str(path.relative_to(SQL)): path.read_text() for path in sorted(SQL.rglob("*.sql"))}
