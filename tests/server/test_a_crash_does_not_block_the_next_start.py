from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from openstock.server import Server, ServerError

Until = Callable[[Callable[[], object]], None]


def _kill(server: Server, until: Until) -> None:
    pid = server.status().pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not server.status().running)


def test_what_was_committed_is_there_after_a_kill(home: Path, bin_dir: Path, until: Until) -> None:
    server = Server(home, bin_dir=bin_dir)
    server.start()
    with psycopg.connect(server.dsn()) as connection:
        connection.execute("create table kept as select 42 as answer")
    _kill(server, until)

    server.start()

    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select answer from kept").fetchone() == (42,)
    assert "automatic recovery in progress" in server.log_file.read_text()


def test_a_start_waits_for_backends_that_outlived_their_killed_server(home: Path, bin_dir: Path, until: Until) -> None:
    server = Server(home, bin_dir=bin_dir, durable=False)
    server.start()
    connection = psycopg.connect(server.dsn())
    backend = connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)  # like a busy one, it does not look whether its postmaster lives
    _kill(server, until)

    with ThreadPoolExecutor() as pool:
        start = pool.submit(server.start)
        until(lambda: server.log_file.exists() and "is still in use" in server.log_file.read_text())
        assert not start.done()
        os.kill(backend, signal.SIGCONT)
        start.result()

    assert server.status().state == "ready"
    connection.close()


@pytest.mark.parametrize("left_behind", ["number-of-another-process", "number-of-nobody", "empty"])
def test_a_stale_pid_file_is_no_obstacle(home: Path, bin_dir: Path, until: Until, left_behind: str) -> None:
    server = Server(home, bin_dir=bin_dir, durable=False)
    server.start()
    pid_file = server.pgdata / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    _kill(server, until)
    with subprocess.Popen(["sleep", "600"], **_same_account(pid_file)) as other:
        number = {"number-of-another-process": other.pid, "number-of-nobody": 4_194_304 + 1}.get(left_behind)
        pid_file.write_text("" if number is None else "".join([f"{number}\n", *lines[1:]]))
        try:
            assert not server.status().running

            server.start()

            assert server.status().pid not in (None, number)
            assert other.poll() is None, "the other process was not touched"
        finally:
            other.kill()


def test_a_half_built_cluster_is_built_again(home: Path, any_bin_dir: Path) -> None:
    half_built = home / "pgdata.new"
    half_built.mkdir(parents=True)
    (half_built / "PG_VERSION").write_text("18\n")

    with Server(home, bin_dir=any_bin_dir, durable=False) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)

    assert not half_built.exists()


def test_a_start_waits_for_a_server_that_its_killed_starter_left_unready(
    home: Path, any_bin_dir: Path, until: Until
) -> None:
    server = Server(home, bin_dir=any_bin_dir, durable=False)
    server.start()
    before, pid_file = server.status(), server.pgdata / "postmaster.pid"
    ready = pid_file.read_text()
    _write_over(pid_file, ready.replace("ready   ", "starting"))  # as while PostgreSQL recovers
    assert server.status().state == "starting"

    with ThreadPoolExecutor() as pool:
        start = pool.submit(server.start)
        until(lambda: _is_locked(home / "lock"))
        assert not start.done()
        _write_over(pid_file, ready)
        start.result()

    assert server.status() == before


def test_a_link_to_a_vanished_cluster_is_an_error_and_not_an_empty_database(home: Path, any_bin_dir: Path) -> None:
    home.mkdir(parents=True)
    (home / "pgdata").symlink_to(home / "unmounted")

    with pytest.raises(ServerError, match="which is gone"):
        Server(home, bin_dir=any_bin_dir).start()


def _write_over(path: Path, text: str) -> None:
    """Write as PostgreSQL does: the file is at no moment empty."""
    with path.open("r+") as file:
        file.write(text)


def _is_locked(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _same_account(path: Path) -> dict[str, Any]:
    owner = path.stat()
    return {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
