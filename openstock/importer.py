"""Imports from CSV: products, stock, and sales that are replayed as reserve, allocate and ship.

A run reads the file in a stream and calls the same functions as any application, in batches. A row that cannot be read,
or that the server refuses, is rejected with its line number and a reason, and never stops the others.

Running the same file again changes nothing. Every op_id is derived from the file's content, what is imported and the
place in the file, never from how the file is read, so that a second run with one more date format imports the rows that
the first one rejected, and no row twice. What a file booked is read back from the ledger, whose `line` is the line of
the file:

- stock: one operation per chunk of rows and warehouse, `import:stock:<file>:<chunk>:<generation>:<warehouse>`. It is
  repeated without the row that was refused until the server takes the rest. Rows left over try again in a later
  run as the next generation. One op_id is never split, so that two runs at once cannot book a row twice.
- sales: `import:sales:<file>:<order>:<step>:<generation>`, the three steps in one transaction, and one operation per
  returned row.
- products: putting one again changes nothing by itself; `import:products:<file>:<chunk>:<digest of the lines>`.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import groupby, islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from openstock import exact_json
from openstock.errors import OpenstockError, OpIdReused

if TYPE_CHECKING:
    from openstock.client import Client
    from openstock.results import ReservationChange

Kind = Literal["products", "stock", "sales"]
Line = dict[str, Any]

CHUNK = 250  # rows a call: near the speed of larger ones, and cheap to repeat for a bad row
ORDERS_AT_ONCE = 100
GENERATIONS_AT_ONCE = 4
LISTED = 20
_PATIENCE = 8  # rows refused one after the other before a batch is halved
_BLOCK = 1 << 20
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,40}")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
_DELIMITERS = ",;\t|"
# SQLSTATEs that speak of the rows of a call; any other error ends the run.
_OF_A_ROW = re.compile(r"22|23|OS1|OS2|OS3")


@dataclass(frozen=True, slots=True)
class Field:
    """A value that a kind of import knows: its type, and whether a row must have it."""

    kind: Literal["text", "number", "integer", "boolean", "date", "time"] = "text"
    required: bool = False


FIELDS: Mapping[Kind, Mapping[str, Field]] = {
    "products": {
        "sku": Field(required=True),
        "name": Field(),
        "description": Field(),
        "unit": Field(),
        "decimals": Field("integer"),
        "tracking": Field(),
        "removal": Field(),
        "backorder": Field(),
        "backorder_limit": Field("number"),
        "safety_stock": Field("number"),
        "reorder_point": Field("number"),
        "reorder_quantity": Field("number"),
        "lead_time_days": Field("integer"),
        "active": Field("boolean"),
    },
    "stock": {
        "sku": Field(required=True),
        "qty": Field("number", required=True),
        "warehouse": Field(),
        "location": Field(),
        "lot": Field(),
        "expires_on": Field("date"),
        "status": Field(),
        "unit_cost": Field("number"),
    },
    "sales": {
        "order": Field(required=True),
        "sku": Field(required=True),
        "qty": Field("number", required=True),
        "time": Field("time", required=True),
        "warehouse": Field(),
    },
}


class ImportFailedError(Exception):
    """The file as a whole cannot be imported; `hint` names the next action."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a file is read.

    mapping: field to column of the file; a field that is not named is looked for under its own name, and for products
    `attributes.KEY` fills an attribute. delimiter: None takes the one that the header shows. date_formats: tried in
    order, as strptime takes them or as `MM/DD/YYYY HH:MM`; none means ISO 8601. timezone: of times without one.
    warehouse: of rows without one. ignored_skus: shell patterns. rejects: where to write the rejected rows.
    """

    mapping: Mapping[str, str] = field(default_factory=dict)
    delimiter: str | None = None
    encoding: str = "utf-8-sig"
    date_formats: Sequence[str] = ()
    timezone: tzinfo = UTC
    decimal_comma: bool = False
    warehouse: str | None = None
    ignored_skus: Sequence[str] = ()
    rejects: Path | None = None


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was not imported."""

    line: int
    reason: str


@dataclass(kw_only=True)
class Report:
    """What became of a file's rows. `rows` = imported + before + repeated + ignored + rejected."""

    kind: Kind
    file: str
    rows: int = 0
    imported: int = 0
    before: int = 0
    """Imported by an earlier run of the same file; of products also those that are as the file says already."""
    repeated: int = 0
    """Further rows of a product that the file has already named."""
    ignored: int = 0
    """Rows whose sku was to be ignored."""
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)
    """The first of them."""
    orders: int = 0
    """Orders shipped by this run."""
    orders_before: int = 0
    orders_short: int = 0
    """Orders of which nothing was reserved, for lack of stock."""
    short: list[str] = field(default_factory=list)
    """The first of those."""
    returns: int = 0

    def text(self) -> str:
        """The report for people."""
        counts = [f"{self.imported:,} imported", f"{self.before:,} imported before"]
        counts += [f"{n:,} {what}" for n, what in [(self.repeated, "repeat a product"), (self.ignored, "ignored")] if n]
        lines = [
            f"{self.kind} from {self.file}: {self.rows:,} rows read",
            f"  {', '.join(counts)}, {self.rejected:,} rejected",
        ]
        if self.kind == "sales":
            lines.append(
                f"  {self.orders:,} orders shipped, {self.orders_before:,} shipped before, "
                f"{self.orders_short:,} refused for lack of stock, {self.returns:,} rows returned to stock"
            )
            lines += [f"  refused: {order}" for order in self.short]
            if (more := self.orders_short - len(self.short)) > 0:
                lines.append(f"  … and {more:,} more orders")
        lines += [f"  line {line}: {reason}" for line, reason in sorted((r.line, r.reason) for r in self.rejects)]
        if (more := self.rejected - len(self.rejects)) > 0:
            lines.append(f"  … and {more:,} more rejected rows")
        if not self.imported and self.before:
            lines.append("  Nothing changed: this file was imported before.")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be read: the line where it begins, its number among all rows, its cells, and its values."""

    line: int
    number: int
    cells: Sequence[str]
    values: Line


def run(
    client: Client,
    kind: Kind,
    path: Path,
    options: Options,
    progress: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Import a file for the client's tenant.

    Raises ImportFailedError when the file as a whole cannot be read or lacks a column, and OpenstockError when the
    server refuses more than rows: no tenant, no privilege, no connection. What was imported until then stays, and the
    next run goes on from there.
    """
    report = Report(kind=kind, file=path.name)
    with _Source(kind, path, options, report, progress) as source:
        importer = {"products": _Products, "stock": _Stock, "sales": _Sales}[kind](client, source)
        importer.run()
    return report


# Reading ---------------------------------------------------------------------------------------------


class _Source:
    """A CSV file, read row by row; rows that cannot be read are rejected on the way."""

    def __init__(
        self, kind: Kind, path: Path, options: Options, report: Report, progress: Callable[[str], None]
    ) -> None:
        self.kind, self.path, self.options, self.report = kind, path, options, report
        self._progress = progress
        self._formats = [strptime_format(written) for written in options.date_formats]
        try:
            self.identity, self._lines = _fingerprint(path)
            if options.rejects and options.rejects.exists() and options.rejects.samefile(path):
                raise ImportFailedError(
                    "the rejected rows would overwrite the file", "Name another file for --rejects."
                )
            self._file: TextIO = path.open(encoding=options.encoding, errors="surrogateescape", newline="")
        except (OSError, LookupError) as error:
            raise ImportFailedError(f"cannot read {path}: {_os_reason(error)}") from error
        try:
            self._reader, self.header = self._open_reader()
            self.columns = self._find_columns()
            self._rejects, self._rejects_file = self._open_rejects()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._file.close()
        if self._rejects_file:
            self._rejects_file.close()

    def _open_reader(self) -> tuple[Any, list[str]]:
        try:
            first = self._file.readline()
            self._file.seek(0)
            delimiter = self.options.delimiter or max(_DELIMITERS, key=first.count)
            reader = csv.reader(self._file, delimiter=delimiter, strict=True)
            header = [name.strip() for name in next(reader, [])]
        except (csv.Error, UnicodeError) as error:
            raise ImportFailedError(f"{self.path} does not begin with a header: {error}") from error
        if not any(header):
            raise ImportFailedError(f"{self.path} is empty", "Its first line names the columns.")
        return reader, header

    def _find_columns(self) -> dict[str, int]:
        """Field to place in the row; ImportFailedError when a column is missing or named twice."""
        known, columns = FIELDS[self.kind], {}
        wanted = {name: name for name in known} | dict(self.options.mapping)
        for name, column in wanted.items():
            places = [n for n, given in enumerate(self.header) if given == column]
            if not places and name not in self.options.mapping:
                places = [n for n, given in enumerate(self.header) if given.lower() == column]
            if len(places) > 1:
                raise ImportFailedError(f"{self.path.name} has more than one column {column!r}")
            if places:
                columns[name] = places[0]
            elif name in self.options.mapping or known[name].required:
                raise ImportFailedError(
                    f"{self.path.name} has no column {column!r}; it has {', '.join(map(repr, self.header))}",
                    f"Say which it is with --map {name}=COLUMN, and --delimiter if the columns run together.",
                )
        return columns

    def _open_rejects(self) -> tuple[Any, TextIO | None]:
        path = self.options.rejects
        if path is None:
            return None, None
        encoding = "utf-8" if self.options.encoding == "utf-8-sig" else self.options.encoding
        try:
            file = path.open("w", encoding=encoding, errors="surrogateescape", newline="")
        except OSError as error:
            raise ImportFailedError(f"cannot write {path}: {_os_reason(error)}") from error
        writer = csv.writer(file, delimiter=self._reader.dialect.delimiter)
        writer.writerow([*self.header, "rejected_line", "rejected_because"])
        return writer, file

    def rows(self) -> Iterator[Row]:
        """The rows that can be read and are not to be ignored."""
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader, None)
            except csv.Error as error:
                self.report.rows += 1
                self.reject(line, [], f"is not CSV: {error}")
                continue
            if cells is None:
                return
            if not cells:  # an empty line
                continue
            number = self.report.rows
            self.report.rows += 1
            self.progress()
            try:
                values = self._values(cells)
            except ValueError as error:
                self.reject(line, cells, str(error))
                continue
            if any(fnmatchcase(values["sku"], pattern) for pattern in self.options.ignored_skus):
                self.report.ignored += 1
            else:
                yield Row(line, number, cells, values)

    def chunks(self) -> Iterator[tuple[int, list[Row]]]:
        """Rows by CHUNK places in the file, whichever of them could be read, with the chunk's number."""
        for chunk, rows in groupby(self.rows(), key=lambda row: row.number // CHUNK):
            yield chunk, list(rows)

    def _values(self, cells: Sequence[str]) -> Line:
        """What the row says; ValueError with the reason when that cannot be told."""
        if len(cells) != len(self.header):
            raise ValueError(f"has {len(cells)} cells, and the header has {len(self.header)}")
        values: Line = {}
        for name, place in self.columns.items():
            text = cells[place].strip()
            wanted = FIELDS[self.kind].get(name, Field())
            if exact_json.text_problem(text):
                raise ValueError(f"{name} is not text in {self.options.encoding}")
            if text:
                values[name] = self._value(name, wanted, text)
            elif wanted.required:
                raise ValueError(f"{name} is empty")
        return values

    def _value(self, name: str, wanted: Field, text: str) -> Any:
        match wanted.kind:
            case "number":
                number = text.replace(",", ".", 1) if self.options.decimal_comma else text
                if not _NUMBER.fullmatch(number):
                    raise ValueError(f"{name} {_shown(text)} is not a number")
                return Decimal(number)
            case "integer":
                if not _NUMBER.fullmatch(text) or "." in text or len(text) > 10:
                    raise ValueError(f"{name} {_shown(text)} is not a whole number")
                return int(text)
            case "boolean":
                if text.lower() not in _TRUE + _FALSE:
                    raise ValueError(f"{name} {_shown(text)} is neither true nor false")
                return text.lower() in _TRUE
            case "date":
                return self._moment(name, text).date()
            case "time":
                moment = self._moment(name, text)
                try:
                    return (moment if moment.tzinfo else moment.replace(tzinfo=self.options.timezone)).astimezone(UTC)
                except OverflowError:
                    raise ValueError(f"{name} {_shown(text)} is out of range") from None
            case _:
                return text

    def _moment(self, name: str, text: str) -> datetime:
        for form in self._formats or [""]:
            try:
                return datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            except ValueError:
                continue
        forms = " or ".join(self.options.date_formats) or "ISO 8601; other forms are named with --date-format"
        raise ValueError(f"{name} {_shown(text)} is not a date of the form {forms}")

    def reject(self, line: int, cells: Sequence[str], reason: str) -> None:
        """Count a row as rejected, keep the first ones for the terminal, and write it to the file of rejects."""
        self.report.rejected += 1
        if len(self.report.rejects) < LISTED:
            self.report.rejects.append(Reject(line, reason))
        if self._rejects:
            padded = [*cells, *[""] * (len(self.header) - len(cells))]
            self._rejects.writerow([*padded, line, reason])

    def progress(self) -> None:
        """Say how far the run is."""
        report = self.report
        settled = report.imported + report.before + report.repeated + report.ignored + report.rejected
        share = min(settled / max(self._lines - 1, 1), 1.0)  # of lines: a cell may hold several
        self._progress(
            f"{report.kind}: {report.rows:,} rows read, {report.imported:,} imported, {report.before:,} before, "
            f"{report.rejected:,} rejected ({share:.0%})"
        )


def _fingerprint(path: Path) -> tuple[str, int]:
    """What identifies a file's content, in 16 letters, and its number of lines."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ImportFailedError(f"{path} is not a file", "Write the data to a file: it is read more than once.")
    digest, lines = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
    return digest.hexdigest()[:16], lines


def strptime_format(written: str) -> str:
    """A date format as strptime takes it, from that or from letters such as `M/D/YY H:MM`; ValueError if it is none."""
    form = written
    if "%" not in written:
        names = {"YYYY": "%Y", "YY": "%y", "D": "%d", "H": "%H", "S": "%S"}
        form, hours_seen = "", False
        for token in re.findall(r"YYYY|YY|MM?|mm?|DD?|HH?|hh?|SS?|ss?|[\s\S]", written):
            hours_seen = hours_seen or token[0] in "Hh"
            if token[0] in "Mm":
                form += "%M" if hours_seen or token[0] == "m" else "%m"
            else:
                form += names.get(token, names.get(token[0].upper(), token) if token[0] in "DHShs" else token)
    sample = datetime(2026, 11, 23, 17, 45, 59, tzinfo=UTC)
    try:
        found = datetime.strptime(sample.strftime(form), form)
    except ValueError as error:
        raise ValueError(f"{written!r} is not a date format: {error}") from error
    if (found.month, found.day) != (11, 23) or found.year % 100 != 26:
        raise ValueError(f"{written!r} is not a date format: it has no year, month or day")
    return form


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _os_reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


# Writing ---------------------------------------------------------------------------------------------


class _Importer:
    def __init__(self, client: Client, source: _Source) -> None:
        self.client, self.source, self.report = client, source, source.report

    def run(self) -> None:
        raise NotImplementedError

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


def reason_of(error: OpenstockError) -> str:
    """The server's error as the reason of a rejected row, without the place in the call, which says nothing later."""
    values = {key: value for key, value in error.detail.items() if key != "line"}
    argument = values.pop("argument", None)
    if "problem" in values and (about := values.pop("key", argument)):  # of a line, or of the call
        values = {about: values.pop("problem"), **values}
    told = [f"{key} {value}" for key, value in values.items()]
    return f"{error.message.rstrip('.')} ({error.sqlstate}){': ' if told else ''}{', '.join(told)}"


class _Products(_Importer):
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


class _Stock(_Importer):
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
            return f"import:stock:{self.source.identity}:{chunk}:{generation}:{_name(warehouse)}"

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


class _Sales(_Importer):
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
        return f"import:sales:{self.source.identity}:{_name(order)}:{step}:{generation}"

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


def _name(code: str) -> str:
    """A code as part of an op_id: itself where that is short and plain, otherwise a digest."""
    return code if _PLAIN.fullmatch(code) else "#" + hashlib.sha256(code.encode()).hexdigest()[:16]


__all__ = ["FIELDS", "ImportFailedError", "Kind", "Options", "Reject", "Report", "run", "strptime_format"]
