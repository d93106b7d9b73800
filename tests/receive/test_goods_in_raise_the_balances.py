"""What a receipt does to the levels, the bins and the ledger, and what it answers."""

from __future__ import annotations

from decimal import Decimal

import psycopg

from tests.support import Connect, Shop, columns


def test_a_receipt_raises_on_hand_and_available(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.receive("LON", [{"sku": "APPLE", "qty": 5}])
    assert shop.level("APPLE") == (15, 0, 0, 15)
    assert shop.view("stock", warehouse="BER") == []
    assert shop.differences() == []


def test_the_answer_says_where_the_units_went_and_what_the_level_is_now(shop: Shop) -> None:
    [row] = shop.receive("LON", [{"sku": "APPLE", "qty": 10, "location": "A-1"}], op_id="delivery-1")
    [entry] = shop.view("ledger", op_id="delivery-1")
    assert row == {
        "line": 1,
        "sku": "APPLE",
        "warehouse": "LON",
        "location": "A-1",
        "lot": None,
        "handling_unit": None,
        "status": "available",
        "event_type": "RECEIPT",
        "qty": 10,
        "serials": None,
        "on_hand": 10,
        "blocked": 0,
        "reserved": 0,
        "available": 10,
        "entry_id": entry["entry_id"],
        "recorded_at": entry["recorded_at"],
        "replayed": False,
    }


def test_each_line_writes_one_receipt_with_the_balances_after_it(shop: Shop) -> None:
    shop.receive(
        "LON",
        [
            {"sku": "APPLE", "qty": 10, "location": "A-1"},
            {"sku": "RICE", "qty": 0.5},
            {"sku": "APPLE", "qty": 4, "location": "A-2", "status": "damaged"},
        ],
        op_id="delivery-1",
    )
    assert shop.entries(
        "line", "event_type", "sku", "location", "qty_delta", "blocked_delta", "on_hand_after", "blocked_after"
    ) == [
        (1, "RECEIPT", "APPLE", "A-1", 10, 0, 10, 0),
        (2, "RECEIPT", "RICE", "DEFAULT", Decimal("0.5"), 0, Decimal("0.5"), 0),
        (3, "RECEIPT", "APPLE", "A-2", 4, 4, 14, 4),
    ]
    assert shop.entries("reserved_delta", "allocated_delta", "reserved_after", "order_ref") == [(0, 0, 0, None)] * 3
    assert shop.level("APPLE") == (14, 4, 0, 10)


def test_units_without_a_location_go_to_the_bin_named_default(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert columns(shop.view("bins"), "location", "status", "on_hand", "blocked", "allocated") == [
        ("DEFAULT", "available", 1, 0, 0)
    ]


def test_lines_for_the_same_bin_add_up(shop: Shop) -> None:
    answer = shop.receive("LON", [{"sku": "APPLE", "qty": 2}, {"sku": "APPLE", "qty": 3}])
    assert columns(answer, "line", "qty", "on_hand") == [(1, 2, 2), (2, 3, 5)]
    assert columns(shop.view("bins"), "location", "on_hand") == [("DEFAULT", 5)]
    assert shop.differences() == []


def test_lines_keep_the_numbers_that_they_were_given(shop: Shop) -> None:
    answer = shop.receive("LON", [{"sku": "APPLE", "qty": 2, "line": 70}, {"sku": "RICE", "qty": 3, "line": 10}])
    assert columns(answer, "line", "sku") == [(70, "APPLE"), (10, "RICE")]
    assert shop.entries("line", "sku") == [(70, "APPLE"), (10, "RICE")]


def test_the_document_the_note_the_cost_and_the_business_time_are_kept(shop: Shop) -> None:
    shop.receive(
        "LON",
        [{"sku": "APPLE", "qty": 2, "unit_cost": 0.25}, {"sku": "RICE", "qty": 1}],
        reference="DN-4711",
        note="two crates",
        occurred_at="2020-02-29 12:00 UTC",
    )
    assert shop.entries("unit_cost", "reference", "note", "reason") == [
        (Decimal("0.25"), "DN-4711", "two crates", None),
        (None, "DN-4711", "two crates", None),
    ]
    assert {entry.isoformat() for (entry,) in shop.entries("occurred_at")} == {"2020-02-29T12:00:00+00:00"}


def test_a_back_dated_receipt_is_recorded_now(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}], occurred_at="1999-12-31 UTC")
    assert db.execute("select recorded_at > now() - interval '1 minute' from openstock_core.ledger").fetchall() == [
        (True,)
    ]


def test_without_a_business_time_the_ledger_shows_when_it_was_recorded(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 2}])
    [(occurred_at, recorded_at)] = shop.entries("occurred_at", "recorded_at")
    assert occurred_at == recorded_at


def test_the_actor_is_the_one_that_the_application_names_or_its_login(shop: Shop) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    with shop.connection.transaction():
        shop.connection.execute("select set_config('app.actor', 'Ada Lovelace', true)")
        shop.receive("LON", [{"sku": "APPLE", "qty": 1}])
    assert shop.entries("actor") == [("test_app",), ("Ada Lovelace",)]


def test_codes_are_trimmed_and_composed_before_they_are_looked_up(shop: Shop) -> None:
    shop.put_products(lines=[{"sku": "CAF\u00c9", "name": "Coffee"}])
    [row] = shop.receive("  LON ", [{"sku": " CAFE\u0301 ", "qty": 1, "location": " A-1 "}])
    assert (row["sku"], row["warehouse"], row["location"]) == ("CAF\u00c9", "LON", "A-1")


def test_a_bound_login_receives_for_its_tenant(shop: Shop, connect: Connect) -> None:
    Shop(connect("bound"), shop.db).receive("LON", [{"sku": "APPLE", "qty": 3}])
    assert shop.level("APPLE") == (3, 0, 0, 3)
    assert shop.entries("actor") == [("test_bound",)]


def test_each_row_of_the_answer_names_its_own_entry(shop: Shop) -> None:
    lines: list[dict[str, object]] = [{"sku": sku, "qty": qty} for sku, qty in (("RICE", 1), ("APPLE", 2), ("RICE", 3), ("OIL", 4))]
    shop.put_products(lines=[{"sku": "OIL", "name": "Oil"}])
    names = ("entry_id", "recorded_at", "line", "sku", "qty", "on_hand")
    answer = columns(shop.receive("LON", lines), *names)
    assert [(line, sku, qty, on_hand) for _, _, line, sku, qty, on_hand in answer] == [(1, "RICE", 1, 1), (2, "APPLE", 2, 2), (3, "RICE", 3, 4), (4, "OIL", 4, 4)]
    assert answer == sorted(shop.entries("entry_id", "recorded_at", "line", "sku", "qty_delta", "on_hand_after"))
