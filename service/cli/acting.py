"""What the verbs share that act on the records: which verb is meant, who acts, and what the core answers."""

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from domain.entries import PersonAction
from domain.errors import Refused
from domain.ports import Person
from domain.time import parse_time_ns
from records.database import SqlRecords
from records.requests import Answer
from service.config.build import Configuration, load
from service.files import Files
from service.keeping import open_records
from service.wake import Waker

TOKEN = "THERMOWELL_TOKEN"  # noqa: S105  the name of the variable that holds it
_ANSWER_WITHIN_S = 5.0
_LOOK_EVERY_S = 0.1

Verb = Callable[[argparse.Namespace, Configuration, Files, SqlRecords], int]


def add_common(parser: argparse.ArgumentParser) -> None:
    """The configuration, and who acts."""
    parser.add_argument("--config", type=Path, metavar="FILE", default=Path("thermowell.yaml"))
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=f"your personal token; default: ${TOKEN}")


def do(verbs: Mapping[str, Verb], options: argparse.Namespace) -> int:
    """Do what `options.what` names, with the configuration and the records at hand; Refused where it cannot be."""
    configuration = load(options.config)
    files = Files(configuration.data).made()
    with open_records(configuration) as records:
        return verbs[options.what](options, configuration, files, records)


def token_of(options: argparse.Namespace) -> str:
    """The token that the command is given. Refused where it cannot be read."""
    try:
        token = options.token_file.read_text(encoding="utf-8") if options.token_file else os.environ.get(TOKEN, "")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"the token cannot be read: {error}") from error
    return token.strip()


def acting_person(options: argparse.Namespace, records: SqlRecords) -> Person:
    """Who acts. Refused without a valid token."""
    person = records.person_of(token_of(options))
    if person is None:
        raise Refused(f"nobody has this token: give --token-file or ${TOKEN}; `thermowell token add NAME` makes one")
    return replace(person, origin="cli")


def moment(option: str, text: str) -> int:
    """A time of the command line; Refused with the option's name."""
    try:
        return parse_time_ns(text)
    except ValueError as error:
        raise Refused(f"{option}: {error}") from error


def answer_of(files: Files, records: SqlRecords, action: PersonAction) -> Answer | None:
    """Wake the core, and tell what it makes of a request; None if it says nothing in time (none runs)."""
    with contextlib.suppress(OSError):  # no core runs: it finds the request when it starts
        waker = Waker(files.run, "core.sock")
        waker.wake()
        waker.close()
    until_s = time.monotonic() + _ANSWER_WITHIN_S
    while time.monotonic() < until_s:
        answer = records.request_answer(action.id)
        if answer is not None and answer.state != "waiting":
            return answer
        time.sleep(_LOOK_EVERY_S)
    return None
