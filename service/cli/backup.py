"""Back up the whole data folder, of one moment, while the service runs or while it does not."""

import argparse
import os
import sys
from pathlib import Path

from service.backup.taking import take_backup
from service.config.build import load

_MB = 1e6


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, and where to."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder for this backup")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--rate", type=float, default=64.0, metavar="MB", help="read and write so many MB a second at most (64)"
    )


def run(options: argparse.Namespace) -> int:
    """Print what is in it; 2 where none could be made."""
    configuration = load(options.config)
    os.nice(10)
    os.umask(0o077)  # it is as confidential as the data folder
    taken = take_backup(configuration, options.folder, bytes_per_s=options.rate * _MB, step=_tell)
    manifest = taken.manifest
    print(f"{taken.folder}: {len(manifest.files)} files, {manifest.size} bytes, as of {manifest.taken}")
    print(f"up to entry {manifest.positions['journal']} of the journal")
    print(f"took {taken.took_s:.1f} s; for {taken.held_s:.1f} s of them nothing was trimmed")
    for secret in manifest.not_in_it:
        print(f"not in it: {secret}")
    return 0


def _tell(step: str) -> None:
    print(step, file=sys.stderr)
