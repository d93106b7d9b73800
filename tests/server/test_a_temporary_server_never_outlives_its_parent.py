from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from openstock.server import Server, ServerError, temporary_server

Child = Callable[..., subprocess.Popen[str]]
Until = Callable[[Callable[[], object]], None]


def test_it_is_fast_and_gone_at_the_end(bin_dir: Path) -> None:
    with temporary_server(bin_dir, {"work_mem": "7MB"}) as server:
        status = server.status()
        with psycopg.connect(server.dsn()) as connection:
            row = connection.execute(
                "select current_setting('fsync'), current_setting('synchronous_commit'),"
                " current_setting('full_page_writes'), current_setting('max_connections'), current_setting('work_mem')"
            ).fetchone()

    assert row == ("off", "off", "off", "200", "7MB")
    assert not server.data_dir.exists()
    assert status.socket_dir
    assert not status.socket_dir.exists()
    assert not _lives(status.pid)


def test_it_is_gone_after_an_error_in_its_block(any_bin_dir: Path) -> None:
    used: list[Server] = []

    def use() -> None:
        with temporary_server(any_bin_dir) as server:
            used.append(server)
            raise LookupError(server.status().pid)

    with pytest.raises(LookupError) as raised:
        use()

    assert not used[0].data_dir.exists()
    assert not _lives(raised.value.args[0])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_is_gone_after_a_signal_to_its_parent(
    bin_dir: Path, child: Child, until: Until, number: signal.Signals
) -> None:
    parent = child(
        "with temporary_server(Path(sys.argv[1])) as server:\n"
        "    print(server.data_dir, server.status().pid, server.status().socket_dir, flush=True); sys.stdin.read()",
        bin_dir,
    )
    assert parent.stdout
    home, pid, socket_dir = parent.stdout.readline().split()
    assert _lives(int(pid))

    parent.send_signal(number)

    until(lambda: not Path(home).exists() and not Path(socket_dir).exists() and not _lives(int(pid)))


def test_it_is_gone_when_its_parent_is_killed_while_it_starts(
    bin_dir: Path, child: Child, until: Until, place: Path
) -> None:
    parent = child(
        "import tempfile; from openstock import server as launcher\n"
        "launcher.MEMORY, tempfile.tempdir = Path('/nonexistent'), sys.argv[2]\n"
        "with temporary_server(Path(sys.argv[1])) as server: sys.stdin.read()",
        bin_dir,
        place,
    )
    until(lambda: list(place.glob("openstock-*/pgdata.new/base")))

    parent.kill()

    until(lambda: not list(place.glob("openstock-*")) and not _running_with(str(place)))


def test_it_is_removed_by_its_user_when_the_supervisor_was_killed(any_bin_dir: Path, until: Until) -> None:
    with temporary_server(any_bin_dir) as server:
        pid = server.status().pid
        (supervisor,) = _running_with(str(server.data_dir), "-I")
        os.kill(supervisor, signal.SIGKILL)
        until(lambda: not _lives(supervisor))
        assert _lives(pid)

    assert not server.data_dir.exists()
    assert not _lives(pid)


def test_it_can_be_killed_and_started_again_by_its_user(any_bin_dir: Path, until: Until) -> None:
    with temporary_server(any_bin_dir) as server:
        pid = server.status().pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not server.status().running)

        server.start()

        with psycopg.connect(server.dsn()) as connection:
            assert connection.execute("show fsync").fetchone() == ("off",)
        pid = server.status().pid
    assert not server.data_dir.exists()
    assert not _lives(pid)


def test_its_failure_to_start_is_told_and_leaves_nothing(any_bin_dir: Path) -> None:
    with pytest.raises(ServerError) as refused, temporary_server(any_bin_dir, {"work_mem": "much"}):
        pytest.fail("it must not start")

    assert 'invalid value for parameter "work_mem"' in str(refused.value)
    home = Path(refused.value.hint.removeprefix("Read ").removesuffix(".")).parent
    assert home.name.startswith("openstock-")
    assert not home.exists()


def _lives(pid: int | None) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def _running_with(text: str, *options: str) -> list[int]:
    """Return the processes whose command line holds `text`, and one of `options` of a supervisor or a postmaster."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if set(options or ("-I", "-D")) & set(words) and any(text in word for word in words):
                found.append(int(process.name))
    return found
