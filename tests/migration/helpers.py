"""What the migration tests share: a cluster to spoil, a small schema to change, calls beside the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from openstock.devtools import build_migration
from openstock.server import Server, find_binaries, major_version

TOP = Path(__file__).resolve().parents[2]
SQL = TOP / "sql"
MIGRATIONS = TOP / "migrations"
BASELINE = "0001.baseline"
SECOND = "0002.tags"
YOYO_TABLES = ["_yoyo_log", "_yoyo_migration", "_yoyo_version", "yoyo_lock"]


def binaries_of_all_versions() -> dict[int, Path]:
    """The bin directories of the servers to test on: the suite's own, and one of each other version installed."""
    own = find_binaries()
    found = {major_version(own): own}
    for directory in sorted(Path("/usr/lib/postgresql").glob("*/bin")):
        if (directory / "postgres").exists() and major_version(directory) >= 15:
            found.setdefault(major_version(directory), directory)
    return found


BINARIES = binaries_of_all_versions()


@dataclass
class Cluster:
    """A running server with nothing of openstock in it."""

    server: Server
    bin_dir: Path
    major: int
    _databases: int = 0

    def dsn(self, database: str = "postgres", user: str = "postgres") -> str:
        return self.server.dsn(database, user)

    def run(self, *statements: str, database: str = "postgres", user: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements one by one; the rows of the last."""
        with psycopg.connect(self.dsn(database, user), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, options: str = "") -> str:
        """Create a database and return its name."""
        self._databases += 1
        name = f"shop_{self._databases}"
        self.run(f"create database {name} {options}")
        return name

    def wipe(self) -> None:
        """Drop every database and role that a test has made."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            databases = "select datname from pg_database where not datistemplate and datname <> 'postgres'"
            for (name,) in connection.execute(databases).fetchall():
                connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
            roles = "select rolname from pg_roles where rolname <> 'postgres' and rolname !~ '^pg_'"
            found = [sql.Identifier(name) for (name,) in connection.execute(roles).fetchall()]
            if found:
                # On 16 and later a membership hangs on the role that granted it: only together they can go.
                connection.execute(sql.SQL("drop owned by {}").format(sql.SQL(", ").join(found)))
                connection.execute(sql.SQL("drop role {}").format(sql.SQL(", ").join(found)))

    def psql(self, database: str, file: Path) -> None:
        """Run a psql script in one transaction."""
        subprocess.run(
            [self.bin_dir / "psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", self.dsn(database), "-f", file],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def yoyo(
        self, command: str, database: str, migrations: Path, user: str = "postgres"
    ) -> subprocess.CompletedProcess[str]:
        """Run the plain yoyo command line."""
        url = self.dsn(database, user).replace("postgresql://", "postgresql+psycopg://")
        arguments = [command, "--batch", "--no-config-file", "--database", url, str(migrations)]
        return subprocess.run([sys.executable, "-m", "yoyo", *arguments], capture_output=True, text=True, check=False)

    def dump(self, database: str) -> str:
        """pg_dump of the schema with owners, grants, comments, policies and storage options, without yoyo's tables."""
        exclude = [f"--exclude-table=public.{table}" for table in YOYO_TABLES]
        dump = subprocess.run(
            [self.bin_dir / "pg_dump", "--schema-only", *exclude, self.dsn(database)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        # Newer versions guard the text with a random word.
        return re.sub(r"(?m)^\\(un)?restrict .*\n", "", dump)

    def back_up(self, database: str) -> bytes:
        """pg_dump with the rows, as docs/migrations.md tells administrators to."""
        command = [self.bin_dir / "pg_dump", "--format=custom", self.dsn(database)]
        return subprocess.run(command, check=True, capture_output=True).stdout

    def back_up_roles(self) -> str:
        """pg_dumpall of the cluster's roles, without the superuser's, who is there in every cluster."""
        command = [self.bin_dir / "pg_dumpall", "--roles-only", "-d", self.dsn()]
        roles = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return re.sub(r"(?m)^CREATE ROLE postgres;\n", "", roles)

    def restore(self, database: str, backup: bytes) -> None:
        """pg_restore into a database that is empty."""
        command = [self.bin_dir / "pg_restore", "--exit-on-error", "--dbname", self.dsn(database)]
        subprocess.run(command, input=backup, check=True)

    def wait_for(self, query: str, *parameters: object) -> None:
        """Return when the query, run in the postgres database, answers true."""
        deadline = time.monotonic() + 60
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            while not (row := connection.execute(query, parameters).fetchone()) or not row[0]:
                assert time.monotonic() < deadline, f"never came true: {query}"
                time.sleep(0.02)


@dataclass
class SmallSchema:
    """A sources directory and the migrations built from it."""

    sql: Path
    migrations: Path
    order: list[str] = field(default_factory=list)

    def write(self, path: str, text: str, *, listed: bool = True) -> Path:
        """Write a source file; `listed` adds it at the end of install.sql, once."""
        file = self.sql / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if listed and path not in self.order:
            self.order.append(path)
            self.list()
        return file

    def remove(self, path: str) -> None:
        """Delete a source file and take it out of install.sql."""
        (self.sql / path).unlink()
        self.order.remove(path)
        self.list()

    def list(self) -> None:
        """Write install.sql."""
        lines = "".join(f"\\ir {path}\n" for path in self.order)
        (self.sql / "install.sql").write_text(f"-- A small schema.\n\n{lines}")

    def tool(self, *arguments: str) -> int:
        """Run the tool's command line."""
        return build_migration.main([*arguments, "--sql", str(self.sql), "--migrations", str(self.migrations)])

    def build(self, title: str | None = None) -> None:
        """Build the migration in the making."""
        assert self.tool(*([title] if title else [])) == 0

    def release(self) -> None:
        """Freeze it."""
        assert self.tool("--release") == 0

    def text(self, name: str) -> str:
        return (self.migrations / f"{name}.sql").read_text()


def sql_function(name: str, body: str) -> str:
    """A function file in the shape of those of the repository."""
    return f"""\
set local role openstock_api;
create or replace function openstock.{name}() returns text language sql stable
set search_path = pg_catalog, pg_temp
as $body$ select {body} $body$;
revoke all on function openstock.{name}() from public;
grant execute on function openstock.{name}() to openstock_app;
comment on function openstock.{name}() is 'What it answers.';
reset role;
"""


class Background:
    """A call on a thread of its own; `result()` waits for it and raises what it raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._outcome: list[Any] = []
        self._error: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=[call])
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._outcome.append(call())
        except BaseException as error:
            self._error.append(error)

    def result(self) -> Any:
        self._thread.join(120)
        assert not self._thread.is_alive(), "the call never ended"
        if self._error:
            raise self._error[0]
        return self._outcome[0]


def migrate_process(dsn: str, migrations: Path) -> subprocess.Popen[str]:
    """`migrate` in a process of its own, to be killed."""
    script = "import sys; from pathlib import Path; from openstock.migrate import migrate; "
    script += "migrate(sys.argv[1], directory=Path(sys.argv[2]), lock_timeout='60s')"
    return subprocess.Popen(
        [sys.executable, "-c", script, dsn, str(migrations)],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        text=True,
        stderr=subprocess.PIPE,
    )


def everything(cluster: Cluster, database: str) -> tuple[str, list[tuple[object, ...]]]:
    """The whole schema, yoyo's tables and every bookkeeping row included."""
    present = f"select relname::text from pg_class where relname = any ('{{{','.join(YOYO_TABLES)}}}')"
    tables = cluster.run(present, database=database)
    rows = [row for (table,) in sorted(tables) for row in cluster.run(f"table {table}", database=database)]
    recorded = "select to_regclass('openstock_core.migration') is not null"
    if cluster.run(recorded, database=database)[0][0]:
        rows += cluster.run("table openstock_core.migration", database=database)
    return cluster.dump(database), [*tables, *rows]


@contextmanager
def policies_locked(cluster: Cluster, database: str) -> Iterator[None]:
    """Nobody can create a policy meanwhile, so that a baseline stops in the middle."""
    with psycopg.connect(cluster.dsn(database)) as connection:
        connection.execute("lock table pg_catalog.pg_policy in share mode")
        yield


def wait_until_blocked(cluster: Cluster, database: str, *, on: str = "relation") -> None:
    """Return when a session of the database waits for a lock of that kind."""
    cluster.wait_for(
        """select exists (select from pg_stat_activity join pg_locks using (pid)
           where datname = %s and not granted and locktype = %s)""",
        database,
        on,
    )


def wait_until_alone(cluster: Cluster, database: str) -> None:
    """Return when nobody is connected to the database."""
    cluster.wait_for("select not exists (select from pg_stat_activity where datname = %s)", database)
