"""What a file may say: the fields of each kind of import, and how columns, numbers and dates are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Literal

__all__ = ["FIELDS", "Field", "ImportFailedError", "Kind", "Options"]

Kind = Literal["products", "stock", "sales"]


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


def is_attribute(kind: Kind, name: str) -> bool:
    """Whether it is `attributes.KEY`, which fills an attribute of a product."""
    return kind == "products" and name.removeprefix("attributes.") not in ("", name)


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
