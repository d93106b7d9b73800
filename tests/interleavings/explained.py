"""Outcomes that neither order gives, and are right all the same: why, and what is left to compare. As narrow as can be."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

from .players import Part, Refused

Facts = dict[str, Any]

PICKS = {"allocate", "ship"}  # functions that take units by the removal rule
HOLDING_BINS = PICKS | {"receive", "adjust", "move", "release", "openstock_admin.block_expired_lots"}
WHERE = ("location", "lot", "expires_on", "status")
UNITS = ("qty", "on_hand", "blocked", "allocated", "allocated_delta")
BALANCES = ("on_hand", "blocked", "reserved", "available")


def comparable(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """The facts, without what may differ for these two."""
    facts = {name: without_line(fact) for name, fact in facts.items()}
    functions = {part.scenario.function for part in parts}
    if functions == {"reserve", "put_warehouses"}:
        facts = {name: without_reason(fact) for name, fact in facts.items()}
    if "openstock_test.midnight" in functions:
        facts = without_lots(facts, parts)
    elif functions & PICKS and functions <= HOLDING_BINS:
        facts = without_choice_of_bins(facts, parts)
    return facts


def without_line(fact: Any) -> Any:
    """A location that closes between the look at the lines and the lock (OS106) is named, and the line no more."""
    if isinstance(fact, Refused) and fact.code == "OS106":
        return Refused(fact.code, json.dumps({"location": json.loads(fact.detail)["location"]}))
    return fact


def without_reason(fact: Any) -> Any:
    """A warehouse that a line names and that closes between the look at the lines and the lock has nothing to promise: the order is short
    (OS201), instead of naming a warehouse that is closed (OS104). Nothing is done in either case.
    """
    return Refused("OS104", "") if isinstance(fact, Refused) and fact.code in ("OS104", "OS201") else fact


def without_choice_of_bins(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """Who picks passes over bins that another call holds, as long as others have enough, instead of waiting for the first by the removal
    rule. Which bins is therefore not settled, but how many units of each product and line is.
    """
    facts = dict(facts)
    for part in parts:
        if part.scenario.function in PICKS and not isinstance(facts[part.name], Refused):
            # A shipment's balances are those after each of its entries, so after the last one of each line.
            facts[part.name] = summed(facts[part.name], without=BALANCES)
    facts["bins"] = summed(facts["bins"])
    picked = [row for row in map(json.loads, facts["ledger"]) if row["event_type"] in ("ALLOCATE", "DEALLOCATE", "SHIP")]
    facts["ledger"] = [row for row in facts["ledger"] if json.loads(row) not in picked]
    return facts


def without_lots(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """A call that goes on past midnight has looked at some bins the day before, and looks at others the day after. Units that expired in
    between may or may not be booked as blocked yet (verify allows both, and views show them as blocked), and a shipment takes some of them or
    none. How many units there are and are promised is settled.
    """
    kept: Facts = {part.name: facts[part.name] if isinstance(facts[part.name], Refused) else "done" for part in parts}
    kept |= {view: facts[view] for view in ("products", "warehouses", "locations")}
    kept["stock"] = [[row[key] for key in ("sku", "warehouse", "on_hand", "reserved")] for row in map(json.loads, facts["stock"])]
    kept["reservations"] = [{k: v for k, v in json.loads(row).items() if k != "allocated"} for row in facts["reservations"]]
    return kept


def summed(rows: list[str], without: tuple[str, ...] = ()) -> dict[tuple[str, str], Decimal]:
    """Rows summed over places and lots."""
    units: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for text in rows:
        row = {key: value for key, value in json.loads(text).items() if key not in (*WHERE, *without)}
        rest = json.dumps({key: value for key, value in row.items() if key not in UNITS}, sort_keys=True)
        for unit in UNITS:
            units[rest, unit] += Decimal(str(row.get(unit, 0)))
    return {key: total for key, total in units.items() if total}
