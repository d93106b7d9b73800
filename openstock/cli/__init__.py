"""The command line: `openstock demo | up | down | psql | migrate | status | verify | doctor | tick | import`.

Exit codes: 0, or 1 when it failed or what was looked for was found (verify: differences), 2 for wrong usage, 130 when
interrupted. An error is one line on standard error, with what to do next. What takes time is imported where it is used:
arguments.py says which module and function carries each command out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from openstock.cli.arguments import parse
from openstock.cli.terminal import UsageError, describe

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code. argv: without the program's name; None takes that of the process."""
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = parse(given)
        command = getattr(import_module(f"openstock.cli.{arguments.module}"), arguments.function)
        code: int = command(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except BrokenPipeError:
        # Whoever read us has gone; without this the interpreter would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UsageError as error:
        return _fail(str(error), 2)
    except Exception as error:
        if os.environ.get("OPENSTOCK_TRACEBACK"):
            raise
        return _fail(describe(error), 1)


def _fail(text: str, code: int) -> int:
    print(f"openstock: {text}", file=sys.stderr)
    return code
