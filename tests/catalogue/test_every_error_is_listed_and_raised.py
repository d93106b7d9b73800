"""openstock.error_codes is the contract: it lists all that is raised, what any call may meet of PostgreSQL's own, and nothing else."""

from __future__ import annotations

import re

import psycopg

from .catalogue import rows, sources

RAISED = re.compile(
    r"fail\(\s*'([0-9A-Z]{5})'|errcode = '([0-9A-Z]{5})'|'code', '([0-9A-Z]{5})'"
    r"|\"code\": \"([0-9A-Z]{5})\"|'(OS[0-9]{3})'"
)

# Raised by PostgreSQL itself, with its own words: a deadlock, lock_timeout, statement_timeout.
OF_POSTGRESQL = {"40P01", "55P03", "57014"}


def raised() -> set[str]:
    """The codes that some function raises."""
    found = set()
    for path, text in sources().items():
        if path.startswith("functions/"):
            body = re.sub(r"(?m)^comment on .*?;$", "", text, flags=re.DOTALL | re.MULTILINE)
            found |= {code for match in RAISED.findall(body) for code in match if code}
    return found


def listed(db: psycopg.Connection) -> set[str]:
    return {code for (code,) in db.execute("select code from openstock.error_codes")}


def test_what_is_raised_is_listed_and_what_is_listed_is_raised(db: psycopg.Connection) -> None:
    assert raised() == listed(db) - OF_POSTGRESQL


def test_what_any_call_may_meet_is_listed(db: psycopg.Connection) -> None:
    assert listed(db) >= OF_POSTGRESQL


def test_comments_name_only_errors_that_are_listed(db: psycopg.Connection) -> None:
    comments = rows(
        db,
        """
        select p.oid::regproc::text, obj_description(p.oid, 'pg_proc') from pg_proc p
        where p.pronamespace::regnamespace::text = any (%s)""",
    )
    known = listed(db)
    for name, comment in comments:
        named = set(re.findall(r"\bOS[0-9]{3}\b|\b(?:22023|25006|40001|42501)\b", comment))
        assert named <= known, name


def test_codes_and_names_are_unique_and_in_their_class(db: psycopg.Connection) -> None:
    found = db.execute("select code, name, message, hint from openstock.error_codes").fetchall()
    assert len({code for code, *_ in found}) == len({name for _, name, *_ in found}) == len(found)
    assert [code for code, *_ in found if not re.fullmatch(r"OS[0-9]{3}|22023|25006|40001|42501", code) and code not in OF_POSTGRESQL] == []
    assert [name for _, name, *_ in found if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_messages_and_hints_are_sentences_without_values(db: psycopg.Connection) -> None:
    for _, name, message, hint in db.execute("select code, name, message, hint from openstock.error_codes"):
        assert message.endswith("."), name
        assert hint.endswith("."), name
        assert "%" not in message + hint, name


def test_every_login_of_openstock_may_read_it(db: psycopg.Connection) -> None:
    for role in ("openstock_app", "openstock_analyst", "openstock_operator"):
        assert db.execute("select has_table_privilege(%s, 'openstock.error_codes', 'select')", [role]).fetchone() == (
            True,
        )
