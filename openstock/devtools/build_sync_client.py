"""Writes openstock/client.py, the synchronous client, from openstock/async_client.py.

    python -m openstock.devtools.build_sync_client            write it
    python -m openstock.devtools.build_sync_client --check    say whether it is up to date: exit status 1 if it is not

Two hand-written copies of the same bodies would part ways. The rules below are plain substitutions, and the result must
be Python that no longer speaks of anything asynchronous.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "async_client.py"
TARGET = SOURCE.with_name("client.py")

_HEADER = '''"""The client: one method per SQL function and view, same names, same arguments.

Generated from openstock/async_client.py by openstock.devtools.build_sync_client: change that file, and build this one.
"""
'''
_RULES = [
    (r'\A""".*?"""\n', _HEADER),
    (r"\bawait ", ""),
    (r"\basync (?=def |with |for )", ""),
    (r"\bAwaitable\[(\w+)\]", r"\1"),
    (r"\bAwaitable, ", ""),
    (r"^import asyncio\n", ""),
    (r"^import uuid\n", "import time\nimport uuid\n"),
    (r"\basyncio\.sleep\b", "time.sleep"),
    (r"\b__a(enter|exit)__\b", r"__\1__"),
    (r"\bAbstractAsync(?=[A-Z])", "Abstract"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\bconnect_async\b", "connect"),
]
_LEFT_OVER = re.compile(r"async|await", re.IGNORECASE)


def build(source: str) -> str:
    """The text of the synchronous client for that of the asynchronous one.

    Raises ValueError where the rules do not cover what the source says, SyntaxError where they break it.
    """
    text = source
    for pattern, replacement in _RULES:
        text, found = re.subn(pattern, replacement, text, flags=re.MULTILINE | re.DOTALL)
        if not found:
            raise ValueError(f"a rule has nothing to do any more: {pattern}")
    for number, line in enumerate(text.removeprefix(_HEADER).splitlines(), start=1 + _HEADER.count("\n")):
        if _LEFT_OVER.search(line):
            raise ValueError(f"{TARGET.name}:{number}: still asynchronous: {line.strip()}")
    ast.parse(text)
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the file, or with --check compare it; return the exit status."""
    parser = argparse.ArgumentParser(prog="build_sync_client", description="Builds openstock/client.py.")
    parser.add_argument("--check", action="store_true", help="compare only; exit with 1 if the file is out of date")
    text = build(SOURCE.read_text(encoding="utf-8"))
    if not parser.parse_args(arguments).check:
        TARGET.write_text(text, encoding="utf-8")
    elif not TARGET.is_file() or TARGET.read_text(encoding="utf-8") != text:
        print(f"{TARGET.name} is out of date: run python -m openstock.devtools.build_sync_client", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
