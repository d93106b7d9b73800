from __future__ import annotations

import psycopg
import pytest

from bench import breakdown
from bench.databases import APP, Cluster, make_grown_shop, tenant_id
from bench.history import Historian

RESERVE = """
  select outcome from openstock.reserve(op_id => gen_random_uuid()::text, order_ref => 'ORDER-1',
    lines => '[{"sku": "S7", "qty": 1}]', tenant => %s)
"""
ROWS = "select count(*) from {}.{}"


def rows(admin: psycopg.Connection, schema: str, tables: list[str]) -> dict[str, int]:
    return {table: admin.execute(f"select count(*) from {schema}.{table}").fetchone()[0] for table in tables}


def test_the_bare_function_writes_as_many_rows_into_as_many_tables_as_reserve(cluster: Cluster, shop_copy: str) -> None:
    with cluster.connect(shop_copy) as admin, cluster.connect(shop_copy, APP) as app:
        every = [name for (name,) in admin.execute("""
            select relname from pg_class where relnamespace = 'openstock_core'::regnamespace
              and relkind in ('r', 'p') and not relispartition""").fetchall()]  # fmt: skip
        copied = [name for (name,) in admin.execute("""
            select relname from pg_class where relnamespace = 'bare'::regnamespace
              and relkind in ('r', 'p') and not relispartition""").fetchall()]  # fmt: skip
        before, bare_before = rows(admin, "openstock_core", every), rows(admin, "bare", copied)
        assert app.execute(RESERVE, [tenant_id()]).fetchall() == [("reserved",)]
        app.execute("select bare.reserve(%s, gen_random_uuid()::text, 'ORDER-1', 7)", [tenant_id()])
        grown = {t: n - before[t] for t, n in rows(admin, "openstock_core", every).items() if n != before[t]}
        bare_grown = {t: n - bare_before[t] for t, n in rows(admin, "bare", copied).items() if n != bare_before[t]}
    assert grown
    assert bare_grown == grown


def test_the_bare_tables_have_the_indexes_of_the_real_ones(cluster: Cluster, shop_template: str) -> None:
    query = """
      select c.relname, array_agg(replace(regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING', ''),
                                          '(reserved)::numeric', 'reserved'))
      from pg_index i join pg_class c on c.oid = i.indrelid where c.relnamespace = %s::regnamespace group by 1
    """
    with cluster.connect(shop_template) as admin:
        real = dict(admin.execute(query, ["openstock_core"]).fetchall())
        bare = dict(admin.execute(query, ["bare"]).fetchall())
    assert "ledger" in bare
    assert {table: sorted(indexes) for table, indexes in bare.items()} == {t: sorted(real[t]) for t in bare}


@pytest.mark.parametrize("part", breakdown.PARTS, ids=lambda part: part.name)
def test_what_the_breakdown_leaves_out_can_be_left_out(cluster: Cluster, shop_copy: str, part: breakdown.Part) -> None:
    with cluster.connect(shop_copy) as admin, cluster.connect(shop_copy, APP) as app:
        breakdown.leave_out(admin, part)
        assert app.execute(RESERVE, [tenant_id()]).fetchall() == [("reserved",)]


def test_a_patch_that_does_not_apply_is_an_error(cluster: Cluster, shop_copy: str) -> None:
    gone = breakdown.Part("gone", "gone", [breakdown.Patch("enter", "no such text", "")])
    with cluster.connect(shop_copy) as admin, pytest.raises(breakdown.PatchError, match="0 times"):
        breakdown.leave_out(admin, gone)


def test_years_of_trade_are_as_verify_expects_them(cluster: Cluster, worker_id: str) -> None:
    name, said = f"bench_grown_{worker_id}", list[str]()
    try:
        written = make_grown_shop(cluster, name, entries=900, months=3, skus=20, say=said.append)
        with cluster.connect(name) as admin:
            assert admin.execute("select * from openstock_admin.verify()").fetchall() == []
            [(entries, months)] = admin.execute(
                "select count(*), count(distinct tableoid) from openstock_core.ledger"
            ).fetchall()
            assert written == 900
            assert entries == written + 20  # the opening stock
            assert months >= 3
        historian = Historian(cluster, name, "tiny", written, said.append)
        historian.look_back()
        historian.upkeep()
        historian.memory()
        assert [measure.name for measure in historian.measures if measure.refused] == []
        assert {"as_of_one_tiny", "as_of_all_tiny", "scan_all_tiny", "rebuild_tiny", "sum_tiny"} <= {
            measure.name for measure in historian.measures
        }
    finally:
        cluster.drop(name)
