"""The store follower: rows from the journal into the record, and what every follower has passed out of the journal."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext

from domain.entries import START, Position
from domain.ports import Journal, Store
from domain.samples import SampleBatch


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

    async def run(self) -> None:
        """Follow for ever; cancelling flushes everything that was taken."""
        loop = asyncio.get_running_loop()
        self.position = await loop.run_in_executor(self._thread, self._store.cursor)
        flushing = asyncio.create_task(self._flush_for_ever())
        try:
            async for position, entry in self._journal.follow(self.position):
                if isinstance(entry, SampleBatch):
                    await loop.run_in_executor(self._thread, self._store.write, position, entry)
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
            cursor = await loop.run_in_executor(self._thread, self._store.flush)
            with self._trimming() as may_trim:
                if may_trim:  # asked again in a while: a backup reads positions
                    await self._journal.trim(Position(min(cursor, self._others_passed())))
