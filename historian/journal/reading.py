"""Questions to the journal's file: each one short transaction, everything fetched before anything is decoded."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from domain.entries import START, Position
from historian.journal.codec import Kind
from historian.journal.remembered import SourceMemory
from historian.journal.schema import Connection, SqlValue

READ_ROWS = 200_000
"""One reading stops after so many samples, however many entries were asked for."""

_NEXT = """
    SELECT position, rows FROM (
        SELECT * FROM (SELECT position, rows FROM passing WHERE position > ?1 ORDER BY position LIMIT ?2)
        UNION ALL
        SELECT * FROM (SELECT position, rows FROM lasting WHERE position > ?1 ORDER BY position LIMIT ?2)
    ) ORDER BY position LIMIT ?2"""

_BODIES = """
    SELECT position, body FROM passing WHERE position > ?1 AND position <= ?2
    UNION ALL
    SELECT position, body FROM lasting WHERE position > ?1 AND position <= ?2
    ORDER BY position"""

_COUNTS = """
    SELECT source, sum(received), sum(iif(kind IN (?2, ?3), rows, 0)), sum(iif(kind = ?4, rows, 0)), sum(redelivered)
    FROM (
        SELECT source, kind, rows, received, redelivered FROM passing WHERE position > ?1
        UNION ALL
        SELECT source, kind, rows, received, redelivered FROM lasting WHERE position > ?1
    ) GROUP BY source"""

_NEWEST = """
    SELECT source, body, max(position) FROM passing WHERE position > ?1 AND kind = ?2 GROUP BY source"""

_SOURCES = "SELECT id, name, received, journaled, quarantined, redelivered, heartbeat, state FROM source"


@contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """Everything asked inside sees the same commit. Keep it short: the log cannot be reused meanwhile."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


def last_position(connection: Connection) -> Position:
    """The newest durable position, also if its entry is trimmed."""
    row = connection.execute(
        """SELECT max(
            (SELECT ifnull(max(position), 0) FROM passing),
            (SELECT ifnull(max(position), 0) FROM lasting),
            (SELECT through FROM progress))""",
    ).fetchone()
    assert row is not None
    return Position(whole(row[0]))


def stored_after(connection: Connection, after: Position, limit: int) -> list[tuple[Position, bytes]]:
    """The next stored entries, at most `limit` of them and not many more than `READ_ROWS` samples."""
    with one_moment(connection):
        upto, rows = START, 0
        for position, entry_rows in connection.execute(_NEXT, (after, limit)).fetchall():
            upto = Position(whole(position))
            rows += whole(entry_rows)
            if rows >= READ_ROWS:
                break
        if upto == START:
            return []
        found = connection.execute(_BODIES, (after, upto)).fetchall()
    return [(Position(whole(position)), blob(body)) for position, body in found]


def progress_of(connection: Connection) -> Position:
    """Up to which entry the table `source` counts."""
    row = connection.execute("SELECT through FROM progress").fetchone()
    assert row is not None
    return Position(whole(row[0]))


def remembered(connection: Connection) -> dict[str, SourceMemory]:
    """Every source as of the newest commit: what its row says, and the entries after it."""
    with one_moment(connection):
        through = progress_of(connection)
        sources = connection.execute(_SOURCES).fetchall()
        kinds = (Kind.SAMPLES, Kind.TEXTS, Kind.QUARANTINED)
        counts = {row[0]: row for row in connection.execute(_COUNTS, (through, *kinds)).fetchall()}
        heartbeats = _newest(connection, through, Kind.HEARTBEAT)
        states = _newest(connection, through, Kind.STATE)
    memory = {}
    for number, name, *stored in sources:
        _, *later = counts.get(number, (number, 0, 0, 0, 0))
        received, journaled, quarantined, redelivered = (
            whole(before) + whole(more) for before, more in zip(stored[:4], later, strict=True)
        )
        memory[str(name)] = SourceMemory(
            whole(number),
            str(name),
            received,
            journaled,
            quarantined,
            redelivered,
            heartbeats.get(whole(number), maybe_blob(stored[4])),
            states.get(whole(number), maybe_blob(stored[5])),
        )
    return memory


def _newest(connection: Connection, through: Position, kind: Kind) -> dict[int, bytes]:
    found = connection.execute(_NEWEST, (through, kind)).fetchall()
    return {whole(source): blob(body) for source, body, _ in found}


def layout_tags(connection: Connection, layout: int) -> bytes | None:
    """A tag layout as it stands in the file."""
    row = connection.execute("SELECT tags FROM layout WHERE id = ?", (layout,)).fetchone()
    return None if row is None else blob(row[0])


def all_layouts(connection: Connection) -> list[tuple[int, bytes]]:
    """Every tag layout of the file."""
    found: Sequence[Sequence[SqlValue]] = connection.execute("SELECT id, tags FROM layout").fetchall()
    return [(whole(layout), blob(tags)) for layout, tags in found]


def pages_bytes(connection: Connection) -> int:
    """Bytes of the file's pages that are in use; freed ones are used again before the file grows."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "freelist_count", "page_size")
    )
    assert pages is not None
    assert free is not None
    assert size is not None
    return (whole(pages[0]) - whole(free[0])) * whole(size[0])


def whole(value: SqlValue) -> int:
    """A column that the schema says is an integer."""
    assert isinstance(value, int), value
    return value


def blob(value: SqlValue) -> bytes:
    """A column that the schema says is a blob."""
    assert isinstance(value, bytes), value
    return value


def text(value: SqlValue) -> str:
    """A column that is a text."""
    assert isinstance(value, str)
    return value


def maybe_blob(value: SqlValue) -> bytes | None:
    """A column that is a blob or null."""
    return None if value is None else blob(value)


def format_of(connection: Connection) -> int:
    """The format of the file: an older one stays as it is until its writer opens it."""
    row = connection.execute("PRAGMA user_version").fetchone()
    assert row is not None
    return whole(row[0])
