"""Random calls of two tenants about pieces that are called the same, compared after each with what a few dictionaries in Python say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
import pytest

from tests.support import OTHER_TENANT, Connect, Row, Shop, refused

SKUS = ("PHONE", "WATCH")
NAMES = ("M", "C", "X", "A", "T", "K", "F", "Z", "B", "R")
PLACES = {"LON": ("A-1", "A-2", "Q-1"), "BER": ("A-1", "A-2")}
Bin = tuple[str, str, str]  # warehouse, location, status
Line = tuple[str, int]  # order, line


@dataclass
class Piece:
    sku: str
    serial: str
    age: tuple[int, int, str]
    """Which call brought it first; then its product and name."""
    bin: Bin | None = None
    pin: Line | None = None

    @property
    def free(self) -> bool:
        return self.bin is not None and self.pin is None and self.bin[1] != "Q-1" and self.bin[2] == "available"


@dataclass
class Promise:
    sku: str
    warehouse: str
    reserved: int
    wish: frozenset[str] = frozenset()


@dataclass
class Model:
    shop: Shop
    random: Random
    pieces: dict[tuple[str, str], Piece] = field(default_factory=dict)
    lines: dict[Line, Promise] = field(default_factory=dict)
    calls: int = 0
    acted: set[str] = field(default_factory=set)

    # What there is.

    def found(self, **where: Any) -> list[Piece]:
        """The pieces that have these values, the oldest first."""
        return sorted((p for p in self.pieces.values() if all(getattr(p, key) == value for key, value in where.items())), key=lambda p: p.age)

    def named(self, sku: str, serials: Iterable[str]) -> list[Piece]:
        return [self.pieces[sku, serial] for serial in serials]

    def available(self, sku: str, warehouse: str) -> int:
        """Of the unblocked pieces those that nobody is promised."""
        there = [p for p in self.found(sku=sku) if p.bin and p.bin[0] == warehouse and p.bin[1] != "Q-1" and p.bin[2] == "available"]
        return len(there) - sum(line.reserved for line in self.lines.values() if (line.sku, line.warehouse) == (sku, warehouse))

    def some(self, found: list[Piece], most: int = 3) -> list[Piece]:
        return self.random.sample(found, self.random.randint(1, min(most, len(found)))) if found else []

    def order(self) -> str | None:
        """An order that is promised something still."""
        return self.random.choice(sorted({ref for (ref, _), line in self.lines.items() if line.reserved}) or [None])

    def shown(self) -> list[tuple[Any, ...]]:
        names = ("sku", "serial", "warehouse", "location", "status", "order_ref", "line")
        return sorted((tuple(row[name] for name in names) for row in self.shop.view("serials")), key=str)

    def expected(self) -> list[tuple[Any, ...]]:
        return sorted(((p.sku, p.serial, *(p.bin or (None, None, None)), *(p.pin or (None, None))) for p in self.pieces.values()), key=str)

    # What calls do.

    def receive(self) -> None:
        warehouse = self.random.choice(sorted(PLACES))
        gone = [(sku, name) for sku in SKUS for name in NAMES if (sku, name) not in self.pieces or not self.pieces[sku, name].bin]
        lines: dict[tuple[str, str], list[str]] = {}
        for sku, name in self.random.sample(gone, min(4, len(gone))):
            lines.setdefault((sku, self.random.choice(PLACES[warehouse])), []).append(name)
        if lines:
            rows = self.shop.receive(warehouse, [{"sku": sku, "location": place, "serials": names} for (sku, place), names in lines.items()])
            for ((sku, place), names), row in zip(lines.items(), rows, strict=True):
                for name in names:
                    piece = self.pieces.setdefault((sku, name), Piece(sku, name, (self.calls, SKUS.index(sku), name)))
                    piece.bin = (warehouse, place, "available")
                assert row["serials"] == [p.serial for p in sorted(self.named(sku, names), key=lambda p: p.age)]

    def of_a_warehouse(self) -> tuple[str, dict[tuple[str, Bin], list[Piece]]]:
        """Some pieces of a warehouse by product and bin."""
        warehouse = self.random.choice(sorted(PLACES))
        chosen: dict[tuple[str, Bin], list[Piece]] = {}
        for piece in self.some([p for p in self.found() if p.bin and p.bin[0] == warehouse], 4):
            assert piece.bin
            chosen.setdefault((piece.sku, piece.bin), []).append(piece)
        return warehouse, chosen

    def lose(self) -> None:
        warehouse, chosen = self.of_a_warehouse()
        lines = [{"sku": sku, "location": place, "status": status, "qty": -len(lost), "serials": [p.serial for p in lost]} for (sku, (_, place, status)), lost in chosen.items()]
        if lines:
            self.shop.adjust(warehouse, lines, reason="lost")
            for lost in chosen.values():
                for piece in lost:
                    piece.bin = piece.pin = None

    def move(self) -> None:
        warehouse, chosen = self.of_a_warehouse()
        lines = []
        for (sku, (_, place, status)), moved in chosen.items():
            to = (warehouse, self.random.choice(PLACES[warehouse]), self.random.choice(("available", "available", "damaged")))
            if to != (warehouse, place, status):
                lines.append({"sku": sku, "from": place, "status": status, "to": to[1], "to_status": to[2], "serials": [p.serial for p in moved]})
                for piece in moved:
                    piece.bin = to
                    piece.pin = piece.pin if to[1] != "Q-1" and to[2] == "available" else None
        if lines:
            self.shop.move(warehouse, lines)

    def reserve(self) -> None:
        sku, warehouse = self.random.choice(SKUS), self.random.choice(sorted(PLACES))
        left = self.available(sku, warehouse)
        if left > 0:
            line = (self.order() if self.random.random() < 0.5 else None) or f"O{self.calls}", self.calls + 1
            wished = self.some([p for p in self.found(sku=sku) if p.free and p.bin and p.bin[0] == warehouse], left) if self.random.random() < 0.4 else []
            what = {"serials": [p.serial for p in wished]} if wished else {"qty": self.random.randint(1, left)}
            [row] = self.shop.reserve(line[0], [{"line": line[1], "sku": sku, **what}], warehouse=warehouse)
            assert row["outcome"] == "reserved"
            self.lines[line] = Promise(sku, warehouse, int(row["qty_reserved"]), frozenset(p.serial for p in wished))
            for piece in wished:
                piece.pin = line

    def pin(self, rows: list[Row]) -> None:
        """Lines that ask for pieces get these, and before others choose."""
        rows = [row for row in rows if row["outcome"] == "allocated"]
        for row in sorted(rows, key=lambda row: not self.lines[row["order_ref"], row["line"]].wish):
            line = row["order_ref"], row["line"]
            wish = self.lines[line].wish
            free = [p for p in self.found(sku=row["sku"]) if p.free and p.bin == (row["warehouse"], row["location"], "available") and (not wish or p.serial in wish)]
            assert row["serials"] == [p.serial for p in free[: int(row["qty"])]], row
            for piece in self.named(row["sku"], row["serials"]):
                piece.pin = line

    def allocate(self) -> None:
        if order := self.order():
            self.pin(self.shop.allocate(order))

    def deallocate(self) -> None:
        if order := self.order():
            rows = self.shop.deallocate(order)
            for row in rows:
                pinned = self.found(sku=row["sku"], pin=(order, row["line"]), bin=(row["warehouse"], row["location"], "available"))
                assert row["serials"] == [p.serial for p in pinned]
            for piece in self.pieces.values():
                if piece.pin and piece.pin[0] == order and not self.lines[piece.pin].wish:
                    piece.pin = None

    def short_pick(self) -> None:
        order = self.order()
        entries: dict[tuple[Line, Bin], list[Piece]] = {}
        for piece in self.some([p for p in self.pieces.values() if p.pin and p.pin[0] == order]):
            assert piece.pin
            assert piece.bin
            entries.setdefault((piece.pin, piece.bin), []).append(piece)
        if entries:
            rows = self.shop.short_pick(order, [{"line": line, "location": place, "serials": [p.serial for p in missing]} for ((_, line), (_, place, _)), missing in entries.items()])
            for missing in entries.values():
                for piece in missing:
                    assert piece.bin
                    piece.bin, piece.pin = (piece.bin[0], piece.bin[1], "hold"), None
            self.pin(rows)

    def take(self, rows: list[Row], order: str) -> None:
        for row in rows:
            line = order, row["line"]
            self.lines[line].reserved -= int(row["qty"])
            self.lines[line].wish -= frozenset(row["serials"])
            for piece in self.named(row["sku"], row["serials"]):
                assert piece.bin == (row["warehouse"], row["location"], "available")
                assert piece.pin in (None, line)
                piece.bin = piece.pin = None

    def ship(self) -> None:
        """Of each bin the first that are pinned to the line, and of others the first that are free."""
        if order := self.order():
            try:
                rows = self.shop.ship(order)
            except psycopg.Error as error:
                assert error.sqlstate == "OS201"
                return
            taken: set[str] = set()
            for row in rows:
                there = [p for p in self.found(sku=row["sku"], bin=(row["warehouse"], row["location"], "available")) if p.sku + p.serial not in taken]
                pinned = [p for p in there if p.pin == (order, row["line"])]
                wish = self.lines[order, row["line"]].wish
                free = [p for p in there if not p.pin and (not wish or p.serial in wish)]
                assert row["serials"] == [p.serial for p in (pinned or free)][: int(row["qty"])], row
                taken |= {row["sku"] + serial for serial in row["serials"]}
            self.take(rows, order)
            assert not any(line.reserved for (ref, _), line in self.lines.items() if ref == order)

    def ship_named(self) -> None:
        """Each to the line that it is pinned to, free ones to the first line with room; the pins of lines that have more than units go."""
        promised = sorted(line for line, promise in self.lines.items() if promise.reserved)
        (order, number) = self.random.choice(promised or [("", 0)])
        sku = self.lines[order, number].sku if promised else ""
        mine = {line: promise for line, promise in sorted(self.lines.items()) if line[0] == order and promise.sku == sku and promise.reserved}
        warehouses = {promise.warehouse for promise in mine.values()}
        chosen = self.some([p for p in self.found(sku=sku) if (p.free or p.pin in mine) and p.bin and p.bin[0] in warehouses])
        room = Counter({line: promise.reserved for line, promise in mine.items()})
        goes: dict[str, Line] = {}
        for piece in sorted(chosen, key=lambda p: p.pin is None):
            asked = [line for line, promise in mine.items() if piece.bin and promise.warehouse == piece.bin[0] and piece.serial in promise.wish]
            own = [piece.pin] if piece.pin else asked
            open_lines = [line for line, promise in mine.items() if piece.bin and promise.warehouse == piece.bin[0] and not promise.wish]
            found = next((line for line in own or open_lines if room[line] > 0), None)
            if found:
                room[found] -= 1
                goes[piece.serial] = found
        if goes:
            rows = self.shop.ship(order, [{"sku": sku, "serials": [p.serial for p in chosen if p.serial in goes]}])
            self.take(rows, order)
            assert {serial: (order, row["line"]) for row in rows for serial in row["serials"]} == goes
            names = {(row[0], row[1]) for row in self.shown() if row[5]}
            for line, promise in mine.items():
                pinned = self.found(pin=line)
                kept = [p for p in pinned if (p.sku, p.serial) in names]
                assert len(kept) == min(len(pinned), promise.reserved)
                for piece in pinned:
                    piece.pin = line if piece in kept else None

    def cancel(self) -> None:
        if order := self.order():
            self.shop.cancel(order)
            for (ref, _), line in self.lines.items():
                line.reserved = 0 if ref == order else line.reserved
            for piece in self.pieces.values():
                piece.pin = None if piece.pin and piece.pin[0] == order else piece.pin

    def bring(self) -> None:
        """What is in stock does not come in."""
        for piece in self.some([p for p in self.found() if p.bin], 1):
            assert piece.bin
            with refused(self.shop.db, "OS109", serial=piece.serial, warehouse=piece.bin[0], location=piece.bin[1]):
                self.shop.receive("BER", [{"sku": piece.sku, "serials": [piece.serial]}])
            self.acted.add("bring")


CALLS = (Model.receive, Model.lose, Model.move, Model.reserve, Model.allocate, Model.deallocate, Model.short_pick, Model.ship, Model.ship_named, Model.cancel, Model.bring)
OFTEN = (6, 2, 5, 8, 7, 2, 3, 2, 4, 1, 1)


@pytest.mark.parametrize("seed", range(3))
def test_pieces_are_where_a_plain_model_says(shop: Shop, connect: Connect, db: psycopg.Connection, seed: int) -> None:
    random = Random(seed)
    other = Shop(connect("app"), db, OTHER_TENANT).furnish()
    models = []
    for each in (shop, other):
        each.put_products(lines=[{"sku": sku, "name": sku, "tracking": "serial", "removal": "fifo"} for sku in SKUS])
        each.put_locations("BER", [{"code": code} for code in PLACES["BER"]])
        models.append(Model(each, random))
    while sum(model.calls for model in models) < 150 or models[0].acted | models[1].acted < {call.__name__ for call in CALLS}:
        model = random.choice(models)
        [what] = random.choices(CALLS, OFTEN)
        before = model.expected()
        what(model)
        model.calls += 1
        assert model.shown() == model.expected(), what.__name__
        if model.expected() != before:
            model.acted.add(what.__name__)
        assert model.calls < 400, "some calls never find anything to do"
    assert [model.shop.differences() for model in models] == [[], []]
