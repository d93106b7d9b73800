"""Sending rows in calls that cannot take effect twice: without those that the server refuses, or that are booked."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from openstock.errors import OpenstockError
from openstock.importer.rejects import reason_of
from openstock.importer.source import Row, Source

if TYPE_CHECKING:
    from openstock.client import Client

__all__ = ["Importer", "op_id_part"]

GENERATIONS_AT_ONCE = 4
_PATIENCE = 8  # rows refused one after the other before a batch is halved
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,40}")
# SQLSTATEs that speak of the rows of a call; any other error ends the run.
_OF_A_ROW = re.compile(r"22|23|OS1|OS2|OS3")


class Importer(ABC):
    """One kind of import. Its `run` takes the rows of the source and accounts for each in the report."""

    def __init__(self, client: Client, source: Source) -> None:
        self.client, self.source, self.report = client, source, source.report

    @abstractmethod
    def run(self) -> None:
        """Take the rows of the source, and account for each in the report."""

    def reject(self, rows: Iterable[Row], reason: str) -> None:
        for row in rows:
            self.source.reject(row.line, row.cells, reason)

    def send(self, rows: Sequence[Row], call: Callable[[Sequence[Row]], None]) -> None:
        """Call with the rows, without those that the server refuses; these are rejected with its reason.

        An error is never stored, so that the op_id of a refused call is free for the rest of its rows.
        """
        remaining = list(rows)
        for _attempt in range(_PATIENCE):
            if not remaining:
                return
            try:
                call(remaining)
                return
            except OpenstockError as error:
                guilty = _guilty(error, remaining)
                self.reject(guilty, reason_of(error))
                remaining = [row for row in remaining if row not in guilty]
                if not guilty:
                    break
        middle = (len(remaining) + 1) // 2
        self.send(remaining[:middle], call)
        self.send(remaining[middle:], call)

    def booked(self, op_ids: Sequence[str]) -> dict[str, set[int]]:
        """The lines that each of these operations wrote to the ledger."""
        found: dict[str, set[int]] = {}

        def read(client: Client) -> list[tuple[str, int]]:
            client.connection.execute("select set_config('app.tenant_id', %s, true)", [str(client.tenant)])
            query = "select distinct op_id, line from openstock.ledger where op_id = any (%s)"
            return client.connection.execute(query, [list(op_ids)]).fetchall()

        for op_id, line in self.client.transaction(read):
            found.setdefault(op_id, set()).add(line)
        return found

    def generations(self, op_id: Callable[[int], str]) -> list[set[int]]:
        """The lines booked by each generation of an operation; the next free one follows the last."""
        done: list[set[int]] = []
        while len(done) % GENERATIONS_AT_ONCE == 0:
            names = [op_id(len(done) + n) for n in range(1, GENERATIONS_AT_ONCE + 1)]
            found = self.booked(names)
            done += [found[name] for name in names if name in found]
            if not found:
                break
        return done


def _guilty(error: OpenstockError, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows that an error speaks of, none if it is one of them and does not say which; raises it if it is not."""
    if not _OF_A_ROW.match(error.sqlstate or ""):
        raise error
    place = error.detail.get("line")
    about_order = error.sqlstate is not None and error.sqlstate.startswith("OS3")
    if isinstance(place, int) and 1 <= place <= len(rows) and not about_order:
        return [rows[place - 1]]
    # The order, or the call's warehouse: nothing that leaving out a row would mend.
    if len(rows) == 1 or about_order or error.sqlstate in ("OS103", "OS104"):
        return rows
    return []


def op_id_part(code: str) -> str:
    """A code as part of an op_id: itself where that is short and plain, otherwise a digest."""
    return code if _PLAIN.fullmatch(code) else "#" + hashlib.sha256(code.encode()).hexdigest()[:16]
