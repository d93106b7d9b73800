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

from openstock.cli.arguments import tenant_uuid
from openstock.cli.database import database
from openstock.cli.terminal import NEVER_MIGRATED, CommandError
from openstock.server import ServerError, find_binaries, psql_path

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["psql"]


def _newest_tenant(dsn: str) -> tuple[UUID, str] | None:
    """The tenant created last of those that this login may look at, or None; connects, and so proves that it can."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            return connection.execute(
                "select tenant_id, name from openstock_admin.tenants where active order by created_at desc limit 1"
            ).fetchone()
        except psycopg.Error as error:
            if error.sqlstate in (*NEVER_MIGRATED, "42501"):
                return None
            raise


def psql(arguments: argparse.Namespace) -> int:
    dsn = database(arguments)
    tenant = arguments.tenant or (tenant_uuid(named) if (named := os.environ.get("OPENSTOCK_TENANT")) else None)
    name = ""
    newest = _newest_tenant(dsn)
    if tenant is None and newest:
        tenant, name = newest
    if tenant:
        options = f"{conninfo_to_dict(dsn).get('options') or ''} -c app.tenant_id={tenant}".strip()
        dsn = make_conninfo(dsn, options=options)
    try:
        program = psql_path(find_binaries())
    except ServerError:  # no server of our own, but there may be a client
        program = Path(found) if (found := shutil.which("psql")) else None
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
    os.execv(program, [str(program), "--dbname", dsn, *arguments.rest])
