"""Who may migrate: superusers, ordinary owners of a database, and those whom an administrator has helped."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from openstock.migrate import MigrationError, migrate, status
from openstock.migration_files import read_migrations

from .helpers import MIGRATIONS, Background, Cluster

NAMES = tuple(migration.name for migration in read_migrations(MIGRATIONS))


def remedies(error: MigrationError) -> list[str]:
    """The statements that the hint asks an administrator to run."""
    assert error.hint is not None
    addressed, statements = error.hint.split(": ", 1)
    assert addressed.startswith("An administrator runs in database shop_")
    return [statement.strip() for statement in statements.split(";") if statement.strip()]


def refused(cluster: Cluster, database: str, user: str) -> MigrationError:
    """The refusal, after making sure that it left nothing behind and that a dry run is refused alike."""
    before = cluster.dump(database), cluster.run("select rolname from pg_roles order by 1")
    for dry_run in (True, False):
        with pytest.raises(MigrationError, match="lacks privileges") as error:
            migrate(cluster.dsn(database, user), dry_run=dry_run)
    assert (cluster.dump(database), cluster.run("select rolname from pg_roles order by 1")) == before
    return error.value


def test_an_ordinary_owner_with_createrole_gets_the_same_database_as_a_superuser(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole")
    owned = cluster.create_database("owner shop")
    assert migrate(cluster.dsn(owned, "shop")).applied == NAMES
    assert migrate(cluster.dsn(owned, "shop")).already == NAMES
    assert status(cluster.dsn(owned, "shop")).state == "current"
    reference = cluster.create_database("owner shop")
    migrate(cluster.dsn(reference))
    assert cluster.dump(owned) == cluster.dump(reference)


def test_plain_yoyo_works_for_an_ordinary_owner_with_createrole(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole")
    owned = cluster.create_database("owner shop")
    applied = cluster.yoyo("apply", owned, MIGRATIONS, user="shop")
    assert applied.returncode == 0, applied.stderr
    assert migrate(cluster.dsn(owned, "shop")).already == NAMES


def test_an_owner_without_createrole_is_told_the_statements_that_help(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login")
    database = cluster.create_database("owner shop")
    error = refused(cluster, database, "shop")
    assert "shop may not create role openstock_owner, which is absent" in str(error.detail)
    assert "create role openstock_owner nologin" in remedies(error)
    assert "grant openstock_owner to shop" in " ".join(remedies(error)).replace('"', "")
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "shop")).applied == NAMES


def test_who_owns_nothing_is_told_the_statements_that_help(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run('create role "shop keeper" login noinherit')
    database = cluster.create_database()
    error = refused(cluster, database, "shop keeper")
    cluster.run(*remedies(error), database=database)
    # What the user needs inside the database is looked at once it may act as the owning roles.
    error = refused(cluster, database, "shop keeper")
    assert f"shop keeper may not create schemas in database {database}" in str(error.detail)
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "shop keeper")).applied == NAMES


def test_roles_that_another_owner_made_have_to_be_granted(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role first login createrole", "create role second login")
    migrate(cluster.dsn(cluster.create_database("owner first"), "first"))
    database = cluster.create_database("owner second")
    error = refused(cluster, database, "second")
    assert str(error.detail).count("second may not act as") == 3
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "second")).applied == NAMES


def test_once_installed_less_is_needed(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole", "create role reader login")
    database = cluster.create_database("owner shop")
    migrate(cluster.dsn(database, "shop"))
    cluster.run(f"alter database {database} owner to postgres", "alter role shop nocreaterole", database=database)
    assert migrate(cluster.dsn(database, "shop")).already == NAMES
    error = refused(cluster, database, "reader")
    assert "reader may not act as openstock_owner" in str(error.detail)


def test_a_search_path_that_leads_nowhere_is_named(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole")
    database = cluster.create_database("owner shop")
    cluster.run(f"alter role shop in database {database} set search_path = nowhere")
    error = refused(cluster, database, "shop")
    assert "no schema of shop's search_path exists" in str(error.detail)
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "shop")).applied == NAMES


def test_roles_that_do_not_inherit_are_granted_again(every_cluster: Cluster) -> None:
    cluster = every_cluster
    if cluster.major < 16:
        pytest.skip("a grant has no options of its own before PostgreSQL 16")
    cluster.run("create role shop login createrole")
    migrate(cluster.dsn(cluster.create_database()))
    grants = [f"grant openstock_{role} to shop with inherit false, set true" for role in ("owner", "api", "maint")]
    cluster.run(*grants)
    database = cluster.create_database("owner shop")
    error = refused(cluster, database, "shop")
    assert str(error.detail).count("shop may not act as") == 3
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "shop")).applied == NAMES


def test_who_may_not_read_yoyos_books_is_told_so(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role deployer login createrole", "create role other login")
    database = cluster.create_database("owner deployer")
    migrate(cluster.dsn(database, "deployer"))
    cluster.run("grant openstock_owner, openstock_api, openstock_maint to other")
    error = refused(cluster, database, "other")
    assert "other may not write public._yoyo_migration" in str(error.detail)
    cluster.run(*remedies(error), database=database)
    assert migrate(cluster.dsn(database, "other")).already == NAMES


@pytest.mark.parametrize("user", ["postgres", "shop"])
def test_databases_of_one_cluster_can_be_migrated_at_once(every_cluster: Cluster, user: str) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole")
    databases = [cluster.create_database("owner shop") for _ in range(4)]
    with psycopg.connect(cluster.dsn()) as gate:
        # Nobody can make a role while this is held: all of them arrive at the same statement.
        gate.execute("lock table pg_catalog.pg_authid in share mode")
        dsns = [cluster.dsn(database, user) for database in databases]
        runs = [Background(partial(migrate, dsn, lock_timeout="60s")) for dsn in dsns]
        cluster.wait_for("select count(*) = 4 from pg_locks where not granted and relation = 'pg_authid'::regclass")
    assert [run.result().applied for run in runs] == [NAMES] * 4
    assert len({cluster.dump(database) for database in databases}) == 1


def test_grants_that_collide_in_the_cluster_are_tried_again(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole")
    for role in ("owner", "api", "maint", "app", "analyst", "operator"):
        cluster.run(f"create role openstock_{role}")
        if cluster.major >= 16:
            cluster.run(f"grant openstock_{role} to shop with admin option, inherit false, set false")
    databases = [cluster.create_database("owner shop") for _ in range(4)]
    with psycopg.connect(cluster.dsn()) as gate:
        gate.execute("lock table pg_catalog.pg_auth_members in share mode")
        dsns = [cluster.dsn(database, "shop") for database in databases]
        runs = [Background(partial(migrate, dsn, lock_timeout="60s")) for dsn in dsns]
        cluster.wait_for(
            "select count(*) = 4 from pg_locks where not granted and relation = 'pg_auth_members'::regclass"
        )
    assert [run.result().applied for run in runs] == [NAMES] * 4


@pytest.mark.parametrize("user", ["postgres", "shop"])
def test_a_database_whose_public_has_no_privileges_left_can_refresh_its_snapshot(
    every_cluster: Cluster, user: str
) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole", "create role keeper login")
    database = cluster.create_database("owner shop")
    cluster.run(f"revoke all on database {database} from public", f"grant connect on database {database} to keeper")
    assert migrate(cluster.dsn(database, user)).applied == NAMES
    cluster.run("grant openstock_operator to keeper")
    may = "select has_database_privilege('openstock_maint', current_database(), 'temporary')"
    assert cluster.run(may, database=database) == [(True,)]
    for _ in range(2):
        cluster.run("select openstock_admin.refresh_current_stock()", database=database, user="keeper")


def test_who_may_not_grant_temporary_tables_migrates_all_the_same(every_cluster: Cluster) -> None:
    cluster = every_cluster
    cluster.run("create role shop login createrole", "create role keeper login")
    database = cluster.create_database()
    cluster.run(
        f"revoke all on database {database} from public",
        f"grant connect on database {database} to keeper",
        f"grant connect, create on database {database} to shop",
        "grant create on schema public to shop",
        database=database,
    )
    assert migrate(cluster.dsn(database, "shop")).applied == NAMES
    cluster.run("grant openstock_operator to keeper")
    for _ in range(2):
        cluster.run("select openstock_admin.refresh_current_stock()", database=database, user="keeper")
