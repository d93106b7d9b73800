"""The SQL that the client sends: a call of a function or procedure, or a filtered read of a view, and its parameters.

The text of a statement depends on the method and on which filters are given, never on values, so that it is prepared
once. Every parameter carries a cast: the server never guesses a function from the type that Python happened to use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql

from openstock import exact_json
from openstock.errors import InvalidArgument

__all__ = ["CURRENT_TENANT", "ENTER", "Lines", "Statement", "calling", "calling_procedure", "reading"]

Lines = Sequence[Mapping[str, object]]
"""Lines of a call: mappings of the keys that its SQL function documents; int, Decimal, float and date stay exact."""

ARGUMENT_TYPES: dict[str, LiteralString] = {
    "lines": "jsonb",
    "attributes": "jsonb",
    "metadata": "jsonb",
    "destination": "jsonb",
    "occurred_at": "timestamptz",
    "promised_at": "timestamptz",
    "tenant": "uuid",
    "ttl": "interval",
    "max_rows": "integer",
    "max_levels": "integer",
    "max_lines": "integer",
    "max_orders": "integer",
    "months_ahead": "integer",
    "priority": "integer",
    "active": "boolean",
    "all_tables": "boolean",
    "any_tenant": "boolean",
    "fill_backorders": "boolean",
    "whole_units": "boolean",
    "replace": "boolean",
    # Of views, whose time filters are no columns.
    "since": "timestamptz",
    "before": "timestamptz",
}
"""The type of each argument; text where it is not named."""

ENTER = b"select openstock.act_for(%(tenant)s::uuid)"
"""Names the tenant for the rest of the transaction, or fails: without one, views are silently empty."""

CURRENT_TENANT = b"""select openstock.current_tenant()
  from (select set_config('app.tenant_id', coalesce(nullif(current_setting('app.tenant_id', true), ''),
          %(tenant)s::text, ''), true) as acting offset 0) as c"""
"""Whose rows the views show, with the client's tenant unless the transaction has one already; null where nobody's."""

# What the server's integer holds.
_INTEGERS = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with named placeholders, and the values for them."""

    text: bytes
    parameters: dict[str, object]


def calling(function: str, arguments: Mapping[str, object], row: type | None = None) -> Statement:
    """A call of schema.function by argument names, returning the columns of a dataclass, or whatever it returns.

    Raises InvalidArgument for a value that cannot be sent.
    """
    return Statement(_call(function, tuple(arguments), row), _parameters(arguments))


def calling_procedure(procedure: str, arguments: Mapping[str, object] | None = None) -> Statement:
    """A call of a procedure by argument names. Raises InvalidArgument for a value that cannot be sent."""
    given = arguments or {}
    return Statement(_call_procedure(procedure, tuple(given)), _parameters(given))


def reading(
    view: str,
    row: type,
    order: LiteralString,
    filters: Mapping[str, object],
    *,
    since: datetime | None = None,
    before: datetime | None = None,
    max_rows: int | None = None,
) -> Statement:
    """A read of the rows of a view whose columns equal the filters that are not None, ordered by `order`.

    since (inclusive) and before (exclusive) bound recorded_at. Raises InvalidArgument for a value that cannot be sent.
    """
    given = {name: value for name, value in filters.items() if value is not None}
    bounds = {"since": since, "before": before, "max_rows": max_rows}
    others = {name: value for name, value in bounds.items() if value is not None}
    return Statement(_read(view, row, order, tuple(given), tuple(others)), _parameters({**given, **others}))


@lru_cache(maxsize=256)
def _call(function: str, arguments: tuple[str, ...], row: type | None) -> bytes:
    return sql.SQL("select {} from {}({})").format(_columns(row), _name(function), _named(arguments)).as_bytes(None)


@lru_cache(maxsize=256)
def _call_procedure(procedure: str, arguments: tuple[str, ...]) -> bytes:
    return sql.SQL("call {}({})").format(_name(procedure), _named(arguments)).as_bytes(None)


@lru_cache(maxsize=1024)
def _read(view: str, row: type, order: LiteralString, given: tuple[str, ...], bounds: tuple[str, ...]) -> bytes:
    conditions = [sql.SQL("{} = {}").format(sql.Identifier(name), _value(name)) for name in given]
    if "since" in bounds:
        conditions.append(sql.SQL("recorded_at >= {}").format(_value("since")))
    if "before" in bounds:
        conditions.append(sql.SQL("recorded_at < {}").format(_value("before")))
    parts: list[sql.Composable] = [sql.SQL("select {} from {}").format(_columns(row), _name(view))]
    if conditions:
        parts.append(sql.SQL("where {}").format(sql.SQL(" and ").join(conditions)))
    parts.append(sql.SQL("order by {}").format(sql.SQL(order)))
    if "max_rows" in bounds:
        parts.append(sql.SQL("limit {}").format(_value("max_rows")))
    return sql.SQL(" ").join(parts).as_bytes(None)


def _name(qualified: str) -> sql.Identifier:
    return sql.Identifier(*qualified.split("."))


def _named(arguments: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL("{} => {}").format(sql.Identifier(name), _value(name)) for name in arguments)


def _value(argument: str) -> sql.Composed:
    wanted = sql.SQL(ARGUMENT_TYPES.get(argument, "text"))
    return sql.SQL("{}::{}").format(sql.Placeholder(argument), wanted)


def _columns(row: type | None) -> sql.Composable:
    if row is None:
        return sql.SQL("*")
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in fields(row))


def _parameters(arguments: Mapping[str, object]) -> dict[str, object]:
    return {name: _parameter(name, value) for name, value in arguments.items()}


def _parameter(argument: str, value: Any) -> object:
    """The value as psycopg sends it exactly, or InvalidArgument in the server's own shape."""
    wanted = ARGUMENT_TYPES.get(argument, "text")
    problem: str | None = None
    if value is None:
        return None
    if wanted == "jsonb":
        return _json(argument, value)
    if wanted == "text":
        problem = exact_json.text_problem(value) if isinstance(value, str) else "must be a string"
    elif wanted == "timestamptz":
        if not isinstance(value, datetime):
            problem = "must be a datetime"
        elif value.utcoffset() is None:
            problem = "must have a time zone"
    elif wanted == "interval":
        if not isinstance(value, timedelta):
            problem = "must be a timedelta"
    elif wanted == "integer":
        if isinstance(value, bool) or not isinstance(value, int):
            problem = "must be a whole number"
        elif value not in _INTEGERS:
            problem = "must be a whole number of at most 2147483647"
    elif wanted == "boolean" and not isinstance(value, bool):
        problem = "must be true or false"
    elif wanted == "uuid" and not isinstance(value, UUID):
        problem = "must be a uuid"
    if problem:
        raise InvalidArgument(detail={"argument": argument, "problem": problem})
    return value


def _json(argument: str, value: object) -> str:
    try:
        return exact_json.dumps(value)
    except exact_json.UnencodableError as error:
        detail: dict[str, object] = {"argument": argument}
        place, *keys = [*error.path, None]
        if argument == "lines" and isinstance(place, int):
            # The server too counts lines from 1.
            detail["line"] = place + 1
            place = keys[0] if keys else None
        if place is not None:
            detail["key"] = place
        detail["problem"] = error.problem
        raise InvalidArgument(detail=detail) from None
