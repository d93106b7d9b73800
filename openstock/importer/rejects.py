"""Rows that were not imported: the file that collects them, and why the server refused one."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from openstock.errors import OpenstockError
from openstock.importer.mapping import ImportFailedError

__all__ = ["RejectsFile", "os_reason", "reason_of"]


class RejectsFile:
    """A CSV file of rejected rows as they were, with line and reason in two more columns.

    Corrected there, it can be imported itself. Raises ImportFailedError when it cannot be written.
    """

    def __init__(self, path: Path, header: Sequence[str], *, delimiter: str, encoding: str) -> None:
        self._columns = len(header)
        encoding = "utf-8" if encoding == "utf-8-sig" else encoding
        try:
            self._file: TextIO = path.open("w", encoding=encoding, errors="surrogateescape", newline="")
        except OSError as error:
            raise ImportFailedError(f"cannot write {path}: {os_reason(error)}") from error
        self._writer = csv.writer(self._file, delimiter=delimiter)
        self._writer.writerow([*header, "rejected_line", "rejected_because"])

    def write(self, line: int, cells: Sequence[str], reason: str) -> None:
        """Add a row."""
        self._writer.writerow([*cells, *[""] * (self._columns - len(cells)), line, reason])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def reason_of(error: OpenstockError) -> str:
    """The server's error as the reason of a rejected row, without the place in the call, which says nothing later."""
    values = {key: value for key, value in error.detail.items() if key != "line"}
    argument = values.pop("argument", None)
    if "problem" in values and (about := values.pop("key", argument)):  # of a line, or of the call
        values = {about: values.pop("problem"), **values}
    told = [f"{key} {value}" for key, value in values.items()]
    return f"{error.message.rstrip('.')} ({error.sqlstate}){': ' if told else ''}{', '.join(told)}"


def os_reason(error: Exception) -> str:
    """Why a file cannot be used, in the words of the system."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
