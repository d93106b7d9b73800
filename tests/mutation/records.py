"""What is known of mutations: killers.json, which `python -m tests.mutation.find` writes, and equivalents, which people write."""

from __future__ import annotations

import json
from pathlib import Path

KILLERS = Path(__file__).with_name("killers.json")

# Mutations that no caller can tell from the original, each with the reason. This list is the honest part: what is here is
# not tested, so a reason has to say why there is nothing to test.
EQUIVALENT: dict[str, str] = {
    "openstock_core.bin_differences: where a.tenant_id = tenant": "the sums are joined by internal ids, which no two tenants share",
    "openstock_core.bin_differences: where b.handling_unit_id is not null": "units of no handling unit are joined to none; the condition lets the index of handling units be used",
    "openstock_core.bin_differences: where b.tenant_id = tenant": "handling units are looked up within the tenant, and their numbers are of no other",
    "openstock_core.bring_serials: where array_position(l.serial_ids, null) > 0": "only saves statements that would find nothing",
    "openstock_core.bring_serials: where l.qty > 0": "only saves statements that would find nothing",
    "openstock_core.bring_serials: where s.serial_id is null": "pieces that are there are left alone by `on conflict do nothing`",
    "openstock_core.certain_bins: where s.on_hand > 0": "an empty bin has nothing free, and who changes one holds its level, which is locked here; lets the index of stocked bins serve",
    "openstock_core.check_still_open: for no key update": "whoever changes a line has locked its order or its level, and both are locked here; a level that is not locked had its hold booked before, which the comparison sees",
    "openstock_core.check_still_open: for no key update (2)": "whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.check_still_open: order by b.backorder_id": "nobody waits here: whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.check_still_open: order by l.reservation_line_id": "nobody waits here: whoever changes a line has locked its order or its level, and both are locked here; a level that is not locked had its hold booked before",
    "openstock_core.choose_serials: where u.serial_id <> all (named) (2)": "no call names some of a line's pins in a bin and leaves others of them to be chosen",
    "openstock_core.claim_orders: where b.on_hand > 0": "an empty bin has nothing free and nothing pinned; lets the index of stocked bins serve",
    "openstock_core.claim_orders: where l.reserved > 0": "more than what is pinned, which is not negative, is more than nothing; lets the index of open promises serve",
    "openstock_core.end_holds: where b.expires_at is not null": "min passes over nulls; lets the index of waiting holds serve",
    "openstock_core.end_holds: where n.expires_at is not null": "min passes over nulls; lets the index of holds by level serve",
    "openstock_core.ended_pins: where l.reserved > 0": "what has nothing reserved has nothing pinned",
    "openstock_core.ended_units: where b.on_hand > 0": "an empty bin adds nothing; the condition lets the index of stocked bins be used",
    "openstock_core.ended_units: where l.next_block_at <= ended_units.at": "no units that are not blocked expire before their level's next_block_at: it only saves looking",
    "openstock_core.ended_units: where l.next_block_at <= ended_units.at or l.next_expiry_at <= ended_units.at": "where nothing has ended nothing changes: it only saves a row",
    "openstock_core.ended_units: where l.next_expiry_at <= ended_units.at": "no open hold ends before its level's next_expiry_at: it only saves looking",
    "openstock_core.ended_units: where n.reserved > 0": "a line that has nothing reserved frees nothing; the condition lets the index of open holds be used",
    "openstock_core.fill_from_stock: where g.product_id = any (product_ids)": "of other products no level is locked, and make_room looks at locked levels only",
    "openstock_core.fill_queue: where l.reserved = 0 or l.expires_at is null": "all open parts of a line end together, and only what waits without end is filled",
    "openstock_core.find_bins: where k.lot_id is null": "all bins of a product have a lot, or none has, so that no other bin has the key of a line with a lot",
    "openstock_core.find_bins: where s.lot_id is null": "all bins of a product have a lot, or none has, and who looks for bins without one names a product without",
    "openstock_core.find_bins: where s.product_id = k.product_id": "a lot is of one product",
    "openstock_core.find_due_holds: where d.reserved > 0": "a line that has nothing reserved has nothing pinned, and frees nothing; lets the index of holds by level serve",
    "openstock_core.find_giving: where l.reserved > 0 (2)": "make_room leaves out again lines that have nothing reserved",
    "openstock_core.find_stock: where certain": "certain_bins finds nothing for other lines; only saves asking",
    "openstock_core.find_stock: where certain (2)": "certain_bins finds nothing for other lines; only saves asking",
    "openstock_core.fit_kits: where c.available > 0": "no candidate has less than nothing, and nothing adds nothing",
    "openstock_core.fit_kits: where c.place is not null": "warehouses are left out only where others have all that is wanted, or where none may send: then plan_reservation, which comes next, promises nothing",
    "openstock_core.fold_kits: order by p.n": "what is kept of a component's row is the same in the rows of all components of its line",
    "openstock_core.fold_kits: where p.kit_id = l.kit_id": "a line that is short names one product, or the components of one kit",
    "openstock_core.inherit_ages: where u.source <> u.target": "a bin that units leave is not empty, and only empty ones inherit",
    "openstock_core.level_differences: where b.tenant_id = tenant": "the sums are joined by internal ids, which no two tenants share",
    "openstock_core.level_differences: where k.tenant_id = tenant": "the sums are joined by internal ids, which no two tenants share",
    "openstock_core.level_differences: where n.tenant_id = tenant": "the sums are joined by internal ids, which no two tenants share",
    "openstock_core.line_differences: where a.tenant_id = tenant": "the sums are joined by internal ids, which no two tenants share",
    "openstock_core.line_differences: where k.tenant_id = tenant": "orders are looked up within the tenant, and their numbers are of no other",
    "openstock_core.lock_backlogs: where b.backordered > 0": "whoever fills or gives back what waits has locked its backlog, and that is locked here",
    "openstock_core.lock_backlogs: where not exists (select from openstock_core.backlog g where g.tenant_id = te ... g.product_id = p.product_id)": "backlogs that are there are left alone by `on conflict do nothing`",
    "openstock_core.lock_backlogs: where s.expires_at <= due.at": "what ended first comes first, and the condition is repeated of what is locked",
    "openstock_core.lock_backlogs: where u.expiry_at <= due.at": "only saves a statement that would find nothing",
    "openstock_core.lock_candidate_levels: order by key": "lock_levels puts them in order",
    "openstock_core.lock_candidate_levels: order by key (2)": "lock_levels puts them in order",
    "openstock_core.lock_handling_units: where h.handling_unit_id is null": "handling units that are there are left alone by `on conflict do nothing`",
    "openstock_core.lock_open_lines: for no key update": "whoever changes a line has locked its order or its level, and both are locked here",
    "openstock_core.lock_open_lines: order by l.reservation_line_id": "nobody waits here: whoever changes a line has locked its order or its level, and both are locked here",
    "openstock_core.lock_order_backorders: for no key update": "whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.lock_order_backorders: order by b.backorder_id": "nobody waits here: whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.lock_queue: for no key update": "whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.lock_queue: order by b.backorder_id": "nobody waits here: whoever changes a backorder has locked its order or its backlog, and both are locked here",
    "openstock_core.lock_queue: where b.backordered > 0": "whoever waits is held against his own channel: others only add rows that he does not meet",
    "openstock_core.lock_queue: where b.expires_at is null": "whoever waits is held against his own channel: others only add rows that he does not meet",
    "openstock_core.lock_queue: where b.product_id = any (array(select k.product_id from unnest(levels) as k))": "whoever waits is held against his own channel: others only add rows that he does not meet",
    "openstock_core.lock_waiting: where k.product_id = any (product_ids)": "of a product that nobody waits for lock_queue finds nobody",
    "openstock_core.make_bins: where k.bin_id is null": "bins that are there are left alone by `on conflict do nothing`",
    "openstock_core.make_levels: for no key update": "who read the lines has locked these products, in this order",
    "openstock_core.make_levels: order by k.product_id, k.warehouse_id": "whoever makes levels of a product holds its row",
    "openstock_core.make_levels: order by p.product_id": "who read the lines has locked these products, in this order",
    "openstock_core.make_lots: order by l.n (2)": "lines say what place they have, and whoever cares for it puts them in order by that",
    "openstock_core.make_lots: where l.lot is not null": "only saves statements that would find nothing",
    "openstock_core.make_lots: where l.lot is not null (2)": "read_stock_lines refuses an expiry without a lot, so that such lines have none that could differ",
    "openstock_core.make_lots: where l.lot_id is null": "only saves statements that would find nothing",
    "openstock_core.make_lots: where l.lot_id is null (2)": "read_stock_lines gives lines of a known lot its expiry, so that they have no two",
    "openstock_core.make_lots: where l.lot_id is null (3)": "lots that are there are left alone by `on conflict do nothing`",
    "openstock_core.make_room: where l.expires_at <= due.at": "find_giving names holds that have ended, and nobody extends them while their order is locked",
    "openstock_core.make_room: where l.next_expiry_at <= due.at": "only saves looking for holds where none has ended",
    "openstock_core.match_short_picks: where i.tracking = 'serial'": "bins of other products hold no pieces: it only saves looking for them",
    "openstock_core.pickable_bins: where b.on_hand > 0": "allocated is not negative, so what has more than that is not empty; lets the index of stocked bins serve",
    "openstock_core.plan_fill: order by w.priority, w.code (3)": "all levels of a product keep the same safety stock",
    "openstock_core.plan_fill: where (l.available > 0 or l.fenced > 0 or l.safety_stock > 0)": "only saves looking at levels that can give nothing",
    "openstock_core.plan_fill: where b.backordered > 0": "whoever waits for nothing gets nothing, and takes nothing from others",
    "openstock_core.plan_fill: where b.product_id in (select k.product_id from unnest(levels) as k)": "of another product no level is locked, and so there is nothing to fill its backorders from",
    "openstock_core.plan_moves: where a.bin_id = any (sources)": "each bin's pins are laid out by themselves, and joined to what leaves the bin",
    "openstock_core.plan_pins: order by c.bin_id": "only numbers the bins: any order gives each a number of its own",
    "openstock_core.plan_pins: order by u.product_id, c.warehouse_id": "only numbers the levels: any order gives each a number of its own",
    "openstock_core.post: where (m.qty <> 0 or m.allocated <> 0)": "only saves writing rows that are right",
    "openstock_core.post: where u.bin_id is not null": "no bin has the id null",
    "openstock_core.post: where u.reservation_line_id is not null": "no line has the id null",
    "openstock_core.post_allocations: where a.bin_id = m.bin_id (2)": "an allocation that is empty was emptied by this very call",
    "openstock_core.post_allocations: where a.reservation_line_id = m.reservation_line_id (2)": "an allocation that is empty was emptied by this very call",
    "openstock_core.post_allocations: where u.allocated_delta < 0 (2)": "an allocation is empty only after units were taken off it",
    "openstock_core.post_allocations: where u.allocated_delta <> 0": "only saves statements that would find nothing",
    "openstock_core.post_backorders: where u.backorder_id is not null": "only saves statements that would find nothing",
    "openstock_core.post_backorders: where u.backorder_id is not null (2)": "no backorder has the id null",
    "openstock_core.post_quotas: where u.quota_delta <> 0": "only saves statements that would find nothing",
    "openstock_core.read_order_lines: where p.is_kit": "only saves a look: what is no kit has no components",
    "openstock_core.read_stock_lines: order by c.n": "lines say what place they have, and whoever cares for it puts them in order by that",
    "openstock_core.refuse_unwritten: where u.warehouse_id = s.warehouse_id": "units come in at one warehouse a call, so that a product has one level that can become too large",
    "openstock_core.release_units: where t.backorder_id is not null": "lines of the array without a backorder come last, and backorder_movements joins them to nothing",
    "openstock_core.release_units: where t.backorder_id is not null (2)": "lines of the array without a backorder come last, and backorder_movements joins them to nothing",
    "openstock_core.replace_backorders: where not exists (select from openstock_core.reservation o where o.tenant_id  ... d o.order_ref = r.order_ref)": "orders that are there are left alone by `on conflict do nothing`",
    "openstock_core.replace_due_times: where n.expires_at is not null": "min passes over nulls; the condition lets the index of open holds be used",
    "openstock_core.replace_due_times: where s.tenant_id = tenant": "the update writes only levels of the tenant, and joins them by internal ids, which no two tenants share",
    "openstock_core.replace_levels: where p.tenant_id = tenant": "the products are named by internal ids, which no two tenants share",
    "openstock_core.replace_levels: where s.tenant_id = tenant": "the levels' products are looked up within the tenant",
    "openstock_core.replace_lines: where not exists (select from openstock_core.reservation o where o.tenant_id  ... d o.order_ref = r.order_ref)": "orders that are there are left alone by `on conflict do nothing`",
    "openstock_core.replace_serials: where (u.bin_id, u.reservation_line_id, u.product_id) is distinct from (k.bin ... ation_line_id, k.product_id)": "only saves writing rows that are right",
    "openstock_core.replace_serials: where n.tenant_id = tenant": "the update writes only pieces of the tenant, and joins them by internal ids, which no two tenants share",
    "openstock_core.replayed_lines: where e.event_type = 'SHIP'": "what moves with a pin leaves one bin and enters another, so that nothing but shipments adds up to anything",
    "openstock_core.replayed_serials: where s.tenant_id = tenant": "the entries are the tenant's, and joined by their numbers, which no two tenants share",
    "openstock_core.reservation_answer: where s.product_id = e.product_id (2)": "an order's line is of one kit, and so are all its components",
    "openstock_core.reserve_directly: where w.available >= qty": "the update asks again, of what is locked; saves locking an order twice",
    "openstock_core.resolve_adjustments: order by l.n": "lines say what place they have, and whoever cares for it puts them in order by that",
    "openstock_core.serial_bins: where l.expires_at <= due.at": "lock_due_holds leaves out again what has not ended",
    "openstock_core.serial_differences: where b.tenant_id = tenant": "the bins' products are looked up within the tenant",
    "openstock_core.serial_differences: where l.tenant_id = tenant": "the entries' products are looked up within the tenant",
    "openstock_core.serial_differences: where n.tenant_id = tenant": "the allocations' bins are looked up within the tenant",
    "openstock_core.shortage_answer: where n.reserved > 0": "lines that have nothing reserved add nothing",
    "openstock_core.shortage_answer: where s.next_expiry_at <= stock.at": "it is the first end of the level's holds: before it, no line has ended",
    "openstock_core.unanalyzed_tables: where c.relkind = 'r'": "a partitioned table holds nothing itself",
    "openstock_core.unanalyzed_tables: where c.relkind in ('r', 'p')": "only tables are asked for their bytes, and what has none is left out",
    "openstock_core.unanalyzed_tables: where t.isleaf": "a partitioned table holds nothing itself",
    "openstock_core.units_of_lots: where b.bin_id = any (bin_ids)": "all stocked bins of the lots that are asked for are among these",
    "openstock_core.unpin_from_bins: where k.surplus > 0": "without a surplus, `s.before < s.surplus` is false",
    "openstock_core.write_kits: where g.old <> g.new": "only saves writing rows that are right",
    "openstock_core.write_kits: where g.old <> g.new (3)": "only saves writing the components of a kit that stays as it is, as they are",
    "openstock_core.write_kits: where not g.new ? c.component_id::text": "only saves deleting rows that the same statement writes again",
    "openstock_core.write_lots: where b.product_id in (select u.product_id from unnest(lines) as u)": "a lot is of one product; lets the index of bins by product serve",
    "openstock_core.write_quotas: where l.expires_at <= due.at": "lock_due_holds leaves out again what has not ended",
    "openstock_core.write_quotas: where l.reserved > 0": "lock_due_holds leaves out again what is booked",
}


def read_killers() -> dict[str, str]:
    """The test that fails with each mutation, by the mutation's name."""
    if not KILLERS.exists():
        return {}
    by_function: dict[str, dict[str, str]] = json.loads(KILLERS.read_text(encoding="utf-8"))
    return {f"{function}: {clause}": test for function, clauses in by_function.items() for clause, test in clauses.items()}


def write_killers(killers: dict[str, str]) -> None:
    """Write them by function."""
    by_function: dict[str, dict[str, str]] = {}
    for name, test in killers.items():
        function, clause = name.split(": ", 1)
        by_function.setdefault(function, {})[clause] = test
    KILLERS.write_text(json.dumps(by_function, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
