"""Look at everything that the service depends on, and say in plain words what to do; beside the running service too."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from service.config.build import load
from service.doctor.checks import checks_of
from service.doctor.row import Row, State
from service.doctor.running import WITHIN_S, examine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of what, and how it is told."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="for other programs")
    parser.add_argument("--seconds", type=float, default=WITHIN_S, help=f"that all checks may take ({WITHIN_S:g})")


def run(options: argparse.Namespace) -> int:
    """1 if anything is wrong, else 0."""
    configuration = load(options.config)
    rows = examine(configuration, checks_of(configuration), options.seconds)
    print(json.dumps([row.as_json() for row in rows], indent=1, ensure_ascii=False) if options.json else _table(rows))
    return 1 if any(row.state is State.WRONG for row in rows) else 0


def _table(rows: Sequence[Row]) -> str:
    width = max(len(row.check) for row in rows)
    lines = []
    for row in rows:
        lines.append(f"{row.state:<11}  {row.check:<{width}}  {row.seen}")
        if row.advice:
            lines.append(f"{'':<11}  {'':<{width}}  → {row.advice}")
    found = {state: sum(row.state is state for row in rows) for state in State}
    return "\n".join([*lines, ", ".join(f"{count} {state}" for state, count in found.items() if count)])
