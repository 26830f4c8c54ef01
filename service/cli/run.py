"""Run the service: collect, keep, judge, tell and show, until stopped."""

import argparse
import asyncio
import os
from pathlib import Path

from service import logs
from service.config.build import Configuration, load
from service.files import Files
from service.roles import BEHIND_THE_CORE, CORE, ROLES, WEB, chosen
from service.starts import noted
from service.supervise import SUPERVISED, Supervisor, die_with_parent


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, and one process's part of it."""
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--role",
        type=chosen,
        metavar="ROLES",
        help=f"this process alone, of these: {', '.join(ROLES)}; several with commas between",
    )
    parser.add_argument(SUPERVISED, action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Supervise the processes, or be one of them."""
    configuration = load(options.config)
    logs.set_up(configuration.log)
    if options.role is None:
        return Supervisor(options.config).run()
    if options.supervised:
        die_with_parent()
    if CORE not in options.role:
        os.nice(BEHIND_THE_CORE)
    with noted(Files(configuration.data).run, options.role):
        _be(options.role, configuration)
    return 0


def _be(roles: tuple[str, ...], configuration: Configuration) -> None:
    if roles == (WEB,):
        from service.web import run_web  # noqa: PLC0415  the other processes do not need it

        asyncio.run(run_web(configuration))
    elif CORE in roles:
        from service.core import run_core  # noqa: PLC0415

        asyncio.run(run_core(configuration, roles))
    else:
        from service.followers import run_followers  # noqa: PLC0415

        asyncio.run(run_followers(configuration, roles))
