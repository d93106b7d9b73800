"""The client: one method per SQL function and view, same names, same arguments.

Generated from openstock/async_client.py by openstock.devtools.build_sync_client: change that file, and build this one.
"""

from __future__ import annotations

import contextlib
import enum
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import BaseRowFactory, class_row, scalar_row, tuple_row

from openstock import session, statements
from openstock.admin import Admin
from openstock.errors import (
    ConnectionFailed,
    OpenstockError,
    OutcomeUnknown,
    TransactionAborted,
    translate,
    translated,
)
from openstock.results import (
    AllocationChange,
    Backorder,
    Bin,
    CurrentStock,
    LedgerEntry,
    Location,
    Order,
    OrderLine,
    Product,
    PutResult,
    Reservation,
    ReservationChange,
    ShipmentLine,
    Shortage,
    Stock,
    StockChange,
    Warehouse,
)
from openstock.retry import Retry
from openstock.statements import Lines, Statement

__all__ = ["Client", "connect"]

T = TypeVar("T")

_RETRY = Retry()


def connect(
    dsn: str | None = None,
    *,
    tenant: UUID | str | None = None,
    retry: Retry = _RETRY,
    lock_timeout: float | None = 5.0,
    statement_timeout: float | None = 30.0,
    idle_in_transaction_session_timeout: float | None = 60.0,
    prepare_threshold: int | None = 5,
) -> Client:
    """Connect to a database that openstock has migrated.

        with openstock.connect("postgresql://app@db/shop", tenant=tenant) as client:
            client.receive("LON", [{"sku": "APPLE", "qty": 10}])

    Args:
        dsn: the database, as libpq takes it: URL or keywords. None: OPENSTOCK_DSN, and where that is not set what libpq
            falls back to (PGHOST and so on).
        tenant: the tenant of every call; None: the one set for the transaction by other means.
        retry: how often a call is done again that another transaction came in the way of.
        lock_timeout: how long a statement may wait for a lock, in seconds.
        statement_timeout: how long a statement may run, in seconds.
        idle_in_transaction_session_timeout: how long a transaction may stand idle, in seconds, before the server ends
            the session; until then others wait for what it has locked.
        prepare_threshold: how often a statement is run before it is prepared; None: never, for PgBouncer before 1.21 in
            transaction mode.

    A timeout of 0 is none, and None leaves the server's. PgBouncer refuses timeouts unless its
    ignore_startup_parameters names `options`: pass None for all three there, and set them for the role.

    Raises ConnectionFailed, ServerTooOld, NotMigrated, NewerSchema, NoAccess (the login is no member of openstock_app,
    openstock_analyst or openstock_operator), InvalidArgument; with a tenant also NotAllowed (the login may not act for
    it), UnknownTenant and TenantConflict (the session belongs to another).
    """
    settings = session.Settings.of(
        dsn,
        lock_timeout=lock_timeout,
        statement_timeout=statement_timeout,
        idle_in_transaction_session_timeout=idle_in_transaction_session_timeout,
        prepare_threshold=prepare_threshold,
    )
    acting = session.as_tenant(tenant)
    client = Client(_open(settings), tenant=acting, retry=retry)
    client._settings = settings
    if acting is not None:
        try:
            client._rows(scalar_row, Statement(statements.ENTER, {"tenant": acting}))
        except BaseException:
            client.close()
            raise
    return client


def _open(settings: session.Settings) -> psycopg.Connection[Any]:
    """A connection to a database that this package can work with."""
    with translated():
        connection = psycopg.Connection.connect(**settings.parameters)
    try:
        session.require_server(connection.info.server_version)
        cursor = psycopg.Cursor(connection, row_factory=scalar_row)
        with translated():
            cursor.execute(session.SCHEMA_VERSION)
            session.require_schema(cursor.fetchone())
    except BaseException:
        connection.close()
        raise
    return connection


class Client:
    """Calls openstock's SQL functions, each a method of the same name and arguments, and reads its views.

    A call is a transaction of its own, repeated where another transaction came in its way (see `Retry`). A connection
    that `connect` made is made again when it was lost, and the call repeated: the op_id, made by the client where
    none is given, keeps it from taking effect twice, and `replayed` is true in the answer where the first attempt had.
    Within a transaction (`transaction`, or the caller's own on `connection`) a call is part of that, and never repeated
    by itself.

    A client serves one thread or task at a time, as the connection below it does. Errors are those of
    `openstock.errors`; those that the SQL function's comment names by SQLSTATE, and ConnectionFailed, LockTimeout,
    QueryCanceled, SerializationFailure, Deadlock for any call.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        tenant: UUID | str | None = None,
        retry: Retry = _RETRY,
    ) -> None:
        """Wrap a connection of the caller's, which stays theirs: it is neither closed nor made again.

        Where it is not in autocommit mode, calls join its transaction, and commit is left to the caller. What database
        it leads to is not checked.
        """
        self._connection = connection
        self._settings: session.Settings | None = None
        self._tenant = session.as_tenant(tenant)
        self._retry = retry
        self._retries = 0
        self._in_transaction = False
        self._closed = False
        self._admin = Admin(self)

    def __enter__(self) -> Self:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the connection, if connect made it. The client cannot be used any more."""
        self._closed = True
        if self._settings is not None:
            self._connection.close()

    @property
    def connection(self) -> psycopg.Connection[Any]:
        """psycopg's connection, for statements of the caller's own; another one after it was lost and made again."""
        return self._connection

    @property
    def tenant(self) -> UUID | None:
        """The tenant of every call; None: the transaction's."""
        return self._tenant

    @property
    def retries(self) -> int:
        """How many times calls and transactions have been repeated so far."""
        return self._retries

    @property
    def admin(self) -> Admin:
        """The functions of schema openstock_admin, for operators."""
        return self._admin

    # Writing ------------------------------------------------------------------------------------------

    def put_products(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create products, or change the keys given of those that exist.

        lines: sku, name (required for a new one), description, unit (UN/CEFACT Rec 20 code), decimals, tracking,
        removal, backorder, backorder_limit, safety_stock, reorder_point, reorder_quantity, lead_time_days, attributes,
        active. Raises InvalidArgument, OpIdReused, InUse.
        """
        return self._write(PutResult, "put_products", op_id, lines=lines)

    def put_warehouses(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create warehouses, each with a bin DEFAULT, or change the keys given of those that exist.

        lines: code, name, address (mapping), latitude and longitude (degrees), priority (the lowest is asked for stock
        first), shipping_cost (of one shipment), shipping_cost_by_zone (mapping of destination zone to cost), active.
        Raises InvalidArgument, OpIdReused.
        """
        return self._write(PutResult, "put_warehouses", op_id, lines=lines)

    def put_locations(self, warehouse: str, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create bins of a warehouse, or change the keys given of those that exist.

        lines: code, kind (receiving, storage, picking, packing, quarantine), pick_order, active.
        Raises InvalidArgument, OpIdReused, UnknownWarehouse, InUse, NeedsReadCommitted.
        """
        return self._write(PutResult, "put_locations", op_id, warehouse=warehouse, lines=lines)

    def receive(
        self,
        warehouse: str,
        lines: Lines,
        *,
        reference: str | None = None,
        note: str | None = None,
        occurred_at: datetime | None = None,
        fill_backorders: bool | None = None,
        op_id: str | None = None,
    ) -> list[StockChange]:
        """Book goods in; one row per line.

        lines: sku, qty (positive), and optionally line, location, lot, expires_on, status, unit_cost. occurred_at is
        the business time, aware. fill_backorders: orders that wait for the products get what is then available at the
        warehouse, by priority and age, in the same transaction, unless this is False; the rows are of the goods alone.
        Raises InvalidArgument, InvalidQuantity, OpIdReused, and Unknown… and Inactive… for product, warehouse and
        location, LotConflict.
        """
        return self._write(
            StockChange,
            "receive",
            op_id,
            warehouse=warehouse,
            lines=lines,
            reference=reference,
            note=note,
            occurred_at=occurred_at,
            fill_backorders=fill_backorders,
        )

    def adjust(
        self,
        warehouse: str,
        lines: Lines,
        reason: str,
        *,
        reference: str | None = None,
        note: str | None = None,
        occurred_at: datetime | None = None,
        op_id: str | None = None,
    ) -> list[StockChange]:
        """Correct what bins hold, for a reason; one row per line.

        lines: sku, and either qty (signed change) or set_to with expected (the balance it was counted against), and
        optionally line, location, lot, status, unit_cost. Raises what receive does, InsufficientStock,
        UnexpectedBalance, UnknownLot.
        """
        return self._write(
            StockChange,
            "adjust",
            op_id,
            warehouse=warehouse,
            lines=lines,
            reason=reason,
            reference=reference,
            note=note,
            occurred_at=occurred_at,
        )

    def move(
        self,
        warehouse: str,
        lines: Lines,
        *,
        reason: str | None = None,
        reference: str | None = None,
        note: str | None = None,
        occurred_at: datetime | None = None,
        op_id: str | None = None,
    ) -> list[StockChange]:
        """Move units within a warehouse, or change their status; one row per entry out of and into a bin.

        lines: sku, qty (positive), from and to (bins), status and to_status, and optionally line, lot.
        Raises what receive does, InsufficientStock, UnknownLot.
        """
        return self._write(
            StockChange,
            "move",
            op_id,
            warehouse=warehouse,
            lines=lines,
            reason=reason,
            reference=reference,
            note=note,
            occurred_at=occurred_at,
        )

    def reserve(
        self,
        order_ref: str,
        lines: Lines,
        *,
        warehouse: str | None = None,
        on_shortage: str = "reject",
        ttl: timedelta | None = None,
        priority: int | None = None,
        promised_at: datetime | None = None,
        metadata: Mapping[str, object] | None = None,
        op_id: str | None = None,
    ) -> list[ReservationChange]:
        """Promise stock to an order, all lines or none unless on_shortage says so; one row per line and warehouse.

        lines: sku, qty (positive), and optionally line (its number in the order) and warehouse; without a warehouse,
        those that are active are asked by priority. ttl: a hold, which ends after this time (at most ten years) unless
        it is confirmed or extended.

        on_shortage: reject (outcome rejected, nothing is promised), partial (what there is is promised; a row short per
        line for the rest), backorder (a row backordered for the rest, which waits for stock, if each product's policy
        lets it; otherwise as reject) or error. Rows rejected and short say which warehouses could promise how much.

        priority (the higher is served first), promised_at (aware) and metadata are the order's: what is given replaces
        what was, metadata key by key; kept only where something is promised or waits.

        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownProduct, InactiveProduct, UnknownWarehouse,
        InactiveWarehouse, InsufficientStock, OrderClosed, LineExists.
        """
        return self._write(
            ReservationChange,
            "reserve",
            op_id,
            order_ref=order_ref,
            lines=lines,
            warehouse=warehouse,
            on_shortage=on_shortage,
            ttl=ttl,
            priority=priority,
            promised_at=promised_at,
            metadata=metadata,
        )

    def extend(self, order_ref: str, ttl: timedelta, *, op_id: str | None = None) -> list[ReservationChange]:
        """Let an order's holds end this long from now, and none sooner than it would; one row per line and warehouse.

        Rows of holds that have ended already have outcome expired. Raises InvalidArgument, OpIdReused, UnknownOrder,
        OrderClosed, NotReserved, HoldExpired (all have ended), NotHeld.
        """
        return self._write(ReservationChange, "extend", op_id, order_ref=order_ref, ttl=ttl)

    def confirm(
        self,
        order_ref: str,
        new_order_ref: str | None = None,
        on_expired: str = "error",
        *,
        op_id: str | None = None,
    ) -> list[ReservationChange]:
        """Make an order's holds promises without end; one row per line and warehouse.

        new_order_ref: they become lines of that order, new or open, and the old order_ref can no more be used;
        priority, promised_at and metadata go along where that order has none. What waits for stock joins the queue now.
        on_expired: error (HoldExpired where any hold of the order has ended) or skip (confirms the others).
        Raises InvalidArgument, OpIdReused, UnknownOrder, OrderClosed, NotReserved, HoldExpired, NotHeld.
        """
        return self._write(
            ReservationChange,
            "confirm",
            op_id,
            order_ref=order_ref,
            new_order_ref=new_order_ref,
            on_expired=on_expired,
        )

    def cancel(
        self, order_ref: str, *, reason: str | None = None, op_id: str | None = None
    ) -> list[ReservationChange]:
        """Give back all that an order has promised and not shipped; one row per line and warehouse.

        Raises InvalidArgument, OpIdReused, UnknownOrder, OrderClosed, NotReserved (nothing is open), HoldExpired.
        """
        return self._write(ReservationChange, "cancel", op_id, order_ref=order_ref, reason=reason)

    def expire_reservations(self, max_lines: int = 1000, *, op_id: str | None = None) -> list[ReservationChange]:
        """Book holds that have ended, of up to this many lines (1 to 10000), the longest ended first; a row for each.

        Promises and views are exact without it, and any number may run at once. No row: nothing was due, or all of it
        in use. The client makes no op_id: done again it books what is due then, and where nothing is, it leaves no
        trace. So after a lost connection the rows may be fewer than were booked. Raises InvalidArgument, OpIdReused.
        """
        with translated(op_id):
            return self._call(ReservationChange, "expire_reservations", op_id=op_id, max_lines=max_lines)

    def fill_backorders(self, max_rows: int = 1000, *, op_id: str | None = None) -> list[ReservationChange]:
        """Promise available stock to up to this many backorders (1 to 10000); a row filled per line and warehouse.

        Those of a product by priority of the order, then age; what is filled in part keeps its place. Any number may
        run at once: orders in use keep their place and units. No row: nothing could be filled. The client makes no
        op_id: done again it fills what can be filled then, and where nothing can, it leaves no trace. So after a lost
        connection the rows may be fewer than were filled. Raises InvalidArgument, OpIdReused.
        """
        with translated(op_id):
            return self._call(ReservationChange, "fill_backorders", op_id=op_id, max_rows=max_rows)

    def release(
        self, order_ref: str, lines: Lines | None = None, *, reason: str | None = None, op_id: str | None = None
    ) -> list[ReservationChange]:
        """Give an order's promised stock back, all of it or lines; one row per line and warehouse.

        lines: line or sku (and warehouse), with qty or all that is open. What waits for stock goes first, pinned units
        last.
        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder, OrderClosed, NotReserved, HoldExpired.
        """
        return self._write(ReservationChange, "release", op_id, order_ref=order_ref, lines=lines, reason=reason)

    def allocate(
        self, order_ref: str, *, removal: str | None = None, on_shortage: str = "partial", op_id: str | None = None
    ) -> list[AllocationChange]:
        """Pin all promised units of an order that are not pinned yet; a row per line and bin, and per line short.

        removal: fefo, fifo, lifo or fewest_bins (the fullest first); None: each product's own. on_shortage: partial
        (pins what there is), reject (pins nothing) or error. Holds are pinned too. Raises InvalidArgument, OpIdReused,
        InsufficientStock, UnknownOrder, OrderClosed, NotReserved, HoldExpired.
        """
        return self._write(
            AllocationChange, "allocate", op_id, order_ref=order_ref, removal=removal, on_shortage=on_shortage
        )

    def allocate_next(
        self,
        warehouse: str,
        max_orders: int = 10,
        *,
        removal: str | None = None,
        on_shortage: str = "partial",
        op_id: str | None = None,
    ) -> list[AllocationChange]:
        """Pin the units of up to this many orders (1 to 1000) that are next at a warehouse; rows as allocate's.

        By priority, promised time and age; holds are left out, and orders that can get nothing. Any number of workers
        may call it at once: orders that others work on are skipped, and none is handed out twice. No row: there is no
        work. removal: as allocate's. on_shortage: partial (an order may get a part) or reject (only orders that get all
        that is promised here). Raises InvalidArgument, OpIdReused, UnknownWarehouse.
        """
        return self._write(
            AllocationChange,
            "allocate_next",
            op_id,
            warehouse=warehouse,
            max_orders=max_orders,
            removal=removal,
            on_shortage=on_shortage,
        )

    def deallocate(
        self, order_ref: str, lines: Lines | None = None, *, reason: str | None = None, op_id: str | None = None
    ) -> list[AllocationChange]:
        """Take pins off an order's units, which stay promised, all of them or lines; a row per line and bin.

        lines: line or sku (and warehouse), with qty or all that is pinned; the newest pins go first. No row: nothing is
        pinned. Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder, OrderClosed, NotReserved (less is
        pinned), HoldExpired.
        """
        return self._write(AllocationChange, "deallocate", op_id, order_ref=order_ref, lines=lines, reason=reason)

    def short_pick(
        self, order_ref: str, lines: Lines, *, reason: str = "short pick", op_id: str | None = None
    ) -> list[AllocationChange]:
        """Record that pinned units were not found, and pin others instead; a row per line, bin and outcome.

        lines: location and qty (what is missing), line or sku, and optionally warehouse and lot. What is missing is
        unpinned (deallocated) and put on hold where it should have been (held): it stays in on_hand until a count
        decides, and nobody is promised it. As much is pinned elsewhere (allocated), never in the bins named, as far as
        there is any (short). Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder, OrderClosed,
        NotReserved (less is pinned there), HoldExpired.
        """
        return self._write(AllocationChange, "short_pick", op_id, order_ref=order_ref, lines=lines, reason=reason)

    def ship(
        self,
        order_ref: str,
        lines: Lines | None = None,
        *,
        reference: str | None = None,
        note: str | None = None,
        occurred_at: datetime | None = None,
        op_id: str | None = None,
    ) -> list[ShipmentLine]:
        """Send an order's promised units out, all of them or lines; a row per line and bin.

        lines: line or sku (and warehouse), with qty or all that is reserved. Pinned units go first, the rest by the
        removal rule; holds are shipped too. Raises InvalidArgument, InvalidQuantity, OpIdReused, InsufficientStock
        (promised units were lost), UnknownOrder, OrderClosed, NotReserved, HoldExpired.
        """
        return self._write(
            ShipmentLine,
            "ship",
            op_id,
            order_ref=order_ref,
            lines=lines,
            reference=reference,
            note=note,
            occurred_at=occurred_at,
        )

    # Reading ------------------------------------------------------------------------------------------

    def availability(self, sku: str, warehouse: str | None = None) -> list[Stock]:
        """What can be promised of a product, per warehouse where it was ever stocked.

        Raises InvalidArgument, UnknownProduct, UnknownWarehouse.
        """
        return self._call(Stock, "availability", sku=sku, warehouse=warehouse)

    def search_products(
        self, query: str | None = None, attributes: Mapping[str, object] | None = None, max_rows: int = 50
    ) -> list[Product]:
        """Products by words and attributes, the best first, at most max_rows (1 to 1000).

        query: the beginning of a sku, or words in web search syntax (or, -, "phrase"); attributes: those that the
        product's must contain. Raises InvalidArgument.
        """
        return self._call(Product, "search_products", query=query, attributes=attributes, max_rows=max_rows)

    def stock(self, sku: str | None = None, warehouse: str | None = None) -> list[Stock]:
        """Stock per product and warehouse, as of now. As with all views: filters by equality, with codes as stored."""
        return self._view(Stock, "openstock.stock", "sku, warehouse", sku=sku, warehouse=warehouse)

    def bins(
        self,
        sku: str | None = None,
        warehouse: str | None = None,
        *,
        location: str | None = None,
        lot: str | None = None,
        status: str | None = None,
    ) -> list[Bin]:
        """What each bin holds; empty ones are left out."""
        return self._view(
            Bin,
            "openstock.bins",
            "warehouse, location, sku, lot nulls first, status",
            sku=sku,
            warehouse=warehouse,
            location=location,
            lot=lot,
            status=status,
        )

    def ledger(
        self,
        sku: str | None = None,
        warehouse: str | None = None,
        *,
        op_id: str | None = None,
        order_ref: str | None = None,
        event_type: str | None = None,
        location: str | None = None,
        lot: str | None = None,
        since: datetime | None = None,
        before: datetime | None = None,
        max_rows: int | None = 1000,
    ) -> list[LedgerEntry]:
        """Movements, the newest first: at most max_rows (None: all), recorded since (inclusive) and before (exclusive).

        Ask by sku, by op_id or by time: those are indexed.
        """
        statement = statements.reading(
            "openstock.ledger",
            LedgerEntry,
            "recorded_at desc, entry_id desc",
            {
                "sku": sku,
                "warehouse": warehouse,
                "op_id": op_id,
                "order_ref": order_ref,
                "event_type": event_type,
                "location": location,
                "lot": lot,
            },
            since=since,
            before=before,
            max_rows=max_rows,
        )
        return self._read(class_row(LedgerEntry), statement)

    def reservations(
        self, order_ref: str | None = None, sku: str | None = None, warehouse: str | None = None
    ) -> list[Reservation]:
        """Promises to orders, per order, line and warehouse; what any warehouse may fill has a row without one."""
        return self._view(
            Reservation,
            "openstock.reservations",
            "order_ref, line, warehouse",
            order_ref=order_ref,
            sku=sku,
            warehouse=warehouse,
        )

    def orders(self, order_ref: str | None = None, *, status: str | None = None) -> list[Order]:
        """Orders, one row each, as of now."""
        return self._view(Order, "openstock.orders", "order_ref", order_ref=order_ref, status=status)

    def order_lines(self, order_ref: str | None = None, sku: str | None = None) -> list[OrderLine]:
        """Lines of orders, one row each whatever warehouses serve it."""
        return self._view(
            OrderLine, "openstock.order_lines", "order_ref, line, sku", order_ref=order_ref, sku=sku
        )

    def order_history(self, order_ref: str) -> list[LedgerEntry]:
        """All movements of an order's units, the oldest first, also those from before they were confirmed into it.

        Raises InvalidArgument, UnknownOrder.
        """
        return self._call(LedgerEntry, "order_history", order_ref=order_ref)

    def backorders(self, sku: str | None = None, order_ref: str | None = None) -> list[Backorder]:
        """What waits for stock, per product in the order in which it is filled; holds have no place in it."""
        return self._view(Backorder, "openstock.backorders", "sku, place", sku=sku, order_ref=order_ref)

    def shortages(self, sku: str | None = None, warehouse: str | None = None) -> list[Shortage]:
        """Where more is promised than there is to send: units were lost, blocked, or their lot expired."""
        return self._view(Shortage, "openstock.shortages", "sku, warehouse", sku=sku, warehouse=warehouse)

    def products(
        self, sku: str | None = None, *, active: bool | None = None, tracking: str | None = None
    ) -> list[Product]:
        """Products; see search_products for words and attributes."""
        return self._view(Product, "openstock.products", "sku", sku=sku, active=active, tracking=tracking)

    def warehouses(self, warehouse: str | None = None, *, active: bool | None = None) -> list[Warehouse]:
        """Warehouses, in the order in which they are asked for stock."""
        return self._view(
            Warehouse,
            "openstock.warehouses",
            "priority, warehouse",
            warehouse=warehouse,
            active=active,
        )

    def locations(
        self,
        warehouse: str | None = None,
        location: str | None = None,
        *,
        kind: str | None = None,
        active: bool | None = None,
    ) -> list[Location]:
        """Bins of warehouses."""
        return self._view(
            Location,
            "openstock.locations",
            "warehouse, location",
            warehouse=warehouse,
            location=location,
            kind=kind,
            active=active,
        )

    def current_stock(self, sku: str | None = None, warehouse: str | None = None) -> list[CurrentStock]:
        """Stock as summed from the ledger at the last refresh; for analysts and operators. Raises NoAccess."""
        return self._view(
            CurrentStock,
            "openstock_dw.current_stock",
            "sku, warehouse",
            sku=sku,
            warehouse=warehouse,
        )

    def current_tenant(self) -> UUID | None:
        """The tenant of the client's calls, or None if the login may not act for it, or none is named."""
        statement = Statement(statements.CURRENT_TENANT, {"tenant": self._tenant})
        [tenant] = self._rows(scalar_row, statement)
        return tenant if isinstance(tenant, UUID) else None

    def act_for(self) -> UUID:
        """Name the client's tenant for the rest of the transaction, for SQL of your own on its views, and return it.

        Raises NoTenant, NotAllowed, UnknownTenant, TenantConflict. Methods do it themselves.
        """
        [tenant] = self._rows(scalar_row, Statement(statements.ENTER, {"tenant": self._tenant}))
        return UUID(str(tenant))

    def schema_version(self) -> str | None:
        """The newest migration applied to the database."""
        version: str | None = self._value("openstock.schema_version")
        return version

    def server_time(self) -> datetime:
        """The server's clock, by which entries are stamped and expiry is decided."""
        now: datetime = self._value("openstock.server_time")
        return now

    # Transactions -------------------------------------------------------------------------------------

    def transaction(self, work: Callable[[Client], T]) -> T:
        """Run a function in one transaction, commit it and return what it returned.

        The whole function is run again where another transaction came in its way (40001, 40P01, and 55P03 if `Retry`
        says so), so it must do nothing that a rollback does not undo. It gets this client: its calls and the caller's
        own statements on `connection` are one transaction, which the function may begin with "set transaction". Where
        the caller's transaction is open already, the function runs in a savepoint of it, once.

        A connection lost before the function has begun is made again; later it is an error, since the function may have
        seen or sent something. Errors of the caller's own statements leave it as psycopg raised them. Raises
        OutcomeUnknown if the connection was lost while committing, TransactionAborted if the function swallowed an
        error that had ended its transaction.
        """
        alone = self._is_idle()
        phase = _Phase.BEGINNING

        def once() -> T:
            nonlocal phase
            with self._connection.transaction():
                phase = _Phase.WORKING
                result = work(self)
                self._require_transaction()
                phase = _Phase.COMMITTING
            return result

        def judge(error: psycopg.Error) -> tuple[psycopg.Error, bool]:
            nonlocal phase
            reached, phase = phase, _Phase.BEGINNING
            if reached is _Phase.WORKING:
                # Errors of the caller's own statements stay what they are.
                return error, False
            failure = translate(error)
            if reached is _Phase.COMMITTING and isinstance(failure, ConnectionFailed):
                return OutcomeUnknown(detail=failure.detail), False
            # A commit can fail for reasons that are the caller's, such as deferred constraints.
            return (error if type(failure) is OpenstockError else failure), True

        outer, self._in_transaction = self._in_transaction, True
        try:
            return self._repeat(once, judge, alone=alone)
        finally:
            self._in_transaction = outer

    # How it is done -----------------------------------------------------------------------------------

    def _write(self, row: type[T], function: str, op_id: str | None, **arguments: object) -> list[T]:
        key = str(uuid.uuid4()) if op_id is None else op_id
        with translated(key):
            return self._call(row, function, op_id=key, **arguments)

    def _call(self, row: type[T], function: str, **arguments: object) -> list[T]:
        statement = statements.calling(f"openstock.{function}", {**arguments, "tenant": self._tenant}, row)
        return self._rows(class_row(row), statement)

    def _view(self, row: type[T], view: str, order: str, **filters: object) -> list[T]:
        return self._read(class_row(row), statements.reading(view, row, order, filters))

    def _value(self, function: str) -> Any:
        [value] = self._rows(scalar_row, statements.calling(function, {}))
        return value

    def _rows(self, rows: BaseRowFactory[T], statement: Statement, *, repeatable: bool = True) -> list[T]:
        """The rows of a statement that names its tenant itself, or needs none."""

        def execute() -> list[T]:
            cursor = self._run(statement.text, statement.parameters, rows)
            return cursor.fetchall()

        return self._attempt(execute, repeatable=repeatable)

    def _read(self, rows: BaseRowFactory[T], statement: Statement) -> list[T]:
        """The rows of a view, in a transaction that names the tenant.

        A view is empty without a tenant, or for a login that may not act for it; here that is an error, as it is in
        the functions.
        """

        def execute() -> list[T]:
            with self._as_one_transaction():
                self._run(statements.ENTER, {"tenant": self._tenant}, tuple_row)
                cursor = self._run(statement.text, statement.parameters, rows)
            return cursor.fetchall()

        return self._attempt(execute)

    def _run(
        self,
        text: bytes,
        parameters: Mapping[str, object],
        rows: BaseRowFactory[T],
    ) -> psycopg.Cursor[T]:
        # A cursor of the plain kind, whatever cursors and rows the caller's connection makes by default.
        cursor = psycopg.Cursor(self._connection, row_factory=rows)
        cursor.adapters.register_loader("jsonb", session.JsonLoader)
        return cursor.execute(text, parameters)

    def _as_one_transaction(self) -> contextlib.AbstractContextManager[object]:
        if not self._is_alone():
            # No pipeline: psycopg ends one with a message after which PostgreSQL forgets that the session stands idle
            # in a transaction, and never ends it.
            return contextlib.nullcontext()
        if psycopg.Pipeline.is_supported():
            # Up to its end a pipeline is one transaction by itself, and one round trip.
            return self._connection.pipeline()
        return self._connection.transaction()

    def _attempt(self, execute: Callable[[], T], *, repeatable: bool = True) -> T:
        """Run statements, repeated where they are a transaction of their own.

        repeatable says whether they may be repeated also when it is unknown whether they took effect.
        """
        return self._repeat(execute, lambda error: (translate(error), repeatable), alone=self._is_alone())

    def _repeat(
        self,
        once: Callable[[], T],
        judge: Callable[[psycopg.Error], tuple[psycopg.Error, bool]],
        *,
        alone: bool,
    ) -> T:
        """Do it once, and if it is alone again while its errors are passing ones, with a new connection if need be.

        judge says for an error which one to raise, and whether, if the connection was lost, it may be done again.
        """
        attempt = 1
        while True:
            try:
                self._require_connection(alone)
                return once()
            except psycopg.Error as error:
                failure, repeatable = judge(error)
                lost = isinstance(failure, ConnectionFailed) and self._is_ours()
                again = repeatable if lost else self._retry.covers(failure.sqlstate)
                if not (alone and again and attempt < self._retry.attempts):
                    if attempt > 1:
                        failure.add_note(f"It was tried {attempt} times.")
                    if failure is error:
                        raise
                    raise failure from error
                if lost:
                    self._connection.close()
            time.sleep(self._retry.pause(attempt))
            self._retries += 1
            attempt += 1

    def _require_transaction(self) -> None:
        """Raise unless there is a transaction to commit: else a commit would do nothing, and say nothing."""
        status = self._connection.info.transaction_status
        if status == TransactionStatus.UNKNOWN:
            raise ConnectionFailed(detail={"problem": "the connection was lost within the transaction"})
        if status in (TransactionStatus.INERROR, TransactionStatus.IDLE):
            raise TransactionAborted(detail={"status": status.name})

    def _is_ours(self) -> bool:
        """Whether the connection is the client's to make again."""
        return self._settings is not None and not self._closed

    def _is_idle(self) -> bool:
        """Whether no transaction is open, so that what comes next begins one."""
        if self._in_transaction:
            return False
        if self._connection.closed:
            return self._is_ours()
        return self._connection.info.transaction_status == TransactionStatus.IDLE

    def _is_alone(self) -> bool:
        """Whether the next statement is a transaction by itself."""
        return self._is_idle() and (self._connection.closed or self._connection.autocommit)

    def _require_connection(self, alone: bool) -> None:
        if self._closed:
            raise session.closed()
        if alone and self._connection.closed and self._settings is not None:
            self._connection = _open(self._settings)


class _Phase(enum.Enum):
    """How far a transaction has come."""

    BEGINNING = enum.auto()
    WORKING = enum.auto()
    COMMITTING = enum.auto()
