"""What cannot be read of the journal: where it is, and the gaps that say so, after which followers may pass it.

An entry whose bytes are not as they were written is one place; where the database cannot read a page, it is every
entry up to the next one that can be read. The gaps' ids end with the positions, so everybody finds them.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from domain.entries import (
    ConfigurationActivated,
    Entry,
    Gap,
    GapCause,
    Heartbeat,
    PersonAction,
    Position,
    Quarantined,
    TagDefined,
    TextBatch,
)
from domain.errors import DamagedFile
from domain.samples import SampleBatch
from domain.time import MINUTE_NS
from historian.journal.beats import kept_beats
from historian.journal.reading import blob, text, whole
from historian.journal.schema import Connection, SqlValue

Decode = Callable[[str, bytes], Entry]

_TABLES = ("passing", "lasting")
_NEIGHBOURS = 64  # entries on each side
_AHEAD_NS = 30 * MINUTE_NS  # a row dated farther ahead tells nothing of its source's clock
_BEAT_NEAR = 10_000  # entries
_LONGEST_STEP = 1 << 40


@dataclass(frozen=True, slots=True)
class Hole:
    """Entries that cannot be read. `source` as their header has it: empty where it cannot be read, or names none."""

    first: Position
    last: Position
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry that the database can read."""

    position: Position
    body: bytes


def next_stored(connection: Connection, after: Position) -> Stored | Hole | None:
    """The next entry, or what cannot be read before the next one; None where no entry follows that can be read."""
    places = {table: _next_place(connection, table, after + 1) for table in _TABLES}
    readable = [place for place, _ in places.values() if place is not None]
    if not readable:
        return None
    position = Position(min(readable))
    why = next((why for _, why in places.values() if why), "")
    if why and position > after + 1:
        return Hole(Position(after + 1), Position(position - 1), "", why)
    table = next(table for table, (place, _) in places.items() if place == position)
    try:
        row = connection.execute(f"SELECT body FROM {table} WHERE position = ?", (position,)).fetchone()  # noqa: S608  a constant
    except sqlite3.DatabaseError as error:
        if not is_unreadable(error):
            raise
        return hole_at(connection, position, str(error))
    return None if row is None else Stored(position, blob(row[0]))  # None: it was trimmed just now


def hole_at(connection: Connection, position: Position, why: str) -> Hole:
    """One entry that cannot be read, with what its header says."""
    for table in _TABLES:
        asked = f"SELECT name FROM source WHERE id = (SELECT source FROM {table} WHERE position = ?)"  # noqa: S608  a constant
        found = _rows(connection, asked, (position,))
        if found:
            return Hole(position, position, text(found[0][0]), why)
    return Hole(position, position, "", why)


def told_gaps(connection: Connection, decode: Decode, hole: Hole) -> list[Gap]:
    """The gaps that tell of it, if they are durable; one of each source that may miss samples."""
    found = _rows(connection, "SELECT position, body FROM gap WHERE id GLOB ?", (f"*{_suffix(hole)}",))
    gaps: list[Gap] = []
    for position, body in found:
        try:
            gap = decode(f"gap at entry {whole(position)}", blob(body))
        except DamagedFile:
            continue  # then it is told once more
        if isinstance(gap, Gap):
            gaps.append(gap)
    return gaps


def gaps_of(connection: Connection, path: Path, decode: Decode, hole: Hole) -> list[Gap]:
    """The gaps that tell of it, from the entry before to the one behind; none while no entry is behind it."""
    after = list(_around(connection, decode, hole, behind=True))
    clocks_after = [clock_ns for entry in after if (clock_ns := _clock_ns(entry)) is not None]
    if not clocks_after:
        return []
    before = list(_around(connection, decode, hole, behind=False))
    clocks_before = [clock_ns for entry in before if (clock_ns := _clock_ns(entry)) is not None]
    if not clocks_before:
        beats = kept_beats(connection, Position(max(0, hole.first - _BEAT_NEAR)), hole.first)
        clocks_before = [beat.now_ns for _, beat in beats[-1:]] or [clocks_after[0] - 1]
    detail = f"{path.name}: {place_of(hole)}: {hole.why}"
    gaps: list[Gap] = []
    for source in [hole.source] if hole.source else _sources(connection) or [""]:
        lags_ns = [_lag_ns(side, source) for side in (before, after)]
        start_ns = clocks_before[0] - max(0, *lags_ns)
        end_ns = max(clocks_after[0] - min(0, *lags_ns), start_ns + 1)
        gaps.append(Gap(f"{source}{_suffix(hole)}", source, None, start_ns, end_ns, GapCause.DAMAGED, detail))
    return gaps


def place_of(hole: Hole) -> str:
    """`entry 7`, or `entries 7 to 9`."""
    return f"entry {hole.first}" if hole.first == hole.last else f"entries {hole.first} to {hole.last}"


def tells_of_damage(entry: Entry, position: Position) -> TypeGuard[Gap]:
    """Whether an entry is a gap that stands in the place of what cannot be read, and not where it was journaled."""
    return isinstance(entry, Gap) and entry.cause is GapCause.DAMAGED and entry.id.endswith(f"-{position}")


def _suffix(hole: Hole) -> str:
    return f":{GapCause.DAMAGED}:{hole.first}-{hole.last}"


def _sources(connection: Connection) -> list[str]:
    return [text(name) for (name,) in _rows(connection, "SELECT name FROM source WHERE name <> '' ORDER BY id", ())]


def _rows(connection: Connection, asked: str, values: Sequence[SqlValue]) -> Sequence[Sequence[SqlValue]]:
    """What is asked; nothing where the database cannot read it."""
    try:
        return connection.execute(asked, values).fetchall()
    except sqlite3.DatabaseError as error:
        if not is_unreadable(error):
            raise
        return ()


def is_unreadable(error: sqlite3.DatabaseError) -> bool:
    """Whether the database says that a page cannot be read; a file that is busy can, later."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_IOERR}


def _next_place(connection: Connection, table: str, first: int) -> tuple[int | None, str]:
    """The next position in a table that can be read, if any, and what the database says of those before it."""
    asked = f"SELECT position FROM {table} WHERE position >= ? ORDER BY position LIMIT 1"  # noqa: S608  a constant

    def look(at: int) -> tuple[bool, int | None, str]:
        try:
            row = connection.execute(asked, (at,)).fetchone()
        except sqlite3.DatabaseError as error:
            if not is_unreadable(error):
                raise
            return False, None, str(error)
        return True, None if row is None else whole(row[0]), ""

    is_there, place, why = look(first)
    if is_there:
        return place, ""
    step = 1
    while not is_there and step <= _LONGEST_STEP:
        step *= 2
        is_there, place, _ = look(first + step)
    bad, good = first + step // 2, first + step  # a page ends between the two
    while good - bad > 1:
        middle = (bad + good) // 2
        is_there, found, _ = look(middle)
        if is_there:
            good, place = middle, found
        else:
            bad = middle
    return place, why


def _around(connection: Connection, decode: Decode, hole: Hole, *, behind: bool) -> Iterator[Entry]:
    """The entries on one side that can be read, nearest first."""
    bound, order, edge = (">=", "", hole.last + 1) if behind else ("<=", "DESC", hole.first - 1)
    found: list[tuple[int, bytes]] = []
    for table in _TABLES:
        asked = f"SELECT position, body FROM {table} WHERE position {bound} ? ORDER BY position {order} LIMIT ?"  # noqa: S608  constants
        found += [(whole(at), blob(body)) for at, body in _rows(connection, asked, (edge, _NEIGHBOURS))]
    found.sort(reverse=not behind)
    for at, body in found[:_NEIGHBOURS]:
        try:
            yield decode(f"entry {at}", body)
        except DamagedFile:
            continue


def _clock_ns(entry: Entry) -> int | None:
    """When our clock says that an entry came."""
    match entry:
        case SampleBatch() | TextBatch() | Quarantined():
            return entry.received_ns
        case Heartbeat():
            return entry.now_ns
        case ConfigurationActivated() | PersonAction() | TagDefined():
            return entry.at_ns
        case _:
            return None


def _lag_ns(entries: Sequence[Entry], source: str) -> int:
    """How far the newest row of a source was behind our clock when it came; below 0 where its clock is ahead."""
    for entry in entries:
        if isinstance(entry, SampleBatch | TextBatch) and entry.source == source and len(entry):
            lag_ns = entry.received_ns - max(map(int, entry.time_ns))
            return lag_ns if lag_ns > -_AHEAD_NS else 0
    return 0
