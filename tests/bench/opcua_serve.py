"""Row `opcua_serve`: values that reach a subscriber per CPU-second of the server, against a stock asyncua server.

The subscriber is the service's own source with its journal, the same for both, in a process of its own. The firehose
answers as fast as it is asked. The stock server writes a new value to each of its nodes twice a second with its usual
calls: faster than that it is saturated and loses values, which would only make it look worse.
"""

import asyncio
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TAGS = 1000
INTERVAL_S = 0.1
STOCK_EVERY_S = 0.5
SETTLE_S, MEASURE_S = 1.5, 4.0
REPETITIONS = 3
NAMESPACE = "urn:thermowell:firehose"


def run() -> dict[str, dict[str, object]]:
    """Measure both in turns; the medians make the row."""
    figures: dict[str, list[dict[str, float]]] = {"firehose": [], "stock": []}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(REPETITIONS):
            for mode, measured in figures.items():
                measured.append(_measure(mode, Path(folder)))
    middle = REPETITIONS // 2
    ours, stock = (sorted(each, key=lambda figure: figure["per_cpu_s"])[middle] for each in figures.values())
    note = (
        f"{TAGS:,} doubles a message; median of {REPETITIONS} turns of {MEASURE_S:g} s; "
        f"{ours['per_s']:,.0f} and {stock['per_s']:,.0f} values/s reached the subscriber; peer: stock asyncua"
    )
    row = {"ours": ours["per_cpu_s"], "peer": stock["per_cpu_s"], "ratio": ours["per_cpu_s"] / stock["per_cpu_s"]}
    return {"opcua_serve": {**row, "unit": "values per CPU-second of the server", "note": note}}


def _measure(mode: str, folder: Path) -> dict[str, float]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = {
        "firehose": ["simulators.servers.firehose", "--port", str(port), "--tags", str(TAGS), "--rate", "0"],
        "stock": ["tests.bench.opcua_serve", "serve", str(port)],
    }[mode]
    server = subprocess.Popen([sys.executable, "-m", *command], stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(server.stdout.readline())["ready"]
        return _take(port, server.pid, folder)
    finally:
        server.kill()
        server.wait(10)
        server.stdout.close()


def _take(port: int, server: int, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.opcua_serve", "take", str(port), str(server), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def _cpu_s(process: int) -> float:
    """What a process has used until now (proc(5): utime and stime)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def serve_stock(port: int) -> None:
    """asyncua's server: a node for each tag, all written once every publishing interval."""
    from asyncua import Server, ua

    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    index = await server.register_namespace(NAMESPACE)
    folder = await server.nodes.objects.add_folder(index, "Area")
    nodes = [await folder.add_variable(ua.NodeId(f"V{number}", index), f"V{number}", 0.0) for number in range(TAGS)]
    async with server:
        print(json.dumps({"ready": True}), flush=True)
        value, due_s = 0.0, time.monotonic()
        while True:
            value += 0.01
            for node in nodes:
                await server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(value, ua.VariantType.Double)))
            due_s = max(due_s + STOCK_EVERY_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())


async def take(port: int, server: int, folder: Path) -> None:
    """Our source into the real journal for a while; how many values came, and what they cost the server."""
    from collector.opcua.settings import OpcUaSettings
    from collector.opcua.source import OpcUaSource
    from domain.tags import Tag, TagId
    from historian.journal import SqliteJournal
    from service.clock import SystemClock

    journal = SqliteJournal.open(Path(tempfile.mkdtemp(dir=folder)) / "journal.db")
    tags = [Tag(TagId(i), f"uuid-{i}", 1, f"V{i}", "bench", f"nsu={NAMESPACE};s=V{i}") for i in range(TAGS)]
    settings = OpcUaSettings(
        "bench", f"opc.tcp://127.0.0.1:{port}/", publishing_interval_ns=round(INTERVAL_S * 1_000_000_000)
    )
    source = OpcUaSource(settings, tags, SystemClock(), None)

    async def collect() -> None:
        async for delivery in source.deliveries():
            await journal.room()
            journal.submit(delivery)

    task = asyncio.create_task(collect())
    while not journal.ledger():  # noqa: ASYNC110  # nothing tells of the first commit
        await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLE_S)
    before, cpu_s, wall_s = journal.ledger()[0].journaled, _cpu_s(server), time.perf_counter()
    await asyncio.sleep(MEASURE_S)
    values = journal.ledger()[0].journaled - before
    cpu_s, wall_s = _cpu_s(server) - cpu_s, time.perf_counter() - wall_s
    print(json.dumps({"per_cpu_s": values / cpu_s, "per_s": values / wall_s}), flush=True)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    journal.close()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    match sys.argv[1:]:
        case ["serve", port]:
            asyncio.run(serve_stock(int(port)))
        case ["take", port, server, folder]:
            asyncio.run(take(int(port), int(server), Path(folder)))
        case _:
            print(json.dumps(run(), indent=1, ensure_ascii=False))
