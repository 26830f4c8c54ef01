"""Dropping what every follower has passed, a small slice at a time."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from domain.entries import Position
from domain.errors import RetryLater
from historian.journal.beats import keep_beats
from historian.journal.echoes import keep_echoes
from historian.journal.reading import whole
from historian.journal.schema import Connection

SLICE_ENTRIES = 256
SLICE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Trim:
    """A wish to drop the passing entries up to a position; one of the two is called on the writer's thread."""

    through: Position
    done: Callable[[], None]
    failed: Callable[[Exception], None]


class Trims:
    """The wishes that wait, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Trim] = deque()
        self._closed_because: Exception | None = None

    def put(self, trim: Trim) -> None:
        """Queue a wish; RetryLater after the end."""
        with self._lock:
            if self._closed_because is not None:
                raise RetryLater(str(self._closed_because))
            self._waiting.append(trim)

    @property
    def are_wanted(self) -> bool:
        """Whether there is anything to trim."""
        return bool(self._waiting)

    def first(self) -> Trim | None:
        """The wish to work on."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def finish(self, trim: Trim) -> None:
        """The first wish is fulfilled."""
        with self._lock:
            self._waiting.popleft()
        trim.done()

    def fail(self, trim: Trim, error: Exception) -> None:
        """The first wish cannot be fulfilled now."""
        with self._lock:
            self._waiting.popleft()
        trim.failed(error)

    def close(self, reason: Exception) -> None:
        """Nothing more will be trimmed."""
        with self._lock:
            self._closed_because = reason
            waiting = list(self._waiting)
            self._waiting.clear()
        for trim in waiting:
            trim.failed(reason)


def delete_slice(
    connection: Connection,
    through: Position,
    remembered_through: Position,
    remember: Callable[[], None],
) -> Position | None:
    """Delete the oldest passing entries up to a position, a slice of them; return how far, or None if none is left.

    The sources' rows must count what goes, so `remember` is called in the same transaction where they do not yet.
    """
    oldest = connection.execute(
        "SELECT position, length(body) FROM passing WHERE position <= ? ORDER BY position LIMIT ?",
        (through, SLICE_ENTRIES),
    ).fetchall()
    if not oldest:
        return None
    upto, size = Position(0), 0
    for position, length in oldest:
        upto, size = Position(whole(position)), size + whole(length)
        if size >= SLICE_BYTES:
            break
    connection.execute("BEGIN IMMEDIATE")
    if upto > remembered_through:
        remember()
    keep_beats(connection, upto)
    keep_echoes(connection, upto)
    connection.execute("DELETE FROM passing WHERE position <= ?", (upto,))
    connection.execute("COMMIT")
    return upto
