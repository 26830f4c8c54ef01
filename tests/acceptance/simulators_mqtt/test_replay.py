"""Recorded files onto real servers, as the command line replays them."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from asyncua import Client, ua

from simulators.servers.broker import Broker
from simulators.servers.opcua import NAMESPACE
from tests.acceptance.simulators_mqtt.listening import Listener
from tests.patience import LIMIT_S

ROWS = 300


def recorded(folder: Path) -> Path:
    file = folder / "recorded.csv"
    lines = [f"2026-01-01T00:{n // 60:02d}:{n % 60:02d}Z,{20 + n / 10},B-{n // 100}" for n in range(ROWS)]
    file.write_text("\n".join(["time,R101.TT,R101.BATCH", *lines]) + "\n")
    return file


def replay(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "simulators.servers.replay", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_is_published_whole_at_any_speed(tmp_path: Path, mosquitto: Broker, listener: Listener) -> None:
    process = replay(recorded(tmp_path), "--speed", 0, "--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}")
    said, _ = process.communicate(timeout=LIMIT_S)
    listener.until(lambda: len(listener.heard) == 2 * ROWS, "every value")
    temperatures = [json.loads(payload) for topic, payload, _ in listener.heard if topic == "plant/r101/tt"]

    assert [json.loads(line) for line in said.splitlines()][-1] == {"done": True, "sent": 2 * ROWS}
    assert [point["v"] for point in temperatures] == [20 + n / 10 for n in range(ROWS)]
    assert temperatures[-1]["t"] == "2026-01-01T00:04:59Z"


async def test_a_file_is_served_over_opcua_with_the_times_that_were_asked_for(tmp_path: Path) -> None:
    process = replay(recorded(tmp_path), "--speed", 100, "--shift", "2030-06-01", "--opcua-port", 0, "--wait", 2)
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.to_thread(process.stdout.readline))
        async with Client(ready["opcua"]) as client:
            node = client.get_node(ua.NodeId("R101.TT", await client.get_namespace_index(NAMESPACE)))
            async with asyncio.timeout(LIMIT_S):
                value = await node.read_data_value(raise_on_bad_status=False)
                while value.Value.Value in (None, 0.0):
                    await asyncio.sleep(0.02)
                    value = await node.read_data_value(raise_on_bad_status=False)
    finally:
        process.kill()
        process.communicate()
    shown_s = value.SourceTimestamp.timestamp() - 1_906_502_400  # 2030-06-01

    assert 0 <= shown_s < ROWS
    assert value.Value.Value == 20 + shown_s / 10


def test_every_bad_line_is_named_and_nothing_is_served(tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_text("time,T.TT\n2026-01-01,1\nyesterday,2\n2026-01-02,3,4\n")
    process = replay(file)
    said, told = process.communicate(timeout=LIMIT_S)

    assert process.returncode == 1
    assert said == ""
    assert f"{file}:3: 'yesterday'" in told
    assert f"{file}:4: 3 columns" in told
    assert "Traceback" not in told
