"""The commands and their arguments, and where each is carried out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from openstock.cli.terminal import UsageError

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["parse", "tenant_uuid"]


_ENVIRONMENT = """\
environment:
  OPENSTOCK_DSN        the database; without it, that of the embedded server
  OPENSTOCK_HOME       where the embedded server lives (default .openstock)
  OPENSTOCK_TENANT     the tenant of psql and import
  OPENSTOCK_PG_BIN     the directory of the PostgreSQL programs to use
  OPENSTOCK_TRACEBACK  set to anything: show where an error comes from

exit codes: 0 done, 1 failed or found what it looked for, 2 wrong usage, 130 interrupted

first steps: openstock demo, or openstock up and openstock psql"""

_IMPORT_FIELDS = """\
fields, those that every row must have first:
  products  sku; name (of new products), description, unit, decimals, tracking,
            removal, backorder, backorder_limit, safety_stock, reorder_point,
            reorder_quantity, lead_time_days, active, attributes.KEY
  stock     sku, qty; warehouse, location, lot, expires_on, status, unit_cost
  sales     order, sku, qty, time; warehouse

Running the same file again imports what was rejected or not reached, and nothing
twice. docs/importing.md has examples."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see: {self.prog} --help")


def tenant_uuid(text: str) -> UUID:
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


def parse(argv: Sequence[str]) -> argparse.Namespace:
    shared = _Parser(add_help=False, allow_abbrev=False)
    shared.add_argument(
        "--database",
        metavar="DSN",
        help="default: OPENSTOCK_DSN, else the embedded server in OPENSTOCK_HOME or .openstock",
    )
    parser = _Parser(
        prog="openstock",
        description="A stock ledger you can prove, inside your own PostgreSQL.",
        epilog=_ENVIRONMENT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"openstock {_version()}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    def command(name: str, carried_out: str, summary: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[shared], help=summary, description=summary, allow_abbrev=False)
        module, function = carried_out.split(".")
        made.set_defaults(module=module, function=function)
        return made

    demo = command(
        "demo",
        "demonstrating.demo",
        "build a shop, let workers order in it at once, and prove that nothing was oversold",
    )
    demo.add_argument(
        "--seconds", type=_at_least(0.1, float), default=8.0, help="how long the workers order (default 8)"
    )
    demo.add_argument("--skus", type=_at_least(20), default=8000, help="products in the shop (default 8000)")
    demo.add_argument("--workers", type=_at_least(1), default=8, help="workers at once (default 8)")
    demo.add_argument("--seed", type=int, default=1, help="of the shop and the demand (default 1)")

    command("up", "embedded.up", "start the embedded PostgreSQL, with openstock in its database")
    down = command("down", "embedded.down", "stop the embedded PostgreSQL")
    down.add_argument("--delete", action="store_true", help="remove its databases as well, for good")
    down.add_argument("--yes", action="store_true", help="do not ask")

    psql = command("psql", "psql.psql", "open psql, with a tenant set; arguments that follow go to psql")
    psql.usage = "openstock psql [-h] [--database DSN] [--tenant UUID] [PSQL ARGUMENTS ...]"
    psql.add_argument(
        "--tenant", type=tenant_uuid, metavar="UUID", help="default: OPENSTOCK_TENANT, else the newest tenant"
    )

    migrate = command("migrate", "migrating.migrate", "install openstock in a database, or upgrade it")
    migrate.add_argument("--dry-run", action="store_true", help="say what would be applied, and write nothing")

    command("status", "status.status", "show server, versions, tenants, partitions and sizes")
    verify = command(
        "verify", "upkeep.verify", "prove the stock against the ledger; exit code 1 when there are differences"
    )
    verify.add_argument("--tenant", type=tenant_uuid, metavar="UUID", help="only this one")
    doctor = command("doctor", "upkeep.doctor", "look the installation over")
    doctor.add_argument("--strict", action="store_true", help="exit code 1 when there are warnings")
    tick = command(
        "tick", "upkeep.tick", "one round of maintenance: partitions, expired lots and holds, backorders, snapshot"
    )
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
    made = command("import", "importing.import_file", "import products, stock or sales from a CSV file")
    made.epilog = _IMPORT_FIELDS
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("kind", choices=["products", "stock", "sales"])
    made.add_argument("file", type=Path, metavar="FILE.csv")
    made.add_argument("--tenant", type=tenant_uuid, metavar="UUID", help="whose; default: OPENSTOCK_TENANT")
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
