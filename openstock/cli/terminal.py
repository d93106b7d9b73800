"""What commands say: errors in one line, progress, aligned columns."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

__all__ = ["NEVER_MIGRATED", "CommandError", "Progress", "UsageError", "describe", "program", "size", "table"]

# Undefined schema, table, function, type: what a database that openstock never saw answers.
NEVER_MIGRATED = ("3F000", "42P01", "42883", "42704")


class UsageError(Exception):
    """The command line makes no sense: exit code 2."""


class CommandError(Exception):
    """A command cannot do what was asked: exit code 1; `hint` names the next action."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def describe(error: BaseException) -> str:
    """One line for an error: message (SQLSTATE) detail; hint."""
    message, hint = str(error), getattr(error, "hint", None)
    state, detail = getattr(error, "sqlstate", None), getattr(error, "detail", None)
    if hasattr(error, "message"):  # openstock's
        message = error.message
    elif (diag := getattr(error, "diag", None)) is not None:  # psycopg's own
        message, detail, hint = diag.message_primary or message, diag.message_detail, diag.message_hint
    elif isinstance(error, OSError) and error.strerror:
        message = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    elif not hasattr(error, "hint"):
        message = f"unexpected {type(error).__name__}: {message}"
        hint = "This is a bug; OPENSTOCK_TRACEBACK=1 shows where."
    driver = sys.modules.get("psycopg")
    if state == "08006" or (driver and state is None and isinstance(error, driver.OperationalError)):
        hint = _connection_hint(f"{error} {_values(detail)}")
    if state in NEVER_MIGRATED:
        hint = "If openstock was never installed in this database, run: openstock migrate"
    lines = message.splitlines() or [type(error).__name__]
    message = " … ".join(lines if len(lines) < 3 else [lines[0], lines[-1]])  # of a server's log, the last
    message, values = message.rstrip("."), _values(detail)
    told = f"{message} ({state}) {values}" if state else ": ".join(part for part in (message, values) if part)
    text = " ".join(told.split())
    return f"{text}; {' '.join(hint.split())}" if hint else text


def _connection_hint(said: str) -> str:
    """What to do about a connection that could not be made, or was lost."""
    if re.search(r'database ".*" does not exist', said):
        return "Correct the name of the database, or create it first: createdb."
    if re.search(r"password|authentication failed|no pg_hba.conf entry|role \".*\" does not exist", said):
        return "Check the user and the password (also in PGPASSWORD or ~/.pgpass) and the server's pg_hba.conf."
    return "Check the address and that the server runs, then run the command again."


def _values(detail: object) -> str:
    if isinstance(detail, Mapping):
        return ", ".join(f"{key}: {value}" for key, value in detail.items() if value is not None)
    return "" if detail is None else str(detail)


def program() -> str:
    """How this program is called from here, for what people are told to type."""
    import shutil

    called = sys.argv[0]
    if Path(called).name != "openstock":
        return "openstock"
    found = shutil.which("openstock")
    return "openstock" if found and Path(found).resolve() == Path(called).resolve() else called


class Progress:
    """Says how far something is: on a terminal in one line that is rewritten, elsewhere in a line now and then."""

    def __init__(self, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._pause = 0.1 if self._tty else every
        self._next = time.monotonic() + (0 if self._tty else self._pause)
        self._width = 0

    def __call__(self, text: str) -> None:
        """Show this, unless something was shown just now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause
            self._write(text)

    def say(self, text: str) -> None:
        """Show this for good."""
        self.clear()
        print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the line that is rewritten."""
        if self._tty and self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str) -> None:
        if self._tty:
            import shutil

            text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be rewritten
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
            self._stream.flush()
        else:
            print(text, file=self._stream, flush=True)


def table(rows: Sequence[Sequence[object]], *, indent: str = "") -> str:
    """Rows as aligned columns."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts
    )


def size(octets: float | None) -> str:
    if octets is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 10 * 1024 or unit == "GB":
            break
        octets /= 1024
    return f"{octets:,.0f} {unit}"
