"""What a document shows of the command line is what it prints."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from openstock.devtools import run_documents
from openstock.devtools.run_examples import TENANT
from openstock.server import find_binaries, psql_path


@pytest.mark.parametrize(
    ("document", "files"), run_documents.DOCUMENTS.items(), ids=[path.name for path in run_documents.DOCUMENTS]
)
def test_a_document_shows_what_its_commands_print(
    document: Path, files: Path, db: psycopg.Connection, dsn: str
) -> None:
    if psql_path(find_binaries()) is None:
        pytest.skip("psql is not installed")
    db.execute("select openstock_admin.create_tenant('Example', %s)", [TENANT])
    db.execute("select openstock_admin.grant_tenant(session_user, any_tenant => true)")
    text = document.read_text()
    assert "\n$ openstock " in text
    assert run_documents.rerun(text, files, dsn) == text


@pytest.mark.parametrize("document", run_documents.DOCUMENTS, ids=[path.name for path in run_documents.DOCUMENTS])
def test_no_command_of_a_document_fails(document: Path) -> None:
    assert "ERROR:" not in document.read_text(), "what it shows is compared with what is printed, errors too"
