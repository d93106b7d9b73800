"""Everything that is measured side by side: the limits, openstock, and what a user would otherwise run.

A contender names a script, the template whose copy it runs on, and what each of its transactions must have changed, by
which its outcome is checked. All of them are the same kind of work where they stand in one ratio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent

SHOP, PEERS, MEDUSA = "openstock_bench_shop", "openstock_bench_peers", "openstock_bench_medusa"

UNIFORM = "random(1, :skus)"
ZIPF = "random_zipfian(1, :skus, 1.1)"
HOT = "1"

ALL = (1, 2, 4, 8, 16, 32)
FLUSH_1_MS = {"commit_delay": "1000", "commit_siblings": "0"}
"""Makes each flush of the log wait a millisecond, as the disks of many clouds do."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one transaction changes: units, ledger entries, and calls that openstock keeps as operations."""

    promised: int = 0
    released: int = 0
    shipped: int = 0
    received: int = 0
    entries: int = 0
    calls: int = 0

    def totals(self, transactions: int) -> dict[str, int]:
        """What so many transactions add up to, as the checks of outcomes are given it."""
        return {
            "transactions": transactions,
            "promised": self.promised * transactions,
            "reserved": (self.promised - self.released - self.shipped) * transactions,
            "shipped": self.shipped * transactions,
            "received": self.received * transactions,
            "entries": self.entries * transactions,
            "calls": self.calls * transactions,
        }


ONE_LINE = Effect(promised=1, entries=1, calls=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One thing that is measured. `name` is its key in ratios and results."""

    name: str
    title: str
    group: str
    """limit, openstock or peer."""
    script: str
    """Below bench/, with {sku} where the choice of a product goes; or a driver: client, medusa."""
    template: str
    check: str
    """Below bench/: a query for (fact, expected, actual)."""
    effect: Effect = field(default_factory=Effect)
    sku: str = UNIFORM
    quick: tuple[int, ...] = ()
    """At how many clients it is measured in `make bench-quick`."""
    core: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    """At how many more in `make bench-full`."""
    settings: Mapping[str, str] | None = None
    """Of its database."""
    needs: str | None = None
    """A function that must be there."""
    prepare: str | None = None
    """A script that makes the rows that `script` then uses up, transaction by transaction."""
    fresh: bool = True
    """On a copy of its own in each round; otherwise on the template itself, which then grows by what is measured."""
    verified: bool = True
    """By openstock's own verify too, besides the check; with 10 million entries that takes longer than the rest."""
    beside: str | None = None
    """What goes on meanwhile: analyst, refresh."""
    variables: Mapping[str, str | int] | None = None
    """Of its script, over those that every script has."""

    def text(self) -> str:
        """The script as pgbench runs it."""
        text = (HERE / self.script).read_text()
        name = "'TWO'" if self.sku == "TWO" else "concat('S', :sku::text)"
        return text.replace("{sku}", HOT if self.sku == "TWO" else self.sku).replace("{name}", name)


def _limit(name: str, title: str, script: str, **more: object) -> Contender:
    return Contender(
        name=name, title=title, group="limit", script=f"peers/limits/{script}.sql", template=PEERS,
        check="peers/limits/check.sql", effect=Effect(entries=0 if script == "empty" else 1), **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _ours(name: str, title: str, script: str, effect: Effect = ONE_LINE, **more: object) -> Contender:
    return Contender(
        name=name, title=title, group="openstock", script=f"workloads/{script}.sql", template=SHOP,
        check="workloads/check.sql", effect=effect, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _peer(name: str, title: str, script: str, **more: object) -> Contender:
    return Contender(
        name=name, title=title, group="peer", script=f"peers/{script}.sql", template=PEERS,
        check=f"peers/{script.split('/')[0]}/check.sql", effect=Effect(promised=1), **more,  # type: ignore[arg-type]
    )  # fmt: skip


CONTENDERS = (
    _limit("empty", "empty SELECT", "empty", core=(1, 8, 32)),
    _limit("insert", "single-row INSERT commit", "insert", quick=(1, 8, 32), core=ALL),
    _limit("hot_update", "UPDATE of one hot row", "hot", quick=(8, 32), core=ALL),
    Contender(
        name="bare", title="bare function: the same rows, no check", group="limit", script="peers/bare/reserve.sql",
        template=SHOP, check="peers/bare/check.sql", effect=Effect(promised=1), quick=(8, 32), core=ALL,
    ),
    _ours("reserve", "reserve, 1 line, uniform", "reserve", quick=(1, 8, 32), core=ALL),
    _ours("reserve_zipf", "reserve, 1 line, Zipf (1.1)", "reserve", sku=ZIPF, core=(1, 8, 32)),
    _ours("reserve_hot", "reserve, one hot SKU", "reserve", sku=HOT, quick=(8, 32), core=ALL),
    _ours("reserve_now_hot", "reserve, one hot SKU, hot-SKU mode", "reserve_now", sku=HOT, quick=(8, 32), core=ALL,
          needs="openstock.reserve_now"),
    _ours("reserve_two", "reserve, one hot SKU in two equal warehouses", "reserve_two_warehouses",
          quick=(8,), core=(8, 32)),
    _ours("reserve_5", "reserve, 5 lines", "reserve_5", Effect(promised=5, entries=5, calls=1), core=(1, 8)),
    _ours("reserve_100", "reserve, 100 lines", "reserve_100", Effect(promised=100, entries=100, calls=1),
          quick=(1,), core=(1, 8)),
    _ours("order", "reserve + allocate + ship (three calls)", "reserve_allocate_ship",
          Effect(promised=1, shipped=1, entries=3, calls=3), quick=(8,), core=(1, 8)),
    _ours("release", "release of a one-line order", "release", Effect(released=1, entries=1, calls=1), core=(1, 8),
          prepare="workloads/reserve.sql"),
    _ours("receive_1000", "receive, 1,000 lines", "receive_1000", Effect(received=1000, entries=1000, calls=1),
          core=(1,)),
    _ours("availability", "availability of one product", "availability", Effect(), core=(1, 8, 32)),
    Contender(
        name="client", title="reserve, 1 line, through the Python client", group="openstock", script="client",
        template=SHOP, check="workloads/check.sql", effect=ONE_LINE, quick=(1,), core=(1,),
    ),
    _peer("usual", "usual design, round trips, uniform", "usual/trips", quick=(8,), core=ALL),
    _peer("usual_hot", "usual design, round trips, hot", "usual/trips", sku=HOT, quick=(32,), core=ALL),
    _peer("usual_two", "usual design, round trips, hot, two equal warehouses", "usual/trips", sku="TWO",
          quick=(8,), core=(8,), full=(32,)),
    _peer("usual_function", "usual design, one function, uniform", "usual/function", core=(1, 8, 32)),
    _peer("usual_function_hot", "usual design, one function, hot", "usual/function", sku=HOT, core=(1, 8, 32)),
    _peer("usual_function_two", "usual design, one function, hot, two equal warehouses", "usual/function", sku="TWO",
          core=(8,), full=(32,)),
    _peer("twophase", "plain ledger summed under lock, uniform", "twophase/function", core=(1, 8, 32)),
    _peer("twophase_hot", "plain ledger summed under lock, hot", "twophase/function", sku=HOT, core=(1, 8, 32)),
    Contender(
        name="medusa", title="@medusajs/inventory createReservationItems, uniform", group="peer", script="medusa",
        template=MEDUSA, check="peers/medusa/check.sql", effect=Effect(promised=1), core=(1, 8),
    ),
    _limit("hot_update_1ms", "UPDATE of one hot row, 1 ms flush", "hot", core=(8, 32), settings=FLUSH_1_MS),
    _ours("reserve_hot_1ms", "reserve, one hot SKU, 1 ms flush", "reserve", sku=HOT, core=(32,), settings=FLUSH_1_MS),
    _ours("reserve_now_hot_1ms", "reserve, one hot SKU, hot-SKU mode, 1 ms flush", "reserve_now", sku=HOT, core=(8, 32),
          settings=FLUSH_1_MS, needs="openstock.reserve_now"),
    _peer("usual_hot_1ms", "usual design, round trips, hot, 1 ms flush", "usual/trips", sku=HOT, core=(32,),
          settings=FLUSH_1_MS),
)  # fmt: skip

GROWN = "openstock_bench_grown_{}"
TENANTS = "openstock_bench_tenants_{}"
LEVELS = 4000
"""Products of a grown shop, each in one warehouse: the keys of its tenant."""
TENANT_SKUS = 10_000
"""Products of all tenants together, where tenants are counted."""


def _grown(name: str, title: str, scale: str, **more: object) -> Contender:
    return Contender(
        name=name, title=title, group="growth", script="workloads/reserve.sql", template=GROWN.format(scale),
        check="workloads/check.sql", effect=ONE_LINE, fresh=False, variables={"skus": LEVELS},
        **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _tenants(count: int) -> Contender:
    return Contender(
        name=f"tenants_{count}", title=f"reserve, {count:,} tenant{'s' if count > 1 else ''}", group="growth",
        script="workloads/reserve_of_tenants.sql", template=TENANTS.format(count), check="workloads/check.sql",
        effect=ONE_LINE, fresh=False, core=(8,), variables={"tenants": count, "skus": TENANT_SKUS // count},
    )  # fmt: skip


GROWTH = (
    _grown("grown_10k", "reserve, 10 thousand ledger rows", "10k", core=(8,)),
    _grown("grown_1m", "reserve, 1 million ledger rows, 12 months", "1m", core=(8,)),
    _grown("grown_1m_60", "reserve, 1 million ledger rows, 60 months", "1m_60", full=(8,)),
    _grown("grown_10m", "reserve, 10 million ledger rows, 12 months", "10m", full=(8,), verified=False),
    _grown("grown_1m_analyst", "reserve, an analyst's query beside", "1m", core=(8,), beside="analyst"),
    _grown("grown_1m_refresh", "reserve, the snapshot being refreshed", "1m", core=(8,), beside="refresh"),
    _tenants(1),
    _tenants(1000),
)  # fmt: skip
BY_NAME = {contender.name: contender for contender in CONTENDERS}
