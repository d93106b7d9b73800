"""A shop with kits."""

from __future__ import annotations

import pytest

from tests.support import Shop


@pytest.fixture
def kits(shop: Shop) -> Shop:
    """HAMPER: 2 APPLE and 0.5 RICE; BAG: 3 APPLE. London has 10 APPLE and 2 RICE, Berlin 5 APPLE and 1 RICE."""
    shop.put_products(lines=[{"sku": "HAMPER", "name": "Hamper"}, {"sku": "BAG", "name": "Bag of apples"}])
    shop.put_kits(
        lines=[
            {"sku": "HAMPER", "components": [{"sku": "APPLE", "qty": 2}, {"sku": "RICE", "qty": 0.5}]},
            {"sku": "BAG", "components": [{"sku": "APPLE", "qty": 3}]},
        ]
    )
    shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}, {"sku": "RICE", "qty": 2, "location": "A-1"}])
    shop.receive("BER", [{"sku": "APPLE", "qty": 5}, {"sku": "RICE", "qty": 1}])
    return shop
