"""What is kept for sales channels, and what is free for whom."""

from __future__ import annotations

from decimal import Decimal

from .books import Books
from .state import ZERO, LevelKey, OrderLine, Refused, Row


class Channels(Books):
    """Quotas: units of a level that only one channel is promised."""

    def kept(self, channel: str | None, sku: str, warehouse: str) -> Decimal:
        """Units kept for a channel as booked: without what holds that have ended are about to give back."""
        return ZERO if channel is None else self.state.quotas.get((channel, sku, warehouse), ZERO)

    def coming_back(self, sku: str, warehouse: str, channel: str | None = None) -> Decimal:
        """Units of holds that have ended which are kept again for their channels, or for one, though that is not booked."""
        ended = [n for n in self.state.lines if (n.sku, n.warehouse) == (sku, warehouse) and self.ended(n)]
        return sum((self.goes_back(n, n.reserved) for n in ended if channel in (None, n.channel)), ZERO)

    def goes_back(self, line: OrderLine, units: Decimal) -> Decimal:
        """How many of the units that a line gives back are kept for its channel again: as many as came from there, while it is open."""
        is_open = line.channel is not None and self.state.channels[line.channel].active
        return min(units, line.used) if is_open else ZERO

    def fenced(self, sku: str, warehouse: str) -> Decimal:
        """Units kept for all channels together, as booked."""
        return sum((qty for (_, *key), qty in self.state.quotas.items() if key == [sku, warehouse]), ZERO)

    def level(self, sku: str, warehouse: str) -> Row:
        """What is kept is not available to anyone; what has ended is kept again."""
        row = super().level(sku, warehouse)
        return row | {"available": row["available"] - self.fenced(sku, warehouse) - self.coming_back(sku, warehouse)}

    def booked(self, sku: str, warehouse: str) -> Row:
        """The same, as the ledger has it."""
        row = super().booked(sku, warehouse)
        return row | {"available": row["available"] - self.fenced(sku, warehouse)}

    def free(self, key: LevelKey, channel: str | None) -> Decimal:
        """What a level can promise to a channel, or to who has none, as booked."""
        return self.booked(*key)["available"] + self.kept(channel, *key) + self.safety(key[0], channel)

    def free_now(self, key: LevelKey, channel: str | None) -> Decimal:
        """The same with what has ended, whether or not it is booked."""
        own = ZERO if channel is None else self.kept(channel, *key) + self.coming_back(*key, channel)
        return self.level(*key)["available"] + own + self.safety(key[0], channel)

    def safety(self, sku: str, channel: str | None) -> Decimal:
        """The safety stock that a channel may use."""
        uses = channel is not None and self.state.channels[channel].uses_safety_stock
        return self.state.products[sku].safety if uses else ZERO

    def _open_channel(self, code: str | None) -> None:
        if code is not None and code not in self.state.channels:
            raise Refused("OS116")
        if code is not None and not self.state.channels[code].active:
            raise Refused("OS117")

    # --- units that come from a quota, and go back ---------------------------------------------------------------------

    def _use_quota(self, line: OrderLine, units: Decimal) -> Decimal:
        """A line takes these units, its channel's quota first; what it took of that."""
        used = min(units, self.kept(line.channel, line.sku, line.warehouse))
        self._change_quota(line, -used)
        return used

    def _return_to_quota(self, line: OrderLine, units: Decimal) -> Decimal:
        """A line gives these units back; what of them is kept again."""
        back = self.goes_back(line, units)
        self._change_quota(line, back)
        return back

    def _change_quota(self, line: OrderLine, change: Decimal) -> None:
        line.used -= change
        if change:
            assert line.channel is not None
            self.state.quotas[line.channel, line.sku, line.warehouse] += change

    # --- views ---------------------------------------------------------------------------------------------------------

    def channels(self) -> dict[str, Row]:
        """openstock.channels."""
        return {
            code: {"name": one.name, "uses_safety_stock": one.uses_safety_stock, "active": one.active}
            for code, one in self.state.channels.items()
        }

    def quotas(self) -> dict[tuple[str, str, str], Row]:
        """openstock.quotas."""
        rows = {key: {"qty": qty + self.coming_back(*key[1:], key[0])} for key, qty in self.state.quotas.items()}
        return {key: row for key, row in rows.items() if row["qty"] > 0}

    def availability(self, sku: str, warehouse: str | None = None, channel: str | None = None) -> dict[LevelKey, Row]:
        """openstock.availability of a product."""
        self._open_channel(channel)
        rows: dict[LevelKey, Row] = {}
        for key in self.state.entries:
            if key[0] == sku and warehouse in (None, key[1]):
                row = self.level(*key)
                free = row["available"] if channel is None else max(self.free_now(key, channel), ZERO)
                active = self.state.products[sku].active and self.state.warehouses[key[1]].active
                rows[key] = row | {"fenced": self.fenced(*key) + self.coming_back(*key), "available": free if active else min(free, ZERO)}
        return rows
