"""What old and big ledgers cost: looking back, proving, rebuilding, refreshing, disk and memory. One session, timed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.databases import Cluster, Connection, tenant_id

AS_OF_ONE = """
  select e.on_hand_after, e.blocked_after, e.reserved_after
  from openstock_core.ledger e
  where e.tenant_id = %(tenant)s and e.product_id = %(product)s and e.warehouse_id = %(warehouse)s
    and e.recorded_at <= %(moment)s and e.on_hand_after is not null
  order by e.recorded_at desc, e.entry_id desc limit 1
"""
AS_OF_ALL = """
  select count(*), sum(a.on_hand_after)
  from openstock_core.stock_level l
  cross join lateral (
    select e.on_hand_after
    from openstock_core.ledger e
    where e.tenant_id = l.tenant_id and e.product_id = l.product_id and e.warehouse_id = l.warehouse_id
      and e.recorded_at <= %(moment)s and e.on_hand_after is not null
    order by e.recorded_at desc, e.entry_id desc limit 1
  ) as a
  where l.tenant_id = %(tenant)s
"""
FULL_SCAN = """
  select count(*), sum(s.on_hand)
  from (select sum(qty_delta) as on_hand from openstock_core.ledger
        where tenant_id = %(tenant)s and recorded_at <= %(moment)s group by product_id, warehouse_id) as s
"""
SUMS = """
  select sum(qty_delta), sum(blocked_delta), sum(reserved_delta) from openstock_core.ledger where tenant_id = %(tenant)s
"""
SIZES = """
  select coalesce(p.relname, c.relname) as name,
         sum(pg_table_size(c.oid)) as rows, sum(pg_indexes_size(c.oid)) as indexes
  from pg_class c
  left join pg_inherits i on i.inhrelid = c.oid
  left join pg_class p on p.oid = i.inhparent
  where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'm')
  group by 1 having sum(pg_total_relation_size(c.oid)) > 1000000
  order by 2 desc
"""
CONTEXTS = "select sum(total_bytes) from pg_backend_memory_contexts"
REPEATS = 5


@dataclass(frozen=True, slots=True)
class Measure:
    """Something that was measured several times, or once, outside of the rounds."""

    name: str
    title: str
    unit: str
    values: tuple[float, ...]
    refused: str | None = None

    @property
    def median(self) -> float:
        """The figure."""
        return statistics.median(self.values)


@dataclass
class Historian:
    """Measures one grown database; `scale` goes into the names, such as 1m."""

    cluster: Cluster
    database: str
    scale: str
    entries: int
    say: Callable[[str], None]
    measures: list[Measure] = field(default_factory=list)

    def look_back(self) -> None:
        """Stock as of half way through the history: of one product, of the whole tenant, and by scanning everything."""
        with self.cluster.connect(self.database) as admin:
            [(product, warehouse)] = admin.execute(
                "select product_id, warehouse_id from openstock_core.stock_level order by product_id limit 1"
            ).fetchall()
            [(moment,)] = admin.execute(
                "select min(recorded_at) + (max(recorded_at) - min(recorded_at)) / 2 from openstock_core.ledger"
            ).fetchall()
            given = {"tenant": tenant_id(), "product": product, "warehouse": warehouse, "moment": moment}
            self._time(admin, "as_of_one", "as-of stock of one product", AS_OF_ONE, given, times=200, unit="ms")
            all_rows = self._time(admin, "as_of_all", "as-of stock of the whole tenant", AS_OF_ALL, given)
            scanned = self._time(admin, "scan_all", "the same by a scan of the ledger", FULL_SCAN, given)
            if all_rows != scanned:
                self._refuse("as_of_all", f"the chain says {all_rows}, the scan {scanned}")

    def upkeep(self) -> None:
        """Sum, verify, refresh, and rebuild with replacing, which changes nothing where verify finds nothing."""
        with self.cluster.connect(self.database) as admin:
            given: dict[str, object] = {"tenant": tenant_id()}
            self._time(admin, "sum", "SELECT sum() over the ledger", SUMS, given)
            found = self._time(
                admin, "verify", "verify", "select count(*) from openstock_admin.verify(%(tenant)s)", given, repeats=2
            )
            if found != [(0,)]:
                self._refuse("verify", f"it finds {found} differences")
            refresh = "select openstock_admin.refresh_current_stock()"
            self._time(admin, "refresh", "refresh of the snapshot", refresh, given, repeats=3)
            rebuild = "select count(*) from openstock_admin.rebuild(%(tenant)s, replace => true)"
            if self._time(admin, "rebuild", "rebuild, replacing", rebuild, given, repeats=2) != [(0,)]:
                self._refuse("rebuild", "it found differences")

    def sizes(self) -> None:
        """Bytes per million entries, table by table, as they are after loading."""
        with self.cluster.connect(self.database) as admin:
            for name, rows, indexes in admin.execute(SIZES).fetchall():
                for part, size in (("rows", rows), ("indexes", indexes)):
                    self._add(f"size_{name}_{part}", f"{name}: {part}, MB per million ledger entries", "MB",
                              [float(size) / 1e6 / (self.entries / 1e6)])  # fmt: skip

    def memory(self) -> None:
        """Memory of a backend that has reserved 200 times, as PostgreSQL counts it and as the kernel does."""
        with self.cluster.connect(self.database) as admin:
            admin.execute("select openstock_admin.grant_tenant(session_user::text, %s)", [tenant_id()])
            with self.cluster.connect(self.database) as backend:
                for number in range(200):
                    backend.execute(
                        "select count(*) from openstock.reserve(op_id => gen_random_uuid()::text, order_ref => %s,"
                        """ lines => '[{"sku": "S1", "qty": 1}]', tenant => %s)""",
                        [f"memory-{number}", tenant_id()],
                    )
                [(contexts,)] = backend.execute(CONTEXTS).fetchall()
                self._add(
                    "memory_contexts", "memory contexts of a backend after 200 reserves", "MB", [float(contexts) / 1e6]
                )
                if private := _private_bytes(backend.info.backend_pid):
                    self._add("memory_private", "private memory of a backend after 200 reserves", "MB", [private / 1e6])
            admin.execute("select openstock_admin.revoke_tenant(session_user::text, %s)", [tenant_id()])

    def _time(
        self, admin: Connection, name: str, title: str, statement: str, given: dict[str, object], *,
        repeats: int = REPEATS, times: int = 1, unit: str = "s",
    ) -> list[tuple[object, ...]]:  # fmt: skip
        """Run it once to warm up, then `repeats` times `times` calls; returns the rows of the last one."""
        rows = admin.execute(statement, given).fetchall()
        values = []
        for _ in range(repeats):
            began = time.perf_counter()
            for _ in range(times):
                rows = admin.execute(statement, given).fetchall()
            values.append((time.perf_counter() - began) / times * (1000 if unit == "ms" else 1))
        self._add(name, title, unit, values)
        return rows

    def _add(self, name: str, title: str, unit: str, values: list[float]) -> None:
        self.measures.append(Measure(f"{name}_{self.scale}", f"{title}, {self.scale}", unit, tuple(values)))
        self.say(f"{self.scale:>4}  {title:<60} {self.measures[-1].median:10.3f} {unit}")

    def _refuse(self, name: str, why: str) -> None:
        place = next(n for n, measure in enumerate(self.measures) if measure.name == f"{name}_{self.scale}")
        kept = self.measures[place]
        self.measures[place] = Measure(kept.name, kept.title, kept.unit, (), why)


def _private_bytes(pid: int) -> float | None:
    """Memory that is the process's own, where the kernel tells us."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return 1024.0 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
