"""docs/reference.md is written from the comments of the database."""

from __future__ import annotations

import psycopg

from openstock.devtools import build_reference


def test_the_page_is_what_the_tool_writes(db: psycopg.Connection) -> None:
    assert build_reference.PAGE.read_text() == build_reference.build(db)
