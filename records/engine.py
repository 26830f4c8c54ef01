"""Short transactions on the records' database, whichever it is, that several processes can share."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as NoConnection

from domain.errors import DamagedFile, MayHaveArrived, RetryLater
from records.address import Address, Server
from records.postgres import PostgresServer
from records.schema import bring_up
from records.sqlite import SqliteFile

log = logging.getLogger(__name__)

_NO_RIGHT = "42501"


class Database:
    """One SQLite file or one database of a server, opened by any number of processes; every transaction is short.

    RetryLater: it was away, locked for too long, or did not take it; nothing of that transaction was kept.
    MayHaveArrived: the connection broke while it committed. Refused: the server does not keep what it confirms.
    """

    def __init__(self, address: Address, *, as_it_is: bool = False) -> None:
        """NewerFormat and DamagedFile as `records.schema` says; a server may be away, and is looked for again.

        `as_it_is`: the schema is neither made nor migrated nor looked at; for who only reads, and looks itself. A file
        is opened so that nothing can be written.
        """
        self._backend = (
            PostgresServer(address) if isinstance(address, Server) else SqliteFile(address, read_only=as_it_is)
        )
        self._engine = self._backend.engine()
        self._prepared = as_it_is
        self._preparing = Lock()
        self.fence: Callable[[Connection], None] | None = None
        """Called in every write transaction, before anything else: raises if this process may not write any more."""
        self.taken_over_ns: dict[str, int] = {}
        """When a role was taken from a process of another machine that had stopped to renew it, by the wall's clock."""
        try:
            self._prepare()
        except RetryLater:
            if not isinstance(address, Server):
                self.close()
                raise
        except BaseException:
            self.close()
            raise

    def __str__(self) -> str:
        """The file, or the server's address without a password."""
        return str(self._backend)

    def _prepare(self) -> None:
        """Make sure, once, that the schema is this program's."""
        if self._prepared:
            return
        with self._preparing:
            if not self._prepared:
                try:
                    with self._transaction(unhurried=True) as connection:
                        bring_up(connection, str(self))
                except DatabaseError as error:
                    message = f"{self} is not a database of this program: {error.orig}"
                    raise DamagedFile(message) from error
                self._prepared = True

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view, for as long as the block lasts: keep it short."""
        self._prepare()
        options = dict(self._backend.reading)
        with (
            self._told_as_ours(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that is durable when the block ends, and never was if it raised."""
        self._prepare()
        with self._transaction() as connection:
            if self.fence is not None:
                self.fence(connection)
            yield connection
        with self._told_as_ours():
            self._backend.written(self._engine)

    @contextmanager
    def _transaction(self, *, unhurried: bool = False) -> Iterator[Connection]:
        options = dict(self._backend.writing)
        with (
            self._told_as_ours(),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin() as transaction,
        ):
            if unhurried:
                self._backend.unhurried(connection)
            self._backend.begun(connection)
            yield connection
            try:
                transaction.commit()
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                message = f"{self} did not say whether it took it: {_first_line(error)}"
                raise MayHaveArrived(message) from error

    @contextmanager
    def _told_as_ours(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError, InternalError, NoConnection) as error:
            message = f"{self} did not take it: {_first_line(error)}"
            raise RetryLater(message) from error
        except ProgrammingError as error:
            if getattr(error.orig, "sqlstate", None) != _NO_RIGHT:
                raise
            message = f"{self} did not take it: {_first_line(error)}"
            raise RetryLater(message) from error

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


def _first_line(error: DBAPIError | NoConnection) -> str:
    """What the database said: neither the statement nor its parameters."""
    told = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return "; ".join(line.strip() for line in told.splitlines() if line.strip())
