"""A process of followers without the core: it reads journal and record, and writes nothing but the records."""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from domain.entries import ConfigurationActivated, Entry, Position
from domain.errors import RetryLater
from domain.figures import Histogram
from domain.findings import Recheck
from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.journal.tailing import JournalTail
from historian.view import HistoryView
from records.database import SqlRecords
from service.config.build import Configuration
from service.deciding import Begun, Stop, decide, stopped, together, told_to_stop
from service.elsewhere import hash_of
from service.files import Files
from service.following import Ground, Judging, Work, judging_on, taken_over
from service.gauges import as_json, report_for_ever
from service.judging import Followed
from service.keeping import journal_there
from service.loop_delay import watch_loop
from service.machine import process_figures
from service.notes import take_notes
from service.parts import Bell, Parts, usual_parts
from service.rechecking import Record
from service.roles import DETECTORS, MIRROR
from service.wake import listening

if TYPE_CHECKING:
    from service.mirroring import MirrorFollower

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Beside:
    """What a process of followers has open beside the core."""

    configuration: Configuration
    files: Files
    parts: Parts
    reader: ReadOnlyJournal
    records: SqlRecords
    bell: Bell


async def run_followers(configuration: Configuration, roles: tuple[str, ...]) -> None:
    """Judge or mirror until SIGTERM or SIGINT. RetryLater when the core goes on with another configuration."""
    stop = told_to_stop()
    files = Files(configuration.data).made()
    if not await journal_there(files, stop):
        return
    with _opened(configuration, files, roles) as beside:
        begun = Begun(roles, beside.records, files.run, list, configuration.hash)
        with contextlib.ExitStack() as stack:
            woken = {role: asyncio.Event() for role in roles}
            for role in roles:
                stack.enter_context(listening(files.run, f"{role}.sock", woken[role]))
            deciding = decide(begun, functools.partial(_works, beside, woken))
            try:
                await together([deciding, _anew_with_the_core(beside), stopped(stop)])
            except Stop:
                log.info("stopping")


async def _anew_with_the_core(beside: Beside) -> None:
    """Raise RetryLater once the core and our file agree on a configuration that is not ours."""
    ours, file = beside.configuration.hash, beside.configuration.file
    while True:
        await asyncio.sleep(_LOOK_EVERY_S)
        newest = await asyncio.to_thread(beside.reader.configurations, 1)
        if newest and newest[0].hash != ours and await asyncio.to_thread(hash_of, file) == newest[0].hash:
            raise RetryLater("the configuration is another by now; this process starts again with it")


@contextlib.contextmanager
def _opened(configuration: Configuration, files: Files, roles: tuple[str, ...]) -> Iterator[Beside]:
    with contextlib.ExitStack() as stack:
        parts = usual_parts(configuration, files, roles)
        bell = parts.bell()
        stack.callback(bell.close)
        reader = parts.open_reader()
        stack.callback(reader.close)
        records = parts.open_records()
        stack.callback(records.close)
        yield Beside(configuration, files, parts, reader, records, bell)


def _works(beside: Beside, woken: dict[str, asyncio.Event]) -> list[Work]:
    """The tasks of the roles. RetryLater while the records are away, or the core goes by another configuration."""
    since = _activated(beside.reader, beside.configuration)
    works: list[Work] = []
    if DETECTORS in woken:
        tail = _OfOneConfiguration(JournalTail(beside.reader, woken[DETECTORS]), beside.configuration.hash, since)
        works += _detecting(beside, tail)
    if MIRROR in woken:
        works += _mirroring(beside)
    return works


def _activated(reader: ReadOnlyJournal, configuration: Configuration) -> Position:
    """Up to where the journal tells of configurations that were; RetryLater unless the newest of them is ours."""
    through = reader.last()
    newest = reader.configurations(1)
    if not newest or newest[0].hash != configuration.hash:
        raise RetryLater(
            "the core has not activated the configuration of this process; both have to start with the same"
        )
    return through


class _OfOneConfiguration:
    """The journal up to where another configuration begins: then the process has to start again with it."""

    def __init__(self, tail: Followed, hash_: str, since: Position) -> None:
        self._tail, self._hash, self._since = tail, hash_, since

    async def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        """As `JournalTail`; RetryLater at the other configuration."""
        async for at, entry in self._tail.follow(after):
            if isinstance(entry, ConfigurationActivated) and at > self._since and entry.hash != self._hash:
                raise RetryLater("the core goes on with another configuration; this process starts again with it")
            yield at, entry


def _detecting(beside: Beside, journal: Followed) -> list[Work]:
    parts, run = beside.parts, beside.files.run
    tags = TagTable(beside.reader.tags())
    judging = judging_on(Ground(beside.configuration, parts, tags, journal, beside.reader, beside.records, beside.bell))
    history = HistoryView(beside.files.history, beside.reader)
    judging.judge.rows_as_of = Record(history, beside.reader, history.refresh).as_of
    delays = Histogram("thermowell_event_loop_delay_seconds", (DETECTORS,))
    report = _JudgeReport(judging, beside.records, beside.configuration.hash, delays)
    return [
        *judging.works(),
        watch_loop(delays),
        take_notes(run, beside.records, judging.judge.note),
        report_for_ever(run, report, parts.report_every_s, DETECTORS),
    ]


def _mirroring(beside: Beside) -> list[Work]:
    from service.mirroring import mirrors_of  # noqa: PLC0415  loads InfluxDB's client

    configuration, files = beside.configuration, beside.files
    history = HistoryView(files.history, beside.reader)
    mirrors = mirrors_of(configuration, beside.reader, history, beside.records, files.mirrors)
    return [
        *(mirror.run() for mirror in mirrors),
        report_for_ever(files.run, _MirrorReport(mirrors, configuration.hash), beside.parts.report_every_s, MIRROR),
    ]


@dataclass(frozen=True, slots=True)
class _JudgeReport:
    """What the detectors' process tells: `service.elsewhere.JudgeElsewhere` reads it."""

    judging: Judging
    records: SqlRecords
    configuration: str
    delays: Histogram

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        judge, bank = self.judging.judge, self.judging.bank
        position, trouble = judge.position, judge.trouble  # the position first: what is asked is then no older
        return {
            "wall_ns": time.time_ns(),
            "healthy": trouble is None,
            "why": "ready" if trouble is None else trouble,
            "configuration": self.configuration,
            "judge": {
                "position": position,
                "rechecks": judge.rechecks,
                "rejudged": judge.rejudged,
                "rejudging_s": judge.rejudging_s,
                "asked": _asked(judge.asked),
            },
            "holds": [row.as_json() for row in bank.running_holds()],
            "budgets": [row.as_json() for row in bank.running_budgets()],
            "suppressions": [row.as_json() for row in judge.suppressions()],
            "figures": as_json(
                [
                    *self.judging.figures(),
                    *process_figures(DETECTORS),
                    self.delays.reading(),
                    *taken_over(self.records),
                ]
            ),
        }


def _asked(rechecks: Sequence[Recheck]) -> list[tuple[int, int, int]]:
    return [(each.tag, each.start_ns, each.end_ns) for each in rechecks]


@dataclass(frozen=True, slots=True)
class _MirrorReport:
    """What the mirrors' process tells: `service.elsewhere.MirrorElsewhere` reads it."""

    mirrors: "Sequence[MirrorFollower]"
    configuration: str

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        return {
            "wall_ns": time.time_ns(),
            "healthy": True,
            "why": "ready",
            "configuration": self.configuration,
            "mirrors": {each.name: each.trouble for each in self.mirrors},
            "figures": as_json(
                [*(reading for each in self.mirrors for reading in each.figures()), *process_figures(MIRROR)]
            ),
        }
