"""What the core tells of itself, for the web process and Prometheus: a file, replaced whole every second."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from detectors.bank import Bank
from domain.figures import Reading, Spread
from domain.ports import Clock, Store
from historian.journal.writer import SqliteJournal
from service.judging import Judge
from service.mirroring import MirrorFollower
from service.space import SpaceWatch

_FRESH_WITHIN_S = 15.0
_NAME = "core.json"


@dataclass(frozen=True, slots=True)
class Reporter:
    """Looks at the core's parts; its methods block for a moment."""

    journal: SqliteJournal
    store: Store
    judge: Judge
    bank: Bank
    clock: Clock
    started_ns: int
    space: SpaceWatch
    mirrors: Sequence[MirrorFollower] = ()

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        counts = self.store.counts()
        self.space.look(self.journal.usage(), self.clock.now_ns(), self.judge.position)
        problem = self.journal.health().problem or self.judge.trouble
        return {
            "wall_ns": time.time_ns(),
            "clock_ns": self.clock.now_ns(),
            "healthy": problem is None,
            "why": "ready" if problem is None else str(problem),
            "record": dict(counts),
            "holds": [row.as_json() for row in self.bank.running_holds()],
            "budgets": [row.as_json() for row in self.bank.running_budgets()],
            "figures": as_json(self._figures(counts)),
        }

    def _figures(self, counts: Mapping[str, int]) -> Iterator[Reading]:
        usage = self.journal.usage()
        yield Reading("thermowell_process_start_time_seconds", self.started_ns / 1e9, ("core",))
        yield Reading("thermowell_process_cpu_seconds_total", time.process_time(), ("core",))
        yield Reading("thermowell_journal_position", self.journal.last())
        yield Reading("thermowell_journal_bytes", usage.used_bytes)
        if math.isfinite(usage.hours_left):
            yield Reading("thermowell_journal_left_seconds", usage.hours_left * 3600)
        yield Reading("thermowell_follower_position", self.judge.position, ("judge",))
        yield Reading("thermowell_follower_position", self.store.cursor(), ("store",))
        yield Reading("thermowell_store_rows", counts["stored"])
        yield Reading("thermowell_store_rows_waiting", counts["waiting"])
        yield Reading("thermowell_store_duplicates_total", counts["duplicates"])
        yield Reading("thermowell_rechecks_total", self.judge.rechecks)
        yield Reading("thermowell_rechecks_waiting", len(self.judge.asked))
        yield Reading("thermowell_rejudged_total", self.judge.rejudged)
        yield Reading("thermowell_rejudging_seconds_total", self.judge.rejudging_s)
        for mirror in self.mirrors:
            yield from mirror.figures()


class Reporting(Protocol):
    """Tells how things stand; may block for a moment."""

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        ...


async def report_for_ever(folder: Path, reporter: Reporting, every_s: float = 1.0) -> None:
    """Write the report for ever; the file goes with the process."""
    try:
        while True:
            report = await asyncio.to_thread(reporter.report)
            await asyncio.to_thread(_write, folder / _NAME, report)
            await asyncio.sleep(every_s)
    finally:
        (folder / _NAME).unlink(missing_ok=True)


def _write(file: Path, report: Mapping[str, object]) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(orjson.dumps(report))
    os.replace(new, file)  # noqa: PTH105  atomic, whoever reads


def read_report(folder: Path) -> dict[str, object] | None:
    """The newest report; None if there is none, or the core has stopped writing it."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        report = orjson.loads((folder / _NAME).read_bytes())
        if isinstance(report, dict) and time.time_ns() - int(report["wall_ns"]) < _FRESH_WITHIN_S * 1e9:
            return report
    return None


def record_counts(report: Mapping[str, object] | None) -> Mapping[str, int]:
    """Rows stored, duplicate and waiting; empty while the core does not report."""
    record = {} if report is None else report["record"]
    assert isinstance(record, dict)
    return record


def as_json(readings: Iterable[Reading]) -> list[object]:
    """Readings as they stand in the report: name, number or [counts, sum], labels."""
    return [[name, list(value) if isinstance(value, Spread) else value, labels] for name, value, labels in readings]


def figures_of(report: Mapping[str, object] | None) -> list[Reading]:
    """The readings in a report; none while the core does not tell."""
    told = [] if report is None else report["figures"]
    assert isinstance(told, list)
    return [
        Reading(name, Spread(*value) if isinstance(value, list) else value, tuple(labels))
        for name, value, labels in told
    ]
