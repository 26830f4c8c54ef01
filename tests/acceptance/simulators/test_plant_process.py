"""The plant as the demo starts it: a process of its own."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from asyncua import Client, ua

from domain.time import SECOND_NS
from simulators.servers.opcua import NAMESPACE
from tests.patience import LIMIT_S

PLANT_NS = 1_790_000_000 * SECOND_NS
SPEED = 360.0


@contextmanager
def plant(wall_origin_ns: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    words = ["--wall-origin", str(wall_origin_ns), "--plant-origin", str(PLANT_NS), "--speed", str(SPEED)]
    process = subprocess.Popen(
        [sys.executable, "-m", "simulators.plant_process", "--plan", "normal", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield ready["opcua"], process
    finally:
        process.kill()
        process.communicate()


async def sampled(url: str, seconds: float) -> list[tuple[int, float]]:
    """(plant time, value) of R101.TT, each once."""
    seen: dict[int, float] = {}
    async with Client(url) as client:
        node = client.get_node(ua.NodeId("R101.TT", await client.get_namespace_index(NAMESPACE)))
        give_up_s = time.monotonic() + seconds
        while time.monotonic() < give_up_s:
            value = await node.read_data_value()
            seen[round(value.SourceTimestamp.timestamp() * SECOND_NS)] = value.Value.Value
            await asyncio.sleep(0.02)
    return sorted(seen.items())


async def test_the_plant_runs_on_the_shared_clock_and_ends_when_told() -> None:
    wall_origin_ns = time.time_ns()
    with plant(wall_origin_ns) as (url, process):
        samples = await sampled(url, 2.0)
        plant_now_ns = PLANT_NS + round((time.time_ns() - wall_origin_ns) * SPEED)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=LIMIT_S)

    times = [time_ns for time_ns, _ in samples]
    assert len(times) > 5
    assert all((time_ns - PLANT_NS) % (10 * SECOND_NS) == 0 for time_ns in times)
    assert PLANT_NS < times[-1] <= plant_now_ns
    assert process.returncode == 0
    assert "Traceback" not in said


async def test_before_its_origin_the_plant_waits_with_its_opening_values() -> None:
    with plant(time.time_ns() + 3600 * SECOND_NS) as (url, _):
        samples = await sampled(url, 0.5)

    assert [time_ns for time_ns, _ in samples] == [PLANT_NS]
