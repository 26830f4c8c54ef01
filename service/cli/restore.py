"""Restore a backup into an empty data folder, every file proved before any is in place."""

import argparse
import sys
from pathlib import Path

from service.backup.restoring import check_backup, restore
from service.config.build import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup, and where to."""
    parser.add_argument("folder", type=Path, metavar="BACKUP")
    parser.add_argument("--config", type=Path, metavar="FILE", help="whose data folder, and database if it names one")
    parser.add_argument("--check", action="store_true", help="prove the backup, and restore nothing")


def run(options: argparse.Namespace) -> int:
    """Print what was done; 2 where nothing was restored."""
    if options.check:
        manifest = check_backup(options.folder)
        print(f"{options.folder}: {len(manifest.files)} files as they were written, as of {manifest.taken}")
        return 0
    if options.config is None:
        print("thermowell: restore needs --config, or --check", file=sys.stderr)
        return 2
    configuration = load(options.config)
    done = restore(options.folder, configuration, step=_tell)
    print(
        f"{configuration.data}: restored as of {done.manifest.taken}, up to entry {done.manifest.positions['journal']}"
    )
    print(done.proof)
    print("At its first start the service tells a gap of every source from the backup until then.")
    for secret in done.manifest.not_in_it:
        print(f"was not in the backup: {secret}")
    return 0


def _tell(step: str) -> None:
    print(step, file=sys.stderr)
