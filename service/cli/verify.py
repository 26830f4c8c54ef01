"""Prove that what is stored is what was written: hashes, chains, and the ledger's sums."""

import argparse
from contextlib import closing
from pathlib import Path

from historian.journal.reader import ReadOnlyJournal
from historian.verify import verify
from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.keeping import open_records


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data folder, and where the records are if not there."""
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="where it names a server that has the records")


def run(options: argparse.Namespace) -> int:
    """Print each damage with its place; exit 1 if there is any."""
    files = Files(options.data)
    report = verify(files.data)
    damages = [str(damage) for damage in report.damages]
    damages += [
        f"{files.journal}: source {line.source!r}: {line.unaccounted} samples are unaccounted for"
        for line in ReadOnlyJournal(files.journal).ledger()
        if line.unaccounted
    ]
    with closing(open_records(load(options.config)) if options.config else SqlRecords.open(files.records)) as records:
        head = records.verify_audit()
    for damage in damages:
        print(damage)
    print(
        f"{report.rows} rows in {report.segments} segments, {report.waiting} rows waiting, "
        f"audit trail of {head.records} entries: {len(damages)} damages",
    )
    return 1 if damages else 0
