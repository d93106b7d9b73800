"""Everything that the model knows of a tenant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
Line = dict[str, Any]
STATUSES = ("available", "damaged", "hold", "quarantine")
ZERO = Decimal(0)


class Refused(Exception):
    """An error that the database is to raise: its SQLSTATE, and the place of the line that is wrong, or the order's line. Where several are, it is one `among` them."""

    def __init__(self, code: str, line: int | None = None, among: Iterable[str] = (), order_line: int | None = None) -> None:
        super().__init__(code, line)
        self.code = code
        self.codes = {code, *among}
        self.line = line
        self.order_line = order_line


@dataclass
class Product:
    """A product. `step` is the smallest quantity of it."""

    sku: str
    name: str
    decimals: int = 0
    tracking: str = "none"
    removal: str = "fefo"
    safety: Decimal = ZERO
    backorder: str = "none"
    backorder_limit: Decimal | None = None
    active: bool = True

    @property
    def step(self) -> Decimal:
        """The unit that the model counts in."""
        return Decimal(1).scaleb(-self.decimals)

    def fits(self, qty: Decimal) -> bool:
        """Whether a quantity has no more decimals than the product."""
        return qty % self.step == 0


@dataclass
class Warehouse:
    """A warehouse; `rank` is its age."""

    code: str
    rank: int
    priority: int = 100
    active: bool = True
    latitude: float | None = None
    longitude: float | None = None
    shipping_cost: Decimal | None = None
    shipping_cost_by_zone: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Location:
    """A place in a warehouse; `rank` is its age."""

    code: str
    rank: int
    kind: str = "storage"
    pick_order: int = 0
    active: bool = True


@dataclass
class Lot:
    """A lot of a product; `rank` is its age."""

    code: str
    rank: int
    expires_on: date | None = None
    quality: str = "released"


@dataclass
class Channel:
    """A sales channel."""

    code: str
    name: str
    uses_safety_stock: bool = False
    active: bool = True


@dataclass
class Bin:
    """Units of one product, lot and status in one location. `pins` says which order lines they are pinned to."""

    sku: str
    warehouse: str
    location: str
    lot: str | None
    status: str
    rank: int
    arrived: tuple[int, int]
    first_entry: tuple[int, int] | None = None
    booked: bool = False
    on_hand: Decimal = ZERO
    pins: dict[OrderLine, Decimal] = field(default_factory=dict)

    @property
    def pinned(self) -> Decimal:
        """Units that are pinned to orders."""
        return sum(self.pins.values(), ZERO)

    @property
    def free(self) -> Decimal:
        """Units that are not."""
        return self.on_hand - self.pinned


BinKey = tuple[str, str, str, str | None, str]
LevelKey = tuple[str, str]


@dataclass
class Order:
    """What is known of an order besides its lines; `rank` is its age. Its holds went to the order that it `became`."""

    order_ref: str
    rank: int
    created_at: datetime
    priority: int = 0
    promised_at: datetime | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    became: str | None = None


@dataclass(frozen=True)
class Wish:
    """What the units of a line have to be."""

    location: str | None = None
    lot: str | None = None
    min_days_left: int | None = None

    @property
    def many(self) -> int:
        """How many things it says."""
        return sum(said is not None for said in (self.location, self.lot, self.min_days_left))


@dataclass(eq=False)
class OrderLine:
    """What one warehouse promises to a line of an order; `rank` is its age. What is `expired` was booked as that.

    `recorded_at` is the time of its first entry, `used` what it took from its channel's quota and has not given back. It may be part of a `kit`, with so
    many units in `each`.
    """

    order_ref: str
    line: int
    sku: str
    warehouse: str
    rank: int
    created_at: datetime
    ordered: Decimal
    reserved: Decimal
    recorded_at: datetime | None = None
    expires_at: datetime | None = None
    channel: str | None = None
    used: Decimal = ZERO
    kit: str | None = None
    each: Decimal = ZERO
    shipped: Decimal = ZERO
    released: Decimal = ZERO
    expired: Decimal = ZERO
    wish: Wish = Wish()

    @property
    def open(self) -> Decimal:
        """Units that are promised and have not gone."""
        return self.reserved


@dataclass(eq=False)
class Waiting:
    """The part of a line that waits for stock; without a warehouse, any may fill it. Age and expiry as of an OrderLine."""

    order_ref: str
    line: int
    sku: str
    warehouse: str | None
    rank: int
    created_at: datetime
    queued_at: datetime
    backordered: Decimal
    expires_at: datetime | None = None
    channel: str | None = None
    released: Decimal = ZERO
    expired: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        """Units that wait."""
        return self.backordered

    @property
    def ordered(self) -> Decimal:
        """All but what was filled."""
        return self.backordered + self.released + self.expired


Part = OrderLine | Waiting


@dataclass
class Entry:
    """One ledger entry of a bin in the making: how many units, and of which line if they are pinned."""

    line: int
    bin: Bin
    qty: Decimal
    event_type: str
    pinned_to: OrderLine | None = None


class State:
    """Everything that a call can change. `recorded` is the time of a level's last entry; `next_end` the earliest end of a hold that a
    level was told of since holds were last booked there.
    """

    def __init__(self) -> None:
        self.products: dict[str, Product] = {}
        self.warehouses: dict[str, Warehouse] = {}
        self.locations: dict[tuple[str, str], Location] = {}
        self.lots: dict[tuple[str, str], Lot] = {}
        self.channels: dict[str, Channel] = {}
        self.quotas: dict[tuple[str, str, str], Decimal] = {}
        self.kits: dict[str, dict[str, Decimal]] = {}
        self.bins: dict[BinKey, Bin] = {}
        self.orders: dict[str, Order] = {}
        self.lines: list[OrderLine] = []
        self.waiting: list[Waiting] = []
        self.entries: dict[LevelKey, int] = {}
        self.recorded: dict[LevelKey, datetime] = {}
        self.next_end: dict[LevelKey, datetime] = {}
        self.pinned_at: dict[tuple[OrderLine, BinKey], tuple[int, int]] = {}
        self.first_pinned_at: dict[tuple[OrderLine, BinKey], tuple[int, int]] = {}


def plain(value: Any) -> Any:
    """As JSON can hold it; a time to live stays what it is."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value.isoformat() if isinstance(value, date) else value
