"""What the core tells of itself, for the web process and Prometheus: a file, replaced whole every two seconds."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

import orjson

from domain.ports import Clock, Store
from historian.journal.writer import SqliteJournal
from service.judging import Judge

_EVERY_S = 2.0
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
    "thermowell_process_cpu_seconds_total": "CPU used by the core process",
}


async def report_for_ever(
    folder: Path,
    journal: SqliteJournal,
    store: Store,
    judge: Judge,
    clock: Clock,
    started_ns: int,
) -> None:
    """Write the gauges for ever."""
    try:
        while True:
            report = await asyncio.to_thread(_report, journal, store, judge, clock, started_ns)
            await asyncio.to_thread(_write, folder / _NAME, report)
            await asyncio.sleep(_EVERY_S)
    finally:
        (folder / _NAME).unlink(missing_ok=True)


def _report(
    journal: SqliteJournal,
    store: Store,
    judge: Judge,
    clock: Clock,
    started_ns: int,
) -> dict[str, object]:
    counts = store.counts()
    usage = journal.usage()
    health = journal.health()
    return {
        "wall_ns": time.time_ns(),
        "clock_ns": clock.now_ns(),
        "healthy": health.problem is None,
        "why": "ready" if health.problem is None else str(health.problem),
        "counts": dict(counts),
        "gauges": {
            "thermowell_start_time_seconds": started_ns / 1e9,
            "thermowell_journal_position": journal.last(),
            "thermowell_judged_position": judge.position,
            "thermowell_store_cursor": store.cursor(),
            "thermowell_journal_bytes": usage.used_bytes,
            "thermowell_journal_hours_left": usage.hours_left,
            "thermowell_rows_stored": counts["stored"],
            "thermowell_rows_duplicate": counts["duplicates"],
            "thermowell_rows_waiting": counts["waiting"],
            "thermowell_rechecks": judge.rechecks,
            "thermowell_process_cpu_seconds_total": time.process_time(),
        },
    }


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


def as_prometheus(report: Mapping[str, object] | None) -> str:
    """The gauges in Prometheus' text format."""
    if report is None:
        return ""
    gauges = report["gauges"]
    assert isinstance(gauges, dict)
    lines = []
    for name, value in gauges.items():
        if value is not None:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines += [f"# HELP {name} {_HELP[name]}", f"# TYPE {name} {kind}", f"{name} {value}"]
    return "\n".join(lines) + "\n"
