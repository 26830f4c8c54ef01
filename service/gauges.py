"""What the core tells of itself, for the web process and Prometheus: a file, replaced whole every second."""

import asyncio
import contextlib
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import orjson

from detectors.bank import Bank
from domain.ports import Clock, Store
from historian.journal.writer import SqliteJournal
from service.judging import Judge
from service.mirroring import MirrorFollower
from service.space import SpaceWatch

_FRESH_WITHIN_S = 15.0
_NAME = "core.json"

_HELP = {
    "thermowell_start_time_seconds": "When the core process started, in seconds since 1970",
    "thermowell_journal_position": "The newest durable entry",
    "thermowell_judged_position": "The entry up to which detectors and alarms have judged",
    "thermowell_store_cursor": "The entry up to which the record is durable by itself",
    "thermowell_journal_bytes": "Size of the journal's files",
    "thermowell_journal_hours_left": "Hours until the journal's quota is spent at the present rate",
    "thermowell_rows_stored": "Rows in the record",
    "thermowell_rows_duplicate": "Rows that were in the record already",
    "thermowell_rows_waiting": "Rows that the record has not sealed yet",
    "thermowell_rechecks": "Late rows that ask for another look at the past",
    "thermowell_rechecks_waiting": "Tags with late rows that are not judged again yet",
    "thermowell_rejudged": "Stretches of a tag that were judged again",
    "thermowell_rejudging_seconds": "Time that judging again took",
    "thermowell_process_cpu_seconds_total": "CPU used by the core process",
    "thermowell_mirror_position": "The entry up to which a mirror has everything",
    "thermowell_mirror_failing": "1 while a mirror waits to try again",
    "thermowell_mirror_rows_written_total": "Rows that a mirror has taken",
    "thermowell_mirror_behind_seconds": "Time since a mirror had everything",
    "thermowell_mirror_hours_left": "Hours until rows that a mirror lacks leave the journal, if it stays away",
    "thermowell_mirror_rows_too_old_total": "Rows that are older than a mirror's bucket keeps",
    "thermowell_mirror_rows_refused_total": "Rows that a mirror refused for good",
    "thermowell_mirror_entries_missed_total": "Entries that left the journal first: their rows came from the record",
}


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
            "gauges": self._gauges(counts),
        }

    def _gauges(self, counts: Mapping[str, int]) -> dict[str, float | None]:
        usage = self.journal.usage()
        return {
            "thermowell_start_time_seconds": self.started_ns / 1e9,
            "thermowell_journal_position": self.journal.last(),
            "thermowell_judged_position": self.judge.position,
            "thermowell_store_cursor": self.store.cursor(),
            "thermowell_journal_bytes": usage.used_bytes,
            "thermowell_journal_hours_left": usage.hours_left if math.isfinite(usage.hours_left) else None,
            "thermowell_rows_stored": counts["stored"],
            "thermowell_rows_duplicate": counts["duplicates"],
            "thermowell_rows_waiting": counts["waiting"],
            "thermowell_rechecks": self.judge.rechecks,
            "thermowell_rechecks_waiting": len(self.judge.asked),
            "thermowell_rejudged": self.judge.rejudged,
            "thermowell_rejudging_seconds": self.judge.rejudging_s,
            "thermowell_process_cpu_seconds_total": time.process_time(),
            **{name: value for mirror in self.mirrors for name, value in mirror.gauges().items()},
        }


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


def as_prometheus(report: Mapping[str, object] | None) -> str:
    """The gauges in Prometheus' text format."""
    if report is None:
        return ""
    gauges = report["gauges"]
    assert isinstance(gauges, dict)
    lines = []
    told = ""
    for labelled, value in sorted(gauges.items()):
        if value is None:
            continue
        name = labelled.partition("{")[0]
        if name != told:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}"]
            told = name
        lines.append(f"{labelled} {value}")
    return "\n".join(lines) + "\n"
