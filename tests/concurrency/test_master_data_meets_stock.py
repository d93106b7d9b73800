"""Master data change while stock comes in: what is stored as blocked or kept back fits what was decided.

The change is made at READ COMMITTED where it is second: a snapshot from before the receipt does not show what to look at.
"""

from __future__ import annotations

from decimal import Decimal

import psycopg
import pytest
from psycopg import IsolationLevel

from ..channels import keep, open_channels
from ..support import Shop, columns, day, refused
from .sessions import ALL_LEVELS, NEVER, READ_COMMITTED, SNAPSHOT_LEVELS, OpenSession, Session

every_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
every_snapshot = pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)
COMES_IN = [
    ("receive", "LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}]),
    ("move", "LON", [{"sku": "APPLE", "qty": 2, "to": "A-1"}]),
    ("adjust", "LON", [{"sku": "APPLE", "qty": 2, "location": "A-1"}]),
]
each_way_in = pytest.mark.parametrize("comes_in", COMES_IN, ids=lambda way: way[0])
QUARANTINE = ("put_locations", "LON", [{"code": "A-1", "kind": "quarantine"}])
CLOSED = ("put_locations", "LON", [{"code": "A-1", "active": False}])


def refused_after(first: Session, second: Session, function: str, *positional: object, **arguments: object) -> str | None:
    """How a call is refused that waited for the first session to commit; also if it had to be made again, for its snapshot was from before."""
    waiting = second.blocked(function, *positional, **arguments)
    first.commit()
    found = second.refused(waiting)
    return second.refused(second.later(function, *positional, **arguments)) if found == "40001" else found



@pytest.fixture
def stocked(shop: Shop) -> Shop:
    """Five apples in the default bin."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    return shop


def reason(function: str) -> dict[str, str]:
    return {"reason": "found"} if function == "adjust" else {}


@each_way_in
@pytest.mark.parametrize("change", [QUARANTINE, CLOSED], ids=["to another kind", "to inactive"])
def test_a_bin_that_is_being_filled_does_not_change(
    stocked: Shop, session: OpenSession, comes_in: tuple[str, str, list[object]], change: tuple[str, str, list[object]]
) -> None:
    one, two = session(), session()
    one.later(*comes_in, **reason(comes_in[0])).result()
    waiting = two.blocked(*change)
    one.commit()
    assert two.refused(waiting) == "OS120"
    assert columns(stocked.view("bins", location="A-1"), "on_hand", "blocked") == [(2, 0)]
    assert stocked.differences() == []


@each_way_in
def test_a_bin_that_was_not_filled_after_all_changes(
    stocked: Shop, session: OpenSession, comes_in: tuple[str, str, list[object]]
) -> None:
    one, two = session(), session()
    one.later(*comes_in, **reason(comes_in[0])).result()
    waiting = two.blocked(*QUARANTINE)
    one.rollback()
    assert columns(two.outcome(waiting, "put_locations"), "outcome") == [("updated",)]
    assert columns(stocked.view("locations", location="A-1"), "kind") == [("quarantine",)]
    assert stocked.view("bins", location="A-1") == []


@each_way_in
@every_level
def test_units_that_come_into_a_bin_that_just_became_quarantine_are_blocked(
    stocked: Shop, session: OpenSession, level: IsolationLevel, comes_in: tuple[str, str, list[object]]
) -> None:
    one, two = session(), session(level)
    one.later(*QUARANTINE).result()
    waiting = two.blocked(*comes_in, **reason(comes_in[0]))
    one.commit()
    two.outcome(waiting, *comes_in, **reason(comes_in[0]))
    assert columns(stocked.view("bins", location="A-1"), "on_hand", "blocked") == [(2, 2)]
    assert stocked.level("APPLE")[1] == 2
    assert stocked.differences() == []


@each_way_in
def test_no_units_come_into_a_bin_that_was_just_closed(
    stocked: Shop, session: OpenSession, comes_in: tuple[str, str, list[object]]
) -> None:
    one, two = session(), session()
    one.later(*CLOSED).result()
    waiting = two.blocked(*comes_in, **reason(comes_in[0]))
    one.commit()
    assert two.refused(waiting) == "OS106"
    assert stocked.level("APPLE") == (5, 0, 0, 5)


def test_a_receipt_and_a_change_of_the_same_bins_do_not_deadlock(shop: Shop, session: OpenSession) -> None:
    shop.put_locations("LON", [{"code": "Z"}])
    shop.put_locations("LON", [{"code": "Y"}])  # younger, and earlier in the alphabet
    one, two, three = session(), session(), session()
    one.receive("LON", [{"sku": "APPLE", "qty": 1, "location": "Y"}, {"sku": "APPLE", "qty": 1, "location": "Z"}])
    change = two.at_once("put_locations", "LON", [{"code": "Y", "pick_order": 1}, {"code": "Z", "pick_order": 1}])
    two.until_blocked(change)
    receipt = three.at_once(
        "receive", "LON", [{"sku": "RICE", "qty": 1, "location": "Y"}, {"sku": "RICE", "qty": 1, "location": "Z"}]
    )
    one.commit()
    assert columns(change.result(NEVER), "outcome") == [("updated",), ("updated",)]
    assert len(receipt.result(NEVER)) == 2


@every_level
def test_safety_stock_set_as_a_level_is_made_reaches_it(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session(level)
    one.put_products(lines=[{"sku": "APPLE", "safety_stock": 5}])
    receipt = ("receive", "LON", [{"sku": "APPLE", "qty": 7}])
    waiting = two.blocked(*receipt)
    one.commit()
    two.outcome(waiting, *receipt)
    assert shop.level("APPLE") == (7, 0, 0, 2)


@every_level
def test_safety_stock_waits_for_a_level_that_is_being_made(shop: Shop, session: OpenSession, level: IsolationLevel) -> None:
    one, two = session(level), session()
    one.receive("LON", [{"sku": "APPLE", "qty": 7}])
    waiting = two.blocked("put_products", lines=[{"sku": "APPLE", "safety_stock": 5}])
    one.commit()
    two.outcome(waiting, "put_products")
    assert shop.level("APPLE") == (7, 0, 0, 2)


@every_level
def test_first_receipts_of_one_product_into_two_warehouses_follow_each_other(
    shop: Shop, session: OpenSession, level: IsolationLevel
) -> None:
    one, two = session(level), session(level)
    one.receive("LON", [{"sku": "APPLE", "qty": 1}])
    receipt = ("receive", "BER", [{"sku": "APPLE", "qty": 1}])
    waiting = two.blocked(*receipt)
    one.commit()
    two.outcome(waiting, *receipt)
    assert (shop.level("APPLE"), shop.level("APPLE", "BER")) == ((1, 0, 0, 1), (1, 0, 0, 1))


@every_snapshot
@pytest.mark.parametrize("change", [{"tracking": "lot"}, {"decimals": 0}, {"safety_stock": 5}], ids=lambda change: next(iter(change)))
def test_a_change_of_a_product_whose_first_receipt_it_cannot_see_fails_to_serialize(
    shop: Shop, session: OpenSession, level: IsolationLevel, change: dict[str, object]
) -> None:
    one = session(level)
    one.query("select 1").result()  # its snapshot is from now
    shop.receive("LON", [{"sku": "RICE", "qty": 0.5}])
    assert one.refused(one.later("put_products", lines=[{"sku": "RICE", **change}])) == "40001"
    assert shop.level("RICE") == (0.5, 0, 0, 0.5)


@every_snapshot
@pytest.mark.parametrize("change", [QUARANTINE, CLOSED], ids=["to another kind", "to inactive"])
def test_a_snapshot_is_not_enough_to_change_a_bin(
    stocked: Shop, db: psycopg.Connection, session: OpenSession, level: IsolationLevel, change: tuple[str, str, list[object]]
) -> None:
    one = session(level)
    with refused(db, "OS121", line=1, location="A-1", isolation=level.name.lower().replace("_", " ")):
        one.later(*change).result()
    one.rollback()
    assert columns(one.put_locations("LON", [{"code": "A-1", "pick_order": 3}]), "outcome") == [("updated",)]


@every_level
@pytest.mark.parametrize("change", [{"tracking": "lot"}, {"decimals": 0}], ids=["tracking", "decimals"])
def test_a_product_being_received_keeps_its_tracking_and_decimals(
    shop: Shop, session: OpenSession, level: IsolationLevel, change: dict[str, object]
) -> None:
    one, two = session(level), session()
    one.receive("LON", [{"sku": "RICE", "qty": 0.5}])
    waiting = two.blocked("put_products", lines=[{"sku": "RICE", **change}])
    one.commit()
    assert two.refused(waiting) == "OS120"


@every_level
@pytest.mark.parametrize(
    ("change", "code"), [({"tracking": "lot"}, "OS108"), ({"decimals": 0}, "OS110")], ids=["tracking", "decimals"]
)
def test_a_first_receipt_meets_the_tracking_and_decimals_just_decided(
    shop: Shop, session: OpenSession, level: IsolationLevel, change: dict[str, object], code: str
) -> None:
    keep(open_channels(shop), "WEB", 1, "RICE", warehouse="BER")  # a level, but not of this warehouse
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])  # nor of this product
    one, two = session(level), session(level)
    one.put_products(lines=[{"sku": "RICE", **change}])
    assert refused_after(one, two, "receive", "LON", [{"sku": "RICE", "qty": 0.5}]) == code
    assert columns(shop.view("stock", sku="RICE"), "warehouse", "on_hand") == [("BER", 0)]


@every_level
@pytest.mark.parametrize("stocked", [False, True], ids=["no level", "a level"])
def test_a_quota_meets_the_decimals_just_decided(shop: Shop, session: OpenSession, level: IsolationLevel, stocked: bool) -> None:
    keep(open_channels(shop), "WEB", 1, "RICE", warehouse="LON" if stocked else "BER")
    one, two = session(level), session(level)
    two.view("products")
    one.put_products(lines=[{"sku": "RICE", "decimals": 0}])
    assert refused_after(one, two, "put_quotas", "LON", [{"channel": "WEB", "sku": "RICE", "qty": 0.5}]) == "OS110"


def test_a_quota_waits_for_no_other_product(shop: Shop, session: OpenSession) -> None:
    open_channels(shop)
    one, two = session(), session()
    one.put_products(lines=[{"sku": "APPLE", "name": "An apple"}])
    rows = two.unhindered("put_quotas", "LON", [{"channel": "WEB", "sku": "RICE", "qty": 0.5}])
    assert columns(rows, "sku", "fenced") == [("RICE", Decimal("0.5"))]


@every_level
@pytest.mark.parametrize("stocked", [False, True], ids=["no level", "a level"])
def test_decimals_meet_a_quota_just_set(shop: Shop, session: OpenSession, level: IsolationLevel, stocked: bool) -> None:
    keep(open_channels(shop), "WEB", 1, "RICE", warehouse="LON" if stocked else "BER")
    one, two = session(level), session(level)
    two.view("products")
    one.put_quotas("LON", [{"channel": "WEB", "sku": "RICE", "qty": 0.5}])
    assert refused_after(one, two, "put_products", lines=[{"sku": "RICE", "decimals": 0}]) == "OS120"


@pytest.mark.parametrize(
    ("function", "first", "second", "view", "kept"),
    [
        ("put_products", {"sku": "PEAR", "name": "Pear", "safety_stock": 5}, {"sku": "PEAR", "name": "A pear"}, "products", "safety_stock"),
        ("put_warehouses", {"code": "ROM", "priority": 5}, {"code": "ROM", "name": "Rome"}, "warehouses", "priority"),
        ("put_locations", {"code": "B-1", "pick_order": 5}, {"code": "B-1", "kind": "picking"}, "locations", "pick_order"),
        ("put_channels", {"code": "WEB", "uses_safety_stock": True}, {"code": "WEB", "name": "Web shop"}, "channels", "uses_safety_stock"),
    ],
    ids=["products", "warehouses", "locations", "channels"],
)
def test_two_that_create_the_same_at_once_keep_what_each_gave(
    shop: Shop, session: OpenSession, function: str, first: dict[str, object], second: dict[str, object], view: str, kept: str
) -> None:
    where = {"warehouse": "LON"} if function == "put_locations" else {}
    shop.put_locations("BER", [{"code": "B-1"}])  # the same code, and another location
    shop.put_channels(lines=[{"code": "TILL"}])
    one, two = session(), session()
    assert columns(one.later(function, lines=[first], **where).result(), "outcome") == [("created",)]
    waiting = two.blocked(function, lines=[second], **where)
    one.commit()
    assert columns(two.outcome(waiting, function), "outcome") == [("updated",)]
    code = second.get("sku", second.get("code"))
    [row] = shop.view(view, **{{"products": "sku"}.get(view, view.removesuffix("s")): code}, **where)
    assert row[kept] == first[kept]
    assert all(row[key] == value for key, value in second.items() if key not in ("sku", "code"))


@every_level
@pytest.mark.parametrize(
    ("function", "first", "second", "view"),
    [
        ("put_products", {"sku": "APPLE", "safety_stock": 5}, {"sku": "APPLE", "name": "An apple"}, "products"),
        ("put_warehouses", {"code": "LON", "priority": 5}, {"code": "LON", "name": "The City"}, "warehouses"),
        ("put_locations", {"code": "A-1", "pick_order": 5}, {"code": "A-1", "kind": "picking"}, "locations"),
        ("put_channels", {"code": "TILL", "uses_safety_stock": True}, {"code": "TILL", "name": "The till"}, "channels"),
    ],
    ids=["products", "warehouses", "locations", "channels"],
)
def test_changes_of_the_same_follow_each_other(
    shop: Shop,
    session: OpenSession,
    level: IsolationLevel,
    function: str,
    first: dict[str, object],
    second: dict[str, object],
    view: str,
) -> None:
    where = {"warehouse": "LON"} if function == "put_locations" else {}
    shop.put_channels(lines=[{"code": "TILL"}])
    one, two = session(level), session(READ_COMMITTED if where else level)  # a snapshot is not enough to change a bin
    one.later(function, lines=[first], **where).result()
    waiting = two.blocked(function, lines=[second], **where)
    one.commit()
    two.outcome(waiting, function, lines=[second], **where)
    (_, code), (kept, value) = first.items()
    changed, to = list(second.items())[-1]
    [row] = shop.view(view, **{{"products": "sku"}.get(view, view.removesuffix("s")): code})
    assert (row[kept], row[changed]) == (value, to)


def test_a_lot_that_an_operator_corrects_holds_up_only_those_who_touch_it(shop: Shop, session: OpenSession, dsn: str) -> None:
    """No function changes a lot; by hand it can be done."""
    shop.receive("LON", [{"sku": "MILK", "qty": 4, "lot": lot, "expires_on": day(9)} for lot in ("L1", "L2")])
    one = session()
    with psycopg.connect(dsn) as operator:
        operator.execute("update openstock_core.lot set expires_on = expires_on + 1 where code = 'L1'")
        one.unhindered("move", "LON", [{"sku": "MILK", "qty": 1, "lot": "L2", "to": "A-1"}])
        waiting = one.blocked("move", "LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "to": "A-1"}])
    assert waiting.result()
    one.commit()
    assert columns(shop.view("bins", location="A-1"), "lot", "on_hand") == [("L1", 1), ("L2", 1)]
