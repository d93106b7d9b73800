"""Imports from CSV: products, stock, and sales that are replayed as reserve, allocate and ship.

A run reads the file in a stream and calls the same functions as any application, in batches. A row that cannot be read,
or that the server refuses, is rejected with its line number and a reason, and never stops the others.

Running the same file again changes nothing. Every op_id is derived from the file's content, what is imported and the
place in the file, never from how the file is read, so that a second run with one more date format imports the rows that
the first one rejected, and no row twice. What a file booked is read back from the ledger, whose `line` is the line of
the file:

- stock: one operation per chunk of rows and warehouse, `import:stock:<file>:<chunk>:<generation>:<warehouse>`. It is
  repeated without the row that was refused until the server takes the rest. Rows left over try again in a later
  run as the next generation. One op_id is never split, so that two runs at once cannot book a row twice.
- sales: `import:sales:<file>:<order>:<step>:<generation>`, the three steps in one transaction, and one operation per
  returned row.
- products: putting one again changes nothing by itself; `import:products:<file>:<chunk>:<digest of the lines>`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from openstock.importer.mapping import FIELDS, ImportFailedError, Kind, Options, is_attribute
from openstock.importer.products import Products
from openstock.importer.report import Reject, Report
from openstock.importer.sales import Sales
from openstock.importer.source import Source
from openstock.importer.stock import Stock
from openstock.importer.values import strptime_format

if TYPE_CHECKING:
    from openstock.client import Client
    from openstock.importer.sending import Importer

__all__ = [
    "FIELDS",
    "ImportFailedError",
    "Kind",
    "Options",
    "Reject",
    "Report",
    "is_attribute",
    "run",
    "strptime_format",
]


def run(
    client: Client,
    kind: Kind,
    path: Path,
    options: Options,
    progress: Callable[[str], None] = lambda _text: None,
) -> Report:
    """Import a file for the client's tenant.

    Raises ImportFailedError when the file as a whole cannot be read or lacks a column, and OpenstockError when the
    server refuses more than rows: no tenant, no privilege, no connection. What was imported until then stays, and the
    next run goes on from there.
    """
    report = Report(kind=kind, file=path.name)
    with Source(kind, path, options, report, progress) as source:
        kinds: dict[Kind, Callable[[Client, Source], Importer]] = {"products": Products, "stock": Stock, "sales": Sales}
        kinds[kind](client, source).run()
    return report
