"""The tool that turns sql/ into migrations, on a small schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from openstock.devtools.build_migration import (
    BuildError,
    build,
    copies,
    read_sources,
    recorded_state,
    release,
)
from openstock.migration_files import MigrationError, MigrationFile, read_migrations, read_released, sha256

from .helpers import SmallSchema, sql_function

GREET = "functions/openstock/greet.sql"
NOTES = "views/openstock/notes.sql"
NOTE = "tables/note.sql"


def copied(small: SmallSchema, name: str) -> list[str]:
    """The files of sql/ in a migration, in order."""
    return [path.removeprefix("sql/") for path, _ in copies(small.text(name))]


def released(small: SmallSchema) -> SmallSchema:
    """The small schema with its baseline released."""
    small.build()
    small.release()
    return small


def test_the_baseline_holds_every_file_in_install_order_under_its_name(small: SmallSchema) -> None:
    small.build()
    assert copied(small, "0001.baseline") == small.order
    assert dict(copies(small.text("0001.baseline")))[f"sql/{GREET}"] == (small.sql / GREET).read_text()


def test_a_migration_ends_with_the_record_of_its_name_and_checksum(small: SmallSchema) -> None:
    small.build()
    text = small.text("0001.baseline")
    above, record = text.split("-- The record of this migration")
    assert f"values ('0001.baseline', '{sha256(above)}');\nreset role;\n" in record
    assert record.endswith("reset role;\n")


def test_building_twice_gives_the_same_files(small: SmallSchema) -> None:
    small.build()
    before = {path: path.read_bytes() for path in small.migrations.iterdir()}
    small.build()
    assert {path: path.read_bytes() for path in small.migrations.iterdir()} == before


def test_check_shows_what_is_out_of_date_and_writes_nothing(
    small: SmallSchema, capsys: pytest.CaptureFixture[str]
) -> None:
    small.build()
    assert small.tool("--check") == 0
    before = small.text("0001.baseline")
    small.write(GREET, sql_function("greet", "'good evening'"))
    capsys.readouterr()
    assert small.tool("--check") == 1
    shown = capsys.readouterr().out
    assert "-as $body$ select 'hello' $body$;" in shown
    assert "+as $body$ select 'good evening' $body$;" in shown
    assert small.text("0001.baseline") == before


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda s: s.write("tables/stray.sql", "select 1;\n", listed=False), "does not name sql/tables/stray.sql"),
        (lambda s: (s.sql / GREET).unlink(), "sql/functions/openstock/greet.sql: there is no such file"),
        (lambda s: (s.order.append(GREET), s.list()), "is named twice"),
        (lambda s: (s.order.append("../elsewhere.sql"), s.list()), "elsewhere.sql: there is no such file"),
        (lambda s: (s.sql / "install.sql").write_text("select 1;\n"), "line 1: neither a comment nor"),
        (lambda s: (s.sql / "install.sql").unlink(), "install.sql: there is no such file"),
        (lambda s: s.write(NOTE, "\\set x 1\nselect 1;\n"), "psql commands"),
        (lambda s: s.write(NOTE, "-- depends: the weather\nselect 1;\n"), "an order to yoyo"),
        (lambda s: s.write(NOTE, "-- sql/tables/other.sql\nselect 1;\n"), "marks copies"),
        (lambda s: s.write(NOTE, "select 1;\nselect 2 -- two;\n"), "does not end with a semicolon"),
        (lambda s: s.write(NOTE, "select 1;\r\n select 2;\r\n"), "CR LF"),
        (lambda s: s.write(GREET, "create function openstock.greet() returns int return 1;\n"), "run this file again"),
    ],
)
def test_sources_that_cannot_work_are_refused_with_the_file_named(
    small: SmallSchema, spoil: Callable[[SmallSchema], object], complaint: str
) -> None:
    spoil(small)
    with pytest.raises(BuildError, match=complaint):
        build(small.sql, small.migrations)
    assert small.tool() == 2
    assert list(small.migrations.iterdir()) == []


def test_before_the_release_there_is_no_second_migration(small: SmallSchema) -> None:
    small.build()
    assert small.tool("second") == 2
    assert [migration.name for migration in read_migrations(small.migrations)] == ["0001.baseline"]


def test_a_release_freezes_what_was_built(small: SmallSchema) -> None:
    released(small)
    assert read_released(small.migrations) == {"0001.baseline": sha256(small.text("0001.baseline"))}
    (small.migrations / "0001.baseline.sql").write_text(small.text("0001.baseline") + "select 1;\n")
    with pytest.raises(MigrationError, match="a released migration was edited"):
        build(small.sql, small.migrations)


def test_what_is_out_of_date_cannot_be_released(small: SmallSchema) -> None:
    small.build()
    small.write(GREET, sql_function("greet", "'good evening'"))
    assert small.tool("--release") == 1
    assert read_released(small.migrations) == {}


def test_an_edited_file_cannot_be_released(small: SmallSchema) -> None:
    small.build()
    (small.migrations / "0001.baseline.sql").write_text(small.text("0001.baseline").replace("hello", "farewell"))
    with pytest.raises(MigrationError, match="edited after it was built"):
        release(small.migrations)


def test_after_a_release_an_unchanged_schema_needs_no_migration(small: SmallSchema) -> None:
    released(small)
    assert build(small.sql, small.migrations) == {}
    assert small.tool("--check") == 0
    with pytest.raises(BuildError, match="nothing differs"):
        build(small.sql, small.migrations, "empty")


def test_the_next_migration_holds_only_the_functions_and_views_that_changed(small: SmallSchema) -> None:
    released(small)
    small.write(GREET, sql_function("greet", "'good evening'"))
    small.write("functions/openstock/part.sql", sql_function("part", "'farewell'"))
    with pytest.raises(BuildError, match="not in any migration yet"):
        build(small.sql, small.migrations)
    small.build("politeness")
    assert copied(small, "0002.politeness") == [GREET, "functions/openstock/part.sql"]
    assert "-- depends: 0001.baseline\n" in small.text("0002.politeness")
    assert (small.migrations / "0002.politeness.rollback.sql").exists()


def test_the_migration_in_the_making_follows_its_sources(small: SmallSchema) -> None:
    released(small)
    small.write(GREET, sql_function("greet", "'good evening'"))
    small.build("politeness")
    small.write(GREET, sql_function("greet", "'good night'"))
    assert small.tool("--check") == 1
    small.build()
    assert "good night" in small.text("0002.politeness")
    assert "good evening" not in small.text("0002.politeness")


def test_only_one_migration_is_in_the_making(small: SmallSchema) -> None:
    released(small)
    small.write(GREET, sql_function("greet", "'good evening'"))
    small.build("politeness")
    with pytest.raises(BuildError, match=r"0002\.politeness is in the making"):
        build(small.sql, small.migrations, "manners")


@pytest.mark.parametrize("title", ["Politeness", "two words", "a.b", "../x", "-x", ""])
def test_titles_are_plain_words(small: SmallSchema, title: str) -> None:
    released(small)
    with pytest.raises(BuildError, match="not a title"):
        build(small.sql, small.migrations, title)


def test_a_changed_table_needs_statements_written_by_hand(small: SmallSchema) -> None:
    released(small)
    table = small.write(
        NOTE, (small.sql / NOTE).read_text().replace("body text not null", "body text not null, tag text")
    )
    with pytest.raises(BuildError, match=r"tables/note\.sql differs .* sql/upgrades/0002\.tags\.sql"):
        build(small.sql, small.migrations, "tags")
    small.write("upgrades/0002.tags.sql", "alter table openstock_core.note add column tag text;\n", listed=False)
    small.write(NOTES, (small.sql / NOTES).read_text().replace("body from", "body, tag from"))
    small.build("tags")
    assert copied(small, "0002.tags") == ["upgrades/0002.tags.sql", NOTES]
    assert f"-- by hand: sql/{NOTE} {sha256(table.read_text())}\n" in small.text("0002.tags")


def test_a_change_made_by_hand_is_not_asked_for_again(small: SmallSchema) -> None:
    test_a_changed_table_needs_statements_written_by_hand(small)
    small.release()
    assert build(small.sql, small.migrations) == {}
    small.write(GREET, sql_function("greet", "'good evening'"))
    small.build("politeness")
    assert copied(small, "0003.politeness") == [GREET]


def test_an_upgrade_includes_a_whole_new_file_where_it_names_it(small: SmallSchema) -> None:
    released(small)
    table = "create table openstock_core.label (label_id bigint primary key);\n"
    small.write("tables/label.sql", table)
    small.write("functions/openstock/label.sql", sql_function("label", "'a label'"))
    small.write(
        "upgrades/0002.labels.sql",
        "-- Labels.\nselect 1;\n\\ir ../tables/label.sql\n\\ir ../functions/openstock/label.sql\nselect 2;\n",
        listed=False,
    )
    small.build("labels")
    upgrade, function = "upgrades/0002.labels.sql", "functions/openstock/label.sql"
    assert copied(small, "0002.labels") == [upgrade, "tables/label.sql", function, upgrade]
    small.release()
    assert build(small.sql, small.migrations) == {}


def test_a_function_that_is_gone_has_to_be_dropped_by_hand(small: SmallSchema) -> None:
    released(small)
    small.remove(GREET)
    complaint = r"greet\.sql is gone, and sql/upgrades/0002\.silence\.sql does not drop"
    with pytest.raises(BuildError, match=complaint):
        build(small.sql, small.migrations, "silence")
    small.write("upgrades/0002.silence.sql", "drop function openstock.greeting();\n", listed=False)
    with pytest.raises(BuildError, match=complaint):
        build(small.sql, small.migrations, "silence")
    small.write("upgrades/0002.silence.sql", "drop function if exists openstock.greet();\n", listed=False)
    small.build("silence")
    assert f"-- dropped: sql/{GREET}\n" in small.text("0002.silence")
    small.release()
    assert build(small.sql, small.migrations) == {}


def test_a_materialized_view_is_changed_by_hand_like_a_table(small: SmallSchema) -> None:
    path = "views/openstock/counted.sql"
    small.write(path, "create materialized view openstock.counted as select 1 as one;\n")
    released(small)
    small.write(path, "create materialized view openstock.counted as select 2 as two;\n")
    with pytest.raises(BuildError, match=r"counted\.sql differs"):
        build(small.sql, small.migrations, "two")


def test_an_upgrade_that_belongs_to_no_migration_is_refused(small: SmallSchema) -> None:
    released(small)
    small.write("upgrades/0002.typo.sql", "select 1;\n", listed=False)
    with pytest.raises(BuildError, match=r"no migration is called 0002\.typo\.sql"):
        build(small.sql, small.migrations)


def test_the_newest_copies_are_the_sources(small: SmallSchema) -> None:
    test_the_next_migration_holds_only_the_functions_and_views_that_changed(small)
    texts = [migration.text for migration in read_migrations(small.migrations)]
    assert recorded_state(texts) == {source.path: source.digest for source in read_sources(small.sql)}


@pytest.mark.parametrize("name", ["0003.gap.sql", "1.short.sql", "0002.Upper.sql", "0001.twin.sql"])
def test_files_that_are_not_numbered_without_gaps_are_refused(small: SmallSchema, name: str) -> None:
    small.build()
    (small.migrations / name).write_text("select 1;\n")
    with pytest.raises(MigrationError, match="not numbered without gaps"):
        read_migrations(small.migrations)


@pytest.mark.parametrize("listing", ["0001.baseline\n", "0001.baseline 12ab\n", "{0} {1}\n{0} {1}\n"])
def test_a_list_of_releases_that_cannot_be_read_is_refused(small: SmallSchema, listing: str) -> None:
    small.build()
    (small.migrations / "released.txt").write_text(listing.format("0001.baseline", "0" * 64))
    with pytest.raises(MigrationError, match="list of released migrations"):
        read_released(small.migrations)


def test_a_missing_released_migration_is_noticed(small: SmallSchema) -> None:
    released(small)
    (small.migrations / "0001.baseline.sql").unlink()
    with pytest.raises(MigrationError, match="not the released ones"):
        build(small.sql, small.migrations)


def test_an_edited_record_is_noticed(tmp_path: Path, small: SmallSchema) -> None:
    small.build()
    text = small.text("0001.baseline")
    for edited in (text.replace("hello", "farewell"), text + "select 1;\n", text.replace("'0001.", "'0002.")):
        with pytest.raises(MigrationError, match="edited after it was built"):
            MigrationFile("0001.baseline", tmp_path, edited).verify_record()
