"""The goals of the bench as data, and how they are judged: ratios within one run, round by round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio of two figures. Keys are a contender and its clients, as reserve@8, or the name of a measure."""

    title: str
    over: str
    under: str
    want: Literal["at least", "at most"]
    bound: float
    aim: float | None = None
    factor: float = 1.0
    """The ratio is multiplied by it: lines of a call."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a goal. `ratio` is the median over rounds; None where a figure is missing: `why` says which."""

    goal: Goal
    ratio: float | None
    low: float | None = None
    high: float | None = None
    why: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the median meets the goal; None where it was not measured."""
        if self.ratio is None:
            return None
        return self.ratio >= self.goal.bound if self.goal.want == "at least" else self.ratio <= self.goal.bound


def _least(title: str, over: str, under: str, bound: float, **more: float) -> Goal:
    return Goal(title, over, under, "at least", bound, **more)


def _most(title: str, over: str, under: str, bound: float, **more: float) -> Goal:
    return Goal(title, over, under, "at most", bound, **more)


GOALS = (
    _least("reserve, uniform / bare function, 8 clients", "reserve@8", "bare@8", 0.75),
    _least("reserve, uniform / bare function, 32 clients", "reserve@32", "bare@32", 0.7),
    _least("reserve, uniform / single-row INSERT commit, 8 clients", "reserve@8", "insert@8", 0.35, aim=0.5),
    _least("reserve, one hot SKU / UPDATE of one hot row, 8 clients", "reserve_hot@8", "hot_update@8", 0.5),
    _least("reserve, one hot SKU / UPDATE of one hot row, 32 clients", "reserve_hot@32", "hot_update@32", 0.5),
    _least("hot-SKU mode / UPDATE of one hot row, 8 clients", "reserve_now_hot@8", "hot_update@8", 1.3),
    _least("hot-SKU mode / UPDATE of one hot row, 32 clients", "reserve_now_hot@32", "hot_update@32", 2.0),
    _least("hot-SKU mode, 32 clients / 8 clients", "reserve_now_hot@32", "reserve_now_hot@8", 0.85),
    _least("hot-SKU mode / UPDATE of one hot row, 1 ms flush, 32 clients",
           "reserve_now_hot_1ms@32", "hot_update_1ms@32", 6.0),
    _least("reserve / usual design in round trips, uniform, 8 clients", "reserve@8", "usual@8", 0.9),
    _least("hot-SKU mode / usual design in round trips, hot, 32 clients", "reserve_now_hot@32", "usual_hot@32", 4.0),
    _least("reserve / Medusa's createReservationItems, uniform, 8 clients", "reserve@8", "medusa@8", 20.0),
    _most("one-line calls / 100-line calls, 1 client", "reserve@1", "reserve_100@1", 20.0),
    _least("lines of 100-line calls / single-row INSERT commits, 1 client",
           "reserve_100@1", "insert@1", 3.0, factor=100),
    _least("Python client / pgbench, one line, 1 client", "client@1", "reserve@1", 0.6),
    _least("reserve at 10 M ledger rows / at 1 M, 8 clients", "grown_10m@8", "grown_1m@8", 0.88),
    _least("reserve with 1,000 tenants / 1, 8 clients", "tenants_1000@8", "tenants_1@8", 0.95),
    _least("reserve during a concurrent refresh / without, 8 clients", "grown_1m_refresh@8", "grown_1m@8", 0.8),
    _most("as-of stock of one product at 5 M rows / at 1 M", "as_of_one_5m", "as_of_one_1m", 1.3),
    _most("as-of stock of the whole tenant / a scan, 1 M rows", "as_of_all_1m", "scan_all_1m", 0.1),
    _most("as-of stock of the whole tenant / a scan, 5 M rows", "as_of_all_5m", "scan_all_5m", 0.1),
    _most("rebuild of 1 M entries / SELECT sum() over them", "rebuild_1m", "sum_1m", 8.0),
    _least("reserve / without row-level security, 8 clients", "breakdown_whole@8", "breakdown_rls@8", 0.9),
)  # fmt: skip


def judge(goal: Goal, rounds: Mapping[str, Mapping[int, float]], measures: Mapping[str, Sequence[float]]) -> Verdict:
    """Judge a goal. rounds: figures by key and round, those refused left out; measures: values by name.

    Contenders of a round ran side by side, so that their ratio is taken within it; measures have no rounds in common.
    """
    missing = [key for key in (goal.over, goal.under) if not (rounds.get(key) or measures.get(key))]
    if missing:
        return Verdict(goal, None, why=f"no figure for {' and '.join(missing)}")
    if goal.over in rounds and goal.under in rounds:
        over, under = rounds[goal.over], rounds[goal.under]
        ratios = [goal.factor * over[n] / under[n] for n in sorted(over.keys() & under.keys()) if under[n]]
    else:
        base = statistics.median(measures[goal.under])
        ratios = [goal.factor * value / base for value in measures[goal.over]]
    if not ratios:
        return Verdict(goal, None, why="no round has both figures")
    return Verdict(goal, statistics.median(ratios), min(ratios), max(ratios))
