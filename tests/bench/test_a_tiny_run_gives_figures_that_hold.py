from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import report
from bench.contenders import CONTENDERS, Contender
from bench.databases import Cluster
from bench.server import is_durable, settings_of

from .conftest import contender, small_suite

NAMES = {"reserve": "shop", "bare": "shop", "insert": "peers", "usual": "peers"}


@pytest.fixture(scope="module")
def plan(shop_template: str, peers_template: str) -> list[tuple[Contender, tuple[int, ...]]]:
    templates = {"shop": shop_template, "peers": peers_template}
    return [(contender(name, templates[kind]), (1, 2)) for name, kind in NAMES.items()]


@pytest.fixture(scope="module")
def found(cluster: Cluster, plan: list[tuple[Contender, tuple[int, ...]]]) -> report.Result:
    suite = small_suite(cluster)
    suite.run(plan)
    with cluster.connect() as admin:
        settings = settings_of(admin)
    return report.result(
        tier="quick", only=None, started=datetime.now(UTC), seconds=1.0, suite=suite, plan=plan, measures=[],
        settings=settings, durable=is_durable(settings), machine={"cores": "2", "system": "test"}, version="0",
    )  # fmt: skip


def test_every_load_gives_a_figure_and_every_outcome_holds(found: report.Result) -> None:
    assert found["refused"] == []
    measured = {(figure["contender"], figure["clients"]) for figure in found["figures"]}
    assert measured == {(name, clients) for name in NAMES for clients in (1, 2)}
    for figure in found["figures"]:
        assert figure["per_second"] > 0
        # pgbench has been seen to note 0 for most of a second, on a machine with much else to do.
        assert 0 <= figure["p50_ms"] <= figure["p95_ms"] <= figure["p99_ms"] > 0


def test_goals_are_judged_by_what_was_measured(found: report.Result) -> None:
    by_title = {goal["title"]: goal for goal in found["goals"]}
    unmeasured = by_title["reserve, uniform / bare function, 32 clients"]
    assert (unmeasured["ratio"], unmeasured["met"]) == (None, None)
    assert "reserve@32" in unmeasured["why"]


def test_results_are_written_for_programs_for_people_and_as_a_picture(found: report.Result, tmp_path: Path) -> None:
    data, text, picture = report.write(found, tmp_path)
    assert json.loads(data.read_text()) == json.loads(json.dumps(found))
    for name in NAMES:
        assert found["contenders"][name]["title"] in text.read_text()
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    assert picture.read_text().count(">p99<") == 1, "the latency of reserve"


def test_a_server_that_is_not_durable_is_said_to_be_worthless(found: report.Result) -> None:
    assert found["server"]["fsync"] == "off"
    assert not found["durable"]
    assert "mean nothing" in report.markdown(found)


def test_every_script_and_check_is_there_and_every_product_is_chosen() -> None:
    for each in CONTENDERS:
        if each.script.endswith(".sql"):
            text = each.text()
            assert "{" not in text.replace("{sku}", "").replace('{"sku"', "").replace(',{"sku"', ""), each.name
            assert "{sku}" not in text
        assert (Path(report.__file__).parent / each.check).is_file()
