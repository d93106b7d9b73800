"""put_channels creates what is new and changes the keys that are given."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from tests.channels import buy, fenced, keep, kept
from tests.support import Row, Shop, columns, refused, unchanged


def channel(shop: Shop, code: str) -> Row:
    [row] = shop.view("channels", channel=code)
    return row


def test_a_code_is_all_that_a_channel_needs(shop: Shop) -> None:
    assert columns(shop.put_channels(lines=[{"code": " WEB "}]), "line", "code", "outcome") == [(1, "WEB", "created")]
    row = channel(shop, "WEB")
    assert (row["name"], row["uses_safety_stock"], row["active"]) == ("WEB", False, True)


def test_keys_that_are_not_given_stay_as_they_are(shop: Shop) -> None:
    shop.put_channels(lines=[{"code": "WEB", "name": "Web shop", "uses_safety_stock": True, "active": False}])
    for key, value in [("name", "Shop"), ("uses_safety_stock", False), ("active", True)]:
        before = channel(shop, "WEB")
        assert columns(shop.put_channels(lines=[{"code": "WEB", key: value}]), "outcome") == [("updated",)]
        after = channel(shop, "WEB")
        assert after == before | {key: value, "updated_at": after["updated_at"]}
    assert columns(shop.put_channels(lines=[{"code": "WEB", "name": "Shop"}]), "outcome") == [("unchanged",)]


def test_the_answer_says_what_became_of_each_line(shop: Shop) -> None:
    shop.put_channels(lines=[{"code": "SHOP"}, {"code": "TILL"}])
    answer = shop.put_channels(lines=[{"code": "TILL", "name": "The till"}, {"line": 9, "code": "SHOP"}, {"code": " E\u0301TAL "}])
    assert columns(answer, "line", "code", "outcome", "replayed") == [
        (1, "TILL", "updated", False),
        (9, "SHOP", "unchanged", False),
        (3, "\u00c9TAL", "created", False),
    ]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ({"code": "WEB", "name": None}, "name"),
        ({"code": "WEB", "name": ""}, "name"),
        ({"code": "WEB", "uses_safety_stock": None}, "uses_safety_stock"),
        ({"code": "WEB", "active": None}, "active"),
        ({"code": "WEB", "active": 1}, "active"),
        ({"code": "WEB", "colour": "red"}, "colour"),
        ({"name": "Web"}, "code"),
    ],
)
def test_a_bad_line_changes_nothing(shop: Shop, db: psycopg.Connection, line: dict[str, Any], key: str) -> None:
    with refused(db, "22023", argument="lines", line=2, key=key):
        shop.put_channels(lines=[{"code": "TILL"}, line])


def test_a_channel_named_twice_changes_nothing(shop: Shop, db: psycopg.Connection) -> None:
    with refused(db, "22023", line=1, key="code"):
        shop.put_channels(lines=[{"code": "WEB"}, {"code": "WEB "}])


def test_what_is_kept_for_a_channel_that_closes_stays_until_it_is_set_to_nothing(shop: Shop, db: psycopg.Connection) -> None:
    shop.receive("LON", [{"sku": "APPLE", "qty": 10}])
    shop.put_channels(lines=[{"code": "WEB"}])
    keep(shop, "WEB", 6)
    shop.put_channels(lines=[{"code": "WEB", "active": False}])
    assert (kept(shop), fenced(shop)) == ({"WEB": 6}, (6, 4))
    with refused(db, "OS117", channel="WEB"):
        buy(shop, "O1", 1, "WEB")
    with unchanged(db), refused(db, "OS117", channel="WEB", line=1):
        keep(shop, "WEB", 1)
    keep(shop, "WEB", 0)
    assert (kept(shop), fenced(shop)) == ({}, (0, 10))
    assert shop.differences() == []
