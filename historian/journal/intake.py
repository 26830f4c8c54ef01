"""What waits for the next commit: bounded, thread-safe, and due at the latest one flush interval after the last one."""

import math
import threading
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
    durable: Callable[[Position], None]  # called in the writer's lane once it is
    failed: Callable[[Exception], None]  # called instead if it will not be, in this process


class Intake:
    """The queue between those who submit and the writer. `now_s` is the writer's time; `nudge` wakes it."""

    def __init__(self, flush_interval_s: float, now_s: Callable[[], float], nudge: Callable[[], None]) -> None:
        self._flush_interval_s = flush_interval_s
        self._now_s = now_s
        self._nudge = nudge
        self._lock = threading.Lock()
        self._waiting: deque[Waiting] = deque()
        self._queued_rows = 0
        self._unacknowledged_rows = 0
        self._first_at = 0.0
        self._oldest_at: float | None = None  # of what is not durable, also while it is being written
        self._last_commit_at = 0.0
        self._is_urgent = False
        self._is_poked = False
        self._is_closed = False

    def put(self, item: Waiting, *, urgent: bool) -> None:
        """Queue an item; RetryLater above the bound or after `close`."""
        with self._lock:
            if self._is_closed:
                raise RetryLater("the journal is closed")
            if self._unacknowledged_rows >= MOST_ROWS:
                raise RetryLater(f"{self._unacknowledged_rows} rows wait for the journal's commit already")
            if not self._waiting:
                self._first_at = self._now_s()
            if self._oldest_at is None:
                self._oldest_at = self._now_s()
            self._waiting.append(item)
            before, self._queued_rows = self._queued_rows, self._queued_rows + item.weight
            self._unacknowledged_rows += item.weight
            is_full = self._queued_rows >= FLUSH_ROWS > before
            is_news = len(self._waiting) == 1 or is_full or (urgent and not self._is_urgent)
            self._is_urgent = self._is_urgent or urgent
        if is_news:
            self._nudge()

    def take(self) -> list[Waiting]:
        """Everything that waits."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
            self._queued_rows = 0
            self._is_urgent = False
            return taken

    def settle(self, items: Sequence[Waiting]) -> None:
        """Items are durable (or given up): their rows no longer count against the bound."""
        weight = sum(item.weight for item in items)
        with self._lock:
            self._unacknowledged_rows -= weight
            self._oldest_at = self._first_at if self._waiting else None
            self._last_commit_at = self._now_s()

    def due_in_s(self) -> float:
        """Seconds until the next flush, 0: now; infinity while nothing waits."""
        with self._lock:
            return max(0.0, self._due_at() - self._now_s()) if self._waiting else math.inf

    def poke(self) -> None:
        """Wake the writer: there is something else to do, and what failed may be tried again."""
        self._is_poked = True
        self._nudge()

    def was_poked(self) -> bool:
        """Whether `poke` was called since the last time this was asked."""
        poked, self._is_poked = self._is_poked, False
        return poked

    def close(self) -> None:
        """Take nothing more; what waits is due now."""
        with self._lock:
            self._is_closed = True
        self._nudge()

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

    @property
    def oldest_s(self) -> float:
        """How long the oldest has waited for its commit; 0 if nothing waits."""
        oldest_at = self._oldest_at
        return 0.0 if oldest_at is None else self._now_s() - oldest_at

    def _due_at(self) -> float:
        if self._is_urgent or self._is_closed or self._queued_rows >= FLUSH_ROWS:
            return 0.0
        lead_s = self._flush_interval_s * _LEAD_SHARE
        return max(self._first_at + lead_s, self._last_commit_at + self._flush_interval_s)
