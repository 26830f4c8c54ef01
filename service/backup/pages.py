"""Copies of SQLite files that are being written, each as of one commit, without ever holding up who writes.

A copy reads in a transaction of its own, so it need not begin anew with each commit of the writer; in write-ahead mode
a reader delays nobody. Reading and writing keep to a pace, and what was written goes to the disk piece by piece: many
megabytes that wait for the disk would make the journal's next commit wait behind them.
"""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

_PAGES_AT_ONCE = 1024
_BYTES_AT_ONCE = 1 << 22
_BUSY_S = 30.0


def nobody_waits() -> None:
    """Nothing is held."""


class Pace:
    """So many bytes a second at most, synced as they come. One thread."""

    def __init__(self, bytes_per_s: float, went_on: Callable[[], None] = nobody_waits) -> None:
        self._bytes_per_s = bytes_per_s
        self.went_on = went_on
        """Called after each piece."""
        self._next_s = time.monotonic()

    def took(self, size: int, target: int) -> None:
        """Note that so many bytes went into an open file: put them on the disk, and wait until the next may follow."""
        os.fdatasync(target)
        self.went_on()
        now_s = time.monotonic()
        self._next_s = max(self._next_s, now_s) + size / self._bytes_per_s
        time.sleep(max(0.0, min(self._next_s - now_s - size / self._bytes_per_s, 5.0)))


class Snapshot:
    """A SQLite file as of the moment when this was made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=_BUSY_S
        )
        try:
            self._connection.execute("BEGIN")
            # The moment is the first reading's.
            self.is_empty = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def copy(self, target: Path, pace: Pace) -> None:
        """Write it to a new file that needs no log beside it, and sync that. sqlite3.Error or OSError if it fails."""
        copying = sqlite3.connect(target, isolation_level=None)
        handle = os.open(target, os.O_RDONLY)
        try:
            copying.execute("PRAGMA synchronous=OFF")  # synced here, piece by piece
            page = self._connection.execute("PRAGMA page_size").fetchone()[0]
            before = 0

            def went_on(_: int, remaining: int, total: int) -> None:
                nonlocal before
                before, done = total - remaining, total - remaining - before
                pace.took(done * page, handle)

            self._connection.backup(copying, pages=_PAGES_AT_ONCE, progress=went_on)
            without_log(copying)
        finally:
            copying.close()
            os.fsync(handle)
            os.close(handle)


def without_log(connection: sqlite3.Connection) -> None:
    """Make a file one that can be read where nothing can be written: its format says that it has no log."""
    connection.execute("PRAGMA journal_mode=DELETE").fetchone()


def copy_file(source: Path, target: Path, pace: Pace) -> None:
    """Copy a file that nobody changes, its mode too, and sync it."""
    with source.open("rb") as reading, target.open("xb") as writing:
        while piece := reading.read(_BYTES_AT_ONCE):
            writing.write(piece)
            writing.flush()
            pace.took(len(piece), writing.fileno())
        os.fsync(writing.fileno())
    shutil.copymode(source, target)
