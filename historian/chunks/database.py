"""SQLite files of the store: one way to open them, for the writer and for readers."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import DamagedFile, NewerFormat, RetryLater

APPLICATION_ID = 0x54574348  # "TWCH"
FORMAT_VERSION = 1
_BUSY_MS = 5_000
_CHECKPOINT_PAGES = 4_000
_READERS_KEPT = 4
_READ_CACHE_KIB = 16_384


def open_writer(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file to write, making it if there is none; every commit is on the disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
    try:
        with naming(path):
            _make_durable(connection, path)
            if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version={FORMAT_VERSION}")
                for statement in schema.split(";"):
                    connection.execute(statement)
                connection.execute("COMMIT")
            check_format(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_durable(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA auto_vacuum=FULL")  # only before the first table; the tail's blocks come and go
    # Asked, because SQLite falls back in silence where a file system cannot do it.
    if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise DamagedFile(f"{path}: this file system allows no write-ahead log")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a file to read only; RetryLater while its writer has not finished making it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=_BUSY_MS / 1000,
    )
    try:
        with naming(path):
            check_format(connection, path)
            connection.execute(f"PRAGMA cache_size=-{_READ_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def check_format(connection: sqlite3.Connection, path: Path) -> None:
    """NewerFormat or DamagedFile unless this program can read the file; RetryLater while there is nothing in it."""
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        raise RetryLater(f"{path} is just being made")
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        raise DamagedFile(f"{path}: not a file of the chunk store")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > FORMAT_VERSION:
        raise NewerFormat(f"{path}: format {version} was written by a newer program, which this one cannot read")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what SQLite or a codec says into DamagedFile with the file's name."""
    try:
        yield
    except (sqlite3.DatabaseError, OverflowError) as error:
        raise DamagedFile(f"{path}: {error}") from error


class Readers:
    """Read-only connections to one file, lent to one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._free: list[sqlite3.Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection]:
        """A connection within a read transaction: all it reads is of one commit. Keep it short."""
        with self._lock:
            connection = self._free.pop() if self._free else None
        with naming(self._path):
            if connection is None:
                connection = open_reader(self._path)
            try:
                connection.execute("BEGIN")
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        with self._lock:
            if len(self._free) < _READERS_KEPT:
                self._free.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close what is not lent."""
        with self._lock:
            for connection in self._free:
                connection.close()
            self._free.clear()
