"""The calls that meet: a table with a row for each, all about the same few products, bins and orders.

A new function that writes needs a row here, at least: a name, the function, its arguments without op_id and tenant, the errors that it may end
with when another was faster, and the calls, on top of FURNITURE, that come before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..support import day

Call = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """A call, and what it may run into."""

    name: str
    function: str
    request: dict[str, Any] = field(default_factory=dict)
    allowed: frozenset[str] = frozenset()
    furnish: tuple[Call, ...] = ()
    hot: bool = False
    """Whether the transaction is in hot-SKU mode."""

    @property
    def public(self) -> bool:
        """Whether it is a function of schema openstock, with an op_id; others are called by an operator, and have none."""
        return "." not in self.function

    @property
    def meets_carts(self) -> bool:
        """Whether there are holds."""
        return CARTS[0] in self.furnish


def line(sku: str, qty: float | None = None, **more: object) -> dict[str, Any]:
    """A line of a request."""
    return {"sku": sku} | ({} if qty is None else {"qty": qty}) | more


# Bought on day 0. The calls meet on day 1, when OLD has expired and nobody has booked it yet.
FURNITURE: list[Call] = [
    ("put_products", {"lines": [
        line("APPLE", name="Apple", removal="fifo"),
        line("MILK", name="Milk", tracking="lot"),
        line("RICE", name="Rice"),
    ]}),
    ("put_warehouses", {"lines": [{"code": "LON", "priority": 1}, {"code": "BER", "priority": 2}]}),
    ("put_locations", {"warehouse": "LON", "lines": [
        {"code": "A-1"}, {"code": "A-2"}, {"code": "E-1"}, {"code": "Q-1", "kind": "quarantine"}]}),
    ("receive", {"warehouse": "LON", "lines": [
        line("APPLE", 6, location="A-1"),
        line("APPLE", 4, location="A-2"),
        line("MILK", 5, location="A-1", lot="OLD", expires_on=day(0)),
        line("MILK", 4, location="A-2", lot="SOON", expires_on=day(1)),
        line("MILK", 6, location="A-2", lot="LATE", expires_on=day(9)),
    ]}),
    ("receive", {"warehouse": "BER", "lines": [line("APPLE", 3)]}),
    ("reserve", {"order_ref": "O1", "lines": [line("APPLE", 5), line("MILK", 6)]}),
    ("reserve", {"order_ref": "O2", "lines": [line("MILK", 2), line("APPLE", 3)]}),
    ("allocate", {"order_ref": "O1"}),
]  # fmt: skip

# Enough of something that nobody else wants.
NUTS: tuple[Call, ...] = (
    ("put_products", {"lines": [line("NUT", name="Nut")]}),
    ("receive", {"warehouse": "LON", "lines": [line("NUT", 5)]}),
)
# Carts: of C1 a part ends at midnight and a part lives on, and C2 ended before the calls meet, with pins that nobody has taken off yet.
CARTS: tuple[Call, ...] = (
    ("reserve", {"order_ref": "C1", "lines": [line("APPLE", 1)], "ttl": "3 days"}),
    ("reserve", {"order_ref": "C1", "lines": [line("MILK", 1)], "ttl": "30 hours"}),
    ("reserve", {"order_ref": "C2", "lines": [line("MILK", 2), line("APPLE", 3)], "ttl": "12 hours", "on_shortage": "partial"}),
    ("allocate", {"order_ref": "C2"}),
)
# Who waits: B1 before B2, W for a hold's units, and one whose hold has ended.
QUEUE: tuple[Call, ...] = (
    *CARTS,
    ("put_products", {"lines": [line("APPLE", backorder="limited", backorder_limit=20), line("RICE", backorder="limited", backorder_limit=20)]}),
    ("reserve", {"order_ref": "B2", "lines": [line("APPLE", 2), line("RICE", 3)], "on_shortage": "backorder"}),
    ("reserve", {"order_ref": "B1", "lines": [line("APPLE", 3), line("RICE", 2, warehouse="BER")], "on_shortage": "backorder", "priority": 1}),
    ("reserve", {"order_ref": "W1", "lines": [line("APPLE", 1)], "on_shortage": "backorder", "ttl": "3 days"}),
    ("reserve", {"order_ref": "W2", "lines": [line("APPLE", 1)], "on_shortage": "backorder", "ttl": "12 hours"}),
)

# Channels: units that are kept for WEB, some used by a cart, some by one that has ended; TILL may use the safety stock, and waits.
FENCES: tuple[Call, ...] = (
    ("put_products", {"lines": [line("APPLE", safety_stock=1, backorder="limited", backorder_limit=20)]}),
    ("put_channels", {"lines": [{"code": "WEB"}, {"code": "TILL", "uses_safety_stock": True}]}),
    ("receive", {"warehouse": "LON", "lines": [line("APPLE", 6, location="A-1")], "fill_backorders": False}),
    ("put_quotas", {"warehouse": "LON", "lines": [{"channel": "WEB", "sku": "APPLE", "qty": 5}, {"channel": "TILL", "sku": "MILK", "qty": 1}]}),
    ("reserve", {"order_ref": "F1", "lines": [line("APPLE", 2)], "channel": "WEB", "ttl": "3 days"}),
    ("reserve", {"order_ref": "F2", "lines": [line("APPLE", 2)], "channel": "WEB", "ttl": "12 hours"}),
    ("reserve", {"order_ref": "F3", "lines": [line("APPLE", 9)], "channel": "TILL", "on_shortage": "backorder"}),
)
# Pieces: P1 to P4 in A-1 and P5 and P6 in A-2, P1 to P3 pinned to O5 and P4 to C3, whose hold ended before the calls meet; G1 has left, B1 is in Berlin.
PIECES: tuple[Call, ...] = (
    ("put_products", {"lines": [line("PHONE", name="Phone", tracking="serial", removal="fifo")]}),
    ("receive", {"warehouse": "LON", "lines": [line("PHONE", serials=["P1", "P2", "P3", "P4"], location="A-1")]}),
    ("receive", {"warehouse": "LON", "lines": [line("PHONE", serials=["G1", "P5", "P6"], location="A-2")]}),
    ("receive", {"warehouse": "BER", "lines": [line("PHONE", serials=["B1"])]}),
    ("adjust", {"warehouse": "LON", "reason": "lost", "lines": [line("PHONE", -1, serials=["G1"], location="A-2")]}),
    ("reserve", {"order_ref": "O5", "lines": [line("PHONE", 3)]}),
    ("allocate", {"order_ref": "O5"}),
    ("reserve", {"order_ref": "C3", "lines": [line("PHONE", 1)], "ttl": "12 hours"}),
    ("allocate", {"order_ref": "C3"}),
    ("reserve", {"order_ref": "O6", "lines": [line("PHONE", 2, warehouse="LON")]}),
)

# The pallet H1 in A-1 with 4 APPLE, 2 of RICE and 2 phones; the order O7 wants 2 phones of London.
PALLET: tuple[Call, ...] = (
    ("put_products", {"lines": [line("PHONE", name="Phone", tracking="serial", removal="fifo")]}),
    ("receive", {"warehouse": "LON", "lines": [
        line("APPLE", 4, location="A-1", handling_unit="H1"), line("RICE", 2, location="A-1", handling_unit="H1"),
        line("PHONE", serials=["H1-1", "H1-2"], location="A-1", handling_unit="H1")]}),
    ("reserve", {"order_ref": "O7", "lines": [line("PHONE", 2, warehouse="LON")]}),
)
# A kit, of which an order has one; CASE may become one.
KITS: tuple[Call, ...] = (
    ("put_products", {"lines": [line("HAMPER", name="Hamper"), line("CASE", name="Case")]}),
    ("put_kits", {"lines": [line("HAMPER", components=[line("APPLE", 1), line("MILK", 1)])]}),
    ("reserve", {"order_ref": "K1", "lines": [line("HAMPER", 1)]}),
)

# What a call may run into: another was faster.
GONE = frozenset({"OS302", "OS303"})  # nothing of the order is open any more, or less than is asked for
SHORT = frozenset({"OS201"})
NO_ORDER = frozenset({"OS301"})
CLOSED = frozenset({"OS104"})
SEVERAL = frozenset({"22023"})  # of a product that another call reserved more of: a line has to be named
NOT_HELD = GONE | {"OS305", "OS306"}  # or it became another order, has ended, or is promised without end
TAKEN = frozenset({"OS109"})  # a piece is in stock already
ELSEWHERE = frozenset({"OS113"})  # a piece is not there any more
KIT = frozenset({"22023"})  # a kit is not stocked, and not part of another
ARRIVED = frozenset({"22023"})  # it is there already
SNAPSHOT = frozenset({"OS121"})  # always, and nowhere else
OCCUPIED = frozenset({"OS120", "OS121"})  # the latter with a snapshot, always

# Some about many rows, which wait for each other soon; some about one that is new, where nothing else makes them wait.
SCENARIOS = [
    Scenario("receive", "receive", {"warehouse": "LON", "lines": [
        line("RICE", 4, location="A-2"), line("MILK", 2, location="A-1", lot="SOON"), line("APPLE", 2, location="A-1")]}, CLOSED | KIT),
    Scenario("receive a first level elsewhere", "receive", {"warehouse": "BER", "lines": [line("RICE", 2)]}, KIT),
    Scenario("receive a new lot into an empty bin", "receive", {"warehouse": "LON", "lines": [
        line("MILK", 3, location="E-1", lot="NEW", expires_on=day(9)), line("MILK", 1, location="A-2", lot="OLD")]},
        CLOSED | {"OS106"}),
    Scenario("adjust", "adjust", {"warehouse": "LON", "reason": "lost", "lines": [
        line("APPLE", -4, location="A-1"), line("MILK", -2, location="A-2", lot="SOON")]}, SHORT),
    Scenario("adjust what is counted", "adjust", {"warehouse": "LON", "reason": "counted", "lines": [
        line("APPLE", location="A-2", set_to=1, expected=4), line("MILK", location="A-1", lot="OLD", set_to=0, expected=5)]},
        frozenset({"OS202"})),
    Scenario("move", "move", {"warehouse": "LON", "lines": [
        line("MILK", 3, lot="SOON", to="Q-1") | {"from": "A-2"}, line("APPLE", 5, to="A-2") | {"from": "A-1"}]}, SHORT),
    Scenario("move the other way", "move", {"warehouse": "LON", "lines": [
        line("APPLE", 3, to="A-1") | {"from": "A-2"}, line("MILK", 4, lot="LATE", to="E-1") | {"from": "A-2"}]},
        SHORT | {"OS106"}),
    Scenario("reserve", "reserve", {"order_ref": "O3", "lines": [line("MILK", 2), line("APPLE", 4)]}),
    Scenario("reserve one line", "reserve", {"order_ref": "O3", "lines": [line("APPLE", 2)], "ttl": "3 days"}),
    Scenario("reserve in hot-SKU mode", "reserve", {"order_ref": "O3", "lines": [line("APPLE", 2)]}, hot=True),
    Scenario("reserve plain lines", "reserve", {"order_ref": "O3", "lines": [line("NUT", 3), line("APPLE", 2)]}, furnish=NUTS),
    Scenario("reserve what comes in", "reserve", {"order_ref": "O3", "lines": [line("RICE", 3)]}),
    Scenario("reserve more for an order", "reserve", {
        "order_ref": "O1", "lines": [line("APPLE", 1), line("APPLE", 1, warehouse="LON")], "on_shortage": "error"}, SHORT | CLOSED | {"OS302"}),
    Scenario("release", "release", {"order_ref": "O1"}, GONE),
    Scenario("release some", "release", {"order_ref": "O2", "lines": [line("APPLE", 2), line("MILK", 1)]}, GONE),
    Scenario("allocate", "allocate", {"order_ref": "O1"}, GONE),
    Scenario("allocate another order", "allocate", {"order_ref": "O2"}, GONE),
    Scenario("allocate what was lost", "allocate", {"order_ref": "O4"}, GONE, (
        ("reserve", {"order_ref": "O4", "lines": [line("APPLE", 2, warehouse="LON")]}),
        ("adjust", {"warehouse": "LON", "reason": "lost", "lines": [line("APPLE", -4, location="A-2")]}))),
    Scenario("ship", "ship", {"order_ref": "O1"}, GONE | SHORT),
    Scenario("ship some", "ship", {"order_ref": "O2", "lines": [line("APPLE", 2), line("MILK")]}, GONE | SHORT),
    Scenario("ship an order that comes into being", "ship", {"order_ref": "O3"}, NO_ORDER | GONE | SHORT),
    Scenario("put_products", "put_products", {"lines": [
        line("RICE", safety_stock=1), line("MILK", safety_stock=1), line("FIG", name="Fig"), line("APPLE", safety_stock=2, removal="lifo")]}),
    Scenario("put_products of what comes in", "put_products", {"lines": [line("RICE", safety_stock=3)]}),
    Scenario("put_kits", "put_kits", {"lines": [
        line("HAMPER", components=[line("APPLE", 2), line("RICE", 1)]), line("CASE", components=[line("MILK", 1)])]}, KIT, KITS),
    Scenario("put_kits of what comes in", "put_kits", {"lines": [line("RICE", components=[line("APPLE", 1)])]}, KIT | {"OS120"}),
    Scenario("reserve kits", "reserve", {"order_ref": "O5", "lines": [line("HAMPER", 3), line("APPLE", 2)], "on_shortage": "partial"}, frozenset({"OS302"}), KITS),
    Scenario("amend kits", "amend", {"order_ref": "K1", "lines": [
        {"line": 1, "qty": 3}], "on_shortage": "partial"}, GONE | NO_ORDER, KITS),
    Scenario("release kits", "release", {"order_ref": "K1", "lines": [line("HAMPER", 1)]}, GONE | NO_ORDER, KITS),
    Scenario("put_warehouses", "put_warehouses", {"lines": [{"code": "PAR"}, {"code": "BER", "priority": 0}]}),
    Scenario("put_warehouses that close", "put_warehouses", {"lines": [{"code": "LON", "active": False}]}),
    Scenario("put_locations", "put_locations", {"warehouse": "LON", "lines": [
        {"code": "N-1"}, {"code": "E-1", "kind": "quarantine"}, {"code": "A-2", "pick_order": -1}]}, OCCUPIED),
    Scenario("put_locations that close", "put_locations", {"warehouse": "LON", "lines": [{"code": "E-1", "active": False}]},
        OCCUPIED),
    Scenario("put_lots", "put_lots", {"lines": [
        {"sku": "MILK", "lot": "SOON", "quality": "hold"}, {"sku": "MILK", "lot": "LATE", "quality": "released"}, {"sku": "MILK", "lot": "NEW", "quality": "hold", "expires_on": day(9)}]},
        SNAPSHOT, (("put_lots", {"lines": [{"sku": "MILK", "lot": "LATE", "quality": "rejected"}]}),)),
    Scenario("receive what others wait for", "receive", {"warehouse": "LON", "lines": [
        line("APPLE", 3, location="A-1"), line("RICE", 2, location="A-2")]}, CLOSED | KIT, QUEUE),
    Scenario("reserve what a hold that ended keeps", "reserve", {
        "order_ref": "O3", "lines": [line("APPLE", 2), line("MILK", 2)], "ttl": "3 days", "on_shortage": "partial"}, furnish=CARTS),
    Scenario("reserve certain units", "reserve", {"order_ref": "O3", "lines": [
        line("APPLE", 2, warehouse="LON", location="A-1"), line("MILK", 2, min_days_left=1), line("MILK", 2, lot="LATE"), line("APPLE", 1)]},
        CLOSED, CARTS),
    Scenario("reserve or wait", "reserve", {
        "order_ref": "B2", "lines": [line("RICE", 1), line("APPLE", 5)], "on_shortage": "backorder", "priority": 2}, frozenset({"OS302"}), QUEUE),
    Scenario("put_channels", "put_channels", {"lines": [{"code": "TILL", "uses_safety_stock": False}, {"code": "APP"}]}, furnish=FENCES),
    Scenario("put_quotas", "put_quotas", {"warehouse": "LON", "lines": [
        {"channel": "WEB", "sku": "APPLE", "qty": 3}, {"channel": "TILL", "sku": "APPLE", "qty": 1}, {"channel": "TILL", "sku": "RICE", "qty": 2}]},
        KIT, FENCES),
    Scenario("reserve through a channel", "reserve", {
        "order_ref": "O3", "lines": [line("APPLE", 2), line("MILK", 1)], "channel": "WEB", "on_shortage": "partial"}, furnish=FENCES),
    Scenario("release what was kept", "release", {"order_ref": "F1"}, NOT_HELD, FENCES),
    Scenario("extend", "extend", {"order_ref": "C1", "ttl": "5 days"}, NOT_HELD, CARTS),
    Scenario("confirm", "confirm", {"order_ref": "W1"}, NOT_HELD, QUEUE),
    Scenario("confirm into another order", "confirm", {"order_ref": "C1", "new_order_ref": "O2", "on_expired": "skip"}, NOT_HELD, CARTS),
    Scenario("amend", "amend", {"order_ref": "O1", "lines": [
        line("MILK", 2), line("APPLE", 9)], "on_shortage": "partial"}, GONE | SEVERAL, CARTS),
    Scenario("amend what waits", "amend", {"order_ref": "B2", "lines": [
        line("RICE", 1), line("APPLE", 5), line("MILK", 1)], "on_shortage": "backorder"}, GONE | SEVERAL, QUEUE),
    Scenario("confirm kits", "confirm", {"order_ref": "K2", "new_order_ref": "O2"}, NOT_HELD | NO_ORDER, (
        *KITS, ("reserve", {"order_ref": "K2", "lines": [line("HAMPER", 1)], "ttl": "3 days"}))),
    Scenario("cancel", "cancel", {"order_ref": "B1"}, GONE, QUEUE),
    Scenario("expire_reservations", "expire_reservations", furnish=QUEUE),
    Scenario("expire_reservations of an operator", "openstock_admin.expire_reservations", furnish=CARTS),
    Scenario("fill_backorders", "fill_backorders", furnish=QUEUE),
    Scenario("fill_backorders of an operator", "openstock_admin.fill_backorders", furnish=QUEUE),
    Scenario("allocate_next", "allocate_next", {"warehouse": "LON"}, furnish=CARTS),
    Scenario("allocate_next of whole orders", "allocate_next", {"warehouse": "LON", "max_orders": 1, "on_shortage": "reject"}, furnish=QUEUE),
    Scenario("deallocate", "deallocate", {"order_ref": "O1", "lines": [line("APPLE", 2), line("MILK")]}, GONE),
    Scenario("short_pick", "short_pick", {"order_ref": "O1", "lines": [line("APPLE", 2, location="A-1")]}, GONE),
    Scenario("receive pieces", "receive", {"warehouse": "LON", "lines": [
        line("PHONE", serials=["N1", "G1"], location="A-2"), line("PHONE", serials=["N2"], location="A-1")]}, CLOSED | TAKEN, PIECES),
    Scenario("receive pieces elsewhere", "receive", {"warehouse": "BER", "lines": [line("PHONE", serials=["N2", "G1", "N1"])]}, TAKEN, PIECES),
    Scenario("receive a piece that is in stock", "receive", {"warehouse": "BER", "lines": [line("PHONE", serials=["N1", "P5"])]}, TAKEN, PIECES),
    Scenario("adjust pieces", "adjust", {"warehouse": "LON", "reason": "counted", "lines": [
        line("PHONE", -2, serials=["P4", "P1"], location="A-1"), line("PHONE", -1, serials=["P5"], location="A-2"),
        line("PHONE", 1, serials=["G1"], location="E-1")]}, SHORT | TAKEN | ELSEWHERE | {"OS106"}, PIECES),
    Scenario("move pieces", "move", {"warehouse": "LON", "lines": [
        line("PHONE", serials=["P3", "P4"], to="A-2") | {"from": "A-1"}, line("PHONE", serials=["P6"], to="A-1") | {"from": "A-2"}]},
        SHORT | ELSEWHERE, PIECES),
    Scenario("allocate pieces", "allocate", {"order_ref": "O6"}, GONE, PIECES),
    Scenario("reserve pieces by name", "reserve", {"order_ref": "O8", "lines": [
        line("PHONE", serials=["P4", "P6"]), line("PHONE", 1)], "on_shortage": "partial"}, furnish=PIECES),
    Scenario("ship pieces by name", "ship", {"order_ref": "O5", "lines": [line("PHONE", serials=["P6", "P4", "P1"])]}, GONE | SHORT | ELSEWHERE, PIECES),
    Scenario("short_pick a piece", "short_pick", {"order_ref": "O5", "lines": [line("PHONE", serials=["P2"], location="A-1")]}, GONE, PIECES),
    Scenario("release pieces", "release", {"order_ref": "O5", "lines": [line("PHONE", 2)]}, GONE, PIECES),
    Scenario("receive in a handling unit", "receive", {"warehouse": "LON", "lines": [
        line("MILK", 1, location="A-1", lot="LATE", handling_unit="H1"), line("RICE", 1, location="A-1", handling_unit="H2")]},
        CLOSED | {"OS115"}, PALLET),
    Scenario("receive in a handling unit where it goes to", "receive", {"warehouse": "LON", "lines": [line("MILK", 2, location="A-2", lot="SOON", handling_unit="H1")]},
        CLOSED | {"OS115"}, PALLET),
    Scenario("move a handling unit", "move", {"warehouse": "LON", "lines": [{"handling_unit": "H1", "to": "A-2"}]}, SHORT | ARRIVED, PALLET),
    Scenario("take out of a handling unit", "move", {"warehouse": "LON", "lines": [
        line("APPLE", 1, handling_unit="H1", to="A-2") | {"from": "A-1"}, line("PHONE", serials=["H1-2"], handling_unit="H1", to="A-1") | {"from": "A-1"}]},
        SHORT | ELSEWHERE, PALLET),
    Scenario("allocate whole handling units", "allocate", {"order_ref": "O7", "whole_units": True}, GONE, PALLET),
    Scenario("block_expired_lots", "openstock_admin.block_expired_lots"),
    Scenario("rebuild", "openstock_admin.rebuild", {"replace": True}),
    Scenario("midnight", "openstock_test.midnight"),  # no call, but the moment when SOON expires
]  # fmt: skip
