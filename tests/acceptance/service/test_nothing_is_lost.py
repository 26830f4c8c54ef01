"""Kill -9, cuts and blackholes while counters stream in: every value is in the record once, or inside a gap."""

import collections
import random
import time
from pathlib import Path

import pytest

from domain.tags import TagTable
from historian.journal.reader import ReadOnlyJournal
from historian.view import HistoryView
from tests.acceptance.service.running import MOSQUITTO, Service, broker, python_process, service, until
from tests.ports import free_port

TAGS = 5
PUBLISHING_INTERVAL_S = 0.2
TRIAL_S = 4.0
"""A server may take our subscription's transfer and stay silent (asyncua does): so long until the stand-by takes over."""
LONGEST_NS = 2**62

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed; the broker's part cannot run")


def configuration(folder: Path, opcua_port: int, mqtt_port: int, http_port: int) -> Path:
    tags = "\n".join(f'  C{tag}: {{source: opc, node: "nsu=urn:example:counters;s=C{tag}"}}' for tag in range(TAGS))
    file = folder / "thermowell.yaml"
    file.write_text(
        f"""\
site: counters
http: {{listen: 127.0.0.1:{http_port}}}
sources:
  opc:
    opcua: {{url: "opc.tcp://127.0.0.1:{opcua_port}/", publishing_interval: 200ms}}
  floor:
    mqtt: {{url: "mqtt://127.0.0.1:{mqtt_port}", topics: [count/#]}}
tags:
{tags}
  timed: {{source: floor, topic: count/timed, value: /v, time: /t, time_unit: us}}
  bare: {{source: floor, topic: count/bare}}
""",
    )
    return file


class Evidence:
    """What the record, the gaps and the ledger say after everything has stopped."""

    def __init__(self, folder: Path) -> None:
        self.journal = ReadOnlyJournal(folder / "data" / "journal.db")
        self.history = HistoryView(folder / "data" / "history", self.journal)
        self.history.refresh()
        self.tags = TagTable(self.journal.tags())

    def values(self, name: str) -> dict[float, int]:
        """How often each value of a tag is in the record."""
        rows = self.history.read(self.tags.named(name).id, 0, LONGEST_NS, versions=True)
        return collections.Counter(rows.value.tolist())

    def gaps(self, source: str, tag: str | None = None) -> list[tuple[int, int]]:
        dense = None if tag is None else self.tags.named(tag).id
        found = self.journal.gaps(source, dense, 0, LONGEST_NS, 10_000)
        return [(gap.start_ns, LONGEST_NS if gap.end_ns is None else gap.end_ns) for gap in found]


def written(truth: Path) -> dict[str, list[tuple[int, int]]]:
    """What the server gave to each node: (value, time)."""
    values = collections.defaultdict(list)
    for line in truth.read_text().splitlines():
        name, value, time_ns = line.split()
        values[name].append((int(value), int(time_ns)))
    return values


def published(truth: Path) -> dict[str, list[int]]:
    """What the broker took of each topic."""
    values = collections.defaultdict(list)
    for line in truth.read_text().splitlines():
        topic, value = line.split()
        values[topic].append(int(value))
    return values


def storm(running: Service, kills: int, seed: int, soonest_s: float) -> float:
    """Kill at random moments; the seconds that the service was not up."""
    dice = random.Random(seed)
    down_s = 0.0
    for _ in range(kills):
        time.sleep(dice.uniform(soonest_s, TRIAL_S + 3))
        killed_s = time.monotonic()
        running.kill()
        running.start()
        until(running.ready)
        down_s += time.monotonic() - killed_s
    return down_s


def check_mqtt(evidence: Evidence, truth: Path) -> None:
    """Every message that the broker took is in the record exactly once, with and without a time of its own."""
    for topic, values in published(truth).items():
        found = evidence.values(topic.removeprefix("count/"))
        twice = {value: count for value, count in found.items() if count > 1}
        missing = [value for value in values if value not in found]

        assert (twice, missing) == ({}, []), topic


def check_opcua(evidence: Evidence, truth: Path, since_ns: int, until_ns: int) -> None:
    """Every value given to a node is in the record exactly once, or lies inside a gap."""
    for name, values in written(truth).items():
        found = evidence.values(name)
        gaps = evidence.gaps("opc", name)
        twice = {value: count for value, count in found.items() if count > 1}
        unexplained = [
            (value, time_ns)
            for value, time_ns in values
            if since_ns < time_ns < until_ns and value not in found and not any(a <= time_ns <= b for a, b in gaps)
        ]

        assert (twice, unexplained) == ({}, []), name


def check_ledger(evidence: Evidence) -> None:
    """Received is journaled, quarantined or redelivered; nothing is left over."""
    for line in evidence.journal.ledger():
        assert line.received == line.journaled + line.quarantined + line.redelivered, line
        assert line.unaccounted == 0, line


def run_storm(folder: Path, kills: int, seed: int, soonest_s: float) -> None:
    opcua_port, mqtt_port, http_port = free_port(), free_port(), free_port()
    config = configuration(folder, opcua_port, mqtt_port, http_port)
    nodes, messages = folder / "nodes.txt", folder / "messages.txt"
    with (
        broker(folder / "broker", mqtt_port),
        python_process("tests.acceptance.service.counter_server", str(opcua_port), str(TAGS), str(nodes)),
        service(config, http_port) as running,
    ):
        running.start()
        until(running.ready)
        until(lambda: len(running.get("/v1/latest")["latest"]) >= TAGS)
        since_ns = time.time_ns()
        with python_process("tests.acceptance.service.counter_publisher", str(mqtt_port), str(messages)):
            down_s = storm(running, kills, seed, soonest_s)
            time.sleep(2 * TRIAL_S)
        time.sleep(2)
        until_ns = time.time_ns() - 10**9
        assert running.stop() == 0
        evidence = Evidence(folder)
        check_mqtt(evidence, messages)
        check_opcua(evidence, nodes, since_ns, until_ns)
        check_ledger(evidence)
        gap_s = sum(min(b, time.time_ns()) - max(a, since_ns) for a, b in evidence.gaps("opc") if b > since_ns) / 1e9
        if soonest_s >= TRIAL_S:
            assert gap_s <= down_s + kills * (2 * PUBLISHING_INTERVAL_S)


def test_five_kills_lose_nothing_and_double_nothing(tmp_path):
    run_storm(tmp_path, kills=5, seed=1, soonest_s=TRIAL_S)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_thirty_kills_lose_nothing_and_double_nothing(tmp_path):
    run_storm(tmp_path, kills=30, seed=2, soonest_s=0.2)
