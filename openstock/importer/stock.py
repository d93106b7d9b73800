"""Stock, received."""

from __future__ import annotations

from collections.abc import Sequence

from openstock.errors import OpIdReused
from openstock.importer.mapping import ImportFailedError
from openstock.importer.sending import Importer, op_id_part
from openstock.importer.source import Row

__all__ = ["Stock"]


class Stock(Importer):
    """Receives stock."""

    def run(self) -> None:
        default = self.source.options.warehouse
        for chunk, rows in self.source.chunks():
            by_warehouse: dict[str, list[Row]] = {}
            for row in rows:
                if warehouse := row.values.get("warehouse", default):
                    by_warehouse.setdefault(warehouse, []).append(row)
                else:
                    self.reject([row], "warehouse is empty, and no --warehouse stands in for it")
            for warehouse, group in by_warehouse.items():
                self._receive(chunk, warehouse, group)
                self.source.progress()

    def _receive(self, chunk: int, warehouse: str, rows: Sequence[Row]) -> None:
        def op_id(generation: int) -> str:
            return f"import:stock:{self.source.identity}:{chunk}:{generation}:{op_id_part(warehouse)}"

        earlier = self.generations(op_id)
        known = set().union(*earlier)
        generation = len(earlier) + 1

        def receive(rows: Sequence[Row]) -> None:
            nonlocal generation
            lines = [{**row.values, "line": row.line} for row in rows]
            for line in lines:
                line.pop("warehouse", None)
            try:
                answer = self.client.receive(warehouse, lines, op_id=op_id(generation))
            except OpIdReused as error:
                hint = "Run it again when that one is done: what is imported then is recognised."
                raise ImportFailedError("another run is importing the same file", hint) from error
            generation += 1
            if answer[0].replayed:  # another run of the same file was a moment faster
                self.report.before += len(rows)
            else:
                self.report.imported += len(rows)

        self.report.before += sum(row.line in known for row in rows)
        self.send([row for row in rows if row.line not in known], receive)
