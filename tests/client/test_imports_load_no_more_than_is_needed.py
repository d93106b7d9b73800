"""Importing is cheap: each name of the package is loaded when it is first used, and yoyo only by whoever migrates."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import openstock

from ..support import LOGINS, TENANT


def loaded_after(program: str, *arguments: str) -> set[str]:
    """The top-level modules that a program of its own has loaded at its end."""
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\nprint(*sys.modules)", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "program",
    [
        "import sys, openstock; openstock.__version__; dir(openstock)",
        "import sys, openstock; openstock.results.Stock; openstock.Stock; openstock.Retry",
        "import sys; from openstock import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass",
    ],
    ids=["the package", "rows", "the help"],
)
def test_what_needs_no_database_loads_no_driver(program: str) -> None:
    assert not loaded_after(program) & {"psycopg", "yoyo", "asyncio"}


@pytest.mark.parametrize(
    "connect",
    [
        "openstock.connect(sys.argv[1], tenant=sys.argv[2]).stock()",
        "openstock.Client, openstock.InsufficientStock",
        "import asyncio; asyncio.run(openstock.connect_async(sys.argv[1], tenant=sys.argv[2]))",
    ],
)
def test_connecting_loads_no_migrations(connect: str, dsn: str) -> None:
    address = f"{dsn} user={LOGINS['app'].name}"
    modules = loaded_after(
        f"import sys, warnings, openstock; warnings.simplefilter('ignore'); {connect}", address, str(TENANT)
    )
    assert "psycopg" in modules
    assert "yoyo" not in modules


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'openstock' has no attribute 'conect'"):
        openstock.conect  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(openstock, "__wrapped__")


def test_dir_lists_every_public_name() -> None:
    assert {*openstock.__all__, "errors", "results"} <= set(dir(openstock))
