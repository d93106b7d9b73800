"""What amend adds comes through the sales channel that the order's lines have in common, or through none."""

from __future__ import annotations

import pytest

from tests.channels import buy, keep, kept, open_channels
from tests.support import Shop, columns


@pytest.fixture
def market(shop: Shop) -> Shop:
    """20 apples in London, three channels; O1 has 2 through MARKET (line 1) and 1 through WEB (line 2), and what is kept is set after that."""
    open_channels(shop)
    shop.receive("LON", [{"sku": "APPLE", "qty": 20}])
    buy(shop, "O1", 2, "MARKET")
    buy(shop, "O1", 1, "WEB")
    keep(shop, "WEB", 5)
    keep(shop, "MARKET", 4)
    return shop


def test_lines_of_one_channel(market: Shop) -> None:
    buy(market, "O2", 1, "WEB")
    market.amend("O2", [{"line": 1, "qty": 3}, {"sku": "APPLE", "line": 2, "qty": 1}])
    assert (kept(market), columns(market.view("order_lines", order_ref="O2"), "channel")) == ({"WEB": 1, "MARKET": 4}, [("WEB",), ("WEB",)])


def test_lines_of_several_channels(market: Shop) -> None:
    market.amend("O1", [{"line": 1, "qty": 3}])
    assert kept(market) == {"WEB": 5, "MARKET": 4}


def test_a_line_of_another_channel_that_nothing_is_open_of(market: Shop) -> None:
    """It keeps its channel: it is not promised what is kept for the others', nor takes that from its own."""
    market.release("O1", [{"line": 1}])
    market.amend("O1", [{"line": 1, "qty": 2}])
    assert (kept(market), columns(market.view("order_lines", order_ref="O1"), "channel")) == ({"WEB": 5, "MARKET": 4}, [("MARKET",), ("WEB",)])
    assert market.differences() == []


def test_a_line_of_another_channel_that_waits_again(market: Shop) -> None:
    market.put_products(lines=[{"sku": "APPLE", "backorder": "unlimited"}])
    market.release("O1", [{"line": 1}])
    market.amend("O1", [{"line": 1, "qty": 14}], on_shortage="backorder")
    market.receive("LON", [{"sku": "APPLE", "qty": 9}])
    assert (kept(market), columns(market.view("order_lines", order_ref="O1"), "channel", "reserved")) == (
        {"WEB": 5, "MARKET": 4},
        [("MARKET", 14), ("WEB", 1)],
    )
    assert market.differences() == []
