"""Writes the modules of the synchronous client from those of the asynchronous one: client.py from async_client.py.

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
from collections.abc import Mapping, Sequence
from pathlib import Path

SOURCE = Path(__file__).parent.parent
TARGET = SOURCE
MODULES = {f"async_{name}.py": f"{name}.py" for name in ("admin", "calls", "client")}
"""The modules that are written, by those that they are made from."""

# What the docstring of each source says of what is made from it, and what that one's says.
_ONWARD = "openstock/{} is generated from this file by openstock.devtools.build_sync_client."
_ORIGIN = "Generated from openstock/{} by openstock.devtools.build_sync_client: change that file, and build this one."
_RULES = [
    (r'\A"""The asynchronous client', '"""The client'),
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
    (r"\bopenstock\.async_(?=\w+ import )", "openstock."),
]
_LEFT_OVER = re.compile(r"async|await", re.IGNORECASE)


def read() -> dict[str, str]:
    """The texts of the asynchronous modules, by name."""
    return {name: (SOURCE / name).read_text(encoding="utf-8") for name in MODULES}


def build(sources: Mapping[str, str]) -> dict[str, str]:
    """The texts of the synchronous modules, by name, for those of the asynchronous ones.

    Raises ValueError where the rules do not cover what the sources say, SyntaxError where they break it.
    """
    texts = {MODULES[name]: source for name, source in sources.items()}
    for pattern, replacement in _RULES:
        compiled = re.compile(pattern, re.MULTILINE)
        if not any(compiled.search(text) for text in texts.values()):
            raise ValueError(f"a rule has nothing to do any more: {pattern}")
        texts = {name: compiled.sub(replacement, text) for name, text in texts.items()}
    return {MODULES[name]: _finished(name, texts[MODULES[name]]) for name in sources}


def _finished(source: str, text: str) -> str:
    """The text with its origin told, once nothing asynchronous is left in it."""
    target = MODULES[source]
    for number, line in enumerate(text.splitlines(), start=1):
        if _LEFT_OVER.search(line):
            raise ValueError(f"{target}:{number}: still asynchronous: {line.strip()}")
    onward = _ONWARD.format(target)
    if text.count(onward) != 1:
        raise ValueError(f"{source} does not say that {target} is generated from it")
    text = text.replace(onward, _ORIGIN.format(source))
    ast.parse(text)
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or with --check compare them; return the exit status."""
    parser = argparse.ArgumentParser(prog="build_sync_client", description="Builds the synchronous client.")
    parser.add_argument("--check", action="store_true", help="compare only; exit with 1 if a file is out of date")
    check = parser.parse_args(arguments).check
    status = 0
    for name, text in build(read()).items():
        target = TARGET / name
        if not check:
            target.write_text(text, encoding="utf-8")
        elif not target.is_file() or target.read_text(encoding="utf-8") != text:
            print(f"{name} is out of date: run python -m openstock.devtools.build_sync_client", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
