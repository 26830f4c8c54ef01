"""The journal's file: its tables, its format, and what a connection must have agreed to before it is used.

    passing    samples, heartbeats, source states: trimmed once every follower has passed them
    lasting    every other entry, for good
    layout     tag layouts that sample entries refer to
    source     a source's number, its counts, its newest heartbeat and state, all as of `progress.through`
    progress   up to which entry `source` counts; the entries after it are added by whoever asks
    beat_run   heartbeats that were trimmed, for replays; `beats_since` tells from which position on all are there
    echo_run   trimmed rows that the record alone cannot tell of, for replays; `echo_newest` has the newest time of each
               trimmed tag, and from which position on all such rows are there
    tag, gap   the newest definition of each tag, each gap as last written

`source` is brought up to date every few seconds and not with every commit: one more page each time would cost as many
bytes as the samples themselves.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from domain.errors import DamagedFile, NewerFormat, RetryLater
from historian.durable import sync_folder

FORMAT = 3
APPLICATION_ID = 0x7457_6A31  # "tWj1"
PAGE_BYTES = 4096
CHECKPOINT_PAGES = 1000
WAL_LIMIT_BYTES = 64 << 20

_ENTRY_COLUMNS = """(
    position INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    source INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    received INTEGER NOT NULL,
    redelivered INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT"""

_BEATS = (
    "CREATE TABLE beat_run(last INTEGER PRIMARY KEY, beats INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
    "CREATE TABLE beats_since(one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL) STRICT",
)

_ECHOES = (
    "CREATE TABLE echo_run(last INTEGER PRIMARY KEY, rows INTEGER NOT NULL, body BLOB NOT NULL) STRICT",
    """CREATE TABLE echo_newest(
        one INTEGER PRIMARY KEY CHECK (one = 1), since INTEGER NOT NULL, body BLOB NOT NULL
    ) STRICT""",
)

_TRIMMED = "coalesce((SELECT min(position) - 1 FROM passing), (SELECT through FROM progress), 0)"

_FROM_1_TO_2 = (
    *_BEATS,
    f"INSERT INTO beats_since SELECT 1, {_TRIMMED}",
    "PRAGMA user_version = 2",
)

_FROM_2_TO_3 = (
    *_ECHOES,
    f"INSERT INTO echo_newest SELECT 1, {_TRIMMED}, x''",
    "PRAGMA user_version = 3",
)

_STEPS = {1: _FROM_1_TO_2, 2: _FROM_2_TO_3}
"""What turns a file of each older format into one of the next."""

_TABLES = (
    f"CREATE TABLE passing {_ENTRY_COLUMNS}",
    f"CREATE TABLE lasting {_ENTRY_COLUMNS}",
    "CREATE INDEX lasting_by_kind ON lasting(kind, position)",
    "CREATE TABLE layout(id INTEGER PRIMARY KEY, tags BLOB NOT NULL) STRICT",
    """CREATE TABLE source(
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        received INTEGER NOT NULL DEFAULT 0,
        journaled INTEGER NOT NULL DEFAULT 0,
        quarantined INTEGER NOT NULL DEFAULT 0,
        redelivered INTEGER NOT NULL DEFAULT 0,
        heartbeat BLOB,
        state BLOB
    ) STRICT""",
    "CREATE TABLE progress(one INTEGER PRIMARY KEY CHECK (one = 1), through INTEGER NOT NULL) STRICT",
    "INSERT INTO progress VALUES (1, 0)",
    *_BEATS,
    "INSERT INTO beats_since VALUES (1, 0)",
    *_ECHOES,
    "INSERT INTO echo_newest VALUES (1, 0, x'')",
    """CREATE TABLE tag(
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        position INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    """CREATE TABLE gap(
        id TEXT PRIMARY KEY,
        source TEXT NOT NULL,
        tag INTEGER,
        start_ns INTEGER NOT NULL,
        end_ns INTEGER,
        position INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX gap_by_end ON gap(end_ns)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {FORMAT}",
)

SqlValue = int | str | bytes | float | None


class Rows(Protocol):
    """What a statement answers."""

    def fetchone(self) -> Sequence[SqlValue] | None:
        """The next row."""
        ...

    def fetchall(self) -> Sequence[Sequence[SqlValue]]:
        """The rows that are left."""
        ...


class Connection(Protocol):
    """What the journal needs of a connection in autocommit mode; the standard library's and apsw's both have it."""

    def execute(self, statement: str, values: Sequence[SqlValue] = ()) -> Rows:
        """Run one statement."""
        ...

    def executemany(self, statement: str, values: Iterable[Sequence[SqlValue]]) -> object:
        """Run one statement with each row of values."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...


Connect = Callable[[str], Connection]


def connect_writer(path: str) -> Connection:
    """A connection that may write, for use by one thread at a time."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)


def connect_reader(path: str) -> Connection:
    """A connection that cannot write, for use by one thread at a time; RetryLater while there is no file."""
    try:
        connection = sqlite3.connect(
            f"file:{quote(path)}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=5,
        )
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.OperationalError as error:
        why = str(error) if Path(path).exists() else "there is no journal: the service makes it at its first start"
        raise RetryLater(f"{path}: {why}") from error
    return connection


@contextmanager
def errors_named(path: Path) -> Iterator[None]:
    """What the database says, with its file: RetryLater where it is busy or out of reach, else DamagedFile."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise RetryLater(f"{path}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DamagedFile(f"{path}: {error}") from error


def make_folder(folder: Path) -> None:
    """Make a folder that is still there after a power cut: SQLite syncs the file's own folder, and none above it."""
    missing = [level for level in (folder, *folder.parents) if not level.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        sync_folder(made.parent)


def prepare_writer(connection: Connection, path: Path) -> None:
    """Make sure that the file is ours, has its tables, and that a commit means what this program promises."""
    is_new = not _is_ours(connection, path)
    _demand(connection, "page_size", PAGE_BYTES, set_it=is_new)
    _demand(connection, "journal_mode", "wal")
    _demand(connection, "synchronous", 2)
    _demand(connection, "wal_autocheckpoint", CHECKPOINT_PAGES)
    _demand(connection, "journal_size_limit", WAL_LIMIT_BYTES)
    if is_new:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _TABLES:
            connection.execute(statement)
        connection.execute("COMMIT")
        return
    for older in range(_number(connection, "PRAGMA user_version"), FORMAT):
        connection.execute("BEGIN IMMEDIATE")
        for statement in _STEPS[older]:
            connection.execute(statement)
        connection.execute("COMMIT")


def prepare_reader(connection: Connection, path: Path) -> None:
    """Make sure that the file is a journal of a known format; RetryLater while its writer has not made its tables."""
    if not _is_ours(connection, path):
        raise RetryLater(f"{path}: the journal is being made")


def _is_ours(connection: Connection, path: Path) -> bool:
    """False for an empty file; DamagedFile for anything that is no journal, NewerFormat for one of a newer program."""
    with errors_named(path):
        application = _number(connection, "PRAGMA application_id")
        version = _number(connection, "PRAGMA user_version")
        tables = _number(connection, "SELECT count(*) FROM sqlite_schema")
    if application == 0 and tables == 0:
        return False
    if application != APPLICATION_ID:
        raise DamagedFile(f"{path} is no journal of this program (its application id is {application:#x})")
    if version > FORMAT:
        raise NewerFormat(f"{path} has format {version}; this program knows {FORMAT}")
    return True


def _demand(connection: Connection, pragma: str, value: int | str, *, set_it: bool = True) -> None:
    """Set a pragma and check what came of it: SQLite ignores what it cannot do and says nothing."""
    if set_it:
        connection.execute(f"PRAGMA {pragma} = {value}").fetchall()
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    if row is None or row[0] != value:
        raise RetryLater(f"the database answers {row} to {pragma} = {value}")


def _number(connection: Connection, query: str) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    number = row[0]
    assert isinstance(number, int)
    return number
