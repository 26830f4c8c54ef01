"""Following a journal that another process writes: what is durable there, soon after it is."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

from domain.entries import Entry, Position
from domain.errors import DamagedFile, RetryLater
from domain.ports import JournalReader

_AT_ONCE = 64
LOOK_EVERY_S = 1.0
"""A datagram that was lost, or a journal that was busy, costs so long."""


class JournalTail:
    """The part of the Journal port that a follower in another process needs.

    Its reads run on a thread of their own, each one short transaction: the writer never waits for them.
    """

    def __init__(self, journal: JournalReader, woken: asyncio.Event, look_every_s: float = LOOK_EVERY_S) -> None:
        """`woken` is set when there may be more."""
        self._journal, self._woken, self._look_every_s = journal, woken, look_every_s

    async def follow(self, after: Position) -> AsyncIterator[tuple[Position, Entry]]:
        """Yield every durable entry after a position, then wait for more, for ever.

        DamagedFile (file, position) where bytes are not as written, and where the journal ends before `after`.
        """
        position = after
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="journal-tail") as thread:
            last = await loop.run_in_executor(thread, self._journal.last)
            if after > last:
                raise DamagedFile(f"the journal ends at {last}, before its follower's position {after}")
            while True:
                self._woken.clear()
                try:
                    entries = await loop.run_in_executor(thread, self._journal.read, position, _AT_ONCE)
                except RetryLater:  # it was busy for longer than a read waits
                    entries = ()
                for at, entry in entries:
                    yield at, entry
                    position = at
                if not entries:
                    await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._look_every_s):
                await self._woken.wait()
        except TimeoutError:
            return
