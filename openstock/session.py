"""How a client's own connection is made, and which databases it refuses."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.conninfo import conninfo_to_dict

from openstock import exact_json
from openstock.errors import ConnectionFailed, InvalidArgument, NewerSchema, NotMigrated, ServerTooOld
from openstock.migration_files import read_migrations
from openstock.shipped import OLDEST_SERVER, migrations_dir

__all__ = [
    "DSN_VARIABLE",
    "SCHEMA_VERSION",
    "JsonLoader",
    "Settings",
    "as_tenant",
    "closed",
    "require_schema",
    "require_server",
]

DSN_VARIABLE = "OPENSTOCK_DSN"
"""The environment variable that names the database where the caller names none."""

SCHEMA_VERSION = b"select openstock.schema_version()"
"""Asks a database which openstock it holds; the answer is for require_schema."""

# Milliseconds, as PostgreSQL keeps them in an integer.
_LONGEST_TIMEOUT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What a connection is made with, now and after it was lost."""

    parameters: dict[str, Any] = field(repr=False)
    """Arguments of psycopg's connect, the password among them."""

    @classmethod
    def of(
        cls,
        dsn: str | None,
        *,
        lock_timeout: float | None,
        statement_timeout: float | None,
        idle_in_transaction_session_timeout: float | None,
        prepare_threshold: int | None,
    ) -> Settings:
        """Settle the address and the session's timeouts (in seconds; 0: none; None: the server's).

        Timeouts travel in the startup packet, so that nothing is set within a session that a pooler hands to others.
        What the address itself, or PGOPTIONS, sets by `options` outweighs them.
        """
        address = dsn if dsn is not None else os.environ.get(DSN_VARIABLE, "")
        try:
            # yoyo's URLs name the driver as well, which libpq does not understand.
            parameters: dict[str, Any] = dict(
                conninfo_to_dict(address.replace("postgresql+psycopg://", "postgresql://", 1))
            )
        except psycopg.Error as error:
            # libpq quotes what it could not read, which may be a password; the names of options it can be trusted with.
            said = " ".join(str(error).split())
            harmless = said.startswith(("invalid connection option", "invalid URI query parameter"))
            raise InvalidArgument(
                detail={"argument": "dsn", "problem": said if harmless else "is neither a URL nor keywords and values"},
                hint='Write it as libpq takes it: "postgresql://user@host/database" or "host=... dbname=...".',
            ) from None
        timeouts = {
            "lock_timeout": lock_timeout,
            "statement_timeout": statement_timeout,
            "idle_in_transaction_session_timeout": idle_in_transaction_session_timeout,
        }
        options = [f"-c {name}={_milliseconds(name, value)}" for name, value in timeouts.items() if value is not None]
        if options:
            given = parameters.get("options") or os.environ.get("PGOPTIONS", "")
            parameters["options"] = " ".join([*options, given]).strip()
        if "PGCONNECT_TIMEOUT" not in os.environ:
            parameters.setdefault("connect_timeout", "10")
        parameters.setdefault("fallback_application_name", "openstock")
        parameters["client_encoding"] = "utf8"
        return cls({**parameters, "prepare_threshold": prepare_threshold, "autocommit": True})


class JsonLoader(Loader):
    """Reads jsonb without loss: quantities within it are as exact as those in columns."""

    def load(self, data: Buffer) -> Any:
        """The value, with its fractions as Decimal."""
        return exact_json.loads(bytes(data).decode())


def _milliseconds(name: str, seconds: float) -> int:
    if not math.isfinite(seconds) or not 0 <= seconds * 1000 <= _LONGEST_TIMEOUT:
        raise InvalidArgument(
            detail={"argument": name, "problem": "must be seconds, 0 (no limit) to 2147483"},
            hint="Give seconds, 0 for no limit, or None to leave the server's setting.",
        )
    # Rounded down, a tiny timeout would become 0, which is none at all.
    return math.ceil(seconds * 1000)


def as_tenant(tenant: UUID | str | None) -> UUID | None:
    """The tenant as a UUID. Raises InvalidArgument for text that is none."""
    if tenant is None or isinstance(tenant, UUID):
        return tenant
    try:
        return UUID(tenant)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidArgument(
            detail={"argument": "tenant", "problem": "must be a uuid"},
            hint="A tenant is named by the uuid that openstock_admin.create_tenant returned.",
        ) from error


def require_server(version: int) -> None:
    """Raise ServerTooOld unless a server of this version (as 150004) is new enough."""
    if version < OLDEST_SERVER * 10000:
        raise ServerTooOld(detail={"server": version // 10000, "needed": OLDEST_SERVER})


def require_schema(version: str | None) -> None:
    """Raise unless the database was migrated, and by no newer openstock than this one."""
    newest = _newest_migration()
    if version is None:
        raise NotMigrated(detail={"database": None, "package": newest})
    if version > newest:
        raise NewerSchema(detail={"database": version, "package": newest})


@lru_cache(maxsize=1)
def _newest_migration() -> str:
    return read_migrations(migrations_dir())[-1].name


def closed() -> ConnectionFailed:
    """The error of a client that its own user has closed."""
    return ConnectionFailed(detail={"problem": "the client is closed"}, hint="Make a new one with openstock.connect().")
