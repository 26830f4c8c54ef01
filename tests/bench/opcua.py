"""Rows `opcua_receive…`: CPU per value from the socket to the committed journal, against stock asyncua's iterator.

The server (`thermowell bench firehose`) answers every Publish at once over a real channel. The peer takes the same
messages with asyncua's subscription iterator and throws the values away. Both run in turns, each in a process of its own.
"""

import asyncio
import contextlib
import json
import logging
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from service.clock import SystemClock

ROWS = {
    "opcua_receive": (1000, "double"),
    "opcua_receive_100": (100, "double"),
    "opcua_receive_10000": (10_000, "double"),
    "opcua_receive_mixed": (1000, "mixed"),
}
URI = "urn:thermowell:firehose"
LOADS = {  # one scan a message, each a second later than the one before, or ten a second with the clock's times
    "double": ["--rate", "0", "--step", "1"],
    "mixed": ["--rate", "0", "--step", "1", "--mixed"],
    "paced": ["--rate", "{paced}"],
}
SETTLE_S = 1.5
MEASURE_S = 2.5
REPETITIONS = 3


def run(names: list[str] | None = None) -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make a row."""
    return {name: _row(*ROWS[name]) for name in names or ROWS}


def _row(values: int, kind: str) -> dict[str, object]:
    figures: dict[str, list[dict[str, float]]] = {"ours": [], "stock": []}
    with tempfile.TemporaryDirectory() as folder, _firehose(values, kind) as port:
        for _ in range(REPETITIONS):
            for mode, measured in figures.items():
                measured.append(_receive(mode, port, values, Path(folder)))
    middle = REPETITIONS // 2
    ours, stock = (sorted(item["us"] for item in measured)[middle] for measured in figures.values())
    rates = [round(sorted(item["rate"] for item in measured)[middle]) for measured in figures.values()]
    pairs = sorted(b["us"] / a["us"] for a, b in zip(figures["ours"], figures["stock"], strict=True))
    note = (
        f"{values:,} {kind} values a message; median of {REPETITIONS} turns of {MEASURE_S:g} s, "
        f"ratios {pairs[0]:.0f}…{pairs[-1]:.0f}; {rates[0]:,} and {rates[1]:,} values/s"
    )
    return {"ours": ours, "peer": stock, "ratio": stock / ours, "unit": "µs CPU/value", "note": note}


@contextlib.contextmanager
def _firehose(values: int, kind: str):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    load = [word.format(paced=10 * values) for word in LOADS[kind]]
    command = [sys.executable, "-m", "simulators.servers.firehose", "--port", str(port), "--tags", str(values), *load]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        if '"ready": true' not in process.stdout.readline():
            raise RuntimeError("the server did not start")
        yield port
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def _receive(mode: str, port: int, values: int, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.opcua", mode, str(port), str(values), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


async def receive_ours(port: int, values: int, folder: Path) -> None:
    """Our source into the real journal."""
    from collector.opcua.settings import OpcUaSettings
    from collector.opcua.source import OpcUaSource
    from domain.tags import Tag, TagId
    from historian.journal import SqliteJournal

    journal = SqliteJournal.open(Path(tempfile.mkdtemp(dir=folder)) / "journal.db")
    tags = [Tag(TagId(i), f"uuid-{i}", 1, f"V{i}", "bench", f"nsu={URI};s=V{i}") for i in range(values)]
    settings = OpcUaSettings("bench", f"opc.tcp://127.0.0.1:{port}/", publishing_interval_ns=100_000_000)
    source = OpcUaSource(settings, tags, SystemClock(), None)

    async def collect() -> None:
        async for delivery in source.deliveries():
            await journal.room()
            journal.submit(delivery)

    task = asyncio.create_task(collect())
    await asyncio.sleep(SETTLE_S)
    while not journal.ledger():  # noqa: ASYNC110  # nothing tells of the first commit
        await asyncio.sleep(0.1)
    before, cpu_s, wall_s = journal.ledger()[0].journaled, time.process_time(), time.perf_counter()
    await asyncio.sleep(MEASURE_S)
    _tell(journal.ledger()[0].journaled - before, cpu_s, wall_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    journal.close()


async def receive_stock(port: int, values: int) -> None:
    """asyncua's subscription as an iterator, its queue large enough to drop nothing."""
    from asyncua import Client, ua

    client = Client(f"opc.tcp://127.0.0.1:{port}/", timeout=30, watchdog_intervall=60)
    await client.connect()
    parameters = ua.CreateSubscriptionParameters(
        RequestedPublishingInterval=100,
        RequestedLifetimeCount=3000,
        RequestedMaxKeepAliveCount=20,
        MaxNotificationsPerPublish=0,
        PublishingEnabled=True,
    )
    subscription = await client.create_subscription(parameters, None, queue_maxsize=100_000)
    index = await client.get_namespace_index(URI)
    await subscription.subscribe_data_change([client.get_node(ua.NodeId(f"V{tag}", index)) for tag in range(values)])
    count = 0

    async def consume() -> None:
        nonlocal count
        async for _ in subscription:
            count += 1

    task = asyncio.create_task(consume())
    await asyncio.sleep(SETTLE_S)
    before, cpu_s, wall_s = count, time.process_time(), time.perf_counter()
    await asyncio.sleep(MEASURE_S)
    _tell(count - before, cpu_s, wall_s)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    client.uaclient.disconnect_socket()


def _tell(values: int, cpu_s: float, wall_s: float) -> None:
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({"us": 1e6 * cpu_s / max(values, 1), "rate": values / wall_s}), flush=True)


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    match sys.argv[1:]:
        case ["ours", port, values, folder]:
            asyncio.run(receive_ours(int(port), int(values), Path(folder)))
        case ["stock", port, values, _]:
            asyncio.run(receive_stock(int(port), int(values)))
        case names:
            print(json.dumps(run(names), indent=1, ensure_ascii=False))
