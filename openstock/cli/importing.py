"""`import`: products, stock or sales from a CSV file."""

from __future__ import annotations

import argparse
from zoneinfo import ZoneInfo

from openstock import importer
from openstock.cli.database import database, named_tenant
from openstock.cli.terminal import Progress, UsageError
from openstock.client import connect

__all__ = ["import_file"]


def import_file(arguments: argparse.Namespace) -> int:
    options = _import_options(arguments)
    tenant = named_tenant(arguments)
    if not tenant:
        raise UsageError("import needs --tenant UUID (or OPENSTOCK_TENANT); openstock status lists them")
    progress = Progress()
    try:
        with connect(database(arguments), tenant=tenant, lock_timeout=60, statement_timeout=300) as client:
            report = importer.run(client, arguments.kind, arguments.file, options, progress)
    except KeyboardInterrupt:
        progress.say("What was imported stays; run the same command again, and it goes on from there.")
        raise
    finally:
        progress.clear()
    print(report.text())
    if report.rejected and arguments.rejects:
        print(f"  All rejected rows are in {arguments.rejects}, with the reasons.")
    return 1 if arguments.strict and report.rejected else 0


def _import_options(arguments: argparse.Namespace) -> importer.Options:
    known = importer.FIELDS[arguments.kind]
    mapping = {}
    for given in arguments.map:
        name, equals, column = given.partition("=")
        if (
            not equals
            or not column
            or not (name in known or importer.is_attribute(arguments.kind, name))
        ):
            raise UsageError(f"--map {given} is not FIELD=COLUMN with a field of {arguments.kind}: {', '.join(known)}")
        mapping[name] = column
    delimiter = {"tab": "\t", "\\t": "\t"}.get(arguments.delimiter, arguments.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise UsageError("--delimiter is one character, or 'tab'")
    try:
        for form in arguments.date_format:
            importer.strptime_format(form)
        zone = ZoneInfo(arguments.timezone)
        "".encode(arguments.encoding)
    except (ValueError, LookupError) as error:
        raise UsageError(str(error.args[0] if isinstance(error, KeyError) else error)) from error
    return importer.Options(
        mapping=mapping,
        delimiter=delimiter,
        encoding=arguments.encoding,
        date_formats=arguments.date_format,
        timezone=zone,
        decimal_comma=arguments.decimal_comma,
        warehouse=arguments.warehouse,
        ignored_skus=arguments.ignore_sku,
        rejects=arguments.rejects,
    )
