"""Two runs at once, plain yoyos, kills, and locks that were left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack

import psycopg
import pytest

from openstock.migrate import MigrationError, MigrationReport, migrate, status

from .helpers import (
    BASELINE,
    SECOND,
    Background,
    Cluster,
    SmallSchema,
    everything,
    migrate_process,
    policies_locked,
    wait_until_alone,
    wait_until_blocked,
)


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
