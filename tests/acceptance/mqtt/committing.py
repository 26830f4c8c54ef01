"""A process that journals an MQTT source into a file, one synced line a delivery, until it is killed.

Arguments: port, file, and how many samples to journal before it stops acknowledging (or -1).
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from collector.mqtt.source import MqttSource
from domain.entries import Gap, SourceState
from domain.samples import SampleBatch
from tests.acceptance.mqtt.collecting import ROUTES, WallClock, settings


def read(file: Path) -> list[dict]:
    """The whole lines of the file; a torn last one was not durable."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


async def main(port: int, file: Path, acknowledge_until: int) -> None:
    lines = read(file)
    state = next((line["state"] for line in reversed(lines) if line["state"]), None)
    count = 0
    with file.open("a") as journal:
        source = MqttSource(settings(port), (), ROUTES, WallClock(), state)
        async for delivery in source.deliveries():
            values, found, gaps = [], None, []
            for entry in delivery.entries:
                if isinstance(entry, SampleBatch):
                    values += list(zip(entry.tag.tolist(), entry.value.tolist(), strict=True))
                elif isinstance(entry, SourceState):
                    found = entry.state
                elif isinstance(entry, Gap):
                    gaps.append([entry.cause, entry.start_ns, entry.end_ns])
            line = {"values": values, "state": found, "redelivered": delivery.redelivered, "gaps": gaps}
            journal.write(json.dumps(line) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
            count += len(values)
            if acknowledge_until < 0 or count <= acknowledge_until:
                delivery.acknowledge()
            else:
                await asyncio.sleep(1000)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
