"""Grafana's refresh of six panels on 24 h of 20 tags at 1 s: the server's CPU, ours and InfluxDB's on the same rows.

Both serve over HTTP from a process of their own; CPU is what that process used. Without an InfluxDB
(THERMOWELL_TEST_INFLUX_URL, _TOKEN, _ORG) the peer is a limit: 0.5 s of CPU, so that a refresh every 5 s takes a tenth
of a core.
"""

import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np

from api.app import create_app
from api.dependencies import Dependencies
from api.serve import serve
from api.stream import Feed
from domain.entries import Position, TagDefined
from domain.samples import SampleBatch
from domain.tags import Tag, TagId
from domain.time import DAY_NS, SECOND_NS
from historian.chunks.store import ChunkStore
from historian.line_protocol import LineProtocol
from tests.fakes import JournalInMemory, RecordsInMemory, SetClock

Row = dict[str, object]

START_NS = 1_772_323_200 * SECOND_NS  # 2026-03-01
TAGS = [Tag(TagId(k), f"u{k}", 1, f"R1.T{k:02}", "train", f"nsu=x;s={k}") for k in range(20)]
PART = 600  # seconds an entry
REFRESHES = 7
LIMIT_S = 0.5
BUCKET = "thermowell-influxql-bench"
SPAN = f"time >= {START_NS // 10**6}ms and time <= {(START_NS + DAY_NS) // 10**6 - 1}ms"
PANELS = (
    f'SELECT mean("value") FROM "bench" WHERE {SPAN} GROUP BY time(1m), "tag" fill(null)',
    f'SELECT min("value"), max("value") FROM "bench" WHERE {SPAN} GROUP BY time(1m), "tag" fill(null)',
    f'SELECT last("value") FROM "bench" WHERE {SPAN} GROUP BY time(5m), "tag" fill(previous)',
    f'SELECT count("value") FROM "bench" WHERE {SPAN} GROUP BY time(5m), "tag" fill(none)',
    f'SELECT mean("value") FROM "bench" WHERE "tag" =~ /^R1\\.T0[0-3]$/ AND {SPAN} GROUP BY time(30s), "tag" fill(none)',
    f'SELECT last("value"), "status" FROM "bench" WHERE {SPAN} GROUP BY "tag"',
)


def batches() -> list[SampleBatch]:
    """A day of slow drifts and noise, rounded to 0.01; each tag twice Bad for 20 s."""
    rng = np.random.default_rng(3)
    seconds = DAY_NS // SECOND_NS
    values = np.round(50 + np.cumsum(rng.normal(0, 0.02, (seconds, len(TAGS))), axis=0) + rng.normal(0, 0.05, (seconds, len(TAGS))), 2)  # fmt: skip
    status = np.zeros(values.shape, np.uint32)
    for tag in range(len(TAGS)):
        for start in rng.integers(0, seconds - 20, 2):
            status[start : start + 20, tag] = 0x808C_0000
    tags = np.tile(np.arange(len(TAGS), dtype=np.uint32), PART)
    made = []
    for first in range(0, seconds, PART):
        times = np.repeat(START_NS + np.arange(first, first + PART) * SECOND_NS, len(TAGS))
        part = slice(first, first + PART)
        made.append(SampleBatch("train", 0, tags, times, None, values[part].ravel(), status[part].ravel()))
    return made


def run() -> dict[str, Row]:
    """Median CPU of a refresh."""
    with tempfile.TemporaryDirectory() as folder:
        with ChunkStore.open(Path(folder) / "history") as store:
            for at, batch in enumerate(batches(), start=1):
                store.write(Position(at), batch)
            store.flush(everything=True)
        ours_s, wall_s = asyncio.run(_ours(Path(folder)))
    names = [os.environ.get(f"THERMOWELL_TEST_INFLUX_{name}", "") for name in ("URL", "TOKEN", "ORG")]
    note = f"{wall_s * 1000:.0f} ms until all six are answered"
    if not all(names):
        return {"influxql": _row(ours_s, LIMIT_S, f"peer is the limit: no InfluxDB was given; {note}")}
    theirs_s, their_wall_s = asyncio.run(_theirs(*names))
    return {"influxql": _row(ours_s, theirs_s, f"peer is InfluxDB; {note}, InfluxDB {their_wall_s * 1000:.0f} ms")}


def _row(ours_s: float, peer_s: float, note: str) -> Row:
    unit = "s CPU of the server, six panels"
    return {"ours": ours_s, "peer": peer_s, "ratio": peer_s / ours_s, "unit": unit, "note": note}


async def _ours(folder: Path) -> tuple[float, float]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, "-m", "tests.bench.influxql", str(folder), str(listening.fileno())]
        server = subprocess.Popen(command, pass_fds=[listening.fileno()])  # noqa: ASYNC220 - nothing else runs yet
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/influx", timeout=60) as client:
            return await _refreshed(client, "thermowell", lambda: _cpu_of(server.pid))
    finally:
        server.terminate()
        server.wait(30)


async def _theirs(url: str, token: str, org: str) -> tuple[float, float]:
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=120) as client:
        await _mirrored(client, org)
        pid = _listener(int(client.base_url.port or 80))
        return await _refreshed(client, BUCKET, lambda: _cpu_of(pid))


def _listener(port: int) -> int:
    """The process of this machine that listens at a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and int(row[1].partition(":")[2], 16) == port}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if str(link.readlink()) in inodes:
                return int(link.parts[2])
    raise LookupError(f"nobody whose CPU can be read listens at port {port} of this machine")


async def _mirrored(client: httpx.AsyncClient, org: str) -> None:
    """The same rows in a bucket of this benchmark's own."""
    orgs = (await client.get("/api/v2/orgs", params={"org": org})).json()["orgs"]
    for bucket in (await client.get("/api/v2/buckets", params={"name": BUCKET})).json().get("buckets", []):
        await client.delete(f"/api/v2/buckets/{bucket['id']}")
    await client.post("/api/v2/buckets", json={"orgID": orgs[0]["id"], "name": BUCKET, "retentionRules": []})
    protocol = LineProtocol("bench", TAGS, {})
    for batch in batches():
        where = {"org": org, "bucket": BUCKET, "precision": "ns"}
        (await client.post("/api/v2/write", params=where, content=protocol.render(batch).body)).raise_for_status()
    await asyncio.sleep(10)  # what it does after writing is not the queries'


async def _refreshed(client: httpx.AsyncClient, database: str, used: Callable[[], float]) -> tuple[float, float]:
    """Median CPU and time of a refresh; the first, which reads cold files, does not count."""
    for _ in range(200):
        try:
            await client.get("/ping")
            break
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
    figures = []
    for _ in range(REFRESHES + 1):
        before_s, began_s = used(), time.perf_counter()
        asked = ({"db": database, "epoch": "ms", "q": panel} for panel in PANELS)
        answers = await asyncio.gather(*(client.get("/query", params=parameters) for parameters in asked))
        wall_s = time.perf_counter() - began_s
        figures.append((used() - before_s, wall_s))
        assert [len(answer.json()["results"][0]["series"]) for answer in answers] == [20, 20, 20, 20, 4, 20]
    return tuple(statistics.median(column) for column in zip(*figures[1:], strict=True))


def _cpu_of(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _served(folder: Path, listening: socket.socket) -> None:
    journal, clock, records = JournalInMemory(), SetClock(START_NS + DAY_NS), RecordsInMemory()
    journal.put(*(TagDefined(tag, START_NS) for tag in TAGS))
    with ChunkStore.open(folder / "history") as store:
        feed = Feed(journal, records, clock)
        deps = Dependencies("bench", "0", clock, store, journal, records, feed)
        await serve(create_app(deps), "", 0, sockets=[listening])


if __name__ == "__main__":
    asyncio.run(_served(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2]))))
