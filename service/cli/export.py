"""Export a tag's samples, exact and complete, as CSV or Parquet."""

import argparse
from pathlib import Path

from domain.errors import Refused
from domain.tags import TagTable
from domain.time import parse_time_ns
from historian.export import write_csv, write_parquet
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from service.files import Files


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What, from when to when, and where to."""
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data folder")
    parser.add_argument("--tag", required=True, metavar="NAME")
    parser.add_argument("--start", required=True, metavar="TIME", help="ISO 8601, or integer ns since 1970")
    parser.add_argument("--end", required=True, metavar="TIME", help="the first moment left out")
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
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
    tag = TagTable(journal.tags()).named(options.tag)
    if options.format == "parquet":
        if options.output is None:
            message = "Parquet needs --output FILE"
            raise Refused(message)
        write_parquet(history, tag, start_ns, end_ns, options.output)
    else:
        write_csv(history, tag, start_ns, end_ns, options.output or Path("/dev/stdout"))
    return 0
