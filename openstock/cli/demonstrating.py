"""`demo`: a shop, workers who order in it at once, and the proof that nothing was oversold."""

from __future__ import annotations

import argparse
import sys

from openstock import demo as shop
from openstock.cli.database import named_database
from openstock.cli.embedded import start_embedded
from openstock.cli.terminal import Progress, program
from openstock.migrate import migrate

__all__ = ["demo"]


def demo(arguments: argparse.Namespace) -> int:
    named = named_database(arguments)
    progress = Progress(sys.stdout)
    if named:
        migrate(named, progress=progress.say)
        dsn = named
    else:
        _server, dsn = start_embedded(progress.say)
    result = shop.run(
        dsn,
        seconds=arguments.seconds,
        skus=arguments.skus,
        workers=arguments.workers,
        seed=arguments.seed,
        progress=progress,
    )
    print(result.text(program(), embedded=not named))
    return 0 if result.proven else 1
