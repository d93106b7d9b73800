"""What the user lacks for a migration, each with the statement with which an administrator gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yoyo import default_migration_table

from openstock.migration_connection import Connection, has_role, may_become, one
from openstock.migration_files import MigrationError
from openstock.migration_yoyo import Backend

__all__ = ["lacking_to_act", "lacking_to_write", "require_privileges"]

_OWNING_ROLES = ["openstock_owner", "openstock_api", "openstock_maint"]
_GROUP_ROLES = ["openstock_app", "openstock_analyst", "openstock_operator"]


@dataclass(frozen=True, slots=True)
class _Lack:
    """A privilege that is missing, and the statement with which an administrator gives it."""

    what: str
    remedy: str


def require_privileges(connection: Connection, lacks: Sequence[_Lack]) -> None:
    """Raise MigrationError, with the statements that help, if anything is lacking."""
    if lacks:
        remedies = " ".join(f"{lack.remedy};" for lack in lacks)
        raise MigrationError(
            "the user lacks privileges that a migration needs",
            detail="; ".join(lack.what for lack in lacks),
            hint=f"An administrator runs in database {connection.info.dbname}: {remedies}",
        )


def _quoted(connection: Connection, name: str) -> str:
    return str(one(connection, "select pg_catalog.quote_ident(%s)", [name])[0])


def lacking_to_act(connection: Connection, installed: bool) -> list[_Lack]:
    """What keeps the user from acting as the owning roles, or from making the roles that are absent.

    The first migration makes absent roles and gives the owning ones to whoever applies it, so that before it the means
    to do so are enough.
    """
    user, is_superuser, may_create_roles, inherits = one(
        connection,
        """select rolname::text, rolsuper, rolcreaterole, rolinherit
           from pg_catalog.pg_roles where rolname = current_user""",
    )
    if is_superuser:
        return []
    roles = connection.execute(
        "select rolname::text from pg_catalog.pg_roles where rolname = any (%s)", [_OWNING_ROLES + _GROUP_ROLES]
    )
    existing = {name for (name,) in roles}
    grantee = _quoted(connection, user)
    options = " with inherit true, set true" if connection.info.server_version >= 160000 else ""
    lacks = [] if inherits else [_Lack(f"{user} does not inherit from its roles", f"alter role {grantee} inherit")]
    for role in _OWNING_ROLES + _GROUP_ROLES:
        if role not in existing and not may_create_roles:
            lacks.append(_Lack(f"{user} may not create role {role}, which is absent", f"create role {role} nologin"))
    for role in _OWNING_ROLES:
        if role not in existing:
            enough = may_create_roles
        elif not installed and _may_grant(connection, role, may_create_roles):
            enough = True
        else:
            enough = may_become(connection, role) and (not inherits or has_role(connection, role, "USAGE"))
        if not enough:
            lacks.append(_Lack(f"{user} may not act as {role}", f"grant {role} to {grantee}{options}"))
    return lacks


def _may_grant(connection: Connection, role: str, may_create_roles: bool) -> bool:
    """Whether the user can give itself an existing role, as the first migration does."""
    if may_create_roles and connection.info.server_version < 160000:
        return True
    return has_role(connection, role, "MEMBER WITH ADMIN OPTION")


def lacking_to_write(connection: Connection) -> list[_Lack]:
    """What keeps the user from making schemas in the database and from keeping yoyo's books."""
    user, database, may_create_schemas, place = one(
        connection,
        """select current_user::text, current_database()::text,
             pg_catalog.has_database_privilege(current_database(), 'create'), current_schema()::text""",
    )
    grantee = _quoted(connection, user)
    lacks = []
    if not may_create_schemas:
        grant = f"grant create on database {_quoted(connection, database)} to {grantee}"
        lacks.append(_Lack(f"{user} may not create schemas in database {database}", grant))
    if place is None:
        grant = f"alter role {grantee} in database {_quoted(connection, database)} set search_path = public"
        return [*lacks, _Lack(f"no schema of {user}'s search_path exists, so yoyo has no place for its tables", grant)]
    tables = [default_migration_table, Backend.log_table, Backend.version_table, Backend.lock_table]
    rows = connection.execute(
        """select relname::text,
             pg_catalog.has_table_privilege(oid, 'select') and pg_catalog.has_table_privilege(oid, 'insert')
             and pg_catalog.has_table_privilege(oid, 'delete')
           from pg_catalog.pg_class
           where relname = any (%s) and relnamespace = pg_catalog.to_regnamespace(pg_catalog.quote_ident(%s))""",
        [tables, place],
    )
    present: dict[str, bool] = dict(rows.fetchall())
    for table in tables:
        name = f"{_quoted(connection, place)}.{table}"
        if present.get(table) is False:
            lacks.append(_Lack(f"{user} may not write {name}", f"grant select, insert, delete on {name} to {grantee}"))
    if len(present) < len(tables):
        may_create = one(connection, "select pg_catalog.has_schema_privilege(%s, 'create')", [place])[0]
        if not may_create:
            grant = f"grant create on schema {_quoted(connection, place)} to {grantee}"
            lacks.append(_Lack(f"{user} may not create yoyo's tables in schema {place}", grant))
    return lacks
