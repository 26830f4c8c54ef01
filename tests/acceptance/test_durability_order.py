"""Commit, then acknowledge: proven by the order of the system calls of a process that collects from real servers.

Killing a process proves nothing of that: the operating system keeps what was written and not synced. The same process
with `synchronous=NORMAL` must break the rule, else the check could not find anything.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from domain.errors import RetryLater
from historian.journal import ReadOnlyJournal
from tests.acceptance.mqtt.broker import Publisher, needs_mosquitto, publishing, running
from tests.acceptance.mqtt.journaling import MQTT_TAGS, OPCUA_TAGS
from tests.acceptance.mqtt.traces import STRACE, MqttWire, OpcUaWire, Verdict, judge
from tests.acceptance.opcua.plant import CounterServer
from tests.patience import LIMIT_S
from tests.ports import free_port


def _can_trace() -> str:
    """Why a process cannot be traced here; empty if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: the order of system calls is not checked"
    command = [*STRACE, "-o", "/dev/null", "true"]
    tried = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    return f"strace cannot trace here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


PROBLEM = _can_trace()
pytestmark = [needs_mosquitto, pytest.mark.skipif(bool(PROBLEM), reason=PROBLEM)]


async def until(true: Callable[[], object], longest_s: float = LIMIT_S) -> None:
    async with asyncio.timeout(longest_s):
        while not true():  # noqa: ASYNC110 (it happens in another process)
            await asyncio.sleep(0.05)


def journaled(path: Path, source: str) -> int:
    """Samples of a source that the journal counts, as another process sees them; 0 before there is a journal."""
    try:
        journal = ReadOnlyJournal(path)
    except RetryLater:
        return 0
    try:
        return sum(ledger.journaled for ledger in journal.ledger() if ledger.source == source)
    finally:
        journal.close()


def send(publisher: Publisher, start: int, stop: int) -> None:
    for value in range(start, stop):
        topic = f"plant/{MQTT_TAGS[value % len(MQTT_TAGS)]}"
        publisher.send(topic, f'{{"t":{1_750_000_000_000 + value},"v":{value}}}')


async def drive(command: list[str], publisher: Publisher, path: Path) -> None:
    """Run the process until it has journaled from both sources what it is sent."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, start_new_session=True)
    try:
        await until(lambda: journaled(path, "plant") > 10)
        for start in range(0, 300, 50):
            await asyncio.to_thread(send, publisher, start, start + 50)
        await until(lambda: journaled(path, "floor") >= 300)
        for _ in range(8):  # so many commits of OPC UA samples more: their acknowledgements leave with later requests
            before = journaled(path, "plant")
            await until(lambda before=before: journaled(path, "plant") > before)
        await asyncio.wait_for(process.communicate(b""), 30)  # the end of its input ends it
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # strace and what it traces
            await process.wait()


async def trace(folder: Path, mode: str) -> Verdict:
    """Collect for a while under strace, and judge."""
    path, log = folder / "journal.db", folder / "trace"
    with running(folder / "broker") as broker, publishing(broker.port) as publisher:
        async with CounterServer(free_port(), tags=OPCUA_TAGS).running() as server:
            program = [sys.executable, "-m", "tests.acceptance.mqtt.journaling", str(path), mode]
            command = [*STRACE, "-o", str(log), *program, str(broker.port), str(server.port)]
            await drive(command, publisher, path)
            wires = {broker.port: MqttWire(), server.port: OpcUaWire({n: n for n in range(OPCUA_TAGS)})}
    return await asyncio.to_thread(judge, log, path, folder, wires)


async def test_every_acknowledgement_leaves_after_its_own_sync(tmp_path: Path):
    verdict = await trace(tmp_path, "full")

    assert verdict.too_early == {"mqtt": 0, "opcua": 0}
    assert verdict.in_order["mqtt"] >= 300
    assert verdict.in_order["opcua"] >= 3
    assert verdict.unmatched["mqtt"] == 0
    assert verdict.syncs >= 5


async def test_a_journal_that_does_not_sync_is_found_out(tmp_path: Path):
    verdict = await trace(tmp_path, "careless")

    assert verdict.too_early["mqtt"] > 100
    assert verdict.too_early["opcua"] > 0
