"""Run the commands that a document shows, and put what they print below them.

`python -m openstock.devtools.run_documents` rewrites the documents; the tests run the same code and compare. In a block
marked `console`, a line that begins with `$` is a command, `openstock ...` or `cat FILE`, and the lines below it, up to
the next one, are what it prints. A document's commands run in its order, in a copy of its files, for one tenant of one
database.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from psycopg.conninfo import make_conninfo

from openstock.devtools.run_examples import EXAMPLES, ROOT, TENANT, prepare
from openstock.server import temporary_server

DOCUMENTS = {
    ROOT / "docs" / "importing.md": EXAMPLES / "importing",
    ROOT / "docs" / "lots.md": EXAMPLES / "lots",
    ROOT / "docs" / "reservations.md": EXAMPLES / "reservations",
}
"""Each document, and the files that its commands find."""
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def rerun(text: str, files: Path, dsn: str) -> str:
    """The document's text, with what its commands print now."""
    with tempfile.TemporaryDirectory() as place:
        shutil.copytree(files, place, dirs_exist_ok=True)

        def block(found: re.Match[str]) -> str:
            commands = re.findall(r"^\$ ((?:[^\\\n]|\\[\s\S])*)\n", found[1], re.MULTILINE)
            return "\n".join(f"$ {command}\n{_printed(command, Path(place), dsn)}" for command in commands)

        return _BLOCK.sub(block, text)


def _printed(command: str, place: Path, dsn: str) -> str:
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    if program == "cat":
        return (place / arguments[0]).read_text()
    assert program == "openstock", command
    done = subprocess.run(
        [sys.executable, "-m", "openstock.cli", *arguments],
        cwd=place,
        env=os.environ
        | {"OPENSTOCK_DSN": dsn, "OPENSTOCK_TENANT": TENANT, "PYTHONPATH": str(ROOT), "PAGER": "", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout.rstrip("\n") + "\n"


def main() -> None:
    """Rewrite what every document's commands print."""
    for document, files in DOCUMENTS.items():
        with temporary_server() as server:
            dsn = make_conninfo(server.dsn())
            prepare(dsn)
            document.write_text(rerun(document.read_text(), files, dsn))


if __name__ == "__main__":
    main()
