"""Row `commit_under_query`: how long a commit takes while ten million rows are read and the store seals.

Stretches of rest and of load take turns. Under load another process reads ten million rows from the record and makes
JSON of them as the web process does, and a thread of this process seals some million rows, as the store follower does. The
time of a commit is from `append` until it is durable, with a flush interval of 1 ms, so that waiting for others is no part of it.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import numpy as np

from domain.entries import Position
from domain.samples import SampleBatch
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.view import HistoryView
from tests.bench.workload import SECOND_NS, T0_NS

LIMIT_MS, SLACK_MS, TIMES_IDLE = 50.0, 10.0, 5.0
HISTORY_ROWS = 10_000_000
TAGS, SEAL_SECONDS = 200, 7200
ROUNDS, STRETCH_S, EVERY_S = 4, 5.0, 0.02


def run() -> dict[str, dict[str, object]]:
    """Commits at rest and under load, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder / "history", TAGS, HISTORY_ROWS // TAGS)
        idle, loaded, seals = asyncio.run(_turns(folder))
    figure, rest = float(np.percentile(loaded, 99)), float(np.percentile(idle, 99))
    limit = min(LIMIT_MS, TIMES_IDLE * rest + SLACK_MS)
    note = (
        f"p99 of {len(loaded)} commits under load; idle p99 {rest:.1f} ms of {len(idle)}, medians "
        f"{np.median(loaded):.1f} and {np.median(idle):.1f}, most {max(loaded):.0f} ms; {seals} seals of "
        f"{TAGS * SEAL_SECONDS:,} rows; peer: the smaller of {LIMIT_MS:g} ms and {TIMES_IDLE:g} times idle + {SLACK_MS:g} ms"
    )
    row = {"ours": figure, "peer": limit, "ratio": limit / figure, "unit": "ms", "note": note}
    return {"commit_under_query": row}


def _batches(tags: int, seconds: int, first_s: int) -> list[SampleBatch]:
    rng = np.random.default_rng(1)
    tag = np.tile(np.arange(tags, dtype=np.uint32), 60)
    made = []
    for start in range(first_s, first_s + seconds, 60):
        time_ns = T0_NS + np.repeat(np.arange(start, start + 60), tags) * SECOND_NS
        value = np.round(60 + rng.normal(0, 1, len(tag)), 2)
        made.append(SampleBatch("past", T0_NS, tag, time_ns, None, value, np.zeros(len(tag), np.uint32)))
    return made


def _fill(history: Path, tags: int, seconds: int) -> None:
    with ChunkStore.open(history) as store:
        for at, batch in enumerate(_batches(tags, seconds, 0), start=1):
            store.write(Position(at), batch)
        store.seal()


async def _turns(folder: Path) -> tuple[list[float], list[float], int]:
    journal = SqliteJournal.open(folder / "journal.db", flush_interval_s=0.001)
    idle: list[float] = []
    loaded: list[float] = []
    seals = 0
    for number in range(ROUNDS):
        await _commits(journal, idle)
        with _Load(folder, number) as load:
            await asyncio.sleep(1.5)  # the other process has started by then
            await _commits(journal, loaded)
        seals += load.seals
    await asyncio.to_thread(journal.close)
    return idle, loaded, seals


async def _commits(journal: SqliteJournal, taken_ms: list[float]) -> None:
    rows = 500
    tag = np.arange(rows, dtype=np.uint32)
    until_s = time.perf_counter() + STRETCH_S
    while time.perf_counter() < until_s:
        now_ns = time.time_ns()
        batch = SampleBatch(
            "bench", now_ns, tag, np.full(rows, now_ns), None, np.random.default_rng().random(rows), np.zeros(rows, np.uint32)
        )  # fmt: skip
        started_s = time.perf_counter()
        await journal.append(batch)
        taken_ms.append((time.perf_counter() - started_s) * 1e3)
        await asyncio.sleep(EVERY_S)


class _Load:
    """A query in another process and seals in a thread of this one, for as long as the block lasts."""

    def __init__(self, folder: Path, number: int) -> None:
        self._folder = folder
        self._batches = _batches(TAGS, SEAL_SECONDS, 0)
        self._number = number
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._seal)
        self.seals = 0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.bench.commit", "ask", str(self._folder)]
        self._asking = subprocess.Popen(command)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._asking.kill()
        self._asking.wait(10)

    def _seal(self) -> None:
        while not self._stop.is_set():
            with ChunkStore.open(self._folder / f"sealing-{self._number}-{self.seals}") as store:
                for at, batch in enumerate(self._batches, start=1):
                    store.write(Position(at), batch)
                    if self._stop.is_set():
                        return
                store.seal()
            self.seals += 1


def ask(folder: Path) -> None:
    """Read everything, again and again, as JSON in pieces."""
    from api.jsonify import to_json

    if not (folder / "other.db").exists():
        SqliteJournal.open(folder / "other.db").close()
    view = HistoryView(folder / "history", ReadOnlyJournal(folder / "other.db"))
    view.refresh()
    while True:
        for tag in range(TAGS):
            for rows in view.read_pieces(tag, 0, 2**62):
                for first in range(0, len(rows), 8192):
                    part = slice(first, first + 8192)
                    to_json({"time_ns": rows.time_ns[part], "value": rows.value[part]})


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        ask(Path(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=1))
