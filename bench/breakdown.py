"""What each promise costs a one-line reserve: a scratch copy of the shop for each, in which that promise is left out.

A part is left out by replacing text of the installed functions, or by a statement. Text that is not there exactly once
is an error: a patch that no longer applies must not be reported as a promise that costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.contenders import ONE_LINE, SHOP, Contender
from bench.databases import Cluster

Connection = psycopg.Connection[tuple[Any, ...]]
CLIENTS = 8
BASELINE = "breakdown_whole"


class PatchError(Exception):
    """The functions no longer have the text that a patch is to replace."""


@dataclass(frozen=True, slots=True)
class Patch:
    """In this function of schema openstock_core, replace what the pattern finds, once, by this."""

    function: str
    pattern: str
    replacement: str


@dataclass(frozen=True, slots=True)
class Part:
    """A promise, and how to leave it out of a copy."""

    name: str
    title: str
    patches: Sequence[Patch] = ()
    statement: str | None = None


NO_ROW_SECURITY = """
  do $$
  declare target regclass;
  begin
    for target in select oid from pg_class where relnamespace = 'openstock_core'::regnamespace and relrowsecurity loop
      execute format('alter table %s disable row level security, no force row level security', target);
    end loop;
  end $$
"""
# The whole body of a function, from its first begin on.
BODY = r"(?s)\bbegin\n.*\nend\n"

PARTS = (
    Part("breakdown_rls", "row-level security", statement=NO_ROW_SECURITY),
    Part(
        "breakdown_operation",
        "operation: claim, hash, stored answer",
        [
            Patch("begin_operation", BODY, "begin\n  return null;\nend\n"),
            Patch(
                "finish_operation",
                r"(?s)  update openstock_core\.operation.*?;\n",
                "",
            ),
        ],
    ),
    Part(
        "breakdown_event",
        "event: the outbox row",
        [Patch("finish_operation", r"(?s)  insert into openstock_core\.event.*?;\n", "")],
    ),
    Part(
        "breakdown_ledger",
        "ledger: the entry and its two indexes",
        [
            Patch("reserve_line_directly", r"(?s)  insert into openstock_core\.ledger.*?;\n", ""),
        ],
    ),
    Part(
        "breakdown_validation",
        "validation: arguments and lines",
        [
            Patch("reserve_line_directly", r"(?s)  if jsonb_typeof\(given\).*?  end if;\n", ""),
            Patch("check_choice", BODY, "begin\n  return;\nend\n"),
            Patch("check_text", r"(?s)declare\n.*\nend\n", "begin\n  return value;\nend\n"),
        ],
    ),
    Part(
        "breakdown_direct",
        "the shorter way for a plain line, which saves this much",
        [Patch("reserve_line_directly", BODY, "begin\n  return null;\nend\n")],
    ),
    Part(
        "breakdown_keys",
        "foreign keys of the order and its line",
        statement="""
          alter table openstock_core.reservation_line
            drop constraint reservation_line_reservation_exists, drop constraint reservation_line_level_exists
        """,
    ),
)


def contenders() -> list[Contender]:
    """The whole, and the whole without each part, all by the same script."""
    return [
        Contender(
            name=name, title=title, group="breakdown", script="workloads/reserve.sql", template=template,
            check="workloads/check_promises.sql", effect=ONE_LINE, core=(CLIENTS,),
        )
        for name, title, template in [
            (BASELINE, "nothing left out", SHOP),
            *((part.name, part.title, template_of(part)) for part in PARTS),
        ]
    ]  # fmt: skip


def template_of(part: Part) -> str:
    """The database in which the part is left out."""
    return f"openstock_bench_{part.name}"


def make_templates(cluster: Cluster, shop: str = SHOP) -> dict[str, str]:
    """Make the copies; returns why a part cannot be left out, by name of the part."""
    failed = {}
    for part in PARTS:
        cluster.create(template_of(part), shop)
        try:
            with cluster.connect(template_of(part)) as admin:
                leave_out(admin, part)
        except PatchError as error:
            failed[part.name] = str(error)
    return failed


def leave_out(admin: Connection, part: Part) -> None:
    """Change the functions and tables of this database. Raises PatchError where they are not as expected."""
    for patch in part.patches:
        found = admin.execute(
            "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'openstock_core'::regnamespace"
            " and proname = %s", [patch.function],
        ).fetchall()  # fmt: skip
        if len(found) != 1:
            raise PatchError(f"there are {len(found)} functions openstock_core.{patch.function}")
        changed, times = re.subn(patch.pattern, patch.replacement, found[0][0])
        if times != 1:
            raise PatchError(f"openstock_core.{patch.function} has the text to replace {times} times")
        admin.execute(changed)
    if part.statement:
        try:
            admin.execute(part.statement)
        except psycopg.Error as error:
            raise PatchError(str(error).strip()) from error
