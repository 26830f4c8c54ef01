"""The records in a file that belongs to a backup: from either database into it, and from it into either.

The file is a SQLite one with this program's own tables, so it can be read without a server. Rows are read in one
transaction, of which nothing that is written meanwhile is seen, and which delays nobody.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, delete, func, insert, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from domain.entries import Position
from domain.errors import DamagedFile, NewerFormat, Refused, RetryLater
from records.address import Server
from records.engine import Database
from records.schema import FORMAT
from records.tables import about, alembic_version, cursors, leases, metadata, snapshots

_ROWS_AT_ONCE = 1_000
_NOT_COPIED = (leases,)  # who runs the service now says nothing of who runs the copy
_FIRST_ROWS = (about, alembic_version)  # a new database has its own


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the followers had come whose cursors are in the records; `snapshots` are the detectors' states."""

    format: int
    cursors: Mapping[str, Position]
    snapshots: Mapping[str, Position]


def _unheard() -> None:
    """Nobody waits for it."""


def copy_server(server: Server, file: Path, went_on: Callable[[], None] = _unheard) -> None:
    """Write a server's records into a new file. Refused while its schema is not this program's: nothing is migrated.

    `went_on` is called after each thousand rows.
    """
    database = Database(server, as_it_is=True)
    try:
        with database.reading() as connection:
            found = connection.execute(select(about.c.value).where(about.c.name == "format")).scalar()
            _demand_ours(str(server), 0 if found is None else int(found))
            with _told_of(file), _opened(file) as target:
                metadata.create_all(target)
                _copy_rows(connection, target, without=_NOT_COPIED, went_on=went_on)
    finally:
        database.close()


def load_server(file: Path, server: Server) -> None:
    """Write the records of a file into a server's empty database, all or nothing. Refused where it has any rows."""
    database = Database(server)
    try:
        with database.writing() as connection, _opened(file) as source:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            for table in metadata.sorted_tables:
                if table not in (*_FIRST_ROWS, leases) and connection.execute(select(table).limit(1)).first():
                    message = f"{server} is not empty: {table.name} has rows. Restore into a new database."
                    raise Refused(message)
            _copy_rows(source, connection, without=(*_NOT_COPIED, *_FIRST_ROWS))
            _number_on(connection)
    finally:
        database.close()


def forget_holder(file: Path) -> None:
    """Let go of the role in a copied file: else a service that lives would keep the restored one from starting."""
    with _opened(file) as connection:
        connection.execute(delete(leases))


def standing_of(file: Path) -> Standing:
    """How far the followers of a copied file had come. DamagedFile: it is none of ours; NewerFormat."""
    try:
        with _opened(file) as connection:
            found = connection.execute(select(about.c.value).where(about.c.name == "format")).scalar()
            number = 0 if found is None else int(found)
            if number > FORMAT:
                raise NewerFormat(f"{file} has format {number}; this program knows up to {FORMAT}")
            return Standing(
                number,
                {name: Position(at) for name, at in connection.execute(select(cursors.c.name, cursors.c.position))},
                {name: Position(at) for name, at in connection.execute(select(snapshots.c.name, snapshots.c.position))},
            )
    except DatabaseError as error:
        raise DamagedFile(f"{file}: {error.orig}") from error


def _demand_ours(name: str, found: int) -> None:
    if found != FORMAT:
        message = f"{name} has format {found}; this program copies {FORMAT}: use the program that runs the service"
        raise Refused(message)


def _copy_rows(
    source: Connection, target: Connection, without: tuple[object, ...], went_on: Callable[[], None] = _unheard
) -> None:
    """Every row of every table, some at a time."""
    for table in metadata.sorted_tables:
        if table in without:
            continue
        keys = list(table.primary_key.columns)
        found = source.execute(select(table).order_by(*keys), execution_options={"yield_per": _ROWS_AT_ONCE})
        for rows in found.mappings().partitions():
            target.execute(insert(table), [dict(row) for row in rows])
            went_on()


def _number_on(connection: Connection) -> None:
    """Have the server number the next rows after those that came with their numbers."""
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None:
            continue
        sequence = connection.execute(select(func.pg_get_serial_sequence(table.name, column.name))).scalar()
        if sequence is not None:
            newest = select(func.max(column)).scalar_subquery()
            connection.execute(
                select(func.setval(text(f"'{sequence}'"), func.coalesce(newest, 1), newest.is_not(None)))
            )


@contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """What the file does not take is not the server's fault: RetryLater with the file's name."""
    try:
        yield
    except DatabaseError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise RetryLater(f"{file} was not written: {error.orig}") from error
        raise


@contextmanager
def _opened(file: Path) -> Iterator[Connection]:
    engine: Engine = create_engine(URL.create("sqlite", database=str(file)), poolclass=NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()
