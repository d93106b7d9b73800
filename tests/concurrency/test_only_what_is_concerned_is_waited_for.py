"""Who books holds that ended, or gives units back, waits for the rows that this changes, and for none beside them."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from ..support import Shop, columns
from ..waiting import backorder, let_wait
from ..wall_clock import WallClock
from .sessions import NEVER, OpenSession, unlocked

HOUR = timedelta(hours=1)
SKUS = ("APPLE", "RICE")


@pytest.fixture
def busy(shop: Shop, wall_clock: WallClock) -> Shop:
    """Nine of each product at both warehouses. CART holds 9 APPLE in London, pinned, and waits for 2 more; both have ended. OTHER is firm, has
    one RICE, pinned, one APPLE in Berlin, and waits for RICE; QUEUED waits for RICE until tomorrow."""
    for sku in SKUS:
        let_wait(shop, sku)
    for warehouse in ("LON", "BER"):
        shop.receive(warehouse, [{"sku": sku, "qty": 9} for sku in SKUS])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 11}], warehouse="LON", on_shortage="backorder", ttl=HOUR)
    shop.allocate("CART")
    shop.reserve("OTHER", [{"sku": "RICE", "qty": 1, "warehouse": "LON"}, {"sku": "APPLE", "qty": 1, "warehouse": "BER"}])
    shop.allocate("OTHER")
    shop.reserve("SOLD", [{"sku": "RICE", "qty": 17}])
    backorder(shop, "OTHER", 3, "RICE")
    backorder(shop, "QUEUED", 1, "RICE", ttl=24 * HOUR)
    wall_clock.advance(hours=2)
    return shop


@pytest.mark.parametrize("sweeps", [False, True], ids=["reserve", "expire_reservations"])
def test_who_books_holds_does_not_wait_for_other_levels_queues_and_bins(busy: Shop, session: OpenSession, sweeps: bool) -> None:
    """Neither of other products, nor of the same one at another warehouse."""
    one, two = session(), session()
    one.adjust("BER", [{"sku": "APPLE", "qty": 1}], reason="found")
    one.cancel("OTHER")
    if sweeps:
        assert columns(two.unhindered("expire_reservations"), "order_ref", "qty_released") == [("CART", 9), ("CART", 2)]
    else:
        rows = two.unhindered("reserve", "NEW", [{"sku": "APPLE", "qty": 10}], warehouse="LON", on_shortage="backorder")
        assert columns(rows, "outcome", "qty_reserved", "qty_backordered") == [("reserved", 9, 0), ("backordered", 0, 1)]
    two.commit()
    one.commit()
    assert busy.differences() == []


@pytest.mark.parametrize(("sku", "warehouse"), [("APPLE", "LON"), ("APPLE", "BER"), ("RICE", "LON")])
@pytest.mark.parametrize("other", ["warehouse", "product"])
@pytest.mark.parametrize("more", [(), ("PEAR",)], ids=["alone", "with another"])
def test_who_reserves_plain_lines_waits_for_no_other_level(
    shop: Shop, session: OpenSession, sku: str, warehouse: str, other: str, more: tuple[str, ...]
) -> None:
    shop.put_products(lines=[{"sku": "PEAR", "name": "Pear"}])
    for code in ("LON", "BER"):
        shop.receive(code, [{"sku": product, "qty": 9} for product in (*SKUS, "PEAR")])
    one, two = session(), session()
    changed = ({"LON": "BER", "BER": "LON"}[warehouse], sku) if other == "warehouse" else (warehouse, {"APPLE": "RICE", "RICE": "APPLE"}[sku])
    one.adjust(changed[0], [{"sku": changed[1], "qty": 1}], reason="found")
    lines = [{"sku": product, "qty": 2} for product in (sku, *more)]
    assert columns(two.unhindered("reserve", "NEW", lines, warehouse=warehouse), "warehouse", "qty_reserved") == [(warehouse, 2)] * len(lines)
    two.commit()
    one.commit()
    assert shop.differences() == []


def test_an_amendment_waits_for_no_order_but_its_own(busy: Shop, session: OpenSession, wall_clock: WallClock) -> None:
    """Neither for their promises, nor for what they wait for: who makes a hold last longer locks nothing else."""
    one, two = session(), session()
    busy.reserve("KEPT", [{"sku": "APPLE", "qty": 10}], warehouse="BER", on_shortage="backorder", ttl=5 * HOUR)
    busy.receive("BER", [{"sku": "APPLE", "qty": 1}])
    busy.reserve("GONE", [{"sku": "APPLE", "qty": 1}], warehouse="BER", ttl=HOUR)
    wall_clock.advance(hours=2)
    one.extend("KEPT", 9 * HOUR)
    rows = two.unhindered("amend", "OTHER", [{"line": 3, "qty": 2}], op_id="less")
    assert columns(rows, "sku", "outcome", "qty_released") == [("RICE", "released", 1)]
    two.commit()
    one.commit()
    assert set(busy.entries("order_ref", op_id="less")) == {("OTHER",)}  # CART's hold and GONE's have ended, and are not in the way
    assert busy.differences() == []


def test_an_amendment_does_not_wait_for_levels_where_its_order_has_nothing_left(busy: Shop, session: OpenSession) -> None:
    busy.ship("OTHER", [{"sku": "APPLE"}])
    one, two = session(), session()
    one.adjust("BER", [{"sku": "APPLE", "qty": 1}], reason="found")
    assert columns(two.unhindered("amend", "OTHER", [{"line": 3, "qty": 2}]), "outcome") == [("released",)]
    two.commit()


def test_an_amendment_that_gives_back_promised_units_does_not_wait_for_the_queue(busy: Shop, session: OpenSession) -> None:
    busy.reserve("PLAIN", [{"sku": "APPLE", "qty": 2}], warehouse="BER")
    one, two = session(), session()
    one.reserve("WAITS", [{"sku": "APPLE", "qty": 99}], warehouse="LON", on_shortage="backorder")
    assert columns(two.unhindered("amend", "PLAIN", [{"line": 1, "qty": 1}]), "outcome") == [("released",)]
    two.commit()


def test_holds_are_locked_by_their_age(shop: Shop, db: psycopg.Connection, session: OpenSession, wall_clock: WallClock) -> None:
    """The one that ends last was made first."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    for cart in range(5):
        shop.reserve(f"C-{cart}", [{"sku": "APPLE", "qty": 1}], ttl=(9 - cart) * HOUR)
    lines = [row[0] for row in db.execute("select reservation_line_id from openstock_core.reservation_line order by 1").fetchall()]
    holder, one = session(), session()
    holder.extend("C-2", 99 * HOUR)
    wall_clock.advance(hours=10)
    waiting = one.blocked("reserve", "NEW", [{"sku": "APPLE", "qty": 5}])
    assert unlocked(db, "reservation_line") == set(lines[3:])
    holder.rollback()
    assert columns(waiting.result(NEVER), "outcome") == [("reserved",)]
    one.commit()
    assert shop.differences() == []


def test_who_pins_takes_off_or_brings_in_waits_for_no_other_order_and_no_other_bin(busy: Shop, session: OpenSession) -> None:
    """One has rice pinned, makes a hold last longer, and brings apples to where there were some; two does the like with other units."""
    busy.receive("LON", [{"sku": "RICE", "qty": 9, "location": "A-1"}])
    busy.receive("BER", [{"sku": "APPLE", "qty": 1}])
    busy.put_locations("BER", lines=[{"code": "B-1"}, {"code": "B-2"}])
    for location, qty in (("B-1", 1), ("B-2", 1)):
        busy.receive("BER", [{"sku": "MILK", "lot": "M1", "qty": qty, "location": location}])
    busy.adjust("BER", [{"sku": "MILK", "lot": "M1", "qty": -1, "location": "B-1"}], reason="spilt")
    busy.reserve("KEPT", [{"sku": "RICE", "qty": 1}], ttl=HOUR)
    busy.reserve("MINE", [{"sku": "APPLE", "qty": 2}], warehouse="BER")
    one, two = session(), session()
    one.allocate("SOLD")
    one.extend("KEPT", 9 * HOUR)
    one.receive("BER", [{"sku": "MILK", "lot": "M1", "qty": 1, "location": "B-1"}])
    assert columns(two.unhindered("allocate", "MINE"), "outcome", "qty") == [("allocated", 2)]
    assert columns(two.unhindered("deallocate", "MINE"), "outcome", "qty") == [("deallocated", 2)]
    assert columns(two.unhindered("receive", "BER", [{"sku": "APPLE", "qty": 3, "location": "B-2"}]), "on_hand") == [(13,)]
    two.commit()
    one.commit()
    assert busy.differences() == []


def test_a_picker_locks_the_bins_that_it_needs_and_leaves_the_others(busy: Shop, session: OpenSession) -> None:
    busy.put_locations("BER", lines=[{"code": "B-1"}])
    busy.receive("BER", [{"sku": "APPLE", "qty": 5, "location": "B-1"}])
    for order_ref in ("MINE", "YOURS"):
        busy.reserve(order_ref, [{"sku": "APPLE", "qty": 2}], warehouse="BER")
    one, two = session(), session()
    assert columns(one.allocate("MINE"), "location", "qty") == [("DEFAULT", 2)]
    assert columns(two.unhindered("allocate", "YOURS", removal="lifo"), "location", "qty") == [("B-1", 2)]
    two.commit()
    one.commit()
    assert busy.differences() == []


@pytest.mark.parametrize("function", ["allocate", "ship"])
def test_where_all_of_a_line_is_pinned_its_product_is_waited_for_no_more(shop: Shop, session: OpenSession, function: str) -> None:
    """The order waits for rice, which is in use. It has its apples, and those that another picker is at are none of its."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}, {"sku": "RICE", "qty": 5, "location": "A-1"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5, "location": "A-2"}])
    shop.reserve("MINE", [{"sku": sku, "qty": 2} for sku in SKUS])
    shop.allocate("MINE")
    shop.deallocate("MINE", [{"sku": "RICE"}])
    for sku in SKUS:
        shop.reserve(sku, [{"sku": sku, "qty": 1}])
    apples, rice, two = session(), session(), session()
    apples.allocate("APPLE")
    rice.allocate("RICE")
    waiting = two.until_blocked(two.later(function, "MINE"), by=rice)
    rice.commit()
    assert ("RICE", 2) in columns(waiting.result(NEVER), "sku", "qty")
    two.commit()
    apples.commit()
    assert shop.differences() == []
