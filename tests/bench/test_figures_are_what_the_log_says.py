from __future__ import annotations

import pytest

from bench.goals import Goal, judge
from bench.measure import Load, LoadError, summary

LOAD = Load(dsn="", clients=2, seconds=3, warm_up=1.0)


def line(client: int, end: float, latency_ms: float | str) -> str:
    latency = latency_ms if isinstance(latency_ms, str) else round(latency_ms * 1000)
    return f"{client} 0 {latency} 0 {int(end)} {round(end % 1 * 1e6)}"


def test_transactions_of_the_warm_up_count_for_outcomes_and_not_for_figures() -> None:
    log = [line(0, 100.5, 500.0), line(0, 101.5, 1.0), line(1, 102.0, 2.0), line(1, 102.9, 3.0), line(0, 103.2, 900.0)]
    found = summary(log, LOAD)
    assert found.committed == 5
    assert found.per_second == pytest.approx(3 / 2)
    assert (found.p50, found.p95, found.p99) == (2.0, 3.0, 3.0)


def test_failed_transactions_are_counted_by_kind() -> None:
    found = summary(
        [line(0, 100.1, 100.0), line(0, 101.1, "deadlock"), line(1, 101.2, "deadlock"), line(1, 101.3, 1.0)], LOAD
    )
    assert found.failed == {"deadlock": 2}
    assert found.committed == 2


def test_where_everything_failed_the_rate_is_nothing() -> None:
    found = summary([line(0, 100.1, 100.0), line(0, 101.5, "deadlock")], LOAD)
    assert (found.per_second, found.p50) == (0.0, None)


def test_with_so_many_transactions_each_the_time_ends_when_the_first_client_is_done() -> None:
    log = [line(0, 100.1, 100.0), line(0, 101.5, 1.0), line(0, 102.0, 1.0), line(1, 101.9, 1.0), line(1, 109.0, 1.0)]
    found = summary(log, Load(dsn="", clients=2, seconds=3, warm_up=1.0, transactions=3))
    assert found.per_second == pytest.approx(3 / 1)
    assert found.least == 2


def test_a_load_that_did_nothing_has_no_figure() -> None:
    with pytest.raises(LoadError):
        summary([line(0, 100.1, "serialization")], LOAD)


GOAL = Goal("over / under", "a@8", "b@8", "at least", 0.5)


def test_ratios_are_taken_within_a_round() -> None:
    verdict = judge(GOAL, {"a@8": {0: 10.0, 1: 60.0, 2: 9.0}, "b@8": {0: 20.0, 1: 100.0, 3: 1.0}}, {})
    assert verdict.ratio == pytest.approx(0.55)
    assert (verdict.low, verdict.high, verdict.met) == (0.5, 0.6, True)


def test_a_goal_can_be_missed_upwards_and_downwards() -> None:
    rounds = {"a@8": {0: 40.0}, "b@8": {0: 100.0}}
    assert judge(GOAL, rounds, {}).met is False
    assert judge(Goal("", "a@8", "b@8", "at most", 0.3), rounds, {}).met is False
    assert judge(Goal("", "a@8", "b@8", "at least", 30.0, factor=100), rounds, {}).met is True


def test_measures_outside_of_rounds_are_compared_with_a_median() -> None:
    verdict = judge(Goal("", "slow", "fast", "at most", 3.0), {}, {"slow": [2.0, 4.0, 6.0], "fast": [1.0, 2.0, 99.0]})
    assert (verdict.ratio, verdict.low, verdict.high) == (2.0, 1.0, 3.0)


def test_a_goal_without_its_figures_is_not_judged() -> None:
    verdict = judge(GOAL, {"a@8": {0: 1.0}}, {})
    assert (verdict.met, verdict.why) == (None, "no figure for b@8")
    assert judge(GOAL, {"a@8": {0: 1.0}, "b@8": {1: 1.0}}, {}).why == "no round has both figures"
