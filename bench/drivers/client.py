"""Reserves through the Python client, one call at a time, and writes a log like pgbench's.

python -m bench.drivers.client DSN TENANT SECONDS CLIENTS PRODUCTS RUN
"""

from __future__ import annotations

import random
import sys
import threading
import time

import openstock


def main(dsn: str, tenant: str, seconds: int, clients: int, products: int, run: int) -> None:
    """Let so many threads, each on its own connection, reserve a unit of a product, chosen evenly, again and again."""
    lines: list[list[str]] = [[] for _ in range(clients)]
    opened = [openstock.connect(dsn, tenant=tenant) for _ in range(clients)]
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_reserve, args=(opened[n], n, run, products, until, lines[n])) for n in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(line for log in lines for line in log))


def _reserve(client: openstock.Client, number: int, run: int, products: int, until: float, log: list[str]) -> None:
    chance, n = random.Random(f"{run} {number}"), 0
    while time.monotonic() < until:
        n += 1
        began = time.perf_counter()
        [answer] = client.reserve(f"{run}-{number}-{n}", [{"sku": f"S{chance.randint(1, products)}", "qty": 1}])
        took = time.perf_counter() - began
        if answer.outcome != "reserved":
            raise SystemExit(f"a reservation was answered with {answer}")
        seconds, micros = divmod(time.time_ns() // 1000, 1_000_000)
        log.append(f"{number} {n} {round(took * 1e6)} 0 {seconds} {micros}")
    client.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7]))
