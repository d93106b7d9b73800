"""A shop that sells phones, each with a serial number."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Shop


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """PHONE and WATCH are tracked by serial, and none is there. In the end all is as verify wants it."""
    shop.put_products(lines=[{"sku": sku, "name": sku.title(), "tracking": "serial", "removal": "fifo"} for sku in ("PHONE", "WATCH")])
    yield shop
    assert shop.differences() == []


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """P1 to P4 in A-1, then P5 and P6 in A-2; the order O1 of 3 PHONE has P1 to P3 pinned, as has O2 P4."""
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1", "P2", "P3", "P4"], "location": "A-1"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P5", "P6"], "location": "A-2"}])
    for order_ref, qty in (("O1", 3), ("O2", 1)):
        shop.reserve(order_ref, [{"sku": "PHONE", "qty": qty}])
        shop.allocate(order_ref)
    return shop
