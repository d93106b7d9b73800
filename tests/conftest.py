"""One throw-away server for a test run, one migrated template database a worker, and for each test a copy of it that is like new (see copies).

`db` is a superuser's connection to the test's own database, `connect(login)` a new connection as one of the LOGINS,
`shop` a tenant behind the application's login: where a test asks for it, the database is copied from a second template, which
has its master data already. OPENSTOCK_DSN, where set, names a superuser on a server to use instead of the embedded one;
OPENSTOCK_PG_BIN the PostgreSQL programs to run. OPENSTOCK_TEST_SERVER is what a run of the tests tells a run that it starts
itself (tests/mutation): the same server, whose logins it leaves alone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pytest_postgresql import factories
from pytest_postgresql.executors import NoopExecutor

from openstock.migrate import migrate
from openstock.server import temporary_server

from .copies import Copies, Copy
from .soak import Soak
from .support import LOGINS, OTHER_TENANT, TENANT, Clock, Connect, Shop, superuser_dsn
from .wall_clock import WallClock

CLOCKS = {"clock": Clock.install, "wall_clock": WallClock.install}
_resources = contextlib.ExitStack()
_dsn = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once, in the process that starts the workers, and let every process know its address."""
    if config.option.collectonly or config.option.help:
        return
    dsn = getattr(config, "workerinput", {}).get("dsn") or os.environ.get("OPENSTOCK_TEST_SERVER") or os.environ.get("OPENSTOCK_DSN")
    if dsn is None:
        dsn = _resources.enter_context(temporary_server()).dsn()
    config.stash[_dsn] = dsn
    given = conninfo_to_dict(dsn)
    config.option.postgresql_host = given.get("host")
    config.option.postgresql_port = given.get("port", 5432)
    config.option.postgresql_user = given.get("user", "postgres")
    config.option.postgresql_password = given.get("password")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the server's address to a worker of pytest-xdist."""
    node.workerinput["dsn"] = node.config.stash[_dsn]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In `make soak` tell a failure at once: what else runs goes on for hours."""
    if report.failed and Soak.asked():
        print(f"\n{report.nodeid}\n{report.longreprtext}", flush=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server; of somebody else's, take back the logins of the tests."""
    given = os.environ.get("OPENSTOCK_DSN")
    if given and not hasattr(config, "workerinput"):
        with contextlib.suppress(psycopg.Error), psycopg.connect(make_conninfo(given, dbname="postgres"), autocommit=True) as cluster:
            for login in LOGINS.values():
                with contextlib.suppress(psycopg.Error):
                    cluster.execute(f"drop role if exists {login.name}")
    _resources.close()


def _load(host: str, port: int, user: str, dbname: str, password: str | None, **_: object) -> None:
    """Migrate the template and declare the logins, one worker at a time: roles are shared by the whole cluster."""
    dsn = make_conninfo(host=host, port=port, user=user, password=password, dbname=dbname)
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as cluster:
        cluster.execute("select pg_advisory_lock(hashtextextended('openstock tests', 0))")
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as template:
            for login in LOGINS.values():
                if not template.execute("select 1 from pg_roles where rolname = %s", [login.name]).fetchone():
                    template.execute(f"create role {login.name} login")
                    template.execute(f"grant {login.group} to {login.name}" if login.group else "select")
            for tenant, name in [(TENANT, "Test shop"), (OTHER_TENANT, "Other shop")]:
                template.execute("select openstock_admin.create_tenant(%s, %s)", [name, tenant])
            for login in LOGINS.values():
                for tenant in login.tenants:
                    template.execute("select openstock_admin.grant_tenant(%s, %s)", [login.name, tenant])
                if login.trusted:
                    template.execute("select openstock_admin.grant_tenant(%s, any_tenant => true)", [login.name])


def _furnish(host: str, port: int, user: str, dbname: str, password: str | None, **_: object) -> None:
    """Furnish the shop of the tests, once a worker."""
    dsn = make_conninfo(host=host, port=port, user=user, password=password, dbname=dbname)
    with psycopg.connect(dsn, autocommit=True) as db, psycopg.connect(make_conninfo(dsn, user=LOGINS["app"].name), autocommit=True) as app:
        Shop(app, db).furnish()


template = factories.postgresql_noproc(load=[_load])
furnished_template = factories.postgresql_noproc(depends_on="template", load=[_furnish])


@pytest.fixture(scope="session")
def cluster(template: NoopExecutor) -> Iterator[psycopg.Connection]:
    """A superuser's connection, in autocommit mode, to none of the databases that tests copy."""
    with psycopg.connect(superuser_dsn(template, template.maintenance_dbname), autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def copies(cluster: psycopg.Connection) -> Iterator[Copies]:
    """The databases of this worker's tests."""
    copies = Copies(cluster)
    yield copies
    copies.drop()


@pytest.fixture
def copy(request: pytest.FixtureRequest, copies: Copies) -> Iterator[Copy]:
    """This test's own migrated database, furnished where it asks for the shop, and with a clock that can be set where it asks for one."""
    origin = request.getfixturevalue("furnished_template" if "shop" in request.fixturenames else "template")
    kind, install = next(((name, install) for name, install in CLOCKS.items() if name in request.fixturenames), ("", None))
    copy = copies.take(origin, kind, install)
    yield copy
    copies.give_back(copy)


@pytest.fixture
def db(copy: Copy) -> psycopg.Connection:
    """A superuser's connection, in autocommit mode, to this test's own database."""
    return copy.db


@pytest.fixture
def dsn(copy: Copy, db: psycopg.Connection) -> str:
    """The superuser's DSN of this test's own database."""
    return copy.dsn


@pytest.fixture
def connect(copy: Copy, db: psycopg.Connection) -> Connect:
    """Gives sessions as one of the LOGINS, as if each were new; all end with the test."""

    def connect(login: str = "app", *, autocommit: bool = True) -> psycopg.Connection:
        connection = copy.connect(LOGINS[login].name)
        connection.autocommit = autocommit
        return connection

    return connect


@pytest.fixture
def shop(connect: Connect, db: psycopg.Connection) -> Shop:
    """The test tenant, with products, warehouses and bins (see Shop), called as the application's login."""
    return Shop(connect("app"), db)


@pytest.fixture
def clock(db: psycopg.Connection) -> Clock:
    """Lets a test set the server's clock forward."""
    return Clock(db)


@pytest.fixture
def wall_clock(db: psycopg.Connection) -> WallClock:
    """A clock that can be set forward, also for sessions with an older snapshot."""
    return WallClock(db)


@pytest.fixture
def wait_until(db: psycopg.Connection) -> Callable[[str], None]:
    """Waits until a query on the test's database returns true."""
    from .support import wait_until

    return lambda query: wait_until(db, query)


@pytest.fixture
def soak() -> Soak:
    """How long the test is to go on, and where it tells what it did; skips it outside of `make soak`."""
    asked = Soak.asked()
    if asked is None:
        pytest.skip("runs in `make soak`")
    return asked
