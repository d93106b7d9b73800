"""Methods have the arguments and defaults of the SQL functions, dataclasses the columns and types of their rows."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

import openstock
from openstock import results
from openstock.devtools import build_sync_client
from openstock.statements import ARGUMENT_TYPES

Row = dict[str, Any]

PYTHON_TYPES = {
    "text": str,
    "smallint": int,
    "integer": int,
    "bigint": int,
    "numeric": Decimal,
    "double precision": float,
    "boolean": bool,
    "date": date,
    "timestamp with time zone": datetime,
    "interval": timedelta,
    "uuid": UUID,
    "jsonb": dict,
    "text[]": list,
}
# Columns of jsonb that hold an array.
ARRAYS = {"openstock.reservation_change.offers", "openstock.order_lines.warehouses", "openstock.shortages.orders"}
ARGUMENT_HINTS = {
    "text": str,
    "integer": int,
    "boolean": bool,
    "timestamp with time zone": datetime,
    "interval": timedelta,
    "uuid": UUID,
}

RELATIONS = {
    results.PutResult: "openstock.put_result",
    results.LotChange: "openstock.lot_change",
    results.QuotaChange: "openstock.quota_change",
    results.StockChange: "openstock.stock_change",
    results.ReservationChange: "openstock.reservation_change",
    results.QuotedSource: "openstock.quoted_source",
    results.AllocationChange: "openstock.allocation_change",
    results.ShipmentLine: "openstock.shipment_line",
    results.Stock: "openstock.stock",
    results.Bin: "openstock.bins",
    results.LedgerEntry: "openstock.ledger",
    results.Reservation: "openstock.reservations",
    results.Order: "openstock.orders",
    results.OrderLine: "openstock.order_lines",
    results.Backorder: "openstock.backorders",
    results.Shortage: "openstock.shortages",
    results.Serial: "openstock.serials",
    results.Product: "openstock.products",
    results.Kit: "openstock.kits",
    results.Warehouse: "openstock.warehouses",
    results.Location: "openstock.locations",
    results.Lot: "openstock.lots",
    results.Channel: "openstock.channels",
    results.Quota: "openstock.quotas",
    results.CurrentStock: "openstock_dw.current_stock",
    results.Tenant: "openstock_admin.tenants",
}
TABLE_FUNCTIONS = {
    results.Difference: "openstock_admin.verify",
    results.Repair: "openstock_admin.rebuild",
    results.Finding: "openstock_admin.doctor",
}

# Procedures that a method calls where its flag says so; what the flag is called.
OTHERWISE = {"reserve_now": "reserve"}
FLAGS = {"now"}
ANSWER = "answer"  # what a procedure gives back
# The catalogue of errors is in openstock.errors.
READ_ELSEWHERE = {"openstock.error_codes"}


def routines(db: psycopg.Connection, schema: str) -> dict[str, Row]:
    """What the catalogue says of the routines of a schema, by name; none is overloaded."""
    query = """
        select p.proname::text as name, p.prokind::text as kind, p.proretset as returns_rows,
          p.prorettype::regtype::text as returns, p.pronargs as inputs, p.pronargdefaults as optional,
          coalesce(p.proargnames, '{}')::text[] as arguments,
          array(select format_type(t, null) from unnest(p.proargtypes) as t) as types,
          pg_get_expr(p.proargdefaults, 0) as defaults
        from pg_proc p where p.pronamespace = %s::regnamespace order by 1"""
    with db.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(query, [schema]).fetchall()
    assert len({row["name"] for row in rows}) == len(rows)
    for row in rows:
        row["arguments"] = row["arguments"][: row["inputs"]]
    return {row["name"]: row for row in rows}


def defaults(db: psycopg.Connection, routine: Row) -> dict[str, Any]:
    """The default of each optional argument, evaluated."""
    if not routine["optional"]:
        return {}
    names = routine["arguments"][-routine["optional"] :]
    values = db.execute(f"select {routine['defaults']}").fetchone()
    return dict(zip(names, values, strict=True))


def public_methods(owner: type) -> dict[str, Callable[..., Any]]:
    return {name: member for name, member in inspect.getmembers(owner, inspect.isfunction) if name[0] != "_"}


def hinted(hint: Any) -> set[type]:
    """The types of a hint, without None."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return {get_origin(option) or option for option in options} - {type(None)}


def assert_method_mirrors(
    db: psycopg.Connection, method: Callable[..., Any], routine: Row, *, hidden: set[str]
) -> None:
    """The method takes what the function takes, under the same names, in the same order and with the same defaults."""
    parameters = {name: p for name, p in inspect.signature(method).parameters.items() if name not in ("self", *FLAGS)}
    optional = defaults(db, routine)
    wanted = [name for name in routine["arguments"] if name not in hidden]
    assert [name for name in parameters if name != "op_id"] == [name for name in wanted if name != "op_id"]
    assert ("op_id" in parameters) == ("op_id" in wanted)
    hints = get_type_hints(method)
    for name, sql_type in zip(routine["arguments"], routine["types"], strict=True):
        if name == ANSWER:
            continue
        assert ARGUMENT_TYPES.get(name, "text").replace("timestamptz", "timestamp with time zone") == sql_type, name
        if name in hidden:
            continue
        parameter = parameters[name]
        if name == "op_id":
            assert parameter.default is None
            assert parameter.kind is parameter.KEYWORD_ONLY
        elif name in optional:
            assert parameter.default == optional[name], name
        else:
            assert parameter.default is parameter.empty, name
            assert parameter.kind is parameter.POSITIONAL_OR_KEYWORD, name
        if sql_type != "jsonb":
            assert ARGUMENT_HINTS[sql_type] in hinted(hints[name]), name
            assert (type(None) in get_args(hints[name])) == (name == "op_id" or optional.get(name, "") is None), name


def test_there_is_a_method_for_every_function(db: psycopg.Connection) -> None:
    methods = public_methods(openstock.Client)
    functions = routines(db, "openstock")
    assert functions.keys() - methods.keys() == OTHERWISE.keys()
    for name, routine in functions.items():
        if name in OTHERWISE:
            assert_method_mirrors(db, methods[OTHERWISE[name]], routine, hidden={"tenant", ANSWER})
        else:
            assert_method_mirrors(db, methods[name], routine, hidden={"tenant"})


def test_there_is_an_admin_method_for_every_function(db: psycopg.Connection) -> None:
    methods = public_methods(openstock.Admin)
    functions = routines(db, "openstock_admin")
    assert methods.keys() - functions.keys() == {"tenants"}
    assert functions.keys() - methods.keys() == set()
    for name, routine in functions.items():
        assert_method_mirrors(db, methods[name], routine, hidden=set())


def test_there_is_a_method_for_every_view(db: psycopg.Connection) -> None:
    query = """select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'v' and n.nspname in ('openstock', 'openstock_dw', 'openstock_admin')"""
    views = {name for (name,) in db.execute(query)} - READ_ELSEWHERE
    assert views <= set(RELATIONS.values())
    for view in views:
        owner = openstock.Admin if view.startswith("openstock_admin.") else openstock.Client
        assert view.split(".")[1] in public_methods(owner)


def test_methods_return_the_rows_that_their_functions_return(db: psycopg.Connection) -> None:
    rows = {relation: row for row, relation in (RELATIONS | TABLE_FUNCTIONS).items()}
    for schema, owner in [("openstock", openstock.Client), ("openstock_admin", openstock.Admin)]:
        methods = public_methods(owner)
        for name, routine in routines(db, schema).items():
            if name in OTHERWISE:
                continue
            hint = get_type_hints(methods[name])["return"]
            if row := rows.get(routine["returns"]) or rows.get(f"{schema}.{name}"):
                assert routine["returns_rows"]
                assert hint == list[row], name
            elif routine["kind"] == "p" or routine["returns"] == "void":
                assert hint is type(None), name
            elif routine["returns_rows"]:
                assert (get_origin(hint), *get_args(hint)) == (list, PYTHON_TYPES[routine["returns"]]), name
            else:
                assert hinted(hint) == {PYTHON_TYPES[routine["returns"]]}, name


def test_each_dataclass_has_the_fields_of_its_rows(db: psycopg.Connection) -> None:
    of_relation = """select attname::text, format_type(atttypid, atttypmod) from pg_attribute
      where attrelid = %s::regclass and attnum > 0 and not attisdropped order by attnum"""
    of_function = """select c.name, format_type(c.type, null)
      from pg_proc p
      cross join unnest(p.proargnames, p.proallargtypes, p.proargmodes) with ordinality as c (name, type, mode, n)
      where p.oid = %s::regproc and c.mode = 't' order by c.n"""
    sources = [(row, of_relation, name) for row, name in RELATIONS.items()]
    sources += [(row, of_function, name) for row, name in TABLE_FUNCTIONS.items()]
    for row, query, name in sources:
        columns = db.execute(query, [name]).fetchall()
        hints = get_type_hints(row)
        assert [field.name for field in fields(row)] == [column for column, _ in columns], name
        for column, sql_type in columns:
            wanted = list if f"{name}.{column}" in ARRAYS else PYTHON_TYPES[sql_type]
            assert hinted(hints[column]) == {wanted}, f"{name}.{column}"


def test_every_dataclass_is_frozen_slotted_and_checked_here() -> None:
    rows = {member for member in vars(results).values() if inspect.isclass(member) and is_dataclass(member)}
    assert rows == set(RELATIONS) | set(TABLE_FUNCTIONS)
    assert {row.__name__ for row in rows} == set(results.__all__)
    for row in rows:
        assert row.__dataclass_params__.frozen
        assert "__slots__" in vars(row)


@pytest.mark.parametrize(
    ("blocking", "waiting"), [(openstock.Client, openstock.AsyncClient), (openstock.Admin, openstock.AsyncAdmin)]
)
def test_both_clients_have_the_same_methods(blocking: type, waiting: type) -> None:
    ours, theirs = public_methods(blocking), public_methods(waiting)
    assert ours.keys() == theirs.keys()
    for name, method in ours.items():
        assert not inspect.iscoroutinefunction(method)
        assert inspect.iscoroutinefunction(theirs[name]), name
        if name != "transaction":
            assert inspect.signature(method) == inspect.signature(theirs[name]), name
    connect, connect_async = inspect.signature(openstock.connect), inspect.signature(openstock.connect_async)
    assert connect.parameters == connect_async.parameters


def test_the_synchronous_client_is_the_one_that_the_tool_builds() -> None:
    command = [sys.executable, "-m", "openstock.devtools.build_sync_client", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(openstock.__file__).parents[1], check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_tool_notices_an_outdated_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(build_sync_client, "TARGET", tmp_path)
    assert build_sync_client.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert build_sync_client.main([]) == 0
    assert build_sync_client.main(["--check"]) == 0
    for name in build_sync_client.MODULES.values():
        built = (tmp_path / name).read_text()
        (tmp_path / name).write_text(built + "\n")
        assert build_sync_client.main(["--check"]) == 1
        assert name in capsys.readouterr().err
        (tmp_path / name).write_text(built)


def test_the_tool_refuses_what_its_rules_do_not_cover() -> None:
    sources = build_sync_client.read()
    for name, source in sources.items():
        with pytest.raises(ValueError, match="still asynchronous"):
            build_sync_client.build({**sources, name: source + "\nasyncio.run(None)\n"})
        with pytest.raises(ValueError, match="does not say"):
            build_sync_client.build({**sources, name: source.replace("is generated from this file", "is another")})
    with pytest.raises(ValueError, match="nothing to do"):
        build_sync_client.build({name: re.sub(r"asyncio\.sleep", "pause", text) for name, text in sources.items()})


def test_everything_exported_is_there() -> None:
    assert all(hasattr(openstock, name) for name in openstock.__all__)
    assert set(results.__all__) <= set(openstock.__all__)
    errors = {name for name in openstock.errors.__all__ if name[0].isupper()}
    assert errors <= set(openstock.__all__)
