"""What the core tells of itself, for the web process and Prometheus: a file, replaced whole every second."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from domain.entries import Position
from domain.figures import Reading, Spread
from domain.ports import Clock, Store
from historian.journal.writer import SqliteJournal
from service.troubles import Moment, TroubleWatch

_FRESH_WITHIN_S = 15.0


class Judged(Protocol):
    """The judge as the report needs it, wherever it runs."""

    @property
    def position(self) -> Position:
        """Up to where it has judged."""
        ...

    @property
    def trouble(self) -> str | None:
        """Why nothing that is judged can be written just now."""
        ...

    def suppressions(self) -> "Sequence[Row]":
        """The suppressions by design that are in force."""
        ...


class Row(Protocol):
    """A row of a page."""

    def as_json(self) -> Mapping[str, object]:
        """By names."""
        ...


class Running(Protocol):
    """What waits on the plant, as the detectors know it."""

    def running_holds(self) -> Sequence[Row]:
        """Holds."""
        ...

    def running_budgets(self) -> Sequence[Row]:
        """Budgets of batches."""
        ...


def problem_of(journal: SqliteJournal, judge: Judged) -> str | None:
    """Why the core does not work just now: nothing can be journaled, or nothing that is judged be written."""
    problem = journal.health().problem or judge.trouble
    return None if problem is None else str(problem)


Teller = Callable[[], Iterable[Reading]]
"""Tells some figures as they are now; may block for a moment."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Looks at the core's parts, and at what is wrong with them; its methods block for a moment."""

    journal: SqliteJournal
    store: Store
    judge: Judged
    bank: Running
    clock: Clock
    started_ns: int
    tellers: Sequence[Teller]
    troubles: TroubleWatch
    notes: Callable[[], object] = list  # for a judge that is elsewhere
    now_s: Callable[[], float] = time.monotonic

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        readings = list(self._readings())
        self.troubles.look(Moment(readings, self.now_s(), self.clock.now_ns(), time.time(), self.judge.position))
        problem = problem_of(self.journal, self.judge)
        return {
            "wall_ns": time.time_ns(),
            "clock_ns": self.clock.now_ns(),
            "healthy": problem is None,
            "why": "ready" if problem is None else problem,
            "record": dict(self.store.counts()),
            "holds": [row.as_json() for row in self.bank.running_holds()],
            "budgets": [row.as_json() for row in self.bank.running_budgets()],
            "suppressions": [row.as_json() for row in self.judge.suppressions()],
            "notes": self.notes(),
            "figures": as_json([*readings, *self.troubles.figures()]),
        }

    def _readings(self) -> Iterator[Reading]:
        yield Reading("thermowell_process_start_time_seconds", self.started_ns / 1e9, ("core",))
        yield Reading("thermowell_database_away", int(self.judge.trouble is not None))
        yield from self.journal.figures()
        for teller in self.tellers:
            yield from teller()


class Reporting(Protocol):
    """Tells how things stand; may block for a moment."""

    def report(self) -> dict[str, object]:
        """How everything stands now."""
        ...


async def report_for_ever(folder: Path, reporter: Reporting, every_s: float = 1.0, name: str = "core") -> None:
    """Write the report of a role for ever; the file goes with the process."""
    file = folder / f"{name}.json"
    try:
        while True:
            report = await asyncio.to_thread(reporter.report)
            await asyncio.to_thread(_write, file, report)
            await asyncio.sleep(every_s)
    finally:
        file.unlink(missing_ok=True)


def _write(file: Path, report: Mapping[str, object]) -> None:
    new = file.with_suffix(".new")
    new.write_bytes(orjson.dumps(report))
    os.replace(new, file)  # noqa: PTH105  atomic, whoever reads


def read_report(folder: Path, name: str = "core") -> dict[str, object] | None:
    """The newest report of a role; None if there is none, or its process has stopped writing it."""
    with contextlib.suppress(OSError, orjson.JSONDecodeError):
        report = orjson.loads((folder / f"{name}.json").read_bytes())
        if isinstance(report, dict) and time.time_ns() - int(report["wall_ns"]) < _FRESH_WITHIN_S * 1e9:
            return report
    return None


def age_s(folder: Path, name: str = "core") -> float:
    """How long ago a role reported last, however old that is; 0 if nothing is left of it."""
    with contextlib.suppress(OSError):
        return max(0.0, time.time() - (folder / f"{name}.json").stat().st_mtime)
    return 0.0


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
