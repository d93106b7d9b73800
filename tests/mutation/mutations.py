"""Every way to take one guard out of sql/: a lock, an order, a condition, a refusal, a CHECK.

`mutations()` reads the files of sql/ as text and yields a Mutation for each; none of them is ever written back. A
mutation is named after its function or view and the clause it takes out, such as `openstock_core.lock_bins: for no key update`;
a clause that it has more than once is numbered. What is taken out, and what is put there instead:

- a row lock (`for no key update of l`): nothing; `skip locked` is also taken out alone, so that it waits
- `order by`, in queries, aggregates and windows: the opposite order, since without one any is right, and rows often
  come in the wanted one by accident
- one condition of a `where` or `having`, or all of it where it holds an `or`: `true`
- a refusal or a check (`perform openstock_core.fail(...)`), a call that locks: `null`
- a CHECK, or a UNIQUE that no `on conflict` names: the constraint is dropped

All of these compile by construction, and leave what is replaced its owner and its grants. Left out because nothing can change:
comparisons of tenants that row-level security repeats (see `_repeated_by_policies`). The filter of a view is none of them:
policies take the tenant that is set, the filter only one that the login may act for. The materialized view has nothing to take
out: it is what the function `ledger_totals` returns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SQL = Path(__file__).resolve().parents[2] / "sql"

_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*)|(?P<string>'(?:[^']|'')*')|(?P<dollar>\$\w*\$)|(?P<word>[A-Za-z_][\w$]*)|(?P<number>\d[\d.]*)"
    r"|(?P<space>\s+)|(?P<sign>.)",
    re.DOTALL,
)
_DEFINITION = re.compile(r"^create or replace (?:function|procedure|view) ([\w.]+)(.*?)^(?=revoke|grant|comment|reset)", re.M | re.S)
_OWNER = re.compile(r"^set local role (\w+);", re.M)
_CONSTRAINT = re.compile(r"^\s+constraint (\w+) (check|unique)\b", re.M)
_CREATE = re.compile(r"^create (table|domain) ([\w.]+)", re.M)

LOCK_WORDS = ("update", "no", "share", "key")
SET_WORDS = ("union", "except", "intersect")
AFTER_WHERE = {"group", "order", "having", "window", "limit", "offset", "fetch", "for", "returning", "into", "loop", "on", *SET_WORDS}
AFTER_ORDER = {"limit", "offset", "fetch", "for", "returning", "into", "loop", "rows", "range", "groups", "on", "window", *SET_WORDS}
LOCKING_CALL = re.compile(r"openstock_core\.(lock_\w+|share_places|settle_bins|begin_operation)$|pg_advisory_xact_lock\w*$")
CHECKING_CALL = re.compile(r"openstock_core\.(fail|check_\w+|refuse_\w+|enter\w*)$")
KINDS = ("lock", "wait", "locking call", "refusal", "condition", "order", "constraint")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One guard less."""

    function: str
    """Or the view, or the table or domain that has the constraint."""
    kind: str
    """One of KINDS; in their order of interest."""
    clause: str
    statement: str = field(repr=False)
    """What takes it out of a database."""

    @property
    def name(self) -> str:
        """Function and clause: stable as long as neither changes."""
        return f"{self.function}: {self.clause}"


@dataclass(frozen=True, slots=True)
class Definition:
    """A function or view as its file defines it."""

    name: str
    owner: str
    statement: str

    @property
    def definer(self) -> bool:
        return "security definer" in self.statement

    @property
    def calls(self) -> set[str]:
        return set(re.findall(r"\bopenstock\w*\.\w+(?=\()", self.statement))


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, string or sign of SQL, without comments and blanks."""

    text: str
    start: int
    end: int
    depth: int

    @property
    def word(self) -> str:
        return self.text.lower()


def tokens_of(text: str) -> list[Token]:
    """The tokens, with how many parentheses are open at each: a parenthesis is as deep as what it encloses."""
    found: list[Token] = []
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup in ("comment", "space"):
            continue
        depth += match[0] == "("
        found.append(Token(match[0], match.start(), match.end(), depth))
        depth -= match[0] == ")"
    return found


def definitions(sql: Path = SQL, of: str = "functions") -> list[Definition]:
    """All functions and procedures, or all views, by file."""
    found: list[Definition] = []
    for file in sorted(sql.glob(f"{of}/*/*.sql")):
        text = file.read_text(encoding="utf-8")
        owner = _OWNER.search(text)
        for match in _DEFINITION.finditer(text):
            found.append(Definition(match[1], owner[1] if owner else "", match[0]))
    return found


def runs_as(functions: Sequence[Definition]) -> dict[str, set[str]]:
    """Which roles each function can run as: a definer function as its owner, any other as who calls it."""
    known = {function.name: function for function in functions}
    roles: dict[str, set[str]] = {name: set() for name in known}

    def spread(name: str, role: str) -> None:
        function = known.get(name)
        role = function.owner if function and function.definer else role
        if function and role not in roles[name]:
            roles[name].add(role)
            for called in function.calls:
                spread(called, role)

    for function in functions:
        if function.definer:
            spread(function.name, function.owner)
    return roles


def _repeated_by_policies(condition: str, conditions: Sequence[str], roles: set[str]) -> bool:
    """Whether a comparison of tenants guards nothing of its own.

    For openstock_api the policies of the tables compare the same again. openstock_maint sees every tenant, but internal
    ids are drawn from one sequence for all tenants: whoever compares an id as well has said whose row it is.
    """
    if not re.fullmatch(r"(\w+)\.tenant_id = (\w+\.)?\w+", condition):
        return False
    row = condition.split(".")[0]
    by_id = re.compile(rf"{row}\.\w+_id = (?!tenant\b)")
    return "openstock_maint" not in roles or any(by_id.match(other) for other in conditions if other != condition)


def _end(tokens: Sequence[Token], start: int, depth: int, stops: set[str]) -> int:
    """Index of the first token that is no longer part of a clause that begins at `start`."""
    case = 0
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token.depth < depth or (token.depth == depth and token.text in (";", ")")) or token.text.startswith("$"):
            return index
        case += (token.word == "case") - (token.word == "end")
        if token.depth == depth and not case and token.word in stops:
            following = tokens[index + 1].word if index + 1 < len(tokens) else ""
            if (token.word != "for" or following in LOCK_WORDS) and (token.word != "on" or following == "conflict"):
                return index
    return len(tokens)


def _conditions(tokens: Sequence[Token], start: int, end: int, depth: int) -> list[tuple[int, int]]:
    """The parts of a condition that `and` joins, as ranges of tokens; all of it where an `or` stands beside them."""
    parts: list[tuple[int, int]] = []
    begin, case, between = start, 0, False
    for index in range(start, end):
        token = tokens[index]
        case += (token.word == "case") - (token.word == "end")
        if token.depth != depth or case:
            continue
        if token.word == "or":
            return [(start, end)]
        if token.word == "between":
            between = True
        elif token.word == "and":
            if not between:
                parts.append((begin, index))
                begin = index + 1
            between = False
    return [*parts, (begin, end)]


def _split(tokens: Sequence[Token], start: int, end: int, depth: int, by: str) -> list[tuple[int, int]]:
    """The parts of a list, as ranges of tokens."""
    cuts = [index for index in range(start, end) if tokens[index].depth == depth and tokens[index].text == by]
    return list(zip([start, *(cut + 1 for cut in cuts)], [*cuts, end], strict=True))


def _opposite(key: str) -> str:
    """One key of an order, turned round: what comes first, nulls too, comes last."""
    found = re.fullmatch(r"(.*?)(\s+(?:asc|desc))?(\s+nulls (?:first|last))?", key.strip(), re.DOTALL)
    assert found
    falls = (found[2] or "").strip() == "desc"
    nulls_first = "first" in found[3] if found[3] else falls
    return f"{found[1]} {'asc' if falls else 'desc'} nulls {'last' if nulls_first else 'first'}"


def _short(text: str, most: int = 110) -> str:
    """A clause in one line; the middle of a long one is left out."""
    line = re.sub(r"\s+", " ", re.sub(r"--[^\n]*", "", text)).strip()
    return line if len(line) <= most else f"{line[: most - 33]} ... {line[-28:]}"


def _cuts(function: Definition, roles: set[str]) -> Iterator[tuple[str, str, int, int, str]]:
    """(kind, clause, start, end, what to put there) of everything that can be taken out of a function or view."""
    text = function.statement
    tokens = tokens_of(text)

    def clause(start: int, end: int) -> str:
        return text[tokens[start].start : tokens[end - 1].end]

    for index, token in enumerate(tokens):
        word, depth = token.word, token.depth
        following = tokens[index + 1].word if index + 1 < len(tokens) else ""
        if word == "for" and following in LOCK_WORDS:
            end = _end(tokens, index + 1, depth, set())
            yield "lock", clause(index, end), token.start, tokens[end - 1].end, ""
            if tokens[end - 1].word == "locked":
                yield "wait", f"waits: {clause(index, end)}", tokens[end - 2].start, tokens[end - 1].end, ""
        elif word == "order" and following == "by" and [t.word for t in tokens[index - 2 : index]] != ["group", "("]:
            end = _end(tokens, index + 2, depth, AFTER_ORDER)
            opposite = ", ".join(_opposite(clause(*key)) for key in _split(tokens, index + 2, end, depth, ","))
            yield "order", clause(index, end), token.start, tokens[end - 1].end, f"order by {opposite}"
        elif word in ("where", "having"):
            end = _end(tokens, index + 1, depth, AFTER_WHERE)
            parts = _conditions(tokens, index + 1, end, depth)
            conditions = [_short(clause(*part)) for part in parts]
            for (start, stop), condition in zip(parts, conditions, strict=True):
                if condition != "true" and not _repeated_by_policies(condition, conditions, roles):
                    yield "condition", f"{word} {clause(start, stop)}", tokens[start].start, tokens[stop - 1].end, "true"
        elif word == "perform":
            end = _end(tokens, index + 1, depth, set())
            called = "".join(t.text for t in tokens[index + 1 : index + 4]) if tokens[index + 2].text == "." else following
            kind = "refusal" if CHECKING_CALL.match(called) else "locking call" if LOCKING_CALL.match(called) else None
            if kind:
                yield kind, clause(index, end), token.start, tokens[end - 1].end, "null"


def of_function(function: Definition, roles: set[str]) -> Iterator[Mutation]:
    seen: Counter[str] = Counter()
    for kind, clause, start, end, instead in _cuts(function, roles):
        short = _short(clause)
        seen[short] += 1
        numbered = short if seen[short] == 1 else f"{short} ({seen[short]})"
        statement = function.statement[:start] + instead + function.statement[end:]
        yield Mutation(function.name, kind, numbered, statement)


def _of_tables(sql: Path, functions: Sequence[Definition]) -> Iterator[Mutation]:
    """Without the UNIQUEs that functions name: their `on conflict` would be an error without them."""
    named = {name for function in functions for name in re.findall(r"on conflict on constraint (\w+)", function.statement)}
    for file in sorted([*sql.glob("tables/*.sql"), *sql.glob("types/*.sql")]):
        text = file.read_text(encoding="utf-8")
        for match in _CONSTRAINT.finditer(text):
            if match[1] not in named:
                of, target = [(m[1], m[2]) for m in _CREATE.finditer(text, 0, match.start())][-1]
                yield Mutation(target, "constraint", f"{match[2]} {match[1]}", _drop(of, target, match[1]))


def _drop(of: str, target: str, constraint: str) -> str:
    """Of a partitioned table, the partitions' own copies as well."""
    if of == "domain":
        return f"alter domain {target} drop constraint {constraint}"
    return (
        "do $$ declare holder regclass; begin "
        f"for holder in select c.conrelid from pg_constraint c where c.conname = '{constraint}' order by c.conrelid <> '{target}'::regclass "
        f"loop execute format('alter table %s drop constraint if exists {constraint}', holder); end loop; end $$"
    )


def mutations(sql: Path = SQL) -> dict[str, Mutation]:
    """All of them, by name, in order of files."""
    functions = definitions(sql)
    roles = runs_as(functions)
    found = [mutation for function in functions for mutation in of_function(function, roles[function.name])]
    found += [mutation for view in definitions(sql, "views") for mutation in of_function(view, {view.owner})]
    found += _of_tables(sql, functions)
    return {mutation.name: mutation for mutation in found}


def one_per_function(found: Sequence[Mutation]) -> list[Mutation]:
    """Of each function or view the first lock; where there is none, the first of the next kind, and so on; and of each table a CHECK."""
    chosen: dict[str, Mutation] = {}
    for mutation in sorted(found, key=lambda m: KINDS.index(m.kind)):
        chosen.setdefault(mutation.function, mutation)
    return list(chosen.values())
