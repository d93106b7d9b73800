"""The migration files: their names, their checksums, and the list of the released ones.

Shared by the driver that applies them (`openstock.migrate`) and the tool that writes them
(`openstock.devtools.build_migration`). Nothing here talks to a database.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RELEASED = "released.txt"
ROLLBACK_ENDING = ".rollback.sql"

_NAME = re.compile(r"\d{4}\.[a-z0-9][a-z0-9_-]{0,80}")
_RELEASE = re.compile(r"(?P<name>\S+)\s+(?P<digest>[0-9a-f]{64})")
_RECORD_HEADING = "-- The record of this migration, with the SHA-256 of all the text above this line."
_RECORD = re.compile(
    rf"^{re.escape(_RECORD_HEADING)}\n"
    r"set local role openstock_owner;\n"
    r"insert into openstock_core\.migration \(name, checksum\)\n"
    r"values \('(?P<name>[^']+)', '(?P<checksum>[0-9a-f]{64})'\);\n"
    r"reset role;\n\Z",
    re.MULTILINE,
)


class MigrationError(Exception):
    """A migration cannot go ahead; nothing of it was applied.

    `str()` is one constant sentence; `detail` carries the values (None: there are none) and `hint` what to do next.
    `sqlstate` is that of the errors by which the client says the same (None: there is none).
    """

    def __init__(
        self, message: str, *, detail: str | None = None, hint: str | None = None, sqlstate: str | None = None
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """One migration as it stands on disk."""

    name: str
    """The file name without `.sql`, such as `0001.baseline`. It is the migration's identity."""
    path: Path
    text: str

    @property
    def number(self) -> int:
        """The four digits at the front."""
        return int(self.name[:4])

    @property
    def digest(self) -> str:
        """SHA-256 of the whole file, in hex, as `sha256sum` prints it and released.txt keeps it."""
        return sha256(self.text)

    @property
    def checksum(self) -> str:
        """SHA-256 of the text above the record, in hex: what the migration writes to openstock_core.migration."""
        return sha256(self.body)

    @property
    def body(self) -> str:
        """The text above the record."""
        record = _RECORD.search(self.text)
        return self.text[: record.start()] if record else self.text

    def verify_record(self) -> None:
        """Raise MigrationError unless the file ends in a record of its own name and of the text above it."""
        record = _RECORD.search(self.text)
        if record is None or record["name"] != self.name or record["checksum"] != self.checksum:
            raise MigrationError(
                "a migration file was edited after it was built",
                detail=f"{self.path.name} does not end in the record of its own name and checksum",
                hint="Restore the file as it was published; a change belongs in a new migration.",
            )


def sha256(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def with_record(name: str, body: str) -> str:
    """The migration's whole text: the body, followed by the statements that record its name and checksum."""
    return (
        f"{body}{_RECORD_HEADING}\n"
        "set local role openstock_owner;\n"
        "insert into openstock_core.migration (name, checksum)\n"
        f"values ('{name}', '{sha256(body)}');\n"
        "reset role;\n"
    )


def is_migration_name(name: str) -> bool:
    """Whether the name has the form `0001.some-title`."""
    return _NAME.fullmatch(name) is not None


def read_text(path: Path) -> str:
    """The file's text, byte for byte: line ends are not translated, since checksums are taken of it."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise MigrationError("a file is not UTF-8", detail=f"{path}: {error}") from error


def read_migrations(directory: Path) -> list[MigrationFile]:
    """The migrations of a directory by number, without their rollback files.

    Raises MigrationError when a name is malformed or the numbers are not 1, 2, 3 and so on.
    """
    paths = sorted(path for path in directory.glob("*.sql") if not path.name.endswith(ROLLBACK_ENDING))
    migrations = [MigrationFile(path.name.removesuffix(".sql"), path, read_text(path)) for path in paths]
    for position, migration in enumerate(migrations, start=1):
        if not is_migration_name(migration.name) or migration.number != position:
            raise MigrationError(
                "the migration files are not numbered without gaps",
                detail=f"{migration.path.name} stands at position {position}",
                hint="Names are 0001.title.sql, 0002.title.sql and so on; restore the directory as it was published.",
            )
    return migrations


def read_released(directory: Path) -> dict[str, str]:
    """released.txt as a mapping of name to digest, oldest first; empty while nothing is released."""
    path = directory / RELEASED
    if not path.exists():
        return {}
    released: dict[str, str] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        release = _RELEASE.fullmatch(line.strip())
        if release is None or release["name"] in released:
            raise MigrationError(
                "the list of released migrations cannot be read",
                detail=f"{RELEASED}, line {number}: {line!r}",
                hint="Each line is a migration's name and the SHA-256 of its file, each name once.",
            )
        released[release["name"]] = release["digest"]
    return released


def verify_released(migrations: Sequence[MigrationFile], released: Mapping[str, str]) -> None:
    """Raise MigrationError unless the released migrations are the first ones, each as it was when it was released."""
    names = [migration.name for migration in migrations]
    if names[: len(released)] != list(released):
        raise MigrationError(
            "the migration files are not the released ones",
            detail=f"released: {', '.join(released)}; found: {', '.join(names) or 'none'}",
            hint="Restore the directory as it was published.",
        )
    edited = [name for name, file in zip(released, migrations, strict=False) if file.digest != released[name]]
    if edited:
        raise MigrationError(
            "a released migration was edited",
            detail=f"the checksum in {RELEASED} differs for {', '.join(edited)}",
            hint="Restore the file as it was published; a change belongs in a new migration.",
        )


def verified_migrations(directory: Path) -> list[MigrationFile]:
    """The migrations of a directory by number, once their records and the list of released ones agree with them."""
    migrations = read_migrations(directory)
    if not migrations:
        raise MigrationError(
            "there are no migrations",
            detail=f"{directory} holds no migration",
            hint="Install openstock again, or build the baseline from sql/ with openstock.devtools.build_migration.",
        )
    verify_released(migrations, read_released(directory))
    for migration in migrations:
        migration.verify_record()
    return migrations
