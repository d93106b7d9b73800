"""In hot-SKU mode the same is promised, refused, stored and answered; only the commit is another."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from ..support import Connect, Row, Shop, call_now, denied, refused, unchanged

ARGUMENTS = """
    select a.name, format_type(a.type, null)
    from pg_proc p cross join unnest(p.proargnames, p.proargtypes::oid[]) with ordinality as a (name, type, n)
    where p.oid = %s::regproc and a.type is not null order by a.n
"""
DEFAULTS = "select pg_get_expr(proargdefaults, 0) from pg_proc where oid = %s::regproc"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """With ten apples, and a sales channel."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.put_channels(lines=[{"code": "WEB"}])
    return shop


def reserve_now(shop: Shop, op_id: str | None, qty: int = 2, order_ref: str = "O1", **more: Any) -> list[Row]:
    """Call the procedure for apples, as the application does; its rows."""
    return call_now(shop.connection, op_id=op_id, order_ref=order_ref, lines=[{"sku": "APPLE", "qty": qty}], tenant=shop.tenant, **more)


def test_it_takes_what_reserve_takes(db: psycopg.Connection) -> None:
    *arguments, tenant = db.execute(ARGUMENTS, ["openstock.reserve"]).fetchall()
    assert db.execute(ARGUMENTS, ["openstock.reserve_now"]).fetchall() == [*arguments, ("answer", "jsonb"), tenant]
    [(defaults,)] = db.execute(DEFAULTS, ["openstock.reserve"]).fetchall()
    with_answer = defaults.removesuffix("NULL::uuid") + "NULL::jsonb, NULL::uuid"
    assert db.execute(DEFAULTS, ["openstock.reserve_now"]).fetchall() == [(with_answer,)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"warehouse": "LON"},
        {"on_shortage": "error"},
        {"ttl": "1 hour"},
        {"priority": 3},
        {"promised_at": "2030-01-01 00:00 UTC"},
        {"metadata": Jsonb({"gift": True})},
        {"strategy": "most_stock"},
        {"destination": Jsonb({"zone": "EU"})},
        {"channel": "WEB"},
    ],
    ids=lambda more: " ".join(more) or "plain",
)
def test_each_argument_is_handed_on(shop: Shop, db: psycopg.Connection, more: dict[str, Any]) -> None:
    """What reserve recognises as its own call by op_id had the same arguments."""
    [row] = reserve_now(shop, "once", **more)
    assert (row["outcome"], row["qty_reserved"], row["available"], row["replayed"]) == ("reserved", 2, 8, False)
    with unchanged(db):
        [again] = shop.reserve("O1", [{"sku": "APPLE", "qty": 2}], op_id="once", **more)
    assert again == row | {"replayed": True}
    assert shop.differences() == []


def test_a_call_of_reserve_is_recognised(shop: Shop, db: psycopg.Connection) -> None:
    shop.reserve("O1", [{"sku": "APPLE", "qty": 2}], op_id="once")
    with unchanged(db):
        [again] = reserve_now(shop, "once")
    assert (again["outcome"], again["replayed"]) == ("reserved", True)


def test_a_rejection_is_stored(shop: Shop, db: psycopg.Connection) -> None:
    [row] = reserve_now(shop, "once", 11)
    assert (row["outcome"], row["qty_short"], row["offers"]) == ("rejected", 1, [{"warehouse": "LON", "available": 10}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    with unchanged(db):
        assert reserve_now(shop, "once", 11) == [row | {"replayed": True}]


def test_a_refused_call_changes_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "OS201", order_ref="O1"):
        reserve_now(shop, "once", 11, on_shortage="error")
    with refused(db, "22023", argument="op_id"):
        reserve_now(shop, None)


def test_it_is_a_transaction_of_its_own(shop: Shop, db: psycopg.Connection) -> None:
    with denied(db, "2D000"), shop.connection.transaction():
        reserve_now(shop, "once")


def test_it_is_not_called_from_a_function(shop: Shop, db: psycopg.Connection) -> None:
    """PostgreSQL says so itself."""
    db.execute(f"""
        create function public.sell() returns void language plpgsql as $$ declare answer jsonb; begin
        call openstock.reserve_now('once', 'O1', '[{{"sku": "APPLE", "qty": 1}}]', tenant => '{shop.tenant}', answer => answer); end $$""")
    with denied(db, "2D000"):
        shop.connection.execute("select public.sell()")


def test_it_leaves_nothing_in_the_session(shop: Shop) -> None:
    settings = "select current_setting('synchronous_commit'), coalesce(current_setting('app.tenant_id', true), '')"
    for mode in ("local", "off"):
        shop.connection.execute(f"set synchronous_commit = {mode}")
        reserve_now(shop, f"op {mode}", 1, f"order {mode}")
        assert shop.connection.execute(settings).fetchall() == [(mode, "")]


@pytest.mark.parametrize("login", ["analyst", "operator"])
def test_only_the_application_calls_it(db: psycopg.Connection, connect: Connect, shop: Shop, login: str) -> None:
    with denied(db):
        reserve_now(Shop(connect(login), db), "once")
