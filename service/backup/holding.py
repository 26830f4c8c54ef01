"""While a backup reads positions nothing may leave the journal: one lock, that the kernel frees with its process.

The core trims only while it has the lock itself, so a backup that was killed holds nothing, and a service that starts
or stops beside a backup needs to know nothing of it. A backup that hangs, on a file server that is dead, does not hold
for ever: it touches the lock as it moves, and a lock that nobody touched for ten minutes is passed over. The core
writes that into the lock before it trims, so the backup knows when it is done that it is of no use.
"""

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from domain.errors import RetryLater

log = logging.getLogger(__name__)

STILL_S = 600.0
"""So long a backup may stand still and hold."""

_LOOK_EVERY_S = 0.05
_PASSED_OVER = b"passed over"
_NOTHING = (-1, 0.0)


class Trimming:
    """Tells the core whether it may trim: not while a backup holds the lock and moves."""

    def __init__(self, lock: Path, now_s: Callable[[], float] = time.monotonic) -> None:
        self._lock, self._now_s = lock, now_s
        self._seen = _NOTHING  # when the lock was touched, by its file; since when that is so, by our clock
        self._is_passed_over = False

    @contextlib.contextmanager
    def __call__(self) -> Iterator[bool]:
        """Whether it may as long as the block lasts."""
        with _opened(self._lock) as handle:
            if _is_taken(handle):
                self._seen, self._is_passed_over = _NOTHING, False
                yield True
                return
            touched_ns, now_s = os.fstat(handle).st_mtime_ns, self._now_s()
            if touched_ns != self._seen[0]:
                self._seen = (touched_ns, now_s)
            may_trim = now_s - self._seen[1] >= STILL_S
            if may_trim:
                self._pass_over(handle)  # before anything goes
            yield may_trim

    def _pass_over(self, handle: int) -> None:
        os.pwrite(handle, _PASSED_OVER, 0)
        # Writing touches the file, too.
        self._seen = (os.fstat(handle).st_mtime_ns, self._seen[1])
        if not self._is_passed_over:
            self._is_passed_over = True
            log.warning(
                "a backup has not moved for %.0f min: the journal is trimmed on, the backup fails", STILL_S / 60
            )


class Hold:
    """A backup's hold on the journal."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        os.ftruncate(handle, 0)
        self.moved()

    def moved(self) -> None:
        """Say that the backup does not hang."""
        os.utime(self._handle)

    def demand(self) -> None:
        """RetryLater: it stood still for so long that it was passed over, and what it copied may not be whole."""
        if os.pread(self._handle, len(_PASSED_OVER), 0) == _PASSED_OVER:
            message = (
                f"no backup was made: it stood still for more than {STILL_S / 60:.0f} min, "
                "and what the journal had to keep for it may be gone"
            )
            raise RetryLater(message)


@contextlib.contextmanager
def held(lock: Path, within_s: float = 120.0) -> Iterator[Hold]:
    """Let nothing leave the journal as long as the block lasts, and moves.

    RetryLater: another backup, or a long trim, has it; at the end: it was passed over.
    """
    until_s = time.monotonic() + within_s
    with _opened(lock) as handle:
        while not _is_taken(handle):
            if time.monotonic() > until_s:
                message = f"{lock}: another backup is under way"
                raise RetryLater(message)
            time.sleep(_LOOK_EVERY_S)
        hold = Hold(handle)
        yield hold
        hold.demand()


@contextlib.contextmanager
def _opened(lock: Path) -> Iterator[int]:
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        yield handle
    finally:
        os.close(handle)


def _is_taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
