"""A CSV file, read in a stream, row by row."""

from __future__ import annotations

import csv
import hashlib
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from openstock import exact_json
from openstock.importer.mapping import FIELDS, Field, ImportFailedError, Kind, Options, is_attribute
from openstock.importer.rejects import RejectsFile, os_reason
from openstock.importer.report import LISTED, Reject, Report
from openstock.importer.values import Values

__all__ = ["CHUNK", "Line", "Row", "Source"]

Line = dict[str, Any]

CHUNK = 250  # rows a call: near the speed of larger ones, and cheap to repeat for a bad row
_BLOCK = 1 << 20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """A row that could be read: the line where it begins, its number among all rows, its cells, and its values."""

    line: int
    number: int
    cells: Sequence[str]
    values: Line


class Source:
    """A CSV file, read row by row; rows that cannot be read are rejected on the way."""

    def __init__(
        self, kind: Kind, path: Path, options: Options, report: Report, progress: Callable[[str], None]
    ) -> None:
        self.kind, self.path, self.options, self.report = kind, path, options, report
        self._progress = progress
        self._convert = Values(options).value
        try:
            self.identity, self._lines = _fingerprint(path)
            if options.rejects and options.rejects.exists() and options.rejects.samefile(path):
                raise ImportFailedError(
                    "the rejected rows would overwrite the file", "Name another file for --rejects."
                )
            self._file: TextIO = path.open(encoding=options.encoding, errors="surrogateescape", newline="")
        except (OSError, LookupError) as error:
            raise ImportFailedError(f"cannot read {path}: {os_reason(error)}") from error
        try:
            self._reader, self.header = self._open_reader()
            self.columns = self._find_columns()
            self._rejects = self._open_rejects()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self._file.close()
        if self._rejects:
            self._rejects.close()

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
        wanted = {name: name for name in known} | {
            name: name for name in self.header if is_attribute(self.kind, name)
        } | dict(self.options.mapping)
        for name, column in wanted.items():
            places = [n for n, given in enumerate(self.header) if given == column]
            if not places and name not in self.options.mapping:
                places = [n for n, given in enumerate(self.header) if given.lower() == column]
            if len(places) > 1:
                raise ImportFailedError(f"{self.path.name} has more than one column {column!r}")
            if places:
                columns[name] = places[0]
            elif name in self.options.mapping or (name in known and known[name].required):
                raise ImportFailedError(
                    f"{self.path.name} has no column {column!r}; it has {', '.join(map(repr, self.header))}",
                    f"Say which it is with --map {name}=COLUMN, and --delimiter if the columns run together.",
                )
        return columns

    def _open_rejects(self) -> RejectsFile | None:
        if self.options.rejects is None:
            return None
        delimiter = self._reader.dialect.delimiter
        return RejectsFile(self.options.rejects, self.header, delimiter=delimiter, encoding=self.options.encoding)

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
                values[name] = self._convert(name, wanted, text)
            elif wanted.required:
                raise ValueError(f"{name} is empty")
        return values

    def reject(self, line: int, cells: Sequence[str], reason: str) -> None:
        """Count a row as rejected, keep the first ones for the terminal, and write it to the file of rejects."""
        self.report.rejected += 1
        if len(self.report.rejects) < LISTED:
            self.report.rejects.append(Reject(line, reason))
        if self._rejects:
            self._rejects.write(line, cells, reason)

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
