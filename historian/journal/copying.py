"""A copy of a journal that another process writes: entry by entry, then what may still change, as of one moment.

Entries never change, and nothing leaves the journal while whoever copies holds its trimming. So they are copied in
short transactions, and a last one takes the newest entries together with the few tables that are written in place: no
transaction is long enough to keep the writer's log from being used again.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from domain.entries import START, Position
from historian.journal.reading import last_position, whole
from historian.journal.schema import Connection, connect_reader, errors_named, prepare_reader

_ENTRIES_AT_ONCE = 256
_FEW_ENTRIES = 64  # are left for the last transaction
_ENTRIES = ("passing", "lasting")
_BY_NUMBER = ("beat_run", "echo_run")  # only a trim adds to these
_RUNS_AT_ONCE = 64


def copy_journal(live: Path, target: Path, copied: Callable[[], None]) -> Position:
    """Make a journal at `target` that is the live one as of a moment; return its last position.

    `copied` is called between transactions, and may wait. RetryLater, DamagedFile and NewerFormat name the live file;
    sqlite3.Error is the target's trouble, such as a full disk.
    """
    with closing(connect_reader(str(live))) as asking, errors_named(live):
        prepare_reader(asking, live)
        through = last_position(asking)
    with closing(_attached(live, target)) as connection:
        _make_tables(connection)
        upto = START
        while through - upto > _FEW_ENTRIES:
            after, upto = upto, Position(min(upto + _ENTRIES_AT_ONCE, through))
            for table in _ENTRIES:
                _copy(connection, table, "position > ? AND position <= ?", (after, upto))
            copied()
        for table in _BY_NUMBER:
            _copy_runs(connection, table, copied)
        _finish(connection, upto)
        return last_position(connection)


def missing_after(path: Path, low: Position) -> int:
    """How many entries after a position a journal lacks: 0 if whoever stands there can go on."""
    with closing(connect_reader(str(path))) as connection, errors_named(path):
        prepare_reader(connection, path)
        there = sum(_number(connection, f"SELECT count(*) FROM {table} WHERE position > {low}") for table in _ENTRIES)  # noqa: S608  names and a number of ours
        return max(0, last_position(connection) - low) - there


def _attached(live: Path, target: Path) -> sqlite3.Connection:
    """A connection to a new file, with the live journal beside it."""
    address = target.absolute().as_uri()
    connection = sqlite3.connect(f"{address}?mode=rwc", uri=True, isolation_level=None, timeout=30)
    try:
        # Whoever asked for the copy syncs it, and throws it away if this process dies before.
        connection.execute("PRAGMA journal_mode=OFF").fetchone()
        connection.execute("PRAGMA synchronous=OFF")
        with errors_named(live):
            connection.execute("ATTACH ? AS live", (f"{live.absolute().as_uri()}?mode=ro",))
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection) -> None:
    """The live file's own tables and numbers, whatever its format."""
    asked = ("page_size", "application_id", "user_version")
    page, application, version = (connection.execute(f"PRAGMA live.{name}").fetchone()[0] for name in asked)
    connection.execute(f"PRAGMA main.page_size={page}")
    made = "SELECT sql FROM live.sqlite_schema WHERE sql IS NOT NULL ORDER BY type = 'index', rowid"
    for (statement,) in connection.execute(made).fetchall():
        connection.execute(statement)
    connection.execute(f"PRAGMA main.application_id={application}")
    connection.execute(f"PRAGMA main.user_version={version}")


def _copy_runs(connection: sqlite3.Connection, table: str, copied: Callable[[], None]) -> None:
    """What was trimmed and is kept packed, some runs at a time; a file of an older format has none."""
    if not connection.execute("SELECT 1 FROM live.sqlite_schema WHERE name = ?", (table,)).fetchone():
        return
    newest: int | None = None
    while True:
        after = -1 if newest is None else newest
        found = connection.execute(
            f"SELECT max(last) FROM (SELECT last FROM live.{table} WHERE last > ? ORDER BY last LIMIT {_RUNS_AT_ONCE})",  # noqa: S608  a name of ours
            (after,),
        ).fetchone()
        if found[0] is None:
            return
        newest = int(found[0])
        _copy(connection, table, "last > ? AND last <= ?", (after, newest))
        copied()


def _finish(connection: sqlite3.Connection, upto: Position) -> None:
    """The newest entries and every table that is written in place, in one transaction: its moment is the copy's."""
    tables = [
        str(name)
        for (name,) in connection.execute("SELECT name FROM live.sqlite_schema WHERE type = 'table'")
        if name not in (*_ENTRIES, *_BY_NUMBER)
    ]
    connection.execute("BEGIN")
    for table in _ENTRIES:
        _copy(connection, table, "position > ?", (upto,))
    for table in tables:
        connection.execute(f"DELETE FROM main.{table}")  # noqa: S608  a name from the file's own schema
        _copy(connection, table, "true", ())
    connection.execute("COMMIT")


def _copy(connection: sqlite3.Connection, table: str, where: str, values: Sequence[int]) -> None:
    connection.execute(f"INSERT INTO main.{table} SELECT * FROM live.{table} WHERE {where}", values)  # noqa: S608  names of ours


def _number(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return whole(row[0])
