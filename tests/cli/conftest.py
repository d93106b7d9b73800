"""Fixtures for the command line: the real commands, as processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from openstock.server import Server

COMMAND = [sys.executable, "-m", "openstock.cli"]
LIMIT_SECONDS = 120.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def error(self) -> str:
        """What it says to people, having failed: one line on standard error, and no traceback."""
        [line] = self.err.splitlines()
        assert line.startswith("openstock: ")
        assert "Traceback" not in self.err
        assert self.code not in (0, None)
        return line


Openstock = Callable[..., Done]


def environment(home: Path, database: str | None) -> dict[str, str]:
    """The environment of a command: nothing of the caller's decides which database it uses."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "OPENSTOCK_"))}
    named = {"OPENSTOCK_HOME": str(home)} | ({"OPENSTOCK_DSN": database} if database else {})
    binaries = {"OPENSTOCK_PG_BIN": os.environ["OPENSTOCK_PG_BIN"]} if "OPENSTOCK_PG_BIN" in os.environ else {}
    return kept | named | binaries


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory that every account can enter, with a space in its name."""
    path = Path(tempfile.mkdtemp(prefix="openstock cli "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def home(place: Path) -> Iterator[Path]:
    """Where the embedded server of a module lives; whatever runs there at the end is stopped."""
    yield place / "home"
    Server(place / "home").destroy()


@pytest.fixture(scope="module")
def embedded(home: Path, place: Path) -> Openstock:
    """Runs a command that finds the embedded server, and nothing else: embedded("status")."""

    def run(*arguments: object, stdin: str | None = None) -> Done:
        return _run(arguments, environment(home, None), place, stdin)

    return run


@pytest.fixture
def openstock(dsn: str, tmp_path: Path) -> Openstock:
    """Runs a command on the test's own database, as its superuser: openstock("verify")."""

    def run(*arguments: object, database: str | None = dsn, tenant: str | None = None) -> Done:
        named = {"OPENSTOCK_TENANT": tenant} if tenant else {}
        return _run(arguments, environment(tmp_path / "home", database) | named, tmp_path)

    return run


def _run(arguments: tuple[object, ...], environment: dict[str, str], cwd: Path, stdin: str | None = None) -> Done:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        env=environment | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        cwd=cwd,
        input=stdin or "",
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)
