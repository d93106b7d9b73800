"""What can be false: each a statement that falsifies the busy shop, and all that verify then has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

LEVEL = {"sku": "APPLE", "warehouse": "LON"}
BIN = LEVEL | {"location": "A-1", "status": "available"}
LINE = LEVEL | {"line": 1, "order_ref": "O1"}
PHONE = {"sku": "PHONE", "warehouse": "BER"}
PHONE_BIN = PHONE | {"location": "DEFAULT", "status": "available"}
P1 = {"serial": "P1", **PHONE}
P3 = {"serial": "P3", "sku": "PHONE"}
OIL_BIN = {"sku": "OIL", "warehouse": "BER", "status": "available", "unit": "H1"}
LATE = {"sku": "PEAR", "line": 1, "order_ref": "LATE"}
PIN = {"sku": "APPLE", "location": "A-1"}
RICE = {"sku": "RICE", "warehouse": "LON"}
CART_LINE = RICE | {"line": 1, "order_ref": "CART"}
WISH_LINE = RICE | {"line": 1, "order_ref": "WISH"}
MILK = {"sku": "MILK", "warehouse": "LON"}
MILK_BIN = MILK | {"location": "DEFAULT", "lot": "L1", "status": "available"}
HOLD_BIN = LEVEL | {"location": "A-2", "status": "hold"}
HOLD = LEVEL | {"op": "hold"}
BACK = LEVEL | {"op": "back"}
YEAR_3000 = 32_503_680_000
"""When MILK expires, in seconds since 1970."""
DAY = 86_400
HELD_UNTIL = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1000)
"""When the hold of RICE ends."""
END = int(HELD_UNTIL.timestamp())

APPLE_LEVEL = "product_id = (select product_id from openstock_core.product where sku = 'APPLE')"
MILK_LEVEL = "product_id = (select product_id from openstock_core.product where sku = 'MILK')"
APPLE_BIN = "location_id = (select location_id from openstock_core.location where code = 'A-1')"
RICE_LEVEL = "product_id = (select product_id from openstock_core.product where sku = 'RICE')"
O1 = "reservation_id = (select reservation_id from openstock_core.reservation where order_ref = 'O1')"
CART = "reservation_id = (select reservation_id from openstock_core.reservation where order_ref = 'CART')"
WISH = "reservation_id = (select reservation_id from openstock_core.reservation where order_ref = 'WISH')"
P1_IS = "serial = 'P1'"
SERIAL_1 = "serial_id = (select serial_id from openstock_core.serial_unit where serial = 'P1')"
APPLE_PIN = f"bin_id in (select bin_id from openstock_core.stock_bin where {APPLE_BIN})"
MILK_LOT = "lot_id = (select lot_id from openstock_core.lot where code = 'L1')"


@dataclass(frozen=True)
class Sabotage:
    """A statement that falsifies a row, what verify then reports (fact, where, expected, actual), if rebuild helps.

    The time of an entry is given by the op_id of who wrote it.
    """

    what: str
    statement: str
    reported: list[tuple[str, dict[str, Any], float | str | None, float | str | None]]
    repairable: bool = True
    restored: bool = field(default=True)

    def __str__(self) -> str:
        return self.what


def changed(table: str, column: str, condition: str, by: str = "+ 1") -> str:
    return f"update openstock_core.{table} set {column} = {column} {by} where {condition}"


LINE_GROWS = "update openstock_core.reservation_line set ordered = ordered + 1, {0} = {0} + 1 where " + O1

SABOTAGES = [
    Sabotage(
        "on_hand of a level",
        changed("stock_level", "on_hand", APPLE_LEVEL),
        [("level on_hand = ledger", LEVEL, 10, 11), ("level on_hand = bins", LEVEL, 10, 11)],
    ),
    Sabotage(
        "blocked of a level",
        changed("stock_level", "blocked", APPLE_LEVEL),
        [("level blocked = ledger", LEVEL, 2, 3), ("level blocked = blocked bins", LEVEL, 2, 3)],
    ),
    Sabotage(
        "reserved of a level",
        changed("stock_level", "reserved", APPLE_LEVEL),
        [("level reserved = ledger", LEVEL, 3, 4), ("level reserved = reservation lines", LEVEL, 3, 4)],
    ),
    Sabotage(
        "version of a level",
        changed("stock_level", "version", APPLE_LEVEL),
        [("level version = ledger entries", LEVEL, 5, 6)],
    ),
    Sabotage(
        "time of a level's last entry",
        "update openstock_core.stock_level set last_recorded_at = (select recorded_at from openstock_core.ledger "
        f"where op_id = 'back' and event_type = 'RELEASE') where {APPLE_LEVEL}",
        [("level last_recorded_at = ledger", LEVEL, "hold", "back")],
    ),
    Sabotage(
        "a level that never looks for expired lots",
        f"update openstock_core.stock_level set next_block_at = null where {MILK_LEVEL}",
        [("level next_block_at <= first expiry of units not blocked", MILK, YEAR_3000, None)],
    ),
    Sabotage(
        "a level that looks for expired lots too late",
        changed("stock_level", "next_block_at", MILK_LEVEL, "+ interval '1 day'"),
        [("level next_block_at <= first expiry of units not blocked", MILK, YEAR_3000, YEAR_3000 + DAY)],
    ),
    Sabotage(
        "a level that never looks for holds that ended",
        f"update openstock_core.stock_level set next_expiry_at = null where {RICE_LEVEL}",
        [("level next_expiry_at <= first end of an open hold", RICE, END, None)],
    ),
    Sabotage(
        "a level that looks for holds that ended too late",
        changed("stock_level", "next_expiry_at", RICE_LEVEL, "+ interval '1 day'"),
        [("level next_expiry_at <= first end of an open hold", RICE, END, END + DAY)],
    ),
    Sabotage(
        "what is kept of a level for channels",
        changed("stock_level", "fenced", RICE_LEVEL),
        [("level fenced = quotas", RICE, 2, 3)],
    ),
    Sabotage(
        "what a channel is to have",
        changed("channel_quota", "qty", "true"),
        [("level fenced = quotas", RICE, 3, 2)],
        restored=False,
    ),
    Sabotage(
        "a quota that is gone",
        "delete from openstock_core.channel_quota",
        [("level fenced = quotas", RICE, 0, 2)],
        restored=False,
    ),
    Sabotage(
        "what a line took from its quota",
        f"update openstock_core.reservation_line set quota_used = 0 where {WISH}",
        [("line quota_used = ledger", WISH_LINE, 1, 0)],
    ),
    Sabotage(
        "safety stock of a level",
        changed("stock_level", "safety_stock", APPLE_LEVEL),
        [("level safety_stock = product", LEVEL, 0, 1)],
    ),
    Sabotage(
        "a level that is gone",
        f"delete from openstock_core.stock_level where {APPLE_LEVEL}",
        [
            ("level on_hand = ledger", LEVEL, 10, None),
            ("level blocked = ledger", LEVEL, 2, None),
            ("level reserved = ledger", LEVEL, 3, None),
            ("level version = ledger entries", LEVEL, 5, None),
            ("level last_recorded_at = ledger", LEVEL, "hold", None),
        ],
    ),
    Sabotage(
        "a level that the ledger does not know",
        "insert into openstock_core.stock_level (tenant_id, product_id, warehouse_id, on_hand) select p.tenant_id, "
        "p.product_id, w.warehouse_id, 7 from openstock_core.product p, openstock_core.warehouse w "
        "where p.sku = 'RICE' and w.code = 'BER'",
        [
            ("level on_hand = ledger", {"sku": "RICE", "warehouse": "BER"}, 0, 7),
            ("level on_hand = bins", {"sku": "RICE", "warehouse": "BER"}, 0, 7),
        ],
        restored=False,
    ),
    Sabotage(
        "on_hand of a bin",
        changed("stock_bin", "on_hand", APPLE_BIN),
        [("bin on_hand = ledger", BIN, 8, 9), ("level on_hand = bins", LEVEL, 11, 10)],
    ),
    Sabotage(
        "a bin that passes for blocked",
        f"update openstock_core.stock_bin set blocked = true where {MILK_LOT}",
        [
            ("bin blocked = ledger", MILK_BIN, 0, 4),
            ("bin blocked = status, location and lot", MILK_BIN, 0, 4),
            ("level blocked = blocked bins", MILK, 4, 0),
        ],
    ),
    Sabotage(
        "a bin on hold that passes for promisable",
        "update openstock_core.stock_bin set blocked = false where status = 'hold'",
        [
            ("bin blocked = ledger", HOLD_BIN, 2, 0),
            ("bin blocked = status, location and lot", HOLD_BIN, 2, 0),
            ("level blocked = blocked bins", LEVEL, 0, 2),
        ],
    ),
    Sabotage(
        "a stocked location that becomes a quarantine",
        "update openstock_core.location set kind = 'quarantine' where code = 'A-1'",
        [("bin blocked = status, location and lot", BIN, 8, 0)],
        repairable=False,
    ),
    Sabotage(
        "a stocked lot that is put on hold",
        f"update openstock_core.lot set quality = 'hold' where lot_id in (select lot_id from openstock_core.stock_bin where {MILK_LOT})",
        [("bin blocked = status, location and lot", MILK_BIN, 4, 0)],
        repairable=False,
    ),
    Sabotage(
        "a stocked product that becomes tracked by lot",
        "update openstock_core.product set tracking = 'lot' where sku = 'APPLE'",
        [
            ("bin has a lot = product is tracked by lot", BIN, 1, 0),
            ("bin has a lot = product is tracked by lot", HOLD_BIN, 1, 0),
        ],
        repairable=False,
    ),
    Sabotage(
        "a stocked product that is no longer tracked by lot",
        "update openstock_core.product set tracking = 'none' where sku = 'MILK'",
        [("bin has a lot = product is tracked by lot", MILK_BIN, 0, 1)],
        repairable=False,
    ),
    Sabotage(
        "a lot that becomes another product's",
        "update openstock_core.lot set product_id = "
        "(select product_id from openstock_core.product where sku = 'RICE') where code = 'L1'",
        [("bin lot belongs to its product", MILK_BIN, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "a bin that loses its lot",
        f"update openstock_core.stock_bin set lot_id = null where {MILK_LOT}",
        [
            ("bin on_hand = ledger", MILK_BIN, 4, None),
            ("bin allocated = ledger", MILK_BIN, 0, None),
            ("bin allocated = allocations", MILK_BIN, 0, None),
            ("bin on_hand = ledger", MILK | {"location": "DEFAULT", "status": "available"}, 0, 4),
            ("bin has a lot = product is tracked by lot", MILK | {"location": "DEFAULT", "status": "available"}, 1, 0),
        ],
    ),
    Sabotage(
        "warehouse of a bin",
        "update openstock_core.stock_bin set warehouse_id = "
        f"(select warehouse_id from openstock_core.warehouse where code = 'BER') where {MILK_LOT}",
        [("bin belongs to the level of its entries", MILK_BIN, 1, 0), ("level on_hand = bins", MILK, 0, 4)],
    ),
    Sabotage(
        "allocated of a bin",
        changed("stock_bin", "allocated", APPLE_BIN),
        [("bin allocated = ledger", BIN, 3, 4), ("bin allocated = allocations", BIN, 3, 4)],
    ),
    Sabotage(
        "a bin that is gone",
        f"delete from openstock_core.stock_bin where {MILK_LOT}",
        [
            ("bin on_hand = ledger", MILK_BIN, 4, None),
            ("bin allocated = ledger", MILK_BIN, 0, None),
            ("bin allocated = allocations", MILK_BIN, 0, None),
            ("level on_hand = bins", MILK, 0, 4),
        ],
    ),
    Sabotage(
        "a bin that the ledger does not know",
        "insert into openstock_core.stock_bin (tenant_id, location_id, product_id, warehouse_id, blocked, on_hand, "
        "received_at) select b.tenant_id, l.location_id, b.product_id, b.warehouse_id, false, 5, now() "
        f"from openstock_core.stock_bin b, openstock_core.location l where b.{APPLE_BIN} and l.code = 'P-1'",
        [
            ("bin on_hand = ledger", LEVEL | {"location": "P-1", "status": "available"}, 0, 5),
            ("level on_hand = bins", LEVEL, 15, 10),
        ],
    ),
    Sabotage(
        "reserved of a line",
        LINE_GROWS.format("reserved"),
        [("line reserved = ledger", LINE, 3, 4), ("level reserved = reservation lines", LEVEL, 4, 3)],
    ),
    Sabotage("shipped of a line", LINE_GROWS.format("shipped"), [("line shipped = ledger", LINE, 2, 3)]),
    Sabotage("released of a line", LINE_GROWS.format("released"), [("line released = ledger", LINE, 1, 2)]),
    Sabotage("expired of a line", LINE_GROWS.format("expired"), [("line expired = ledger", LINE, 0, 1)]),
    Sabotage(
        "a hold that ends later",
        changed("reservation_line", "expires_at", CART, "+ interval '1 day'"),
        [("line expires_at = ledger", CART_LINE, END, END + DAY)],
    ),
    Sabotage(
        "a hold that ends earlier",
        changed("reservation_line", "expires_at", CART, "- interval '1 day'"),
        [
            ("line expires_at = ledger", CART_LINE, END, END - DAY),
            ("level next_expiry_at <= first end of an open hold", RICE, END - DAY, END),
        ],
    ),
    Sabotage(
        "a hold that loses its end",
        f"update openstock_core.reservation_line set expires_at = null where {CART}",
        [("line expires_at = ledger", CART_LINE, END, None)],
    ),
    Sabotage(
        "a promise without end that gets one",
        f"update openstock_core.reservation_line set expires_at = to_timestamp({END}) where {O1}",
        [
            ("line expires_at = ledger", LINE, None, END),
            ("level next_expiry_at <= first end of an open hold", LEVEL, END, None),
        ],
    ),
    Sabotage(
        "a hold that is gone",
        f"delete from openstock_core.reservation_line where {CART}",
        [
            ("line reserved = ledger", CART_LINE, 2, None),
            ("line shipped = ledger", CART_LINE, 0, None),
            ("line released = ledger", CART_LINE, 1, None),
            ("line expired = ledger", CART_LINE, 0, None),
            ("line expires_at = ledger", CART_LINE, END, None),
            ("level reserved = reservation lines", RICE, 1, 3),
        ],
    ),
    Sabotage(
        "a line of a channel that is gone",
        f"delete from openstock_core.reservation_line where {WISH}",
        [
            ("line reserved = ledger", WISH_LINE, 1, None),
            ("line shipped = ledger", WISH_LINE, 0, None),
            ("line released = ledger", WISH_LINE, 1, None),
            ("line expired = ledger", WISH_LINE, 0, None),
            ("line quota_used = ledger", WISH_LINE, 1, 0),
            ("level reserved = reservation lines", RICE, 2, 3),
        ],
    ),
    Sabotage(
        "a line that has less reserved than pinned",
        f"update openstock_core.reservation_line set reserved = reserved - 1, released = released + 1 where {O1}",
        [
            ("line reserved = ledger", LINE, 3, 2),
            ("line released = ledger", LINE, 1, 2),
            ("line allocated <= reserved", LINE, 2, 3),
            ("level reserved = reservation lines", LEVEL, 2, 3),
        ],
    ),
    Sabotage(
        "a release of pinned units, everywhere",
        "update openstock_core.ledger set reserved_delta = -2 where op_id = 'back' and event_type = 'RELEASE';"
        "update openstock_core.ledger set reserved_after = reserved_after - 1 where op_id in ('back', 'hold') "
        "and event_type <> 'DEALLOCATE';"
        f"update openstock_core.stock_level set reserved = reserved - 1 where {APPLE_LEVEL};"
        f"update openstock_core.reservation_line set reserved = reserved - 1, released = released + 1 where {O1}",
        [("line allocated <= reserved", LINE, 2, 3)],
        repairable=False,
    ),
    Sabotage(
        "number of a line",
        changed("reservation_line", "line", O1),
        [("line number = ledger", LINE | {"line": 2}, 1, 2)],
    ),
    Sabotage(
        "order of a line",
        "with other as (insert into openstock_core.reservation (tenant_id, order_ref, created_at) "
        f"select tenant_id, 'O2', now() from openstock_core.reservation where {O1} returning reservation_id) "
        f"update openstock_core.reservation_line l set reservation_id = other.reservation_id from other where l.{O1}",
        [("line belongs to the order of its entries", LINE, 1, 0)],
    ),
    Sabotage(
        "product of a line",
        "update openstock_core.reservation_line set "
        f"product_id = (select product_id from openstock_core.product where sku = 'MILK') where {O1}",
        [
            ("line belongs to the level of its entries", LINE, 1, 0),
            ("level reserved = reservation lines", LEVEL, 0, 3),
            ("level reserved = reservation lines", MILK, 3, 0),
        ],
    ),
    Sabotage(
        "warehouse of a line",
        "update openstock_core.reservation_line set "
        f"warehouse_id = (select warehouse_id from openstock_core.warehouse where code = 'BER') where {O1}",
        [
            ("line belongs to the level of its entries", LINE, 1, 0),
            ("level reserved = reservation lines", LEVEL, 0, 3),
        ],
    ),
    Sabotage(
        "what a backorder waits for",
        changed("backorder", "backordered", "true"),
        [
            ("backorder backordered = ledger", LATE, 5, 6),
            ("backlog backordered = backorders", {"sku": "PEAR"}, 6, 5),
        ],
    ),
    Sabotage(
        "what a backorder gave back",
        changed("backorder", "released", "true"),
        [("backorder released = ledger", LATE, 1, 2)],
    ),
    Sabotage(
        "what of a backorder expired",
        changed("backorder", "expired", "true"),
        [("backorder expired = ledger", LATE, 0, 1)],
    ),
    Sabotage(
        "a backorder that waits for ever",
        "update openstock_core.backorder set expires_at = null",
        [("backorder expires_at = ledger", LATE, HELD_UNTIL.timestamp(), None)],
    ),
    Sabotage(
        "number of a backorder's line",
        changed("backorder", "line", "true"),
        [("backorder line = ledger", LATE | {"line": 2}, 1, 2)],
    ),
    Sabotage(
        "order of a backorder",
        "update openstock_core.backorder set reservation_id = "
        "(select reservation_id from openstock_core.reservation where order_ref = 'CART')",
        [("backorder belongs to the order and product of its entries", LATE, 1, 0)],
    ),
    Sabotage(
        "what waits for a product in all",
        changed("backlog", "backordered", "true"),
        [("backlog backordered = backorders", {"sku": "PEAR"}, 5, 6)],
    ),
    Sabotage(
        "a backlog that never looks for holds that end",
        "update openstock_core.backlog set next_expiry_at = null",
        [("backlog next_expiry_at <= first end of a waiting hold", {"sku": "PEAR"}, HELD_UNTIL.timestamp(), None)],
    ),
    Sabotage(
        "a backlog that is gone",
        "delete from openstock_core.backlog",
        [
            ("backlog backordered = backorders", {"sku": "PEAR"}, 5, None),
            ("backlog next_expiry_at <= first end of a waiting hold", {"sku": "PEAR"}, HELD_UNTIL.timestamp(), None),
        ],
    ),
    Sabotage(
        "order of an entry",
        "update openstock_core.ledger set order_ref = 'O9' where op_id = 'back' and event_type = 'RELEASE'",
        [("entries of a line name one level, and its orders", LINE, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "order of the last entry of a line",
        "update openstock_core.ledger set order_ref = 'O9' where entry_id = (select max(entry_id) from openstock_core.ledger "
        f"where reservation_line_id = (select reservation_line_id from openstock_core.reservation_line where {O1}))",
        [("entries of a line name one level, and its orders", LINE, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "an entry that names no order",
        "update openstock_core.ledger set order_ref = null where op_id = 'back' and event_type = 'RELEASE'",
        [("entries of a line name one level, and its orders", LINE, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "an order that is gone",
        f"with pins as (delete from openstock_core.allocation where {APPLE_PIN}), "
        f"lines as (delete from openstock_core.reservation_line where {O1}) "
        f"delete from openstock_core.reservation where {O1}",
        [
            ("line reserved = ledger", LINE, 3, None),
            ("line shipped = ledger", LINE, 2, None),
            ("line released = ledger", LINE, 1, None),
            ("line expired = ledger", LINE, 0, None),
            ("level reserved = reservation lines", LEVEL, 0, 3),
            ("bin allocated = allocations", BIN, 0, 3),
            ("allocation = ledger", PIN, 3, None),
        ],
    ),
    Sabotage(
        "a line that the ledger does not know",
        "insert into openstock_core.reservation_line (tenant_id, reservation_id, line, product_id, warehouse_id, "
        "ordered, reserved, created_at) select tenant_id, reservation_id, 2, product_id, warehouse_id, 6, 6, now() "
        f"from openstock_core.reservation_line where {O1}",
        [
            ("line reserved = ledger", LINE | {"line": 2}, 0, 6),
            ("level reserved = reservation lines", LEVEL, 9, 3),
        ],
        restored=False,
    ),
    Sabotage(
        "an allocation",
        changed("allocation", "qty", APPLE_PIN),
        [
            ("allocation = ledger", PIN, 3, 4),
            ("bin allocated = allocations", BIN, 4, 3),
            ("line allocated <= reserved", LINE, 3, 4),
        ],
    ),
    Sabotage(
        "an allocation that is gone",
        f"delete from openstock_core.allocation where {APPLE_PIN}",
        [("allocation = ledger", PIN, 3, None), ("bin allocated = allocations", BIN, 0, 3)],
    ),
    Sabotage(
        "an allocation that the ledger does not know",
        "insert into openstock_core.allocation (tenant_id, reservation_line_id, bin_id, qty, created_at) "
        "select l.tenant_id, l.reservation_line_id, b.bin_id, 2, now() "
        f"from openstock_core.reservation_line l, openstock_core.stock_bin b where b.{MILK_LOT} and l.{O1}",
        [
            ("allocation = ledger", {"sku": "MILK", "location": "DEFAULT"}, 0, 2),
            ("bin allocated = allocations", MILK_BIN, 2, 0),
            ("line allocated <= reserved", LINE, 3, 5),
        ],
    ),
    Sabotage(
        "an allocation in a bin that does not exist",
        f"update openstock_core.allocation set bin_id = 0 where {APPLE_PIN}",
        [
            ("allocation = ledger", PIN, 3, None),
            ("allocation = ledger", {"bin_id": 0}, 0, 3),
            ("bin allocated = allocations", BIN, 0, 3),
        ],
    ),
    Sabotage(
        "a piece that is not where it should be",
        f"update openstock_core.serial_unit set bin_id = null, reservation_line_id = null where {P1_IS}",
        [
            ("serial is in the bin of its entries", {"serial": "P1", "sku": "PHONE"}, 1, 0),
            ("serial is pinned to the line of its entries", {"serial": "P1", "sku": "PHONE"}, 1, 0),
            ("bin on_hand = serials", PHONE_BIN, 2, 1),
            ("allocation = serials", {"sku": "PHONE", "location": "DEFAULT"}, 1, 0),
        ],
    ),
    Sabotage(
        "a piece in another bin",
        f"update openstock_core.serial_unit set bin_id = (select bin_id from openstock_core.stock_bin where {APPLE_BIN}) where serial = 'P2'",
        [
            ("serial is in the bin of its entries", {"serial": "P2", "sku": "PHONE", "warehouse": "LON"}, 1, 0),
            ("bin on_hand = serials", PHONE_BIN, 2, 1),
            ("bin on_hand = serials", BIN, 0, 1),
        ],
    ),
    Sabotage(
        "a piece that has left and is there",
        "update openstock_core.serial_unit set bin_id = (select bin_id from openstock_core.serial_unit where serial = 'P2') where serial = 'P3'",
        [
            ("serial is in the bin of its entries", {"serial": "P3", **PHONE}, 1, 0),
            ("bin on_hand = serials", PHONE_BIN, 2, 3),
        ],
    ),
    Sabotage(
        "a piece without its pin",
        f"update openstock_core.serial_unit set reservation_line_id = null where {P1_IS}",
        [
            ("serial is pinned to the line of its entries", P1, 1, 0),
            ("allocation = serials", {"sku": "PHONE", "location": "DEFAULT"}, 1, 0),
        ],
    ),
    Sabotage(
        "a piece pinned instead of another",
        "update openstock_core.serial_unit u set reservation_line_id = o.reservation_line_id from openstock_core.serial_unit o "
        "where (u.serial, o.serial) in (('P1', 'P2'), ('P2', 'P1'))",
        [
            ("serial is pinned to the line of its entries", P1, 1, 0),
            ("serial is pinned to the line of its entries", {"serial": "P2", **PHONE}, 1, 0),
        ],
    ),
    Sabotage(
        "a piece of another product",
        f"update openstock_core.serial_unit set product_id = (select product_id from openstock_core.product where sku = 'RICE') where {P1_IS}",
        [
            ("serial belongs to the product of its entries", {"serial": "P1", "sku": "RICE", "warehouse": "BER"}, 1, 0),
        ],
    ),
    Sabotage(
        "a piece that the ledger does not know",
        "insert into openstock_core.serial_unit (tenant_id, product_id, serial, bin_id, created_at) "
        "select tenant_id, product_id, 'P9', bin_id, created_at from openstock_core.serial_unit where serial = 'P2'",
        [
            ("serial is in the bin of its entries", {"serial": "P9", **PHONE}, 1, 0),
            ("bin on_hand = serials", PHONE_BIN, 2, 3),
        ],
        restored=False,
    ),
    Sabotage(
        "a piece that is lost, name and all",
        "delete from openstock_core.serial_unit where serial = 'P3'",
        [("serial has a name", {"sku": "PHONE"}, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "a piece in stock that is lost, name and all",
        "delete from openstock_core.serial_unit where serial = 'P1'",
        [
            ("serial has a name", {"sku": "PHONE"}, 1, 0),
            ("bin on_hand = serials", PHONE_BIN, 2, 1),
            ("allocation = serials", {"sku": "PHONE", "location": "DEFAULT"}, 1, 0),
        ],
        repairable=False,
    ),
    Sabotage(
        "an entry that is about a piece less",
        f"delete from openstock_core.ledger_serial where {SERIAL_1} and entry_id = (select min(entry_id) from openstock_core.ledger where op_id = 'phones')",
        [
            ("entries of a serial name one product, and leave it in one place", P1, 1, 0),
            ("entry units = serials", PHONE | {"op": "phones"}, 3, 2),
        ],
        repairable=False,
    ),
    Sabotage(
        "a part of a handling unit elsewhere",
        "update openstock_core.stock_bin set location_id = (select location_id from openstock_core.location where code = 'B-1') "
        "where handling_unit_id is not null and on_hand = 4",
        [
            ("bins of a handling unit lie in one location", {"handling_unit": "H1"}, 1, 2),
            ("bin on_hand = ledger", OIL_BIN | {"location": "DEFAULT"}, 4, None),
            ("bin allocated = ledger", OIL_BIN | {"location": "DEFAULT"}, 0, None),
            ("bin allocated = allocations", OIL_BIN | {"location": "DEFAULT"}, 0, None),
            ("bin on_hand = ledger", OIL_BIN | {"location": "B-1"}, 0, 4),
        ],
    ),
    Sabotage(
        "on_hand_after of an entry",
        changed("ledger", "on_hand_after", "op_id = 'hold'"),
        [("entry on_hand_after = the one before + its delta", HOLD, 10, 11)],
        repairable=False,
    ),
    Sabotage(
        "blocked_after of an entry",
        changed("ledger", "blocked_after", "op_id = 'hold'"),
        [("entry blocked_after = the one before + its delta", HOLD, 2, 3)],
        repairable=False,
    ),
    Sabotage(
        "reserved_after of an entry",
        changed("ledger", "reserved_after", "op_id = 'hold'"),
        [("entry reserved_after = the one before + its delta", HOLD, 3, 4)],
        repairable=False,
    ),
    Sabotage(
        "number of an entry",
        "update openstock_core.ledger set entry_id = -entry_id where op_id = 'hold'",
        [("entry number is higher than the one before", HOLD, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "an entry of the same time as the one before",
        "update openstock_core.ledger set recorded_at = (select recorded_at from openstock_core.ledger "
        "where event_type = 'SHIP' and order_ref = 'O1') where op_id = 'back' and event_type = 'RELEASE'",
        [("entry is later than the one before", BACK, 1, 0)],
        repairable=False,
    ),
    Sabotage(
        "an entry of no operation",
        "delete from openstock_core.operation where op_id = 'hold'",
        [("entry belongs to an operation", HOLD | {"op_id": "hold"}, 1, 0)],
        repairable=False,
    ),
]
