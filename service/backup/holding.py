"""While a backup reads positions nothing may leave the journal: one lock, that the kernel frees with its process.

The core trims only while it has the lock itself, so a backup that was killed holds nothing, and a service that starts
or stops beside a backup needs to know nothing of it.
"""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from domain.errors import RetryLater

_LOOK_EVERY_S = 0.05


@contextlib.contextmanager
def trimming(lock: Path) -> Iterator[bool]:
    """Tell the core whether it may trim as long as the block lasts: not while a backup holds the lock."""
    with _opened(lock) as handle:
        yield _is_taken(handle)


@contextlib.contextmanager
def held(lock: Path, within_s: float = 120.0) -> Iterator[None]:
    """Let nothing leave the journal as long as the block lasts. RetryLater: another backup, or a long trim, has it."""
    until_s = time.monotonic() + within_s
    with _opened(lock) as handle:
        while not _is_taken(handle):
            if time.monotonic() > until_s:
                message = f"{lock}: another backup is under way"
                raise RetryLater(message)
            time.sleep(_LOOK_EVERY_S)
        yield


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
