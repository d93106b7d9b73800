from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from openstock.server import Server, ServerError, Status, find_binaries, major_version

Child = Callable[..., subprocess.Popen[str]]


def test_a_new_home_becomes_a_ready_utf8_server_with_checksums_and_without_tcp(home: Path, bin_dir: Path) -> None:
    server = Server(home, bin_dir=bin_dir)
    assert server.status() == Status(running=False, version=None)

    server.start()

    status = server.status()
    assert (status.running, status.version, status.state) == (True, major_version(bin_dir), "ready")
    with psycopg.connect(server.dsn()) as connection:
        shown = {
            name: connection.execute("select current_setting(%s)", [name]).fetchone()
            for name in ("server_encoding", "data_checksums", "listen_addresses", "max_connections", "fsync")
        }
        provider = connection.execute("select datlocprovider from pg_database where datname = 'postgres'").fetchone()
    assert shown == {
        "server_encoding": ("UTF8",),
        "data_checksums": ("on",),
        "listen_addresses": ("",),
        "max_connections": ("200",),
        "fsync": ("on",),
    }
    assert provider == ("b" if major_version(bin_dir) >= 17 else "c",)


def test_starting_again_changes_nothing(home: Path, any_bin_dir: Path) -> None:
    server = Server(home, bin_dir=any_bin_dir, durable=False)
    server.start()
    before = server.status()

    server.start()
    Server(home).start()

    assert server.status() == before


def test_processes_that_start_it_at_once_get_the_same_server(home: Path, bin_dir: Path, child: Child) -> None:
    code = (
        "server = Server(Path(sys.argv[1]), bin_dir=Path(sys.argv[2]), durable=False)\n"
        "sys.stdin.readline(); server.start(); print(server.status().pid)"
    )
    starters = [child(code, home, bin_dir) for _ in range(4)]
    for starter in starters:
        assert starter.stdin
        starter.stdin.write("go\n")
        starter.stdin.flush()

    pids = {int(starter.communicate()[0]) for starter in starters}

    assert pids == {Server(home).status().pid}, "and it outlives those who started it"
    with psycopg.connect(Server(home).dsn()) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_dsn_outlives_a_restart_and_names_database_and_user(home: Path, any_bin_dir: Path) -> None:
    server = Server(home, bin_dir=any_bin_dir, durable=False)
    server.start()
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute('create database "a shop/1"')
        connection.execute('create role "o\'brien" login')
    before = server.dsn("a shop/1", "o'brien")

    server.stop()
    server.start()

    assert server.dsn("a shop/1", "o'brien") == before
    with psycopg.connect(before) as connection:
        row = connection.execute("select current_database(), current_user").fetchone()
    assert row == ("a shop/1", "o'brien")


def test_only_the_servers_account_can_enter_the_sockets_directory(home: Path, any_bin_dir: Path) -> None:
    with Server(home, bin_dir=any_bin_dir, durable=False) as server:
        status = server.status()
        assert status.socket_dir
        found = status.socket_dir.stat()

        assert stat.S_IMODE(found.st_mode) == 0o700
        assert found.st_uid == server.pgdata.stat().st_uid
        assert len(os.fsencode(status.socket_dir / f".s.PGSQL.{status.port}")) <= 103


@pytest.mark.parametrize("mode", ["smart", "fast", "immediate"])
def test_a_stopped_server_is_gone_and_stopping_again_is_harmless(home: Path, any_bin_dir: Path, mode: str) -> None:
    server = Server(home, bin_dir=any_bin_dir, durable=False)
    server.start()
    status = server.status()

    server.stop(mode)
    server.stop(mode)

    assert not server.status().running
    assert not Path(f"/proc/{status.pid}/cmdline").exists() or not Path(f"/proc/{status.pid}/cmdline").read_bytes()
    assert status.socket_dir
    assert not status.socket_dir.exists()
    with pytest.raises(ServerError) as refused:
        server.dsn()
    assert refused.value.hint


def test_leaving_a_server_that_ran_before_leaves_it_running(home: Path, any_bin_dir: Path) -> None:
    with Server(home, bin_dir=any_bin_dir, durable=False) as starter:
        with Server(home) as guest:
            assert guest.status() == starter.status()

        assert starter.status().running

    assert not starter.status().running


def test_settings_and_the_port_are_those_that_were_asked_for(home: Path, any_bin_dir: Path) -> None:
    settings = {"work_mem": "7MB", "max_connections": "33", "application_name": "it's mine"}

    with (
        Server(home, bin_dir=any_bin_dir, port=6543, settings=settings, durable=False) as server,
        psycopg.connect(server.dsn()) as connection,
    ):
        row = connection.execute(
            "select current_setting('work_mem'), current_setting('max_connections'), current_setting('fsync'),"
            " current_setting('port'), current_setting('application_name')"
        ).fetchone()

    assert row == ("7MB", "33", "off", "6543", "it's mine")


def test_tcp_asks_for_a_password_when_settings_turn_it_on(home: Path, any_bin_dir: Path) -> None:
    with Server(home, bin_dir=any_bin_dir, settings={"listen_addresses": "127.0.0.1"}, port=_free_port()) as server:
        with pytest.raises(psycopg.OperationalError) as refused:
            psycopg.connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password="guess")

        assert "password authentication failed" in str(refused.value)


def test_a_wrong_setting_is_reported_with_the_servers_own_words(home: Path, any_bin_dir: Path) -> None:
    server = Server(home, bin_dir=any_bin_dir, settings={"work_mem": "much"}, durable=False)

    with pytest.raises(ServerError) as refused:
        server.start()

    assert 'invalid value for parameter "work_mem"' in str(refused.value)
    assert str(server.log_file) in refused.value.hint
    assert not server.status().running


def test_programs_of_another_version_are_refused(home: Path, bin_dir: Path) -> None:
    others = [
        path for path in Path("/usr/lib/postgresql").glob("*/bin") if major_version(path) != major_version(bin_dir)
    ]
    if major_version(find_binaries()) != major_version(bin_dir):
        others.append(find_binaries())
    if not others:
        pytest.skip("there is only one PostgreSQL here")
    with Server(home, bin_dir=others[0], durable=False):
        pass

    with pytest.raises(ServerError) as refused:
        Server(home, bin_dir=bin_dir).start()

    assert f"of PostgreSQL {major_version(others[0])}, not {major_version(bin_dir)}" in str(refused.value)


def test_destroying_removes_the_cluster_and_leaves_what_others_put_there(home: Path, any_bin_dir: Path) -> None:
    server = Server(home, bin_dir=any_bin_dir, durable=False)
    server.start()
    (home / "note.txt").write_text("mine")

    server.destroy()

    assert [path.name for path in home.iterdir()] == ["note.txt"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
