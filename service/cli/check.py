"""Check a configuration file, and say what it would run."""

import argparse
from pathlib import Path

from service.config.build import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file."""
    parser.add_argument("file", type=Path)


def run(options: argparse.Namespace) -> int:
    """Print complaints as `file:line:column: path: message` (exit 2), or a summary (exit 0)."""
    configuration = load(options.file)
    rules = configuration.rulebook
    print(
        f"{options.file}: fine: {len(configuration.sources)} sources, {len(configuration.tags)} tags, "
        f"{len(rules.units)} units, {len(rules.recipes)} recipes, {len(rules.holds)} holds; "
        f"approval is {rules.approval}",
    )
    return 0
