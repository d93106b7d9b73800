"""What happens besides business: repeated calls, time, operators and mishaps."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from hypothesis import note

from ..support import call
from .choices import Choices
from .state import Line, Refused
from .witness import TICK

LONGEST = timedelta(days=200)  # that an example may last; partitions reach a year ahead
TAMPER = [
    "update openstock_core.stock_level set on_hand = on_hand + 1 where tenant_id = %s",
    "update openstock_core.stock_level set reserved = reserved + 1, version = version + 1 where tenant_id = %s",
    "update openstock_core.stock_level set blocked = 0 where tenant_id = %s and blocked > 0",
    "update openstock_core.stock_level set fenced = fenced + 1 where tenant_id = %s",
    "update openstock_core.stock_bin set on_hand = on_hand + 2 where tenant_id = %s",
    "update openstock_core.stock_bin set allocated = 0 where tenant_id = %s and allocated > 0",
    "update openstock_core.stock_bin set blocked = not blocked where tenant_id = %s and allocated = 0 and on_hand > 0",
    "update openstock_core.reservation_line set ordered = ordered + 1, shipped = shipped + 1 where tenant_id = %s",
    "update openstock_core.reservation_line set released = released + reserved, reserved = 0 where tenant_id = %s and reserved > 0",
    "update openstock_core.reservation_line set ordered = ordered + 1, expired = expired + 1 where tenant_id = %s",
    "update openstock_core.reservation_line set expired = expired + reserved, reserved = 0 where tenant_id = %s and reserved > 0",
    "update openstock_core.reservation_line set quota_used = quota_used + 1 where tenant_id = %s and quota_used + 1 <= ordered",
    "update openstock_core.backorder set backordered = backordered + 1 where tenant_id = %s and backordered > 0",
    "update openstock_core.backorder set released = released + backordered, backordered = 0 where tenant_id = %s and backordered > 0",
    "update openstock_core.backorder set expired = expired + 1 where tenant_id = %s",
    "update openstock_core.backorder set expires_at = null where tenant_id = %s and expires_at is not null",
    "update openstock_core.backorder set line = line + 100 where tenant_id = %s",
    "update openstock_core.backlog set backordered = backordered + 1 where tenant_id = %s",
    """
    update openstock_core.backlog g set next_expiry_at = b.first_end + interval '1 microsecond'
    from (select tenant_id, product_id, min(expires_at) as first_end from openstock_core.backorder where backordered > 0
          group by tenant_id, product_id) as b
    where g.tenant_id = %s and b.tenant_id = g.tenant_id and b.product_id = g.product_id and b.first_end is not null
    """,
    "update openstock_core.reservation_line set expires_at = null where tenant_id = %s and expires_at is not null",
    "update openstock_core.reservation_line set expires_at = coalesce(expires_at, created_at) - interval '1 day' where tenant_id = %s",
    """
    update openstock_core.stock_level l set next_expiry_at = n.first_end + interval '1 microsecond'
    from (select tenant_id, product_id, warehouse_id, min(expires_at) as first_end from openstock_core.reservation_line where reserved > 0
          group by tenant_id, product_id, warehouse_id) as n
    where l.tenant_id = %s and n.tenant_id = l.tenant_id and n.product_id = l.product_id and n.warehouse_id = l.warehouse_id
      and n.first_end is not null
    """,
]
PROJECTIONS = ["allocation", "stock_bin", "reservation_line", "backorder", "backlog", "reservation_kit", "reservation"]
# Quotas are no projection: they need their levels, which have nothing else then.
LEVELS = [
    "delete from openstock_core.stock_level l where l.tenant_id = %s and not exists (select from openstock_core.channel_quota q "
    "where q.tenant_id = l.tenant_id and q.product_id = l.product_id and q.warehouse_id = l.warehouse_id)",
    "update openstock_core.stock_level set on_hand = 0, blocked = 0, reserved = 0, fenced = 0, version = 0, next_block_at = null, "
    "next_expiry_at = null, last_recorded_at = '-infinity' where tenant_id = %s",
]


class Upkeep(Choices):
    """Calls that come again, the clock, the operator, repair."""

    # --- once more ---------------------------------------------------------------------------------------------------

    def call_again(self) -> None:
        """An op_id comes again, or comes to nothing; or somebody asks what became of an order."""
        if not self.done:
            return
        self.pick([self.repeat, self.repeat_with_a_change, self.think_better_of_it, self.read_history])()

    def repeat(self) -> None:
        """The same call again: the stored answer, and nothing happens."""
        op_id = self.pick(list(self.done))
        function, request, rows = self.done[op_id]
        again = self.attempt(function, op_id, request)
        assert again == [row | {"replayed": True} for row in rows], f"{function}{request} again: {again}"
        self.count("repeat", "done")

    def repeat_with_a_change(self) -> None:
        """Another call with an op_id that was used."""
        op_id = self.pick(list(self.done))
        function, request, _ = self.done[op_id]
        if self.chance(50) and isinstance(request.get("lines"), list):
            changed = request | {"lines": [*request["lines"], request["lines"][0]]}
        elif "order_ref" in request:
            changed = request | {"order_ref": request["order_ref"] + "x"}
        else:
            function = "receive" if function != "receive" else "move"
            changed = {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 1}]}
        self.refuse(function, op_id, changed, Refused("OS010"))

    def think_better_of_it(self) -> None:
        """A transaction of several calls that is rolled back: nothing happens, and the op_ids are free."""
        op_id = f"op {next(self.op_ids)}"
        calls: list[Callable[[], Any]] = []
        for function in self.pick([["receive", "reserve"], ["ship", "release"], ["allocate", "ship"], ["extend", "confirm", "cancel"], ["reserve", "expire_reservations"],
                                   ["cancel", "fill_backorders", "allocate_next"], ["allocate", "deallocate"]]):
            request: Line = {"order_ref": self.order()}
            if function == "receive":
                request = {"warehouse": "LON", "lines": [{"sku": "APPLE", "qty": 5}]}
            elif function == "reserve":
                request |= {"lines": [{"sku": "APPLE", "qty": 1}], "ttl": timedelta(hours=1), "on_shortage": self.pick(["reject", "backorder"])}
            elif function == "extend":
                request["ttl"] = timedelta(days=1)
            elif function in ("expire_reservations", "fill_backorders"):
                request = {}
            elif function == "allocate_next":
                request = {"warehouse": "LON"}
            calls.append(lambda function=function, request=request: self.attempt(function, f"{op_id} {function}", request))
        with self.world.app.transaction(force_rollback=True):
            for one in calls:
                try:
                    with self.world.app.transaction():
                        one()
                except psycopg.Error as error:
                    assert (error.sqlstate or "").startswith("OS"), error

    # --- looking back ------------------------------------------------------------------------------------------------

    def read_history(self) -> None:
        """An order's entries, also those from before it was confirmed, add up to what it has and had."""
        if not self.model.state.orders:
            return
        order_ref = self.pick(sorted(self.model.state.orders))
        entries = call(self.world.reader, "order_history", order_ref=order_ref)
        lines, waiting = self.model.lines_of(order_ref), self.model.waiting_of(order_ref)
        assert sum(entry["reserved_delta"] for entry in entries) == sum(n.reserved for n in lines)
        assert sum(entry["allocated_delta"] for entry in entries) == sum(self.model.pinned(n) for n in lines)
        assert sum(entry["backordered_delta"] for entry in entries) == sum(w.backordered for w in waiting)
        assert sum(-entry["qty_delta"] for entry in entries if entry["event_type"] == "SHIP") == sum(n.shipped for n in lines)
        for event_type in ("RELEASE", "EXPIRE"):
            given_back = sum(-entry["reserved_delta"] - entry["backordered_delta"] for entry in entries if entry["event_type"] == event_type)
            assert given_back == sum(part.released if event_type == "RELEASE" else part.expired for part in [*lines, *waiting])
        self.count("order_history", "done")

    # --- the clock, the operator, repair -----------------------------------------------------------------------------

    def upkeep(self) -> None:
        """What operators do."""
        self.pick(
            [self.days_go_by, self.days_go_by, self.block_expired_lots, self.expire_reservations_as_operator, self.fill_backorders_as_operator,
             self.refresh_current_stock, self.rebuild, self.tamper_and_rebuild, self.tear_down_and_rebuild]
        )()

    def let_time_go_by(self, until: datetime) -> None:
        """The next call comes at exactly this moment."""
        if self.model.now + TICK <= until < self.world.noon + LONGEST:
            note(f"  it becomes {until}")
            self.set_clock(until)
            self.just_set = True

    def days_go_by(self) -> None:
        """Lots expire."""
        self.let_time_go_by(self.model.now + timedelta(days=self.number(1, 3)))

    def time_goes_by(self) -> None:
        """A while, or until something ends: to the moment, or one before or after it."""
        now = self.model.now
        ends = sorted({part.expires_at for part in self.parts if part.open > 0 and part.expires_at is not None and part.expires_at > now})
        moment = timedelta(microseconds=self.pick([0, 0, 0, -1, 1]))
        if ends and self.chance(70):
            self.let_time_go_by(self.pick([ends[0], ends[0], self.pick(ends)]) + moment)
        elif self.chance(75):
            self.let_time_go_by(now + timedelta(minutes=self.number(1, 20) * self.pick([1, 1, 30])))
        else:
            midnight = datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)
            self.let_time_go_by(midnight + moment)

    def block_expired_lots(self) -> None:
        """What expired is booked; views show no difference but in what is pinned."""
        call(self.world.operator, "openstock_admin.block_expired_lots", tenant=self.tenant)
        self.model.settle_all()

    def expire_reservations_as_operator(self) -> None:
        """Holds that ended are booked; views show no difference."""
        max_lines = self.pick([1, 2, 1000])
        rows = self.model.call("expire_reservations", {"max_lines": max_lines})
        [found] = call(self.world.operator, "openstock_admin.expire_reservations", tenant=self.tenant, max_lines=max_lines)
        assert found == {"expire_reservations": len(rows)}

    def fill_backorders_as_operator(self) -> None:
        """What came free goes to who waits."""
        max_rows = self.pick([1, 2, 1000])
        rows = self.model.call("fill_backorders", {"max_rows": max_rows})
        [found] = call(self.world.operator, "openstock_admin.fill_backorders", tenant=self.tenant, max_rows=max_rows)
        assert found == {"fill_backorders": len(rows)}

    def refresh_current_stock(self) -> None:
        """The snapshot, summed from the ledger alone, is what the model counts."""
        call(self.world.operator, "openstock_admin.refresh_current_stock")
        self.compare("openstock_dw.current_stock", ["sku", "warehouse"], self.model.snapshot(), self.world.analyst)

    def rebuild(self) -> None:
        """Nothing is to be repaired."""
        for replace in (False, True):
            assert call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=replace) == []
        self.model.look_again()

    def tamper_and_rebuild(self) -> None:
        """Somebody changes a projection behind the ledger's back; verify sees it and rebuild puts it right."""
        damage = self.pick(TAMPER)
        harm = self.world.db.execute(damage, [self.tenant]).rowcount
        found = self.verify()
        reported = call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant)
        assert [(r["fact"], r["key"]) for r in reported] == [(r["fact"], r["key"]) for r in found]
        assert bool(found) == bool(harm), f"{damage}: {found}"
        call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=True)
        assert self.verify() == []
        self.model.look_again()

    def tear_down_and_rebuild(self) -> None:
        """All projections are lost, and come back from the ledger."""
        with self.world.db.transaction():
            for table in PROJECTIONS:
                self.world.db.execute(f"delete from openstock_core.{table} where tenant_id = %s", [self.tenant])
            for loss in LEVELS:
                self.world.db.execute(loss, [self.tenant])
        call(self.world.operator, "openstock_admin.rebuild", tenant=self.tenant, replace=True)
        self.model.forget()
