"""The command line: `openstock demo | up | down | psql | migrate | status | verify | doctor | tick | import`.

Exit codes: 0, or 1 when it failed or what was looked for was found (verify: differences), 2 for wrong usage, 130 when
interrupted. An error is one line on standard error, with what to do next. What takes time is imported where it is used.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

if TYPE_CHECKING:
    from uuid import UUID

    from openstock.server import Server

DATABASE = "openstock"  # in the embedded server
# Undefined schema, table, function, type: what a database that openstock never saw answers.
_NEVER_MIGRATED = ("3F000", "42P01", "42883", "42704")


class UsageError(Exception):
    """The command line makes no sense: exit code 2."""


class CommandError(Exception):
    """A command cannot do what was asked: exit code 1; `hint` names the next action."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. argv: without the program's name; None takes that of the process."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parse(given)
        code: int = arguments.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read us has gone; without this the interpreter would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UsageError as error:
        return _fail(str(error), 2)
    except Exception as error:
        if os.environ.get("OPENSTOCK_TRACEBACK"):
            raise
        return _fail(describe(error), 1)


def _fail(text: str, code: int) -> int:
    print(f"openstock: {text}", file=sys.stderr)
    return code


def describe(error: BaseException) -> str:
    """One line for an error: message (SQLSTATE) detail; hint."""
    message, hint = str(error), getattr(error, "hint", None)
    state, detail = getattr(error, "sqlstate", None), getattr(error, "detail", None)
    if hasattr(error, "message"):  # openstock's
        message = error.message
    elif (diag := getattr(error, "diag", None)) is not None:  # psycopg's own
        message, detail, hint = diag.message_primary or message, diag.message_detail, diag.message_hint
    elif isinstance(error, OSError) and error.strerror:
        message = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    elif not hasattr(error, "hint"):
        message = f"unexpected {type(error).__name__}: {message}"
        hint = "This is a bug; OPENSTOCK_TRACEBACK=1 shows where."
    if state in _NEVER_MIGRATED:
        hint = "If openstock was never installed in this database, run: openstock migrate"
    lines = message.splitlines() or [type(error).__name__]
    message = " … ".join(lines if len(lines) < 3 else [lines[0], lines[-1]])  # of a server's log, the last
    message, values = message.rstrip("."), _values(detail)
    told = f"{message} ({state}) {values}" if state else ": ".join(part for part in (message, values) if part)
    text = " ".join(told.split())
    return f"{text}; {' '.join(hint.split())}" if hint else text


def _values(detail: object) -> str:
    if isinstance(detail, Mapping):
        return ", ".join(f"{key}: {value}" for key, value in detail.items() if value is not None)
    return "" if detail is None else str(detail)


# The command line ------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see: {self.prog} --help")


def _uuid(text: str) -> UUID:
    from uuid import UUID

    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a tenant's uuid") from None


def _at_least(least: float, kind: type[int] | type[float] = int) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not least <= value <= 1_000_000:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and 1000000")
        return value

    number.__name__ = "whole number" if kind is int else "number"
    return number


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    shared = _Parser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--database",
        metavar="DSN",
        help="default: OPENSTOCK_DSN, else the embedded server in OPENSTOCK_HOME or .openstock",
    )
    parser = _Parser(prog="openstock", description="A stock ledger you can prove, inside your own PostgreSQL.")
    parser.add_argument("--version", action="version", version=f"openstock {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, run: Callable[[argparse.Namespace], int], summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[shared], help=summary, description=summary, allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    demo = command("demo", _demo, "build a shop, let workers order in it at once, and prove that nothing was oversold")
    demo.add_argument(
        "--seconds", type=_at_least(0.1, float), default=8.0, help="how long the workers order (default 8)"
    )
    demo.add_argument("--skus", type=_at_least(20), default=8000, help="products in the shop (default 8000)")
    demo.add_argument("--workers", type=_at_least(1), default=8, help="workers at once (default 8)")
    demo.add_argument("--seed", type=int, default=1, help="of the shop and the demand (default 1)")

    command("up", _up, "start the embedded PostgreSQL, with openstock in its database")
    down = command("down", _down, "stop the embedded PostgreSQL")
    down.add_argument("--delete", action="store_true", help="remove its databases as well, for good")
    down.add_argument("--yes", action="store_true", help="do not ask")

    psql = command("psql", _psql, "open psql, with a tenant set; arguments that follow go to psql")
    psql.add_argument("--tenant", type=_uuid, metavar="UUID", help="default: OPENSTOCK_TENANT, else the newest tenant")

    migrate = command("migrate", _migrate, "install openstock in a database, or upgrade it")
    migrate.add_argument("--dry-run", action="store_true", help="say what would be applied, and write nothing")

    command("status", _status, "show server, versions, tenants, partitions and sizes")
    verify = command("verify", _verify, "prove the stock against the ledger; exit code 1 when there are differences")
    verify.add_argument("--tenant", type=_uuid, metavar="UUID", help="only this one")
    doctor = command("doctor", _doctor, "look the installation over")
    doctor.add_argument("--strict", action="store_true", help="exit code 1 when there are warnings")
    tick = command("tick", _tick, "one round of maintenance: partitions, expired lots, snapshot")
    tick.add_argument("--loop", action="store_true", help="go on until SIGTERM or SIGINT")
    tick.add_argument(
        "--every", type=_at_least(0.1, float), default=300.0, metavar="SECONDS", help="pause (default 300)"
    )
    _add_import(command)

    if argv and argv[0] == "psql":
        argv, rest = _split_psql(argv)
        arguments = parser.parse_args(argv)
        arguments.rest = rest
        return arguments
    return parser.parse_args(argv)


def _add_import(command: Callable[..., argparse.ArgumentParser]) -> None:
    made = command("import", _import, "import products, stock or sales from a CSV file")
    made.add_argument("kind", choices=["products", "stock", "sales"])
    made.add_argument("file", type=Path, metavar="FILE.csv")
    made.add_argument("--tenant", type=_uuid, metavar="UUID", help="whose; default: OPENSTOCK_TENANT")
    made.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="FIELD=COLUMN",
        help="where a field is found, if not in a column of its name",
    )
    made.add_argument("--delimiter", help="default: the one that the first line shows; 'tab' for a tabulator")
    made.add_argument("--encoding", default="utf-8-sig", help="default: utf-8")
    made.add_argument(
        "--date-format",
        action="append",
        default=[],
        metavar="FORMAT",
        help="such as '%%m/%%d/%%Y %%H:%%M' or 'MM/DD/YYYY HH:MM'; several are tried in order; default: ISO 8601",
    )
    made.add_argument(
        "--timezone", default="UTC", help="of times that do not say it, such as Europe/Oslo; default: UTC"
    )
    made.add_argument("--decimal-comma", action="store_true", help="numbers are written 2,5")
    made.add_argument("--warehouse", metavar="CODE", help="of rows that do not name one")
    made.add_argument(
        "--rejects", type=Path, metavar="FILE.csv", help="write the rejected rows there, with the reasons"
    )
    made.add_argument(
        "--ignore-sku",
        action="append",
        default=[],
        metavar="PATTERN",
        help="leave out products such as POST or 'gift_*'",
    )
    made.add_argument("--strict", action="store_true", help="exit code 1 when rows were rejected")


def _split_psql(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is ours and what is psql's: ours comes first."""
    end = 1
    while end < len(argv) and argv[end].split("=")[0] in ("--database", "--tenant", "--help", "-h"):
        end += 1 if "=" in argv[end] or argv[end] in ("--help", "-h") else 2
    rest = list(argv[end:])
    return list(argv[:end]), rest[1:] if rest[:1] == ["--"] else rest


def _version() -> str:
    from openstock import __version__

    return __version__


# What commands share ---------------------------------------------------------------------------------


def _home() -> Path:
    return Path(os.environ.get("OPENSTOCK_HOME") or ".openstock")


def _embedded() -> Server:
    from openstock.server import Server

    # A database that is a minute old is planned as if it were empty: look sooner whether tables have grown.
    return Server(_home(), settings={"autovacuum_naptime": "5s"})


def database(arguments: argparse.Namespace) -> str:
    """The DSN that a command is to use. Raises ServerError when it is the embedded server's and that does not run."""
    return _named_database(arguments) or _embedded().dsn(DATABASE)


def _named_database(arguments: argparse.Namespace) -> str | None:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    named: str | None = arguments.database or os.environ.get("OPENSTOCK_DSN")
    try:
        conninfo_to_dict((named or "").replace("postgresql+psycopg://", "postgresql://", 1))
    except ProgrammingError:  # whose text may quote half a password
        hint = "Write it as psql takes it: postgresql://user@host/database or 'host=... dbname=...'."
        raise CommandError("the address of the database is neither a URL nor keywords and values", hint) from None
    return named


def program() -> str:
    """How this program is called from here, for what people are told to type."""
    import shutil

    called = sys.argv[0]
    if Path(called).name != "openstock":
        return "openstock"
    found = shutil.which("openstock")
    return "openstock" if found and Path(found).resolve() == Path(called).resolve() else called


class Progress:
    """Says how far something is: on a terminal in one line that is rewritten, elsewhere in a line now and then."""

    def __init__(self, stream: TextIO | None = None, every: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._pause = 0.1 if self._tty else every
        self._next = time.monotonic() + (0 if self._tty else self._pause)
        self._width = 0

    def __call__(self, text: str) -> None:
        """Show this, unless something was shown just now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._pause
            self._write(text)

    def say(self, text: str) -> None:
        """Show this for good."""
        self.clear()
        print(text, file=self._stream, flush=True)

    def clear(self) -> None:
        """Remove the line that is rewritten."""
        if self._tty and self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()
            self._width = 0

    def _write(self, text: str) -> None:
        if self._tty:
            import shutil

            text = text[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be rewritten
            self._stream.write("\r" + text.ljust(self._width))
            self._width = len(text)
            self._stream.flush()
        else:
            print(text, file=self._stream, flush=True)


def _table(rows: Sequence[Sequence[object]], *, indent: str = "") -> str:
    """Rows as aligned columns."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return "\n".join(
        indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts
    )


def _size(octets: float | None) -> str:
    if octets is None:
        return "?"
    for unit in ("B", "kB", "MB", "GB"):
        if octets < 10 * 1024 or unit == "GB":
            break
        octets /= 1024
    return f"{octets:,.0f} {unit}"


# Commands --------------------------------------------------------------------------------------------


def start_embedded(say: Callable[[str], None]) -> tuple[Server, str]:
    """Start the embedded server, with openstock in its database, and return it with the database's DSN.

    Its superuser is declared as a trusted login, so that what it opens shows something.
    """
    import psycopg

    from openstock.migrate import migrate

    server = _embedded()
    if not server.status().running:
        say(f"Starting PostgreSQL in {server.data_dir}")
    server.start()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        if not connection.execute("select from pg_database where datname = %s", [DATABASE]).fetchone():
            # Another process may have made it a moment ago.
            with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(f"create database {DATABASE}")
    dsn = server.dsn(DATABASE)
    migrate(dsn, progress=say)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select openstock_admin.grant_tenant(session_user, any_tenant => true)")
    return server, dsn


def _refuse_database(arguments: argparse.Namespace, command: str) -> None:
    if arguments.database:
        raise UsageError(f"{command} is about the embedded server and takes no --database")


def _up(arguments: argparse.Namespace) -> int:
    from openstock.migrate import status

    _refuse_database(arguments, "up")
    progress = Progress()
    server, dsn = start_embedded(progress.say)
    found = server.status()
    print(
        f"PostgreSQL {found.version} runs in {server.data_dir} (process {found.pid}), openstock is at "
        f"{status(dsn).version}.\n\n"
        f"  DSN    {dsn}\n"
        f"  open   {program()} psql\n"
        f"  stop   {program()} down"
    )
    if os.environ.get("OPENSTOCK_DSN"):
        print("\nOPENSTOCK_DSN is set: other commands use that database, not this one.")
    return 0


def _down(arguments: argparse.Namespace) -> int:
    _refuse_database(arguments, "down")
    server = _embedded()
    status = server.status()
    if status.version is None:
        print(f"There is no server in {server.data_dir}.")
        return 0
    if arguments.delete:
        if not arguments.yes:
            if not sys.stdin.isatty():
                raise CommandError("databases are removed only when somebody says yes", "Repeat it with --yes.")
            answer = input(f"Remove the server in {server.data_dir} with all its databases? [y/N] ")
            if answer.strip().lower() not in ("y", "yes"):
                print("Nothing was done.")
                return 1
        server.destroy()
        print(f"The server in {server.data_dir} is removed, with all its databases.")
    else:
        server.stop()
        print(f"The server in {server.data_dir} {'is stopped' if status.running else 'was not running'}; "
              f"`{program()} up` starts it again, with its databases.")  # fmt: skip
    return 0


def _newest_tenant(dsn: str) -> tuple[UUID, str] | None:
    """The tenant created last of those that this login may look at, or None; connects, and so proves that it can."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        try:
            return connection.execute(
                "select tenant_id, name from openstock_admin.tenants where active order by created_at desc limit 1"
            ).fetchone()
        except psycopg.Error as error:
            if error.sqlstate in (*_NEVER_MIGRATED, "42501"):
                return None
            raise


def _psql(arguments: argparse.Namespace) -> int:
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from openstock.server import ServerError, find_binaries, psql_path

    dsn = database(arguments)
    tenant = arguments.tenant or (_uuid(named) if (named := os.environ.get("OPENSTOCK_TENANT")) else None)
    name = ""
    newest = _newest_tenant(dsn)
    if tenant is None and newest:
        tenant, name = newest
    if tenant:
        options = f"{conninfo_to_dict(dsn).get('options') or ''} -c app.tenant_id={tenant}".strip()
        dsn = make_conninfo(dsn, options=options)
    try:
        program = psql_path(find_binaries())
    except ServerError:  # no server of our own, but there may be a client
        import shutil

        program = Path(found) if (found := shutil.which("psql")) else None
    if program is None:
        raise CommandError("there is no psql here", f"Open this with any client: {dsn}")
    if sys.stdin.isatty() and not arguments.rest:
        about = (
            f"{name or 'tenant'} ({tenant})"
            if tenant
            else "no tenant yet: select openstock_admin.create_tenant('My shop')"
        )
        print(f"{about}; try: select * from openstock.stock limit 5;")
    sys.stdout.flush()
    os.execv(program, [str(program), "--dbname", dsn, *arguments.rest])


def _migrate(arguments: argparse.Namespace) -> int:
    from openstock.migrate import migrate

    report = migrate(database(arguments), dry_run=arguments.dry_run, progress=Progress().say)
    if arguments.dry_run and report.pending:
        print(f"{len(report.pending)} to apply: {', '.join(report.pending)}. Nothing was written.")
    elif report.applied:
        print(f"Applied {', '.join(report.applied)}.")
    else:
        print(f"The database is current, at {report.already[-1]}; there is nothing to apply.")
    return 0


_SERVER = """
    select current_setting('server_version'), current_database(), session_user::text,
           pg_database_size(current_database()), pg_is_in_recovery(), coalesce(host(inet_server_addr()), 'socket')"""
_LEDGER = """
    select count(*), sum(pg_total_relation_size(c.oid))::bigint, max(c.relname::text),
           count(*) filter (where c.relname::text > 'ledger_' || to_char(now() at time zone 'UTC', 'YYYY_MM'))
    from pg_inherits i
    join pg_class l
      on l.oid = i.inhparent and l.relname = 'ledger' and l.relnamespace = to_regnamespace('openstock_core')
    join pg_class c on c.oid = i.inhrelid"""
# As the planner does it: rows per page when the partition was last analysed, times its pages now. Null: never analysed,
# or when it was empty.
_ENTRIES = """
    select c.relname::text, (c.reltuples / nullif(c.relpages, 0) * p.pages)::bigint,
           has_schema_privilege(c.relnamespace, 'usage') and has_table_privilege(c.oid, 'select')
           and not row_security_active(c.oid)
    from pg_inherits i
    join pg_class l
      on l.oid = i.inhparent and l.relname = 'ledger' and l.relnamespace = to_regnamespace('openstock_core')
    join pg_class c on c.oid = i.inhrelid
    cross join lateral (select pg_relation_size(c.oid) / current_setting('block_size')::bigint as pages) p
    where p.pages > 0"""
COUNTED = 100_000  # entries that are counted one by one; some ten milliseconds


def _status(arguments: argparse.Namespace) -> int:
    import psycopg

    from openstock.migrate import status

    named, dsn = _named_database(arguments), database(arguments)
    with psycopg.connect(dsn, autocommit=True) as connection:
        version, name, user, size, standby, address = _one(connection, _SERVER)
        where = f"at {address}" if named else f"embedded in {_embedded().data_dir}, process {_embedded().status().pid}"
        rows: list[tuple[str, str]] = [
            ("server", f"PostgreSQL {version}{' (standby)' if standby else ''}, {where}"),
            ("database", f"{name}, {_size(size)}, as {user}"),
        ]
        schema = status(dsn)
        rows.append(("schema", _schema_text(schema)))
        if schema.state != "never migrated":
            partitions, octets, last, ahead = _one(connection, _LEDGER)
            months = f"{partitions} partitions to {last[-7:].replace('_', '-')}, {ahead} months ahead"
            rows.append(("ledger", f"{months}, {_size(octets)}, {_entries_text(connection)}"))
            rows += _tenant_rows(connection)
    print(_table(rows))
    return 0


def _one(connection: Any, query: str) -> Any:
    return connection.execute(query).fetchone()


def _entries_text(connection: Any) -> str:
    """How many entries the ledger has: estimated where PostgreSQL knows enough, otherwise counted, up to a limit."""
    estimated = counted = 0
    about = False
    for partition, estimate, countable in connection.execute(_ENTRIES).fetchall():
        if estimate is not None:
            estimated += estimate
            about = True
        elif countable:
            rows = f"select from openstock_core.{partition} limit {COUNTED - counted + 1}"
            counted += _one(connection, f"select count(*) from ({rows}) as entry")[0]
            if counted > COUNTED:
                return f"more than {estimated + COUNTED:,} entries"
        else:
            return "entries not counted before the first ANALYZE"
    return f"{'about ' if about else ''}{estimated + counted:,} entries"


def _schema_text(schema: Any) -> str:
    if schema.state == "never migrated":
        return "openstock was never installed here; run: openstock migrate"
    said = {"current": "current", "pending": "older than this openstock; run: openstock migrate"}
    newer = {"newer": "newer than this openstock; upgrade it", "altered": "a migration differs from this openstock's"}
    return f"{schema.version}, {(said | newer)[schema.state]}"


def _tenant_rows(connection: Any) -> list[tuple[str, str]]:
    import psycopg

    try:
        tenants = connection.execute(
            "select tenant_id, name, active, logins from openstock_admin.tenants order by created_at desc limit 6"
        ).fetchall()
        [count] = _one(connection, "select count(*) from openstock_admin.tenants")
    except psycopg.errors.InsufficientPrivilege:
        return [("tenants", "not shown to this login; ask as a member of openstock_operator")]
    rows = [("tenants", f"{count:,}")]
    for tenant, name, active, logins in tenants[:5]:
        about = ", ".join(([] if active else ["inactive"]) + [f"login {login}" for login in logins[:3]])
        rows.append(("", f"{tenant}  {name}{f' ({about})' if about else ''}"))
    return [*rows, ("", "…")] if len(tenants) > 5 else rows


def _verify(arguments: argparse.Namespace) -> int:
    from openstock.client import connect

    started = time.monotonic()
    with connect(database(arguments), statement_timeout=0) as client:
        found = client.admin.verify(arguments.tenant)
    took = time.monotonic() - started
    for difference in found[:100]:
        where = " ".join(f"{key}={value}" for key, value in difference.key.items())
        print(
            f"{difference.tenant_id}  {difference.fact}: "
            f"expected {difference.expected}, actual {difference.actual}  {where}"
        )
    if len(found) > 100:
        print(f"… and {len(found) - 100:,} more")
    print(f"{len(found):,} differences ({took:.1f} s)")
    return 1 if found else 0


def _doctor(arguments: argparse.Namespace) -> int:
    from openstock.client import connect

    with connect(database(arguments)) as client:
        findings = client.admin.doctor()
    print(_table([(finding.topic, finding.status, finding.detail) for finding in findings]))
    for finding in findings:
        if finding.hint:
            print(f"\n{finding.topic}: {finding.hint}")
    return 1 if arguments.strict and any(finding.status != "ok" for finding in findings) else 0


def _tick(arguments: argparse.Namespace) -> int:
    if not arguments.loop:
        print(_round(database(arguments)))
        return 0
    import signal
    import threading

    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if stopping.is_set():  # the round under way does not end
            raise KeyboardInterrupt
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    database(arguments)  # a mistake in how it was called ends it at once; what fails later is tried again
    while not stopping.is_set():
        try:
            said = _round(database(arguments))
        except Exception as error:
            said = f"failed, next try in {arguments.every:g} s: {describe(error)}"
        print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {said}", flush=True)
        stopping.wait(arguments.every)
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} stopped", flush=True)
    return 0


def _round(dsn: str) -> str:
    """One round of maintenance over a connection of its own, and what to say about it."""
    from openstock.client import connect

    started = time.monotonic()
    with connect(dsn, statement_timeout=0) as client:
        client.admin.run_maintenance()
    return f"partitions, expired lots and snapshot are up to date ({time.monotonic() - started:.2f} s)"


def _import(arguments: argparse.Namespace) -> int:
    from openstock import importer
    from openstock.client import connect

    options = _import_options(arguments)
    tenant = arguments.tenant or os.environ.get("OPENSTOCK_TENANT")
    if not tenant:
        raise UsageError("import needs --tenant UUID (or OPENSTOCK_TENANT); openstock status lists them")
    progress = Progress()
    try:
        with connect(database(arguments), tenant=tenant, lock_timeout=60, statement_timeout=300) as client:
            report = importer.run(client, arguments.kind, arguments.file, options, progress)
    finally:
        progress.clear()
    print(report.text())
    if report.rejected and arguments.rejects:
        print(f"  All rejected rows are in {arguments.rejects}, with the reasons.")
    return 1 if arguments.strict and report.rejected else 0


def _import_options(arguments: argparse.Namespace) -> Any:
    from zoneinfo import ZoneInfo

    from openstock import importer

    known = importer.FIELDS[arguments.kind]
    mapping = {}
    for given in arguments.map:
        name, equals, column = given.partition("=")
        if (
            not equals
            or not column
            or not (name in known or (arguments.kind == "products" and name[:11] == "attributes."))
        ):
            raise UsageError(f"--map {given} is not FIELD=COLUMN with a field of {arguments.kind}: {', '.join(known)}")
        mapping[name] = column
    delimiter = {"tab": "\t", "\\t": "\t"}.get(arguments.delimiter, arguments.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UsageError("--delimiter is one character, or 'tab'")
    try:
        for form in arguments.date_format:
            importer.strptime_format(form)
        zone = ZoneInfo(arguments.timezone)
        "".encode(arguments.encoding)
    except (ValueError, LookupError) as error:
        raise UsageError(str(error.args[0] if isinstance(error, KeyError) else error)) from error
    return importer.Options(
        mapping=mapping,
        delimiter=delimiter,
        encoding=arguments.encoding,
        date_formats=arguments.date_format,
        timezone=zone,
        decimal_comma=arguments.decimal_comma,
        warehouse=arguments.warehouse,
        ignored_skus=arguments.ignore_sku,
        rejects=arguments.rejects,
    )


def _demo(arguments: argparse.Namespace) -> int:
    from openstock import demo

    named = _named_database(arguments)
    progress = Progress(sys.stdout)
    if named:
        from openstock.migrate import migrate

        migrate(named, progress=progress.say)
        dsn = named
    else:
        _server, dsn = start_embedded(progress.say)
    result = demo.run(
        dsn,
        seconds=arguments.seconds,
        skus=arguments.skus,
        workers=arguments.workers,
        seed=arguments.seed,
        progress=progress,
    )
    print(result.text(program(), embedded=not named))
    return 0 if result.proven else 1


if __name__ == "__main__":
    sys.exit(main())
