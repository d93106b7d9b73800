"""Calls that look again after each wait do so a bounded number of times, and then leave it to the caller to come back.

Nothing moves that often within one call, so that a function underneath is replaced by one that always finds more to wait for.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from ..support import Clock, Shop, refused


@pytest.mark.parametrize("function", ["allocate", "ship"])
def test_units_that_are_never_found_at_rest_are_not_called_short(shop: Shop, db: psycopg.Connection, function: str) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("ONE", [{"sku": "APPLE", "qty": 3}])
    db.execute(
        "create or replace function openstock_core.lock_pickable_bins(tenant uuid, needs openstock_core.pick[], removal text, "
        "named bigint[], avoided bigint[], wait boolean) returns bigint[] language sql as $$ select '{}'::bigint[] $$"
    )
    with refused(db, "40001", problem="units kept moving from bin to bin"):
        getattr(shop, function)("ONE")


def test_levels_that_keep_coming_into_being_are_not_called_short(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    db.execute(
        "create or replace function openstock_core.lock_candidate_levels(tenant uuid, lines openstock_core.order_line[], "
        "more openstock_core.level_key[], may_wait boolean, inout held openstock_core.level_key[], out due openstock_core.due) language sql "
        "as $$ select held || row(0, coalesce(cardinality(held), 0))::openstock_core.level_key, "
        "row(openstock.server_time(), '{}', '{}', '{}', '{}', '{}', null)::openstock_core.due $$"
    )
    with refused(db, "40001", problem="stock levels keep coming into being"):
        shop.reserve("ONE", [{"sku": "APPLE", "qty": 6}])


@pytest.fixture
def cart(shop: Shop, clock: Clock) -> Shop:
    """5 APPLE, which CART held until an hour ago; LATE waits for one."""
    shop.put_products(lines=[{"sku": "APPLE", "name": "Apple", "backorder": "unlimited"}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    shop.reserve("CART", [{"sku": "APPLE", "qty": 5}], ttl="1 hour")
    shop.reserve("LATE", [{"sku": "APPLE", "qty": 1}], on_shortage="backorder")
    clock.advance(hours=2)
    return shop


@pytest.mark.parametrize(("function", "arguments"), [("reserve", ("ONE", [{"sku": "APPLE", "qty": 5}])), ("fill_backorders", ())])
def test_holds_that_are_never_found_at_rest_are_not_called_alive(cart: Shop, db: psycopg.Connection, function: str, arguments: tuple[Any, ...]) -> None:
    db.execute(
        "create or replace function openstock_core.ended_pins(tenant uuid, bin_ids bigint[], at timestamptz) "
        "returns bigint[] language sql as $$ select '{0}'::bigint[] $$"
    )
    with refused(db, "40001", problem="holds kept being extended or pinned"):
        getattr(cart, function)(*arguments)


def test_units_are_not_promised_that_are_found_to_be_held_whenever_they_are_wanted(cart: Shop, db: psycopg.Connection) -> None:
    db.execute(
        "create or replace function openstock_core.find_due_holds(tenant uuid, missing openstock_core.pick[], at timestamptz, only_pinned boolean, "
        "avoided bigint[] default '{}', channels bigint[] default null) returns bigint[] language sql as $$ select '{}'::bigint[] $$"
    )
    with refused(db, "40001", problem="holds kept being extended or pinned"):
        cart.reserve("ONE", [{"sku": "APPLE", "qty": 5}])
