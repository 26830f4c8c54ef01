"""Prove that what is stored is what was written: hashes, chains, and the ledger's sums."""

import argparse
from contextlib import closing
from pathlib import Path

from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.heads import HeadFile, Place, kept_heads, places_of
from service.keeping import address_of
from service.proving import prove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data folder, and where the records are if not there."""
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="where it names a server, and files of heads")
    told = "a file of the audit trail's heads, as kept elsewhere"
    parser.add_argument("--heads", type=Path, action="append", default=[], metavar="FILE", help=told)


def run(options: argparse.Namespace) -> int:
    """Print each damage with its place; exit 1 if there is any. Nothing is written, also beside another release."""
    files = Files(options.data)
    configuration = load(options.config) if options.config else None
    address = files.records if configuration is None else address_of(configuration)
    places: list[Place] = [HeadFile(path) for path in (files.audit_heads, *options.heads)]
    if configuration is not None:
        places += places_of(configuration, files)
    with closing(SqlRecords.as_they_are(address)) as records:
        proof = prove(files, records, kept_heads(places))
    for damage in proof.damages:
        print(damage)
    print(proof)
    return 1 if proof.damages else 0
