"""Sales, replayed as reserve, allocate and ship, and returns as adjustments."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice
from typing import TYPE_CHECKING

from openstock.errors import OpIdReused
from openstock.importer.mapping import ImportFailedError
from openstock.importer.report import LISTED
from openstock.importer.sending import Importer, op_id_part
from openstock.importer.source import CHUNK, Line, Row

if TYPE_CHECKING:
    from openstock.client import Client
    from openstock.results import ReservationChange

__all__ = ["Sales"]

ORDERS_AT_ONCE = 100


class Sales(Importer):
    """Replays sales in the order of time, an order at a time; its time is that of its earliest row."""

    def run(self) -> None:
        with closing(sqlite3.connect("")) as sorter:  # a private file that SQLite makes, and removes when it is closed
            self._sort(sorter)
            orders = groupby(_in_order(sorter), key=lambda row: str(row.values["order"]))
            while batch := [(order, list(rows)) for order, rows in islice(orders, ORDERS_AT_ONCE)]:
                self._replay(batch)

    def _sort(self, sorter: sqlite3.Connection) -> None:
        sorter.execute("create table row (name, at, line, number, cells, qty, sku, warehouse)")
        sorter.executemany(
            "insert into row values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    row.values["order"],
                    row.values["time"].isoformat(timespec="microseconds"),
                    row.line,
                    row.number,
                    json.dumps(row.cells),
                    str(row.values["qty"]),
                    row.values["sku"],
                    row.values.get("warehouse", self.source.options.warehouse),
                )
                for row in self.source.rows()
            ),
        )

    def _replay(self, batch: Sequence[tuple[str, list[Row]]]) -> None:
        booked = self.booked(
            [self._op_id(order, "reserve", generation) for order, _ in batch for generation in (1, 2)]
            + [self._op_id(order, "return", row.line) for order, rows in batch for row in rows if row.values["qty"] < 0]
        )
        for order, rows in batch:
            sold = [row for row in rows if row.values["qty"] > 0]
            self.reject((row for row in rows if row.values["qty"] == 0), "qty is zero")
            if sold:
                self._sell(order, sold, min(row.values["time"] for row in rows), booked)
            for row in rows:
                if row.values["qty"] < 0:
                    self._take_back(order, row, booked)
            self.source.progress()

    def _op_id(self, order: str, step: str, generation: int) -> str:
        return f"import:sales:{self.source.identity}:{op_id_part(order)}:{step}:{generation}"

    def _sell(self, order: str, rows: Sequence[Row], at: datetime, booked: Mapping[str, set[int]]) -> None:
        """Reserve and ship the rows that no earlier run has."""
        first, second = (booked.get(self._op_id(order, "reserve", generation)) for generation in (1, 2))
        earlier = [first] if first else []
        if second:
            earlier = self.generations(lambda generation: self._op_id(order, "reserve", generation))
        self.report.orders_before += bool(first)
        known = set().union(*earlier)
        self.report.before += sum(row.line in known for row in rows)
        generation = len(earlier) + 1

        def ship(rows: Sequence[Row]) -> None:
            nonlocal generation
            generation += self._ship(order, generation, rows, at)

        for start in range(0, len(rows), CHUNK):
            self.send([row for row in rows[start : start + CHUNK] if row.line not in known], ship)

    def _ship(self, order: str, generation: int, rows: Sequence[Row], at: datetime) -> bool:
        """Reserve, allocate and ship in one transaction; False when there was not enough stock."""
        lines: list[Line] = []
        for row in rows:
            warehouse = row.values["warehouse"]
            line = {"line": row.line, "sku": row.values["sku"], "qty": row.values["qty"]}
            lines.append(line | ({"warehouse": warehouse} if warehouse else {}))

        def steps(client: Client) -> list[ReservationChange]:
            answer = client.reserve(order, lines, op_id=self._op_id(order, "reserve", generation))
            if not _short(answer):
                client.allocate(order, op_id=self._op_id(order, "allocate", generation))
                own = [{"line": row.line} for row in rows]
                client.ship(order, own, occurred_at=at, op_id=self._op_id(order, "ship", generation))
            return answer

        try:
            short = _short(self.client.transaction(steps))
        except OpIdReused:  # nothing of it is in the ledger, so that the answer was that
            short = "as an earlier run was told, with other rows of the order"
        if short:
            self.report.orders_short += 1
            if len(self.report.short) < LISTED:
                self.report.short.append(f"order {order}: {short}")
            self.reject(rows, f"order {order} was refused for lack of stock: {short}")
            return False
        self.report.imported += len(rows)
        self.report.orders += generation == 1
        return True

    def _take_back(self, order: str, row: Row, booked: Mapping[str, set[int]]) -> None:
        op_id = self._op_id(order, "return", row.line)
        if op_id in booked:
            self.report.before += 1
            return

        def adjust(rows: Sequence[Row]) -> None:
            self.client.adjust(
                row.values["warehouse"] or self._first_warehouse(),
                [{"sku": row.values["sku"], "qty": -row.values["qty"], "line": row.line} for row in rows],
                "return",
                reference=order,
                occurred_at=row.values["time"],
                op_id=op_id,
            )
            self.report.imported += 1
            self.report.returns += 1

        self.send([row], adjust)

    def _first_warehouse(self) -> str:
        """Where units go back to when the file does not say: the warehouse that is asked first for stock."""
        warehouses = self.client.warehouses(active=True)
        if not warehouses:
            raise ImportFailedError("the tenant has no active warehouse", "Create one with openstock.put_warehouses.")
        return warehouses[0].warehouse


def _short(answer: Sequence[ReservationChange]) -> str:
    """What an order lacks; nothing when it was reserved."""
    if all(line.outcome != "rejected" for line in answer):
        return ""
    return ", ".join(f"{line.sku} lacks {line.qty_short}" for line in answer if line.qty_short)


def _in_order(sorter: sqlite3.Connection) -> Iterator[Row]:
    query = """select r.name, r.at, r.line, r.number, r.cells, r.qty, r.sku, r.warehouse
      from row r join (select name, min(at) as at, min(line) as line from row group by name) o on o.name = r.name
      order by o.at, o.line, r.line"""
    for name, at, line, number, cells, qty, sku, warehouse in sorter.execute(query):
        values = {
            "order": name,
            "time": datetime.fromisoformat(at),
            "qty": Decimal(qty),
            "sku": sku,
            "warehouse": warehouse,
        }
        yield Row(line, number, json.loads(cells), values)
