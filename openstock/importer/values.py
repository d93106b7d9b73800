"""Values as cells spell them: numbers, yes and no, dates and times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from openstock.importer.mapping import Field, Options

__all__ = ["Values", "shown", "strptime_format"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


class Values:
    """Turns cells into values, by the options of an import."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._formats = [strptime_format(written) for written in options.date_formats]

    def value(self, name: str, wanted: Field, text: str) -> Any:
        """The value of a cell that is not empty; ValueError with the reason when it cannot be told."""
        match wanted.kind:
            case "number":
                number = text.replace(",", ".", 1) if self._options.decimal_comma else text
                if not _NUMBER.fullmatch(number):
                    raise ValueError(f"{name} {shown(text)} is not a number")
                return Decimal(number)
            case "integer":
                if not _NUMBER.fullmatch(text) or "." in text or len(text) > 10:
                    raise ValueError(f"{name} {shown(text)} is not a whole number")
                return int(text)
            case "boolean":
                if text.lower() not in _TRUE + _FALSE:
                    raise ValueError(f"{name} {shown(text)} is neither true nor false")
                return text.lower() in _TRUE
            case "date":
                return self._moment(name, text).date()
            case "time":
                moment = self._moment(name, text)
                try:
                    return (moment if moment.tzinfo else moment.replace(tzinfo=self._options.timezone)).astimezone(UTC)
                except OverflowError:
                    raise ValueError(f"{name} {shown(text)} is out of range") from None
            case _:
                return text

    def _moment(self, name: str, text: str) -> datetime:
        for form in self._formats or [""]:
            try:
                return datetime.strptime(text, form) if form else datetime.fromisoformat(text)
            except ValueError:
                continue
        forms = " or ".join(self._options.date_formats) or "ISO 8601; other forms are named with --date-format"
        raise ValueError(f"{name} {shown(text)} is not a date of the form {forms}")


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


def shown(text: str) -> str:
    """A text as a reason quotes it: not all of a long one."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
