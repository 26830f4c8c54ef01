"""Trimmed rows that spoke again of a time which their tag had told before, kept whole for replays.

The record keeps each value of a time once and no server's time. That is enough for every row that is newer than the
rows of its tag before it. Of the others a replay needs more: a Bad row that repeats an old time counts from its
server's time, and a value that came back at one time (good, Bad, good) is one row of the record. Late good rows are
not kept: they are not judged as they come. A row that was dated ahead is the newest of its tag only until one of a time
that can be: of a whole clock that is ahead every row stands.

Runs of about a thousand rows, packed as sample entries are. The newest time of each tag, as of the newest trimmed
entry, is written with every slice, so that no crash can lose it.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import zstandard
from numpy.typing import NDArray

from domain.entries import Position
from domain.errors import DamagedFile
from domain.samples import SampleBatch
from domain.status import BAD
from domain.time import MINUTE_NS
from historian.journal.codec import Decoder, Kind
from historian.journal.columns import Cursor, pack_integers, unpack_integers
from historian.journal.layouts import INLINE, KnownLayouts, Piece
from historian.journal.reading import blob, layout_tags, whole
from historian.journal.samples import pack_samples, unpack_samples
from historian.journal.schema import Connection

_Read = TypeVar("_Read")

RUN_ROWS = 1024

_AHEAD_NS = 30 * MINUTE_NS  # as far beyond our clock detectors still judge a row

NEVER_NS = np.iinfo(np.int64).min
"""The newest time of a tag that was never heard, and the server's time of a row that had none."""

_PASSING = "SELECT position, body FROM passing WHERE position <= ? AND kind = ? ORDER BY position"
_NEWEST_RUN = "SELECT last, rows, body FROM echo_run ORDER BY last DESC LIMIT 1"
_NO_LAYOUTS = KnownLayouts(lambda _: None)


@dataclass(frozen=True, slots=True, eq=False)
class Echoes:
    """Rows with their places in the journal, in that order; `server_ns` is `NEVER_NS` where the source told none."""

    entry: NDArray[np.int64]
    row: NDArray[np.int64]
    tag: NDArray[np.uint32]
    time_ns: NDArray[np.int64]
    server_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        """Rows."""
        return len(self.entry)

    def at(self, chosen: "slice | NDArray[np.bool_]") -> "Echoes":
        """The chosen rows."""
        return Echoes(
            self.entry[chosen],
            self.row[chosen],
            self.tag[chosen],
            self.time_ns[chosen],
            self.server_ns[chosen],
            self.value[chosen],
            self.status[chosen],
        )


def no_echoes() -> Echoes:
    """No rows."""
    none = np.empty(0, np.int64)
    return Echoes(none, none, np.empty(0, np.uint32), none, none, np.empty(0), np.empty(0, np.uint32))


def join_echoes(parts: Sequence[Echoes]) -> Echoes:
    """All of them, one after the other."""
    every = [no_echoes(), *parts]
    return Echoes(
        np.concatenate([part.entry for part in every]),
        np.concatenate([part.row for part in every]),
        np.concatenate([part.tag for part in every]),
        np.concatenate([part.time_ns for part in every]),
        np.concatenate([part.server_ns for part in every]),
        np.concatenate([part.value for part in every]),
        np.concatenate([part.status for part in every]),
    )


def keep_echoes(connection: Connection, through: Position) -> None:
    """Keep what the record cannot tell of the passing entries up to a position; part of the caller's transaction."""
    found = connection.execute(_PASSING, (through, int(Kind.SAMPLES))).fetchall()
    if not found:
        return
    decoder = Decoder(KnownLayouts(lambda layout: layout_tags(connection, layout)))
    newest_ns = _with_room(newest_times(connection), _tags(connection))
    parts: list[Echoes] = []
    for at, body in found:
        try:
            batch = decoder.open(blob(body))
        except DamagedFile:
            continue  # whoever follows has said so; nothing of it can be kept
        if isinstance(batch, SampleBatch):
            parts += _echoes(Position(whole(at)), batch, newest_ns)
    connection.execute("UPDATE echo_newest SET body = ?", (_pack_times(newest_ns),))
    if parts:
        _add(connection, join_echoes(parts))


def kept_echoes(connection: Connection, after: Position, through: Position) -> Echoes:
    """The kept rows of the entries after a position, up to another one."""
    runs = connection.execute(
        """SELECT body FROM echo_run WHERE last > ?1 AND last <=
        ifnull((SELECT min(last) FROM echo_run WHERE last >= ?2), ?2) ORDER BY last""",
        (after, through),
    ).fetchall()
    rows = join_echoes([unpack_echoes(blob(body)) for (body,) in runs])
    return rows.at((rows.entry > after) & (rows.entry <= through))


def newest_times(connection: Connection) -> NDArray[np.int64]:
    """The newest time of each tag, by dense id, as of the newest trimmed entry."""
    row = connection.execute("SELECT body FROM echo_newest").fetchone()
    if row is None or not blob(row[0]):
        return np.empty(0, np.int64)
    return _unpacked(blob(row[0]), lambda told: np.cumsum(np.frombuffer(told, "<i8"), dtype=np.int64))


def _tags(connection: Connection) -> int:
    """How many tags are defined: their ids are dense."""
    row = connection.execute("SELECT ifnull(max(id) + 1, 0) FROM tag").fetchone()
    assert row is not None
    return whole(row[0])


def _pack_times(newest_ns: NDArray[np.int64]) -> bytes:
    """Differences, since tags that are read together have one time."""
    steps = np.diff(newest_ns, prepend=np.int64(0))  # wraps, and so does the sum
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(steps.astype("<i8").tobytes())


def _with_room(newest_ns: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    if size <= len(newest_ns):
        return newest_ns
    return np.concatenate((newest_ns, np.full(size - len(newest_ns), NEVER_NS)))


def _echoes(at: Position, batch: SampleBatch, newest_ns: NDArray[np.int64]) -> list[Echoes]:
    """What is to be kept of an entry; `newest_ns` is brought up to date."""
    order = np.argsort(batch.tag, kind="stable")
    order = order[batch.tag[order] < len(newest_ns)]  # nobody judges a tag that was never defined
    tag, time_ns = batch.tag[order], batch.time_ns[order]
    before_ns = newest_ns[tag]
    again = tag[1:] == tag[:-1]
    before_ns[1:][again] = time_ns[:-1][again]
    behind = time_ns <= before_ns
    if not behind.any():
        newest_ns[tag] = time_ns  # of several the last one counts, and that is the newest
        return []
    odd = np.isin(tag, tag[behind])
    newest_ns[tag[~odd]] = time_ns[~odd]
    bad = (batch.status >= np.uint32(BAD)) | ~np.isfinite(batch.value)
    kept = np.zeros(len(batch), np.bool_)
    limit_ns = batch.received_ns + _AHEAD_NS
    for index in np.sort(order[odd]).tolist():
        each, told_ns = batch.tag[index], batch.time_ns[index]
        if told_ns <= limit_ns < newest_ns[each]:
            newest_ns[each] = NEVER_NS  # that one was dated ahead: nobody judged by it
        kept[index] = told_ns == newest_ns[each] or (
            told_ns < newest_ns[each] and bad[index] and batch.server_ns is not None
        )
        newest_ns[each] = max(newest_ns[each], told_ns)
    if not kept.any():
        return []
    row = np.flatnonzero(kept)
    server_ns = np.full(len(row), NEVER_NS) if batch.server_ns is None else batch.server_ns[row]
    entry = np.full(len(row), at, np.int64)
    return [Echoes(entry, row, batch.tag[row], batch.time_ns[row], server_ns, batch.value[row], batch.status[row])]


def _add(connection: Connection, rows: Echoes) -> None:
    """Write rows behind the newest run, or anew with it until it is full; a run ends with an entry."""
    newest = connection.execute(_NEWEST_RUN).fetchone()
    if newest is not None and whole(newest[1]) < RUN_ROWS:
        connection.execute("DELETE FROM echo_run WHERE last = ?", (newest[0],))
        rows = join_echoes([unpack_echoes(blob(newest[2])), rows])
    start = 0
    while start < len(rows):
        most = min(start + RUN_ROWS, len(rows)) - 1
        end = int(np.searchsorted(rows.entry, rows.entry[most], side="right"))
        run = rows.at(slice(start, end))
        connection.execute("INSERT INTO echo_run VALUES (?, ?, ?)", (int(run.entry[-1]), len(run), pack_echoes(run)))
        start = end


def pack_echoes(rows: Echoes) -> bytes:
    """Rows as bytes."""
    batch = SampleBatch("", 0, rows.tag, rows.time_ns, rows.server_ns, rows.value, rows.status)
    told = struct.pack("<I", len(rows)) + pack_integers(rows.entry) + pack_integers(rows.row)
    samples = pack_samples(batch, [Piece(INLINE, len(rows))])
    return zstandard.ZstdCompressor(level=6, write_checksum=True).compress(told + samples)


def unpack_echoes(packed: bytes) -> Echoes:
    """Undo `pack_echoes`; DamagedFile where a byte was changed."""
    return _unpacked(packed, _echoes_from)


def _echoes_from(told: bytes) -> Echoes:
    cursor = Cursor(told)
    count = cursor.number("I")
    entry, row = unpack_integers(cursor, count), unpack_integers(cursor, count)
    batch = unpack_samples(cursor.rest(), _NO_LAYOUTS)
    server_ns = np.full(count, NEVER_NS) if batch.server_ns is None else batch.server_ns
    return Echoes(entry, row, batch.tag, batch.time_ns, server_ns, batch.value, batch.status)


def _unpacked(packed: bytes, read: Callable[[bytes], _Read]) -> _Read:
    try:
        return read(zstandard.ZstdDecompressor().decompress(packed))
    except zstandard.ZstdError as error:
        raise DamagedFile(f"kept rows are not as they were written ({error})") from error
