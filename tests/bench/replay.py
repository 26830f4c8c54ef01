"""Row `replay`: plant-days judged once more per minute of CPU, from the record alone, against the plant's own speed.

The plant of `detect` (1,000 tags at 1 Hz, every rule) for 40 minutes, five of its tags outside NOR. Its entries went
through the journal and into the store, all rows are sealed and the journal is trimmed: what is read are the store's
chunks, put back into entries by their places, and the kept heartbeats.
"""

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

from domain.entries import START, Heartbeat, Position, TagDefined
from domain.tags import Tag, TagId
from historian.chunks.store import ChunkStore
from historian.journal import ReadOnlyJournal, SqliteJournal
from historian.merged import MergedJournal
from historian.view import HistoryView
from service.rechecking import Record
from service.replaying import Said, judge_of
from tests.bench import detect

REPETITIONS = 3
SECONDS = 2400


def run() -> dict[str, dict[str, object]]:
    """Write the plant once; replay it, best of a few."""
    folder = Path(tempfile.mkdtemp())
    try:
        last = asyncio.run(_write(folder))
        figures = [_replay(folder, last) for _ in range(REPETITIONS)]
    finally:
        shutil.rmtree(folder)
    cpu_s, said, read_s = min(figures)
    days_per_min = SECONDS / 86_400 / (cpu_s / 60)
    note = (
        f"best of {REPETITIONS}; {SECONDS} s of {detect.TAGS} tags from sealed chunks, the journal trimmed; {said} versions "
        f"of findings; {read_s / cpu_s:.0%} of it is reading; peer: the plant's own speed"
    )
    live = 1 / 1440
    row = {
        "ours": days_per_min,
        "peer": live,
        "ratio": days_per_min / live,
        "unit": "plant-days per CPU-minute",
        "note": note,
    }
    return {"replay": row}


def _tags() -> list[Tag]:
    names = enumerate(detect.names_of(detect.UNITS))
    return [Tag(TagId(id_), f"{id_}", 1, name, "plant", name, unit="degC") for id_, name in names]


async def _write(folder: Path) -> Position:
    journal = SqliteJournal.open(folder / "journal.db", flush_interval_s=0.02)
    await journal.append(*(TagDefined(tag, detect.T0) for tag in _tags()))
    last = START
    with ChunkStore.open(folder / "history") as store:
        for second, entry in enumerate(detect.entries_of(detect.UNITS, SECONDS)):
            store.write(last := await journal.append(entry), entry)
            if second % 5 == 0:
                now_ns = detect.T0 + second * detect.SECOND
                last = await journal.append(Heartbeat("plant", now_ns, connected=True, heard_ns=now_ns, skew_ns=0))
        store.seal()
    await journal.trim(last)
    journal.close()
    return last


def _replay(folder: Path, last: Position) -> tuple[float, int, float]:
    journal = ReadOnlyJournal(folder / "journal.db")
    history = HistoryView(folder / "history", journal)
    merged = MergedJournal(journal, folder / "history")
    said = Said()
    judge = judge_of(detect.rulebook_of(detect.UNITS), Record(history, journal, lambda: last), said)
    started_s, read_s = time.process_time(), 0.0
    entries = merged.entries(START, last)
    while True:
        before_s = time.process_time()
        found = next(entries, None)
        read_s += time.process_time() - before_s
        if found is None:
            break
        judge.take(*found)
    cpu_s = time.process_time() - started_s
    merged.close()
    history.close()
    journal.close()
    return cpu_s, len(said.findings), read_s
