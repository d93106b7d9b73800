"""A history in which everything has happened, the same in two tenants and in turns, and what falsifies all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import psycopg

from tests.support import Clock, Connect, Row, Shop, call, day

Rows = dict[str, list[tuple[Any, ...]]]

PROJECTIONS = ("stock_level", "stock_bin", "reservation", "reservation_line", "allocation", "backorder", "backlog", "serial_unit")
"""The tables that rebuild writes."""
PLACE = (
    "(select row(b.location_id, b.product_id, b.lot_id, b.status, b.handling_unit_id)::text from openstock_core.stock_bin b "
    "where b.tenant_id = t.tenant_id and b.bin_id = t.bin_id)"
)

NEXT_BLOCK = {("CREAM", "LON"): 31, ("MILK", "BER"): 61, ("MILK", "LON"): 41}
"""By level in how many days the first units that are not blocked expire."""
NEXT_EXPIRY = {("APPLE", "BER"): "DUE", ("APPLE", "LON"): "CART", ("RICE", "BER"): "SPLIT", ("RICE", "LON"): "LONGER"}
"""By level the order whose hold is the first to end there."""
NEXT_WAIT = {"FIG": "PATIENT"}
"""By product the order whose waiting hold is the first to end."""


def furnish(shop: Shop) -> None:
    shop.furnish()
    shop.put_channels(lines=[{"code": "WEB"}, {"code": "TILL"}])
    shop.put_products(
        lines=[
            {"sku": "APPLE", "safety_stock": 1},
            {"sku": "PHONE", "name": "Phone", "tracking": "serial"},
            {"sku": "CREAM", "name": "Cream", "tracking": "lot"},
            {"sku": "PEAR", "name": "Pear", "backorder": "unlimited"},
            {"sku": "FIG", "name": "Fig", "backorder": "unlimited"},
            *({"sku": sku, "name": "Rice and apples"} for sku in ("BAG", "BOX")),
        ]
    )
    shop.put_kits(lines=[{"sku": sku, "components": [{"sku": "RICE", "qty": 0.5}, {"sku": "APPLE", "qty": 1}]} for sku in ("BAG", "BOX")])
    shop.put_locations("BER", [{"code": "B-1"}, {"code": "B-2"}])


def fill_shelves(shop: Shop) -> None:
    """Lots that are used up, on hold and soon over; a pallet that has moved; units that were lost, moved and held."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 40, "location": "A-2"}, {"sku": "APPLE", "qty": 9, "location": "A-1"}, {"sku": "RICE", "qty": 30}])
    shop.receive("BER", [{"sku": "RICE", "qty": 20, "location": "B-1"}, {"sku": "APPLE", "qty": 15, "location": "B-2"}])
    shop.receive(
        "LON",
        [
            {"sku": "MILK", "qty": 5, "lot": "SOON", "expires_on": day(1)},
            {"sku": "MILK", "qty": 2, "lot": "USED", "expires_on": day(20)},
            {"sku": "MILK", "qty": 3, "lot": "HELD", "expires_on": day(15), "status": "hold"},
            {"sku": "MILK", "qty": 8, "lot": "LATE", "expires_on": day(40)},
            {"sku": "CREAM", "qty": 6, "lot": "LATE", "expires_on": day(30)},
        ],
    )
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": "LATE", "location": "A-1"}])
    shop.receive("BER", [{"sku": "MILK", "qty": 7, "lot": "EVEN", "expires_on": day(60)}, {"sku": "MILK", "qty": 1, "lot": "ODD", "expires_on": day(61)}])
    shop.adjust("LON", [{"sku": "MILK", "qty": -2, "lot": "USED"}], reason="lost")
    pallet = {"handling_unit": "H1", "location": "B-1"}
    shop.receive("BER", [{"sku": "APPLE", "qty": 6, **pallet}, {"sku": "MILK", "qty": 2, "lot": "EVEN", **pallet}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 3, "handling_unit": "H2", "location": "B-2"}])
    shop.move("BER", [{"handling_unit": "H1", "to": "B-2"}])
    shop.move("LON", [{"sku": "APPLE", "qty": 4, "from": "A-2", "to": "A-2", "to_status": "damaged"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P4", "P2", "P1", "P3"], "location": "A-2"}, {"sku": "PHONE", "serials": ["P5", "P6"], "location": "A-1"}])
    for warehouse, sku, channel, qty in [("LON", "RICE", "WEB", 3), ("LON", "RICE", "TILL", 2), ("LON", "APPLE", "WEB", 4), ("BER", "RICE", "TILL", 1)]:
        shop.put_quotas(warehouse, [{"channel": channel, "sku": sku, "qty": qty}])


def promise(shop: Shop) -> None:
    """Orders with several lines, warehouses, lots and pieces, shipped, given back and pinned in part; kits; holds."""
    shop.reserve("O2", [{"sku": "RICE", "qty": 8}, {"sku": "APPLE", "qty": 6, "warehouse": "LON"}, {"sku": "APPLE", "qty": 8, "warehouse": "BER"}])
    shop.reserve("O1", [{"sku": "MILK", "qty": 9, "warehouse": "LON"}, {"sku": "APPLE", "qty": 5, "warehouse": "LON"}, {"sku": "PHONE", "qty": 3}])
    shop.reserve("O3", [{"sku": "PHONE", "qty": 2}, {"sku": "APPLE", "qty": 5, "warehouse": "LON"}, {"sku": "MILK", "qty": 10, "warehouse": "BER"}, {"sku": "APPLE", "qty": 14, "warehouse": "BER"}])
    for order_ref in ("O1", "O2", "O3"):
        shop.allocate(order_ref)
    shop.ship("O2", [{"line": 1, "qty": 3}])
    shop.ship("O1", [{"line": 3, "qty": 1}])
    shop.release("O2", [{"line": 3, "qty": 2}, {"line": 2, "qty": 1}])
    for order_ref in ("K2", "K1"):
        shop.reserve(order_ref, [{"sku": "BAG", "qty": 2, "warehouse": "LON"}, {"sku": "BOX", "qty": 1, "warehouse": "LON"}])
    shop.reserve("WISH", [{"sku": "RICE", "qty": 4, "warehouse": "LON"}, {"sku": "APPLE", "qty": 2, "warehouse": "LON"}], channel="WEB")
    shop.release("WISH", [{"line": 1, "qty": 2}])
    shop.reserve("GONE", [{"sku": "RICE", "qty": 2, "warehouse": "LON"}, {"sku": "RICE", "qty": 1, "warehouse": "BER"}], ttl="30 hours")
    shop.reserve("BOOKED", [{"sku": "APPLE", "qty": 2, "warehouse": "LON"}], ttl="1 hour")
    shop.release("GONE")


def hold(shop: Shop) -> None:
    """Holds that were confirmed, extended and given back, of which each level has several."""
    shop.expire_reservations()
    shop.reserve("SALE", [{"sku": "APPLE", "qty": 1}])
    shop.reserve("BASKET", [{"sku": "APPLE", "qty": 3, "line": 7, "warehouse": "LON"}, {"sku": "RICE", "qty": 1, "line": 9, "warehouse": "LON"}], ttl="1 hour")
    shop.allocate("BASKET")
    shop.confirm("BASKET", "SALE")
    shop.ship("SALE", [{"line": 2, "qty": 1}])
    shop.reserve("LATER", [{"sku": "APPLE", "qty": 1, "warehouse": "LON"}, {"sku": "RICE", "qty": 1, "warehouse": "LON"}], ttl="9 days")
    shop.reserve("CART", [{"sku": "APPLE", "qty": 2, "warehouse": "LON"}], ttl="5 days")
    shop.release("CART", [{"line": 1, "qty": 1}])
    shop.reserve("LONGER", [{"sku": "RICE", "qty": 1, "warehouse": "LON"}], ttl="2 days")
    shop.extend("LONGER", "6 days")
    shop.reserve("SPLIT", [{"sku": "RICE", "qty": 2, "warehouse": "BER"}], ttl="7 days")


def wait(shop: Shop) -> None:
    """FIRST waits for longest, and then gives a part back; some waits end; one was a cart's; FILLED waits no more."""
    for order_ref, qty in (("FIRST", 5), ("NEXT", 3)):
        shop.reserve(order_ref, [{"sku": "PEAR", "qty": qty}, {"sku": "FIG", "qty": qty}], on_shortage="backorder")
    shop.reserve("WAGON", [{"sku": "PEAR", "qty": 2, "line": 6}], on_shortage="backorder", ttl="1 hour")
    shop.confirm("WAGON", "SALE")
    shop.reserve("TRIED", [{"sku": "PEAR", "qty": 1}], on_shortage="backorder", ttl="1 day")
    shop.cancel("TRIED")
    shop.reserve("GIVES_UP", [{"sku": "FIG", "qty": 4}], on_shortage="backorder", ttl="1 hour")
    shop.reserve("PATIENT", [{"sku": "FIG", "qty": 1}], on_shortage="backorder", ttl="3 days")
    shop.extend("PATIENT", "8 days")


def go_on(shop: Shop) -> None:
    """What had ended is booked, lots and holds; FIRST gives a part back; pears come in."""
    shop.expire_reservations()
    shop.reserve("LAST", [{"sku": "MILK", "qty": 1, "warehouse": "LON"}])
    shop.release("FIRST", [{"line": 1, "qty": 1}, {"line": 2, "qty": 2}])
    shop.receive("BER", [{"sku": "PEAR", "qty": 3}])
    shop.ship("O3", [{"line": 1, "qty": 1}])
    shop.allocate("O1")
    shop.reserve("DUE", [{"sku": "APPLE", "qty": 1, "warehouse": "BER"}], ttl="1 microsecond")


def live_through(shops: Sequence[Shop], clock: Clock) -> None:
    """Three days; what the tenants do at a time, they do in turns."""
    steps: list[tuple[Callable[[Shop], None], int]] = [(furnish, 0), (fill_shelves, 1), (promise, 24), (hold, 1), (wait, 24), (go_on, 0)]
    for step, hours in steps:
        for shop in shops:
            step(shop)
        clock.advance(hours=hours)


def rows(db: psycopg.Connection, tenant: object, *without: str) -> Rows:
    """All rows of a tenant's projections but for these columns ("table.column"), with a bin's place for its number."""
    found: Rows = {}
    for table in PROJECTIONS:
        names = db.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 order by attnum", [f"openstock_core.{table}"]
        ).fetchall()
        wanted = [PLACE if name == "bin_id" else f"t.{name}" for (name,) in names if f"{table}.{name}" not in without]
        query = f"select {', '.join(wanted)} from openstock_core.{table} t where t.tenant_id = %s"
        found[table] = sorted(db.execute(query, [tenant]).fetchall(), key=repr)
    return found


def named(table: str, code: str, column: str = "code") -> str:
    """The number of what has this code, in a statement about the rows t."""
    return f"(select o.{table}_id from openstock_core.{table} o where o.tenant_id = t.tenant_id and o.{column} = '{code}')"


ELSEWHERE = named("warehouse", "SHUT")
ANOTHER = named("product", "OLD", "sku")
NOBODY = named("reservation", "GONE", "order_ref")
FALSE = [
    "update openstock_core.stock_level t set on_hand = on_hand + 5, blocked = blocked + 1, reserved = reserved + 3, safety_stock = safety_stock + 1, "
    "fenced = fenced + 1, version = version + 1, last_recorded_at = last_recorded_at + interval '1 s', next_block_at = '2001-01-01', next_expiry_at = '2001-01-01'",
    f"update openstock_core.stock_bin t set on_hand = on_hand + 7, allocated = 0, blocked = blocked <> (on_hand > 0), warehouse_id = {ELSEWHERE}",
    f"update openstock_core.reservation_line t set ordered = ordered + 10, reserved = reserved + 1, shipped = shipped + 2, released = released + 3, expired = expired + 4, "
    f"expires_at = coalesce(expires_at + interval '1 s', '2040-01-01'), line = 1000 + reservation_line_id, reservation_id = {NOBODY}, product_id = {ANOTHER}, "
    f"warehouse_id = {ELSEWHERE}, quota_used = quota_used + 1",
    "update openstock_core.allocation t set qty = qty + 1",
    f"update openstock_core.backorder t set backordered = backordered + 1, released = released + 2, expired = expired + 3, line = line + 1000, "
    f"expires_at = coalesce(expires_at + interval '1 s', '2040-01-01'), reservation_id = {NOBODY}, product_id = {ANOTHER}",
    "update openstock_core.backlog t set backordered = backordered + 1, next_expiry_at = '2001-01-01'",
    f"update openstock_core.serial_unit t set bin_id = null, reservation_line_id = null, product_id = {ANOTHER}",
]
"""Falsifies every row, and in it all that rebuild knows better."""


def falsify(db: psycopg.Connection, tenant: object, *statements: str, where: str = "true") -> None:
    """Run these on the rows of a tenant, or some of them, past foreign keys and triggers."""
    with db.transaction():
        db.execute("set local session_replication_role = replica")
        for statement in statements:
            db.execute(f"{statement} where t.tenant_id = %s and {where}", [tenant])


def rebuild(shop: Shop, connect: Connect) -> list[Row]:
    return call(connect("operator"), "openstock_admin.rebuild", tenant=shop.tenant, replace=True)
