"""The store follower: rows from the journal into the record, and what every follower has passed out of the journal."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from domain.entries import START, Position
from domain.errors import RetryLater
from domain.figures import Histogram, Reading
from domain.ports import Journal, Store
from domain.samples import SampleBatch
from service.tally import FollowerTally

log = logging.getLogger(__name__)


def always() -> AbstractContextManager[bool]:
    """Nobody else has a say in it."""
    return nullcontext(enter_result=True)


class StoreFollower:
    """Writes every sample entry to the store on a thread of its own; flushes by wall time; trims the journal."""

    def __init__(
        self,
        journal: Journal,
        store: Store,
        others_passed: Callable[[], Position],
        *,
        flush_every_s: float = 30.0,
        trimming: Callable[[], AbstractContextManager[bool]] = always,
    ) -> None:
        """`trimming` tells whether the journal may be trimmed as long as it is entered."""
        self._journal = journal
        self._store = store
        self._others_passed = others_passed
        self._flush_every_s = flush_every_s
        self._trimming = trimming
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self.position: Position = START
        self._tally = FollowerTally("thermowell_samples_stored_total", "thermowell_store_write_seconds")
        self._flushes = Histogram("thermowell_store_flush_seconds")

    def figures(self) -> Iterator[Reading]:
        """What was taken, for Prometheus."""
        counts = self._store.counts()
        yield Reading("thermowell_store_rows", counts["stored"])
        yield Reading("thermowell_store_rows_waiting", counts["waiting"])
        yield Reading("thermowell_store_duplicates_total", counts["duplicates"])
        yield from self._tally.figures()
        yield self._flushes.reading()

    async def run(self) -> None:
        """Follow for ever; cancelling flushes everything that was taken."""
        loop = asyncio.get_running_loop()
        self.position = await loop.run_in_executor(self._thread, self._store.cursor)
        flushing = asyncio.create_task(self._flush_for_ever())
        try:
            async for position, entry in self._journal.follow(self.position):
                if isinstance(entry, SampleBatch):
                    await loop.run_in_executor(self._thread, self._write, position, entry)
                self.position = position
                if flushing.done():
                    flushing.result()
        finally:
            flushing.cancel()
            self._thread.shutdown(wait=True)

    async def _flush_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._flush_every_s)
            cursor = await loop.run_in_executor(self._thread, self._flush)
            with self._trimming() as may_trim:
                if may_trim:  # asked again in a while: a backup reads positions
                    await self._trim(Position(min(cursor, self._others_passed())))

    async def _trim(self, through: Position) -> None:
        """Let the journal drop what all have passed; where it cannot, it grows, and its alarm says so."""
        try:
            await self._journal.trim(through)
        except RetryLater as error:
            log.warning("the journal is not trimmed: %s", error)

    def _write(self, position: Position, batch: SampleBatch) -> None:
        begun_s = time.perf_counter()
        self._store.write(position, batch)
        self._tally.took(batch, time.perf_counter() - begun_s)

    def _flush(self) -> Position:
        begun_s = time.perf_counter()
        cursor = self._store.flush()
        self._flushes.add(time.perf_counter() - begun_s)
        return cursor
