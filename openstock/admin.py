"""What operators call: the functions of schema openstock_admin, each a method of the same name and arguments.

Generated from openstock/async_admin.py by openstock.devtools.build_sync_client: change that file, and build this one.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from psycopg.rows import class_row, scalar_row, tuple_row

from openstock import session, statements
from openstock.errors import InTransaction
from openstock.results import Difference, Finding, Repair, Tenant

if TYPE_CHECKING:
    from openstock.client import Client

__all__ = ["Admin"]

T = TypeVar("T")


class Admin:
    """The functions of schema openstock_admin: tenants, logins, upkeep, proof and repair.

    For logins that are members of openstock_operator; others get NoAccess. Reached as `client.admin`. What reads the
    whole ledger may need more time than the client's statement_timeout.
    """

    def __init__(self, client: Client) -> None:
        """Use the client's connection."""
        self._client = client

    def create_tenant(self, name: str, tenant: UUID | str | None = None) -> UUID:
        """Make a tenant and return its id: the one given, or a new random one.

        Not repeated after a lost connection. Raises InvalidArgument, also where the tenant exists already.
        """
        created: UUID = self._value(
            "create_tenant",
            repeatable=False,
            name=name,
            tenant=session.as_tenant(tenant),
        )
        return created

    def grant_tenant(self, login: str, tenant: UUID | str | None = None, any_tenant: bool = False) -> None:
        """Let a login act for a tenant, or with any_tenant for all. Raises InvalidArgument, UnknownTenant.

        What the login may call is another matter: grant it openstock_app or openstock_analyst.
        """
        self._value("grant_tenant", login=login, tenant=session.as_tenant(tenant), any_tenant=any_tenant)

    def revoke_tenant(self, login: str, tenant: UUID | str | None = None, any_tenant: bool = False) -> None:
        """Take from a login what grant_tenant gave it; it counts from its next statement on.

        Raises InvalidArgument, UnknownTenant.
        """
        self._value("revoke_tenant", login=login, tenant=session.as_tenant(tenant), any_tenant=any_tenant)

    def set_tenant_active(self, tenant: UUID | str, active: bool) -> None:
        """Switch a tenant off (it can neither write nor call functions; its rows stay) or on again.

        Raises InvalidArgument, UnknownTenant.
        """
        self._value("set_tenant_active", tenant=session.as_tenant(tenant), active=active)

    def tenants(self) -> list[Tenant]:
        """Every tenant of the database, by name."""
        statement = statements.reading("openstock_admin.tenants", Tenant, "name, tenant_id", {})
        return self._client._rows(class_row(Tenant), statement)

    def analyze_tables(self, all_tables: bool = False) -> list[str]:
        """Tell the planner what is in the tables that hold rows and were never analysed, or in all; return their names.

        It keeps nobody waiting. Call it after the first rows of a large import, and at its end with all_tables.
        """
        statement = statements.calling("openstock_admin.analyze_tables", {"all_tables": all_tables})
        return self._client._rows(scalar_row, statement)

    def ensure_partitions(self, months_ahead: int = 12) -> list[str]:
        """Make the ledger's missing monthly partitions up to this many months (0 to 120) ahead; return their names."""
        statement = statements.calling("openstock_admin.ensure_partitions", {"months_ahead": months_ahead})
        return self._client._rows(scalar_row, statement)

    def refresh_current_stock(self) -> datetime:
        """Bring the snapshot up to date for all tenants; return the moment from which it is."""
        refreshed_at: datetime = self._value("refresh_current_stock")
        return refreshed_at

    def verify(self, tenant: UUID | str | None = None) -> list[Difference]:
        """Prove the projections of a tenant, or of all, against the ledger: no row means that all is well.

        Raises UnknownTenant.
        """
        return self._rows(Difference, "verify", tenant=session.as_tenant(tenant))

    def rebuild(self, tenant: UUID | str, replace: bool = False) -> list[Repair]:
        """Replay a tenant's ledger and return every difference; with replace, put the replayed quantities in place.

        While it replaces, all writers wait. Raises UnknownTenant, DifferencesFound.
        """
        return self._rows(Repair, "rebuild", tenant=session.as_tenant(tenant), replace=replace)

    def block_expired_lots(self, tenant: UUID | str, max_levels: int = 1000) -> int:
        """Book units of expired lots as blocked at most at this many levels (1 to 100000); return at how many.

        Raises InvalidArgument, UnknownTenant.
        """
        levels: int = self._value("block_expired_lots", tenant=session.as_tenant(tenant), max_levels=max_levels)
        return levels

    def expire_reservations(self, tenant: UUID | str, max_lines: int = 1000) -> int:
        """Book a tenant's holds that have ended, of up to this many lines (1 to 10000); return of how many.

        Raises InvalidArgument, UnknownTenant.
        """
        lines: int = self._value("expire_reservations", tenant=session.as_tenant(tenant), max_lines=max_lines)
        return lines

    def fill_backorders(self, tenant: UUID | str, max_rows: int = 1000) -> int:
        """Promise a tenant's available stock to up to this many backorders (1 to 10000); return to how many lines.

        Raises InvalidArgument, UnknownTenant.
        """
        lines: int = self._value("fill_backorders", tenant=session.as_tenant(tenant), max_rows=max_rows)
        return lines

    def run_maintenance(self) -> None:
        """Do one round of upkeep: partitions, the snapshot, and of each active tenant lots, holds and backorders.

        It commits after each step; raises InTransaction where a transaction is open or would be opened.
        """
        if not self._client._is_alone():
            raise InTransaction
        statement = statements.calling_procedure("openstock_admin.run_maintenance")
        self._client._attempt(lambda: self._client._run(statement.text, statement.parameters, tuple_row))

    def doctor(self) -> list[Finding]:
        """Look over server, durability, partitions, row security, owners, snapshot, logins and backup."""
        return self._rows(Finding, "doctor")

    def _rows(self, row: type[T], function: str, **arguments: object) -> list[T]:
        statement = statements.calling(f"openstock_admin.{function}", arguments, row)
        return self._client._rows(class_row(row), statement)

    def _value(self, function: str, *, repeatable: bool = True, **arguments: object) -> Any:
        statement = statements.calling(f"openstock_admin.{function}", arguments)
        [value] = self._client._rows(scalar_row, statement, repeatable=repeatable)
        return value
