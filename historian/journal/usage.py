"""How full the journal is, how fast it fills, and how long that can go on."""

import math
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_WINDOW_S = 600.0
_STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """`hours_left` is until the quota (or, without one, the disk) is full if nothing is trimmed from now on.

    `used_bytes` are pages in use and the write-ahead log; `bytes_per_hour` is what entries added lately.
    """

    used_bytes: int
    quota_bytes: int | None
    bytes_per_hour: float
    hours_left: float


class Meter:
    """Measures the growth over the last ten minutes. One thread adds; any thread looks."""

    def __init__(self, path: Path, quota_bytes: int | None, now_s: Callable[[], float] = time.monotonic) -> None:
        self._folder = path.parent
        self._log = path.with_name(path.name + "-wal")
        self._quota_bytes = quota_bytes
        self._now_s = now_s
        self._used_bytes = 0
        self._added_bytes = 0
        self._marks: deque[tuple[float, int]] = deque([(now_s(), 0)])

    def add(self, entry_bytes: int, most_bytes: int) -> None:
        """Entries of so many bytes were committed, which took at most `most_bytes` of the file."""
        self._added_bytes += entry_bytes
        self._used_bytes += most_bytes
        now = self._now_s()
        if now - self._marks[-1][0] >= _STEP_S:
            self._marks.append((now, self._added_bytes))
        while len(self._marks) > 1 and now - self._marks[1][0] >= _WINDOW_S:
            self._marks.popleft()

    def measure(self, pages_bytes: int) -> None:
        """So many bytes of pages are in use: this replaces what was estimated since the last time."""
        self._used_bytes = pages_bytes + _size(self._log)

    def would_exceed(self, more_bytes: int) -> bool:
        """Whether so many bytes more are beyond the quota."""
        return self._quota_bytes is not None and self._used_bytes + more_bytes > self._quota_bytes

    def usage(self) -> Usage:
        """As of the last commit."""
        since, before = self._marks[0]
        elapsed_s = max(self._now_s() - since, 1.0)
        bytes_per_hour = (self._added_bytes - before) / elapsed_s * 3600
        left = self._left_bytes()
        hours_left = max(left, 0) / bytes_per_hour if bytes_per_hour > 0 else math.inf
        return Usage(self._used_bytes, self._quota_bytes, bytes_per_hour, hours_left)

    def _left_bytes(self) -> int:
        if self._quota_bytes is not None:
            return self._quota_bytes - self._used_bytes
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
