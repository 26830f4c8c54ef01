"""Collects counters into a journal until it is killed: `python -m tests.acceptance.opcua.collect PORT TAGS JOURNAL`."""

import asyncio
import sys
from contextlib import closing

from collector.opcua.source import OpcUaSource
from historian.journal import ReadOnlyJournal, SqliteJournal
from tests.acceptance.opcua.plant import WallClock, counter_tags, settings


async def collect(port: int, tags: int, path: str) -> None:
    journal = SqliteJournal.open(path, flush_interval_s=0.02)
    with closing(ReadOnlyJournal(path)) as reader:
        state = reader.source_state("plant")
    source = OpcUaSource(settings(port, publishing_interval_ns=50_000_000), counter_tags(tags), WallClock(), state)
    async for delivery in source.deliveries():
        await journal.room()
        journal.submit(delivery)


if __name__ == "__main__":
    asyncio.run(collect(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
