"""Run the service: collect, keep, judge, tell and show, until stopped."""

import argparse
import asyncio
from pathlib import Path

from service.config.build import load
from service.supervise import ROLES, Supervisor, die_with_parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and one process's part of it."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument("--role", choices=ROLES, help="run this part only, under a supervisor")


def run(options: argparse.Namespace) -> int:
    """Supervise the processes, or be one of them."""
    configuration = load(options.config)
    if options.role is None:
        return Supervisor(options.config).run()
    die_with_parent()
    if options.role == "core":
        from service.core import run_core  # noqa: PLC0415  the other process does not need it

        asyncio.run(run_core(configuration))
    else:
        from service.web import run_web  # noqa: PLC0415

        asyncio.run(run_web(configuration))
    return 0
