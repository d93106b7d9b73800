"""Runs contenders in rounds, interleaved, each on a copy of its template; refuses figures whose outcome is wrong."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from bench import measure, medusa
from bench.beside import beside
from bench.contenders import HERE, Contender, Effect
from bench.databases import APP, DOCUMENTS, Cluster, Connection, tenant_id
from bench.machine import Processors
from bench.measure import Load, LoadError, Sample

MANY = 16
CALM = 0.05


@dataclass(frozen=True, slots=True)
class Pace:
    """How long loads run, and how often."""

    seconds: int
    """Of each load, warm-up included; one more for MANY clients, half of it warm-up: all sessions begin cold."""
    warm_up: float
    rounds: int
    skus: int

    def of(self, clients: int) -> tuple[int, float]:
        """Seconds and warm-up of a load with so many clients."""
        return (self.seconds + 1, self.warm_up + 0.5) if clients >= MANY else (self.seconds, self.warm_up)


@dataclass(frozen=True, slots=True)
class Figure:
    """What one load gave, or why it is not to be believed."""

    contender: str
    clients: int
    round: int
    sample: Sample | None
    refused: str | None = None
    server_ms: float | None = None
    """Processor time of the whole server for one transaction; None where the system does not tell."""


@dataclass
class Tally:
    """What the loads on one database must add up to."""

    totals: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, effect: Effect, transactions: int) -> None:
        """Count transactions that were answered."""
        for name, number in effect.totals(transactions).items():
            self.totals[name] += number


class Suite:
    """One run of the bench on one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        pgbench: Path,
        pace: Pace,
        say: Callable[[str], None],
        *,
        until: float | None = None,
        may_install: bool = False,
        patience: float = 0.0,
        postmaster: int | None = None,
    ) -> None:
        """What there is to measure on, and how.

        until: the moment of time.monotonic() by which the last round is to end. may_install: packages from npm.
        patience: seconds that each load waits for other processes to become quiet. postmaster: the server's process.
        """
        self.cluster = cluster
        self.pgbench = pgbench
        self.pace = pace
        self.say = say
        self.until = until
        self.may_install = may_install
        self.patience = patience
        self.figures: list[Figure] = []
        self.skipped: dict[str, str] = {}
        self.rounds = 0
        self.others_share: list[float | None] = []
        """Of the processors, taken by other processes in each round."""
        self._postmaster = postmaster
        self._processors = Processors(postmaster)
        self._loads = 0
        self._tallies: defaultdict[str, Tally] = defaultdict(Tally)

    # Rounds -------------------------------------------------------------------------------------------

    def run(self, plan: Sequence[tuple[Contender, tuple[int, ...]]]) -> None:
        """Measure each contender at each of its numbers of clients, once a round."""
        plan = [(contender, clients) for contender, clients in plan if clients and self._is_there(contender)]
        longest = 0.0
        for number in range(self.pace.rounds):
            # Half a round would give some contenders more weight than others.
            if number and self.until and time.monotonic() + longest > self.until:
                self.say(f"stopping after {number} of {self.pace.rounds} rounds: the time is up")
                break
            began = time.monotonic()
            self._processors.others_share()
            self._round(plan, number)
            self.others_share.append(self._processors.others_share())
            self.rounds = number + 1
            longest = max(longest, time.monotonic() - began)

    def _round(self, plan: Sequence[tuple[Contender, tuple[int, ...]]], number: int) -> None:
        turned = [*plan[number % len(plan) :], *plan[: number % len(plan)]] if plan else []
        made: dict[str, Contender] = {}
        begun = len(self.figures)
        for clients in sorted({clients for _, wanted in plan for clients in wanted}):
            for contender, wanted in turned:
                if clients in wanted:
                    name = self._database(contender, made)
                    self.figures.append(self._figure(contender, clients, number, name))
        for name, contender in made.items():
            self._refuse_all(begun, contender, self._verified(name, contender))
            if contender.fresh:
                self.cluster.drop(name)
                self._tallies.pop(name, None)

    def _database(self, contender: Contender, made: dict[str, Contender]) -> str:
        name = f"{contender.template}_{contender.name}" if contender.fresh else contender.template
        if name not in made:
            if contender.fresh:
                self.cluster.create(name, contender.template)
            if contender.settings:
                with self.cluster.connect() as admin:
                    for setting, value in contender.settings.items():
                        statement = sql.SQL("alter database {} set {} = {}")
                        admin.execute(
                            statement.format(sql.Identifier(name), sql.Identifier(setting), sql.Literal(value))
                        )
            made[name] = contender
        return name

    # One figure ---------------------------------------------------------------------------------------

    def _figure(self, contender: Contender, clients: int, number: int, name: str) -> Figure:
        server_ms = None
        self._wait_for_calm()
        try:
            sample, server_ms = self._measured(contender, clients, name)
            complaints = self._complaints(contender, name)
        except (LoadError, psycopg.Error) as error:
            sample, complaints = None, [f"{type(error).__name__}: {error}"]
        refused = "; ".join(complaints) or None
        shown = f"{sample.per_second:10,.0f}/s" if sample and not refused else f"refused: {refused}"
        self.say(f"round {number + 1}  {clients:>2} clients  {contender.name:<24} {shown}")
        return Figure(contender.name, clients, number, None if refused else sample, refused, server_ms)

    def _wait_for_calm(self) -> None:
        """Wait, as long as patience lasts, for a second in which others take next to nothing of the processors."""
        until, watch = time.monotonic() + self.patience, Processors(self._postmaster)
        while time.monotonic() < until:
            time.sleep(1.0)
            if (watch.others_share() or 0.0) < CALM:
                return

    def _measured(self, contender: Contender, clients: int, name: str) -> tuple[Sample, float | None]:
        with self.cluster.connect() as admin:
            admin.execute("checkpoint")
        load = self._load(contender, clients, name)
        if contender.prepare:
            # As many of each client as it can make in that time; then it uses up as many as the slowest has.
            prepared = self._run(name, Effect(promised=1, entries=1, calls=1), self._load(
                contender, clients, name, script=contender.prepare))  # fmt: skip
            variables = {**(load.variables or {}), "made_in_run": self._loads}
            load = self._load(contender, clients, name, variables=variables, transactions=prepared.least)
        before = self._processors.server_seconds()
        with beside(self.cluster, name, contender.beside):
            sample = self._run(name, contender.effect, load)
        after = self._processors.server_seconds()
        known = before is not None and after is not None and not contender.beside
        return sample, 1000 * (after - before) / sample.committed if known else None  # type: ignore[operator]

    def _run(self, name: str, effect: Effect, load: Load) -> Sample:
        sample = measure.run(load, self.pgbench)
        self._tallies[name].add(effect, sample.committed)
        return sample

    def _load(
        self, contender: Contender, clients: int, name: str, *,
        script: str | None = None, variables: dict[str, str | int] | None = None, transactions: int | None = None,
    ) -> Load:  # fmt: skip
        self._loads += 1
        dsn = self.cluster.database(name, APP if contender.script != "medusa" else None)
        program: tuple[str, ...] = ()
        seconds, warm_up = self.pace.of(clients)
        common = [str(value) for value in (seconds, clients, self.pace.skus)]
        if contender.script == "client":
            program = (sys.executable, "-m", "bench.drivers.client", dsn, str(tenant_id()), *common, str(self._loads))
        elif contender.script == "medusa":
            program = (*medusa.command("run", dsn), *common)
        given = {
            "skus": self.pace.skus,
            "orders": DOCUMENTS,
            "receipts": DOCUMENTS,
            "n": 0,
            "run": self._loads,
            "tenant": str(tenant_id()),
            **(contender.variables or {}),
        }
        if program:
            text = ""
        else:
            text = (HERE / script).read_text().replace("{sku}", contender.sku) if script else contender.text()
        return Load(
            dsn=dsn, clients=clients, seconds=seconds, warm_up=warm_up, program=program,
            script=text, variables={**given, **(variables or {})}, transactions=transactions,
            environment=medusa.ENVIRONMENT if contender.script == "medusa" else None,
        )  # fmt: skip

    # Outcomes -----------------------------------------------------------------------------------------

    def _complaints(self, contender: Contender, name: str) -> list[str]:
        with self.cluster.connect(name) as admin:
            return complaints(admin, (HERE / contender.check).read_text(), self._tallies[name].totals)

    def verify_lasting(self, plan: Sequence[Contender]) -> None:
        """Let verify look at the databases that were used throughout; refuse their figures where it finds anything."""
        for contender in plan:
            if contender.verified and not contender.fresh and contender.name not in self.skipped:
                with self.cluster.connect(contender.template) as admin:
                    found = admin.execute("select fact, key::text from openstock_admin.verify() limit 3").fetchall()
                self._refuse_all(0, contender, [f"verify: {fact} {key}" for fact, key in found])

    def _verified(self, name: str, contender: Contender) -> list[str]:
        """What verify finds in a database of openstock's at the end of a round; in a lasting one, at the end of all."""
        if contender.group != "openstock" or not contender.fresh:
            return []
        with self.cluster.connect(name) as admin:
            found = admin.execute("select fact, key::text from openstock_admin.verify() limit 3").fetchall()
        return [f"verify: {fact} {key}" for fact, key in found]

    def _refuse_all(self, begun: int, contender: Contender, why: Sequence[str]) -> None:
        for place in range(begun, len(self.figures)) if why else ():
            figure = self.figures[place]
            if figure.contender == contender.name:
                reasons = "; ".join([*([figure.refused] if figure.refused else []), *why])
                self.figures[place] = Figure(figure.contender, figure.clients, figure.round, None, reasons)

    # What cannot be measured here ---------------------------------------------------------------------

    def _is_there(self, contender: Contender) -> bool:
        reason = self._missing(contender)
        if reason:
            self.skipped[contender.name] = reason
            self.say(f"skipped: {contender.title}: {reason}")
        return reason is None

    def _missing(self, contender: Contender) -> str | None:
        if contender.script == "medusa":
            return medusa.missing(self.may_install) or self._make_medusa(contender.template)
        if contender.needs:
            with self.cluster.connect(contender.template) as admin:
                [(there,)] = admin.execute("select exists (select from pg_proc where oid::regproc::text = %s)",
                                           [contender.needs]).fetchall()  # fmt: skip
            return None if there else f"there is no {contender.needs} in this version"
        return None

    def _make_medusa(self, template: str) -> str | None:
        self.cluster.create(template)
        return medusa.setup(self.cluster.database(template), self.pace.skus)


def complaints(admin: Connection, check: str, totals: Mapping[str, int]) -> list[str]:
    """The facts of a check that do not hold; a check that states no fact is a complaint by itself."""
    facts = admin.execute(check, {**Effect().totals(0), **totals}).fetchall()
    wrong = [f"{fact}: expected {expected}, found {actual}" for fact, expected, actual in facts if expected != actual]
    return wrong if facts else ["the check states nothing"]
