"""openstock: a stock ledger you can prove, inside your own PostgreSQL.

    import openstock

    with openstock.connect("postgresql://app@db/shop", tenant=tenant) as client:
        client.receive("LON", [{"sku": "APPLE", "qty": 10}])
        client.reserve("A-1", [{"sku": "APPLE", "qty": 4}])

What methods return is in `openstock.results`, what they raise in `openstock.errors`; both are also found here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openstock.admin import Admin
    from openstock.async_admin import AsyncAdmin
    from openstock.async_client import AsyncClient, connect_async
    from openstock.client import Client, connect
    from openstock.errors import (
        AnswerPruned,
        AppendOnly,
        ConnectionFailed,
        Deadlock,
        DifferencesFound,
        HandlingUnitElsewhere,
        HoldExpired,
        InactiveChannel,
        InactiveLocation,
        InactiveProduct,
        InactiveWarehouse,
        Inconsistent,
        InsufficientStock,
        InTransaction,
        InUse,
        InvalidArgument,
        InvalidQuantity,
        LineExists,
        LockTimeout,
        LotConflict,
        MaintenanceFailed,
        NeedsReadCommitted,
        NewerSchema,
        NoAccess,
        NoPartition,
        NotAllowed,
        NoTenant,
        NotHeld,
        NotMigrated,
        NotReserved,
        OpenstockError,
        OpIdReused,
        OrderClosed,
        OutcomeUnknown,
        QueryCanceled,
        ReadOnly,
        SerialConflict,
        SerialInStock,
        SerializationFailure,
        SerialNotThere,
        ServerTooOld,
        TenantConflict,
        TransactionAborted,
        UnexpectedBalance,
        UnknownChannel,
        UnknownHandlingUnit,
        UnknownLocation,
        UnknownLot,
        UnknownOrder,
        UnknownProduct,
        UnknownSerial,
        UnknownTenant,
        UnknownWarehouse,
    )
    from openstock.results import (
        AllocationChange,
        Backorder,
        Bin,
        Channel,
        CurrentStock,
        Difference,
        Finding,
        Kit,
        LedgerEntry,
        Location,
        Lot,
        LotChange,
        Order,
        OrderLine,
        Product,
        PutResult,
        Quota,
        QuotaChange,
        QuotedSource,
        Repair,
        Reservation,
        ReservationChange,
        Serial,
        ShipmentLine,
        Shortage,
        Stock,
        StockChange,
        Tenant,
        Warehouse,
    )
    from openstock.retry import Retry
    from openstock.statements import Lines

__all__ = [
    "Admin",
    "AllocationChange",
    "AnswerPruned",
    "AppendOnly",
    "AsyncAdmin",
    "AsyncClient",
    "Backorder",
    "Bin",
    "Channel",
    "Client",
    "ConnectionFailed",
    "CurrentStock",
    "Deadlock",
    "Difference",
    "DifferencesFound",
    "Finding",
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
    "Kit",
    "LedgerEntry",
    "LineExists",
    "Lines",
    "Location",
    "LockTimeout",
    "Lot",
    "LotChange",
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
    "Order",
    "OrderClosed",
    "OrderLine",
    "OutcomeUnknown",
    "Product",
    "PutResult",
    "QueryCanceled",
    "Quota",
    "QuotaChange",
    "QuotedSource",
    "ReadOnly",
    "Repair",
    "Reservation",
    "ReservationChange",
    "Retry",
    "Serial",
    "SerialConflict",
    "SerialInStock",
    "SerialNotThere",
    "SerializationFailure",
    "ServerTooOld",
    "ShipmentLine",
    "Shortage",
    "Stock",
    "StockChange",
    "Tenant",
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
    "Warehouse",
    "__version__",
    "connect",
    "connect_async",
]

__version__ = "0.1.0"

# Each name is imported when it is first asked for: the command line shows its help without loading psycopg, and who
# reads only `openstock.results` never does. A type checker sees the imports above instead.
_MODULES = ("admin", "async_admin", "async_client", "client", "errors", "results", "retry", "statements")
_HOMES = {
    **dict.fromkeys(["AsyncClient", "connect_async"], "async_client"),
    **dict.fromkeys(["Client", "connect"], "client"),
    "Admin": "admin",
    "AsyncAdmin": "async_admin",
    "Lines": "statements",
    "Retry": "retry",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return import_module(f"openstock.{name}")
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = _HOMES.get(name) or ("results" if name in import_module("openstock.results").__all__ else "errors")
        globals()[name] = value = getattr(import_module(f"openstock.{home}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
