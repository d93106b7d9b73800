"""A piece is in one place, whoever else names it at the same time, at every isolation level; nobody deadlocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import IsolationLevel

from tests.concurrency.sessions import ALL_LEVELS, NEVER, READ_COMMITTED, SNAPSHOT_LEVELS, Session, unlocked
from tests.support import Connect, Shop, columns, fails

from .pieces import phones, pieces, where

OpenSession = Callable[[IsolationLevel], Session]
each_level = pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
each_snapshot = pytest.mark.parametrize("level", SNAPSHOT_LEVELS, ids=lambda level: level.name)


@pytest.fixture
def session(connect: Connect, stocked: Shop) -> Iterator[OpenSession]:
    """Opens sessions of the shop; all are ended in the end."""
    with contextlib.ExitStack() as stack:
        yield lambda level: stack.enter_context(Session(connect("app", autocommit=False), stocked.db, level))


@contextlib.contextmanager
def ends_in(code: str) -> Iterator[None]:
    """Expect an error with this SQLSTATE, of openstock or of PostgreSQL itself."""
    with pytest.raises(psycopg.Error) as raised:
        yield
    assert raised.value.sqlstate == code, raised.value


@each_level
@pytest.mark.parametrize("more", [(), ("N3",)])
def test_a_new_piece_comes_in_once(stocked: Shop, session: OpenSession, level: IsolationLevel, more: tuple[str, ...]) -> None:
    """The second waits for the first, wherever it brings the piece; and has it, where the first gives up."""
    for end, code in (("rollback", None), ("commit", "OS109" if level is READ_COMMITTED else "40001")):
        first, second = session(READ_COMMITTED), session(level)
        first.receive("LON", [phones("N1", "N2")])
        second.look()
        waiting = second.blocked("receive", "BER", [phones("N2", *more)])
        getattr(first, end)()
        if code is None:
            assert columns(waiting.result(NEVER), "serials") == [(["N2", *more],)]
        else:
            with ends_in(code):
                waiting.result(NEVER)
        second.rollback()
    assert where(stocked, "N2") == ("DEFAULT", "available", "in_stock", None)


@each_level
def test_a_piece_that_left_comes_back_once(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    stocked.adjust("LON", [phones("P5", "P6", qty=-2, location="A-2")], reason="lent")
    first, second = session(READ_COMMITTED), session(level)
    first.receive("LON", [phones("P6", "P5")])
    second.look()
    waiting = second.blocked("receive", "BER", [phones("P5", "P6")])
    first.commit()
    with ends_in("OS109" if level is READ_COMMITTED else "40001"):
        waiting.result(NEVER)
    second.rollback()
    assert {row[1] for row in pieces(stocked)} == {"A-1", "DEFAULT"}


@each_level
def test_receipts_that_name_the_same_pieces_the_other_way_round_do_not_deadlock(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    stocked.adjust("LON", [phones("P5", "P6", qty=-2, location="A-2")], reason="lent")
    first, second = session(level), session(level)
    futures = [first.at_once("receive", "LON", [phones("P5", "N1", "P6", "N2")]), second.at_once("receive", "BER", [phones("N2", "P6", "N1", "P5")])]
    failed = [future.exception(NEVER) for future in futures]
    assert sum(error is None for error in failed) == 1
    assert {error.sqlstate for error in failed if isinstance(error, psycopg.Error)} <= {"OS109", "40001"}


def test_pieces_that_come_back_are_locked_by_their_age_in_whatever_order_they_are_named(stocked: Shop, session: OpenSession) -> None:
    stocked.adjust("LON", [phones("P5", "P6", qty=-2, location="A-2")], reason="lent")
    known = {row[0] for row in stocked.db.execute("select serial_id from openstock_core.serial_unit where serial <> 'P5'").fetchall()}
    holder, one = session(READ_COMMITTED), session(READ_COMMITTED)
    holder.receive("LON", [phones("P5")])
    waiting = one.blocked("receive", "BER", [phones("P6", "P5")])
    assert unlocked(stocked.db, "serial_unit") == known
    holder.rollback()
    assert columns(waiting.result(NEVER), "serials") == [(["P5", "P6"],)]


@each_snapshot
def test_what_becomes_of_other_pieces_meanwhile_does_not_matter_to_who_brings_one_that_is_in_stock(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    older = session(level)
    older.look()
    stocked.move("LON", [phones("P6", **{"from": "A-2", "to": "P-1"})])
    with fails("OS109", serial="P1", location="A-1"):
        older.receive("BER", [phones("P1")])


@each_level
def test_who_brings_a_piece_that_is_in_stock_waits_for_nobody(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    """While it is leaving it is in stock still."""
    leaving, other = session(READ_COMMITTED), session(level)
    leaving.ship("O1", [{"line": 1, "serials": ["P1"]}])
    with fails("OS109", serial="P1", location="A-1"):
        other.receive("BER", [phones("P1")])
    other.rollback()
    leaving.commit()
    other.receive("BER", [phones("P1")])
    other.commit()
    assert where(stocked, "P1") == ("DEFAULT", "available", "in_stock", None)


@each_snapshot
def test_an_older_snapshot_does_not_refuse_what_has_left_meanwhile(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    older = session(level)
    older.look()
    stocked.ship("O1", [{"line": 1, "serials": ["P1"]}])
    with ends_in("40001"):
        older.receive("BER", [phones("P1")])


@pytest.fixture
def looking(stocked: Shop, dsn: str, session: OpenSession) -> Iterator[tuple[Session, Callable[[], Any]]]:
    """A receipt in Berlin of P5, P6 and P4, of which P5 and P4 are free, and P6 leaves its bin in London after the receipt has locked what was free.

    What is yielded is its session, and what lets it go on and gives its answer.
    """
    stocked.adjust("LON", [phones("P5", qty=-1, location="A-2"), phones("P4", "P1", qty=-2, location="A-1")], reason="lent")
    receiving = session(READ_COMMITTED)
    with psycopg.connect(dsn) as holder:
        holder.execute("select from openstock_core.serial_unit where serial = 'P5' for no key update")
        waiting = receiving.blocked("receive", "BER", [phones("P4", "P5", "P6")])
        stocked.adjust("LON", [phones("P6", qty=-1, location="A-2")], reason="lent")

        def go_on() -> Any:
            holder.rollback()
            return waiting.result(NEVER)

        yield receiving, go_on


def test_a_piece_that_leaves_its_bin_as_it_is_found_there_comes_in(stocked: Shop, looking: tuple[Session, Callable[[], Any]]) -> None:
    receiving, go_on = looking
    assert columns(go_on(), "serials") == [(["P4", "P5", "P6"],)]
    receiving.commit()
    assert where(stocked, "P6") == ("DEFAULT", "available", "in_stock", None)
    assert stocked.differences() == []


def test_unless_another_takes_it(stocked: Shop, session: OpenSession, looking: tuple[Session, Callable[[], Any]]) -> None:
    """Who comes too late does not wait for it: that would be out of order."""
    _, go_on = looking
    other = session(READ_COMMITTED)
    other.receive("LON", [phones("P6")])
    with fails("40001", problem="a piece left its bin and is in use"):
        go_on()


@each_level
def test_a_free_piece_that_another_order_gets_meanwhile_is_not_sent(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    stocked.reserve("O3", [{"sku": "PHONE", "qty": 2}])
    picker, sender = session(READ_COMMITTED), session(level)
    picker.allocate("O3")
    sender.look()
    waiting = sender.blocked("ship", "O1", [{"line": 1, "serials": ["P5"]}])
    picker.commit()
    with ends_in("OS113" if level is READ_COMMITTED else "40001"):
        waiting.result(NEVER)
    sender.rollback()
    assert where(stocked, "P5") == ("A-2", "available", "allocated", "O3")


@each_level
def test_pieces_chosen_are_never_those_that_another_has_just_taken(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    """One moves P5 away and P6 stays: who waits for the bin chooses what is there then."""
    stocked.reserve("O3", [{"sku": "PHONE", "qty": 1}])
    mover, picker = session(READ_COMMITTED), session(level)
    mover.move("LON", [phones("P5", **{"from": "A-2", "to": "Q-1"})])
    picker.look()
    waiting = picker.blocked("allocate", "O3")
    mover.commit()
    if level is READ_COMMITTED:
        assert columns(waiting.result(NEVER), "serials") == [(["P6"],)]
        picker.commit()
    else:
        with ends_in("40001"):
            waiting.result(NEVER)


@each_snapshot
def test_a_swap_that_leaves_the_bins_as_full_as_they_were_is_not_overlooked(stocked: Shop, session: OpenSession, level: IsolationLevel) -> None:
    """Only the pieces tell an older snapshot that the first of the bin is another now."""
    stocked.cancel("O1")
    stocked.reserve("O3", [{"sku": "PHONE", "qty": 1}])
    older = session(level)
    older.look()
    stocked.move("LON", [phones("P1", **{"from": "A-1", "to": "A-2"}), phones("P5", **{"from": "A-2", "to": "A-1"})])
    with ends_in("40001"):
        older.allocate("O3")
