"""Rows `latency_…`: from the server's socket to the event stream, the oldest value of each flush, at 5,000 values/s.

The real service as its own processes, a server that sends 500 values every 100 ms and stamps each with the moment of
sending, and a client on `/v1/stream`. The last row has 20 clients, and a query of ten million rows at the same time.
The peer is the limit of 250 ms.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from domain.samples import SampleBatch
from historian.journal import ReadOnlyJournal, SqliteJournal
from tests.acceptance.service.running import Service, until
from tests.bench.opcua import URI, _firehose
from tests.ports import free_port

LIMIT_MS = 250.0
VALUES = 500
LISTENERS = 20
PAST = "V0"  # the tag that has a history of ten million rows
HISTORY_ROWS = 10_000_000
SETTLE_S, MEASURE_S = 5.0, 15.0
T0_NS = 1_760_000_400 * 10**9


def run() -> dict[str, dict[str, object]]:
    """One service; first a single listener, then twenty and the query."""
    with tempfile.TemporaryDirectory() as name, _firehose(VALUES, "paced") as port:
        folder = Path(name)
        service = Service(_config(folder, port), int((folder / "port").read_text()))
        try:
            _with_history(service, folder)
            quiet = asyncio.run(_listen(service.port, 1, query=False))
            loaded = asyncio.run(_listen(service.port, LISTENERS, query=True))
        finally:
            service.close()
    return {
        "latency_p50": _row(quiet, 50, "one listener"),
        "latency_p99": _row(quiet, 99, "one listener"),
        "latency_under_query": _row(loaded, 99, f"{LISTENERS} listeners and a query of {HISTORY_ROWS:,} rows"),
    }


def _row(heard_ms: list[float], percentile: float, what: str) -> dict[str, object]:
    figure = float(np.percentile(heard_ms, percentile))
    note = (
        f"p{percentile:g} of {len(heard_ms)} flushes at {10 * VALUES:,} values/s, {what}; "
        f"median {np.median(heard_ms):.0f}, most {max(heard_ms):.0f} ms; peer: the limit"
    )
    return {"ours": figure, "peer": LIMIT_MS, "ratio": LIMIT_MS / figure, "unit": "ms", "note": note}


def _config(folder: Path, opcua_port: int) -> Path:
    port = free_port()
    (folder / "port").write_text(str(port))
    tags = [f'  V{i}: {{source: bench, node: "nsu={URI};s=V{i}"}}' for i in range(VALUES)]
    lines = [
        f"http: {{listen: 127.0.0.1:{port}}}",
        f'sources: {{bench: {{opcua: {{url: "opc.tcp://127.0.0.1:{opcua_port}/", publishing_interval: 100ms}}}}}}',
        "tags:",
        *tags,
    ]
    config = folder / "thermowell.yaml"
    config.write_text("\n".join(lines) + "\n")
    return config


def _with_history(service: Service, folder: Path) -> None:
    """Start once for the tags to be known, journal ten million rows of one tag, start again and let them be stored."""
    service.start()
    until(service.ready, 60)
    service.stop()
    asyncio.run(_journal_history(folder / "data" / "journal.db"))
    service.start()
    until(service.ready, 60)
    until(lambda: sum(service.get("/v1/ledger")["record"].values()) >= HISTORY_ROWS, 120)


async def _journal_history(path: Path) -> None:
    reader = ReadOnlyJournal(path)
    tag = next(tag.id for tag in reader.tags() if tag.name == PAST)
    reader.close()
    journal = SqliteJournal.open(path)
    size = 50_000
    values = np.round(60 + np.cumsum(np.random.default_rng(1).normal(0, 0.01, size)), 2)
    for first in range(0, HISTORY_ROWS, size):
        time_ns = T0_NS + (first + np.arange(size)) * 1_000_000_000
        rows = np.full(size, tag, np.uint32)
        await journal.append(SampleBatch("past", T0_NS, rows, time_ns, None, values, np.zeros(size, np.uint32)))
    journal.close()


async def _listen(port: int, listeners: int, *, query: bool) -> list[float]:
    """The latency of each flush at each listener; all of them in one process, reading raw sockets."""
    heard_ms: list[float] = []
    tasks = [asyncio.create_task(_hear(port, heard_ms)) for _ in range(listeners)]
    await asyncio.sleep(SETTLE_S)
    heard_ms.clear()
    asking = _asking(port) if query else None
    await asyncio.sleep(MEASURE_S)
    if asking is not None:
        asking.kill()
        asking.wait(10)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return heard_ms


def _asking(port: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "tests.bench.latency", "ask", str(port)])


async def _hear(port: int, heard_ms: list[float]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 24)
    writer.write(f"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: text/event-stream\r\n\r\n".encode())
    event = b""
    with contextlib.closing(writer):
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line[7:].strip()
            elif line.startswith(b"data: ") and event == b"samples":
                now_ns = time.time_ns()
                # The rows of a flush stand in their order; the first is the oldest.
                first = line.index(b'"time_ns":[') + 11
                heard_ms.append((now_ns - int(line[first : first + 19])) / 1e6)


def ask(port: int) -> None:
    """Ask for ten million rows, again and again."""
    path = f"/v1/samples?tag={PAST}&start={T0_NS}&end={T0_NS + 10**17}&limit={HISTORY_ROWS}"
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
            while answer.read(1 << 20):
                pass


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        ask(int(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=1))
