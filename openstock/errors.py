# ruff: noqa: N818 - the classes carry the names of openstock.error_codes, which are names of facts
"""One exception per error of `openstock.error_codes`, and one for each other failure that callers meet.

All are `OpenstockError`, which is a `psycopg.Error`: whoever catches that catches them. Tell them apart by class or by
`sqlstate`, never by wording, and read the values from `detail`:

    try:
        client.reserve("A-1", [{"sku": "APPLE", "qty": 7}], on_shortage="error")
    except InsufficientStock as error:
        print(error.detail["lines"][0]["available"])

In `detail`, line is the place of an entry in the call, from 1, and order_line the number of the order's line that it
names; in rows (lines, expired) line is the order's, as in the rows of answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from openstock import exact_json

__all__ = [
    "AnswerPruned",
    "AppendOnly",
    "ConnectionFailed",
    "Deadlock",
    "DifferencesFound",
    "HandlingUnitElsewhere",
    "HoldExpired",
    "InTransaction",
    "InUse",
    "InactiveChannel",
    "InactiveLocation",
    "InactiveProduct",
    "InactiveWarehouse",
    "Inconsistent",
    "InsufficientStock",
    "InvalidArgument",
    "InvalidQuantity",
    "LineExists",
    "LockTimeout",
    "LotConflict",
    "MaintenanceFailed",
    "NeedsReadCommitted",
    "NewerSchema",
    "NoAccess",
    "NoPartition",
    "NoTenant",
    "NotAllowed",
    "NotHeld",
    "NotMigrated",
    "NotReserved",
    "OpIdReused",
    "OpenstockError",
    "OrderClosed",
    "OutcomeUnknown",
    "QueryCanceled",
    "ReadOnly",
    "SerialConflict",
    "SerialInStock",
    "SerialNotThere",
    "SerializationFailure",
    "ServerTooOld",
    "TenantConflict",
    "TransactionAborted",
    "UnexpectedBalance",
    "UnknownChannel",
    "UnknownHandlingUnit",
    "UnknownLocation",
    "UnknownLot",
    "UnknownOrder",
    "UnknownProduct",
    "UnknownSerial",
    "UnknownTenant",
    "UnknownWarehouse",
    "error_class",
    "translate",
    "translated",
]


class OpenstockError(psycopg.Error):
    """What every error of this package is; itself: one that the package does not know.

    Raised `from` the error of psycopg where there is one (`__cause__`), whose `diag` it keeps.
    """

    message: str = "The database refused a statement."
    """One constant sentence."""
    hint: str | None = None
    """What to do next."""
    detail: dict[str, Any]
    """The values, by name: quantities as int or Decimal, exactly. `problem` is what PostgreSQL itself said."""
    op_id: str | None
    """The op_id of the call, also where the client made it; None where there is none."""

    def __init__(
        self,
        message: str | None = None,
        *,
        detail: Mapping[str, Any] | None = None,
        hint: str | None = None,
        sqlstate: str | None = None,
        op_id: str | None = None,
        info: Any = None,
    ) -> None:
        """Take what differs from the class's own message, hint and sqlstate; info is psycopg's result, for `diag`."""
        self.message = message or type(self).message
        super().__init__(self.message, info=info)
        self.detail = dict(detail or {})
        self.hint = hint or type(self).hint
        self.sqlstate = sqlstate or type(self).sqlstate
        self.op_id = op_id

    def __str__(self) -> str:
        """Message, SQLSTATE, DETAIL, HINT and op_id as psql shows them, each on a line of its own."""
        lines = [f"{self.sqlstate}: {self.message}" if self.sqlstate else self.message]
        if self.detail:
            lines.append(f"DETAIL:  {_shown(self.detail)}")
        if self.hint:
            lines.append(f"HINT:  {self.hint}")
        if self.op_id:
            lines.append(f"OP_ID:  {self.op_id}")
        return "\n".join(lines)


# Those of openstock.error_codes. What the client itself raises, or PostgreSQL under the same code, has its words here;
# a test holds them against the view.


class InvalidArgument(OpenstockError):
    """An argument is not valid. detail: argument, problem, and within lines: line (the entry's place), key, value."""

    sqlstate = "22023"
    message = "An argument is not valid."
    hint = "DETAIL names the argument, the line and what is wrong with it."


class ReadOnly(OpenstockError):
    """A write in a read-only transaction, or on a standby."""

    sqlstate = "25006"
    message = "The transaction is read-only."
    hint = "Write on the primary server, in a transaction that is not read-only."


class SerializationFailure(OpenstockError):
    """Another transaction did the same thing, or changed what was read. The client repeats it; see `Retry`."""

    sqlstate = "40001"
    message = "Another transaction changed the same rows at the same time."
    hint = "Repeat the whole transaction, with the same op_id."


class NotAllowed(OpenstockError):
    """The login may not act for the tenant. detail: login, tenant."""

    sqlstate = "42501"
    message = "This login may not act for this tenant."
    hint = "An operator allows it with openstock_admin.grant_tenant."


class NoTenant(OpenstockError):
    """Neither the client nor the transaction names a tenant."""

    sqlstate = "OS001"
    message = "No tenant is set for this transaction."
    hint = (
        "Pass tenant => ..., or call openstock.act_for(...) in the same transaction."
    )


class TenantConflict(OpenstockError):
    """The transaction belongs to another tenant. detail: given, set."""

    sqlstate = "OS002"
    message = "The tenant given is not the transaction's tenant."
    hint = "A transaction belongs to one tenant: end it first, or give the same tenant."


class UnknownTenant(OpenstockError):
    """The tenant does not exist or is not active. detail: tenant."""

    sqlstate = "OS003"


class OpIdReused(OpenstockError):
    """The op_id was used before with another request. detail: op_id, first_used_for (the function)."""

    sqlstate = "OS010"


class AnswerPruned(OpenstockError):
    """The operation took effect before, and its answer is no longer stored. detail: op_id, function."""

    sqlstate = "OS011"


class UnknownProduct(OpenstockError):
    """A product is unknown. detail: sku, line."""

    sqlstate = "OS101"


class InactiveProduct(OpenstockError):
    """A product is not active. detail: sku, line."""

    sqlstate = "OS102"


class UnknownWarehouse(OpenstockError):
    """A warehouse is unknown. detail: warehouse."""

    sqlstate = "OS103"


class InactiveWarehouse(OpenstockError):
    """A warehouse is not active. detail: warehouse."""

    sqlstate = "OS104"


class UnknownLocation(OpenstockError):
    """A location is unknown in the warehouse. detail: location, line."""

    sqlstate = "OS105"


class InactiveLocation(OpenstockError):
    """A location is not active. detail: location, line."""

    sqlstate = "OS106"


class UnknownLot(OpenstockError):
    """A lot of the product is unknown. detail: sku, lot, line."""

    sqlstate = "OS107"


class LotConflict(OpenstockError):
    """The lot does not fit the product's tracking, or not the expiry it was received with. detail: sku, lot, line."""

    sqlstate = "OS108"


class SerialInStock(OpenstockError):
    """A piece that should come in is in stock already. detail: line, sku, serial, warehouse, location."""

    sqlstate = "OS109"


class InvalidQuantity(OpenstockError):
    """A quantity is zero, of the wrong sign, too large or too fine. detail: line, sku, problem."""

    sqlstate = "OS110"


class UnknownSerial(OpenstockError):
    """No piece of the product has this serial. detail: serial, and in a call with lines line."""

    sqlstate = "OS111"


class SerialConflict(OpenstockError):
    """Serials are missing, not as many as units, or given where the product has none. detail: line, problem."""

    sqlstate = "OS112"


class SerialNotThere(OpenstockError):
    """A piece is elsewhere, has left, is blocked, or is another order's. detail: serial, and where it is or whose."""

    sqlstate = "OS113"


class UnknownHandlingUnit(OpenstockError):
    """Nothing was ever received in a handling unit of this code. detail: line, handling_unit."""

    sqlstate = "OS114"


class HandlingUnitElsewhere(OpenstockError):
    """What a handling unit holds lies at another location. detail: line, handling_unit, warehouse, location."""

    sqlstate = "OS115"
class UnknownChannel(OpenstockError):
    """A sales channel is unknown. detail: channel, line of put_quotas."""

    sqlstate = "OS116"


class InactiveChannel(OpenstockError):
    """A sales channel is not active. detail: channel, line of put_quotas."""

    sqlstate = "OS117"


class InUse(OpenstockError):
    """A change of master data does not fit stock that exists. detail: what it is about, problem."""

    sqlstate = "OS120"


class NeedsReadCommitted(OpenstockError):
    """A snapshot from before this call does not show what the change depends on. detail: line, location, isolation."""

    sqlstate = "OS121"


class InsufficientStock(OpenstockError):
    """There is not enough stock.

    detail of reserve: order_ref, lines (line, sku, qty_ordered, available, qty_short); of ship: order_ref, lines (line,
    sku, warehouse, qty, in_bins); of allocate: order_ref, lines (its answer); of others: line, sku, what was asked for
    (qty) and what there is (on_hand).
    """

    sqlstate = "OS201"


class UnexpectedBalance(OpenstockError):
    """The balance is not the expected one. detail: line, sku, expected, on_hand."""

    sqlstate = "OS202"


class UnknownOrder(OpenstockError):
    """The order has no reservation. detail: order_ref."""

    sqlstate = "OS301"


class OrderClosed(OpenstockError):
    """All of the order was shipped, given back or confirmed into another. detail: order_ref, became (the other)."""

    sqlstate = "OS302"


class NotReserved(OpenstockError):
    """The call does not fit what the order has.

    detail: order_ref, and reserved and backordered where all of it waits for stock; of an entry: line, order_line or
    sku, asked, and reserved (with what waits, where that is given back too), allocated (what is pinned) or shipped.
    """

    sqlstate = "OS303"


class LineExists(OpenstockError):
    """The order has this line already. detail: order_ref, order_line."""

    sqlstate = "OS304"


class HoldExpired(OpenstockError):
    """The hold has ended. detail: order_ref, and expired (how much of the order) or lines (as extend returns them)."""

    sqlstate = "OS305"


class NotHeld(OpenstockError):
    """The order has no hold: what it has promised holds without end. detail: order_ref, expired (rows that ended)."""

    sqlstate = "OS306"


class AppendOnly(OpenstockError):
    """Somebody tried to change the ledger."""

    sqlstate = "OS401"


class NoPartition(OpenstockError):
    """The ledger has no partition for this month, so that nothing can be written. detail: partition."""

    sqlstate = "OS402"
    message = "The ledger has no partition for this month."
    hint = (
        "An operator makes it with openstock_admin.ensure_partitions() or run_maintenance(); "
        "where that makes none, doctor() says why."
    )


class DifferencesFound(OpenstockError):
    """The projections still differ from the ledger after a rebuild. detail: one of the differences."""

    sqlstate = "OS501"


class MaintenanceFailed(OpenstockError):
    """Steps of run_maintenance failed; the others are done. detail: failed, succeeded, steps (the first 20)."""

    sqlstate = "OS502"


class Inconsistent(OpenstockError):
    """The ledger and its projections do not fit together; nothing was written. Run verify."""

    sqlstate = "OS902"


# Those of PostgreSQL and of the connection; three of them are in openstock.error_codes, too ------------


class NoAccess(NotAllowed):
    """The login lacks a privilege: it is not a member of the group role that the call is for."""

    message = "This login has no access to that part of openstock."
    hint = "An administrator grants it openstock_app, openstock_analyst or openstock_operator."


class Deadlock(OpenstockError):
    """PostgreSQL ended the transaction to resolve a deadlock. The client repeats it; see `Retry`."""

    sqlstate = "40P01"
    message = "The transaction was ended to resolve a deadlock."
    hint = "Repeat the whole transaction with the same op_id."


class LockTimeout(OpenstockError):
    """Another transaction held a lock for longer than lock_timeout. Nothing was changed."""

    sqlstate = "55P03"
    message = "A lock was not given within lock_timeout."
    hint = (
        "It says nothing about stock. Repeat the whole transaction with the same op_id, "
        "or find who holds the lock in pg_stat_activity."
    )


class QueryCanceled(OpenstockError):
    """The statement ran into statement_timeout, or somebody canceled it. Nothing was changed.

    Only `reserve(now=True)` may have promised already: with the same op_id it answers what.
    """

    sqlstate = "57014"
    message = "The statement was canceled."
    hint = (
        "Repeat the whole transaction with the same op_id; give a long one more time with statement_timeout."
    )


class TransactionAborted(OpenstockError):
    """The transaction had failed before, so that nothing more can be done in it, nor can it be committed."""

    sqlstate = "25P02"
    message = "The transaction failed before and cannot be used any more."
    hint = "Roll it back. Within client.transaction(), catch errors around a nested one, which is a savepoint."


class InTransaction(OpenstockError):
    """The call commits by itself and therefore cannot run within a transaction."""

    sqlstate = "25001"
    message = "This call cannot run within a transaction."
    hint = "Call it outside of transactions, on a connection in autocommit mode."


class ConnectionFailed(OpenstockError):
    """The database cannot be reached, or the connection was lost, or the client is closed.

    Whether a call that was under way took effect is unknown; with the same op_id it can be repeated without harm.
    """

    sqlstate = "08006"
    message = "There is no connection to the database."
    hint = "Check the address and that the server runs; repeat a call that was under way with the same op_id."


class OutcomeUnknown(ConnectionFailed):
    """The connection was lost while a transaction was being committed: it took effect as a whole, or not at all."""

    sqlstate = "08007"
    message = "The connection was lost during the commit, which may or may not have taken effect."
    hint = "Run the whole transaction again with the same op_ids, or read whether it took effect."


class NotMigrated(OpenstockError):
    """The database has no openstock, or one that is older than this package."""

    sqlstate = "3F000"
    message = "The database does not have the schema that this openstock needs."
    hint = "Run: openstock migrate"


class NewerSchema(OpenstockError):
    """The database was migrated by a newer openstock. detail: database, package (their newest migrations)."""

    sqlstate = "0A000"
    message = "The database was migrated by a newer openstock."
    hint = "Upgrade the openstock package to at least the version that migrated the database."


class ServerTooOld(OpenstockError):
    """The server is older than PostgreSQL 15. detail: server, needed."""

    sqlstate = "0A000"
    message = "The server is too old."
    hint = "Upgrade it to PostgreSQL 15 or newer, or use another."


_BY_SQLSTATE: dict[str, type[OpenstockError]] = {
    str(known.sqlstate): known
    for known in (
        *(InvalidArgument, ReadOnly, SerializationFailure, NotAllowed, NoTenant, TenantConflict, UnknownTenant),
        *(OpIdReused, AnswerPruned, UnknownProduct, InactiveProduct, UnknownWarehouse, InactiveWarehouse),
        *(UnknownLocation, InactiveLocation, UnknownLot, LotConflict, InvalidQuantity, InUse, InsufficientStock),
        *(SerialInStock, UnknownSerial, SerialConflict, SerialNotThere, UnknownHandlingUnit, HandlingUnitElsewhere),
        *(UnknownChannel, InactiveChannel),
        *(NeedsReadCommitted, UnexpectedBalance, UnknownOrder, OrderClosed, NotReserved, LineExists, AppendOnly),
        *(HoldExpired, NotHeld, DifferencesFound, NoPartition, MaintenanceFailed),
        *(Inconsistent, Deadlock, LockTimeout, QueryCanceled, TransactionAborted, InTransaction, NotMigrated),
    )
} | {
    # A procedure that commits, called within a transaction or a function.
    "2D000": InTransaction,
    # A function or view of openstock that is not there.
    "42883": NotMigrated,
    "42P01": NotMigrated,
    # The session was ended: by an administrator, a shutdown, a start-up not yet complete, a timeout; or refused.
    **dict.fromkeys(["57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53300"], ConnectionFailed),
}


@contextmanager
def translated(op_id: str | None = None) -> Iterator[None]:
    """Turn what psycopg raises inside into this package's errors."""
    try:
        yield
    except psycopg.Error as error:
        failure = translate(error, op_id)
        if failure is error:
            raise
        raise failure from error


def error_class(sqlstate: str | None) -> type[OpenstockError]:
    """The class for errors with this SQLSTATE; OpenstockError itself where there is none of its own."""
    if sqlstate is None:
        return OpenstockError
    if sqlstate.startswith("08"):
        return ConnectionFailed
    # Data exceptions: a value that PostgreSQL could not even read as one of the argument's type.
    return _BY_SQLSTATE.get(sqlstate, InvalidArgument if sqlstate.startswith("22") else OpenstockError)


def translate(error: psycopg.Error, op_id: str | None = None) -> OpenstockError:
    """The error of this package for one of psycopg's; the caller raises it from that one.

    An OpenstockError is returned as it is, with the op_id where it had none.
    """
    if isinstance(error, OpenstockError):
        error.op_id = error.op_id or op_id
        return error
    diag = error.diag
    values = _values(diag.message_detail)
    if values is not None:
        known = error_class(error.sqlstate)
        return known(
            diag.message_primary,
            detail=values,
            hint=diag.message_hint,
            sqlstate=error.sqlstate,
            op_id=op_id,
            info=error.pgresult,
        )
    native = _native_class(error)
    detail = {"problem": diag.message_primary or " ".join(str(error).split())}
    if diag.message_detail:
        detail["more"] = diag.message_detail
    hint = diag.message_hint if native is OpenstockError else None
    if native is InvalidArgument:
        hint = "DETAIL says which value PostgreSQL could not read, or psycopg not send."
    return native(detail=detail, hint=hint, sqlstate=error.sqlstate, op_id=op_id, info=error.pgresult)


def _native_class(error: psycopg.Error) -> type[OpenstockError]:
    """The class for an error that PostgreSQL, libpq or psycopg raised, and not a function of openstock."""
    if error.sqlstate == "42501":
        return NoAccess
    if error.sqlstate == "23514" and error.diag.table_name == "ledger" and error.diag.constraint_name is None:
        # The month's partition is there, but detached; post_ledger() notices only that there is none.
        return NoPartition
    if error.sqlstate is None:
        if isinstance(error, psycopg.errors.PipelineAborted):
            return TransactionAborted
        if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
            return ConnectionFailed
        if isinstance(error, (psycopg.DataError, psycopg.ProgrammingError)):
            # psycopg could not send a value, or not read one, or not make sense of an option of the address.
            return InvalidArgument
    return error_class(error.sqlstate)


def _values(detail: str | None) -> dict[str, Any] | None:
    """The values of a DETAIL that is a JSON object, as all of openstock's are; None for any other."""
    if not detail or not detail.startswith("{"):
        return None
    try:
        values = exact_json.loads(detail)
    except ValueError:
        return None
    return values if isinstance(values, dict) else None


def _shown(detail: Mapping[str, Any]) -> str:
    try:
        return exact_json.dumps(detail)
    except exact_json.UnencodableError:
        return repr(detail)
