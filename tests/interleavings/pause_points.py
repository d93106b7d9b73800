"""Pause points: `openstock_test.pause('function, statement')` before each statement of each PL/pgSQL function that touches tables or locks.

Made from the functions in the catalogue of a database of the test's own, so that what runs is what is installed. Statements that only
call another PL/pgSQL function need no point: there is one before the first statement in there that touches something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

TOKEN = re.compile(
    r"(?P<skip>\s+|--[^\n]*|/\*.*?\*/|^\#[^\n]*)"
    r"|(?P<quoted>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|\"[^\"]*\")"
    r"|(?P<word>[a-z_]\w*(?:\s*\.\s*[a-z_]\w*)*)"
    r"|(?P<other>:=|<<|[0-9.]+|.)",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
# What stands at the beginning of a statement, and the word that ends its head.
HEADS = {"case": "when", "if": "then", "elsif": "then", "when": "then", "for": "loop", "while": "loop", "foreach": "loop"}
BRACKETS = {"(": 1, "[": 1, "case": 1, ")": -1, "]": -1, "end": -1}


# A point before it. Not perform, which changes FOUND; a declaration has no statements before it; a condition is evaluated when its turn comes.
BEFORE = {"statement": "assert {pause}; ", "declaration": "pause_{n} constant boolean := {pause}; ", "elsif": "not {pause} or "}


@dataclass(frozen=True)
class Statement:
    """A statement, a declaration, or the head of a compound statement: where a point before it can stand in the body (kind says which of
    BEFORE), and its code without comments and strings.
    """

    start: int
    code: str
    kind: str


def statements(body: str) -> Iterator[Statement]:
    """The statements and declarations of a PL/pgSQL block. Raises ValueError on what it does not know."""
    tokens = [t for t in TOKEN.finditer(body) if not t["skip"]]
    words = [t.group().lower() if t["word"] or t["other"] else "''" for t in tokens]

    def ends(at: int, what: str) -> int:
        depth = 0
        for n in range(at, len(words)):
            if words[n] == what and depth == 0:
                return n
            depth += BRACKETS.get(words[n], 0)
        raise ValueError(f"no {what} after {' '.join(words[at : at + 8])}")

    at = 0
    while at < len(words):
        first, start = words[at], at
        if first in ("begin", "else", "exception", "loop"):
            at += 1
        elif first == "end":
            at = words.index(";", at) + 1 if ";" in words[at:] else len(words)
        elif first == "declare":
            at += 1
            while words[at] != "begin":
                last = ends(at, ";")
                yield Statement(tokens[at].start(), " ".join(words[at : last + 1]), "declaration")
                at = last + 1
        elif first == "<<":
            raise ValueError(f"not understood: {' '.join(words[at : at + 8])}")
        else:
            last = ends(at + 1, HEADS.get(first, ";"))
            at = last if first == "case" else last + 1
            # What is evaluated again, or in between, cannot have a point before it.
            kind = first if first in ("elsif", "when", "while") else "statement"
            yield Statement(tokens[start + (kind == "elsif")].start(), " ".join(words[start:last]), kind)


RELATIONS = """
    select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 'openstock%' and c.relkind in ('r', 'p', 'v', 'm')
"""
FUNCTIONS = """
    select n.nspname || '.' || p.proname as name, pg_get_functiondef(p.oid) as definition, p.prosrc as body, l.lanname = 'plpgsql' as plpgsql
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang
    where n.nspname in ('openstock', 'openstock_core', 'openstock_admin') and p.prokind = 'f'
      and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    order by 1
"""
PAUSE = """
    create schema openstock_test;
    grant usage on schema openstock_test to public;
    create sequence openstock_test.steps;
    grant all on sequence openstock_test.steps to public;
    -- Counts with a sequence, which knows no rollback: the second attempt of a subtransaction has points of its own.
    -- openstock_test.stop_at: nothing (goes on), the number of the point to wait at, or 'tell' (a notice at each).
    -- Whoever stops gives lock 1 up, for which the test waits, and waits for lock 2, which the test holds.
    create function openstock_test.pause(place text) returns boolean language plpgsql as $$
    declare
      stop_at constant text := current_setting('openstock_test.stop_at', true);
    begin
      if stop_at = 'tell' then
        raise notice using message = place;
      elsif stop_at <> '' and nextval('openstock_test.steps') = stop_at::bigint then
        perform pg_advisory_unlock(1), pg_advisory_lock(2), pg_advisory_unlock(2);
      end if;
      return true;
    end
    $$;
"""


def touching(names: set[str]) -> re.Pattern[str]:
    """Finds code that names one of these, or takes an advisory lock."""
    return re.compile(r"(?<![\w.])(?:pg_(?:try_)?advisory\w*|" + "|".join(re.escape(name) for name in sorted(names)) + r")(?![\w.])")


def insert_pause_points(db: psycopg.Connection) -> dict[str, list[str]]:
    """Put pause points into all functions of this database; the places in each function."""
    db.execute(PAUSE)
    functions = db.execute(FUNCTIONS).fetchall()
    names = {name for (name,) in db.execute(RELATIONS).fetchall()}
    # Functions in SQL run within the statement that calls them: who calls one that reads tables touches them.
    for _ in range(10):
        touches = touching(names)
        names |= {name for name, definition, _, plpgsql in functions if not plpgsql and touches.search(definition.split("\n", 1)[1])}
    places: dict[str, list[str]] = {}
    for name, definition, body, plpgsql in functions:
        if not plpgsql:
            continue
        points = [s for s in statements(body) if touches.search(s.code)]
        assert all(s.kind in BEFORE for s in points), f"{name} touches tables where no pause can be"
        paused = body
        for number, statement in reversed(list(enumerate(points, 1))):
            point = BEFORE[statement.kind].format(pause=f"openstock_test.pause('{name}, {number}')", n=number)
            paused = paused[: statement.start] + point + paused[statement.start :]
        if points:
            assert definition.count(body) == 1
            db.execute(definition.replace(body, paused))
            places[name] = [f"{name}, {n}" for n in range(1, len(points) + 1)]
    return places
