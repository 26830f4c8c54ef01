"""The chunk store beside DuckDB, on the same rows: writing, bytes, and three questions.

The peer's table is kept sorted by tag and time and free of duplicates: every hour's rows are sorted, compared with
what late rows may repeat, and inserted. Ours has the journal in front of it, the peer has none; ours keeps and gives
back each row's place in the journal, the peer does not.
"""

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from domain.entries import START, Position
from domain.ports import Delivery
from domain.samples import SampleBatch
from historian.chunks.store import ChunkStore
from historian.journal import SqliteJournal
from tests.bench import workload
from tests.bench.workload import HOUR_NS, T0_NS, Arrivals

Row = dict[str, object]

ENTRY_ROWS = 10_000
PEER_BATCH_ROWS = 100_000  # the peer's best
ROUNDS = 3
QUERIES = 60
TURN, WARMING = 10, 3
DAY_NS = 24 * HOUR_NS
BUCKETS = 1000


@dataclass(frozen=True)
class Written:
    """How one store took all rows."""

    rows: int
    wall_s: float
    cpu_s: float
    bytes: int

    @property
    def rate(self) -> float:
        return self.rows / self.wall_s

    @property
    def cpu_us(self) -> float:
        return self.cpu_s / self.rows * 1e6


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix="thermowell-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def run() -> dict[str, Row]:
    """All rows of the table."""
    return {**written(), **unshared(), **questions()}


def written() -> dict[str, Row]:
    """`store_ingest`, `store_bytes` and `store_latest`: 1,000 tags at 1 Hz for 3 h."""
    arrivals = list(workload.hours(3))
    ours, peers, latest = [], [], []
    for _ in range(ROUNDS):
        with scratch() as path:
            ours.append(asyncio.run(_write_ours(path, arrivals)))
            latest.append(_ask_latest(path))
        with scratch() as path:
            peers.append(_write_peer(path / "peer.duckdb", arrivals))
    best, peer = max(ours, key=lambda one: one.rate), max(peers, key=lambda one: one.rate)
    cpu_us = min(one.cpu_us for one in ours)
    our_ms, peer_ms = (statistics.median(times) for times in zip(*latest, strict=True))
    each = ", ".join(f"{one.rate / 1e6:.2f} M/s at {one.cpu_us:.2f} µs" for one in ours)
    return {
        "store_ingest": _row(
            best.rate,
            peer.rate,
            best.rate / peer.rate,
            "rows/s",
            f"{best.rows:,} rows; ours {cpu_us:.3f} µs CPU/row with journal, seal and last checkpoint, entries of "
            f"{ENTRY_ROWS} rows; DuckDB {duckdb.__version__} {peer.cpu_us:.2f} µs, no journal; best of {ROUNDS} "
            f"interleaved ({each})",
        ),
        "store_bytes": _row(
            best.bytes / best.rows,
            peer.bytes / peer.rows,
            peer.bytes / best.bytes,
            "bytes/sample",
            "all files of history/ after sealing; times shared by 20 tags; 4-byte status, positions kept",
        ),
        "store_latest": _row(
            our_ms, peer_ms, peer_ms / our_ms, "ms", f"latest of 1,000 tags, warm, median of {QUERIES}"
        ),
    }


def unshared() -> dict[str, Row]:
    """`store_bytes_unshared`: no two tags share a time."""
    arrivals = list(workload.hours(3, 200, shared_times=False))
    with scratch() as path:
        ours = asyncio.run(_write_ours(path, arrivals, journal=False))
        peer = _write_peer(path / "peer.duckdb", arrivals)
    return {
        "store_bytes_unshared": _row(
            ours.bytes / ours.rows,
            peer.bytes / peer.rows,
            peer.bytes / ours.bytes,
            "bytes/sample",
            f"200 tags, each with a phase and jitter of its own; {ours.rows:,} rows",
        )
    }


def questions() -> dict[str, Row]:
    """`store_buckets` and `store_raw`: 60 tags at 1 Hz for 24 h, asked in turn."""
    arrivals = list(workload.hours(24, 60))
    with scratch() as path:
        asyncio.run(_write_ours(path, arrivals, journal=False))
        _write_peer(path / "peer.duckdb", arrivals)
        chosen = random.Random(1)
        tags = [chosen.randrange(60) for _ in range(QUERIES)]
        hours = [T0_NS + chosen.randrange(22 * 3600) * 10**9 for _ in range(QUERIES)]
        with (
            ChunkStore.open(path / "history") as store,
            duckdb.connect(path / "peer.duckdb", read_only=True) as peer,
        ):
            buckets = _race(
                [lambda tag=tag: store.aggregate(tag, T0_NS, T0_NS + DAY_NS, BUCKETS) for tag in tags],
                [lambda tag=tag: _peer_buckets(peer, tag) for tag in tags],
            )
            raw = _race(
                [
                    lambda tag=tag, start=start: store.read(tag, start, start + HOUR_NS)
                    for tag, start in zip(tags, hours, strict=True)
                ],
                [
                    lambda tag=tag, start=start: _peer_raw(peer, tag, start)
                    for tag, start in zip(tags, hours, strict=True)
                ],
            )
            _check_equal(store, peer, tags[0])
    return {
        "store_buckets": _row(
            *buckets,
            buckets[1] / buckets[0],
            "ms",
            f"24 h of one tag to {BUCKETS} exact buckets, warm, median of {QUERIES} interleaved",
        ),
        "store_raw": _row(
            *raw, raw[1] / raw[0], "ms", f"1 h of one tag, raw (ours with positions), warm, median of {QUERIES}"
        ),
    }


async def _write_ours(path: Path, arrivals: Sequence[Arrivals], *, journal: bool = True) -> Written:
    entries = [entry for hour in arrivals for entry in workload.batches(hour, ENTRY_ROWS)]
    rows = sum(map(len, entries))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    store = ChunkStore.open(path / "history")
    if journal:
        await _through_journal(path / "journal.db", entries, store)
    else:
        for at, entry in enumerate(entries, 1):
            store.write(Position(at), entry)
            store.flush()
    store.seal()
    store.close()
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return Written(rows, wall_s, cpu_s, _size(path / "history"))


async def _through_journal(path: Path, entries: Sequence[SampleBatch], store: ChunkStore) -> None:
    """Submit as a source does, follow as the store's follower does, both at once."""
    journal = SqliteJournal.open(path, flush_interval_s=0.1)
    rows = sum(map(len, entries))

    async def submit() -> None:
        for entry in entries:
            await journal.room()
            journal.submit(Delivery(entry.source, (entry,), len(entry), lambda: None))
            await asyncio.sleep(0)

    sending = asyncio.create_task(submit())
    async for at, entry in journal.follow(START):
        assert isinstance(entry, SampleBatch)
        await asyncio.to_thread(_take, store, at, entry)
        rows -= len(entry)
        if not rows:
            break
    await sending
    journal.close()


def _take(store: ChunkStore, at: Position, entry: SampleBatch) -> None:
    store.write(at, entry)
    store.flush()


def _write_peer(path: Path, arrivals: Sequence[Arrivals]) -> Written:
    rows = sum(map(len, arrivals))
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    columns = "tag USMALLINT, time BIGINT, value DOUBLE, status UINTEGER"
    with duckdb.connect(path) as peer:
        peer.execute("SET enable_progress_bar = false")
        peer.execute(f"CREATE TABLE samples({columns}); CREATE TABLE fresh({columns})")
        border_ns = T0_NS
        for hour in arrivals:
            for start in range(0, len(hour), PEER_BATCH_ROWS):
                part = hour.at(slice(start, start + PEER_BATCH_ROWS))
                batch = pa.table({"tag": part.tag, "time": part.time_ns, "value": part.value, "status": part.status})
                peer.register("batch", batch)
                peer.execute("INSERT INTO fresh SELECT * FROM batch")
            # Only rows from before the hour can repeat what is in the table already.
            peer.execute(
                "INSERT INTO samples SELECT DISTINCT * FROM fresh f WHERE time >= ? OR NOT EXISTS (SELECT 1 FROM "
                "samples s WHERE s.time >= ? AND s.tag = f.tag AND s.time = f.time AND s.value = f.value AND "
                "s.status = f.status) ORDER BY tag, time",
                [border_ns, border_ns - HOUR_NS],
            )
            peer.execute("DELETE FROM fresh")
            border_ns += HOUR_NS
        peer.execute("DROP TABLE fresh")
        peer.execute("CHECKPOINT")
    wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    return Written(rows, wall_s, cpu_s, _compact_size(path))


def _compact_size(path: Path) -> int:
    """The peer's bytes without the room of the table that was dropped: its own copy of the file."""
    copy = path.with_suffix(".copy")
    with duckdb.connect() as peer:
        peer.execute("SET enable_progress_bar = false")
        peer.execute(f"ATTACH '{path}' AS old (READ_ONLY); ATTACH '{copy}' AS new; COPY FROM DATABASE old TO new")
    size = copy.stat().st_size
    copy.unlink()
    return size


def _ask_latest(path: Path) -> tuple[float, float]:
    """Median ms of ours and of the peer, which is made of the same rows by reading ours."""
    tags = list(range(workload.TAGS))
    with ChunkStore.open(path / "history") as store, duckdb.connect() as peer:
        peer.execute("CREATE TABLE samples(tag USMALLINT, time BIGINT, value DOUBLE, status UINTEGER)")
        for tag in tags:
            rows = store.read(tag, T0_NS - HOUR_NS, T0_NS + DAY_NS)
            table = pa.table(
                {
                    "tag": np.full(len(rows), tag, np.uint16),
                    "time": rows.time_ns,
                    "value": rows.value,
                    "status": rows.status,
                }
            )
            peer.register("part", table)
            peer.execute("INSERT INTO samples SELECT * FROM part")
        question = (
            "SELECT tag, max(time), arg_max(value, time), arg_max(status, time) FROM samples GROUP BY tag ORDER BY tag"
        )
        return _race([lambda: store.latest(tags)] * QUERIES, [lambda: peer.execute(question).fetchnumpy()] * TURN)


def _peer_buckets(peer: duckdb.DuckDBPyConnection, tag: int) -> object:
    width = -(-DAY_NS // BUCKETS)
    return peer.execute(
        f"SELECT (time - {T0_NS}) // {width} AS bucket, arg_min(value, time) FILTER (good), min(value) FILTER (good), "
        "max(value) FILTER (good), arg_max(value, time) FILTER (good), avg(value) FILTER (good), "
        "count(*) FILTER (good), count(*) FILTER (NOT good) FROM (SELECT time, value, status < 2147483648 AND "
        f"isfinite(value) AS good FROM samples WHERE tag = {tag} AND time >= {T0_NS} AND time < {T0_NS + DAY_NS}) "
        "GROUP BY bucket ORDER BY bucket"
    ).fetchnumpy()


def _peer_raw(peer: duckdb.DuckDBPyConnection, tag: int, start_ns: int) -> object:
    return peer.execute(
        f"SELECT time, value, status FROM samples WHERE tag = {tag} AND time >= {start_ns} AND "
        f"time < {start_ns + HOUR_NS} ORDER BY time"
    ).fetchnumpy()


def _check_equal(store: ChunkStore, peer: duckdb.DuckDBPyConnection, tag: int) -> None:
    """A race between different answers would say nothing."""
    ours, theirs = store.aggregate(tag, T0_NS, T0_NS + DAY_NS, BUCKETS), _peer_buckets(peer, tag)
    assert isinstance(theirs, dict)
    columns = list(theirs.values())
    mine = (ours.first, ours.minimum, ours.maximum, ours.last, ours.mean, ours.count, ours.bad)
    for one, other in zip(mine, columns[1:], strict=True):
        np.testing.assert_allclose(one, np.ma.filled(np.ma.asarray(other, np.float64), np.nan), rtol=1e-12)


def _race(ours: Sequence[Callable[[], object]], theirs: Sequence[Callable[[], object]]) -> tuple[float, float]:
    """The median ms of each side, warm: all was asked once before. They take turns of ten questions, of which the first
    three do not count, because the other side has just had the processor's caches.
    """
    for question in (*ours, *theirs):
        question()
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(0, max(len(ours), len(theirs)), TURN):
        for side, asked in enumerate((ours, theirs)):
            for number, question in enumerate(asked[turn : turn + TURN]):
                started_s = time.perf_counter()
                question()
                if number >= WARMING:
                    times[side].append((time.perf_counter() - started_s) * 1e3)
    return statistics.median(times[0]), statistics.median(times[1])


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


def _row(ours: float, peer: float, ratio: float, unit: str, note: str) -> Row:
    return {"ours": ours, "peer": peer, "ratio": ratio, "unit": unit, "note": note}
