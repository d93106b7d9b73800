"""Whatever orders of several channels do, they are promised what a model of a few lines says, and the books balance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import Clock, Connect, Shop, columns

CHANNELS = (None, "WEB", "TILL")
SAFETY = 2


@dataclass
class Line:
    """What an order has of one warehouse."""

    place: str
    channel: str | None
    reserved: int
    used: int
    held: bool


@dataclass
class Model:
    """One product at two warehouses, and who may have how much of it."""

    on_hand: dict[str, int] = field(default_factory=lambda: {"LON": 0, "BER": 0})
    kept: dict[tuple[str, str], int] = field(default_factory=dict)
    orders: dict[str, list[Line]] = field(default_factory=dict)
    inactive: set[str] = field(default_factory=set)

    def reserved(self, place: str) -> int:
        return sum(line.reserved for lines in self.orders.values() for line in lines if line.place == place)

    def fenced(self, place: str) -> int:
        return sum(qty for (where, _), qty in self.kept.items() if where == place)

    def available(self, place: str) -> int:
        return self.on_hand[place] - self.reserved(place) - SAFETY - self.fenced(place)

    def free(self, place: str, channel: str | None) -> int:
        own = self.kept.get((place, channel), 0) if channel else 0
        return max(self.available(place) + own + (SAFETY if channel == "TILL" else 0), 0)

    def reserve(self, order_ref: str, channel: str | None, qty: int, held: bool) -> bool:
        if qty > sum(self.free(place, channel) for place in self.on_hand):
            return False
        lines = []
        for place in self.on_hand:
            units = min(qty, self.free(place, channel))
            qty -= units
            used = min(units, self.kept.get((place, channel), 0)) if channel else 0
            if channel and used:
                self.kept[place, channel] -= used
            if units:
                lines.append(Line(place, channel, units, used, held))
        self.orders[order_ref] = lines
        return True

    def give_back(self, line: Line, units: int) -> None:
        back = min(units, line.used) if line.channel not in self.inactive else 0
        line.reserved -= units
        line.used -= back
        if line.channel and back:
            self.kept[line.place, line.channel] += back


STEPS = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(["LON", "BER"]), st.integers(1, 6)),
    st.tuples(st.just("keep"), st.sampled_from(["LON", "BER"]), st.sampled_from(CHANNELS[1:]), st.integers(0, 8)),
    st.tuples(st.just("reserve"), st.sampled_from(CHANNELS), st.integers(1, 6), st.booleans()),
    st.tuples(st.just("release"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("ship"), st.integers(0, 9), st.integers(1, 3)),
    st.tuples(st.just("an hour passes")),
    st.tuples(st.just("book what ended")),
    st.tuples(st.just("open or close"), st.just("WEB")),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=4, max_size=24))
@example(
    steps=[("receive", "LON", 6), ("keep", "LON", "WEB", 4), ("reserve", "WEB", 4, True), ("an hour passes",), ("reserve", None, 1, False)]
)
@example(
    steps=[("receive", "LON", 6), ("keep", "LON", "WEB", 2), ("reserve", "WEB", 4, True), ("an hour passes",), ("keep", "LON", "WEB", 3)]
)
@example(
    steps=[("receive", "LON", 6), ("keep", "LON", "WEB", 2), ("reserve", "WEB", 2, True), ("an hour passes",), ("reserve", "WEB", 1, False)]
)
def test_channels_get_what_the_model_gives_them(
    shop: Shop, connect: Connect, db: psycopg.Connection, clock: Clock, steps: list[tuple[Any, ...]]
) -> None:
    tenant = uuid4()
    db.execute("select openstock_admin.create_tenant('Model', %s)", [tenant])
    with connect("app") as connection:
        real, model = Shop(connection, db, tenant), Model()
        real.put_products(lines=[{"sku": "APPLE", "name": "Apple", "safety_stock": SAFETY}])
        real.put_warehouses(lines=[{"code": "LON", "priority": 1}, {"code": "BER", "priority": 2}])
        real.put_channels(lines=[{"code": "WEB"}, {"code": "TILL", "uses_safety_stock": True}])
        for number, step in enumerate(steps):
            take(real, model, clock, f"O{number}", *step)
            compare(real, model)
        assert real.differences() == []


def take(real: Shop, model: Model, clock: Clock, order_ref: str, what: str, *how: Any) -> None:
    """Take a step, in the shop and in the model."""
    if what == "receive":
        place, qty = how
        real.receive(place, [{"sku": "APPLE", "qty": qty}])
        model.on_hand[place] += qty
    elif what == "keep":
        place, channel, qty = how
        if channel not in model.inactive:
            [row] = real.put_quotas(place, [{"channel": channel, "sku": "APPLE", "qty": qty}])
            model.kept[place, channel] = qty
            assert (row["fenced"], row["qty"]) == (model.fenced(place) - unbooked(real, place), qty)
    elif what == "reserve":
        channel, qty, held = how
        if channel not in model.inactive:
            quoted = real.quote([{"sku": "APPLE", "qty": qty}], channel=channel)
            rows = real.reserve(order_ref, [{"sku": "APPLE", "qty": qty}], channel=channel, ttl="1 hour" if held else None)
            free = sum(model.free(place, channel) for place in model.on_hand)
            if model.reserve(order_ref, channel, qty, held):
                wanted = [(line.place, line.reserved) for line in model.orders[order_ref]]
                assert columns(rows, "warehouse", "qty_reserved") == wanted
                assert [row for row in columns(quoted, "warehouse", "qty") if row[1]] == wanted
            else:
                assert columns(rows, "outcome", "available", "qty_short") == [("rejected", free, qty - free)]
    elif what in ("release", "ship"):
        pick, qty = how
        live = [(ref, line) for ref, lines in model.orders.items() for line in lines if line.reserved]
        if live:
            ref, line = live[pick % len(live)]
            qty = min(qty, line.reserved)
            getattr(real, what)(ref, [{"sku": "APPLE", "warehouse": line.place, "qty": qty}])
            if what == "release":
                model.give_back(line, qty)
            else:
                line.reserved -= qty
                model.on_hand[line.place] -= qty
    elif what == "an hour passes":
        clock.advance(hours=1)
        for lines in model.orders.values():
            for line in lines:
                if line.held and line.reserved:
                    model.give_back(line, line.reserved)
    else:
        real.expire_reservations()
        if what == "open or close":
            [channel] = how
            model.inactive ^= {channel}
            real.put_channels(lines=[{"code": channel, "active": channel not in model.inactive}])


def unbooked(real: Shop, place: str) -> Any:
    """What ended holds are about to give back to quotas: an answer shows the level as it is booked."""
    [row] = real.view("stock", warehouse=place)
    [(booked,)] = real.db.execute(
        "select l.fenced from openstock_core.stock_level l join openstock_core.warehouse w using (tenant_id, warehouse_id) "
        "where l.tenant_id = %s and w.code = %s", [real.tenant, place]
    ).fetchall()  # fmt: skip
    return row["fenced"] - booked


def compare(real: Shop, model: Model) -> None:
    """The views say what the model says."""
    assert columns(real.view("stock"), "warehouse", "on_hand", "reserved", "fenced", "available") == [
        (place, model.on_hand[place], model.reserved(place), model.fenced(place), model.available(place))
        for place in ("BER", "LON")
        if real.view("stock", warehouse=place) or model.on_hand[place] or model.fenced(place)
    ]
    assert {(row["warehouse"], row["channel"]): row["qty"] for row in real.view("quotas")} == {
        key: qty for key, qty in model.kept.items() if qty
    }
    for channel in CHANNELS:
        if channel not in model.inactive:
            assert {row["warehouse"]: max(row["available"], 0) for row in real.availability("APPLE", channel=channel)} == {
                row["warehouse"]: model.free(row["warehouse"], channel) for row in real.view("stock")
            }
