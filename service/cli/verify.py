"""Prove that what is stored is what was written: hashes, chains, and the ledger's sums."""

import argparse
from contextlib import closing
from pathlib import Path

from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.keeping import address_of
from service.proving import prove


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The data folder, and where the records are if not there."""
    parser.add_argument("data", type=Path, metavar="DIR")
    parser.add_argument("--config", type=Path, metavar="FILE", help="where it names a server that has the records")


def run(options: argparse.Namespace) -> int:
    """Print each damage with its place; exit 1 if there is any. Nothing is written, also beside another release."""
    files = Files(options.data)
    address = address_of(load(options.config)) if options.config else files.records
    with closing(SqlRecords.as_they_are(address)) as records:
        proof = prove(files, records)
    for damage in proof.damages:
        print(damage)
    print(proof)
    return 1 if proof.damages else 0
