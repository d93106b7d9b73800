"""Kits and their components are reserved, released, amended and shipped in any order: the stock is that of a model that only counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import Shop

STOCK = {"APPLE": 9, "MILK": 7, "RICE": 8}
KITS = {"HAMPER": {"APPLE": 2, "RICE": 1}, "BASKET": {"APPLE": 1, "MILK": 3}}
LATER = {"HAMPER": {"RICE": 3}, "BASKET": {"APPLE": 1, "MILK": 3, "RICE": 1}}
SKUS = ["APPLE", "MILK", "RICE", *KITS]


@dataclass
class Books:
    """What there is of each product, and lines of (sku, parts of one, how many of it are promised)."""

    on_hand: dict[str, int] = field(default_factory=lambda: dict(STOCK))
    kits: dict[str, dict[str, int]] = field(default_factory=lambda: dict(KITS))
    lines: list[list[Any]] = field(default_factory=list)

    def free(self) -> dict[str, int]:
        """What is not promised."""
        free = dict(self.on_hand)
        for _, parts, qty in self.lines:
            for sku, each in parts.items():
                free[sku] -= qty * each
        return free

    def fitting(self, parts: dict[str, int]) -> int:
        """How many of what has these parts can be promised."""
        free = self.free()
        return min(free[sku] // each for sku, each in parts.items())

    def reserve(self, wanted: list[tuple[str, int]]) -> list[int]:
        """How many each line gets, in part, in turn; what gets nothing is no line of the order."""
        got = []
        for sku, qty in wanted:
            parts = self.kits.get(sku, {sku: 1})
            got.append(min(qty, self.fitting(parts)))
            self.lines.append([sku, parts, got[-1]])
        return got

    def ship(self, index: int, qty: int) -> None:
        """Units that go."""
        _, parts, _ = self.lines[index]
        for sku, each in parts.items():
            self.on_hand[sku] -= qty * each
        self.lines[index][2] -= qty


steps = st.one_of(
    st.tuples(st.just("reserve"), st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 4)), min_size=1, max_size=4), st.booleans()),
    st.tuples(st.sampled_from(["release", "ship", "amend"]), st.integers(0, 20), st.integers(0, 4)),
    st.tuples(st.just("change"), st.booleans(), st.booleans()),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(steps, min_size=1, max_size=8))
def test_the_stock_is_what_counting_says(shop: Shop, plan: list[tuple[str, Any, Any]]) -> None:
    with shop.connection.transaction(force_rollback=True):
        books = furnished(shop)
        for number, (what, one, two) in enumerate(plan):
            if what == "reserve":
                reserve(shop, books, one, "partial" if two else "reject", number)
            elif what == "change":
                books.kits = LATER if one else KITS
                put(shop, books.kits)
            elif books.lines:
                change(shop, books, what, one % len(books.lines), two)
            rows = {row["sku"]: row for row in shop.view("stock")}
            free = books.free()
            seen = {sku: (rows[sku]["on_hand"], rows[sku]["available"]) for sku in STOCK}
            assert seen == {sku: (books.on_hand[sku], free[sku]) for sku in STOCK}
            for sku, parts in books.kits.items():
                assert [row["available"] for row in shop.availability(sku)] == [books.fitting(parts)]


def furnished(shop: Shop) -> Books:
    shop.put_products(lines=[{"sku": "MILK", "tracking": "none", "decimals": 1}, *({"sku": sku, "name": sku} for sku in ("STAMP", *KITS))])
    put(shop, KITS)
    shop.receive("LON", [{"sku": sku, "qty": qty} for sku, qty in {**STOCK, "STAMP": 1}.items()])
    shop.reserve("O1", [{"sku": "STAMP", "qty": 1, "line": 1000}])  # keeps the order open
    return Books()


def put(shop: Shop, kits: dict[str, dict[str, int]]) -> None:
    lines = [{"sku": kit, "components": [{"sku": sku, "qty": qty} for sku, qty in parts.items()]} for kit, parts in kits.items()]
    shop.put_kits(lines=lines)


def reserve(shop: Shop, books: Books, wanted: list[tuple[str, int]], on_shortage: str, number: int) -> None:
    before = [list(one) for one in books.lines]
    start = len(before) + 1
    lines = [{"sku": sku, "qty": qty, "line": start + n} for n, (sku, qty) in enumerate(wanted)]
    got = books.reserve(wanted)
    answer = shop.reserve("O1", lines, on_shortage=on_shortage)
    short = {row["line"]: row["qty_short"] for row in answer if row["outcome"] == "short"}
    if on_shortage == "partial":
        assert short == {start + n: qty - g for n, ((_, qty), g) in enumerate(zip(wanted, got, strict=True)) if qty > g}
    elif got != [qty for _, qty in wanted]:
        assert {row["outcome"] for row in answer} == {"rejected"}
        for one in books.lines[len(before) :]:
            one[2] = 0


def change(shop: Shop, books: Books, what: str, index: int, qty: int) -> None:
    _, parts, promised = books.lines[index]
    entry: list[dict[str, int]] = [{"line": index + 1, "qty": qty}]
    if what == "amend":
        known = [row for row in shop.view("order_lines", order_ref="O1") if row["line"] == index + 1]
        if not known:
            return
        first = known[0]
        shipped = int(first["shipped"] / Decimal(parts[first["sku"]]))
        wanted = qty + shipped
        books.lines[index][2] = 0
        fits = books.fitting(parts) >= qty
        books.lines[index][2] = qty if fits else promised
        answer = shop.amend("O1", [{"line": index + 1, "qty": wanted}])
        assert bool(answer and answer[0]["outcome"] == "rejected") != fits
        return
    qty = min(qty, promised)
    if qty:
        entry[0]["qty"] = qty
        if what == "ship":
            shop.ship("O1", entry)
            books.ship(index, qty)
        else:
            shop.release("O1", entry)
            books.lines[index][2] -= qty
