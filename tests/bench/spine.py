"""Rows `spine` and `spine_mqtt`: values per CPU-second from the socket through journal, store and detectors.

The whole core in one process, less the alarm book's people: source, journal, store follower, judge. Everything that was
received is judged, written to the store and sealed before the clock stops, so no work is left out. The peer is the limit
that the figure has to reach.
"""

import asyncio
import json
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from domain.equipment import UnitModel
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import DriftRule, Rulebook, TagRules
from domain.tags import Tag, TagId
from domain.time import SECOND_NS
from service.clock import SystemClock
from tests.bench import mqtt, opcua
from tests.bench.opcua import URI

OPCUA_LIMIT, MQTT_LIMIT = 400_000, 100_000
TAGS, UNITS = 1000, 50
FIRST_MEASURED = 1000
RUN_S = 8.0
REPETITIONS = 3


def run() -> dict[str, dict[str, object]]:
    """Both ways in, each several times; the median makes the row."""
    with tempfile.TemporaryDirectory() as folder:
        with opcua._firehose(TAGS, "double") as port:
            by_opcua = [_measure("opcua", port, folder) for _ in range(REPETITIONS)]
        with mqtt._broker(Path(folder)) as port, mqtt.firehose(port, TAGS, 1.0):
            by_mqtt = [_measure("mqtt", port, folder) for _ in range(REPETITIONS)]
    return {
        "spine": _row(by_opcua, OPCUA_LIMIT, "1,000 doubles a message over OPC UA"),
        "spine_mqtt": _row(by_mqtt, MQTT_LIMIT, "one value a message over MQTT, QoS 1"),
    }


def _row(figures: list[dict[str, float]], limit: int, what: str) -> dict[str, object]:
    figures.sort(key=lambda figure: figure["rate"])
    middle = figures[len(figures) // 2]
    note = (
        f"{what}; {TAGS} tags with ranges, fixed limits, rate, stale, frozen and drift; median of {len(figures)} "
        f"({figures[0]['rate']:,.0f}…{figures[-1]['rate']:,.0f}), {middle['values']:,.0f} values; peer: the limit to reach"
    )
    return {
        "ours": middle["rate"],
        "peer": limit,
        "ratio": middle["rate"] / limit,
        "unit": "values per CPU-second",
        "note": note,
    }


def _measure(way: str, port: int, folder: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.spine", way, str(port), folder]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=180, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def rulebook() -> Rulebook:
    """50 units of 20 parameters, each with ranges; every tag with fixed limits, rate, stale, frozen and drift."""
    roles = [f"P{index}" for index in range(TAGS // UNITS)]
    ranges = {
        RangeKind.NOR: Limits(-1e4, 1e4),
        RangeKind.VALIDATED: Limits(-2e4, 2e4),
        RangeKind.PAR: Limits(-3e4, 3e4),
    }
    phase = Phase("dose", {role: ParameterRanges(role, "", "", ranges) for role in roles})
    units = {
        f"U{unit}": UnitModel(
            f"U{unit}",
            {role: f"V{unit * len(roles) + index}" for index, role in enumerate(roles)},
            phase_tag=f"S{unit}",
            phase_map={"20": "dose"},
        )
        for unit in range(UNITS)
    }
    drift = DriftRule(60 * SECOND_NS)
    watched = {
        f"V{index}": TagRules(f"V{index}", 1e4, -1e4, 1e5, 600 * SECOND_NS, 3600 * SECOND_NS, drift)
        for index in range(TAGS)
    }
    return Rulebook(recipes={"API-1": Recipe("API-1", 1, "", {"dose": phase})}, units=units, tags=watched, hash="bench")


def tags(address: str) -> list[Tag]:
    """The phase tags first (ids below FIRST_MEASURED), then the measured ones."""
    steps = [Tag(TagId(unit), f"s{unit}", 1, f"S{unit}", "steps", f"S{unit}") for unit in range(UNITS)]
    measured = [
        Tag(TagId(FIRST_MEASURED + index), f"v{index}", 1, f"V{index}", "bench", address.format(index=index))
        for index in range(TAGS)
    ]
    return [*steps, *measured]


async def core(way: str, port: int, folder: Path) -> None:
    """Collect for a while, then let the followers finish; print the figure."""
    import numpy as np

    from alarms.book import AlarmBook
    from collector.mqtt.routes import Route
    from collector.mqtt.settings import MqttSettings
    from collector.mqtt.source import MqttSource
    from collector.opcua.settings import OpcUaSettings
    from collector.opcua.source import OpcUaSource
    from detectors.bank import Bank
    from domain.entries import TagDefined
    from domain.samples import SampleBatch
    from historian.chunks.store import ChunkStore
    from historian.journal import SqliteJournal
    from records.database import SqlRecords
    from service.judging import Judge
    from service.storing import StoreFollower

    place = Path(tempfile.mkdtemp(dir=folder))
    known = tags(f"nsu={URI};s=V{{index}}" if way == "opcua" else "firehose/t{index:03d}#/v")
    measured = known[UNITS:]
    journal = SqliteJournal.open(place / "journal.db")
    store = ChunkStore.open(place / "history")
    rules = rulebook()
    judge = Judge(
        journal,
        SqlRecords.open(place / "records.db"),
        Bank(rules, known),
        AlarmBook(rules),
        lambda _: (),
        lambda _: None,
    )
    storing = StoreFollower(journal, store, judge.passed, flush_every_s=1.0)
    if way == "opcua":
        settings = OpcUaSettings("bench", f"opc.tcp://127.0.0.1:{port}/", publishing_interval_ns=100_000_000)
        source = OpcUaSource(settings, measured, SystemClock(), None)
    else:
        routes = [Route(tag.id, mqtt.topic(index, TAGS), "/v", "/t", "ms") for index, tag in enumerate(measured)]
        session = MqttSettings(
            "bench", "127.0.0.1", f"ours-{time.time_ns()}", ("firehose/#",), port=port, session_expiry_s=5,
            receive_maximum=mqtt.RECEIVE_MAXIMUM,
        )  # fmt: skip
        source = MqttSource(session, measured, routes, SystemClock(), None)
    now_ns = time.time_ns() - 3600 * SECOND_NS
    step = np.arange(UNITS, dtype=np.uint32)
    phase = SampleBatch(
        "steps", now_ns, step, np.full(UNITS, now_ns), None, np.full(UNITS, 20.0), np.zeros(UNITS, np.uint32)
    )
    await journal.append(*(TagDefined(tag, now_ns) for tag in known), phase)
    followers = [asyncio.create_task(judge.run()), asyncio.create_task(storing.run())]

    async def collect() -> None:
        async for delivery in source.deliveries():
            await journal.room()
            journal.submit(delivery)

    cpu_s = time.process_time()
    collecting = asyncio.create_task(collect())
    await asyncio.sleep(RUN_S)
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    await asyncio.sleep(0.3)
    while min(judge.position, storing.position) < journal.last():
        await asyncio.sleep(0.05)
        for follower in followers:
            if follower.done():
                follower.result()
    store.seal()
    cpu_s = time.process_time() - cpu_s
    values = sum(line.journaled for line in journal.ledger() if line.source == "bench")
    counts = store.counts()
    assert counts["stored"] + counts["duplicates"] == values + UNITS, (counts, values)
    print(json.dumps({"rate": values / cpu_s, "values": values, "stored": counts["stored"]}), flush=True)
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    journal.close()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    match sys.argv[1:]:
        case [way, port, folder]:
            asyncio.run(core(way, int(port), Path(folder)))
        case _:
            print(json.dumps(run(), indent=1))
