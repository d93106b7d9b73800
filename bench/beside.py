"""What goes on in a database while a load is measured: an analyst's query, or the snapshot being refreshed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import psycopg

from bench.databases import Cluster

ANALYST = """
  select date_trunc('month', recorded_at) as month, product_id % 20 as part, event_type, sum(qty_delta), count(*),
         percentile_cont(0.9) within group (order by qty_delta)
  from openstock_core.ledger group by 1, 2, 3
"""
STATEMENTS = {"analyst": ANALYST, "refresh": "select openstock_admin.refresh_current_stock()"}


@contextlib.contextmanager
def beside(cluster: Cluster, database: str, activity: str | None) -> Iterator[None]:
    """Do this meanwhile, over and over without a pause, and cancel it at the end. Its errors are raised then."""
    if activity is None:
        yield
        return
    stop, failures = threading.Event(), list[psycopg.Error]()
    with cluster.connect(database) as connection:

        def work() -> None:
            try:
                while not stop.is_set():
                    connection.execute(STATEMENTS[activity])
            except psycopg.errors.QueryCanceled:
                pass
            except psycopg.Error as error:
                failures.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            connection.cancel_safe()
            thread.join()
    if failures:
        raise failures[0]
