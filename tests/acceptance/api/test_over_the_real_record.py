"""The interface over the real journal, store and records, as the web process has them."""

import asyncio
from pathlib import Path

import httpx
import numpy as np

from api.app import create_app
from api.dependencies import Dependencies
from api.stream import Feed
from domain.entries import TagDefined
from domain.samples import SampleBatch
from domain.time import HOUR_NS, SECOND_NS
from historian.chunks.store import ChunkStore
from historian.journal.reader import ReadOnlyJournal
from historian.journal.writer import SqliteJournal
from historian.view import HistoryView
from records.database import SqlRecords
from tests.fakes import SetClock
from tests.unit.api.conftest import NOW_NS, RULEBOOK, TAGS

ROWS = 40_000


def a_batch(first: int, rows: int) -> SampleBatch:
    times = NOW_NS - HOUR_NS + np.arange(first, first + rows, dtype=np.int64) * (SECOND_NS // 20)
    nothing = np.zeros(rows, np.uint32)
    return SampleBatch("train1", NOW_NS, nothing, times, None, np.arange(first, first + rows, dtype=float), nothing)


async def test_rows_are_the_same_sealed_or_still_in_the_journal(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "journal.db")
    store = ChunkStore.open(tmp_path / "history")
    records = SqlRecords.open(tmp_path / "records.db")
    await journal.append(*(TagDefined(tag, NOW_NS) for tag in TAGS))
    for first in range(0, ROWS, 10_000):
        batch = a_batch(first, 10_000)
        position = await journal.append(batch)
        if first < ROWS // 2:
            store.write(position, batch)
    store.flush(everything=True)
    reader = ReadOnlyJournal(tmp_path / "journal.db")
    history = HistoryView(tmp_path / "history", reader)
    clock = SetClock(NOW_NS)
    feed = Feed(reader, records, clock, refresh=history.refresh)
    deps = Dependencies("demo", "0", clock, history, reader, records, feed, RULEBOOK, quarantine=reader.quarantined)

    await feed.start()
    app = create_app(deps)
    ask = {"tag": "R101.TT", "start": "-1h", "end": "now"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        samples, *others = await asyncio.gather(
            client.get("/v1/samples", params=ask),
            client.get("/v1/aggregates", params={**ask, "buckets": 10}),
            *(client.get(f"/v1/{name}") for name in ("latest", "tags", "alarms", "batches", "findings", "holds")),
            *(client.get(f"/v1/{name}") for name in ("gaps", "ledger", "notices", "quarantine")),
            client.get("/v1/bands", params={"tag": "R101.TT"}),
        )
    feed.shut()
    for opened in (history, reader, records, store, journal):
        opened.close()

    assert [other.status_code for other in others] == [200] * len(others)
    assert samples.json()["value"] == [float(n) for n in range(ROWS)]
    assert sum(others[0].json()["count"]) == ROWS
