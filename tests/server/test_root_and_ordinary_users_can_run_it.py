from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from openstock import server as launcher
from openstock.server import Server, ServerError

NOBODY, NAMELESS = 65534, 54321


@pytest.mark.usefixtures("as_root")
def test_root_connects_to_a_server_that_does_not_run_as_root(home: Path, bin_dir: Path) -> None:
    with Server(home, bin_dir=bin_dir, durable=False) as server, psycopg.connect(server.dsn()) as connection:
        backend = connection.info.backend_pid

        for pid in (server.status().pid, backend):
            status = Path(f"/proc/{pid}/status").read_text().splitlines()
            ids = {line.split()[0]: line.split()[1:] for line in status if line.startswith(("Uid:", "Gid:", "Groups:"))}
            assert "0" not in ids["Uid:"] + ids["Gid:"] + ids["Groups:"]
        assert server.pgdata.stat().st_uid != 0


@pytest.mark.usefixtures("as_root")
def test_other_accounts_cannot_reach_the_server(home: Path, any_bin_dir: Path) -> None:
    with Server(home, bin_dir=any_bin_dir, durable=False) as server:
        status = server.status()
        code = f"import socket; socket.socket(socket.AF_UNIX).connect('{status.socket_dir}/.s.PGSQL.{status.port}')"

        tried = subprocess.run(
            [_python_for(NAMELESS), "-c", code], user=NAMELESS, group=NAMELESS, cwd="/", capture_output=True, text=True
        )

        assert "PermissionError" in tried.stderr


@pytest.mark.usefixtures("as_root")
def test_a_home_out_of_the_accounts_reach_gets_its_cluster_elsewhere(
    place: Path, state_directory: Path, bin_dir: Path
) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    server = Server(closed / "project" / ".openstock", bin_dir=bin_dir, durable=False)

    server.start()

    try:
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700, "nobody's directory was opened"
        assert server.pgdata.parent == state_directory
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("create table kept ()")
        server.stop()
        Server(server.data_dir, bin_dir=bin_dir).start()
        with psycopg.connect(server.dsn()) as connection:
            connection.execute("select from kept")
    finally:
        server.destroy()
    assert not server.data_dir.exists()
    assert list(state_directory.glob("pgdata-*")) == []


@pytest.mark.usefixtures("as_root")
def test_programs_out_of_the_accounts_reach_are_copied_once(
    place: Path, state_directory: Path, any_bin_dir: Path
) -> None:
    prefix = any_bin_dir.parent
    if not (prefix / "share" / "postgres.bki").is_file():
        pytest.skip("only a PostgreSQL in a tree of its own is copied")
    closed = place / "closed" / "venv"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    shutil.copytree(prefix, closed / prefix.parent.name / prefix.name, ignore=shutil.ignore_patterns("include"))
    libraries = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, closed / libraries.name)
    programs = closed / prefix.parent.name / prefix.name / "bin"
    servers = [Server(place / f"home {number}", bin_dir=programs, durable=False) for number in (1, 2)]

    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(Server.start, servers))

        copies = list(state_directory.glob("postgresql-*"))
        assert len(copies) == 1
        for server in servers:
            running = Path(Path(f"/proc/{server.status().pid}/cmdline").read_text().partition("\0")[0])
            assert running.is_relative_to(copies[0])
            assert running.stat().st_uid == 0, "who runs the copy cannot change it"
        made = copies[0].stat().st_ctime_ns
        servers[0].stop()
        servers[0].start()
        assert copies[0].stat().st_ctime_ns == made
    finally:
        for server in servers:
            server.destroy()


@pytest.mark.usefixtures("as_root")
def test_programs_mixed_with_others_are_not_copied(place: Path, state_directory: Path) -> None:
    programs = place / "closed" / "bin"
    programs.mkdir(parents=True)
    programs.parent.chmod(0o700)
    for name in ("postgres", "initdb"):
        (programs / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 18.6'\n")
        (programs / name).chmod(0o755)

    with pytest.raises(ServerError) as refused:
        Server(place / "home", bin_dir=programs).start()

    assert str(programs) in str(refused.value)
    assert list(state_directory.glob("postgresql-*")) == []


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("uid", [NOBODY, NAMELESS], ids=["nobody", "an-account-without-a-name"])
def test_an_ordinary_user_starts_a_server_and_root_can_attach(place: Path, bin_dir: Path, uid: int) -> None:
    if uid == NAMELESS and _as(uid, ["unshare", "--user", "--map-user=65534", "true"]).returncode != 0:
        pytest.skip("user namespaces are forbidden here")
    owned = place / "users home"
    owned.mkdir()
    os.chown(owned, uid, uid)
    code = "server = Server(Path(sys.argv[1]) / 'new home', bin_dir=Path(sys.argv[2]), durable=False); server.start()"

    started = _launcher_as(uid, place, code + "; print(server.status().pid)", owned, bin_dir)

    root = Server(owned / "new home", bin_dir=bin_dir)
    try:
        assert root.status().pid == int(started.stdout), started.stderr
        assert root.pgdata.stat().st_uid == uid
        with psycopg.connect(root.dsn()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)
        root.stop()
        root.start()
        assert Path(f"/proc/{root.status().pid}").stat().st_uid == uid, "root runs it as its owner"
    finally:
        root.destroy()


@pytest.mark.usefixtures("as_root")
def test_an_ordinary_user_has_throw_away_servers(place: Path, bin_dir: Path) -> None:
    code = (
        "import json\nwith temporary_server(Path(sys.argv[1])) as server:\n"
        "    print(json.dumps([server.status().state, str(server.data_dir)]))"
    )

    done = _launcher_as(NOBODY, place, code, bin_dir)

    assert done.returncode == 0, done.stderr
    state, home = json.loads(done.stdout)
    assert state == "ready"
    assert not Path(home).exists()


@pytest.mark.usefixtures("as_root")
def test_another_users_server_is_refused_with_one_clear_error(home: Path, any_bin_dir: Path) -> None:
    with Server(home, bin_dir=any_bin_dir, durable=False):
        code = (
            "for act in (Server.start, Server.stop, Server.status):\n"
            "    try: act(Server(Path(sys.argv[1])))\n"
            "    except ServerError as error: print('Permission denied' in str(error) and bool(error.hint))"
        )

        done = _launcher_as(NAMELESS, home.parents[1], code, home)

    assert done.stdout.split() == ["True", "True", "True"], done.stderr


def _python_for(uid: int) -> str:
    """Return a Python, 3.11 or newer, that account `uid` can run; the standard library is enough."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in filter(None, (sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin"))):
        try:
            if _as(uid, [python, "-c", check]).returncode == 0:
                return python
        except PermissionError:
            continue
    pytest.skip(f"no Python 3.11 here that uid {uid} can run")


def _launcher_as(uid: int, place: Path, code: str, *arguments: Path) -> subprocess.CompletedProcess[str]:
    """Run code after `from server import *`, from a copy of the launcher that every account can read."""
    copy = place / "readable"
    copy.mkdir(exist_ok=True)
    shutil.copy(launcher.__file__, copy / "server.py")
    (copy / "server.py").chmod(0o644)
    prelude = f"import sys; sys.path.insert(0, {str(copy)!r})\nfrom pathlib import Path\nfrom server import *\n"
    return _as(uid, [_python_for(uid), "-c", prelude + code, *map(str, arguments)])


def _as(uid: int, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command,
        user=uid,
        group=uid,
        extra_groups=[],
        cwd="/",
        env=environment | {"HOME": "/nonexistent"},
        capture_output=True,
        text=True,
    )
