"""What users install: the wheel, in an environment that has nothing else."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from openstock.migration_files import read_migrations

from .helpers import MIGRATIONS, SQL, TOP, Cluster

MIGRATE = """
import sys
from pathlib import Path
import openstock
from openstock.migrate import migrate, status
from openstock.shipped import migrations_dir, sql_dir
package = Path(openstock.__file__).parent
assert package.is_relative_to(sys.prefix), package
assert migrations_dir() == package / "migrations", migrations_dir()
assert sql_dir() == package / "sql", sql_dir()
print(*migrate(sys.argv[1]).applied)
print(status(sys.argv[1]).state)
"""


def run(*command: object, **options: object) -> str:
    """Run a command that has to succeed; what it says."""
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, result.stderr
    return str(result.stdout)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel built from this tree."""
    directory = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", directory, TOP)
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_ships_every_source_and_migration(wheel: Path) -> None:
    shipped = set(zipfile.ZipFile(wheel).namelist())
    for directory in (SQL, MIGRATIONS):
        for path in directory.rglob("*"):
            if path.is_file():
                assert f"openstock/{path.relative_to(TOP)}" in shipped
    for path in (TOP / "openstock").rglob("*.py"):
        if "devtools" not in path.parts:
            assert str(path.relative_to(TOP)) in shipped
    assert "openstock/py.typed" in shipped
    assert not [name for name in shipped if "devtools" in name]


def test_the_wheel_migrates_from_an_empty_environment(wheel: Path, cluster: Cluster, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", f"{wheel}[binary]")
    database = cluster.create_database()
    assert "--dry-run" in run(tmp_path / "env/bin/openstock", "migrate", "--help", cwd=tmp_path, env={})
    said = run(python, "-c", MIGRATE, cluster.dsn(database), cwd=tmp_path, env={})
    assert said.split() == [*(migration.name for migration in read_migrations(MIGRATIONS)), "current"]
