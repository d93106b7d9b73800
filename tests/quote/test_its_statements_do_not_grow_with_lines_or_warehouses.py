"""A quote of a hundred lines at two hundred warehouses runs the statements of a quote of one line at three, each as often, as PostgreSQL itself tells."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import psycopg
import pytest

from tests.support import Shop

STRATEGIES = ("priority", "most_stock", "nearest", "least_cost", "fewest_splits", "ship_complete")
PARIS = {"latitude": 48.8566, "longitude": 2.3522, "zone": "FR"}
SETTINGS = {
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_format": "json",
    "client_min_messages": "log",
}
PRODUCTS, WAREHOUSES = 100, 200


@pytest.fixture
def watched(shop: Shop, db: psycopg.Connection) -> Shop:
    """The shop behind a session that is told of each statement that it, or a function that it calls, runs."""
    try:
        db.execute("load 'auto_explain'")
    except psycopg.Error as error:
        pytest.skip(f"this server has no auto_explain: {error}")
    db.execute("select openstock_admin.grant_tenant(session_user::text, any_tenant => true)")
    return Shop(db, db)


def statements(shop: Shop, sku: str, lines: int, **arguments: Any) -> Counter[str]:
    """How often a quote of so many lines, which London can send alone, runs each of its statements."""
    said: list[str] = []
    handler = lambda notice: said.append(notice.message_primary)  # noqa: E731
    shop.db.add_notice_handler(handler)
    with shop.db.transaction(force_rollback=True):
        for setting, value in SETTINGS.items():
            shop.db.execute("select set_config(%s, %s, true)", [setting, value])
        said.clear()
        rows = shop.quote([{"sku": f"{sku}{number}", "qty": 5} for number in range(lines)], destination=PARIS, **arguments)
    shop.db.remove_notice_handler(handler)
    assert [row["warehouse"] for row in rows if row["outcome"] == "chosen"] == ["LON"] * lines
    documents = [json.loads(text[text.index("{") :]) for text in said if text.startswith("duration:")]
    # A function that is one expression of its arguments is told too; what reads anything is more than a result.
    asked = [one for one in documents if one["Plan"]["Node Type"] != "Result" or "Plans" in one["Plan"]]
    return Counter(" ".join(one["Query Text"].split()) for one in asked)


CALLS: list[dict[str, Any]] = [*({"strategy": strategy} for strategy in STRATEGIES), {"channel": "WEB"}]


def test_of_any_strategy_and_for_a_channel(watched: Shop) -> None:
    """One warehouse sends all: those strategies that look for several choose one after the other."""
    watched.put_channels(lines=[{"code": "WEB"}])
    watched.put_products(lines=[{"sku": "A0", "name": "One"}])
    watched.receive("LON", [{"sku": "A0", "qty": 9}])
    few = [statements(watched, "A", 1, **call) for call in CALLS]

    skus = [f"P{number}" for number in range(PRODUCTS)]
    watched.put_products(lines=[{"sku": sku, "name": sku} for sku in skus])
    watched.put_warehouses(
        lines=[{"code": f"W{number}", "latitude": number % 90, "longitude": 9, "shipping_cost": number} for number in range(WAREHOUSES - 3)]
    )
    watched.put_warehouses(lines=[{"code": "LON", "latitude": 48.9, "longitude": 2.4, "shipping_cost": 1}])
    for warehouse, qty in (("LON", 9), ("BER", 4), ("W7", 4)):
        watched.receive(warehouse, [{"sku": sku, "qty": qty} for sku in skus])
    many = [statements(watched, "P", PRODUCTS, **call) for call in CALLS]

    assert many == few
    assert min(sum(found.values()) for found in few) > 10
