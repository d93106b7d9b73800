"""The server that the bench measures on: its own, on a disk, as durable as PostgreSQL is by default."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from openstock.server import Server, ServerError, find_binaries

DURABILITY = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
"""What makes a commit mean something; a run without these is labelled as worthless."""

SETTINGS = DURABILITY | {
    # Enough memory that reads come from it, as they do in a shop; the disk is there for what commits write.
    "shared_buffers": "1GB",
    # One checkpoint for all contenders, made before each is measured, and none in between.
    "checkpoint_timeout": "1h",
    "max_wal_size": "16GB",
    "max_connections": "200",
    # Names are cheap, and pg_stat_user_functions is off unless the bench asks for it.
    "track_functions": "none",
}
"""Everything else is PostgreSQL's default, autovacuum included."""

REPORTED = (
    *SETTINGS, "server_version", "wal_level", "wal_sync_method", "autovacuum", "jit", "commit_delay", "data_checksums",
)  # fmt: skip
MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs", "devtmpfs"}


@contextlib.contextmanager
def bench_server(home: Path | None = None) -> Iterator[Server]:
    """Yield a running server in a new directory below `home` (default: the temporary directory), gone afterwards.

    Raises ServerError where that is no disk: fsync means nothing in memory.
    """
    place = Path(home or tempfile.gettempdir())
    if (kind := file_system(place)) in MEMORY_FILE_SYSTEMS:
        raise ServerError(f"{place} is a {kind}, which lives in memory", "Name a directory on a disk with --home.")
    directory = Path(tempfile.mkdtemp(prefix="openstock-bench-", dir=place))
    directory.chmod(0o711)  # whom root runs the server as must pass through
    server = Server(directory, settings=SETTINGS)
    try:
        server.start()
        yield server
    finally:
        server.destroy()
        shutil.rmtree(directory, ignore_errors=True)


def file_system(path: Path) -> str:
    """The kind of file system that holds the path, such as ext4; `unknown` where the system does not tell."""
    found = ("", "unknown")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/mounts").read_text().splitlines():
            _, mount, kind, *_ = line.split(" ")
            if path.resolve().is_relative_to(mount) and len(mount) >= len(found[0]):
                found = (mount, kind)
    return found[1]


def pgbench_path() -> Path:
    """The pgbench beside the server's programs, else the one on PATH. Raises ServerError when there is none."""
    beside = find_binaries() / "pgbench"
    found = beside if os.access(beside, os.X_OK) else shutil.which("pgbench")
    if not found:
        raise ServerError(
            f"there is no pgbench in {beside.parent}, nor on PATH", "Debian has it in postgresql-contrib."
        )
    return Path(found)


def settings_of(connection: psycopg.Connection) -> dict[str, str]:
    """The settings on which figures depend, as the server has them."""
    rows = connection.execute(
        "select name, current_setting(name) from pg_settings where name = any (%s) order by name", [list(REPORTED)]
    ).fetchall()
    return dict(rows)


def is_durable(settings: dict[str, str]) -> bool:
    """Whether a commit on a server with these settings survives a crash."""
    return all(settings.get(name) == value for name, value in DURABILITY.items())
