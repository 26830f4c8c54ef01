"""Where the answers to Publish requests wait until somebody fetches them."""

import asyncio

from collector.opcua.link import LinkLost
from collector.opcua.wire import Answer


class Inbox:
    """The answers of one connection, and in `lost` why there is none; empty while it stands."""

    def __init__(self) -> None:
        self.lost = "not connected yet"
        self._answers: list[tuple[int, Answer]] = []
        self._waiter: asyncio.Future[None] | None = None

    def open(self) -> None:
        """A new connection stands; what came by an earlier one is none of it."""
        self.lost, self._answers = "", []

    def put(self, received_ns: int, answer: Answer) -> None:
        """Take an answer that has arrived."""
        self._answers.append((received_ns, answer))
        self.wake()

    def lose(self, why: str) -> None:
        """The connection is gone; the first reason stands."""
        self.lost = self.lost or why

    async def fetch(self, within_s: float) -> list[tuple[int, Answer]]:
        """What came, and when; empty after the time or a `wake`; LinkLost when gone and all is fetched."""
        if not self._answers and not self.lost:
            loop = asyncio.get_running_loop()
            self._waiter = loop.create_future()
            timer = loop.call_later(within_s, self.wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if not self._answers and self.lost:
            raise LinkLost(self.lost)
        arrived, self._answers = self._answers, []
        return arrived

    def wake(self) -> None:
        """Let `fetch` return at once."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
