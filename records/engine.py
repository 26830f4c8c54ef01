"""Opening the database, its format version, and short transactions that two processes can share."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from sqlalchemy import URL, Connection, create_engine, event, insert, select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.pool import ConnectionPoolEntry

from domain.errors import DamagedFile, NewerFormat, RetryLater
from records.tables import about, metadata

log = logging.getLogger(__name__)

FORMAT = 1
_BUSY_MS = 5_000
_CHECKPOINT_BUSY_MS = 100
_CHECKPOINT_EVERY = 256  # write transactions
_PRAGMAS = (
    (f"busy_timeout={_BUSY_MS}", _BUSY_MS),
    ("journal_mode=WAL", "wal"),
    ("synchronous=FULL", None),
    ("foreign_keys=ON", None),
    # Before SQLite 3.51.3 a checkpoint beside another connection's commit can corrupt: see `_checkpoint`.
    ("wal_autocheckpoint=0", 0),
)


class Database:
    """One SQLite file, opened by any number of processes; every transaction here is short.

    RetryLater: it was locked for too long, or the disk did not take it; nothing of that transaction was kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = create_engine(
            URL.create("sqlite", database=str(path)),
            connect_args={"timeout": _BUSY_MS / 1000},
            pool_size=4,
            max_overflow=8,
            pool_timeout=10,
        )
        event.listen(self._engine, "connect", _set_up)
        event.listen(self._engine, "begin", _begin)
        self._writes = 0
        self._counting = Lock()
        try:
            self._check_format()
        except NewerFormat:
            self.close()
            raise
        except DatabaseError as error:
            self.close()
            if isinstance(error, OperationalError):
                message = f"{path} cannot be opened: {error.orig}"
                raise RetryLater(message) from error
            message = f"{path} is not a database of this program: {error.orig}"
            raise DamagedFile(message) from error

    def _check_format(self) -> None:
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            about.create(connection, checkfirst=True)
            found = connection.execute(select(about.c.value).where(about.c.name == "format")).scalar()
            if found is not None and int(found) > FORMAT:
                message = f"{self.path} has format {found}; this program knows up to {FORMAT}. It is left as it is."
                raise NewerFormat(message)
            metadata.create_all(connection)
            for table in metadata.sorted_tables:
                for index in table.indexes:  # one that is newer than its table
                    index.create(connection, checkfirst=True)
            if found is None:
                connection.execute(insert(about).values(name="format", value=str(FORMAT)))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view, for as long as the block lasts: keep it short."""
        with _told_as_ours(self.path), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is durable when the block ends, and never was if it raised."""
        with (
            _told_as_ours(self.path),
            self._engine.connect().execution_options(writes=True) as connection,
            connection.begin(),
        ):
            yield connection
        with self._counting:
            self._writes += 1
            due = self._writes % _CHECKPOINT_EVERY == 0
        if due:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Fold the write-ahead log back into the file.

        FULL holds the writer's lock meanwhile, so no other process commits beside it; it gives up soon if it is busy.
        """
        with _told_as_ours(self.path), self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert isinstance(raw, sqlite3.Connection)
            raw.execute(f"PRAGMA busy_timeout={_CHECKPOINT_BUSY_MS}")
            busy, frames, folded = raw.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
            raw.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        if busy:
            log.info("the records' checkpoint folded %s of %s frames; the next one goes on", folded, frames)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


def _set_up(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # `_begin` says when a transaction starts, and which kind
    for pragma, wanted in _PRAGMAS:
        answer = connection.execute(f"PRAGMA {pragma}").fetchone()
        if wanted is not None and (answer is None or answer[0] != wanted):
            message = f"PRAGMA {pragma} answered {answer}"
            raise DamagedFile(message)


def _begin(connection: Connection) -> None:
    # A transaction that turns from reading to writing can fail as busy at once, whatever the time-out.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _told_as_ours(path: Path) -> Iterator[None]:
    try:
        yield
    except (OperationalError, NoConnection) as error:
        message = f"{path} did not take it: {error}"
        raise RetryLater(message) from error
