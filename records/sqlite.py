"""The records in one SQLite file: its pragmas, its kinds of transaction, and its write-ahead log."""

import logging
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import DamagedFile

log = logging.getLogger(__name__)

_BUSY_MS = 5_000
_CHECKPOINT_BUSY_MS = 100
_CHECKPOINT_EVERY = 256  # write transactions
_PRAGMAS = (
    (f"busy_timeout={_BUSY_MS}", _BUSY_MS),
    ("journal_mode=WAL", "wal"),
    ("synchronous=FULL", None),
    ("foreign_keys=ON", None),
    # Before SQLite 3.51.3 a checkpoint beside another connection's commit can corrupt: see `checkpoint`.
    ("wal_autocheckpoint=0", 0),
)


class SqliteFile:
    """What is special about SQLite; `records.engine.Database` does the rest."""

    reading: Mapping[str, object] = {}
    writing: Mapping[str, object] = {"writes": True}

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """`read_only`: nothing is written, and no file is made; sqlite3's error says so where somebody tries."""
        self._path = path
        self._read_only = read_only
        self._writes = 0
        self._counting = Lock()

    def __str__(self) -> str:
        return str(self._path)

    def engine(self) -> Engine:
        """A pool of connections that are set up as wanted."""
        plain = URL.create("sqlite", database=str(self._path))
        as_it_is = URL.create("sqlite", database=self._path.absolute().as_uri(), query={"mode": "ro", "uri": "true"})
        engine = create_engine(
            as_it_is if self._read_only else plain,
            connect_args={"timeout": _BUSY_MS / 1000},
            pool_size=4,
            max_overflow=8,
            pool_timeout=10,
            hide_parameters=True,
        )
        event.listen(engine, "connect", _by_hand if self._read_only else _set_up)
        event.listen(engine, "begin", _begin)
        return engine

    def begun(self, connection: Connection) -> None:
        """Nothing to do: a write transaction has the only writer's lock from its beginning."""

    def unhurried(self, connection: Connection) -> None:
        """Nothing to do: a statement may take its time."""

    def written(self, engine: Engine) -> None:
        """Count the write transactions, and fold the log back after some."""
        with self._counting:
            self._writes += 1
            due = self._writes % _CHECKPOINT_EVERY == 0
        if due:
            checkpoint(engine)


def checkpoint(engine: Engine) -> None:
    """Fold the write-ahead log back into the file.

    FULL holds the writer's lock meanwhile, so no other process commits beside it; it gives up soon if it is busy.
    """
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        raw.execute(f"PRAGMA busy_timeout={_CHECKPOINT_BUSY_MS}")
        busy, frames, folded = raw.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        raw.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    if busy:
        log.info("the records' checkpoint folded %s of %s frames; the next one goes on", folded, frames)


def _by_hand(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # `_begin` says when a transaction starts, and which kind


def _set_up(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    _by_hand(connection, entry)
    assert isinstance(connection, sqlite3.Connection)
    for pragma, wanted in _PRAGMAS:
        answer = connection.execute(f"PRAGMA {pragma}").fetchone()
        if wanted is not None and (answer is None or answer[0] != wanted):
            message = f"PRAGMA {pragma} answered {answer}"
            raise DamagedFile(message)


def _begin(connection: Connection) -> None:
    # A transaction that turns from reading to writing can fail as busy at once, whatever the time-out.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
