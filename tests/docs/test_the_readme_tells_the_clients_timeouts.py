"""The README says which timeouts the client's sessions have, and what a lock timeout looks like."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import openstock

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_defaults_are_those_of_connect() -> None:
    told = dict(re.findall(r"^\| `(\w+_timeout)` \| (\d+) s \|", README, re.MULTILINE))
    for connect in (openstock.connect, openstock.connect_async):
        arguments = inspect.signature(connect).parameters.values()
        assert told == {a.name: f"{a.default:g}" for a in arguments if a.name.endswith("timeout")}


def test_each_error_that_is_named_has_the_code_that_is_named() -> None:
    told = re.findall(r"^\| `\w+_timeout` \|.*\| `(\w+)` \((\w{5})\) \|$", README, re.MULTILINE)
    assert told == [(name, getattr(openstock, name).sqlstate) for name in ("LockTimeout", "QueryCanceled")]


def test_a_lock_timeout_looks_as_it_is_shown() -> None:
    error = openstock.LockTimeout(detail={"problem": "canceling statement due to lock timeout"}, op_id="order-4711")
    assert f"```\n{error}\n```" in README


def test_it_is_repeated_on_request_only_and_as_often_as_is_said() -> None:
    retry = openstock.Retry()
    assert f"up to {retry.attempts} times in all" in README
    assert "Retry(on_lock_timeout=True)" in README
    assert [retry.covers(code) for code in ("40001", "40P01", "55P03", "57014")] == [True, True, False, False]
    assert [openstock.Retry(on_lock_timeout=True).covers(code) for code in ("55P03", "57014")] == [True, False]
