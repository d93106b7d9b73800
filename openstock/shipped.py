"""What an installation brings along, and what it asks of a server. Light: whoever connects needs it."""

from __future__ import annotations

from pathlib import Path

from openstock.migration_files import MigrationError

__all__ = ["OLDEST_SERVER", "migrations_dir", "sql_dir"]

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that openstock supports."""


def migrations_dir() -> Path:
    """The directory of the migrations: inside the installed package, or at the top of a checkout."""
    return _shipped("migrations", "0001.baseline.sql")


def sql_dir() -> Path:
    """The directory of the schema's sources: inside the installed package, or at the top of a checkout."""
    return _shipped("sql", "install.sql")


def _shipped(directory: str, file: str) -> Path:
    package = Path(__file__).resolve().parent
    for candidate in (package / directory, package.parent / directory):
        if (candidate / file).is_file():
            return candidate
    raise MigrationError(
        "this installation of openstock is incomplete",
        detail=f"{directory}/{file} is neither in the package nor beside it",
        hint="Install openstock again from its wheel.",
    )
