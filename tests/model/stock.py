"""What openstock promises, in plain Python: no SQL, no sets, no intervals; one unit after the other.

The Model predicts every answer and every error of the writing functions, and what the views show. It knows nothing of stored balances: each
figure is counted from the bins and lines whenever it is asked for. Where equals have to be told apart it follows what the SQL documents:

- bins are picked by expiry (fefo; none last) or newest arrival (lifo), then oldest arrival, pick_order, age of the bin's row (pickable_bins.sql);
- bins that one call makes are as old as each other, and stand in the order of location, lot, status (make_bins.sql);
- lines that name a warehouse are served before those that do not, then in the call's order; warehouses by the strategy, priority, then code (plan_reservation.sql,
  choose_warehouses.sql);
- who waits is served by priority of the order, then since when it waits (a hold from when it is confirmed), then age (plan_fill.sql), and takes from
  warehouses by priority, then code; released is what waits before what is promised, the youngest first (match_order_lines.sql);
- who waits counts against a product's limit, holds too; those that have ended are booked before a reserve is refused for it (lock_backlogs.sql);
- an amendment gives back before it promises, and what it gives back it may promise; it books the ended holds of its own order wherever that has something,
  those that share a bin with pins that it may take off, and as many as reserve would for what is wanted more (find_stock.sql, find_giving.sql);
- orders are worked off by priority, promised time, age (claim_orders.sql); of those called, who gets nothing leaves its turn to those behind;
- units that a line asked for are pinned as they are promised, in the order that plan_pins.sql documents; lines that ask for certain units and are not pinned in full
  choose before all others, and keep a claim on such units whoever else asks (find_claims.sql); where a bin loses units, the lines that ask for least give way first (unpin_from_bins.sql, plan_moves.sql);
- what comes from a channel's quota goes to the first part of a call that may have it (promise.sql), and of what is filled to the oldest order and line
  (fill_queue.sql); holds that have ended are also booked where their channel's quota would be used now, and by put_quotas (find_holds_of_quotas.sql, write_quotas.sql);
- components of kits stand in the order in which the products were made (read_order_lines.sql, split_kit_entries.sql);
- pinned units give way after units that are not pinned, those of holds that have ended first, then newest allocation first (unpin_from_bins.sql, plan_moves.sql,
  unpin_from_lines.sql, match_short_picks.sql);
- a shipment takes its own pinned units first, the oldest allocation first (plan_shipment.sql);
- holds that have ended count as gone; they are booked only where a call comes up short without their units, the longest ended first: by reserve at each level
  up to what it promises there, or where a line asks for certain units, up to what the call wants of the product (find_stock.sql, make_room.sql), by allocate and ship at each level up to what the lines there need, counting what is pinned to bins that can
  be picked (find_due_holds.sql), by fill_backorders at each level up to what waits for the product;
- fill_backorders does not look at a product of which nothing is available and no hold ended, so that nothing due is booked there
  (fill_from_stock.sql); receive gives nothing of what holds that have ended still keep.
"""

from __future__ import annotations

import pickle

from .selling import Selling
from .state import Line, Refused, Row


class Model(Selling):
    """A tenant's stock. `call()` predicts what a function answers."""

    def call(self, function: str, request: Line) -> list[Row]:
        """The rows of the answer, as far as they can be predicted; Refused where the call is to fail and change nothing."""
        before = pickle.dumps(self.state)
        self._calls += 1
        self.journal = []
        try:
            rows: list[Row] = getattr(self, f"_{function}")(**request)
        except Refused:
            self.state = pickle.loads(before)
            raise
        return rows
