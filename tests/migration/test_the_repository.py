"""sql/ and migrations/ of this repository agree."""

from __future__ import annotations

import re

from openstock.devtools import build_migration
from openstock.devtools.build_migration import copies, read_sources, recorded_state
from openstock.migrate import migrate
from openstock.migration_files import read_migrations, read_released, verified_migrations, verify_released
from openstock.shipped import migrations_dir, sql_dir

from .helpers import MIGRATIONS, SQL, Cluster


def test_the_migrations_are_what_the_tool_builds_from_sql() -> None:
    out_of_date = [
        build_migration.difference(path, wanted) for path, wanted in build_migration.build(SQL, MIGRATIONS).items()
    ]
    assert "".join(out_of_date) == "", "run python -m openstock.devtools.build_migration"


def test_released_migrations_are_unchanged() -> None:
    verify_released(read_migrations(MIGRATIONS), read_released(MIGRATIONS))


def test_every_migration_ends_in_its_own_record_and_cannot_be_rolled_back() -> None:
    for migration in verified_migrations(MIGRATIONS):
        rollback = MIGRATIONS / f"{migration.name}.rollback.sql"
        assert rollback.read_text() == build_migration.ROLLBACK


def test_the_newest_copy_of_each_file_is_the_file() -> None:
    state = recorded_state(migration.text for migration in read_migrations(MIGRATIONS))
    assert state == {source.path: source.digest for source in read_sources(SQL)}


def test_install_sql_names_every_file_once() -> None:
    named = re.findall(r"(?m)^\\ir (\S+)$", (SQL / "install.sql").read_text())
    present = [str(path.relative_to(SQL)) for path in SQL.rglob("*.sql") if path.parent != SQL / "upgrades"]
    assert sorted([*named, "install.sql"]) == sorted(present)


def test_the_baseline_names_its_files_in_install_order() -> None:
    baseline = read_migrations(MIGRATIONS)[0]
    if not read_released(MIGRATIONS):
        assert [path for path, _ in copies(baseline.text)] == [source.path for source in read_sources(SQL)]


def test_a_checkout_finds_its_own_files() -> None:
    assert migrations_dir() == MIGRATIONS
    assert sql_dir() == SQL


def test_sources_plain_yoyo_and_migrate_give_the_same_database(every_cluster: Cluster) -> None:
    cluster = every_cluster
    sources, plain, driven = (cluster.create_database() for _ in range(3))
    cluster.psql(sources, SQL / "install.sql")
    applied = cluster.yoyo("apply", plain, MIGRATIONS)
    assert applied.returncode == 0, applied.stderr
    migrate(cluster.dsn(driven))
    reference = cluster.dump(sources)
    assert "ALTER TABLE openstock_core.ledger OWNER TO openstock_owner" in reference
    for proof in ("GRANT ", "COMMENT ON ", "CREATE POLICY ", "FORCE ROW LEVEL SECURITY", "fillfactor"):
        assert proof in reference
    assert cluster.dump(plain) == reference
    assert cluster.dump(driven) == reference
