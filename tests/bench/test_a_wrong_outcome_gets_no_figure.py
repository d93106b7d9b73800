from __future__ import annotations

from dataclasses import replace

import pytest

from bench import breakdown
from bench.contenders import Effect
from bench.databases import Cluster, tenant_id
from bench.suite import Suite, complaints

from .conftest import contender

LEDGER = next(part for part in breakdown.PARTS if part.name == "breakdown_ledger")


def test_a_reserve_that_writes_no_ledger_entry(cluster: Cluster, suite: Suite, shop_copy: str) -> None:
    with cluster.connect(shop_copy) as admin:
        breakdown.leave_out(admin, LEDGER)
    suite.run([(contender("reserve", shop_copy), (1,))])
    [figure] = suite.figures
    assert figure.sample is None
    assert figure.refused
    assert "RESERVE entries" in figure.refused


def test_a_client_that_was_promised_more_than_was_booked(suite: Suite, shop_template: str) -> None:
    suite.run([(replace(contender("reserve", shop_template), effect=Effect(promised=2, entries=1, calls=1)), (1,))])
    [figure] = suite.figures
    assert figure.sample is None
    assert figure.refused
    assert "units promised" in figure.refused


def test_what_only_verify_sees_refuses_the_figures_of_the_whole_round(
    cluster: Cluster, suite: Suite, shop_copy: str
) -> None:
    with cluster.connect(shop_copy) as admin:
        admin.execute("""
            update openstock_core.stock_level set version = version + 1
            where product_id = (select max(product_id) from openstock_core.stock_level)
        """)
    suite.run([(contender("reserve", shop_copy), (1, 2))])
    assert [figure.sample for figure in suite.figures] == [None, None]
    for figure in suite.figures:
        assert figure.refused
        assert figure.refused.startswith("verify: level version = ledger entries")


def test_a_load_that_fails_half_way(suite: Suite, shop_template: str) -> None:
    suite.run([(replace(contender("reserve", shop_template), sku="random(1, 2 * :skus)"), (1,))])
    [figure] = suite.figures
    assert figure.sample is None
    assert figure.refused
    assert "LoadError" in figure.refused


def test_a_check_that_states_nothing(cluster: Cluster, shop_template: str) -> None:
    with cluster.connect(shop_template) as admin:
        assert complaints(admin, "select '', 0, 0 where false", {}) == ["the check states nothing"]


@pytest.mark.parametrize("name", ["usual", "usual_function", "twophase_hot", "insert", "hot_update"])
def test_a_contender_that_lost_a_row(suite: Suite, peers_template: str, name: str) -> None:
    lost = replace(contender(name, peers_template), effect=Effect(promised=2, entries=2))
    suite.run([(contender(name, peers_template), (1,)), (replace(lost, name=f"{name}_lost"), (1,))])
    honest, refused = suite.figures
    assert honest.sample, honest.refused
    assert refused.sample is None


def test_the_tenant_of_the_bench_is_one_that_the_login_is_bound_to(cluster: Cluster, shop_template: str) -> None:
    with cluster.connect(shop_template) as admin:
        assert admin.execute("select tenant_id from openstock_core.tenant_login").fetchall() == [(tenant_id(),)]
        assert admin.execute("select count(*) from openstock_core.trusted_login").fetchall() == [(0,)]
