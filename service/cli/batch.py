"""Batches: write the report of one, for people and for machines, and verify a report that was written."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.report_file import FORMS, report_file
from domain.errors import Refused
from domain.review_content import Checked, changed_parts, checked, sealed
from domain.time import format_time
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.database import SqlRecords
from records.looking import look_at_records
from service.config.build import Configuration, load
from service.files import Files
from service.keeping import address_of
from service.review.making import Reports


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which batch."""
    verbs = parser.add_subparsers(required=True, dest="verb_of_batch", metavar="report|verify")
    report = verbs.add_parser("report", help="write everything that is known of a batch")
    report.add_argument("batch")
    report.add_argument("--config", type=Path, required=True, metavar="FILE")
    report.add_argument("--format", choices=FORMS, default="html")
    report.add_argument("--out", type=Path, required=True, metavar="FILE")
    report.add_argument("--as-of", metavar="POSITION", help="of the journal, or POSITION/DEED as a report tells it")
    verify = verbs.add_parser("verify", help="whether a report is as it was written, and still says what is recorded")
    verify.add_argument("file", type=Path, help="a report as JSON")
    verify.add_argument("--config", type=Path, metavar="FILE", help="to compare it with what is recorded now")


def run(options: argparse.Namespace) -> int:
    """Exit 0 where all is well; 1 where a report is damaged, or says otherwise than the record."""
    return _report(options) if options.verb_of_batch == "report" else _verify(options)


def _report(options: argparse.Namespace) -> int:
    position, deeds = parsed_as_of(options.as_of)
    with _reports(load(options.config)) as reports:
        report = reports.report(options.batch, position, deeds)
        file = report_file(reports, report, options.format)
    _write(options.out, file)
    content = sealed(report)
    print(f"{options.out}: batch {report.batch} as of {report.as_of}, content {content.sha256}")
    return 0


def _write(file: Path, content: bytes) -> None:
    """All of it or nothing: what was there before stays until the new one is whole."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(file)


def parsed_as_of(text: str | None) -> tuple[int | None, int | None]:
    """A position, and a deed where it has one. Refused: it is neither."""
    if text is None:
        return None, None
    position, _, deeds = text.partition("/")
    if not position.isdecimal() or not (deeds.isdecimal() or "/" not in text):
        raise Refused(f"{text!r} is no position (such as 4711, or 4711/12)")
    return int(position), int(deeds) if deeds else None


@contextmanager
def _reports(configuration: Configuration) -> Iterator[Reports]:
    files, address = Files(configuration.data), address_of(configuration)
    seen = look_at_records(address)
    if seen.format is not None and seen.format < seen.known:
        raise Refused(f"{address} has format {seen.format}: the service of this release has to run on it first")
    with (
        closing(ReadOnlyJournal(files.journal)) as journal,
        closing(SqlRecords.as_they_are(address)) as records,
    ):
        history = HistoryView(files.history, journal)
        history.refresh()
        yield Reports(configuration, records, journal, history)


def _verify(options: argparse.Namespace) -> int:
    found = checked(options.file.read_bytes())
    for fault in found.faults:
        print(f"{options.file}: {fault}", file=sys.stderr)
    if not found.faults:
        print(f"{options.file}: batch {found.batch} as of {found.as_of}: every hash holds, content {found.sha256}")
    if options.config is None:
        return 1 if found.faults else 0
    said = [_compared(load(options.config), found, *then) for then in (parsed_as_of(found.as_of), (None, None))]
    return 1 if found.faults or not said[0] else 0


def _compared(configuration: Configuration, found: Checked, position: int | None, deeds: int | None) -> bool:
    """Tell whether the record says the same, as of then or now."""
    with _reports(configuration) as reports:
        report = reports.report(found.batch, position, deeds)
    changed = changed_parts(found.hashes, sealed(report).hashes)
    when = f"as of {report.as_of} ({format_time(report.as_of.clock_ns)})"
    words = "the record says the same" if not changed else f"the record says otherwise in: {', '.join(changed)}"
    print(f"{when}: {words}")
    return not changed
