"""Write docs/reference.md from the comments in the catalogue of a migrated database.

`python -m openstock.devtools.build_reference` rewrites the page; a test compares it with what the catalogue says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from openstock.migrate import migrate
from openstock.server import temporary_server

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference.md"

HEAD = """# Reference

Written from the comments in the database by `python -m openstock.devtools.build_reference`; in psql, `\\df+` and
`\\d+` show the same.

Arguments are passed by name. `lines` is a JSON array of 1 to 10,000 objects
(about an order, 1,000); unknown keys are errors, and a key that is
null is one that is not given. `op_id` makes a call repeatable: the same `op_id` with the same arguments returns the
stored answer, with `replayed` true. `tenant` may be left out where `app.tenant_id` is set for the transaction.
"""

ERRORS = """## Errors

The message is constant, DETAIL is JSON, HINT says what to do next. `40P01`, `55P03` and `57014` are PostgreSQL's own,
with its message: any call may end in them, and the table says what that means.

In DETAIL, `line` is the place of an entry in the call's `lines`, from 1, and `order_line` the number of the order's
line that the entry names. In rows that DETAIL lists (`lines`, `expired`), `line` is the order's, as in answers.
"""

ROUTINES = """
    select p.proname as name, pg_get_function_arguments(p.oid) as arguments, pg_get_function_result(p.oid) as result,
           p.prokind, obj_description(p.oid) as comment,
           array(select g.rolname::text from aclexplode(p.proacl) a join pg_roles g on g.oid = a.grantee
                 where g.oid <> p.proowner order by 1) as callers
    from pg_proc p where p.pronamespace = %s::regnamespace order by p.proname"""

RELATIONS = """
    select c.relname as name, obj_description(c.oid, 'pg_class') as comment,
           obj_description(c.reltype, 'pg_type') as type_comment,
           array(select jsonb_build_array(
                   a.attname, format_type(a.atttypid, a.atttypmod), col_description(c.oid, a.attnum))
                 from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 order by a.attnum) as columns
    from pg_class c where c.relnamespace = %s::regnamespace and c.relkind = %s order by c.relname"""


def _fetch(connection: psycopg.Connection[Any], query: str, *parameters: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query.encode(), parameters).fetchall()


def _routine(schema: str, row: dict[str, Any]) -> str:
    call = f"{'call ' if row['prokind'] == 'p' else ''}{schema}.{row['name']}"
    arguments = ",\n  ".join(row["arguments"].removeprefix("IN ").split(", "))
    result = f" returns {row['result']}" if row["result"] else ""
    who = ", ".join(f"`{caller}`" for caller in row["callers"] if caller not in ("openstock_owner", "openstock_maint"))
    return f"### {schema}.{row['name']}\n\n```sql\n{call}({arguments}){result}\n```\n\n{row['comment']}\nFor {who}.\n"


def _relation(schema: str, row: dict[str, Any]) -> str:
    lines = [f"| {name} | {type_} | {comment} |" for name, type_, comment in row["columns"]]
    title = f"### {schema}.{row['name']}\n\n{row['comment'] or row['type_comment']}\n\n"
    return title + "| column | type | |\n|---|---|---|\n" + "\n".join(lines) + "\n"


def build(connection: psycopg.Connection[Any]) -> str:
    """Return the page for a migrated database."""
    parts = [HEAD]
    for title, schema in [("Functions for applications", "openstock"), ("Functions for operators", "openstock_admin")]:
        parts.append(f"## {title}\n")
        parts += [_routine(schema, row) for row in _fetch(connection, ROUTINES, schema)]
    for who, schema in [("", "openstock"), (" for analysts", "openstock_dw"), (" for operators", "openstock_admin")]:
        parts.append(f"## Views{who}\n")
        parts += [_relation(schema, row) for row in _fetch(connection, RELATIONS, schema, "v")]
    parts.append("## Rows that functions return\n")
    parts += [_relation("openstock", row) for row in _fetch(connection, RELATIONS, "openstock", "c")]
    parts.append(ERRORS)
    parts.append("| SQLSTATE | name | message | hint |\n|---|---|---|---|")
    errors = _fetch(connection, "select * from openstock.error_codes order by code")
    parts.append("\n".join(f"| `{e['code']}` | {e['name']} | {e['message']} | {e['hint']} |" for e in errors))
    return "\n".join(parts) + "\n"


def main() -> None:
    """Rewrite the page from a throw-away database."""
    with temporary_server() as server:
        migrate(server.dsn())
        with psycopg.connect(server.dsn()) as connection:
            PAGE.write_text(build(connection))


if __name__ == "__main__":
    main()
