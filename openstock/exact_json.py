"""JSON without loss: decimals stay decimals, and what JSON or PostgreSQL cannot hold is named with its place.

`json.dumps` would send a Decimal through float, NaN as a word that is no JSON, and a NUL that no jsonb can store.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar, get_args, get_type_hints
from uuid import UUID

__all__ = ["UnencodableError", "dumps", "loads", "text_problem", "to_row"]

T = TypeVar("T")

# Deeper than any attributes that people write, and shallow enough for a structure that holds itself.
_DEEPEST = 64
# Python refuses to print integers of more than 4300 digits, and no column here holds more than 18.
_MOST_BITS = 4096
_quote = json.JSONEncoder(ensure_ascii=False).encode


class UnencodableError(ValueError):
    """A value that cannot become JSON for PostgreSQL: `problem` says why, `path` the keys and indexes to it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path: list[object] = []


def dumps(value: object) -> str:
    """The value as JSON text.

    Takes None, bool, str, int, Decimal, float (by its shortest exact notation), date, datetime and UUID (as ISO
    strings), and mappings and sequences of these. Raises UnencodableError for anything else: NaN, infinities, text with
    NUL or half a surrogate pair, keys that are not text, other types, more than 64 levels.
    """
    return _encode(value, 0)


def loads(text: str) -> Any:
    """The value of JSON text, with its fractions as Decimal."""
    return json.loads(text, parse_float=Decimal)


def to_row(row: type[T], values: Mapping[str, Any]) -> T:
    """The dataclass of a result from the object that PostgreSQL makes of its row, read by loads."""
    kind: Any = row
    read = _readers(kind)
    return row(**{name: read.get(name, _as_it_is)(value) for name, value in values.items()})


def text_problem(value: str) -> str | None:
    """Why PostgreSQL cannot hold this text, or None if it can."""
    if "\0" in value:
        return "must not contain NUL"
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return "must be valid Unicode"
    return None


@lru_cache(maxsize=64)
def _readers(row: type) -> dict[str, Callable[[Any], Any]]:
    kinds = {name: get_args(hint) or (hint,) for name, hint in get_type_hints(row).items()}
    quantities = {name: _as_quantity for name, kind in kinds.items() if Decimal in kind}
    return quantities | {name: _as_time for name, kind in kinds.items() if datetime in kind}


def _as_it_is(value: Any) -> Any:
    return value


def _as_quantity(value: int | Decimal | None) -> Decimal | None:
    return None if value is None else Decimal(value)


def _as_time(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _encode(value: object, depth: int) -> str:
    if isinstance(value, str):
        problem = text_problem(value)
        if problem:
            raise UnencodableError(problem)
        return _quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return _number(value)
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (bytes, bytearray, memoryview)):
        if depth == _DEEPEST:
            raise UnencodableError(f"must have at most {_DEEPEST} levels")
        return _object(value, depth + 1) if isinstance(value, Mapping) else _array(value, depth + 1)
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    if isinstance(value, UUID):
        return f'"{value}"'
    raise UnencodableError(f"has a type that JSON does not know: {type(value).__name__}")


def _number(value: int | float | Decimal) -> str:
    if isinstance(value, int):
        if value.bit_length() > _MOST_BITS:
            raise UnencodableError("is too large")
        return int.__repr__(value)
    if not (math.isfinite(value) if isinstance(value, float) else value.is_finite()):
        raise UnencodableError("must be a finite number")
    # The base class's repr: those of subclasses, such as numpy's, are not JSON.
    return float.__repr__(value) if isinstance(value, float) else Decimal.__str__(value)


def _object(value: Mapping[Any, object], depth: int) -> str:
    members = []
    for key, member in value.items():
        if not isinstance(key, str):
            raise UnencodableError(f"has a key that is not text: {key!r:.100}")
        try:
            members.append(f"{_encode(key, depth)}:{_encode(member, depth)}")
        except UnencodableError as error:
            error.path.insert(0, key)
            raise
    return "{" + ",".join(members) + "}"


def _array(value: Sequence[object], depth: int) -> str:
    elements = []
    for index, element in enumerate(value):
        try:
            elements.append(_encode(element, depth))
        except UnencodableError as error:
            error.path.insert(0, index)
            raise
    return "[" + ",".join(elements) + "]"
