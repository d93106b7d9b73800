"""Calls for sales channels, and questions of what can be promised."""

from __future__ import annotations

from decimal import Decimal

import psycopg

from ..support import call
from .calls_for_amendments import AmendmentCalls
from .state import ZERO, Line, OrderLine, Refused, Waiting


class SellingCalls(AmendmentCalls):
    """put_channels, put_quotas, availability."""

    def put_quotas(self) -> None:
        """Units kept for channels: some of what there is, or all of it, or more; what holds are about to give back, too."""
        lines: list[Line] = []
        warehouse = self.warehouse()
        for _ in range(self.pick([1, 1, 2, 3])):
            line: Line = {"channel": self.channel(), "sku": self.sku()}
            if any(line["channel"] == other["channel"] and line["sku"] == other["sku"] for other in lines) and self.chance(95):
                continue
            ended = [n for n in self.model.state.lines if self.model.ended(n) and n.used > 0 and n.channel and n.warehouse == warehouse]
            if ended and self.chance(50):
                line = {"channel": ended[0].channel, "sku": ended[0].sku}
            key = line["sku"], warehouse
            there = self.model.level(*key)["available"] if key in self.model.state.entries else ZERO
            line["qty"] = ZERO if self.chance(15) else self.qty(line["sku"], max(there, ZERO) / self.pick([1, 1, 2]))
            lines.append(line)
        self.do("put_quotas", warehouse=warehouse, lines=lines)

    def keep_for_who_waits(self) -> None:
        """Units kept for the channel that somebody waits through, when some come in."""
        if not self.waiting_through_channels():
            self.reserve_beyond(self.channel())
        waiting = self.waiting_through_channels()
        open_places = [place for place in self.places if self.model.state.warehouses[place].active]
        if not waiting or not open_places:
            return
        first = self.pick(waiting)
        warehouse = first.warehouse if first.warehouse in open_places else self.pick(open_places)
        self.do("put_quotas", warehouse=warehouse, lines=[{"channel": first.channel, "sku": first.sku, "qty": self.qty(first.sku, first.backordered)}])
        lot = {"lot": self.pick(["L4", "L5"])} if self.model.state.products[first.sku].tracking == "lot" else {}
        line: Line = {"sku": first.sku, "qty": self.qty(first.sku, first.backordered)} | lot
        self.do("receive", warehouse=warehouse, lines=[line], fill_backorders=self.chance(35))
        self.do("fill_backorders", max_rows=self.pick([1, 1000]))

    def waiting_through_channels(self) -> list[Waiting]:
        """Who waits through a channel."""
        return [w for sku in self.skus for w in self.model.queue(sku) if w.channel is not None]

    def outlast_a_quota(self) -> None:
        """A hold ends that took from a quota: what comes next has to find it there again."""
        if not self.holds_of_quotas() or self.chance(20):
            self.hold_what_is_kept()
        used = self.holds_of_quotas()
        if not used:
            return
        if self.chance(20):
            self.pick([self.cancel, self.release])(self.pick(used).order_ref)
            return
        hold = self.pick(used)
        assert hold.expires_at is not None
        closes = self.chance(25)
        if closes:
            self.do("put_channels", lines=[{"code": hold.channel, "active": False}])
        self.let_time_go_by(hold.expires_at)
        qty = self.qty(hold.sku, hold.reserved)
        line: Line = {"sku": hold.sku, "qty": qty}
        what = self.pick(["put_quotas", "put_quotas", "put_quotas", "reserve", "reserve", "reserve for another", "fill_backorders", "expire_reservations", "expire_reservations"])
        if closes and self.chance(50):
            what = "reserve"
        if what == "put_quotas":
            self.do("put_quotas", warehouse=hold.warehouse, lines=[line | {"channel": hold.channel}])
        elif what == "reserve":
            self.do("reserve", order_ref=self.new_order(), lines=[line | {"warehouse": hold.warehouse}], channel=hold.channel)
        elif what == "reserve for another":
            self.do("reserve", order_ref=self.new_order(), lines=[line | {"warehouse": hold.warehouse}], channel=self.channel())
        else:
            getattr(self, what)()

    def holds_of_quotas(self) -> list[OrderLine]:
        """What is held, and came from a quota."""
        return [n for n in self.model.state.lines if self.model.live(n) and n.expires_at is not None and n.used > 0 and n.channel]

    def hold_what_is_kept(self) -> None:
        """A hold through a channel that something is kept for, or more of a line of it; without any, something is kept first."""
        state = self.model.state
        kept = [key for key in state.quotas if state.channels[key[0]].active and self.model.free_now(key[1:], key[0]) > 0 < self.model.kept(*key)]
        if not kept:
            self.put_quotas()
            return
        channel, sku, warehouse = self.pick(kept)
        qty = self.qty(sku, self.model.free_now((sku, warehouse), channel))
        growing = [n for n in self.model.state.lines if self.model.live(n) and (n.channel, n.sku) == (channel, sku) and n.kit is None]
        if growing and self.chance(40):
            more = self.pick(growing)
            had = self.had([part for part in self.model.parts_of(more.order_ref) if part.sku == sku], more.line)
            self.do("amend", order_ref=more.order_ref, lines=[{"line": more.line, "warehouse": warehouse, "qty": had + qty}])
            return
        line = {"sku": sku, "warehouse": warehouse, "qty": qty}
        self.do("reserve", order_ref=self.new_order(), lines=[line], channel=channel, ttl=self.ttl())

    def change_channel(self) -> None:
        """It closes or opens again, or may use the safety stock or not."""
        closed = [one.code for one in self.model.state.channels.values() if not one.active]
        line: Line = {"code": self.pick(closed) if closed and self.chance(60) else self.pick(["WEB", "TILL", "APP", "FAIR"])}
        if self.chance(40):
            line["uses_safety_stock"] = self.chance(50)
        if self.chance(70):
            line["active"] = self.chance(70)
        if self.chance(20):
            line["name"] = self.pick(["Web", "Shop"])
        self.do("put_channels", lines=[line])

    def ask(self) -> None:
        """What can be promised of a product, to a channel or to anyone."""
        request: Line = {"sku": self.pick([*self.skus, *self.model.state.kits])}
        if self.chance(30):
            request["warehouse"] = self.pick(self.places)
        seller = self.through() if self.chance(50) else self.channel() if self.model.state.channels else None
        if seller is not None:
            request["channel"] = seller
        try:
            expected = self.model.availability(**request)
        except Refused as refused:
            self.refuse_to_tell(request, refused)
            return
        rows = call(self.world.app, "availability", tenant=self.tenant, **request)
        columns = next(iter(expected.values()), {})
        found: dict[tuple[str, str], dict[str, Decimal]] = {
            (row["sku"], row["warehouse"]): {key: row[key] for key in columns} for row in rows
        }
        assert found == expected, f"availability{request} is {found}, expected {expected}"
        self.count("availability", "for a channel" if seller is not None else "for anyone")
        if self.model.is_kit(request["sku"]):
            self.count("availability", "of kits")
        if any(not self.model.state.warehouses[place].active for _, place in expected):
            self.count("availability", "in a closed warehouse")

    def refuse_to_tell(self, request: Line, refused: Refused) -> None:
        """The question fails with this error."""
        try:
            rows = call(self.world.app, "availability", tenant=self.tenant, **request)
        except psycopg.Error as error:
            assert error.sqlstate == refused.code, f"availability{request}\n refused with {error.sqlstate}\n expected {refused}"
            self.count("availability", refused.code)
        else:
            raise AssertionError(f"availability{request}\n answered {rows}\n expected {refused}")
