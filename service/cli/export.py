"""Export a tag's samples, exact and complete, as CSV or Parquet; the audit trail says that somebody did."""

import argparse
import hashlib
import sys
import time
import uuid
from pathlib import Path

from domain.audit import AuditEntry
from domain.errors import Refused, ThermowellError
from domain.tags import TagTable
from domain.time import format_time, parse_time_ns
from historian.export import write_csv, write_parquet
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from records.address import Address
from records.database import SqlRecords
from records.looking import look_at_records
from service.config.build import load
from service.files import Files
from service.keeping import address_of, machine_user


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, from when to when, and where to."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    parser.add_argument("--tag", required=True, metavar="NAME")
    parser.add_argument("--start", required=True, metavar="TIME", help="ISO 8601, or integer ns since 1970")
    parser.add_argument("--end", required=True, metavar="TIME", help="the first moment left out")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="where the records are on a server: it names them for the audit trail",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: CSV to standard output")


def run(options: argparse.Namespace) -> int:
    """Read the record and the journal's tail, also beside a running service."""
    try:
        start_ns, end_ns = parse_time_ns(options.start), parse_time_ns(options.end)
    except ValueError as error:
        raise Refused(str(error)) from error
    files = Files(options.data)
    journal = ReadOnlyJournal(files.journal)
    history = HistoryView(files.history, journal)
    history.refresh()
    address = files.records if options.config is None else address_of(load(options.config))
    tag = TagTable(journal.tags()).named(options.tag)
    if options.format == "parquet":
        if options.output is None:
            message = "Parquet needs --output FILE"
            raise Refused(message)
        count = write_parquet(history, tag, start_ns, end_ns, options.output)
    else:
        count = write_csv(history, tag, start_ns, end_ns, options.output or Path("/dev/stdout"))
    what = f"{count} rows as {options.format}, {format_time(start_ns)} to {format_time(end_ns)}"
    _noted(address, tag.name, what, options.output)
    return 0


def _noted(address: Address, tag: str, what: str, output: Path | None) -> None:
    """Put an export into the audit trail under the machine's user, who is nobody's account.

    Records of another release are left as they are; where nothing can be noted, standard error says so.
    """
    digest = ""
    if output is not None and output.is_file():
        with output.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    said = (f"export {uuid.uuid4()}", time.time_ns(), machine_user(), "export", tag, what)
    try:
        seen = look_at_records(address)
        if seen.format != seen.known:
            raise Refused("there are no records" if seen.format is None else f"the records have format {seen.format}")
        with SqlRecords.open(address) as records:
            records.audit(AuditEntry(*said, new=digest, origin="cli"))
    except ThermowellError as error:
        print(f"exported, but the audit trail does not say so: {error}", file=sys.stderr)
