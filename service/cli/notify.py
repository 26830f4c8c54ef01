"""Try every way to tell people, and the way back: what was sent, to whom, what was answered, and how long it took."""

import argparse
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

from domain.alarms import Notice
from domain.errors import Refused, RetryLater
from domain.ports import Channel
from domain.rules import Priority
from domain.time import format_time
from service.config.build import Configuration, load
from service.config.checking import unknown
from service.files import Files
from service.telling.configured import channels_of
from service.telling.duty import people_of
from service.telling.rotas import Rotas, rotas_of
from service.telling.way_back import WayBack, way_back

_WAY_BACK = "the way back"
_WITHIN_S = 10.0
_WORKS = b"The way back works"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is tried, and by which configuration."""
    parser.add_argument("what", choices=("test",))
    parser.add_argument("name", nargs="?", help="one channel, person or rota; default: all, and the way back")
    parser.add_argument("--config", type=Path, metavar="FILE", default=Path("thermowell.yaml"))


@dataclass(frozen=True, slots=True)
class Tried:
    """One thing that was tried."""

    name: str
    told: str  # through what, or to whom
    answer: str
    took_s: float
    failed: bool = False

    def cells(self) -> tuple[str, str, str, str, str]:
        """It as a row."""
        return self.name, self.told, "FAILED" if self.failed else "ok", self.answer, f"{self.took_s:.2f} s"


def run(options: argparse.Namespace) -> int:
    """Print a row for each; exit 0 if all of it works, 1 if anything fails, 2 for a name that is not configured."""
    configuration = load(options.config)
    names = [*configuration.notify, *configuration.people, *configuration.rota]
    if options.name is not None and options.name not in names:
        print(f"thermowell: {unknown('channel, person or rota', options.name, names)}", file=sys.stderr)
        return 2
    trial = Trial(configuration, Files(configuration.data).made())
    rows = list(trial.of(names if options.name is None else [options.name]))
    _print([("NAME", "TOLD", "", "ANSWER", "TIME"), *(row.cells() for row in rows)])
    failed = sum(row.failed for row in rows)
    print(f"{len(rows) - failed} work, {failed} failed")
    return 1 if failed or not rows else 0


class Trial:
    """Tries names of one configuration; every message says that it is a test. Calls block."""

    def __init__(self, configuration: Configuration, files: Files) -> None:
        self._configuration = configuration
        self._channels = {channel.name: channel for channel in channels_of(configuration)}
        self._rotas = Rotas(rotas_of(configuration, files.duty))
        self._rotas.look()
        self._way_back = way_back(configuration, files)

    def of(self, names: Sequence[str]) -> Iterator[Tried]:
        """Try each name, and then the way back."""
        for name in names:
            if name in self._rotas:
                yield from self._rota(name)
            else:
                yield from self._person_or_channel(name, name)
        yield self._back()

    def _rota(self, name: str) -> Iterator[Tried]:
        """Whoever is on duty; and whether the calendar is good."""
        duties, now_ns = self._rotas[name], time.time_ns()
        on_duty, problem = duties.on_duty(now_ns), duties.standing.problem
        people = people_of([name], self._rotas, now_ns)
        why = "nobody is on duty; fallback" if on_duty.is_fallback else "on duty"
        yield Tried(name, f"{why}: {', '.join(people)}", problem or "its calendar is good", 0.0, failed=bool(problem))
        for person in people:
            yield from self._person_or_channel(f"{name} > {person}", person)

    def _person_or_channel(self, shown: str, name: str) -> Iterator[Tried]:
        person = self._configuration.people.get(name)
        for channel in (name,) if person is None else person.channels:
            notice = self._notice(channel, "" if person is None else name)
            told = channel if person is None else f"{name} by {channel}"
            yield _sent(shown, told, self._channels[channel], notice)

    def _notice(self, channel: str, person: str) -> Notice:
        """A message that says that it is a test."""
        now_ns, site = time.time_ns(), self._configuration.site
        recipient = person or channel
        text = f"This is a test of {recipient}, made at {format_time(now_ns)}. Nothing has happened."
        if self._way_back is not None:
            text += f"\nThe way back: {self._way_back.test(recipient)}"
        id_ = f"test.{now_ns}"
        return Notice(
            f"{id_}@{channel}", channel, f"TEST from {site}", text, id_, now_ns, Priority.EVENT, person, kind="test"
        )

    def _back(self) -> Tried:
        """Follow a link as whoever gets a message would, from this machine."""
        if self._way_back is None:
            return Tried(_WAY_BACK, "", "there is none: http.url is not known", 0.0, failed=True)
        return _followed(self._way_back)


def _sent(name: str, told: str, channel: Channel, notice: Notice) -> Tried:
    begun_s = time.monotonic()
    try:
        receipt = channel.send(notice)
    except (RetryLater, Refused) as error:
        return Tried(name, told, str(error), time.monotonic() - begun_s, failed=True)
    return Tried(name, told, receipt.detail, time.monotonic() - begun_s)


def _followed(way: WayBack) -> Tried:
    begun_s = time.monotonic()
    tried = Tried(_WAY_BACK, way.page_url, "", 0.0, failed=True)
    try:
        request = urllib.request.Request(way.test(_WAY_BACK))  # noqa: S310  http.url is http or https
        with urllib.request.urlopen(request, timeout=_WITHIN_S) as answer:  # noqa: S310  as above
            works = _WORKS in answer.read(1_000_000)
            said = "the page answers" if works else "something answers that is not this service"
            tried = replace(tried, answer=said, failed=not works)
    except urllib.error.HTTPError as error:
        error.close()
        tried = replace(tried, answer=f"the page answered {error.code}")
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        tried = replace(tried, answer=f"no answer: {reason}")
    return replace(tried, took_s=time.monotonic() - begun_s)


def _print(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
