"""Builds the next migration from sql/: nobody copies SQL by hand.

    python -m openstock.devtools.build_migration            rebuild the baseline, or the migration in the making
    python -m openstock.devtools.build_migration TITLE      begin the next migration, 000N.TITLE.sql
    python -m openstock.devtools.build_migration --check    exit 1 and show the difference if a file is out of date
    python -m openstock.devtools.build_migration --release  write down the checksums: from now on the files are frozen

sql/ is the current state. `sql/install.sql` names every file in install order. Until the first release the one
migration is the baseline and holds all of them. After it, a migration holds:

1. `sql/upgrades/000N.title.sql`, if there is one: the statements written by hand that bring tables, types and other
   things that cannot be replaced to the state that sql/ describes. It may name a whole new file with `\\ir`.
2. every function and view file that differs from its newest copy in the released migrations, in install order.
3. a remark for each file whose change was made by hand and for each that is gone, so that the next migration starts
   from there.

docs/migrations.md tells the whole story.
"""

from __future__ import annotations

import argparse
import difflib
import posixpath
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlparse

from openstock.migration_files import (
    RELEASED,
    ROLLBACK_ENDING,
    MigrationError,
    MigrationFile,
    is_migration_name,
    read_migrations,
    read_released,
    read_text,
    sha256,
    verify_released,
    with_record,
)

INSTALL = "sql/install.sql"
UPGRADES = "sql/upgrades/"
BASELINE = "0001.baseline"

_INCLUDE = re.compile(r"\\ir\s+(\S+)\s*")
_COPY = re.compile(r"^-- (sql/[\w./-]+\.sql)$", re.MULTILINE)
_BY_HAND = re.compile(r"^-- by hand: (sql/[\w./-]+\.sql) ([0-9a-f]{64})$", re.MULTILINE)
_DROPPED = re.compile(r"^-- dropped: (sql/[\w./-]+\.sql)$", re.MULTILINE)
_REMARK = re.compile(r"^-- (?:by hand|dropped): sql/", re.MULTILINE)
_YOYO_DIRECTIVE = re.compile(r"^\s*--\s*(?:depends|transactional)\s*:", re.MULTILINE)
_PSQL_COMMAND = re.compile(r"^\s*\\", re.MULTILINE)
_MATERIALIZED = re.compile(r"^\s*create\s+materialized\s+view\b", re.IGNORECASE | re.MULTILINE)
# A file that a later migration may have to run again holds nothing that fails, or does harm, the second time.
_REPEATABLE = re.compile(
    r"(?:create\s+or\s+replace|alter\s+(?:function|procedure|routine|view)|grant|revoke|comment\s+on"
    r"|set\s+local\s+role|reset\s+role|drop\s+\w+\s+if\s+exists|do)\b",
    re.IGNORECASE,
)

ROLLBACK = """\
-- Migrations of openstock go forward only. Without this file, `yoyo rollback` would forget the migration and leave its
-- objects in place.
do $rollback$
begin
  raise exception 'openstock migrations cannot be rolled back'
    using errcode = '0A000',
      hint = 'Restore a backup from before the migration, or correct what is wrong with a newer release.';
end
$rollback$;
"""


class BuildError(Exception):
    """sql/ cannot be made into a migration; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file of sql/."""

    path: str
    """From the top of the repository, such as `sql/functions/openstock/receive.sql`."""
    text: str
    """Without blank lines around it, ending in one line end."""

    @property
    def replaceable(self) -> bool:
        """Whether running the file again brings an older database to its state: functions, procedures and views."""
        return self.path.startswith(("sql/functions/", "sql/views/")) and not _MATERIALIZED.search(self.text)

    @property
    def digest(self) -> str:
        """What tells this state of the file from any other."""
        return sha256(self.text)


def read_source(sql: Path, path: str) -> Source:
    """One file that install.sql or an upgrade names, by its path from the top of the repository."""
    file = sql / path.removeprefix("sql/")
    if not path.startswith("sql/") or not file.is_file():
        raise BuildError(f"{path}: there is no such file in sql/")
    source = Source(path, tidy(read_text(file)))
    verify_source(source)
    return source


def tidy(text: str) -> str:
    """The text without blank lines around it, ending in one line end."""
    return text.strip() + "\n"


def verify_source(source: Source) -> None:
    """Raise BuildError for what psql, yoyo or a later migration would read in another way than the author."""
    where = source.path
    if "\r" in source.text:
        raise BuildError(f"{where}: lines end in CR LF; write LF")
    if _PSQL_COMMAND.search(source.text):
        raise BuildError(f"{where}: psql commands work in install.sql only")
    if _YOYO_DIRECTIVE.search(source.text):
        raise BuildError(f"{where}: a comment that begins with 'depends:' or 'transactional:' is an order to yoyo")
    if _COPY.search(source.text) or _REMARK.search(source.text):
        raise BuildError(f"{where}: a comment that is only a file's name marks copies in migrations; write a sentence")
    code = [line for line in source.text.splitlines() if line.strip() and not line.lstrip().startswith("--")]
    if code and not code[-1].split(" --")[0].rstrip().endswith(";"):
        raise BuildError(f"{where}: the last statement does not end with a semicolon")
    if source.replaceable:
        for statement in statements(source.text):
            if not _REPEATABLE.match(statement):
                first_line = statement.splitlines()[0]
                raise BuildError(
                    f"{where}: a later migration may have to run this file again, and would fail at: {first_line}"
                )


def statements(text: str) -> Iterator[str]:
    """The statements of a text as yoyo will split them, without the comments in front of them."""
    for statement in sqlparse.split(text):
        lines = statement.splitlines()
        while lines and (not lines[0].strip() or lines[0].lstrip().startswith("--")):
            del lines[0]
        if lines:
            yield "\n".join(lines).strip()


def read_sources(sql: Path) -> list[Source]:
    """Every file of sql/ in install order.

    Raises BuildError when install.sql holds anything but comments and `\\ir` lines, names a file twice or one that is
    absent, or leaves one out.
    """
    install = sql / "install.sql"
    if not install.is_file():
        raise BuildError(f"{INSTALL}: there is no such file")
    paths: list[str] = []
    for number, line in enumerate(read_text(install).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("--"):
            continue
        include = _INCLUDE.fullmatch(line)
        if include is None:
            raise BuildError(f"{INSTALL}, line {number}: neither a comment nor '\\ir file': {line}")
        path = posixpath.normpath(f"sql/{include[1]}")
        if path in paths:
            raise BuildError(f"{INSTALL}, line {number}: {path} is named twice")
        paths.append(path)
    present = {f"sql/{file.relative_to(sql).as_posix()}" for file in sql.rglob("*.sql")}
    orphans = sorted(path for path in present - {INSTALL, *paths} if not path.startswith(UPGRADES))
    if orphans:
        raise BuildError(f"{INSTALL} does not name {', '.join(orphans)}")
    return [read_source(sql, path) for path in paths]


def read_upgrade(sql: Path, name: str) -> list[Source]:
    """The hand-written part of a migration, in pieces: its own statements, and the files it names with `\\ir`.

    Empty when there is no such file. Raises BuildError as `read_sources` does.
    """
    path = f"{UPGRADES}{name}.sql"
    file = sql / path.removeprefix("sql/")
    if not file.is_file():
        return []
    pieces: list[Source] = []
    own: list[str] = []

    def flush() -> None:
        if any(line.strip() for line in own):
            piece = Source(path, tidy("\n".join(own)))
            verify_source(piece)
            pieces.append(piece)
        own.clear()

    for line in read_text(file).splitlines():
        include = _INCLUDE.fullmatch(line)
        if include is None:
            own.append(line)
            continue
        flush()
        pieces.append(read_source(sql, posixpath.normpath(f"{UPGRADES}{include[1]}")))
    flush()
    return pieces


def copies(migration: str) -> Iterator[tuple[str, str]]:
    """The files copied into a migration's text: path and text, in order."""
    body = MigrationFile("", Path(), migration).body
    markers = list(_COPY.finditer(body))
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        copy = body[marker.end() : following.start() if following else len(body)]
        remark = _REMARK.search(copy)
        yield marker[1], tidy(copy[: remark.start()] if remark else copy)


def recorded_state(migrations: Iterable[str]) -> dict[str, str]:
    """Digest of each file of sql/ as the migrations, oldest first, leave it behind."""
    state: dict[str, str] = {}
    for text in migrations:
        state.update({path: sha256(copy) for path, copy in copies(text) if not path.startswith(UPGRADES)})
        state.update(_BY_HAND.findall(text))
        for path in _DROPPED.findall(text):
            state.pop(path, None)
    return state


def compose(name: str, depends: str | None, parts: Iterable[Source], remarks: Sequence[str] = ()) -> str:
    """A whole migration: heading, parts, remarks, record."""
    heading = [
        f"-- openstock {name}",
        "-- Built from sql/ by openstock.devtools.build_migration: change sql/, never this file.",
        "-- Apply it with `openstock migrate` or `yoyo apply`: one transaction, forward only. See docs/migrations.md.",
        *([f"-- depends: {depends}"] if depends else []),
    ]
    blocks = ["\n".join(heading) + "\n", *(f"-- {part.path}\n{part.text}" for part in parts)]
    if remarks:
        blocks.append("\n".join(remarks) + "\n")
    return with_record(name, "\n".join(blocks) + "\n")


def compose_upgrade(
    name: str, released: Sequence[MigrationFile], sources: Sequence[Source], upgrade: Sequence[Source]
) -> str:
    """The migration that leads from the released ones to `sources`.

    Raises BuildError when a difference needs statements written by hand that are not in `upgrade`, or when there is
    no difference at all.
    """
    state = recorded_state(migration.text for migration in released)
    here = {piece.path for piece in upgrade}
    by_hand = "\n".join(piece.text for piece in upgrade)
    changed = [source for source in sources if state.get(source.path) != source.digest and source.path not in here]
    gone = sorted(set(state) - {source.path for source in sources})
    for source in changed:
        if not source.replaceable and not upgrade:
            raise BuildError(f"{source.path} differs from what is released: write the change to {UPGRADES}{name}.sql")
    for path in gone:
        if not drops(by_hand, path):
            raise BuildError(f"{path} is gone, and {UPGRADES}{name}.sql does not drop what it made")
    if not changed and not gone and not upgrade:
        raise BuildError(f"nothing differs from the released migrations: {name} would be empty")
    return compose(
        name,
        released[-1].name,
        [*upgrade, *(source for source in changed if source.replaceable)],
        [f"-- by hand: {source.path} {source.digest}" for source in changed if not source.replaceable]
        + [f"-- dropped: {path}" for path in gone],
    )


def drops(by_hand: str, path: str) -> bool:
    """Whether the statements drop what the file at `path` made: for `sql/<kind>/<schema>/<name>.sql`, that object."""
    match path.split("/"):
        case ["sql", "functions" | "views", schema, file]:
            name = file.removesuffix(".sql")
            kind = r"(?:function|procedure|routine|view|materialized\s+view)"
            drop = rf'\bdrop\s+{kind}\s+(?:if\s+exists\s+)?"?{schema}"?\s*\.\s*"?{re.escape(name)}"?(?![\w$])'
            return re.search(drop, by_hand, re.IGNORECASE) is not None
        case _:
            return bool(by_hand)


def pending_name(migrations: Sequence[MigrationFile], released: dict[str, str], title: str | None) -> str | None:
    """Name of the migration in the making, or None when there is none and no title for one is given."""
    pending = [migration.name for migration in migrations[len(released) :]]
    if len(pending) > 1:
        raise BuildError(f"only one migration can be in the making; found {', '.join(pending)}")
    if not released:
        if title not in (None, "baseline"):
            raise BuildError("nothing is released yet: the change belongs in the baseline; run without a title")
        return BASELINE
    if title is None:
        return pending[0] if pending else None
    name = f"{len(released) + 1:04d}.{title}"
    if not is_migration_name(name):
        raise BuildError(f"not a title: {title!r}; use lower-case letters, digits, '-' and '_'")
    if pending and pending[0] != name:
        raise BuildError(f"{pending[0]} is in the making: run without a title, or rename its files first")
    return name


def build(sql: Path, migrations: Path, title: str | None = None) -> dict[Path, str]:
    """What the files of the migration in the making should hold; empty when sql/ is as released.

    Raises BuildError, or MigrationError when a released migration is not as it was released.
    """
    existing = read_migrations(migrations)
    released = read_released(migrations)
    verify_released(existing, released)
    sources = read_sources(sql)
    name = pending_name(existing, released, title)
    verify_upgrades(sql, {*released, *([name] if name else [])})
    if name is None:
        state = recorded_state(migration.text for migration in existing)
        present = {source.path: source.digest for source in sources}
        different = sorted(path for path in state.keys() | present if state.get(path) != present.get(path))
        if different:
            raise BuildError(f"not in any migration yet: {', '.join(different)}; run with a title for the next one")
        return {}
    if released:
        text = compose_upgrade(name, existing[: len(released)], sources, read_upgrade(sql, name))
    else:
        text = compose(name, None, sources)
    return {migrations / f"{name}.sql": text, migrations / f"{name}{ROLLBACK_ENDING}": ROLLBACK}


def verify_upgrades(sql: Path, names: set[str]) -> None:
    """Raise BuildError for a file in sql/upgrades/ that belongs to no migration."""
    files = (sql / "upgrades").glob("*.sql")
    strays = sorted(file.name for file in files if file.name.removesuffix(".sql") not in names)
    if strays:
        raise BuildError(f"{UPGRADES}: no migration is called {', '.join(strays)}")


def difference(path: Path, wanted: str) -> str:
    """The unified difference between the file on disk (absent: empty) and what it should hold."""
    found = read_text(path) if path.exists() else ""
    lines = difflib.unified_diff(
        found.splitlines(keepends=True),
        wanted.splitlines(keepends=True),
        f"{path.name} (on disk)",
        f"{path.name} (from sql/)",
    )
    return "".join(lines)


def release(migrations: Path) -> list[str]:
    """Append the migrations that are not released yet to released.txt; their names."""
    released = read_released(migrations)
    new = read_migrations(migrations)[len(released) :]
    for migration in new:
        migration.verify_record()
    listing = migrations / RELEASED
    before = read_text(listing) if listing.exists() else ""
    listing.write_bytes((before + "".join(f"{migration.name} {migration.digest}\n" for migration in new)).encode())
    return [migration.name for migration in new]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 0 when all is well, 1 when a file is out of date, 2 when sql/ cannot be built."""
    top = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(prog="build_migration", description="Build the next migration from sql/.")
    parser.add_argument("title", nargs="?", help="title of the next migration, once something is released")
    parser.add_argument("--check", action="store_true", help="change nothing; show what is out of date and exit 1")
    parser.add_argument("--release", action="store_true", help="freeze the migration in the making")
    parser.add_argument("--sql", type=Path, default=top / "sql", metavar="DIR")
    parser.add_argument("--migrations", type=Path, default=top / "migrations", metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        differences = {
            path: (wanted, shown)
            for path, wanted in build(options.sql, options.migrations, options.title).items()
            if (shown := difference(path, wanted))
        }
        if options.check or options.release:
            sys.stdout.writelines(shown for _, shown in differences.values())
            if differences:
                print("out of date: run python -m openstock.devtools.build_migration", file=sys.stderr)
                return 1
        if options.release:
            for name in release(options.migrations):
                print(f"released {name}")
            return 0
        for path, (wanted, _) in differences.items():
            if not options.check:
                path.write_bytes(wanted.encode())
                print(f"wrote {path.name}")
    except (BuildError, MigrationError) as error:
        detail = getattr(error, "detail", None)
        print(f"{error}: {detail}" if detail else error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
