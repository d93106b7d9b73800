"""pg_dump and pg_restore, used as docs/migrations.md says, bring everything back: rows, snapshot, rights."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from openstock.migrate import migrate, status

from .helpers import MIGRATIONS, Cluster

TENANT = "0197a000-0000-7000-8000-0000000000bb"
SHOP = f"""
create role shop_app login;
grant openstock_app to shop_app;
select openstock_admin.create_tenant('Corner shop', '{TENANT}');
select openstock_admin.grant_tenant('shop_app', tenant => '{TENANT}');
select openstock_admin.grant_tenant(session_user, any_tenant => true);
select set_config('app.tenant_id', '{TENANT}', false);
select openstock.put_products('1', '[{{"sku": "TEA", "name": "Tea"}}, {{"sku": "MILK", "name": "Milk", "tracking": "lot"}}]');
select openstock.put_warehouses('2', '[{{"code": "OSLO", "name": "Oslo"}}]');
select openstock.receive('3', 'OSLO', '[{{"sku": "TEA", "qty": 10}}, {{"sku": "MILK", "qty": 5, "lot": "B7"}}]');
select openstock.reserve('4', 'O-1', '[{{"sku": "TEA", "qty": 4}}]');
select openstock.allocate('5', 'O-1');
select openstock_admin.refresh_current_stock();
select openstock.ship('6', 'O-1', '[{{"sku": "TEA", "qty": 1}}]');
"""


@pytest.fixture
def shop(every_cluster: Cluster) -> str:
    """A database with a shop in it, whose snapshot is older than its last shipment."""
    for program in ("pg_dump", "pg_dumpall", "pg_restore"):
        if not (every_cluster.bin_dir / program).exists():
            pytest.skip(f"{program} of PostgreSQL {every_cluster.major} is not installed")
    database = every_cluster.create_database()
    migrate(every_cluster.dsn(database))
    every_cluster.run(*SHOP.strip().splitlines(), database=database)
    return database


def seen(cluster: Cluster, database: str) -> dict[str, list[tuple[object, ...]]]:
    """What the shop's login and an analyst see, and what the proof finds."""
    mine = f"set app.tenant_id = '{TENANT}'"
    views = ["openstock.stock", "openstock.bins", "openstock.ledger", "openstock.reservations"]
    found = {view: cluster.run(mine, f"table {view}", database=database, user="shop_app") for view in views}
    found["snapshot"] = cluster.run(
        mine, "select sku, on_hand, reserved, entries from openstock_dw.current_stock order by sku", database=database
    )
    found["differences"] = cluster.run("select * from openstock_admin.verify()", database=database)
    return found


def outline(dump: str) -> list[str]:
    """The first lines of a dump's statements. Inside functions, a restore may spell an expression in another way."""
    return re.findall(r"(?m)^(?:CREATE|ALTER|GRANT|REVOKE|COMMENT) .*$", dump)


def require_whole(cluster: Cluster, database: str, before: dict[str, list[tuple[object, ...]]]) -> None:
    """The restored database shows what the original did; the snapshot is as fresh as the backup."""
    after = seen(cluster, database)
    assert before["snapshot"] == [("MILK", 5, 0, 1), ("TEA", 10, 4, 3)]
    assert after["snapshot"] == [("MILK", 5, 0, 1), ("TEA", 9, 3, 4)]
    assert after["differences"] == []
    assert {view: rows for view, rows in after.items() if view != "snapshot"} == {
        view: rows for view, rows in before.items() if view != "snapshot"
    }
    assert status(cluster.dsn(database)).state == "current"


def test_in_another_database_of_the_cluster(every_cluster: Cluster, shop: str) -> None:
    cluster = every_cluster
    before, schema, backup = seen(cluster, shop), cluster.dump(shop), cluster.back_up(shop)
    restored = cluster.create_database()
    cluster.restore(restored, backup)
    require_whole(cluster, restored, before)
    assert outline(cluster.dump(restored)) == outline(schema)


def test_in_a_cluster_without_the_roles(every_cluster: Cluster, shop: str, tmp_path: Path) -> None:
    cluster = every_cluster
    before, schema, backup = seen(cluster, shop), cluster.dump(shop), cluster.back_up(shop)
    roles = tmp_path / "roles.sql"
    roles.write_text(cluster.back_up_roles())
    cluster.wipe()
    assert cluster.run("select from pg_roles where rolname ~ '^(openstock|shop)'") == []
    restored = cluster.create_database()
    cluster.psql("postgres", roles)
    cluster.restore(restored, backup)
    require_whole(cluster, restored, before)
    assert outline(cluster.dump(restored)) == outline(schema)


def test_a_restored_database_goes_on(every_cluster: Cluster, shop: str) -> None:
    cluster = every_cluster
    restored = cluster.create_database()
    cluster.restore(restored, cluster.back_up(shop))
    as_restored = cluster.dump(restored)
    assert migrate(cluster.dsn(restored)).applied == ()
    assert cluster.yoyo("apply", restored, MIGRATIONS).returncode == 0
    assert cluster.dump(restored) == as_restored
    mine = f"set app.tenant_id = '{TENANT}'"
    again = "select qty, replayed from openstock.ship('6', 'O-1', '[{\"sku\": \"TEA\", \"qty\": 1}]')"
    assert cluster.run(mine, again, database=restored, user="shop_app") == [(1, True)]
    rest = "select qty, on_hand, replayed from openstock.ship('7', 'O-1')"
    assert cluster.run(mine, rest, database=restored, user="shop_app") == [(3, 6, False)]
    cluster.run("select openstock_admin.refresh_current_stock()", database=restored)
    assert cluster.run("select * from openstock_admin.verify()", database=restored) == []
