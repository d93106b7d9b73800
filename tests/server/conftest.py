"""Fixtures for tests of the launcher: real servers of every PostgreSQL at hand, in homes that are removed later."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openstock import server
from openstock.server import Server, ServerError, find_binaries, major_version

LIMIT_SECONDS = 30.0


def _binaries_by_major() -> dict[int, Path]:
    found = {major_version(path): path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"))}
    try:
        default = find_binaries()
    except ServerError:
        return found
    return found | {major_version(default): default}


@pytest.fixture(params=[18, 15], ids=["postgresql-18", "postgresql-15"])
def bin_dir(request: pytest.FixtureRequest) -> Path:
    """The programs of the newest and of the oldest supported PostgreSQL."""
    found = _binaries_by_major().get(request.param)
    if found is None:
        pytest.skip(f"no PostgreSQL {request.param} here")
    return found


@pytest.fixture
def any_bin_dir() -> Path:
    """The default programs, for what does not depend on PostgreSQL's version."""
    return find_binaries()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that every account can enter (pytest's own are closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="openstock test "))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def home(place: Path) -> Iterator[Path]:
    """A home for one server, its path with a space; whatever runs there at the end is stopped."""
    path = place / "my shop" / "home"
    yield path
    Server(path).destroy()


@pytest.fixture
def state_directory(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Root's place for copies and relocated clusters, instead of the system's."""
    path = place / "state"
    monkeypatch.setattr(server, "STATE_DIRECTORY", path)
    return path


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can act as another account")


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a state; fail when it does not come."""

    def wait(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, "the awaited state did not come"
            time.sleep(0.01)

    return wait


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start Python processes with the launcher's names imported; those that still live at the end are killed."""
    children: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        root = str(Path(server.__file__).parents[1])
        prelude = (
            f"import sys; sys.path.insert(0, {root!r})\nfrom pathlib import Path\nfrom openstock.server import *\n"
        )
        command = [sys.executable, "-c", prelude + code, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        children.append(process)
        return process

    yield start
    for process in children:
        with process:
            process.kill()
