"""A collecting process is killed; what it journaled is neither lost nor doubled, with and without a time."""

import contextlib
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.acceptance.mqtt.broker import Mosquitto, Publisher, needs_mosquitto
from tests.acceptance.mqtt.committing import read
from tests.patience import LIMIT_S

pytestmark = needs_mosquitto


@contextlib.contextmanager
def process(port: int, file: Path, acknowledge_until: int = -1):
    command = [sys.executable, "-m", "tests.acceptance.mqtt.committing", str(port), str(file), str(acknowledge_until)]
    running = subprocess.Popen(command)
    try:
        yield running
    finally:
        running.kill()
        running.wait(LIMIT_S)


def until(true, longest_s: float = LIMIT_S) -> None:
    until_s = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < until_s, f"not within {longest_s} s"
        time.sleep(0.02)


def values(file: Path, tag: int) -> list[float]:
    return [value for line in read(file) for of, value in line["values"] if of == tag]


def subscribed(file: Path) -> bool:
    return any('"marked":true' in str(line["state"]) for line in read(file))


def test_messages_without_time_journaled_but_not_acknowledged_count_once(
    broker: Mosquitto, publisher: Publisher, tmp_path: Path
):
    file = tmp_path / "journal"
    with process(broker.port, file, acknowledge_until=0):
        until(lambda: subscribed(file))
        publisher.send("plant/bare", *["7"] * 40)  # alike on purpose: only packet ids tell them apart
        until(lambda: values(file, 2))
    journaled = len(values(file, 2))
    with process(broker.port, file):
        until(lambda: len(values(file, 2)) >= 40)
        publisher.send("plant/bare", "8")
        until(lambda: 8 in values(file, 2))

    assert journaled > 0
    assert values(file, 2) == [7] * 40 + [8]
    assert sum(line["redelivered"] for line in read(file)) == journaled
    assert not [gap for line in read(file) for gap in line["gaps"]]


def test_killed_at_random_moments_nothing_is_lost_and_what_has_no_time_is_not_doubled(
    broker: Mosquitto, publisher: Publisher, tmp_path: Path
):
    file = tmp_path / "journal"
    dice, stop = random.Random(7), threading.Event()
    sent = 0

    def publish() -> None:
        nonlocal sent
        while not stop.is_set():
            publisher.send("plant/bare", *map(str, range(sent, sent + 20)))
            sent += 20
            time.sleep(0.03)

    with process(broker.port, file):
        until(lambda: subscribed(file))
        thread = threading.Thread(target=publish)
        thread.start()
        time.sleep(0.5)
    for _ in range(3):
        with process(broker.port, file):
            time.sleep(dice.uniform(0.4, 1.2))
    stop.set()
    thread.join(LIMIT_S)
    with process(broker.port, file):
        until(lambda: len(set(values(file, 2))) >= sent)

    got = values(file, 2)
    lost = set(range(sent)) - set(got)
    assert not lost
    assert len(got) == sent
