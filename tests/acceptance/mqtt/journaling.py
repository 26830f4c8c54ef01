"""A process that journals an MQTT and an OPC UA source with the real journal until its input closes.

Arguments: the journal's file, `full` or `careless`, the broker's port, and the OPC UA server's port (0: none).
"""

import asyncio
import contextlib
import sqlite3
import sys
from pathlib import Path

from collector.mqtt.routes import Route
from collector.mqtt.source import MqttSource
from collector.opcua.source import OpcUaSource
from domain.ports import Source
from historian.journal import SqliteJournal
from historian.journal.schema import connect_writer
from tests.acceptance.mqtt.collecting import WallClock
from tests.acceptance.mqtt.collecting import settings as mqtt_settings
from tests.acceptance.opcua.plant import counter_tags
from tests.acceptance.opcua.plant import settings as opcua_settings

MQTT_TAGS = range(100, 103)
OPCUA_TAGS = 3


class Careless(sqlite3.Connection):
    """Answers that every commit is synced, and then leaves it to the checkpoints."""

    def execute(self, statement: str, *values: object) -> sqlite3.Cursor:
        if statement == "BEGIN IMMEDIATE":
            super().execute("PRAGMA synchronous = NORMAL")
        return super().execute(statement, *values)


def connect_careless(path: str) -> Careless:
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5, factory=Careless)


async def collect(source: Source, journal: SqliteJournal) -> None:
    async for delivery in source.deliveries():
        await journal.room()
        journal.submit(delivery)


async def main(path: Path, mode: str, mqtt_port: int, opcua_port: int) -> None:
    connect = connect_writer if mode == "full" else connect_careless
    journal = SqliteJournal.open(path, connect=connect, flush_interval_s=0.05)
    routes = [Route(tag, f"plant/{tag}", "/v", "/t", "ms") for tag in MQTT_TAGS]
    sources: list[Source] = [MqttSource(mqtt_settings(mqtt_port), (), routes, WallClock(), None)]
    if opcua_port:
        sources.append(OpcUaSource(opcua_settings(opcua_port), counter_tags(OPCUA_TAGS), WallClock(), None))
    tasks = [asyncio.create_task(collect(source, journal)) for source in sources]
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    journal.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
