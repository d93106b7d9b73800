"""Every CHECK refuses what it is about by itself: whoever writes past the functions is stopped by the tables."""

from __future__ import annotations

import psycopg
import pytest

from ..support import Shop

FAR = "repeat('x', {})"


def product(column: str, *values: str) -> list[str]:
    return [f"update openstock_core.product set {column} = {value} where sku = 'APPLE'" for value in values]


def level(change: str) -> str:
    return f"update openstock_core.stock_level set {change} where on_hand = 10"


def stock_bin(change: str) -> str:
    return f"update openstock_core.stock_bin set {change} where on_hand = 10"


def line(change: str) -> str:
    return f"update openstock_core.reservation_line set {change}"


def entry(event_type: str, change: str) -> str:
    """The same entry again, but for this change."""
    return (
        "insert into openstock_core.ledger select r.* from openstock_core.ledger l "
        f"cross join lateral jsonb_populate_record(l, '{change}') as r where l.event_type = '{event_type}' limit 1"
    )


def cast(domain: str, *values: str) -> list[str]:
    return [f"select {value}::openstock_core.{domain}" for value in values]


# What violates one constraint and no other that is looked at before it: they are looked at in order of their names.
REFUSED = {
    "product_name_is_bounded": product("name", "''", FAR.format(501)),
    "product_description_is_bounded": product("description", FAR.format(10001)),
    "product_unit_is_a_code": product("unit", "''", "'kg'", "'KILO'"),
    "product_decimals_are_known": product("decimals", "-1", "7"),
    "product_tracking_is_known": product("tracking", "'batch'"),
    "product_serials_are_of_whole_units": product("tracking = 'serial', decimals", "1"),
    "product_removal_is_known": product("removal", "'random'"),
    "product_backorder_is_known": product("backorder", "'always'"),
    "product_backorder_limit_is_given": [*product("backorder", "'limited'"), *product("backorder_limit", "1")],
    "product_backorder_limit_is_positive": product("backorder = 'limited', backorder_limit", "0"),
    "product_reorder_quantity_is_positive": product("reorder_quantity", "0"),
    "kit_component_kit_is_another_product": ["update openstock_core.kit_component set component_id = kit_id"],
    "kit_component_qty_is_positive": ["update openstock_core.kit_component set qty = 0"],
    "warehouse_name_is_bounded": [f"update openstock_core.warehouse set name = {name}" for name in ("''", FAR.format(201))],
    "warehouse_position_is_whole": ["update openstock_core.warehouse set latitude = 1", "update openstock_core.warehouse set longitude = 1"],
    "warehouse_latitude_is_on_earth": [f"update openstock_core.warehouse set latitude = {there}, longitude = 0" for there in (-91, 91)],
    "warehouse_longitude_is_on_earth": [f"update openstock_core.warehouse set latitude = 0, longitude = {there}" for there in (-181, 181)],
    "warehouse_costs_by_zone_are_not_negative": ["update openstock_core.warehouse set shipping_cost_by_zone = '{\"EU\": -1}'"],
    "warehouse_zones_are_bounded": [
        "update openstock_core.warehouse set shipping_cost_by_zone = "
        "(select jsonb_object_agg(n, 1) from generate_series(1, 1001) as n)"
    ],
    "handling_unit_kind_is_known": ["update openstock_core.handling_unit set kind = 'lorry'"],
    "location_kind_is_known": ["update openstock_core.location set kind = 'attic'"],
    "channel_name_is_bounded": [f"update openstock_core.channel set name = {name}" for name in ("''", FAR.format(201))],
    "lot_quality_is_known": ["update openstock_core.lot set quality = 'good'"],
    "lot_expires_on_is_finite": ["update openstock_core.lot set expires_on = 'infinity'"],
    "ledger_entry_is_sound": [
        entry("RECEIPT", '{"on_hand_after": null, "blocked_after": null, "reserved_after": null}'),
        entry("RECEIPT", '{"blocked_after": null}'),
        entry("RECEIPT", '{"reserved_after": null}'),
        entry("ALLOCATE", '{"on_hand_after": 1, "blocked_after": 0, "reserved_after": 0}'),
        entry("RESERVE", '{"quota_delta": 1}'),
        entry("RESERVE", '{"quota_delta": 1, "reserved_delta": -1}'),
        entry("RECEIPT", '{"quota_delta": -1}'),
        entry("ALLOCATE", '{"quota_delta": 1}'),
        entry("RECEIPT", '{"status": null}'),
        entry("RESERVE", '{"status": "available"}'),
        entry("RECEIPT", '{"location_id": null, "status": null}'),
        entry("RESERVE", '{"blocked_delta": 1}'),
        entry("RESERVE", '{"allocated_delta": 1}'),
    ],
    "reservation_line_parts_add_up": [line("ordered = ordered + 1"), line("shipped = 1")],
    "reservation_line_quota_used_is_part_of_ordered": [line("quota_used = ordered + 1")],
    "reservation_kit_qty_is_positive": ["update openstock_core.reservation_kit set qty = 0"],
    "stock_level_blocked_is_part_of_on_hand": [level("blocked = 11")],
    "stock_bin_status_is_known": [stock_bin("status = 'lost'")],
    "stock_bin_allocated_is_part_of_on_hand": [stock_bin("allocated = 11")],
    "stock_bin_blocked_is_not_allocated": [stock_bin("blocked = true")],
    "serial_unit_pinned_is_in_a_bin": ["update openstock_core.serial_unit set bin_id = null where reservation_line_id is not null"],
    "tenant_name_is_bounded": [f"update openstock_core.tenant set name = {name}" for name in ("''", FAR.format(201))],
    "quantity_is_bounded": cast("quantity", "1000000000000", "-1000000000000", "'NaN'", "'infinity'", "'-infinity'"),
    "quantity_has_six_decimals": cast("quantity", "0.0000001"),
    "amount_is_bounded": cast("amount", "(-0.000001)", "1000000000000", "'NaN'", "'infinity'"),
    "amount_has_six_decimals": cast("amount", "0.0000001"),
    "op_id_is_bounded": cast("op_id", "''", FAR.format(129), "repeat('\u00e9', 65)"),
    "line_number_is_positive": cast("line_number", "0", "(-1)"),
    "day_count_is_not_negative": cast("day_count", "(-1)"),
    "json_object_is_an_object": cast("json_object", "'[]'", "'1'", "'null'"),
    "event_type_is_known": cast("event_type", "'THEFT'", "'reserve'", "''"),
    "code_is_bounded": cast("code", "''", FAR.format(65)),
    "code_is_normalised": cast("code", "' A'", "'A '", "U&'A\\030A'"),
    "code_is_printable": cast("code", "E'A\\tB'", "E'A\\u007fB'"),
}


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """10 apples, 3 of them promised and pinned, one promised in a basket and one kept for a channel; milk of a lot, an order that waits for pears, and a phone that is pinned."""
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.receive("LON", [{"sku": "MILK", "qty": 1, "lot": "L1", "expires_on": "2999-12-31"}])
    shop.reserve("O1", [{"sku": "APPLE", "qty": 3}])
    shop.allocate("O1")
    shop.put_products(lines=[{"sku": "BASKET", "name": "Basket"}])
    shop.put_kits(lines=[{"sku": "BASKET", "components": [{"sku": "APPLE", "qty": 1}]}])
    shop.reserve("O3", [{"sku": "BASKET", "qty": 1}])
    shop.put_products(lines=[{"sku": "PEAR", "name": "Pear", "backorder": "unlimited"}])
    shop.put_channels(lines=[{"code": "WEB"}])
    shop.put_quotas("LON", [{"channel": "WEB", "sku": "APPLE", "qty": 1}])
    shop.reserve("O2", [{"sku": "PEAR", "qty": 3}], on_shortage="backorder")
    shop.put_products(lines=[{"sku": "PHONE", "name": "Phone", "tracking": "serial"}])
    shop.receive("LON", [{"sku": "PHONE", "serials": ["P1"], "handling_unit": "H1"}])
    shop.reserve("O3", [{"sku": "PHONE", "qty": 1}])
    shop.allocate("O3")
    return shop


@pytest.mark.parametrize("constraint", REFUSED)
def test_a_row_that_cannot_be_is_refused_by_name(busy: Shop, constraint: str) -> None:
    for statement in REFUSED[constraint]:
        with pytest.raises(psycopg.errors.CheckViolation) as refusal:
            busy.db.execute(statement)
        assert refusal.value.diag.constraint_name == constraint, statement


def test_no_check_is_left_out(db: psycopg.Connection) -> None:
    found = db.execute(
        "select distinct conname from pg_constraint where contype = 'c' and connamespace::regnamespace::text like 'openstock%'"
    ).fetchall()
    assert {name for (name,) in found} == set(REFUSED)


def test_only_what_may_be_negative_or_has_to_be_positive_is_no_amount(db: psycopg.Connection) -> None:
    found = db.execute(
        "select c.relname, a.attname from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_type t on t.oid = a.atttypid "
        "where c.relnamespace = 'openstock_core'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and not a.attisdropped "
        "and t.oid in ('openstock_core.quantity'::regtype, 'numeric'::regtype) order by c.relname, a.attnum"
    ).fetchall()
    assert found == [
        ("kit_component", "qty"),
        *(("ledger", f"{part}_delta") for part in ("qty", "blocked", "reserved", "allocated", "backordered", "quota")),
        ("ledger", "unit_cost"),
        *(("product", part) for part in ("backorder_limit", "reorder_quantity")),
        ("reservation_kit", "qty"),
        ("stock_level", "available"),
    ]


def test_a_warehouse_has_one_part_of_an_orders_line(busy: Shop) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation) as refusal:
        busy.db.execute(
            "insert into openstock_core.reservation_line (tenant_id, reservation_id, line, product_id, warehouse_id, ordered, reserved, created_at) "
            "select tenant_id, reservation_id, line, product_id, warehouse_id, 1, 1, created_at from openstock_core.reservation_line"
        )
    assert refusal.value.diag.constraint_name == "reservation_line_key"
