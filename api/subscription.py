"""One listener of the event stream: a bounded queue that drops rather than holds the others up, and says so."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from api.frames import Frame, TagFilter, frame
from domain.entries import Position

FRAMES_WAITING = 1_024
BYTES_WAITING = 4 * 1024 * 1024


class Subscription:
    """What one client has yet to read.

    When the client reads too slowly, everything that waits is dropped, and the next thing it reads is an event `cut`
    that tells which positions it missed: it can ask for them with `/v1/samples`.
    """

    def __init__(self, chosen: TagFilter, *, frames: int = FRAMES_WAITING, size: int = BYTES_WAITING) -> None:
        self.chosen = chosen
        self._most_frames, self._most_bytes = frames, size
        self._waiting: deque[Frame] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self._closed = False
        self.dropped = 0
        self._cut_from: Position | None = None
        self._cut_to: Position | None = None
        self._cut_frames = 0

    def offer(self, new: Frame) -> None:
        """Queue a frame; never waits."""
        self._waiting.append(new)
        self._bytes += len(new.wire)
        if len(self._waiting) > self._most_frames or self._bytes > self._most_bytes:
            self._drop()
        self._news.set()

    def close(self) -> None:
        """End the stream once what waits has been read."""
        self._closed = True
        self._news.set()

    def _drop(self) -> None:
        positions = [waiting.position for waiting in self._waiting if waiting.position is not None]
        if positions:
            self._cut_from = positions[0] if self._cut_from is None else self._cut_from
            self._cut_to = positions[-1]
        self._cut_frames += len(self._waiting)
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._bytes = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield what waits, joined, for as long as the stream lives."""
        while True:
            await self._news.wait()
            self._news.clear()
            chunk = self._take()
            if chunk:
                yield chunk
            if self._closed and not self._waiting:
                return

    def _take(self) -> bytes:
        taken = [waiting.wire for waiting in self._waiting]
        self._waiting.clear()
        self._bytes = 0
        if self._cut_frames:
            reason = "this client reads too slowly"
            taken.insert(0, cut_frame(self._cut_from, self._cut_to, self._cut_frames, reason).wire)
            self._cut_from = self._cut_to = None
            self._cut_frames = 0
        return b"".join(taken)


def cut_frame(first: Position | None, last: Position | None, frames: int | None, reason: str) -> Frame:
    """An event that says what a client did not hear; null where that is not known."""
    return frame("cut", {"from": first, "to": last, "frames": frames, "reason": reason})
