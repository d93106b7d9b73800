"""Outcomes that neither order gives, and are right all the same: why, and what is left to compare. As narrow as can be."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from typing import Any

from .players import Part, Refused
from .scenarios import Call

Facts = dict[str, Any]

PICKS = {"allocate", "allocate_next", "ship", "short_pick"}  # functions that take units by the removal rule
PROMISES = {"reserve", "amend"}
FILLS = {"receive", "fill_backorders", "openstock_admin.fill_backorders"}
SWEEPS = {"expire_reservations", "openstock_admin.expire_reservations"}
# These hold bins where holds that ended keep units pinned.
BOOKS_HOLDS = SWEEPS | {"reserve", "fill_backorders", "openstock_admin.fill_backorders"}
HOLDING_BINS = PICKS | {"receive", "adjust", "move", "release", "deallocate", "cancel", "amend", "put_lots", "openstock_admin.block_expired_lots"}
WHERE = ("location", "lot", "expires_on", "status", "serials", "handling_unit")
UNITS = ("qty", "on_hand", "blocked", "allocated", "allocated_delta")
BALANCES = ("on_hand", "blocked", "reserved", "available")


def comparable(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """The facts, without what may differ for these two."""
    facts = {name: without_line(fact) for name, fact in facts.items()}
    functions = {part.scenario.function for part in parts}
    if "put_warehouses" in functions and functions & (FILLS | PROMISES):
        facts = without_look_at_warehouses(facts, parts)
    if "openstock_test.midnight" in functions:
        facts = without_lots(facts, parts)
    elif functions & PICKS and functions <= HOLDING_BINS | (BOOKS_HOLDS if any(part.scenario.meets_carts for part in parts) else set()):
        facts = without_choice_of_bins(facts, parts)
    return facts


def left_over(parts: tuple[Part, Part]) -> list[Call]:
    """Who fills backorders, or takes the next orders, passes over orders that another works on, instead of waiting, and who books holds that
    ended passes over levels: what they left is for the next who comes. Who picks for another order passes over the bin where a pick is
    short, and takes from those that are left to the order that is short: what it has then is in the bin that it had to avoid. So these
    calls are made when both are over.
    """
    functions = {part.scenario.function for part in parts}
    calls: list[Call] = [("fill_backorders", {})] if functions & FILLS else []
    calls += [("expire_reservations", {})] if functions & SWEEPS else []
    everything = {"max_orders": 1000, "on_shortage": "partial"}
    calls += [("allocate_next", part.scenario.request | everything) for part in parts if part.scenario.function == "allocate_next"]
    calls += [("allocate", {"order_ref": part.scenario.request["order_ref"]}) for part in robbed(parts)]
    return calls


def robbed(parts: tuple[Part, Part]) -> list[Part]:
    """Those that replace units which are not there, while another picks for another order."""
    return [
        part
        for part, other in (parts, parts[::-1])
        if part.scenario.function == "short_pick" and other.scenario.function in PICKS
        and part.scenario.request["order_ref"] != other.scenario.request.get("order_ref")
    ]  # fmt: skip


def finally_comparable(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """The facts when what was left is done, and what may differ even so: the ledger says by whom, those that passed over orders or levels
    answered it, and levels count how often somebody wrote there.
    """
    answers = [part.name for part in parts if part.scenario.function in FILLS | SWEEPS | {"allocate_next"} or part in robbed(parts)]
    facts = {name: fact for name, fact in comparable(facts, parts).items() if name not in (*answers, "ledger")}
    if "stock" in facts:
        facts["stock"] = [{k: v for k, v in as_row(row).items() if k != "version"} for row in facts["stock"]]
    functions = {part.scenario.function for part in parts}
    if functions & PROMISES and functions & FILLS:
        facts = without_lines_of_orders(facts)
    if "allocate_next" in functions:
        facts = without_whose_pins(facts)
    return facts


def without_lines_of_orders(facts: Facts) -> Facts:
    """Units that are left for an order that another works on are available, and that other may be a reserve that adds to it: its new
    line then gets units before the line that waits. How many the order and the level have is settled, and not of which line.
    """
    return {name: fact for name, fact in facts.items() if name not in ("one", "other", "reservations", "order_lines", "backorders")}


def without_whose_pins(facts: Facts) -> Facts:
    """The next orders are those that have something to be picked at that moment: one that another works on, or that has just lost its pins,
    comes later, and where units are short it comes too late. How many are pinned is settled (view bins), and not to which order.
    """
    facts = {name: fact for name, fact in facts.items() if name not in ("shortages", "order_lines")}
    if "serials" in facts:
        facts["serials"] = sorted(json.dumps(json.loads(row)[:3]) for row in facts["serials"])
    for view in ("orders", "reservations"):
        if view in facts:
            facts[view] = sorted(json.dumps({k: v for k, v in as_row(row).items() if k not in ("status", "allocated")}) for row in facts[view])
    return facts


def as_row(row: Any) -> dict[str, Any]:
    """A row of a view."""
    return dict(json.loads(row) if isinstance(row, str) else row)


def without_line(fact: Any) -> Any:
    """A location that closes between the look at the lines and the lock (OS106) is named, and the line no more."""
    if isinstance(fact, Refused) and fact.code == "OS106":
        return Refused(fact.code, json.dumps({"location": json.loads(fact.detail)["location"]}))
    return fact


def without_look_at_warehouses(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """Who promises stock looks at the warehouses more than once, and nobody who changes one waits for that. Of a warehouse that
    closes between the look at the lines and the lock, OS104 does not say which line named it. What a row says of units that are short (balances, offers) is what is open a moment later, and
    the ledger books units that may come from any warehouse at the one that is first then. A receipt that began before its warehouse closed
    is received, and fills no backorders any more.
    """
    facts = {name: Refused("OS104", "") if isinstance(fact, Refused) and fact.code == "OS104" else fact for name, fact in facts.items()}
    rows = list(map(json.loads, facts["ledger"]))
    facts["ledger"] = sorted(json.dumps({k: v for k, v in row.items() if k != "warehouse" or not row["backordered_delta"]}) for row in rows)
    for part in parts:
        if part.scenario.function in PROMISES and not isinstance(facts[part.name], Refused):
            answer = map(json.loads, facts[part.name])
            facts[part.name] = [{k: v for k, v in row.items() if k not in (*BALANCES, "offers") or not row["qty_short"]} for row in answer]
        elif part.scenario.function == "receive":
            stock = map(json.loads, facts["stock"])
            kept = {each.name: facts[each.name] for each in parts} | {"warehouses": facts["warehouses"], "bins": facts["bins"], "ledger": [row for row in rows if row["event_type"] == "RECEIPT"]}
            kept["stock"] = [{k: v for k, v in row.items() if k not in ("reserved", "available", "version")} for row in stock]
            return kept
    return facts


def without_choice_of_bins(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """Who picks passes over bins that another call holds, as long as others have enough, instead of waiting for the first by the removal
    rule. Which bins, and which pieces, is therefore not settled, but how many units of each product and line is. And who finds too little
    where it did not have to wait books holds that have ended, and otherwise does not.
    """
    facts = dict(facts)
    for part in parts:
        if part.scenario.function in PICKS and not isinstance(facts[part.name], Refused):
            # A shipment's balances are those after each of its entries, so after the last one of each line.
            facts[part.name] = summed(facts[part.name], without=BALANCES)
    facts["bins"] = summed(facts["bins"])
    facts["serials"] = sorted(json.dumps([row[key] for key in ("sku", "warehouse", "state", "order_ref", "line")]) for row in map(json.loads, facts["serials"]))
    unsettled = {"ALLOCATE", "DEALLOCATE", "SHIP"}
    if any(request.get("ttl") == "12 hours" for part in parts for _, request in part.scenario.furnish):
        unsettled |= {"EXPIRE"}
        facts["stock"] = sorted(json.dumps({k: v for k, v in as_row(row).items() if k != "version"}) for row in facts["stock"])
    facts["ledger"] = [row for row in facts["ledger"] if json.loads(row)["event_type"] not in unsettled]
    return facts


def without_lots(facts: Facts, parts: tuple[Part, Part]) -> Facts:
    """A call that goes on past midnight has looked at some bins the day before, and looks at others the day after. Units that expired in
    between may or may not be booked as blocked yet (verify allows both, and views show them as blocked), and a shipment takes some of them or
    none. A hold begun before it lasts from the moment when it is written. How many units there are and are promised is settled.
    """
    kept: Facts = {part.name: facts[part.name] if isinstance(facts[part.name], Refused) else "done" for part in parts}
    kept |= {view: facts[view] for view in ("products", "warehouses", "locations")}
    kept["stock"] = [[row[key] for key in ("sku", "warehouse", "on_hand", "reserved")] for row in map(json.loads, facts["stock"])]
    kept["reservations"] = [{k: v for k, v in json.loads(row).items() if k not in ("allocated", "expires_at")} for row in facts["reservations"]]
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
