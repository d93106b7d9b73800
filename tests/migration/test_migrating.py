"""The driver against real servers, on a small schema."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from openstock import migration_state
from openstock.migrate import MigrationError, MigrationReport, migrate, status
from openstock.migration_files import with_record
from openstock.server import temporary_server

from .helpers import BINARIES, YOYO_TABLES, Background, Cluster, SmallSchema, migrate_process, sql_function

BASELINE = "0001.baseline"
SECOND = "0002.tags"


@pytest.fixture
def built(small: SmallSchema) -> SmallSchema:
    """The small schema with its baseline built."""
    small.build()
    return small


@pytest.fixture
def two(small: SmallSchema) -> SmallSchema:
    """The small schema with a released baseline and a second migration that changes a table, a view and a function."""
    small.build()
    small.release()
    small.write(
        "tables/note.sql", (small.sql / "tables/note.sql").read_text().replace("not null)", "not null, tag text)")
    )
    small.write(
        "views/openstock/notes.sql", (small.sql / "views/openstock/notes.sql").read_text().replace("body", "body, tag")
    )
    small.write("functions/openstock/greet.sql", sql_function("greet", "'good evening'"))
    add = "set local role openstock_owner;\nalter table openstock_core.note add column tag text;\nreset role;\n"
    small.write(f"upgrades/{SECOND}.sql", add, listed=False)
    small.build("tags")
    return small


def everything(cluster: Cluster, database: str) -> tuple[str, list[tuple[object, ...]]]:
    """The whole schema, yoyo's tables and every bookkeeping row included."""
    present = f"select relname::text from pg_class where relname = any ('{{{','.join(YOYO_TABLES)}}}')"
    tables = cluster.run(present, database=database)
    rows = [row for (table,) in sorted(tables) for row in cluster.run(f"table {table}", database=database)]
    recorded = "select to_regclass('openstock_core.migration') is not null"
    if cluster.run(recorded, database=database)[0][0]:
        rows += cluster.run("table openstock_core.migration", database=database)
    return cluster.dump(database), [*tables, *rows]


@contextmanager
def policies_locked(cluster: Cluster, database: str) -> Iterator[None]:
    """Nobody can create a policy meanwhile, so that a baseline stops in the middle."""
    with psycopg.connect(cluster.dsn(database)) as connection:
        connection.execute("lock table pg_catalog.pg_policy in share mode")
        yield


def wait_until_blocked(cluster: Cluster, database: str, *, on: str = "relation") -> None:
    """Return when a session of the database waits for a lock of that kind."""
    cluster.wait_for(
        """select exists (select from pg_stat_activity join pg_locks using (pid)
           where datname = %s and not granted and locktype = %s)""",
        database,
        on,
    )


def wait_until_alone(cluster: Cluster, database: str) -> None:
    """Return when nobody is connected to the database."""
    cluster.wait_for("select not exists (select from pg_stat_activity where datname = %s)", database)


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


def test_of_two_at_once_the_second_waits_and_then_finds_nothing_to_do(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    lines: list[str] = []
    with policies_locked(cluster, database):
        first = Background(lambda: migrate(cluster.dsn(database), directory=two.migrations, lock_timeout="60s"))
        wait_until_blocked(cluster, database)
        second = Background(lambda: migrate(cluster.dsn(database), directory=two.migrations, progress=lines.append))
        wait_until_blocked(cluster, database, on="advisory")
    assert first.result().applied == (BASELINE, SECOND)
    assert second.result() == MigrationReport((), (), (BASELINE, SECOND))
    assert "another migration runs in this database" in lines[0]


def test_the_wait_for_another_run_is_bounded(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    with policies_locked(cluster, database):
        first = Background(lambda: migrate(cluster.dsn(database), directory=built.migrations, lock_timeout="60s"))
        wait_until_blocked(cluster, database)
        with pytest.raises(MigrationError, match="another migration runs in this database") as refused:
            migrate(cluster.dsn(database), directory=built.migrations, wait=0.05)
    assert "held the lock for more than 0.05 s" in str(refused.value.detail)
    assert first.result().applied == (BASELINE,)


def test_a_plain_yoyo_and_migrate_at_once_apply_each_migration_once(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    with policies_locked(cluster, database):
        ours = Background(lambda: migrate(cluster.dsn(database), directory=two.migrations, lock_timeout="60s"))
        wait_until_blocked(cluster, database)
        theirs = Background(lambda: cluster.yoyo("apply", database, two.migrations))
        cluster.wait_for("select count(*) >= 3 from pg_stat_activity where datname = %s", database)
    ours.result()
    assert theirs.result().returncode == 0, theirs.result().stderr
    assert status(cluster.dsn(database), directory=two.migrations).state == "current"
    assert cluster.run("select migration_id from _yoyo_migration order by 1", database=database) == [
        (BASELINE,),
        (SECOND,),
    ]


def test_a_lock_that_is_needed_is_not_waited_for_without_end(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    with policies_locked(cluster, database), pytest.raises(MigrationError, match="rolled back") as refused:
        migrate(cluster.dsn(database), directory=built.migrations, lock_timeout="50ms")
    assert "55P03" in str(refused.value.detail)
    assert "sql/tables/migration.sql" in str(refused.value.detail)
    assert "lock_timeout" in str(refused.value.hint)
    assert everything(cluster, database)[1] == []


def test_killed_half_way_and_run_again(cluster: Cluster, two: SmallSchema) -> None:
    database, untouched = cluster.create_database(), cluster.create_database()
    migrate(cluster.dsn(untouched), directory=two.migrations)
    empty = cluster.create_database()
    with policies_locked(cluster, database):
        process = migrate_process(cluster.dsn(database), two.migrations)
        wait_until_blocked(cluster, database)
        process.kill()
        assert process.wait() == -signal.SIGKILL
    wait_until_alone(cluster, database)
    assert everything(cluster, database) == everything(cluster, empty)
    assert migrate(cluster.dsn(database), directory=two.migrations).applied == (BASELINE, SECOND)
    assert cluster.dump(database) == cluster.dump(untouched)


def test_killed_between_applying_and_marking(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    second = two.migrations / f"{SECOND}.sql"
    text = second.read_text()
    second.unlink()
    migrate(cluster.dsn(database), directory=two.migrations)
    second.write_text(text)
    before = everything(cluster, database)
    with psycopg.connect(cluster.dsn(database)) as connection:
        connection.execute("lock table _yoyo_migration in share mode")
        process = migrate_process(cluster.dsn(database), two.migrations)
        wait_until_blocked(cluster, database)
        process.kill()
        process.wait()
    wait_until_alone(cluster, database)
    assert everything(cluster, database) == before
    assert migrate(cluster.dsn(database), directory=two.migrations).applied == (SECOND,)


def test_a_lost_connection_is_one_clear_error(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    with policies_locked(cluster, database):
        run = Background(lambda: migrate(cluster.dsn(database), directory=built.migrations, lock_timeout="60s"))
        wait_until_blocked(cluster, database)
        cluster.run(
            f"select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid) "
            f"where datname = '{database}' and not granted"
        )
        with pytest.raises(MigrationError) as lost:
            run.result()
    assert "run again" in str(lost.value.hint)
    assert migrate(cluster.dsn(database), directory=built.migrations).applied == (BASELINE,)


def test_the_lock_of_a_killed_yoyo_is_removed(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    with policies_locked(cluster, database), ExitStack() as cleanup:
        url = cluster.dsn(database).replace("postgresql://", "postgresql+psycopg://")
        command = ["yoyo", "apply", "--batch", "--no-config-file", "--database", url, str(two.migrations)]
        process = subprocess.Popen([sys.executable, "-m", *command], stderr=subprocess.DEVNULL)
        cleanup.callback(process.kill)
        wait_until_blocked(cluster, database)
        process.kill()
        process.wait()
    wait_until_alone(cluster, database)
    assert len(cluster.run("table yoyo_lock", database=database)) == 1
    lines: list[str] = []
    report = migrate(cluster.dsn(database), directory=two.migrations, progress=lines.append)
    assert report.applied == (BASELINE, SECOND)
    assert any(f"killed yoyo (process {process.pid})" in line for line in lines)
    assert cluster.run("table yoyo_lock", database=database) == []


def test_the_lock_of_a_yoyo_that_may_be_alive_is_respected(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.run(
        "create table yoyo_lock (locked int primary key default 1, ctime timestamp, pid int not null)",
        database=database,
    )
    with psycopg.connect(cluster.dsn(database), autocommit=True) as yoyo:
        yoyo.execute("insert into yoyo_lock values (1, '2026-01-31 12:00', 4711)")
        with pytest.raises(MigrationError, match="a plain yoyo has locked the database") as refused:
            migrate(cluster.dsn(database), directory=built.migrations, wait=0.1)
        assert "process 4711, since 2026-01-31 12:00:00 UTC" in str(refused.value.detail)
        assert "break-lock" in str(refused.value.hint)
        lines: list[str] = []
        run = Background(lambda: migrate(cluster.dsn(database), directory=built.migrations, progress=lines.append))
        cluster.wait_for("select count(*) = 2 from pg_stat_activity where datname = %s", database)
        yoyo.execute("delete from yoyo_lock")
        assert run.result().applied == (BASELINE,)


def test_sessions_of_applications_do_not_keep_an_abandoned_lock_alive(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.run(
        "create table yoyo_lock (locked int primary key default 1, ctime timestamp, pid int not null)",
        "insert into yoyo_lock values (1, '2026-01-31 12:00', 4711)",
        "create role shop login",
        database=database,
    )
    with psycopg.connect(cluster.dsn(database, "shop"), autocommit=True):
        assert migrate(cluster.dsn(database), directory=built.migrations).applied == (BASELINE,)


def test_a_migration_that_yoyo_forgot_is_marked_again(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    assert cluster.yoyo("apply", database, built.migrations).returncode == 0
    # What a plain yoyo leaves behind that is killed between applying and marking.
    assert cluster.yoyo("unmark", database, built.migrations).returncode == 0
    before = cluster.dump(database)
    assert migrate(cluster.dsn(database), directory=built.migrations) == MigrationReport((), (), (BASELINE,))
    assert cluster.run("select migration_id from _yoyo_migration", database=database) == [(BASELINE,)]
    assert cluster.yoyo("apply", database, built.migrations).returncode == 0
    assert cluster.dump(database) == before


def test_a_migration_that_was_only_marked_is_an_error(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    assert cluster.yoyo("mark", database, built.migrations).returncode == 0
    with pytest.raises(
        MigrationError, match="yoyo calls a migration applied that the database does not have"
    ) as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert BASELINE in str(refused.value.detail)


def test_a_migration_applied_with_psql_counts(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.psql(database, built.migrations / f"{BASELINE}.sql")
    assert migrate(cluster.dsn(database), directory=built.migrations).already == (BASELINE,)
    assert cluster.yoyo("apply", database, built.migrations).returncode == 0


def test_an_edited_file_is_refused_before_anything_is_applied(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    before = everything(cluster, database)
    second = two.migrations / f"{SECOND}.sql"
    second.write_text(second.read_text().replace("good evening", "good night"))
    with pytest.raises(MigrationError, match="edited after it was built") as refused:
        migrate(cluster.dsn(database), directory=two.migrations)
    assert SECOND in str(refused.value.detail)
    assert everything(cluster, database) == before


def test_an_edited_released_file_is_refused_even_with_a_new_record(cluster: Cluster, two: SmallSchema) -> None:
    two.release()
    body = two.text(SECOND).split("-- The record of this migration")[0]
    edited = with_record(SECOND, body.replace("good evening", "good night"))
    (two.migrations / f"{SECOND}.sql").write_text(edited)
    with pytest.raises(MigrationError, match="a released migration was edited") as refused:
        migrate(cluster.dsn(cluster.create_database()), directory=two.migrations)
    assert SECOND in str(refused.value.detail)


def test_a_database_with_another_text_of_a_migration_is_refused(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    migrate(cluster.dsn(database), directory=built.migrations)
    before = everything(cluster, database)
    built.write("functions/openstock/greet.sql", sql_function("greet", "'good evening'"))
    built.build()
    with pytest.raises(MigrationError, match="differs from the file of this package") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert BASELINE in str(refused.value.detail)
    assert everything(cluster, database) == before
    found = status(cluster.dsn(database), directory=built.migrations)
    assert (found.state, found.altered) == ("altered", (BASELINE,))


def test_a_database_of_a_newer_openstock_is_refused(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    migrate(cluster.dsn(database), directory=two.migrations)
    before = everything(cluster, database)
    (two.migrations / f"{SECOND}.sql").unlink()
    with pytest.raises(MigrationError, match="migrated by a newer openstock") as refused:
        migrate(cluster.dsn(database), directory=two.migrations)
    assert SECOND in str(refused.value.detail)
    assert everything(cluster, database) == before
    found = status(cluster.dsn(database), directory=two.migrations)
    assert (found.state, found.unknown, found.version) == ("newer", (SECOND,), SECOND)


def test_a_database_that_lost_an_earlier_record_is_refused(cluster: Cluster, two: SmallSchema) -> None:
    database = cluster.create_database()
    migrate(cluster.dsn(database), directory=two.migrations)
    cluster.run(f"delete from openstock_core.migration where name = '{BASELINE}'", database=database)
    with pytest.raises(MigrationError, match="lacks earlier ones"):
        migrate(cluster.dsn(database), directory=two.migrations)


def test_schemas_that_no_migration_made_are_left_alone(cluster: Cluster, built: SmallSchema) -> None:
    from_sources, foreign = cluster.create_database(), cluster.create_database()
    cluster.psql(from_sources, built.sql / "install.sql")
    cluster.run("create schema openstock", database=foreign)
    for database in (from_sources, foreign):
        before = everything(cluster, database)
        with pytest.raises(MigrationError, match="that no migration made"):
            migrate(cluster.dsn(database), directory=built.migrations)
        assert everything(cluster, database) == before


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


@pytest.mark.parametrize("address", ["host=/nonexistent", "postgresql://[", "not an address", "host=localhost port=x"])
def test_an_address_that_leads_nowhere_is_one_clear_error(built: SmallSchema, address: str) -> None:
    for call in (migrate, status):
        with pytest.raises(MigrationError, match="cannot connect to the database") as refused:
            call(address, directory=built.migrations)
        assert refused.value.detail
        assert "\n" not in refused.value.detail


def test_an_absent_database_is_one_clear_error(cluster: Cluster, built: SmallSchema) -> None:
    with pytest.raises(MigrationError, match="cannot connect") as refused:
        migrate(cluster.dsn("absent"), directory=built.migrations)
    assert '"absent" does not exist' in str(refused.value.detail)


def test_a_bad_lock_timeout_is_one_clear_error(cluster: Cluster, built: SmallSchema) -> None:
    with pytest.raises(MigrationError) as refused:
        migrate(cluster.dsn(cluster.create_database()), directory=built.migrations, lock_timeout="soon")
    assert "soon" in str(refused.value.detail)


def test_a_database_that_does_not_store_utf8_is_refused(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database("encoding 'LATIN1' locale 'C' template template0")
    with pytest.raises(MigrationError, match="does not store UTF-8") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert "LATIN1" in str(refused.value.detail)


def test_a_server_that_is_too_old_is_refused(
    cluster: Cluster, built: SmallSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_state, "OLDEST_SERVER", cluster.major + 1)
    with pytest.raises(MigrationError, match="too old") as refused:
        migrate(cluster.dsn(cluster.create_database()), directory=built.migrations)
    assert f"it is PostgreSQL {cluster.major}" in str(refused.value.detail)


def test_a_database_that_is_read_only_by_default_is_refused(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.run(f"alter database {database} set default_transaction_read_only = on")
    with pytest.raises(MigrationError, match="read-only") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert "default_transaction_read_only" in str(refused.value.hint)


def test_a_standby_is_refused(built: SmallSchema) -> None:
    with temporary_server(BINARIES[max(BINARIES)]) as server:
        server.stop()
        (server.pgdata / "standby.signal").touch()
        server.start()
        with pytest.raises(MigrationError, match="read-only") as refused:
            migrate(server.dsn(), directory=built.migrations)
        assert refused.value.detail == "it is a standby"


def test_a_directory_without_migrations_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MigrationError, match="there are no migrations"):
        migrate("", directory=tmp_path)
