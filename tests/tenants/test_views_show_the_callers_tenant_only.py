"""Views are filtered by the tenant that is set, if the login may act for it, and are empty otherwise."""

from __future__ import annotations

from uuid import UUID

import psycopg
import pytest

from tests.support import OTHER_TENANT, TENANT, Connect, Shop, denied

VIEWS = (
    "openstock.products",
    "openstock.kits",
    "openstock.lots",
    "openstock.warehouses",
    "openstock.locations",
    "openstock.channels",
    "openstock.quotas",
    "openstock.stock",
    "openstock.bins",
    "openstock.ledger",
    "openstock.reservations",
    "openstock_dw.current_stock",
)


@pytest.fixture
def two_shops(shop: Shop, connect: Connect, db: psycopg.Connection) -> None:
    """Two tenants with stock and an order each, of 1 and of 2 units, a kit and a lot; and a fresh snapshot."""
    for one, qty in [(shop, 1), (Shop(connect("app"), db, OTHER_TENANT).furnish(), 2)]:
        one.receive("LON", [{"sku": "APPLE", "qty": qty}])
        one.reserve("O1", [{"sku": "APPLE", "qty": qty}])
        one.put_channels(lines=[{"code": "WEB"}])
        one.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": qty}])
        one.put_products(lines=[{"sku": "BASKET", "name": "Basket"}])
        one.put_kits(lines=[{"sku": "BASKET", "components": [{"sku": "APPLE", "qty": qty}]}])
        one.put_lots(lines=[{"sku": "MILK", "lot": "L1", "quality": "hold"}])
    db.execute("select openstock_admin.refresh_current_stock()")


def seen(connection: psycopg.Connection, view: str, tenant: UUID | None) -> int:
    """How many rows a login sees."""
    with connection.transaction():
        if tenant is not None:
            connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
        [count] = connection.execute(f"select count(*) from {view}").fetchone() or (None,)
        assert isinstance(count, int)
        return count


@pytest.mark.usefixtures("two_shops")
@pytest.mark.parametrize("view", VIEWS)
def test_each_login_sees_what_it_may(connect: Connect, view: str) -> None:
    dw = view.startswith("openstock_dw")
    analyst = connect("analyst")
    all_rows = seen(analyst, view, TENANT)
    assert all_rows > 0
    assert seen(analyst, view, OTHER_TENANT) == 0
    assert seen(analyst, view, None) == 0
    assert seen(connect("operator"), view, TENANT) == 0
    if not dw:
        trusted, bound, undeclared = connect("app"), connect("bound"), connect("undeclared")
        assert [seen(trusted, view, tenant) for tenant in (TENANT, OTHER_TENANT, None)] == [all_rows, all_rows, 0]
        assert [seen(bound, view, tenant) for tenant in (TENANT, OTHER_TENANT, None)] == [all_rows, 0, 0]
        assert [seen(undeclared, view, tenant) for tenant in (TENANT, OTHER_TENANT, None)] == [0, 0, 0]


@pytest.mark.usefixtures("two_shops")
def test_the_rows_are_those_of_the_tenant(connect: Connect) -> None:
    connection = connect("app")
    for tenant, qty in [(TENANT, 1), (OTHER_TENANT, 2)]:
        with connection.transaction():
            connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
            assert connection.execute("select on_hand, reserved from openstock.stock").fetchall() == [(qty, qty)]
            assert connection.execute(
                "select distinct qty_delta + reserved_delta from openstock.ledger"
            ).fetchall() == [(qty,)]


@pytest.mark.usefixtures("two_shops")
def test_a_prepared_statement_follows_the_tenant(connect: Connect) -> None:
    connection = connect("app")
    for tenant, qty in [(TENANT, 1), (OTHER_TENANT, 2)] * 7:
        with connection.transaction():
            connection.execute("select set_config('app.tenant_id', %s, true)", [str(tenant)])
            rows = connection.execute("select on_hand from openstock.stock", prepare=True).fetchall()
            assert rows == [(qty,)]


def told_by_a_filter(db: psycopg.Connection, analyst: psycopg.Connection, columns: dict[str, str]) -> list[str | None]:
    """What a function tells that an analyst filters these columns of views by, views of one tenant.

    It would leak what it is given, if it ran before a view's own filter.
    """
    db.execute(
        "create function public.tell(t text) returns boolean language plpgsql cost 0.0001 as "
        "$$ begin raise notice '%', t; return true; end $$"
    )
    told: list[str | None] = []
    analyst.add_notice_handler(lambda notice: told.append(notice.message_primary))
    for view, column in columns.items():
        with analyst.transaction():
            analyst.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT)])
            analyst.execute(f"select count(*) from openstock.{view} where public.tell({column}::text)")
    return told


@pytest.mark.usefixtures("two_shops")
def test_a_filter_of_the_callers_sees_no_row_of_others(connect: Connect, db: psycopg.Connection) -> None:
    columns = {"stock": "on_hand", "ledger": "qty_delta", "bins": "on_hand", "reservations": "ordered"}
    told = told_by_a_filter(db, connect("analyst"), columns)
    assert "1" in told
    assert "2" not in told


@pytest.mark.usefixtures("two_shops")
def test_an_inactive_tenant_can_still_read(connect: Connect, db: psycopg.Connection) -> None:
    db.execute("select openstock_admin.set_tenant_active(%s, false)", [TENANT])
    assert seen(connect("bound"), "openstock.ledger", TENANT) > 0


NOT_UUIDS = (
    "acme",
    "0197a000",
    f"{TENANT}x",
    str(TENANT).replace("0", "g"),
    str(TENANT).replace("0", "-"),
    "-" * 36,
    "' or true --",
)
# A uuid to PostgreSQL, and not in its usual form.
UNUSUAL_UUIDS = (f"{{{TENANT}}}", str(TENANT).replace("-", ""))


def refused_or_empty(connection: psycopg.Connection, query: str) -> bool:
    """Whether a query that counts rows finds none, or says that app.tenant_id is no uuid; the transaction goes on."""
    try:
        with connection.transaction():
            return connection.execute(query).fetchone() == (0,)
    except psycopg.errors.InvalidTextRepresentation as error:
        return "uuid" in str(error)


@pytest.mark.usefixtures("two_shops")
@pytest.mark.parametrize("view", VIEWS)
def test_a_tenant_that_is_no_uuid_sees_nothing(connect: Connect, view: str) -> None:
    connection = connect("analyst")
    for garbage in (*NOT_UUIDS, *UNUSUAL_UUIDS):
        connection.execute("select set_config('app.tenant_id', %s, false)", [garbage])
        assert refused_or_empty(connection, f"select count(*) from {view}"), garbage
        assert refused_or_empty(connection, "select count(openstock.current_tenant())")


@pytest.mark.usefixtures("two_shops")
def test_whose_tenant_is_no_uuid_is_told_so(connect: Connect) -> None:
    connection = connect("analyst")
    for garbage in NOT_UUIDS:
        connection.execute("select set_config('app.tenant_id', %s, false)", [garbage])
        with pytest.raises(psycopg.errors.InvalidTextRepresentation, match="uuid"):
            connection.execute("select count(*) from openstock.stock")


def test_a_tenant_that_does_not_exist_is_nobodys_to_act_for(connect: Connect) -> None:
    connection = connect("app")
    connection.execute("select set_config('app.tenant_id', %s, false)", [str(UUID(int=7))])
    assert connection.execute("select openstock.current_tenant()").fetchone() == (None,)


@pytest.mark.usefixtures("two_shops")
def test_the_tables_policies_see_nothing_for_it_either(db: psycopg.Connection) -> None:
    with db.transaction():
        db.execute("set local role openstock_api")
        for garbage in NOT_UUIDS:
            db.execute("select set_config('app.tenant_id', %s, true)", [garbage])
            assert refused_or_empty(db, "select count(*) from openstock_core.ledger"), garbage
        db.execute("select set_config('app.tenant_id', %s, true)", [str(TENANT).upper()])
        assert db.execute("select count(*) > 0 from openstock_core.ledger").fetchone() == (True,)


@pytest.mark.usefixtures("two_shops")
def test_upper_case_is_the_same_tenant(connect: Connect) -> None:
    connection = connect("app")
    connection.execute("select set_config('app.tenant_id', %s, false)", [str(TENANT).upper()])
    assert connection.execute("select on_hand from openstock.stock").fetchall() == [(1,)]


@pytest.mark.parametrize("view", ["openstock.products", "openstock.warehouses", "openstock_admin.tenants"])
@pytest.mark.usefixtures("shop")
def test_nobody_writes_through_a_view(db: psycopg.Connection, connect: Connect, view: str) -> None:
    """These read one table each, so that PostgreSQL could pass a change on."""
    for login in ("app", "analyst", "operator"):
        for statement in (
            f"delete from {view}",
            f"update {view} set name = 'X'",
            f"insert into {view} (name) values ('X')",
        ):
            with denied(db):
                connect(login).execute(statement)
