"""Row `commit_under_readers`: how long a commit takes while other processes of the service read as much as they can.

Stretches of rest and of load take turns. Under load one process reads a month of ten tags from the record and makes JSON of
it, again and again, as web does for pages; another follows the same journal from its first entry, again and again, as
the detectors or a mirror do that have to catch up; both as nice as the service makes them. The time of a commit is as
in `commit_under_query`.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import numpy as np

from domain.entries import START
from historian.journal import ReadOnlyJournal, SqliteJournal
from service.roles import BEHIND_THE_CORE
from tests.bench.commit import _commits, _fill

SECONDS, TAGS = 30 * 86_400, 10
ROUNDS = 3
TIMES_IDLE, SLACK_MS = 5.0, 10.0


def run() -> dict[str, dict[str, object]]:
    """Commits at rest and under readers, in turns."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder / "history", TAGS, SECONDS // 6)  # every sixth second: 4.3 million rows
        idle, loaded = asyncio.run(_turns(folder))
    figure, rest = float(np.percentile(loaded, 99)), float(np.percentile(idle, 99))
    limit = TIMES_IDLE * rest + SLACK_MS
    note = (
        f"p99 of {len(loaded)} commits under readers: {figure / rest:.2f} times that of {len(idle)} at rest ({rest:.1f} ms); "
        f"medians {np.median(loaded):.1f} and {np.median(idle):.1f}, most {max(loaded):.0f} and {max(idle):.0f} ms; "
        f"peer: {TIMES_IDLE:g} times rest + {SLACK_MS:g} ms"
    )
    row = {"ours": figure, "peer": limit, "ratio": limit / figure, "unit": "ms", "note": note}
    return {"commit_under_readers": row}


async def _turns(folder: Path) -> tuple[list[float], list[float]]:
    journal = SqliteJournal.open(folder / "journal.db", flush_interval_s=0.001)
    idle: list[float] = []
    loaded: list[float] = []
    for _ in range(ROUNDS):
        await _commits(journal, idle)
        with _Readers(folder):
            await asyncio.sleep(2.0)  # they have started by then
            await _commits(journal, loaded)
    await asyncio.to_thread(journal.close)
    return idle, loaded


class _Readers:
    """Both processes, for as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        commands = (("tests.bench.commit", "ask"), ("tests.bench.readers", "follow"))
        self._processes = [
            subprocess.Popen(
                ["nice", "-n", str(BEHIND_THE_CORE), sys.executable, "-m", module, what, str(self._folder)]
            )
            for module, what in commands
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.wait(10)


def follow(folder: Path) -> None:
    """Read the journal from its first entry to its end, again and again."""
    reader = ReadOnlyJournal(folder / "journal.db")
    while True:
        after = START
        while entries := reader.read(after):
            after = entries[-1][0]
        time.sleep(0.001)


if __name__ == "__main__":
    if sys.argv[1:2] == ["follow"]:
        follow(Path(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=1))
