"""`psql`: a session with a tenant set."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from openstock.cli.database import database, named_tenant
from openstock.cli.terminal import NEVER_MIGRATED, CommandError
from openstock.server import ServerError, find_binaries, psql_path

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["psql"]


def _find_tenant(dsn: str, named: UUID | None) -> tuple[UUID, str] | None:
    """The tenant that is named, or else the newest, with its name; None where this login may not look at tenants.

    It connects, and so proves that psql can.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            return connection.execute(
                """select tenant_id, name from openstock_admin.tenants where active or tenant_id = %(named)s
                   order by (tenant_id = %(named)s) desc nulls last, created_at desc limit 1""",
                {"named": named},
            ).fetchone()
        except psycopg.Error as error:
            if error.sqlstate in (*NEVER_MIGRATED, "42501"):
                return None
            raise


def psql(arguments: argparse.Namespace) -> int:
    dsn = database(arguments)
    tenant, name = named_tenant(arguments), ""
    found = _find_tenant(dsn, tenant)
    if found and tenant in (None, found[0]):
        tenant, name = found
    elif found:
        print(f"openstock: there is no tenant {tenant} here, so that views are empty", file=sys.stderr, flush=True)
    if tenant:
        given = conninfo_to_dict(dsn).get("options") or os.environ.get("PGOPTIONS") or ""
        options = f"{given} -c app.tenant_id={tenant}".strip()
        dsn = make_conninfo(dsn, options=options)
    try:
        program = psql_path(find_binaries())
    except ServerError:  # no server of our own, but there may be a client
        program = Path(elsewhere) if (elsewhere := shutil.which("psql")) else None
    if program is None:
        raise CommandError("there is no psql here", f"Open this with any client: {dsn}")
    if sys.stdin.isatty() and not arguments.rest:
        about = (
            f"{name or 'tenant'} ({tenant})"
            if tenant
            else "no tenant yet: select openstock_admin.create_tenant('My shop')"
        )
        print(f"{about}; try: select * from openstock.stock limit 5;")
    sys.stdout.flush()
    # Errors without the lines that say where inside of openstock they arose; \set SHOW_CONTEXT errors brings them back.
    os.execv(program, [str(program), "--dbname", dsn, "--variable", "SHOW_CONTEXT=never", *arguments.rest])
