"""What waits for the next commit: bounded, thread-safe, and due at the latest one flush interval after the last one."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.entries import Position
from domain.errors import RetryLater
from historian.journal.joining import Part

FLUSH_ROWS = 65_536
"""So many rows are committed at once, however short the time."""

ROOM_ROWS = 262_144
"""Above this `room` waits. A delivery without rows counts as one."""

MOST_ROWS = 4 * ROOM_ROWS
"""Above this nothing more is taken: somebody does not ask for room."""

_LEAD_SHARE = 0.1  # of the flush interval: after silence, wait only this long for company


@dataclass(slots=True)
class Waiting:
    """A delivery, or what one `append` was given. Never changed; not frozen, which would double the cost of one."""

    source: str
    parts: Sequence[Part]
    received: int | None  # None: as many as the parts hold
    redelivered: int
    weight: int
    durable: Callable[[Position], None]  # called on the writer's thread once it is
    failed: Callable[[Exception], None]  # called instead if it will not be, in this process


class Intake:
    """The queue between those who submit and the writer's thread."""

    def __init__(self, flush_interval_s: float) -> None:
        self._flush_interval_s = flush_interval_s
        self._changed = threading.Condition()
        self._waiting: deque[Waiting] = deque()
        self._queued_rows = 0
        self._unacknowledged_rows = 0
        self._first_at = 0.0
        self._last_commit_at = 0.0
        self._is_urgent = False
        self._is_poked = False
        self._is_closed = False

    def put(self, item: Waiting, *, urgent: bool) -> None:
        """Queue an item; RetryLater above the bound or after `close`."""
        with self._changed:
            if self._is_closed:
                raise RetryLater("the journal is closed")
            if self._unacknowledged_rows >= MOST_ROWS:
                raise RetryLater(f"{self._unacknowledged_rows} rows wait for the journal's commit already")
            if not self._waiting:
                self._first_at = time.monotonic()
            self._waiting.append(item)
            before, self._queued_rows = self._queued_rows, self._queued_rows + item.weight
            self._unacknowledged_rows += item.weight
            is_full = self._queued_rows >= FLUSH_ROWS > before
            if len(self._waiting) == 1 or is_full or (urgent and not self._is_urgent):
                self._is_urgent = self._is_urgent or urgent
                self._changed.notify()

    def take(self) -> list[Waiting]:
        """Everything that waits."""
        with self._changed:
            taken = list(self._waiting)
            self._waiting.clear()
            self._queued_rows = 0
            self._is_urgent = False
            return taken

    def settle(self, items: Sequence[Waiting]) -> None:
        """Items are durable (or given up): their rows no longer count against the bound."""
        weight = sum(item.weight for item in items)
        with self._changed:
            self._unacknowledged_rows -= weight
            self._last_commit_at = time.monotonic()

    def wait_until_due(self, idle_s: float) -> bool:
        """Wait for the next flush, at most `idle_s`; tell whether there is something to flush."""
        deadline = time.monotonic() + idle_s
        with self._changed:
            while True:
                now = time.monotonic()
                due_at = self._due_at() if self._waiting else deadline
                if self._is_poked or self._is_closed or now >= min(due_at, deadline):
                    self._is_poked = False
                    return bool(self._waiting) and now >= due_at
                self._changed.wait(min(due_at, deadline) - now)

    def pause(self, wait_s: float) -> None:
        """Wait without taking anything, until the time is over, or a poke, or the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_poked or self._is_closed, wait_s)
            self._is_poked = False

    def poke(self) -> None:
        """Wake the writer's thread: there is something else to do."""
        with self._changed:
            self._is_poked = True
            self._changed.notify()

    def close(self) -> None:
        """Take nothing more; what waits is due now."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    @property
    def has_waiting(self) -> bool:
        """Whether anything waits for the next flush."""
        return bool(self._waiting)

    @property
    def unacknowledged_rows(self) -> int:
        """Rows taken and not yet durable."""
        return self._unacknowledged_rows

    def _due_at(self) -> float:
        if self._is_urgent or self._is_closed or self._queued_rows >= FLUSH_ROWS:
            return 0.0
        lead_s = self._flush_interval_s * _LEAD_SHARE
        return max(self._first_at + lead_s, self._last_commit_at + self._flush_interval_s)
