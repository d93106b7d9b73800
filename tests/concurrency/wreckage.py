"""What must be true after a storm: the answers, held against the ledger."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

from psycopg.rows import dict_row

from ..support import Row, call
from .certain import Bins, distinct
from .kept import NOTHING, Kept, Key, between
from .specialties import COMPONENTS, is_certain
from .storm import LIMITS, PRODUCTS, SAFETY, WAREHOUSES, Done, Storm


@dataclass
class Line:
    """The life of a reservation line: after each of its entries, what is promised, how much of it a channel's quota gave, and until when.

    An entry is written at one moment and seen by others at a later one, which was over when its call was answered.
    """

    key: Key
    channel: str | None
    times: list[datetime] = field(default_factory=list)
    answered: list[datetime] = field(default_factory=list)
    reserved: list[Decimal] = field(default_factory=list)
    used: list[Decimal] = field(default_factory=list)
    ends: list[datetime | None] = field(default_factory=list)

    def ended(self, moment: datetime, n: int) -> Decimal:
        """What is promised after n entries by a hold that is over at this moment."""
        end = self.ends[n - 1] if n else None
        return self.reserved[n - 1] if end is not None and end <= moment else NOTHING

    def seen(self, moment: datetime, done: Done) -> range:
        """After how many of its entries a call may have seen it, if it decided at this moment."""
        first = max((n for n, at in enumerate(self.answered, 1) if at <= done.began), default=0)
        booked, last = (bisect_right(self.times, at) for at in (moment, done.ended))
        return range(min(first, booked), max(last, booked) + 1)

    def freed(self, moment: datetime, n: int, seller: str | None) -> Decimal:
        """What of that is free for this channel: for another it is again kept, as far as it came from what was kept for it."""
        units = self.ended(moment, n)
        return units if self.channel in (None, seller) or not units else units - min(units, self.used[n - 1])


def is_kit(sku: str) -> bool:
    return sku == "BOX"


def parts(sku: str) -> list[tuple[str, Decimal]]:
    """What one of it takes from stock: of a kit its components."""
    return [(part["sku"], Decimal(str(part["qty"]))) for part in COMPONENTS] if is_kit(sku) else [(sku, Decimal(1))]


def can_be_judged(done: Done) -> bool:
    """Two lines that ask for certain units may be in each other's way: then more could be had by another choice of bins."""
    return sum(map(is_certain, distinct(done.request))) < 2


def line_of(row: Row, done: Done) -> dict[str, Any]:
    """The line of the request that a row of the answer is about."""
    numbers = sorted({each["line"] for each in done.rows})
    lines = distinct(done.request)
    assert len(numbers) == len(lines), done
    return lines[numbers.index(row["line"])]


def safety(sku: str, channel: str | None) -> Decimal:
    """The units that are not promised to this channel, or to none."""
    return NOTHING if channel == "TILL" else SAFETY.get(sku, NOTHING)


def keys_of(sku: str, warehouse: str | None) -> list[Key]:
    """The levels that may send it: of this warehouse, or of all."""
    return [(sku, place) for place in WAREHOUSES if warehouse in (None, place)]


class Wreckage:
    """A storm that is over. `check()` looks at all of it."""

    def __init__(self, storm: Storm) -> None:
        self.storm = storm
        self.shop = storm.shop
        self.began = {done.op_id: done.began for done in storm.done}
        self.answered = {done.op_id: done.ended for done in storm.done}

    def check(self) -> None:
        """What must be true afterwards. Nothing ends while it is looked at."""
        self.storm.clock.stop()
        assert self.shop.differences() == []
        assert self.storm.verified > 0, "nobody looked while it raged"
        self.check_views_are_net_of_what_ended()
        self.sweep()
        assert self.shop.differences() == []
        self.check_nothing_was_oversold()
        self.check_answers_add_up()
        self.check_holds_lived_and_ended_in_time()
        self.check_answers_about_promises()
        self.check_queues()
        self.check_blocked_bins()
        self.check_rejections()
        self.check_parts()
        if not self.storm.losses:
            short = [d for d in self.storm.done if d.function.startswith("allocate") and any(row["outcome"] == "short" for row in d.rows)]
            assert short == [], "units that nobody lost were not found"
        self.check_queues_can_be_filled()

    # --- what the ledger says ----------------------------------------------------------------------------------------

    @cached_property
    def entries(self) -> list[Row]:
        """All entries in their order, with the reservation line, which the view does not show."""
        query = """
            select e.entry_id, e.recorded_at, e.op_id, e.event_type, p.sku::text as sku, w.code::text as warehouse, e.order_ref::text as order_ref,
              e.reservation_line_id, e.expires_at, e.reason, e.reserved_delta::numeric as reserved_delta,
              coalesce(e.backordered_delta, 0)::numeric as backordered_delta, coalesce(e.quota_delta, 0)::numeric as quota_delta, c.code::text as channel,
              e.on_hand_after::numeric as on_hand_after, e.blocked_after::numeric as blocked_after,
              e.reserved_after::numeric as reserved_after
            from openstock_core.ledger e
            join openstock_core.product p using (tenant_id, product_id)
            join openstock_core.warehouse w using (tenant_id, warehouse_id)
            left join openstock_core.reservation_line l using (tenant_id, reservation_line_id)
            left join openstock_core.channel c on c.tenant_id = e.tenant_id and c.channel_id = l.channel_id
            where e.tenant_id = %s
            order by e.entry_id"""
        with self.storm.db.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, [self.shop.tenant]).fetchall()

    @cached_property
    def history(self) -> dict[Key, list[Row]]:
        """Per level, the entries that changed it."""
        found: defaultdict[Key, list[Row]] = defaultdict(list)
        for entry in self.entries:
            if entry["on_hand_after"] is not None:
                chain = found[entry["sku"], entry["warehouse"]]
                assert not chain or chain[-1]["recorded_at"] < entry["recorded_at"], "entries out of order"
                chain.append(entry)
        return found

    @cached_property
    def times(self) -> dict[Key, list[datetime]]:
        """Per level, when it changed."""
        return {key: [entry["recorded_at"] for entry in chain] for key, chain in self.history.items()}

    @cached_property
    def line_by_id(self) -> dict[int, Line]:
        """All reservation lines."""
        lines: dict[int, Line] = {}
        for entry in self.entries:
            if entry["event_type"] not in ("RESERVE", "EXTEND", "CONFIRM", "RELEASE", "SHIP", "EXPIRE") or not entry["reservation_line_id"]:
                continue
            line = lines.setdefault(entry["reservation_line_id"], Line((entry["sku"], entry["warehouse"]), entry["channel"]))
            redates = entry["event_type"] in ("RESERVE", "EXTEND", "CONFIRM")
            line.times.append(entry["recorded_at"])
            line.answered.append(max(entry["recorded_at"], self.answered.get(entry["op_id"], entry["recorded_at"])))
            line.reserved.append((line.reserved[-1] if line.reserved else NOTHING) + entry["reserved_delta"])
            line.used.append((line.used[-1] if line.used else NOTHING) - entry["quota_delta"])
            line.ends.append(entry["expires_at"] if redates else line.ends[-1])
        return lines

    @cached_property
    def lines(self) -> dict[Key, list[Line]]:
        """Per level, the lines that were promised from it."""
        found: defaultdict[Key, list[Line]] = defaultdict(list)
        for line in self.line_by_id.values():
            found[line.key].append(line)
        return found

    @cached_property
    def kept(self) -> Kept:
        """What was kept for channels."""
        return Kept(self.storm.db, self.shop.tenant, self.entries)

    @cached_property
    def bins(self) -> Bins:
        """What lay where."""
        return Bins(self.storm.db, self.shop.tenant)

    # --- promises ----------------------------------------------------------------------------------------------------

    def check_views_are_net_of_what_ended(self) -> None:
        """From its last moment on a hold counts against nobody, booked or not."""
        stock, now = self.shop.view("stock"), self.storm.now(self.shop.connection)
        for row in stock:
            live = sum(line.reserved[-1] - line.ended(now, len(line.times)) for line in self.lines[row["sku"], row["warehouse"]])
            assert row["reserved"] == live, row
        for row in self.shop.view("reservations"):
            assert row["reserved"] == 0 or row["expires_at"] is None or row["expires_at"] > now, row

    def sweep(self) -> None:
        """Book what has ended since; what is read afterwards is the whole story."""
        while call(self.shop.connection, "expire_reservations", tenant=self.shop.tenant):
            pass
        for table, quantity in (("reservation_line", "reserved"), ("backorder", "backordered")):
            [(left,)] = self.storm.db.execute(
                f"select count(*) from openstock_core.{table} "
                f"where tenant_id = %s and {quantity} > 0 and expires_at <= openstock.server_time()",
                [self.shop.tenant],
            ).fetchall()
            assert left == 0, "nobody was there to hold a lock, and it was left"
        for name in ("entries", "history", "times", "line_by_id", "lines", "kept", "bins"):
            self.__dict__.pop(name, None)

    def check_nothing_was_oversold(self) -> None:
        """After each promise, what was promised was there, and not kept for others."""
        promises = 0
        for entry in self.entries:
            if entry["event_type"] == "RESERVE":
                left = entry["on_hand_after"] - entry["blocked_after"] - entry["reserved_after"]
                key = entry["sku"], entry["warehouse"]
                others = self.kept.from_others(key, entry["channel"], entry["recorded_at"])
                assert left >= safety(entry["sku"], entry["channel"]) + others, f"oversold: {entry}, {others} kept for others"
                promises += 1
        assert promises > 0, "nothing was promised"

    def check_answers_add_up(self) -> None:
        """What the answers say came, went and was promised is what there is."""
        on_hand: defaultdict[Key, Decimal] = defaultdict(Decimal)
        reserved: defaultdict[Key, Decimal] = defaultdict(Decimal)
        waiting: defaultdict[str, Decimal] = defaultdict(Decimal)
        for done in self.storm.done:
            for row in done.rows:
                key = row["sku"], row["warehouse"]
                if done.function in ("receive", "adjust", "move"):
                    on_hand[key] += row["qty"]
                elif done.function == "ship":
                    on_hand[key] -= row["qty"]
                    reserved[key] -= row["qty"]
                elif done.function == "reserve" and row["outcome"] == "reserved":
                    reserved[key] += row["qty_reserved"]
                elif done.function == "reserve" and row["outcome"] == "backordered":
                    waiting[row["sku"]] += row["qty_backordered"]
                elif done.function in ("release", "cancel") and row["on_hand"] is None:  # what waits is at no level
                    waiting[row["sku"]] -= row["qty_released"]
                elif done.function in ("release", "cancel"):
                    reserved[key] -= row["qty_released"]
        # A row of amend says what its line has, not by how much that changed.
        amended = {done.op_id for done in self.storm.done if done.function == "amend"}
        for entry in self.entries:
            if entry["event_type"] == "EXPIRE" or entry["reason"] == "filled" or entry["op_id"] in amended:
                reserved[entry["sku"], entry["warehouse"]] += entry["reserved_delta"]
                waiting[entry["sku"]] += entry["backordered_delta"]
        for row in self.shop.view("stock"):
            key = row["sku"], row["warehouse"]
            assert (row["on_hand"], row["reserved"]) == (on_hand[key], reserved[key]), key
        query = "select p.sku, g.backordered from openstock_core.backlog g join openstock_core.product p using (tenant_id, product_id) where tenant_id = %s"
        backlogs = {sku: qty for sku, qty in self.storm.db.execute(query, [self.shop.tenant]) if qty}
        assert backlogs == {sku: qty for sku, qty in waiting.items() if qty}

    def check_holds_lived_and_ended_in_time(self) -> None:
        """None was booked before its end or only in part, none was used after it, and what was confirmed never ended."""
        seen: dict[int, tuple[Decimal, datetime | None]] = {}
        expired = 0
        for entry in self.entries:
            what, line = entry["event_type"], entry["reservation_line_id"]
            if line is None or what in ("MOVE", "STATUS", "DEALLOCATE"):
                continue
            reserved, end = seen.get(line, (NOTHING, None))
            if entry["reason"] == "filled":
                assert end is None or reserved == 0, f"a hold grew: {entry}"
                end = None
            assert what == "RESERVE" or reserved > 0, f"about nothing: {entry}"
            if what == "EXPIRE":
                assert end is not None, f"had no end: {entry}"
                assert end <= entry["recorded_at"], f"booked before its end: {entry}"
                assert reserved + entry["reserved_delta"] == 0, entry
                expired += 1
            elif end is not None and reserved > 0:
                assert self.began[entry["op_id"]] < end, f"it had ended at {end} before the call began: {entry}"
            if what == "EXTEND":
                assert end is not None, f"had no end: {entry}"
                assert entry["expires_at"] >= end, f"ends sooner than it would: {entry}"
            if what == "CONFIRM":
                assert end is not None, f"was confirmed before: {entry}"
            if what in ("RESERVE", "EXTEND", "CONFIRM"):
                end = entry["expires_at"]
            seen[line] = reserved + entry["reserved_delta"], end
        assert expired > 0, "no hold ended"

    def check_answers_about_promises(self) -> None:
        """What was answered about promises is what was written, row for row."""
        words = {"reserved": "RESERVE", "backordered": "BACKORDER", "filled": "RESERVE", "extended": "EXTEND", "confirmed": "CONFIRM"}
        words |= {"released": "RELEASE", "cancelled": "RELEASE"}
        written: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for entry in self.entries:
            written[entry["op_id"], entry["event_type"]].append(entry)
        for done in self.storm.done:
            for outcome in {row["outcome"] for row in done.rows if "qty_short" in row} & words.keys():
                rows = [row for row in done.rows if row["outcome"] == outcome]
                entries = written[done.op_id, words[outcome]]
                assert len(rows) == len(entries), done
                for row, entry in zip(rows, entries, strict=True):
                    assert (row["order_ref"], row["sku"]) == (entry["order_ref"], entry["sku"]), done
                    assert row["warehouse"] in ((None, entry["warehouse"]) if row["on_hand"] is None else (entry["warehouse"],)), done
                    if outcome not in ("released", "cancelled"):
                        assert row["expires_at"] == entry["expires_at"], (row, entry)
                        assert row["qty_reserved"] + row["qty_backordered"] > 0, row
                if outcome == "confirmed":
                    wanted = done.request.get("new_order_ref") or done.request["order_ref"]
                    assert {row["order_ref"] for row in rows} == {wanted}, done
                elif outcome == "extended":
                    assert all(row["expires_at"] >= done.began + done.request["ttl"] for row in rows), done
            if done.function == "expire_reservations":
                given = sorted(row["qty_released"] for row in done.rows)
                assert given == sorted(-entry["reserved_delta"] - entry["backordered_delta"] for entry in written[done.op_id, "EXPIRE"]), done

    def check_queues(self) -> None:
        """What waits is what the queues show and the holds that have no place yet; never more than may."""
        total: defaultdict[str, Decimal] = defaultdict(Decimal)
        for entry in self.entries:
            total[entry["sku"]] += entry["backordered_delta"]
            assert 0 <= total[entry["sku"]] <= LIMITS.get(entry["sku"], 9999), f"more waits than may: {entry}"
        shown: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in self.shop.view("backorders"):
            shown[row["sku"]] += row["qty"]
        for row in self.shop.view("reservations"):
            if row["backordered"] and row["expires_at"]:
                shown[row["sku"]] += row["backordered"]
        assert {sku: qty for sku, qty in shown.items() if qty} == {sku: qty for sku, qty in total.items() if qty}

    def check_queues_can_be_filled(self) -> None:
        """Once there is enough, nobody waits any more, but for holds."""
        waiting = {(row["order_ref"], row["line"]) for row in self.shop.view("backorders")}
        lines = [{"sku": product["sku"], "qty": 999} | ({"lot": "LAST"} if "tracking" in product else {}) for product in PRODUCTS]
        for warehouse in WAREHOUSES:
            self.shop.receive(warehouse, lines, fill_backorders=False)
        rows = self.shop.fill_backorders(max_rows=10000)
        assert {(row["order_ref"], row["line"]) for row in rows} == waiting
        assert self.shop.view("backorders") == []
        assert self.shop.differences() == []

    def check_blocked_bins(self) -> None:
        """Each bin is blocked exactly if its status, its location's kind, its lot's date or its lot's quality says so."""
        kinds = {(row["warehouse"], row["location"]): row["kind"] for row in self.shop.view("locations")}
        held = {(row["sku"], row["lot"]) for row in self.shop.view("lots") if row["quality"] != "released"}
        today = self.storm.now(self.shop.connection).date()
        for row in self.shop.view("bins"):
            expired = (row["expires_on"] is not None and row["expires_on"] < today) or (row["sku"], row["lot"]) in held
            must = row["status"] != "available" or kinds[row["warehouse"], row["location"]] == "quarantine" or expired
            assert (row["blocked"] > 0) == must, row

    # --- rejections --------------------------------------------------------------------------------------------------

    def at(self, key: Key, moment: datetime) -> tuple[Decimal, Decimal, Decimal]:
        """What a level had booked at a moment: on hand, blocked, reserved."""
        n = bisect_right(self.times.get(key, []), moment)
        if not n:
            return NOTHING, NOTHING, NOTHING
        entry = self.history[key][n - 1]
        return entry["on_hand_after"], entry["blocked_after"], entry["reserved_after"]

    def ended(self, key: Key, moment: datetime, done: Done, *, free: bool = False) -> tuple[Decimal, Decimal]:
        """The least and the most that a level may have had promised by holds that were over and not booked; or of it what is free for the call's channel.

        Holds are extended and confirmed without the level: whether one that ended during the call counts is the call's affair.
        """
        least = most = NOTHING
        seller = done.request.get("channel")
        for line in self.lines[key]:
            booked = bisect_right(line.times, moment)
            if booked and line.reserved[booked - 1] > 0:
                units = partial(line.freed, seller=seller) if free else line.ended
                least += min(units(done.began, n) for n in line.seen(moment, done))
                most += max(units(done.ended, n) for n in line.seen(moment, done))
        return least, most

    def check_rejections(self) -> None:
        """At some moment between call and answer the balances were those of the rejection, and did not cover the order."""
        rejected = 0
        for done in self.storm.done:
            if done.function == "reserve" and done.rows[0]["outcome"] == "rejected" and can_be_judged(done):
                if not any(self.rejects(done, moment) for moment in self.moments(done)):
                    raise AssertionError(self.told(done))
                rejected += 1
        assert rejected > 0, "nothing was rejected"

    def moments(self, done: Done) -> Iterator[datetime]:
        """When the balances may have been those of the answer."""
        yield done.began
        changes = [self.kept.set_at, *self.times.values()]
        if any(map(is_certain, done.request["lines"])):
            changes.append(self.bins.times)
        for times in changes:
            yield from between(times, done.began, done.ended)

    def left(self, sku: str, warehouse: str | None, moment: datetime, done: Done) -> tuple[Decimal, Decimal]:
        """The least and the most that the levels which may send it could promise at a moment."""
        least = most = NOTHING
        seller = done.request.get("channel")
        for key in keys_of(sku, warehouse):
            on_hand, blocked, reserved = self.at(key, moment)
            booked = on_hand - blocked - reserved - safety(sku, seller) - self.kept.from_others(key, seller, moment)
            fewest, greatest = self.ended(key, moment, done, free=True)
            least, most = least + max(booked + fewest, NOTHING), most + max(booked + greatest, NOTHING)
        return least, most

    def could_have(self, line: Row, moment: datetime, done: Done, *, claims: bool = False) -> Decimal:
        """The least that a line could have had of the units that it asks for: of those in bins, no more than their level could promise; and at most what others
        leave that asked for such units and lost them.
        """

        def ended(line_id: int) -> bool:
            hold = self.line_by_id[line_id]
            return all(hold.ended(done.began, n) > 0 for n in hold.seen(moment, done))

        found = NOTHING
        for key in keys_of(line["sku"], line.get("warehouse")):
            in_bins = self.bins.free(line, key[1], moment, done.ended.date(), ended)
            if claims:
                in_bins -= sum(self.bins.claimed(line, claim, key[1], moment, done.ended.date(), ended) for claim in self.claims(key, moment, done.ended.date(), ended))
            found += min(in_bins, self.left(*key, moment, done)[0])
        return found

    def claims(self, key: Key, moment: datetime, today: date, ended: Callable[[int], bool]) -> Iterator[tuple[dict[str, Any], Decimal]]:
        """What lines of a level ask for that were promised certain units and had not all of them pinned; and how many they lacked."""
        for line_id, wish in self.bins.wishes[key].items():
            line = self.line_by_id[line_id]
            n = bisect_right(line.times, moment)
            if n and line.reserved[n - 1] > 0 and not ended(line_id):
                lack = line.reserved[n - 1] - self.bins.pinned(line_id, key, moment, today)
                if lack > 0:
                    yield wish, lack

    def rejects(self, done: Done, moment: datetime) -> bool:
        """Whether these rows tell the truth about this moment."""
        wanted: defaultdict[tuple[str, str | None], Decimal] = defaultdict(Decimal)
        for row in done.rows:
            for sku, each in parts(row["sku"]):
                wanted[sku, row["warehouse"]] += row["qty_ordered"] * each
        # Those that ask for certain units take theirs first, wherever they find them.
        chosen: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in done.rows:
            if is_certain(line_of(row, done)) and row["warehouse"] is None:
                chosen[row["sku"]] += row["qty_ordered"]

        def lacks(sku: str, place: str | None, available: Decimal) -> bool:
            named = sum(qty for (other, at), qty in wanted.items() if other == sku and at is not None and place is None)
            return wanted[sku, place] + named + (chosen[sku] if place else 0) > available

        for row in done.rows:
            place, line = row["warehouse"], line_of(row, done)
            if is_certain(line):
                short = any(self.could_have(line, moment, done, claims=claims) < row["qty_ordered"] for claims in (False, True))
            elif is_kit(row["sku"]):
                short = any(lacks(sku, place, self.left(sku, place, moment, done)[0]) for sku, _ in parts(row["sku"]))
            elif self.shows(row, done, moment):
                short = lacks(row["sku"], place, row["available"])
            else:
                return False
            if row["qty_short"] > 0 and not short:
                return False
        return True

    def shows(self, row: Row, done: Done, moment: datetime) -> bool:
        """Whether the balances of this row may have been those of this moment."""
        keys = keys_of(row["sku"], row["warehouse"])
        levels = [(*self.at(key, moment), *self.ended(key, moment, done)) for key in keys]
        on_hand, blocked, reserved, least, most = (sum(level[n] for level in levels) for n in range(5))
        fewest, greatest = self.left(row["sku"], row["warehouse"], moment, done)
        same = (on_hand, blocked) == (row["on_hand"], row["blocked"])
        return same and reserved - most <= row["reserved"] <= reserved - least and bool(fewest <= row["available"] <= greatest)

    def check_parts(self) -> None:
        """Who got a part, or waits, came when there was no more: at some moment between call and answer nothing of what is missing was left."""
        seen: set[str] = set()
        for done in self.storm.done:
            missing = [row for row in done.rows if done.function == "reserve" and row["outcome"] in ("short", "backordered")]
            if missing and can_be_judged(done):
                if not any(self.leaves_nothing(missing, done, moment) for moment in self.moments(done)):
                    raise AssertionError(self.told(done))
                seen |= {row["outcome"] for row in missing}
        assert "backordered" in seen, "nobody waited"

    def leaves_nothing(self, missing: list[Row], done: Done, moment: datetime) -> bool:
        """Whether no level that was asked had anything left at this moment; for kits, not enough for one more."""
        for row in missing:
            line = line_of(row, done)
            if is_certain(line):
                if self.could_have(line, moment, done) > 0 and self.could_have(line, moment, done, claims=True) > 0:
                    return False
                continue
            left = [(self.left(sku, row["warehouse"], moment, done)[0], each) for sku, each in parts(row["sku"])]
            if all(units >= each if is_kit(row["sku"]) else units > 0 for units, each in left):
                return False
        return True

    def told(self, done: Done) -> str:
        """All about a rejection that was none."""
        names = ("sku", "warehouse", "qty_ordered", "qty_short", "on_hand", "blocked", "reserved", "available")
        rows = [tuple(str(row[name]) for name in names) for row in done.rows]
        keys = [key for row in done.rows for sku, _ in parts(row["sku"]) for key in keys_of(sku, None)]

        def state(key: Key, moment: datetime) -> tuple[Any, ...]:
            return tuple(map(str, (*self.at(key, moment), *self.ended(key, moment, done))))

        states = [(str(moment), {key: state(key, moment) for key in keys}) for moment in sorted(self.moments(done))]
        lay = [
            (serial, place, *(self.bins.pieces[serial][place].told(done.began, done.ended)))
            for line in done.request["lines"] for serial in line.get("serials", []) for place in self.bins.pieces[serial]
        ]  # fmt: skip
        return f"{done.op_id} at {self.storm.level.name} was rejected and never short: {rows} {states}, pieces {lay}, began {done.began}, ended {done.ended}"
