"""Steer a plant that `thermowell bench serve` serves: its faults and its time."""

import argparse
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from domain.errors import Refused, RetryLater
from service.bench.fault_reading import value_of
from service.config.checking import unknown
from simulators.faults.catalogue import CATALOGUE
from simulators.servers.control_client import ControlClient, ControlRefused, ControlUnreachable
from simulators.tags import plant_tags

Json = dict[str, object]

ADDRESS: Final = "THERMOWELL_BENCH"
"""The environment variable with the address of the plant's control interface."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which plant, and what this verb needs."""
    parser.add_argument(
        "--control",
        metavar="URL",
        default=os.environ.get(ADDRESS),
        help=f"`control` of the ready line; default: the environment's {ADDRESS}",
    )
    parser.add_argument("--token-file", type=Path, metavar="FILE", help="where the plant asks for a token")
    # `-5min` is a value that the bench refuses with the reason, as `-5` is, and no unknown option.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001 - argparse has no public way
    verb = parser.get_default("bench_verb")
    if verb == "advance":
        parser.add_argument("by", metavar="DURATION", help="of plant time: 10min, 1h30min, 2 days, or seconds")
    elif verb == "speed":
        parser.add_argument("times", type=float, help="plant seconds per second")
    elif verb == "clear":
        parser.add_argument("fault", metavar="ID", help="as `inject` or `status` told it")
    elif verb == "inject":
        _describe_fault(parser)


def _describe_fault(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", help="of fault: docs/faults.md")
    parser.add_argument("on", help="a unit, a tag or a server")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="settings of its kind: size='0.1 bar'")
    parser.add_argument("--id", help="default: one is made")
    parser.add_argument("--after", metavar="DURATION", help="of plant time; default: at once")
    parser.add_argument("--lasts", metavar="DURATION", help="default: until it is cleared")
    parser.add_argument("--ramp", metavar="DURATION", help="it develops within this time")


def run(options: argparse.Namespace) -> int:
    """Ask, and print the answer as JSON."""
    if not options.control:
        raise Refused(
            f"which plant? --control URL, or the environment's {ADDRESS}: the ready line of `bench serve` has it"
        )
    client = _client(options)
    try:
        answer = _ASKS[options.bench_verb](client, options)
    except ControlRefused as error:
        raise Refused(f"the bench refuses: {error}") from error
    except ControlUnreachable as error:
        raise RetryLater(str(error)) from error
    print(json.dumps(answer, indent=1))
    return 0


def _client(options: argparse.Namespace) -> ControlClient:
    """Somebody to ask; an address that is none will not be one later."""
    token = _token(options.token_file)
    try:
        return ControlClient(options.control, token)
    except ControlUnreachable as error:
        raise Refused(str(error)) from error


_ASKS: Final[dict[str, Callable[[ControlClient, argparse.Namespace], Json]]] = {
    "status": lambda client, _: client.status(),
    "advance": lambda client, options: client.advance(options.by),
    "pause": lambda client, _: client.pause(),
    "resume": lambda client, _: client.resume(),
    "speed": lambda client, options: client.set_speed(options.times),
    "inject": lambda client, options: client.inject(_fault(options)),
    "clear": lambda client, options: client.clear(options.fault),
}


def _fault(options: argparse.Namespace) -> Json:
    fault: Json = {"kind": options.kind, "target": options.on, "settings": _settings(options)}
    for key in ("id", "after", "lasts"):
        if getattr(options, key) is not None:
            fault[key] = getattr(options, key)
    if options.ramp is not None:
        fault |= {"shape": "ramp", "ramp": options.ramp}
    return fault


def _settings(options: argparse.Namespace) -> Json:
    """Settings in the catalogue's units; what the bench must judge is sent as it is written."""
    kind = CATALOGUE.get(options.kind)
    if kind is None:
        raise Refused(f"{unknown('kind of fault', options.kind, CATALOGUE)}; docs/faults.md has them all")
    found: Json = {}
    for text in options.settings:
        name, equals, written = text.partition("=")
        if not equals:
            raise Refused(f"{text!r} is no NAME=VALUE")
        setting = kind.settings.get(name)
        try:
            found[name] = written if setting is None else value_of(setting, written, _unit_of(options.on))
        except ValueError as error:
            raise Refused(f"{name}: {error}") from error
    return found


def _unit_of(target: str) -> str:
    """The plant unit of a tag, by its role; empty for what is no measured tag."""
    role = target.rpartition(".")[2]
    return next((tag.unit for tag in plant_tags().measured if "." in target and tag.role == role), "")


def _token(file: Path | None) -> str:
    try:
        return "" if file is None else file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Refused(f"{file}: the token cannot be read: {error}") from error
