"""Followers that run in other processes of this host, as the core sees them.

How far they came stands in the records, durable: the journal is trimmed up to there, whether they run or not. How they
fare they tell in a file a second (`run/ROLE.json`), as the core does.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain.entries import START, Position
from domain.errors import ConfigError, RetryLater
from domain.figures import Reading
from domain.findings import Finding, Recheck
from service.config.build import load
from service.gauges import figures_of, read_report
from service.judging import NAME as JUDGING
from service.mirror_watch import MirrorWatch, cursor_name
from service.notes import Notes

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
_CURSORS_EVERY_S = 5.0


class Cursors(Protocol):
    """The records, as who trims needs them. Calls block."""

    def cursor_of(self, name: str) -> Position:
        """Where a follower stands."""
        ...

    def snapshot_position(self, name: str) -> Position:
        """Where a replay would start after."""
        ...


@dataclass(frozen=True, slots=True)
class ToldRow:
    """A row of a report of another process."""

    row: Mapping[str, object]

    def as_json(self) -> Mapping[str, object]:
        """As it was told."""
        return self.row


class JudgeElsewhere:
    """The judge in a process of its own; in its place in the core. Attributes are read from any thread."""

    def __init__(self, run: Path, records: Cursors) -> None:
        self._run, self._records = run, records
        self._passed = START  # nothing is trimmed before the records have told
        self._report: Mapping[str, object] | None = None
        self.notes = Notes()
        self.position: Position = START
        self.asked: Sequence[Recheck] = ()
        self.rechecks = self.rejudged = 0
        self.rejudging_s = 0.0
        self.trouble: str | None = "the detectors do not report yet"

    def passed(self) -> Position:
        """Up to where the journal may be trimmed."""
        return self._passed

    def note(self, finding: Finding) -> None:
        """Put a finding about the service where the judge finds it."""
        self.notes.add(finding)

    def running_holds(self) -> list[ToldRow]:
        """Holds that run, as last told."""
        return self._rows("holds")

    def running_budgets(self) -> list[ToldRow]:
        """Budgets that run, as last told."""
        return self._rows("budgets")

    def suppressions(self) -> list[ToldRow]:
        """Suppressions in force, as last told."""
        return self._rows("suppressions")

    def _rows(self, name: str) -> list[ToldRow]:
        told = {} if self._report is None else self._report
        rows = told.get(name, [])
        assert isinstance(rows, list)
        return [ToldRow(row) for row in rows]

    async def run(self) -> None:
        """Look for ever."""
        await for_ever(self._look, lambda: self._records.snapshot_position(JUDGING), self._take)

    def _take(self, position: Position) -> None:
        self._passed = position

    def _look(self) -> None:
        self._report = report = read_report(self._run, "detectors")
        if report is None or "judge" not in report:
            why = "they do not report" if report is None else str(report["why"])
            self.trouble, self.asked = f"the detectors' process does not judge: {why}", ()
            return
        told = report["judge"]
        assert isinstance(told, dict)
        self.trouble = None if report["healthy"] else str(report["why"])
        self.position = Position(told["position"])
        self.rechecks, self.rejudged, self.rejudging_s = told["rechecks"], told["rejudged"], told["rejudging_s"]
        self.asked = [Recheck(*each) for each in told["asked"]]


class MirrorElsewhere:
    """A mirror in a process of its own; in its place in the core."""

    def __init__(
        self, name: str, run: Path, records: Cursors, last: Callable[[], Position], watch: MirrorWatch
    ) -> None:
        self.name = name
        self.watch = watch
        self._run, self._records, self._last = run, records, last
        self._cursor = START
        self._mark: Position | None = None  # where the journal ended when the mirror last had everything
        self._trouble: str | None = None

    def passed(self) -> Position:
        """Up to where the journal may be trimmed as far as this mirror goes; from any thread."""
        return self.watch.may_leave(self._cursor)

    def figures(self) -> Sequence[Reading]:
        """None of ours: its process tells them (`figures_of_others`)."""
        return ()

    async def run(self) -> None:
        """Look for ever."""
        await for_ever(self._look, lambda: self._records.cursor_of(cursor_name(self.name)), self._take)

    def _look(self) -> None:
        report = read_report(self._run, "mirror")
        mirrors = {} if report is None else report.get("mirrors", {})
        assert isinstance(mirrors, dict)
        self._trouble = mirrors.get(self.name, "its process does not report")

    def _take(self, cursor: Position) -> None:
        self._cursor = cursor
        is_behind = self._mark is not None and cursor < self._mark
        if not is_behind:
            self._mark = self._last()
        self.watch.look(self._trouble, is_behind=is_behind)


async def for_ever(look: Callable[[], None], ask: Callable[[], Position], take: Callable[[Position], None]) -> None:
    """Look at a report each second, and ask the records for a cursor now and then; while they are away it stands."""
    due_s = 0.0
    while True:
        await asyncio.to_thread(look)
        if time.monotonic() >= due_s:
            try:
                take(await asyncio.to_thread(ask))
            except RetryLater as error:
                log.debug("a cursor is not known just now: %s", error)
            due_s = time.monotonic() + _CURSORS_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)


def figures_of_others(run: Path, roles: Sequence[str]) -> list[Reading]:
    """What the processes of some roles tell for Prometheus."""
    return [reading for role in roles for reading in figures_of(read_report(run, role))]


async def one_configuration(run: Path, roles: Sequence[str], file: Path, ours: str) -> None:
    """Raise RetryLater once another process was started with what our file says now, so that all judge by one.

    A process that finds another configuration activated than its own waits, and says so. If it read the same file later
    than we did, we have to start again; if it was given another file, it waits on.
    """
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for role in roles:
            report = await asyncio.to_thread(read_report, run, role)
            wanted = None if report is None else report.get("configuration")
            if wanted not in (None, ours) and wanted == await asyncio.to_thread(hash_of, file):
                message = f"the {role} process runs with what {file} says now; the core starts again with it"
                raise RetryLater(message)


def hash_of(file: Path) -> str | None:
    """The hash of the configuration as its file says it now; None where it cannot be used."""
    try:
        return load(file).hash
    except ConfigError:
        return None
