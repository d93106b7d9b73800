"""What a run applies and says, on a small schema and real servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openstock.migrate import MigrationError, MigrationReport, migrate, status

from .helpers import (
    BASELINE,
    SECOND,
    Cluster,
    SmallSchema,
    everything,
    sql_function,
)


def test_a_first_run_applies_everything_and_a_second_nothing(cluster: Cluster, two: SmallSchema) -> None:
    dsn = cluster.dsn(cluster.create_database())
    assert migrate(dsn, directory=two.migrations) == MigrationReport((BASELINE, SECOND), (), ())
    assert migrate(dsn, directory=two.migrations) == MigrationReport((), (), (BASELINE, SECOND))


def test_progress_names_each_migration(cluster: Cluster, two: SmallSchema) -> None:
    lines: list[str] = []
    migrate(cluster.dsn(cluster.create_database()), directory=two.migrations, progress=lines.append)
    assert [line.split(":")[0] for line in lines] == [BASELINE, BASELINE, SECOND, SECOND]


def test_nothing_is_printed(cluster: Cluster, small: SmallSchema, capsys: pytest.CaptureFixture[str]) -> None:
    small.write("finish.sql", "select 'rows of a migration are not for the terminal';\n")
    small.build()
    capsys.readouterr()
    migrate(cluster.dsn(cluster.create_database()), directory=small.migrations)
    assert capsys.readouterr() == ("", "")


def test_a_dry_run_tells_what_is_pending_and_takes_no_transaction_id(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    next_id = "select pg_snapshot_xmax(pg_current_snapshot())::text"
    before = cluster.run(next_id), everything(cluster, database), cluster.run("select rolname from pg_roles order by 1")
    lines: list[str] = []
    report = migrate(cluster.dsn(database), dry_run=True, progress=lines.append, directory=two.migrations)
    assert report == MigrationReport((), (BASELINE, SECOND), ())
    assert [line.split(":")[0] for line in lines] == [BASELINE, SECOND]
    after = cluster.run(next_id), everything(cluster, database), cluster.run("select rolname from pg_roles order by 1")
    assert after == before


def test_a_dry_run_on_a_migrated_database_tells_what_is_there(cluster: Cluster, two: SmallSchema) -> None:
    dsn = cluster.dsn(cluster.create_database())
    migrate(dsn, directory=two.migrations)
    assert migrate(dsn, dry_run=True, directory=two.migrations) == MigrationReport((), (), (BASELINE, SECOND))


def test_plain_yoyo_has_nothing_to_do_afterwards_and_the_other_way_round(cluster: Cluster, two: SmallSchema) -> None:
    ours, theirs = cluster.create_database(), cluster.create_database()
    migrate(cluster.dsn(ours), directory=two.migrations)
    assert cluster.yoyo("apply", theirs, two.migrations).returncode == 0
    before = everything(cluster, ours), everything(cluster, theirs)
    assert cluster.yoyo("apply", ours, two.migrations).returncode == 0
    assert migrate(cluster.dsn(theirs), directory=two.migrations).applied == ()
    assert (everything(cluster, ours), everything(cluster, theirs)) == before
    listing = cluster.yoyo("list", ours, two.migrations).stdout
    assert [line.split()[0] for line in listing.splitlines() if "000" in line] == ["A", "A"]


def test_each_may_continue_what_the_other_began(cluster: Cluster, two: SmallSchema) -> None:
    ours, theirs = cluster.create_database(), cluster.create_database()
    second = two.migrations / f"{SECOND}.sql"
    text = second.read_text()
    second.unlink()
    migrate(cluster.dsn(ours), directory=two.migrations)
    assert cluster.yoyo("apply", theirs, two.migrations).returncode == 0
    second.write_text(text)
    assert cluster.yoyo("apply", ours, two.migrations).returncode == 0
    assert migrate(cluster.dsn(theirs), directory=two.migrations) == MigrationReport((SECOND,), (), (BASELINE,))
    assert cluster.dump(ours) == cluster.dump(theirs)


def test_an_upgraded_database_equals_one_built_from_the_sources(cluster: Cluster, two: SmallSchema) -> None:
    upgraded, built = cluster.create_database(), cluster.create_database()
    migrate(cluster.dsn(upgraded), directory=two.migrations)
    cluster.psql(built, two.sql / "install.sql")
    assert cluster.dump(upgraded) == cluster.dump(built)


@pytest.mark.parametrize("command", ["rollback", "reapply", "develop"])
def test_yoyo_cannot_roll_back(cluster: Cluster, built: SmallSchema, command: str) -> None:
    database = cluster.create_database()
    migrate(cluster.dsn(database), directory=built.migrations)
    before = everything(cluster, database)
    refused = cluster.yoyo(command, database, built.migrations)
    assert refused.returncode != 0
    assert "openstock migrations cannot be rolled back" in refused.stderr
    assert everything(cluster, database) == before


def test_a_migration_applied_with_psql_counts(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.psql(database, built.migrations / f"{BASELINE}.sql")
    assert migrate(cluster.dsn(database), directory=built.migrations).already == (BASELINE,)
    assert cluster.yoyo("apply", database, built.migrations).returncode == 0


def test_a_failing_statement_is_named_and_nothing_of_its_migration_stays(cluster: Cluster, two: SmallSchema) -> None:
    two.write("functions/openstock/greet.sql", sql_function("greet", "no_such_column"))
    two.build()
    database = cluster.create_database()
    with pytest.raises(MigrationError, match="a migration failed and was rolled back") as refused:
        migrate(cluster.dsn(database), directory=two.migrations)
    detail = str(refused.value.detail)
    assert f"{SECOND}, sql/functions/openstock/greet.sql, at: create or replace function openstock.greet()" in detail
    assert "42703" in detail
    found = status(cluster.dsn(database), directory=two.migrations)
    assert (found.state, found.applied, found.pending) == ("pending", (BASELINE,), (SECOND,))
    assert cluster.run("select migration_id from _yoyo_migration", database=database) == [(BASELINE,)]


def test_status_before_and_after(cluster: Cluster, two: SmallSchema) -> None:
    dsn = cluster.dsn(cluster.create_database())
    before = status(dsn, directory=two.migrations)
    assert (before.state, before.version, before.pending) == ("never migrated", None, (BASELINE, SECOND))
    migrate(dsn, directory=two.migrations)
    after = status(dsn, directory=two.migrations)
    assert (after.state, after.version, after.applied) == ("current", SECOND, (BASELINE, SECOND))


def test_an_application_can_ask_for_the_status(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    migrate(cluster.dsn(database), directory=two.migrations)
    cluster.run("create role shop login in role openstock_app", "create role stranger login")
    found = status(cluster.dsn(database, "shop"), directory=two.migrations)
    assert (found.state, found.version, found.applied) == ("current", SECOND, (BASELINE, SECOND))
    with pytest.raises(MigrationError, match="may not see which openstock the database holds"):
        status(cluster.dsn(database, "stranger"), directory=two.migrations)
    (two.migrations / f"{SECOND}.sql").unlink()
    found = status(cluster.dsn(database, "shop"), directory=two.migrations)
    assert (found.state, found.unknown) == ("newer", (SECOND,))


@pytest.mark.parametrize(
    "form",
    [
        lambda host, database: f"postgresql://postgres@/{database}?host={host}",
        lambda host, database: f"postgresql+psycopg://postgres:p%40ss%2Fw%3Ard@/{database}?host={host}",
        lambda host, database: f"host={host} dbname={database} user=postgres password='a b/c@\\'d'",
    ],
    ids=["url", "yoyo url", "keywords"],
)
def test_every_form_of_an_address_works(cluster: Cluster, built: SmallSchema, form: Callable[[Path, str], str]) -> None:
    host = cluster.server.status().socket_dir
    assert host is not None
    address = form(host, cluster.create_database())
    assert migrate(address, directory=built.migrations).applied == (BASELINE,)
