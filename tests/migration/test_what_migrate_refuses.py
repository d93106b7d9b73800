"""Files, databases, servers and addresses that contradict each other are one clear error, before anything is applied."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from openstock import migration_state
from openstock.migrate import MigrationError, migrate, status
from openstock.migration_files import with_record
from openstock.server import temporary_server
from openstock.shipped import sql_dir

from .helpers import (
    BASELINE,
    BINARIES,
    SECOND,
    Cluster,
    SmallSchema,
    everything,
    sql_function,
)


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
    before = everything(cluster, database)
    with pytest.raises(MigrationError, match="lacks earlier ones"):
        migrate(cluster.dsn(database), directory=two.migrations)
    assert everything(cluster, database) == before


def test_schemas_that_no_migration_made_are_left_alone(cluster: Cluster, built: SmallSchema) -> None:
    from_sources, foreign = cluster.create_database(), cluster.create_database()
    cluster.psql(from_sources, built.sql / "install.sql")
    cluster.run("create schema openstock", database=foreign)
    for database in (from_sources, foreign):
        before = everything(cluster, database)
        with pytest.raises(MigrationError, match="that no migration made"):
            migrate(cluster.dsn(database), directory=built.migrations)
        assert everything(cluster, database) == before


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
    before = everything(cluster, database)
    with pytest.raises(MigrationError, match="does not store UTF-8") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert "LATIN1" in str(refused.value.detail)
    assert refused.value.sqlstate == "0A000"
    assert everything(cluster, database) == before


def test_the_migration_itself_refuses_a_database_that_does_not_store_utf8(cluster: Cluster) -> None:
    database = cluster.create_database("encoding 'LATIN1' locale 'C' template template0")
    with psycopg.connect(cluster.dsn(database), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="does not store UTF-8") as refused:
            connection.execute(f"begin; {(sql_dir() / 'roles.sql').read_text()}")
        assert refused.value.diag.message_detail == '{"encoding": "LATIN1"}'
        assert refused.value.diag.message_hint


def test_a_server_that_is_too_old_is_refused(
    cluster: Cluster, built: SmallSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration_state, "OLDEST_SERVER", cluster.major + 1)
    database = cluster.create_database()
    before = everything(cluster, database)
    with pytest.raises(MigrationError, match="too old") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert f"it is PostgreSQL {cluster.major}" in str(refused.value.detail)
    assert refused.value.sqlstate == "0A000"
    assert everything(cluster, database) == before


def test_a_database_that_is_read_only_by_default_is_refused(cluster: Cluster, built: SmallSchema) -> None:
    database = cluster.create_database()
    cluster.run(f"alter database {database} set default_transaction_read_only = on")
    before = everything(cluster, database)
    with pytest.raises(MigrationError, match="read-only") as refused:
        migrate(cluster.dsn(database), directory=built.migrations)
    assert "default_transaction_read_only" in str(refused.value.hint)
    assert refused.value.sqlstate == "25006"
    assert everything(cluster, database) == before


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
