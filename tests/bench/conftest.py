"""A small shop of the bench's kind, and its contenders, made once per worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bench.contenders import BY_NAME, Contender
from bench.databases import Cluster, make_login, make_peers, make_shop
from bench.server import pgbench_path
from bench.suite import Pace, Suite

SKUS = 2000


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The server of the tests, as the bench sees it."""
    option = request.config.option
    dsn = make_conninfo(host=option.postgresql_host, port=option.postgresql_port, user=option.postgresql_user,
                        password=option.postgresql_password, dbname="postgres")  # fmt: skip
    found = Cluster(dsn)
    with suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):  # another worker was first
        make_login(found)
    return found


@pytest.fixture(scope="session")
def shop_template(cluster: Cluster, worker_id: str) -> Iterator[str]:
    """A database with a shop of SKUS products that has seen a month of trade. To be copied, not changed."""
    name = f"bench_shop_{worker_id}"
    make_shop(cluster, name, skus=SKUS)
    yield name
    cluster.drop(name)


@pytest.fixture(scope="session")
def peers_template(cluster: Cluster, worker_id: str) -> Iterator[str]:
    """A database with the limits and the contenders. To be copied, not changed."""
    name = f"bench_peers_{worker_id}"
    make_peers(cluster, name, SKUS)
    yield name
    cluster.drop(name)


@pytest.fixture
def shop_copy(cluster: Cluster, shop_template: str) -> Iterator[str]:
    """The name of a copy of the shop that the test may change."""
    name = f"{shop_template}_copy"
    cluster.create(name, shop_template)
    yield name
    cluster.drop(name)


@pytest.fixture
def suite(cluster: Cluster) -> Suite:
    """A suite at the smallest pace that there is."""
    return small_suite(cluster)


def small_suite(cluster: Cluster) -> Suite:
    """The same, for who keeps it longer than a test."""
    return Suite(cluster, pgbench_path(), Pace(seconds=1, warm_up=0.2, rounds=1, skus=SKUS), lambda _: None)


def contender(name: str, template: str) -> Contender:
    """A contender of the bench, on this template."""
    return replace(BY_NAME[name], template=template)
