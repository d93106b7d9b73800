"""The static checker of PL/pgSQL, an extension (Debian: postgresql-15-plpgsql-check), where it is installed."""

from __future__ import annotations

import psycopg
import pytest

from .catalogue import rows

# It cannot know that openstock_core.fail() always raises, and wonders about what a function returns beside other things.
UNAVOIDABLE = (
    "control reached end of function without RETURN",
    'composite OUT variable "due" is not single argument',
)


def test_no_function_has_an_error_or_a_warning(db: psycopg.Connection) -> None:
    if not db.execute("select 1 from pg_available_extensions where name = 'plpgsql_check'").fetchone():
        pytest.skip("plpgsql_check is not installed on this server")
    db.execute("create extension plpgsql_check")
    found = rows(
        db,
        """
        select p.oid::regproc::text, c.lineno, c.level, c.message, c.detail
        from pg_proc p
        join pg_language l on l.oid = p.prolang
        cross join lateral plpgsql_check_function_tb(p.oid,
          (case when p.prorettype = 'trigger'::regtype then 'openstock_core.ledger'::regclass else 0 end)::regclass,
          fatal_errors => false, security_warnings => true, extra_warnings => true) as c
        where p.pronamespace::regnamespace::text = any (%s) and l.lanname = 'plpgsql'""",
    )
    assert [finding for finding in found if finding[3] not in UNAVOIDABLE] == []
