"""The asynchronous client: one method per SQL function and view, same names, same arguments.

openstock/client.py is generated from this file by openstock.devtools.build_sync_client.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row, scalar_row

from openstock import session, statements
from openstock.async_admin import AsyncAdmin
from openstock.async_calls import RETRY, AsyncCalls, open_connection
from openstock.errors import translated
from openstock.results import (
    AllocationChange,
    Backorder,
    Bin,
    Channel,
    CurrentStock,
    Kit,
    LedgerEntry,
    Location,
    Lot,
    LotChange,
    Order,
    OrderLine,
    Product,
    PutResult,
    Quota,
    QuotaChange,
    QuotedSource,
    Reservation,
    ReservationChange,
    Serial,
    ShipmentLine,
    Shortage,
    Stock,
    StockChange,
    Warehouse,
)
from openstock.retry import Retry
from openstock.statements import Lines, Statement

__all__ = ["AsyncClient", "connect_async"]


async def connect_async(
    dsn: str | None = None,
    *,
    tenant: UUID | str | None = None,
    retry: Retry = RETRY,
    lock_timeout: float | None = 5.0,
    statement_timeout: float | None = 30.0,
    idle_in_transaction_session_timeout: float | None = 60.0,
    prepare_threshold: int | None = 5,
) -> AsyncClient:
    """Connect to a database that openstock has migrated.

        async with await openstock.connect_async("postgresql://app@db/shop", tenant=tenant) as client:
            await client.receive("LON", [{"sku": "APPLE", "qty": 10}])

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
    client = AsyncClient(await open_connection(settings), tenant=acting, retry=retry)
    client._settings = settings
    if acting is not None:
        try:
            await client._rows(scalar_row, Statement(statements.ENTER, {"tenant": acting}))
        except BaseException:
            await client.close()
            raise
    return client


class AsyncClient(AsyncCalls):
    """Calls openstock's SQL functions, each a method of the same name and arguments, and reads its views.

    A call is a transaction of its own, repeated where another transaction came in its way (see `Retry`). A connection
    that `connect_async` made is made again when it was lost, and the call repeated: the op_id, made by the client where
    none is given, keeps it from taking effect twice, and `replayed` is true in the answer where the first attempt had.
    Within a transaction (`transaction`, or the caller's own on `connection`) a call is part of that, and never repeated
    by itself.

    A client serves one thread or task at a time, as the connection below it does. Errors are those of
    `openstock.errors`; those that the SQL function's comment names by SQLSTATE, and ConnectionFailed, LockTimeout,
    QueryCanceled, SerializationFailure, Deadlock for any call.
    """

    @property
    def admin(self) -> AsyncAdmin:
        """The functions of schema openstock_admin, for operators."""
        return AsyncAdmin(self)

    # Writing ------------------------------------------------------------------------------------------

    async def put_products(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create products, or change the keys given of those that exist.

        lines: sku, name (required for a new one), description, unit (UN/CEFACT Rec 20 code), decimals, tracking,
        removal, backorder, backorder_limit, safety_stock, reorder_point, reorder_quantity, lead_time_days, attributes,
        active. Raises InvalidArgument, OpIdReused, InUse.
        """
        return await self._write(PutResult, "put_products", op_id, lines=lines)

    async def put_kits(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Say what kits are made of: products that are sold as one, sent as their components, not stocked themselves.

        lines: sku, components (list of mappings of sku and qty, the units in one kit), which replace what the kit was
        made of; none of them make it an ordinary product again. What is reserved stays as it is. Raises
        InvalidArgument, InvalidQuantity, OpIdReused, UnknownProduct, InUse (the product was stocked).
        """
        return await self._write(PutResult, "put_kits", op_id, lines=lines)

    async def put_warehouses(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create warehouses, each with a bin DEFAULT, or change the keys given of those that exist.

        lines: code, name, address (mapping), latitude and longitude (degrees), priority (the lowest is asked for stock
        first), shipping_cost (of one shipment), shipping_cost_by_zone (mapping of destination zone to cost), active.
        Raises InvalidArgument, OpIdReused.
        """
        return await self._write(PutResult, "put_warehouses", op_id, lines=lines)

    async def put_locations(self, warehouse: str, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create bins of a warehouse, or change the keys given of those that exist.

        lines: code, kind (receiving, storage, picking, packing, quarantine), pick_order, active.
        Raises InvalidArgument, OpIdReused, UnknownWarehouse, InUse, NeedsReadCommitted.
        """
        return await self._write(PutResult, "put_locations", op_id, warehouse=warehouse, lines=lines)

    async def put_channels(self, lines: Lines, *, op_id: str | None = None) -> list[PutResult]:
        """Create sales channels, or change the keys given of those that exist.

        lines: code, name, uses_safety_stock, active. Raises InvalidArgument, OpIdReused.
        """
        return await self._write(PutResult, "put_channels", op_id, lines=lines)

    async def put_lots(self, lines: Lines, *, reason: str | None = None, op_id: str | None = None) -> list[LotChange]:
        """Say of lots whether they may be promised, in all warehouses and whatever comes in later; one row per line.

        lines: sku, lot (a new one is created), expires_on (of a new one), quality (released, hold, rejected; default of
        a new one: released). Units that are not released are blocked and pins taken off them; orders keep their
        promises. reason is written into the ledger. Raises InvalidArgument, OpIdReused, UnknownProduct, LotConflict,
        NeedsReadCommitted.
        """
        return await self._write(LotChange, "put_lots", op_id, lines=lines, reason=reason)

    async def put_quotas(self, warehouse: str, lines: Lines, *, op_id: str | None = None) -> list[QuotaChange]:
        """Keep units of products at a warehouse for sales channels; one row per line.

        lines: channel, sku, qty (to keep from now on, whatever was kept before; 0: none; may be more than there is).
        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownProduct, UnknownWarehouse, UnknownChannel,
        InactiveChannel.
        """
        return await self._write(QuotaChange, "put_quotas", op_id, warehouse=warehouse, lines=lines)

    async def receive(
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

        lines: sku, qty (positive), and optionally line, location, lot, expires_on, status, unit_cost; where the product
        is tracked by serial, serials, the names of the pieces (qty may be left out then); handling_unit, the barcode of
        the pallet, tote or carton that they come in, and its handling_unit_kind. occurred_at is the business time,
        aware. fill_backorders: orders that wait for the products get what is then available at the warehouse, by
        priority and age, in the same transaction, unless this is False; the rows are of the goods alone.
        Raises InvalidArgument, InvalidQuantity, OpIdReused, and Unknown… and Inactive… for product, warehouse and
        location, LotConflict, SerialConflict, SerialInStock, HandlingUnitElsewhere.
        """
        return await self._write(
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

    async def adjust(
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
        optionally line, location, lot, status, handling_unit, unit_cost; where the product is tracked by serial, qty
        and serials. Raises what receive does, InsufficientStock, UnexpectedBalance, UnknownLot, UnknownSerial,
        SerialNotThere, UnknownHandlingUnit.
        """
        return await self._write(
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

    async def move(
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

        lines: sku, qty (positive), from and to (bins), status and to_status, and optionally line, lot; where the
        product is tracked by serial, serials; handling_unit, what they leave. A line of handling_unit and to alone
        moves it with all it holds. Raises what receive does, InsufficientStock, UnknownLot, UnknownSerial,
        SerialNotThere, UnknownHandlingUnit.
        """
        return await self._write(
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

    async def reserve(
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
        strategy: str = "priority",
        destination: Mapping[str, object] | None = None,
        channel: str | None = None,
        now: bool = False,
        op_id: str | None = None,
    ) -> list[ReservationChange]:
        """Promise stock to an order, all lines or none unless on_shortage says so; one row per line and warehouse.

        lines: sku, qty (positive), and optionally line (its number in the order), warehouse, and what its units have to
        be: location (with a warehouse), lot, min_days_left (days before the lot's last day), serials (the very pieces;
        qty may then be left out). Such units are pinned to bins in the same step, and do not wait for stock. Without a
        warehouse, those that are active are asked by strategy. ttl: a hold, which ends after this time (at most ten
        years) unless it is confirmed or extended.

        strategy: priority (the warehouses' own), most_stock, nearest, least_cost, fewest_splits or ship_complete (one
        warehouse sends all, or nothing is promised). destination: latitude and longitude (degrees), and zone (of
        shipping costs): where the goods go. See quote. channel: the sales channel that the order came through; what is
        kept for it is used first.

        on_shortage: reject (outcome rejected, nothing is promised), partial (what there is is promised; a row short per
        line for the rest), backorder (a row backordered for the rest, which waits for stock, if each product's policy
        lets it; otherwise as reject) or error. Rows rejected and short say which warehouses could promise how much.

        priority (the higher is served first), promised_at (aware) and metadata are the order's: what is given replaces
        what was, metadata key by key; kept only where something is promised or waits.

        now: for products that all want at once (a promotion, a ticket sale). Others are let at the stock before the
        promise is on disk, and the answer comes when it is; in a transaction of its own only.

        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownProduct, InactiveProduct, UnknownWarehouse,
        InactiveWarehouse, UnknownLocation, UnknownLot, LotConflict, InsufficientStock, OrderClosed, LineExists,
        InTransaction (now).
        """
        write = self._write_now if now else self._write
        return await write(
            ReservationChange,
            "reserve_now" if now else "reserve",
            op_id,
            order_ref=order_ref,
            lines=lines,
            warehouse=warehouse,
            on_shortage=on_shortage,
            ttl=ttl,
            priority=priority,
            promised_at=promised_at,
            metadata=metadata,
            strategy=strategy,
            destination=destination,
            channel=channel,
        )

    async def extend(self, order_ref: str, ttl: timedelta, *, op_id: str | None = None) -> list[ReservationChange]:
        """Let an order's holds end this long from now, and none sooner than it would; one row per line and warehouse.

        Rows of holds that have ended already have outcome expired. Raises InvalidArgument, OpIdReused, UnknownOrder,
        OrderClosed, HoldExpired (all have ended), NotHeld.
        """
        return await self._write(ReservationChange, "extend", op_id, order_ref=order_ref, ttl=ttl)

    async def confirm(
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
        Raises InvalidArgument, OpIdReused, UnknownOrder, OrderClosed, HoldExpired, NotHeld.
        """
        return await self._write(
            ReservationChange,
            "confirm",
            op_id,
            order_ref=order_ref,
            new_order_ref=new_order_ref,
            on_expired=on_expired,
        )

    async def cancel(
        self, order_ref: str, *, reason: str | None = None, op_id: str | None = None
    ) -> list[ReservationChange]:
        """Give back all that an order has promised and not shipped; one row per line and warehouse.

        Raises InvalidArgument, OpIdReused, UnknownOrder, OrderClosed, HoldExpired.
        """
        return await self._write(ReservationChange, "cancel", op_id, order_ref=order_ref, reason=reason)

    async def expire_reservations(self, max_lines: int = 1000, *, op_id: str | None = None) -> list[ReservationChange]:
        """Book holds that have ended, of up to this many lines (1 to 10000), the longest ended first; a row for each.

        Promises and views are exact without it, and any number may run at once. No row: nothing was due, or all of it
        in use. The client makes no op_id: done again it books what is due then, and where nothing is, it leaves no
        trace. So after a lost connection the rows may be fewer than were booked. Raises InvalidArgument, OpIdReused.
        """
        with translated(op_id):
            return await self._call(ReservationChange, "expire_reservations", op_id=op_id, max_lines=max_lines)

    async def fill_backorders(self, max_rows: int = 1000, *, op_id: str | None = None) -> list[ReservationChange]:
        """Promise available stock to up to this many backorders (1 to 10000); a row filled per line and warehouse.

        Those of a product by priority of the order, then age; what is filled in part keeps its place. Any number may
        run at once: orders in use keep their place and units. No row: nothing could be filled. The client makes no
        op_id: done again it fills what can be filled then, and where nothing can, it leaves no trace. So after a lost
        connection the rows may be fewer than were filled. Raises InvalidArgument, OpIdReused.
        """
        with translated(op_id):
            return await self._call(ReservationChange, "fill_backorders", op_id=op_id, max_rows=max_rows)

    async def amend(
        self,
        order_ref: str,
        lines: Lines,
        *,
        on_shortage: str = "reject",
        reason: str | None = None,
        strategy: str = "priority",
        destination: Mapping[str, object] | None = None,
        op_id: str | None = None,
    ) -> list[ReservationChange]:
        """Change what an order's lines are to be, all in one step; one row per line and warehouse that changes.

        lines: qty, wanted of the line in all, with what was shipped (0: no more than that), and line, or the sku
        of the order's only line of this product; a sku that the order has no line of is a new line; warehouse: where
        more is to come from. What one line gives back, another may have. on_shortage, strategy and destination as in
        reserve: with reject and error, an order that cannot have all stays as it was.

        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownProduct, InactiveProduct, UnknownWarehouse,
        InactiveWarehouse, InsufficientStock, UnknownOrder, OrderClosed, NotReserved, HoldExpired.
        """
        return await self._write(
            ReservationChange,
            "amend",
            op_id,
            order_ref=order_ref,
            lines=lines,
            on_shortage=on_shortage,
            reason=reason,
            strategy=strategy,
            destination=destination,
        )

    async def release(
        self, order_ref: str, lines: Lines | None = None, *, reason: str | None = None, op_id: str | None = None
    ) -> list[ReservationChange]:
        """Give an order's promised stock back, all of it or lines; one row per line and warehouse.

        lines: line or sku (and warehouse), with qty or all that is open. What waits for stock goes first, pinned units
        last.
        Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder, OrderClosed, NotReserved, HoldExpired.
        """
        return await self._write(ReservationChange, "release", op_id, order_ref=order_ref, lines=lines, reason=reason)

    async def allocate(
        self,
        order_ref: str,
        *,
        removal: str | None = None,
        on_shortage: str = "partial",
        whole_units: bool = False,
        op_id: str | None = None,
    ) -> list[AllocationChange]:
        """Pin all promised units of an order that are not pinned yet; a row per line and bin, and per line short.

        removal: fefo, fifo, lifo or fewest_bins (the fullest first); None: each product's own. on_shortage: partial
        (pins what there is), reject (pins nothing) or error. whole_units: handling units all of whose free units of the
        product fit what a line needs go first. Holds are pinned too. Raises InvalidArgument, OpIdReused,
        InsufficientStock, UnknownOrder, OrderClosed, NotReserved (all of it waits), HoldExpired.
        """
        return await self._write(
            AllocationChange,
            "allocate",
            op_id,
            order_ref=order_ref,
            removal=removal,
            on_shortage=on_shortage,
            whole_units=whole_units,
        )

    async def allocate_next(
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
        return await self._write(
            AllocationChange,
            "allocate_next",
            op_id,
            warehouse=warehouse,
            max_orders=max_orders,
            removal=removal,
            on_shortage=on_shortage,
        )

    async def deallocate(
        self, order_ref: str, lines: Lines | None = None, *, reason: str | None = None, op_id: str | None = None
    ) -> list[AllocationChange]:
        """Take pins off an order's units, which stay promised, all of them or lines; a row per line and bin.

        lines: line or sku (and warehouse), with qty or all that is pinned; the newest pins go first. No row: nothing is
        pinned. Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder, OrderClosed, NotReserved (less is
        pinned), HoldExpired.
        """
        return await self._write(AllocationChange, "deallocate", op_id, order_ref=order_ref, lines=lines, reason=reason)

    async def short_pick(
        self, order_ref: str, lines: Lines, *, reason: str = "short pick", op_id: str | None = None
    ) -> list[AllocationChange]:
        """Record that pinned units were not found, and pin others instead; a row per line, bin and outcome.

        lines: location and qty (what is missing), line or sku, and optionally warehouse, lot, serials (which pieces).
        What is missing is unpinned (deallocated) and put on hold where it should have been (held): it stays in on_hand
        until a count decides, and nobody is promised it. As much is pinned elsewhere (allocated), never in the bins
        named, as far as there is any (short). Raises InvalidArgument, InvalidQuantity, OpIdReused, UnknownOrder,
        OrderClosed, NotReserved (less is pinned there), HoldExpired, SerialConflict.
        """
        return await self._write(AllocationChange, "short_pick", op_id, order_ref=order_ref, lines=lines, reason=reason)

    async def ship(
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

        lines: line or sku (and warehouse), with qty or all that is reserved, or serials: the pieces. Pinned units go
        first, the rest by the removal rule; holds are shipped too. Raises InvalidArgument, InvalidQuantity, OpIdReused,
        InsufficientStock (promised units were lost), UnknownOrder, OrderClosed, NotReserved, HoldExpired,
        SerialConflict, UnknownSerial, SerialNotThere.
        """
        return await self._write(
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

    async def availability(self, sku: str, warehouse: str | None = None, channel: str | None = None) -> list[Stock]:
        """What can be promised of a product, per warehouse where it was ever stocked: 0 where either is inactive.

        channel: available is what can be promised to that sales channel, never less than 0. Raises InvalidArgument,
        UnknownProduct, UnknownWarehouse, UnknownChannel, InactiveChannel.
        """
        return await self._call(Stock, "availability", sku=sku, warehouse=warehouse, channel=channel)

    async def quote(
        self,
        lines: Lines,
        *,
        warehouse: str | None = None,
        strategy: str = "priority",
        destination: Mapping[str, object] | None = None,
        channel: str | None = None,
    ) -> list[QuotedSource]:
        """What reserve would promise for these lines now, and why; one row per line and warehouse that could be asked.

        The same arguments as reserve's, the same choice; promises nothing. Raises InvalidArgument, InvalidQuantity,
        UnknownProduct, InactiveProduct, UnknownWarehouse, InactiveWarehouse, UnknownLocation, UnknownLot, LotConflict,
        UnknownChannel, InactiveChannel.
        """
        return await self._call(
            QuotedSource,
            "quote",
            lines=lines,
            warehouse=warehouse,
            strategy=strategy,
            destination=destination,
            channel=channel,
        )

    async def search_products(
        self, query: str | None = None, attributes: Mapping[str, object] | None = None, max_rows: int = 50
    ) -> list[Product]:
        """Products by words and attributes, the best first, at most max_rows (1 to 1000).

        query: the beginning of a sku, or words in web search syntax (or, -, "phrase"); attributes: those that the
        product's must contain. Raises InvalidArgument.
        """
        return await self._call(Product, "search_products", query=query, attributes=attributes, max_rows=max_rows)

    async def stock(self, sku: str | None = None, warehouse: str | None = None) -> list[Stock]:
        """Stock per product and warehouse, as of now. As with all views: filters by equality, with codes as stored."""
        return await self._view(Stock, "openstock.stock", "sku, warehouse", sku=sku, warehouse=warehouse)

    async def bins(
        self,
        sku: str | None = None,
        warehouse: str | None = None,
        *,
        location: str | None = None,
        lot: str | None = None,
        status: str | None = None,
    ) -> list[Bin]:
        """What each bin holds; empty ones are left out."""
        return await self._view(
            Bin,
            "openstock.bins",
            "warehouse, location, sku, lot nulls first, status",
            sku=sku,
            warehouse=warehouse,
            location=location,
            lot=lot,
            status=status,
        )

    async def ledger(
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
        return await self._read(class_row(LedgerEntry), statement)

    async def reservations(
        self, order_ref: str | None = None, sku: str | None = None, warehouse: str | None = None
    ) -> list[Reservation]:
        """Promises to orders, per order, line and warehouse; what any warehouse may fill has a row without one."""
        return await self._view(
            Reservation,
            "openstock.reservations",
            "order_ref, line, warehouse",
            order_ref=order_ref,
            sku=sku,
            warehouse=warehouse,
        )

    async def orders(self, order_ref: str | None = None, *, status: str | None = None) -> list[Order]:
        """Orders, one row each, as of now."""
        return await self._view(Order, "openstock.orders", "order_ref", order_ref=order_ref, status=status)

    async def order_lines(self, order_ref: str | None = None, sku: str | None = None) -> list[OrderLine]:
        """Lines of orders, one row each whatever warehouses serve it."""
        return await self._view(
            OrderLine, "openstock.order_lines", "order_ref, line, sku", order_ref=order_ref, sku=sku
        )

    async def order_history(self, order_ref: str) -> list[LedgerEntry]:
        """All movements of an order's units, the oldest first, also those from before they were confirmed into it.

        Raises InvalidArgument, UnknownOrder.
        """
        return await self._call(LedgerEntry, "order_history", order_ref=order_ref)

    async def serials(
        self,
        sku: str | None = None,
        serial: str | None = None,
        *,
        order_ref: str | None = None,
        state: str | None = None,
    ) -> list[Serial]:
        """Pieces of products that are tracked by serial, where they are and whose; state: in_stock, allocated, gone."""
        return await self._view(
            Serial, "openstock.serials", "sku, serial", sku=sku, serial=serial, order_ref=order_ref, state=state
        )

    async def serial_history(self, sku: str, serial: str) -> list[LedgerEntry]:
        """All movements of one piece, the oldest first; quantities are those of the whole entry.

        Raises InvalidArgument, UnknownProduct, UnknownSerial.
        """
        return await self._call(LedgerEntry, "serial_history", sku=sku, serial=serial)

    async def backorders(self, sku: str | None = None, order_ref: str | None = None) -> list[Backorder]:
        """What waits for stock, per product in the order in which it is filled; holds have no place in it."""
        return await self._view(Backorder, "openstock.backorders", "sku, place", sku=sku, order_ref=order_ref)

    async def shortages(self, sku: str | None = None, warehouse: str | None = None) -> list[Shortage]:
        """Where more is promised than there is to send: units were lost, blocked, or their lot expired."""
        return await self._view(Shortage, "openstock.shortages", "sku, warehouse", sku=sku, warehouse=warehouse)

    async def products(
        self, sku: str | None = None, *, active: bool | None = None, tracking: str | None = None
    ) -> list[Product]:
        """Products; see search_products for words and attributes."""
        return await self._view(Product, "openstock.products", "sku", sku=sku, active=active, tracking=tracking)

    async def kits(self, sku: str | None = None, *, component: str | None = None) -> list[Kit]:
        """What kits are made of now."""
        return await self._view(Kit, "openstock.kits", "sku, component", sku=sku, component=component)

    async def warehouses(self, warehouse: str | None = None, *, active: bool | None = None) -> list[Warehouse]:
        """Warehouses, in the order in which they are asked for stock."""
        return await self._view(
            Warehouse,
            "openstock.warehouses",
            "priority, warehouse",
            warehouse=warehouse,
            active=active,
        )

    async def channels(self, channel: str | None = None, *, active: bool | None = None) -> list[Channel]:
        """Sales channels."""
        return await self._view(Channel, "openstock.channels", "channel", channel=channel, active=active)

    async def lots(self, sku: str | None = None, lot: str | None = None, *, quality: str | None = None) -> list[Lot]:
        """Lots, and whether they may be promised."""
        return await self._view(Lot, "openstock.lots", "sku, lot", sku=sku, lot=lot, quality=quality)

    async def quotas(
        self, sku: str | None = None, warehouse: str | None = None, *, channel: str | None = None
    ) -> list[Quota]:
        """What is kept for sales channels."""
        return await self._view(
            Quota, "openstock.quotas", "sku, warehouse, channel", sku=sku, warehouse=warehouse, channel=channel
        )

    async def locations(
        self,
        warehouse: str | None = None,
        location: str | None = None,
        *,
        kind: str | None = None,
        active: bool | None = None,
    ) -> list[Location]:
        """Bins of warehouses."""
        return await self._view(
            Location,
            "openstock.locations",
            "warehouse, location",
            warehouse=warehouse,
            location=location,
            kind=kind,
            active=active,
        )

    async def current_stock(self, sku: str | None = None, warehouse: str | None = None) -> list[CurrentStock]:
        """Stock as summed from the ledger at the last refresh; for analysts and operators. Raises NoAccess."""
        return await self._view(
            CurrentStock,
            "openstock_dw.current_stock",
            "sku, warehouse",
            sku=sku,
            warehouse=warehouse,
        )

    async def current_tenant(self) -> UUID | None:
        """The tenant of the client's calls, or None if the login may not act for it, or none is named."""
        statement = Statement(statements.CURRENT_TENANT, {"tenant": self._tenant})
        [tenant] = await self._rows(scalar_row, statement)
        return tenant if isinstance(tenant, UUID) else None

    async def act_for(self) -> UUID:
        """Name the client's tenant for the rest of the transaction, for SQL of your own on its views, and return it.

        Raises NoTenant, NotAllowed, UnknownTenant, TenantConflict. Methods do it themselves.
        """
        [tenant] = await self._rows(scalar_row, Statement(statements.ENTER, {"tenant": self._tenant}))
        return UUID(str(tenant))

    async def schema_version(self) -> str | None:
        """The newest migration applied to the database."""
        version: str | None = await self._value("openstock.schema_version")
        return version

    async def server_time(self) -> datetime:
        """The server's clock, by which entries are stamped and expiry is decided."""
        now: datetime = await self._value("openstock.server_time")
        return now
