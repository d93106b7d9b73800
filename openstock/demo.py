"""The demo: a generated shop, workers that order in it at once, an attempt to oversell, and the proof that it failed.

The workers keep books of their own about what they were promised, gave back and shipped. At the end these are held
against the stock that was received and against what the database says, besides the database's own `verify`.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import accumulate
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from openstock.client import Client, connect
from openstock.errors import InsufficientStock
from openstock.results import ReservationChange, Stock

LOGIN = "openstock_demo"
SCARCE = "LAST-TWENTY"
SCARCE_STOCK = {"NORTH": 12, "SOUTH": 8}
SCARCE_DEMAND = 5
WAREHOUSES = [("NORTH", "Northern warehouse", 1), ("SOUTH", "Southern warehouse", 2)]
BATCH = 1000

_GOODS = {  # group: what it sells, and after how many days a lot of it expires
    "TEA": (["Green tea", "Black tea", "Rooibos", "White tea", "Herbal tea"], 540),
    "COF": (["Espresso beans", "Filter coffee", "Decaf beans", "Cold brew"], 300),
    "CHO": (["Dark chocolate", "Milk chocolate", "Nougat", "Truffles"], 200),
    "MUG": (["Mug", "Cup and saucer", "Travel mug", "Bowl"], 0),
    "LMP": (["Table lamp", "Floor lamp", "Lantern", "Tea light holder"], 0),
    "BAG": (["Tote bag", "Lunch bag", "Rucksack", "Purse"], 0),
    "TXT": (["Cushion", "Throw", "Tea towel", "Apron", "Rug"], 0),
    "TOY": (["Wooden train", "Puzzle", "Skittles", "Spinning top"], 0),
    "PAP": (["Notebook", "Gift wrap", "Card set", "Calendar"], 0),
    "GLS": (["Tumbler", "Carafe", "Vase", "Wine glass"], 0),
}
_LOOKS = ["plain", "striped", "spotted", "floral", "retro", "vintage", "checked", "tall", "small", "large"]
_COLOURS = ["red", "blue", "green", "ivory", "grey", "pink", "black", "amber"]


class Progress(Protocol):
    """Shows how far something is, and says things for good."""

    def __call__(self, text: str) -> None: ...
    def say(self, text: str) -> None: ...
    def clear(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Article:
    """A product of the demo's shop, and how likely it is to be ordered."""

    sku: str
    name: str
    group: str
    colour: str
    expires_after: int
    """Days; 0: it has no lots."""
    weight: float
    scarce: bool
    """Nearly sold out, so that some orders are refused."""


@dataclass
class Books:
    """What a worker knows to have happened, from the answers it got."""

    outcomes: Counter[str] = field(default_factory=Counter)
    promised: Counter[str] = field(default_factory=Counter)
    """Units per sku, as are the next two."""
    released: Counter[str] = field(default_factory=Counter)
    shipped: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    repeated: int = 0
    """Calls that were sent twice on purpose, and answered twice alike."""
    retries: int = 0

    def add(self, other: Books) -> None:
        """Take over another worker's."""
        for name in ("outcomes", "promised", "released", "shipped"):
            getattr(self, name).update(getattr(other, name))
        self.calls += other.calls
        self.repeated += other.repeated
        self.retries += other.retries


@dataclass(kw_only=True)
class Result:
    """What the demo did, and what it found wrong."""

    tenant: UUID
    articles: int
    received: int
    """Units."""
    entries: int
    workers: int
    seconds: float
    took: float
    books: Books
    scarce_won: int
    """Orders for the scarce product that were promised, of `scarce_tried`."""
    scarce_tried: int
    sample: list[Stock]
    differences: int
    complaints: list[str]
    """What was oversold, and where the workers' books and the database disagree."""

    @property
    def proven(self) -> bool:
        """Whether nothing was oversold, and all books agree."""
        return not self.differences and not self.complaints

    def text(self, program: str, *, embedded: bool) -> str:
        """The summary for people, whose next steps name the program as it is called from here."""
        outcomes = self.books.outcomes
        orders = sum(outcomes.values())
        lines = [
            "",
            f"Tenant {self.tenant}: {self.articles:,} products, {self.received:,} units received, "
            f"{self.entries:,} ledger entries.",
            f"{self.workers} workers placed {orders:,} orders in {self.seconds:.1f} s, "
            f"{orders / self.seconds:,.0f} orders and {self.books.calls / self.seconds:,.0f} calls a second:",
            "",
        ]
        lines += [f"  {outcomes[name]:>8,}  {name}" for name in OUTCOMES if outcomes[name]]
        lines += [
            "",
            f"  {self.books.repeated:>8,}  calls sent twice with one op_id: the same answer, one effect",
            f"  {self.books.retries:>8,}  calls repeated by the client because another transaction was in the way",
            "",
            f"Overselling {SCARCE}, of which there are {sum(SCARCE_STOCK.values())}: {self.scarce_tried} orders of "
            f"{SCARCE_DEMAND} at once, {self.scarce_won} promised, {self.scarce_tried - self.scarce_won} refused.",
            "",
        ]
        titles = ["sku", "warehouse", "on_hand", "reserved", "available"]
        rows = [[s.sku, s.warehouse, str(s.on_hand), str(s.reserved), str(s.available)] for s in self.sample]
        widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
        for cells in [titles, *rows]:
            left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
            right = [cell.rjust(width) for cell, width in zip(cells[2:], widths[2:], strict=True)]
            lines.append("  " + "  ".join([*left, *right]))
        lines += [
            "",
            f"verify: {self.differences} differences between ledger, stock, bins, reservations and allocations.",
            *(f"WRONG: {complaint}" for complaint in self.complaints[:20]),
        ]
        if not self.complaints:
            lines.append("The workers' own books agree with the database, and nothing was promised that was not there.")
        lines += ["", f"All of it took {self.took:.0f} s.", "", *self._next_steps(program, embedded)]
        return "\n".join(lines)

    def _next_steps(self, program: str, embedded: bool) -> list[str]:
        steps = [
            f"Look at it with:   {program} psql",
            f"  select * from openstock.stock where sku = '{SCARCE}';",
            "  select event_type, order_ref, reserved_delta, reserved_after from openstock.ledger",
            f"    where sku = '{SCARCE}' order by entry_id;",
            "  select sku, name from openstock.search_products(query => 'tea', attributes => '{\"colour\": \"red\"}');",
            f"  select * from openstock.reserve(op_id => 'my-1', order_ref => 'MINE-1',"
            f' lines => \'[{{"sku": "{self.sample[-1].sku}", "qty": 1}}]\');',
            "The README goes on from there.",
        ]
        return [*steps, "", f"The server keeps running; stop it with:   {program} down"] if embedded else steps


OUTCOMES = {
    "shipped": "reserved, allocated, shipped",
    "shipped in part": "part of it shipped, the rest still promised",
    "allocated": "waiting to be shipped",
    "cancelled": "promised, then given back",
    "refused": "not enough stock: nothing was promised",
}


def run(dsn: str, *, seconds: float, skus: int, workers: int, seed: int, progress: Progress) -> Result:
    """Build a new tenant's shop in a migrated database, let the workers order, try to oversell, and verify.

    dsn: a login that may create roles and is a member of openstock_operator, such as a superuser.
    Raises OpenstockError, or psycopg.Error when the workers' login cannot be made.
    """
    began = time.monotonic()
    articles = _articles(random.Random(seed), skus)
    with connect(dsn, statement_timeout=0) as admin:
        tenant = admin.admin.create_tenant(f"Demo shop {datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
        login = admin.connection.info.user
        admin.admin.grant_tenant(login, tenant)
        as_worker = _login(admin, dsn, tenant, progress)

        received = _furnish(admin, as_worker, tenant, articles, random.Random(seed + 1), progress)
        progress.clear()
        progress.say(f"{skus:,} products and {sum(received.values()):,} units are in stock; {workers} workers begin.")
        admin.admin.analyze_tables(all_tables=True)

        books, took = _trade(as_worker, tenant, articles, seconds, workers, seed, progress)
        progress.clear()
        progress.say(f"All at once, everybody wants {SCARCE_DEMAND} of the last {sum(SCARCE_STOCK.values())} {SCARCE}.")
        tried = max(workers, 8)
        scarce, won = _oversell(as_worker, tenant, tried)
        books.add(scarce)

        progress.say("Verifying the ledger against stock, bins, reservations and allocations.")
        differences = admin.admin.verify(tenant)
        admin.admin.refresh_current_stock()
        with connect(as_worker, tenant=tenant) as client:
            stock = client.stock()
        [entries] = admin.transaction(lambda client: _count_entries(client, tenant))
    favourites = [sku for sku, _ in books.promised.most_common(5) if sku != SCARCE][:4]
    return Result(
        tenant=tenant,
        articles=len(articles) + 1,
        received=sum(received.values()),
        entries=entries,
        workers=workers,
        seconds=took,
        took=time.monotonic() - began,
        books=books,
        scarce_won=won,
        scarce_tried=tried,
        sample=[level for sku in [SCARCE, *favourites] for level in stock if level.sku == sku],
        differences=len(differences),
        complaints=list(_complaints(received, books, stock)),
    )


def _count_entries(client: Client, tenant: UUID) -> tuple[int]:
    client.connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
    row: tuple[int] = client.connection.execute("select count(*) from openstock.ledger").fetchone() or (0,)
    return row


def _complaints(received: Counter[str], books: Books, stock: Sequence[Stock]) -> Iterator[str]:
    """What the workers' books say against the stock received and against the database's."""
    on_hand: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    for level in stock:
        on_hand[level.sku] += int(level.on_hand)
        reserved[level.sku] += int(level.reserved)
        if level.available < 0:
            yield f"{level.sku} at {level.warehouse}: {-level.available} more promised than there is"
    for sku in received.keys() | books.promised.keys() | on_hand.keys():
        promised = books.promised[sku] - books.released[sku]
        if promised > received[sku]:
            yield f"{sku}: {promised} promised of {received[sku]}"
        if on_hand[sku] != received[sku] - books.shipped[sku]:
            yield f"{sku}: {on_hand[sku]} on hand, {received[sku]} received and {books.shipped[sku]} shipped"
        if reserved[sku] != promised - books.shipped[sku]:
            yield f"{sku}: {reserved[sku]} reserved, {promised} promised and {books.shipped[sku]} shipped"


# The shop --------------------------------------------------------------------------------------------


def _articles(chance: random.Random, count: int) -> list[Article]:
    """Products in the order of demand, which falls with the rank as in Zipf's law."""
    made = []
    for rank in range(1, count + 1):
        group = chance.choice(list(_GOODS))
        kinds, expires_after = _GOODS[group]
        colour = chance.choice(_COLOURS)
        name = f"{chance.choice(kinds)}, {chance.choice(_LOOKS)}, {colour}"
        made.append(Article(f"{group}-{rank:05d}", name, group, colour, expires_after, 1 / (rank + 5), rank % 11 == 4))
    return made


def _login(admin: Client, dsn: str, tenant: UUID, progress: Progress) -> str:
    """Make the workers' login, bound to the tenant, and return the DSN with which they connect."""
    password = secrets.token_urlsafe(24)
    name, secret = sql.Identifier(LOGIN), sql.Literal(password)
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
        admin.connection.execute(sql.SQL("create role {} login").format(name))
    admin.connection.execute(sql.SQL("grant openstock_app to {}").format(name))
    admin.connection.execute(sql.SQL("alter role {} login password {}").format(name, secret))
    admin.admin.grant_tenant(LOGIN, tenant)
    as_worker = make_conninfo(dsn, user=LOGIN, password=password)
    try:
        psycopg.connect(as_worker, connect_timeout=10).close()
    except psycopg.OperationalError:
        # Such as peer authentication, which knows only the logins of the operating system.
        progress.say(f"The server does not let {LOGIN} in; the workers use your login, {admin.connection.info.user}.")
        return dsn
    return as_worker


def _furnish(
    admin: Client, dsn: str, tenant: UUID, articles: Sequence[Article], chance: random.Random, progress: Progress
) -> Counter[str]:
    """Put products, warehouses and bins, receive stock, and return the units received per sku."""
    bins = [f"{'ABCDEFGH'[n % 8]}-{n // 8 // 10:02d}-{n // 8 % 10:02d}" for n in range(max(40, len(articles) // 20))]
    stock = {code: _opening(code, articles, bins, chance) for code, _, _ in WAREHOUSES}
    for code, qty in SCARCE_STOCK.items():
        stock[code].append({"sku": SCARCE, "qty": qty})
    received: Counter[str] = Counter()
    done: Counter[str] = Counter()
    with connect(dsn, tenant=tenant) as client:
        client.put_warehouses([{"code": code, "name": name, "priority": place} for code, name, place in WAREHOUSES])
        for code, _, _ in WAREHOUSES:
            client.put_locations(
                code, [{"code": name, "kind": "picking", "pick_order": n} for n, name in enumerate(bins, 1)]
            )
        products: list[dict[str, object]] = [{"sku": SCARCE, "name": "Advent calendar, the last twenty"}]
        products += [
            {
                "sku": article.sku,
                "name": article.name,
                "tracking": "lot" if article.expires_after else "none",
                "removal": "fefo" if article.expires_after else "fifo",
                "attributes": {"group": article.group, "colour": article.colour},
            }
            for article in articles
        ]
        for batch in _batches(products):
            client.put_products(batch)
            done["products"] += len(batch)
            progress(f"products: {done['products']:,} of {len(products):,}")
    done.clear()

    stop = threading.Event()

    def receive(code: str, lines: Sequence[dict[str, object]]) -> None:
        with connect(dsn, tenant=tenant) as client:
            for batch in _batches(lines):
                if stop.is_set():
                    return
                client.receive(code, batch, reference="Opening stock")
                done[code] += len(batch)
                progress(f"stock: {done.total():,} of {sum(map(len, stock.values())):,} lines received")

    for code, lines in stock.items():
        receive(code, lines[:BATCH])
    admin.admin.analyze_tables()
    _all_at_once([partial(receive, code, lines[BATCH:]) for code, lines in stock.items()], stop)
    for lines in stock.values():
        for line in lines:
            received[str(line["sku"])] += int(str(line["qty"]))
    return received


def _opening(
    warehouse: str, articles: Sequence[Article], bins: Sequence[str], chance: random.Random
) -> list[dict[str, object]]:
    """A warehouse's opening stock: more of what is asked for more, and in lots where they expire."""
    today = datetime.now(UTC).date()
    lines: list[dict[str, object]] = []
    for rank, article in enumerate(articles, start=1):
        total = chance.randint(1, 3) if article.scarce else chance.randint(10, 40) + 2000 // (rank + 10)
        parts = [total] if total < 20 or chance.random() < 0.7 else [total // 3, total - total // 3]
        for n, (qty, place) in enumerate(zip(parts, chance.sample(bins, len(parts)), strict=True), start=1):
            line: dict[str, object] = {"sku": article.sku, "qty": qty, "location": place}
            if article.expires_after:
                line["lot"] = f"{warehouse[0]}{chance.randint(100, 999)}{n}"
                line["expires_on"] = today + timedelta(days=chance.randint(60, 60 + article.expires_after))
            lines.append(line)
    return lines


def _batches(lines: Sequence[dict[str, object]]) -> Iterator[Sequence[dict[str, object]]]:
    for start in range(0, len(lines), BATCH):
        yield lines[start : start + BATCH]


# The workers -----------------------------------------------------------------------------------------


def _clients(stack: ExitStack, dsn: str, tenant: UUID, count: int) -> list[Client]:
    return [stack.enter_context(connect(dsn, tenant=tenant)) for _ in range(count)]


def _all_at_once(
    calls: Sequence[Callable[[], None]], stop: threading.Event, meanwhile: Callable[[], bool] = lambda: True
) -> None:
    """Run calls in threads, and `meanwhile` again and again until it says that it is time to wait for their end.

    Threads do: workers wait for the server nearly all the time, so that processes were measured to bring nothing.
    Raises the first error of a call. When it is interrupted, `stop` tells the calls, whose end it waits for.
    """
    with ThreadPoolExecutor(len(calls)) as pool:
        try:
            futures = [pool.submit(call) for call in calls]
            while not meanwhile():
                if any(future.done() for future in wait(futures, timeout=0.2, return_when=FIRST_EXCEPTION).done):
                    break
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            raise


class _Worker:
    """A clerk: takes orders as they come, picks and ships most of them, cancels some."""

    def __init__(self, client: Client, number: int, articles: Sequence[Article], weights: Sequence[float], seed: int):
        self.client, self.number, self.articles, self.weights = client, number, articles, weights
        self.chance = random.Random(seed * 1000 + number)
        self.books = Books()
        self._orders = 0

    def serve(self, until: Callable[[], bool]) -> None:
        """Take orders until it is time to stop."""
        while not until():
            self._orders += 1
            self.books.outcomes[self.one_order(f"W{self.number}-{self._orders:06d}")] += 1
        self.books.retries = self.client.retries

    def one_order(self, order: str) -> str:
        """Take an order, and return what became of it."""
        size = self.chance.choice([1, 1, 2, 2, 3, 4])
        chosen = {article.sku for article in self.chance.choices(self.articles, cum_weights=self.weights, k=size)}
        lines = [{"sku": sku, "qty": self.chance.choice([1, 1, 1, 2, 3])} for sku in sorted(chosen)]
        answer = self.reserve(order, lines)
        if answer[0].outcome == "rejected":
            return "refused"
        fate = self.chance.random()
        if fate < 0.12:
            self.release(order)
            return "cancelled"
        self.books.calls += 1
        self.client.allocate(order, op_id=f"{order}:allocate")
        if fate < 0.20:
            return "allocated"
        if fate < 0.24 and len(answer) > 1:
            self.ship(order, [{"line": answer[0].line}])
            return "shipped in part"
        self.ship(order)
        return "shipped"

    def reserve(self, order: str, lines: Sequence[dict[str, object]]) -> list[ReservationChange]:
        """Reserve, and now and then ask the same twice."""
        self.books.calls += 1
        answer = self.client.reserve(order, lines, op_id=f"{order}:reserve")
        if self.chance.random() < 0.02:
            self.books.calls += 1
            again = self.client.reserve(order, lines, op_id=f"{order}:reserve")
            if not all(line.replayed for line in again) or _quantities(again) != _quantities(answer):
                raise RuntimeError(f"order {order}: the same op_id got another answer")
            self.books.repeated += 1
        for line in answer:
            if line.outcome == "reserved":
                self.books.promised[line.sku] += int(line.qty_reserved)
        return answer

    def release(self, order: str) -> None:
        self.books.calls += 1
        for line in self.client.release(order, reason="cancelled by the customer", op_id=f"{order}:release"):
            self.books.released[line.sku] += int(line.qty_ordered)

    def ship(self, order: str, lines: Sequence[dict[str, object]] | None = None) -> None:
        self.books.calls += 1
        for line in self.client.ship(order, lines, op_id=f"{order}:ship"):
            self.books.shipped[line.sku] += int(line.qty)


def _quantities(answer: Sequence[ReservationChange]) -> list[tuple[int, str | None, Decimal]]:
    return [(line.line, line.warehouse, line.qty_reserved) for line in answer]


def _trade(
    dsn: str, tenant: UUID, articles: Sequence[Article], seconds: float, count: int, seed: int, progress: Progress
) -> tuple[Books, float]:
    """Let the workers take orders for some seconds, and return their books and how long it took."""
    weights = list(accumulate(article.weight for article in articles))
    with ExitStack() as stack:
        clients = _clients(stack, dsn, tenant, count)
        workers = [_Worker(client, number, articles, weights, seed) for number, client in enumerate(clients, start=1)]
        began = time.monotonic()
        stop = threading.Event()

        def look() -> bool:
            elapsed = time.monotonic() - began
            orders = sum(worker.books.outcomes.total() for worker in workers)
            rate = orders / max(elapsed, 0.1)
            progress(f"{orders:,} orders, {rate:,.0f} a second, {max(seconds - elapsed, 0):.0f} s to go")
            if elapsed >= seconds:
                stop.set()
            return stop.is_set()

        def work(worker: _Worker) -> None:
            try:
                worker.serve(stop.is_set)
            finally:
                stop.set()  # when one fails, the others need not go on

        _all_at_once([partial(work, worker) for worker in workers], stop, look)
        took = time.monotonic() - began
    books = Books()
    for worker in workers:
        books.add(worker.books)
    return books, took


def _oversell(dsn: str, tenant: UUID, tried: int) -> tuple[Books, int]:
    """Let everybody ask for the scarce product at once, and return the books and how many were lucky."""
    ready = threading.Barrier(tried)
    books, lock = Books(), threading.Lock()
    won = 0

    def ask(client: Client, number: int) -> None:
        nonlocal won
        ready.wait(60)
        try:
            answer = client.reserve(f"LAST-{number}", [{"sku": SCARCE, "qty": SCARCE_DEMAND}], on_shortage="error")
        except InsufficientStock:
            answer = []
        with lock:
            won += bool(answer)
            books.promised[SCARCE] += sum(int(line.qty_reserved) for line in answer)
            books.retries += client.retries

    with ExitStack() as stack:
        clients = _clients(stack, dsn, tenant, tried)
        asking = [partial(ask, client, number) for number, client in enumerate(clients, start=1)]
        _all_at_once(asking, threading.Event())  # each asks once
    return books, won
