"""Products, put as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from openstock.importer.sending import Importer
from openstock.importer.source import Row

__all__ = ["Products"]


class Products(Importer):
    """Puts products. Where a file names one several times, the first value of each key counts."""

    def run(self) -> None:
        done: set[str] = set()
        for chunk, rows in self.source.chunks():
            lines: dict[str, Row] = {}
            for row in rows:
                sku = row.values["sku"]
                if sku in done or sku in lines:
                    self.report.repeated += 1
                if sku in lines:
                    lines[sku] = Row(row.line, row.number, row.cells, row.values | lines[sku].values)
                elif sku not in done:
                    lines[sku] = row
            self.send(list(lines.values()), lambda rows, chunk=chunk: self._put(chunk, rows, done))  # type: ignore[misc]
            self.source.progress()

    def _put(self, chunk: int, rows: Sequence[Row], done: set[str]) -> None:
        lines = []
        for row in rows:
            line = {key: value for key, value in row.values.items() if "." not in key}
            attributes = {key.split(".", 1)[1]: value for key, value in row.values.items() if "." in key}
            lines.append(line | ({"attributes": attributes} if attributes else {}))
        digest = hashlib.sha256(json.dumps(lines, default=str).encode()).hexdigest()[:16]
        answer = self.client.put_products(lines, op_id=f"import:products:{self.source.identity}:{chunk}:{digest}")
        changed = sum(line.outcome != "unchanged" and not line.replayed for line in answer)
        self.report.imported += changed
        self.report.before += len(rows) - changed
        done |= {row.values["sku"] for row in rows}
