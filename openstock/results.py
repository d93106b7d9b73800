"""What the client returns: a frozen dataclass per row type of the SQL functions and per view, field for field.

Quantities are `Decimal`, in the product's unit, exactly as stored. `on_hand`, `blocked`, `reserved` and `available` are
those of the product at the warehouse (its stock level); fields that begin with qty are the row's own. Times are aware.
Numbers within mappings (JSON) are int, or Decimal where they are stored with a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

__all__ = [
    "AllocationChange",
    "Backorder",
    "Bin",
    "Channel",
    "CurrentStock",
    "Difference",
    "Finding",
    "Kit",
    "LedgerEntry",
    "Location",
    "Lot",
    "LotChange",
    "Order",
    "OrderLine",
    "Product",
    "PutResult",
    "Quota",
    "QuotaChange",
    "QuotedSource",
    "Repair",
    "Reservation",
    "ReservationChange",
    "Serial",
    "ShipmentLine",
    "Shortage",
    "Stock",
    "StockChange",
    "Tenant",
    "Warehouse",
]


# Rows of the functions that write --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PutResult:
    """One row of master data written by put_products, put_warehouses, put_locations or put_channels."""

    line: int
    """The line of the call, as given or its place (from 1)."""
    code: str
    """The sku or code, as stored."""
    outcome: str
    """created, updated or unchanged."""
    replayed: bool
    """True when this answer was stored by an earlier call with the same op_id."""


@dataclass(frozen=True, slots=True)
class LotChange:
    """One row of a lot that was written by put_lots."""

    line: int
    sku: str
    lot: str
    expires_on: date | None
    """Its last day (UTC)."""
    quality: str
    """released, hold or rejected."""
    outcome: str
    """created, updated or unchanged."""
    qty_blocked: Decimal
    """Units in all warehouses that cannot be promised any more; negative: that can be promised again."""
    qty_deallocated: Decimal
    """Units that were pinned to orders and are not any more; the orders keep their promises."""
    replayed: bool


@dataclass(frozen=True, slots=True)
class QuotaChange:
    """What is kept of a product at a warehouse for a sales channel, with the stock level after the call."""

    line: int
    channel: str
    sku: str
    warehouse: str
    qty: Decimal
    """Kept for the channel."""
    on_hand: Decimal
    blocked: Decimal
    reserved: Decimal
    fenced: Decimal
    """Kept for all channels together."""
    available: Decimal
    """What can be promised to anyone; negative where more is kept than there is."""
    replayed: bool


@dataclass(frozen=True, slots=True)
class StockChange:
    """One ledger entry that changed what a bin holds, with the stock level after it."""

    line: int
    sku: str
    warehouse: str
    location: str
    lot: str | None
    handling_unit: str | None
    """The pallet, tote or carton; None: loose."""
    status: str
    """available, hold, quarantine or damaged."""
    event_type: str
    """RECEIPT, ADJUST, MOVE, STATUS or SHIP."""
    qty: Decimal
    """Signed change of the bin."""
    serials: list[str] | None
    """The pieces, where the product is tracked by serial."""
    on_hand: Decimal
    blocked: Decimal
    reserved: Decimal
    available: Decimal
    entry_id: int
    recorded_at: datetime
    replayed: bool


@dataclass(frozen=True, slots=True)
class ReservationChange:
    """What became of one line of an order at one warehouse."""

    order_ref: str
    line: int
    sku: str
    warehouse: str | None
    """The warehouse that promises; None where none was chosen, and on a backorder that any may fill."""
    outcome: str
    """reserved, backordered, short, filled, extended, confirmed, released, cancelled, expired, or rejected: nothing of
    the call was reserved."""
    qty_ordered: Decimal
    """Asked for in this row."""
    qty_reserved: Decimal
    """What is promised in this row now; on a filled row together with what its line had there before."""
    qty_backordered: Decimal
    """What of this row waits for stock."""
    qty_short: Decimal
    """What no stock covers and does not wait."""
    qty_released: Decimal
    """What the call gave back, or what expired."""
    expires_at: datetime | None
    """The promise holds until then; None: without end."""
    on_hand: Decimal | None
    """None, as the three after it, where the call left the stock level alone: extend, confirm."""
    blocked: Decimal | None
    reserved: Decimal | None
    available: Decimal | None
    """On a rejected or short line: what could have been promised at all warehouses asked."""
    offers: list[dict[str, Any]] | None
    """On a rejected or short line: what each warehouse asked could have promised, by priority, as
    {"warehouse": …, "available": …}; None elsewhere."""
    kit: str | None
    """The kit that the product is a component of in this line; None: none. A rejected or short row is of the kit itself
    and counts kits."""
    replayed: bool


@dataclass(frozen=True, slots=True)
class QuotedSource:
    """A warehouse that could be asked for a line, and what would come of it."""

    line: int
    sku: str
    warehouse: str | None
    """None where the tenant has no warehouse."""
    outcome: str
    """chosen or rejected."""
    reason: str | None
    """Why it was rejected: inactive, no_stock, no_such_units, incomplete, used_by_other_lines, not_needed or
    no_warehouse."""
    qty_ordered: Decimal
    """Asked for by the line."""
    qty: Decimal
    """What this warehouse would promise."""
    qty_short: Decimal
    """What of the line no warehouse would promise."""
    available: Decimal | None
    """What the warehouse could promise of the product, or of the certain units that the line asks for, to anyone, or to
    the channel asked for, if no other line took any; 0 where it is inactive."""
    distance_km: float | None
    """To the destination, along the great circle; None where a position is unknown."""
    shipping_cost: Decimal | None
    """Of one shipment to the destination's zone; None where it is unknown."""
    place: int | None
    """Among the warehouses asked for the product; None where the strategy asks it for nothing."""
    kit: str | None
    """The kit that the product is a component of in this line; None: none."""


@dataclass(frozen=True, slots=True)
class AllocationChange:
    """Units of an order's line pinned to one bin, or the part of a line that no bin could give."""

    order_ref: str
    line: int
    sku: str
    warehouse: str
    location: str | None
    """The bin to pick from; None on a short row."""
    lot: str | None
    handling_unit: str | None
    """The pallet, tote or carton; None: loose."""
    expires_on: date | None
    """Last day (UTC) on which the lot may be used."""
    outcome: str
    """allocated, deallocated, held (missing units, now on hold), or short: no bin had the units."""
    qty: Decimal
    serials: list[str] | None
    """The pieces to pick, where the product is tracked by serial."""
    replayed: bool


@dataclass(frozen=True, slots=True)
class ShipmentLine:
    """Units of an order's line that left one bin, with the stock level after it."""

    order_ref: str
    line: int
    sku: str
    warehouse: str
    location: str
    lot: str | None
    handling_unit: str | None
    """The pallet, tote or carton; None: loose."""
    qty: Decimal
    """Units that left, positive."""
    serials: list[str] | None
    """The pieces that left, where the product is tracked by serial."""
    on_hand: Decimal
    blocked: Decimal
    reserved: Decimal
    available: Decimal
    entry_id: int
    recorded_at: datetime
    replayed: bool


# Rows of the views -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stock:
    """Stock of a product at a warehouse, as of now."""

    sku: str
    warehouse: str
    on_hand: Decimal
    """Physical units."""
    blocked: Decimal
    """The part of on_hand that cannot be promised: status, location or lot expiry says so."""
    reserved: Decimal
    """Promised to orders and not yet gone."""
    safety_stock: Decimal
    """Kept out of promises."""
    fenced: Decimal
    """Kept for sales channels that have not used them."""
    available: Decimal
    """What can be promised while product and warehouse are active; negative after a loss of promised units."""
    version: int
    """Number of ledger entries that changed it."""
    last_recorded_at: datetime | None
    """When the last of them was recorded; None before the first."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Units of one product, lot and status at one location, loose or in one handling unit; empty bins are left out."""

    sku: str
    warehouse: str
    location: str
    lot: str | None
    handling_unit: str | None
    """The pallet, tote or carton; None: loose."""
    expires_on: date | None
    status: str
    on_hand: Decimal
    blocked: Decimal
    allocated: Decimal
    """The part of on_hand that is pinned to orders."""
    received_at: datetime
    """When units came into the empty bin: its age for fifo and lifo."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One immutable movement, with the stock level after it."""

    entry_id: int
    """Rising within a product and warehouse."""
    recorded_at: datetime
    """Server time."""
    occurred_at: datetime
    """Business time: what the caller gave, otherwise recorded_at."""
    op_id: str
    line: int
    """The line of the call; 0 for what followed from the call itself."""
    event_type: str
    sku: str
    warehouse: str
    location: str | None
    """None where no bin is touched."""
    lot: str | None
    handling_unit: str | None
    """The pallet, tote or carton; None: loose."""
    status: str | None
    qty_delta: Decimal
    """Change of on_hand."""
    blocked_delta: Decimal
    reserved_delta: Decimal
    allocated_delta: Decimal
    backordered_delta: Decimal
    """Change of what the order waits for."""
    quota_delta: Decimal
    """Change of what is kept for the sales channel of the order's line."""
    on_hand_after: Decimal | None
    """None, as the two after it, where no level changes: on BACKORDER, EXTEND, CONFIRM, ALLOCATE and DEALLOCATE, and
    where what waits for stock is released or expires."""
    blocked_after: Decimal | None
    reserved_after: Decimal | None
    order_ref: str | None
    expires_at: datetime | None
    """On RESERVE and EXTEND: until when the promise holds; None: without end, as from a CONFIRM on."""
    unit_cost: Decimal | None
    reference: str | None
    reason: str | None
    note: str | None
    actor: str
    """The login that did it."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """A line of an order at a warehouse: ordered = reserved + backordered + shipped + released + expired."""

    order_ref: str
    line: int
    sku: str
    warehouse: str | None
    """The warehouse that promises, or that a backorder waits for; None: any may fill it."""
    channel: str | None
    """The sales channel that it was promised to."""
    ordered: Decimal
    """What is filled moves from the backorder's row to a warehouse's."""
    reserved: Decimal
    """Promised and not yet gone."""
    allocated: Decimal
    """The part of reserved that is pinned to bins."""
    backordered: Decimal
    """Waiting for stock."""
    shipped: Decimal
    released: Decimal
    expired: Decimal
    """Units whose hold ended, whether or not that is booked."""
    expires_at: datetime | None
    """The promise holds until then; None: until it is shipped or released."""
    location: str | None
    """The bin that the line asks for; None: any."""
    lot: str | None
    """The lot that the line asks for; None: any."""
    min_days_left: int | None
    """So many days before the last day of their lot its units had to have when they were pinned; None: any."""
    created_at: datetime
    kit: str | None
    """The kit that the product is a component of in this line; None: none."""
    serials: list[str] | None
    """The pieces that the line asks for; None: any."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order: ordered = reserved + backordered + shipped + released + expired."""

    order_ref: str
    status: str
    """open, held (all that is open is a hold), allocated (all that is open is pinned), part-shipped, shipped, cancelled
    (all given back), expired (all that was open has ended), or confirmed (it became another order)."""
    ordered: Decimal
    reserved: Decimal
    """Promised and not yet gone."""
    held: Decimal
    """The part of reserved and backordered that ends unless it is confirmed."""
    allocated: Decimal
    """The part of reserved that is pinned to bins."""
    backordered: Decimal
    """Waiting for stock."""
    shipped: Decimal
    released: Decimal
    expired: Decimal
    """Units whose hold ended, whether or not that is booked."""
    has_backorder: bool
    priority: int
    """The higher is served first."""
    promised_at: datetime | None
    """When the customer was promised the goods."""
    expires_at: datetime | None
    """When the first of its holds ends; None: none does."""
    became: str | None
    """The order that its holds were confirmed into."""
    metadata: dict[str, Any]
    """What the application wants to remember of it."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class OrderLine:
    """A line of an order at all warehouses: ordered = reserved + backordered + shipped + released + expired."""

    order_ref: str
    line: int
    sku: str
    channel: str | None
    """The sales channel that it came through."""
    ordered: Decimal
    reserved: Decimal
    """Promised and not yet gone."""
    allocated: Decimal
    """The part of reserved that is pinned to bins."""
    backordered: Decimal
    """Waiting for stock."""
    shipped: Decimal
    released: Decimal
    expired: Decimal
    """Units whose hold ended, whether or not that is booked."""
    expires_at: datetime | None
    """When the first of its holds ends; None: none does."""
    warehouses: list[dict[str, Any]]
    """Who serves it: {"warehouse": …, "reserved": …, "allocated": …, "shipped": …}."""
    kit: str | None
    """The kit that the product is a component of in this line; None: none."""


@dataclass(frozen=True, slots=True)
class Backorder:
    """Units of an order's line that wait for stock, with their place in the product's queue."""

    sku: str
    place: int
    """From 1: by priority of the order, then age."""
    order_ref: str
    line: int
    warehouse: str | None
    """The only warehouse that may fill it; None: any."""
    channel: str | None
    """The sales channel, from whose quota it may be filled."""
    qty: Decimal
    """Units that wait."""
    priority: int
    """The order's; the higher is filled first."""
    queued_at: datetime
    """Since when it stands in the queue."""
    promised_at: datetime | None
    """When the customer was promised the goods."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """A product and warehouse where more is promised than there is to send."""

    sku: str
    warehouse: str
    on_hand: Decimal
    blocked: Decimal
    reserved: Decimal
    qty_short: Decimal
    """Promised units that have no unit behind them; safety stock and quotas play no part."""
    orders: list[dict[str, Any]]
    """The orders' lines with the weakest claim that together hold as much, the weakest first:
    {"order_ref": …, "line": …, "reserved": …, "allocated": …, "priority": …}."""


@dataclass(frozen=True, slots=True)
class Lot:
    """A batch of a product."""

    sku: str
    lot: str
    """Its code, unique within the product."""
    expires_on: date | None
    """Last day (UTC) on which it may be promised; None: does not expire."""
    quality: str
    """released, hold or rejected: only what is released may be promised."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Channel:
    """A sales channel."""

    channel: str
    """Its code."""
    name: str
    uses_safety_stock: bool
    """What is reserved for it may use the safety stock."""
    active: bool
    """False: nothing is reserved for it any more."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Quota:
    """Units that are kept for a sales channel."""

    channel: str
    sku: str
    warehouse: str
    qty: Decimal
    """Still kept: without what the channel reserved of them, with what it gave back. May be more than there is."""


@dataclass(frozen=True, slots=True)
class Serial:
    """One piece of a product that is tracked by serial."""

    sku: str
    serial: str
    """Its serial number, unique within the product."""
    warehouse: str | None
    """None, as location and status, where it has left."""
    location: str | None
    status: str | None
    """available, hold, quarantine or damaged."""
    order_ref: str | None
    """The order that it is pinned to."""
    line: int | None
    state: str
    """in_stock, allocated (pinned to an order), or gone."""
    created_at: datetime
    """When it first came in."""


@dataclass(frozen=True, slots=True)
class Product:
    """A product. Safety stock and reorder figures are in its unit, per warehouse."""

    sku: str
    name: str
    description: str | None
    unit: str
    """UN/CEFACT Recommendation 20 code."""
    decimals: int
    """Decimals allowed in a quantity."""
    tracking: str
    """none, lot or serial."""
    removal: str
    """Which units go first: fefo, fifo, lifo or fewest_bins."""
    backorder: str
    """none, unlimited or limited."""
    backorder_limit: Decimal | None
    safety_stock: Decimal
    reorder_point: Decimal | None
    reorder_quantity: Decimal | None
    lead_time: timedelta | None
    """From order to arrival."""
    attributes: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Kit:
    """A component of a kit."""

    sku: str
    """The kit."""
    component: str
    """A product that is part of it."""
    qty: Decimal
    """Units of the component in one kit."""


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A warehouse."""

    warehouse: str
    """Its code."""
    name: str
    address: dict[str, Any]
    latitude: float | None
    """Degrees north, WGS 84."""
    longitude: float | None
    """Degrees east, WGS 84."""
    priority: int
    """The lowest is asked for stock first."""
    shipping_cost: Decimal | None
    """Of one shipment to a zone that is not named below."""
    shipping_cost_by_zone: dict[str, Any]
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Location:
    """A location (bin) of a warehouse."""

    warehouse: str
    location: str
    """Its code within the warehouse."""
    kind: str
    """receiving, storage, picking, packing (promisable) or quarantine (not)."""
    pick_order: int
    """Among bins that are equal by the removal rule, the lowest is picked first."""
    active: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CurrentStock:
    """Stock of a product at a warehouse as summed from the ledger when the snapshot was refreshed."""

    sku: str
    name: str
    warehouse: str
    on_hand: Decimal
    blocked: Decimal
    reserved: Decimal
    allocated: Decimal
    entries: int
    """Number of ledger entries behind the row."""
    last_recorded_at: datetime
    refreshed_at: datetime
    """It holds at least all that was committed before this moment."""


# Rows for operators ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tenant:
    """A tenant."""

    tenant_id: UUID
    name: str
    active: bool
    created_at: datetime
    logins: list[str]
    """Logins bound to it; trusted logins are not listed."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact on which the projections contradict the ledger."""

    tenant_id: UUID
    fact: str
    key: dict[str, Any]
    """Which product, warehouse, bin or order it is about."""
    expected: Decimal | None
    """What the ledger says."""
    actual: Decimal | None
    """What the projection says."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A difference that rebuild found, and whether it put the replayed quantity in its place."""

    fact: str
    key: dict[str, Any]
    expected: Decimal | None
    actual: Decimal | None
    replaced: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """What doctor says about one topic."""

    topic: str
    status: str
    """ok or warn."""
    detail: str
    hint: str | None
    """What to do about it; None when all is well."""
