"""Run examples/*.sql with psql and keep their output: beside each as .out, and in README.md where it is quoted.

`python -m openstock.devtools.run_examples` rewrites the files; the tests run the same code and compare.
Each example runs in a database of its own, as an application's login that is trusted and may verify, for one tenant.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from openstock.migrate import migrate
from openstock.server import find_binaries, psql_path, temporary_server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
TENANT = "0197a000-0000-7000-8000-0000000000ee"
QUOTE = re.compile(r"(<!-- examples/(?P<name>\w+)\.sql -->\n```\w*\n).*?(```\n)", re.DOTALL)


def prepare(dsn: str) -> None:
    """Migrate an empty database, and make the tenant whom the examples are about; its user is then trusted."""
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("select openstock_admin.create_tenant('Example', %s)", [TENANT])
        connection.execute("select openstock_admin.grant_tenant(session_user, any_tenant => true)")


def run(example: Path, dsn: str) -> str:
    """Return what psql prints for an example: each statement, then its rows or its error."""
    psql = psql_path(find_binaries())
    if psql is None:
        raise FileNotFoundError("psql")
    environment = os.environ | {"PGOPTIONS": f"-c app.tenant_id={TENANT} -c timezone=UTC", "PAGER": "", "LC_ALL": "C"}
    printed = []
    for comment, statements in re.findall(r"((?:^--.*\n)+)((?:^(?!--).*\n)*)", example.read_text(), re.MULTILINE):
        done = subprocess.run(
            [psql, "-X", "-q", "-e", "-v", "SHOW_CONTEXT=never", dsn],
            input=statements,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        printed.append(comment + done.stdout.replace("<stdin>:", "").rstrip("\n") + "\n")
    return "\n".join(printed)


def quoted(readme: str) -> dict[str, str]:
    """Return the outputs that a document quotes, by the examples' names."""
    return {match["name"]: match[0].removeprefix(match[1]).removesuffix(match[3]) for match in QUOTE.finditer(readme)}


def requoted(readme: str, outputs: dict[str, str]) -> str:
    """Return the document with these outputs in place of the ones that it quotes."""
    return QUOTE.sub(lambda match: match[1] + outputs[match["name"]] + match[3], readme)


def main() -> None:
    """Rewrite every example's output and the README's quotes."""
    outputs = {}
    with temporary_server() as server:
        for example in sorted(EXAMPLES.glob("*.sql")):
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"create database {example.stem}")
            dsn = make_conninfo(server.dsn(example.stem))
            prepare(dsn)
            outputs[example.stem] = run(example, dsn)
            example.with_suffix(".out").write_text(outputs[example.stem])
    readme = ROOT / "README.md"
    readme.write_text(requoted(readme.read_text(), outputs))


if __name__ == "__main__":
    main()
