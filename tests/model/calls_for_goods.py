"""Calls that change master data and the stock in bins."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from .state import STATUSES, ZERO, Line
from .upkeep import Upkeep


class GoodsCalls(Upkeep):
    """receive, adjust, move, put_lots, put_products, put_warehouses, put_locations."""

    def receive(self) -> None:
        """Goods in; often what somebody waits for, and not enough for all."""
        waiting = [sku for sku in self.skus if self.model.queue(sku)]
        open_places = [place for place in self.places if self.model.state.warehouses[place].active]
        warehouse = self.pick(open_places) if open_places and self.chance(95) else self.warehouse()
        if waiting and self.chance(60):
            first = self.model.queue(self.pick(waiting))[0]
            warehouse = first.warehouse if first.warehouse in open_places and self.chance(60) else warehouse
            line: Line = {"sku": first.sku, "qty": self.qty(first.sku, first.backordered)}
            if self.model.state.products[first.sku].tracking == "lot":
                line["lot"] = self.pick(["L4", "L5"])
            self.do("receive", warehouse=warehouse, lines=[line], **self.to_whom())
        else:
            self.receive_into(warehouse, self.number(1, 4))

    def to_whom(self) -> Line:
        """Whether who waits gets it at once; by default they do."""
        return {"fill_backorders": self.chance(20)} if self.chance(50) else {}

    def receive_into(self, warehouse: str, many: int) -> None:
        """Goods in, of so many lines."""
        lines = []
        for _ in range(many):
            line, _ = self.stock_line(warehouse, known=40)
            line["qty"] = self.qty(line["sku"]) * self.pick([1, 2, 4])
            lot = self.model.state.lots.get((line["sku"], line.get("lot", "")))
            if "lot" in line and self.chance(60):
                known = lot.expires_on if lot else next((n["expires_on"] for n in lines if n.get("lot") == line["lot"] and "expires_on" in n), None)
                expires_on = self.model.today + timedelta(days=self.number(-1, 6))
                line["expires_on"] = known if known and self.chance(99) else expires_on
            lines.append(line)
        self.do("receive", warehouse=warehouse, lines=lines, **self.to_whom())

    def adjust(self) -> None:
        """Corrections."""
        pinned = [b for b in self.model.state.bins.values() if b.pins]
        if pinned and self.chance(35):
            near = self.pick(pinned)
            self.lose_what_is_free(near.sku, near.warehouse)
            return
        warehouse = self.warehouse()
        lines = []
        for _ in range(self.number(1, 3)):
            line, on_hand = self.stock_line(warehouse, known=75)
            keys = ("sku", "location", "lot", "status")
            if any(all(line.get(key) == other.get(key) for key in keys) for other in lines) and self.chance(95):
                continue
            if self.chance(30):
                line["set_to"] = self.qty(line["sku"], on_hand) if self.chance(80) else ZERO
                place = self.model.state.bins.get(
                    (line["sku"], warehouse, line.get("location", "DEFAULT"), line.get("lot"), line.get("status", "available"))
                )
                line["expected"] = (place.on_hand if place else ZERO) if self.chance(95) else self.qty(line["sku"])
            else:
                line["qty"] = -self.qty(line["sku"], on_hand) if on_hand and self.chance(75) else self.qty(line["sku"])
            if self.chance(1):
                line.pop("expected", None)
            lines.append(line)
        self.do("adjust", warehouse=warehouse, lines=lines, reason="found so")

    def lose_what_is_free(self, sku: str, warehouse: str) -> None:
        """All units of a product at a warehouse are gone but those that are pinned."""
        there = [b for b in self.model.bins_at(sku, warehouse) if b.free > 0 and not self.model.blocked(b)]
        lines = [{"sku": b.sku, "location": b.location, "status": b.status, "qty": -b.free} | ({"lot": b.lot} if b.lot else {}) for b in there]
        if lines:
            self.do("adjust", warehouse=warehouse, lines=lines, reason="a flood")

    def move(self) -> None:
        """Bin to bin, and status changes."""
        warehouse = self.warehouse()
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 2, 3])):
            if lines and self.chance(25):  # another line out of the same bin, or on from where that one went
                line, on_hand = dict(lines[-1]), ZERO
                if "to" in line and self.chance(50):
                    line["from"], line["status"] = line["to"], line.get("to_status", line.get("status", "available"))
            else:
                line, on_hand = self.stock_line(warehouse, known=97)
                if "location" in line:
                    line["from"] = line.pop("location")
            line.pop("to", None)
            line.pop("to_status", None)
            if self.chance(75):
                line["to"] = self.location(warehouse)
            if self.chance(30) or "to" not in line:
                line["to_status"] = self.pick(STATUSES)
            line["qty"] = self.qty(line["sku"], on_hand)
            lines.append(line)
        self.do("move", warehouse=warehouse, lines=lines)

    def put_lots(self) -> None:
        """Lots on hold, those that somebody has pinned above all, and released again; now and then new ones."""
        skus = [sku for sku in self.skus if self.model.state.products[sku].tracking == "lot"]
        lines: list[Line] = []
        for _ in range(self.pick([1, 1, 2])):
            pinned = [b for b in self.model.state.bins.values() if b.pins and b.sku in skus]
            held = [key for key, lot in self.model.state.lots.items() if lot.quality != "released"]
            if held and self.chance(50):
                sku, lot = self.pick(held)
                line: Line = {"sku": sku, "lot": lot, "quality": "released"}
            elif pinned and self.chance(60):
                place = self.pick(pinned)
                line = {"sku": place.sku, "lot": place.lot, "quality": self.pick(["hold", "rejected"])}
            else:
                line = {"sku": self.pick(skus) if skus and self.chance(97) else self.sku(), "lot": f"L{self.number(1, 6)}"}
                line |= {"quality": self.pick(["hold", "rejected", "released"])} if self.chance(80) else {}
                line |= {"expires_on": self.model.today + timedelta(days=self.number(1, 6))} if self.chance(15) else {}
            if all((line["sku"], line["lot"]) != (other["sku"], other["lot"]) for other in lines) or self.chance(5):
                lines.append(line)
        self.do("put_lots", lines=lines)

    def change_master_data(self) -> None:
        """A product, a warehouse or a location changes."""
        self.pick([self.change_product, self.change_warehouse, self.change_location])()

    def change_product(self) -> None:
        """Above all, what is kept out of promises and which units go first."""
        line: Line = {"sku": self.pick(self.skus)}
        if self.chance(60):
            line["safety_stock"] = self.pick([ZERO, ZERO, Decimal(1), Decimal(3), Decimal("0.5")])
        if self.chance(40):
            line["removal"] = self.pick(["fefo", "fifo", "lifo", "fewest_bins"])
        if self.chance(40):
            line |= self.policy()
        if self.chance(25):
            line["active"] = self.chance(70)
        if self.chance(10):
            line["decimals"] = self.number(0, 2)
        if self.chance(5):
            line["tracking"] = self.pick(["none", "lot"])
        self.do("put_products", lines=[line])

    def policy(self) -> Line:
        """How many units of a product may wait; seldom a wrong word."""
        if self.chance(2):
            return self.pick([{"backorder": "limited", "backorder_limit": None}, {"backorder": "none", "backorder_limit": 3}, {"backorder": "some"}])
        limit = Decimal(self.number(1, 12)) if self.chance(50) else None
        return {"backorder": "limited" if limit else self.pick(["none", "unlimited", "unlimited"]), "backorder_limit": limit}

    def change_warehouse(self) -> None:
        """It opens or closes, or changes its place in the order of sourcing."""
        line: Line = {"code": self.pick(list(self.model.state.warehouses))}
        if self.chance(60):
            line["priority"] = self.number(1, 3)
        if self.chance(25):
            line["shipping_cost"] = self.pick([None, Decimal(self.number(0, 9))])
        if self.chance(15):
            line["shipping_cost_by_zone"] = {self.pick(["DE", "FR", "UK"]): Decimal(self.number(0, 9)) for _ in range(self.number(0, 2))}
        if self.chance(50):
            line["active"] = self.chance(75)
        self.do("put_warehouses", lines=[line])

    def open_up(self) -> None:
        """A closed warehouse opens again."""
        self.do("put_warehouses", lines=[{"code": self.pick(self.places), "active": True}])

    def change_location(self) -> None:
        """What it is for."""
        warehouse = self.warehouse()
        line: Line = {"code": self.pick(["A", "B", "Q", "N"])}
        if self.chance(50):
            line["kind"] = self.pick(["receiving", "storage", "picking", "packing", "quarantine"])
        if self.chance(50):
            line["pick_order"] = self.number(-1, 2)
        if self.chance(30):
            line["active"] = self.chance(75)
        self.do("put_locations", warehouse=warehouse, lines=[line])
