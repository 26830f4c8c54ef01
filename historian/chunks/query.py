"""Answers from sealed files and a tail together: what `HistoryReader` asks, for the store and for the view."""

from collections.abc import Callable, Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple, TypeVar

from domain.entries import Position
from domain.ports import Rows
from historian.chunks.places import entries_of, place_after, rows_of
from historian.chunks.reading import ChunkRow, SealedFile, SealedFiles
from historian.chunks.rows import TagRows, join_rows, merge, sort_by_tag
from historian.chunks.segment import Kind
from historian.chunks.tail import TailSnapshot

PIECE_ROWS = 131_072
EVERY_PLACE = 2**63 - 1

_STRETCHES = "SELECT tag, min(start_ns), max(end_ns) + 1 FROM chunk WHERE high_place >= ? GROUP BY tag"


class Window(NamedTuple):
    """A stretch of a tag's time within one file (or where there is none), and what may hold its rows."""

    start_ns: int
    end_ns: int
    file: SealedFile | None
    connection: Connection | None  # within the one transaction that the window is read in
    chunks: Sequence[ChunkRow]


class Stretch(NamedTuple):
    """A tag's rows with start ≤ time < end."""

    tag: int
    start_ns: int
    end_ns: int


Loaded = TypeVar("Loaded")


class Query:
    """Reads one tag at a time. `snapshot` gives the tail; it is taken before any file is read.

    Rows move from the tail to the files, so in this order they may be seen twice, and are never missed.
    """

    def __init__(self, files: SealedFiles, snapshot: Callable[[], TailSnapshot]) -> None:
        self.files = files
        self.snapshot = snapshot

    def read(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None, versions: bool, limit: int | None
    ) -> Rows:
        """As `HistoryReader.read`."""
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}, and must be at least 1")
        found: list[TagRows] = []
        count = 0
        for piece in self.pieces(tag, start_ns, end_ns, as_of=as_of, versions=versions, rows=limit):
            found.append(piece)
            count += len(piece)
            if limit is not None and count > limit:
                break
        rows = join_rows(found)
        if limit is None or len(rows) <= limit:
            return as_rows(rows)
        keep = limit
        while keep > 0 and rows.time_ns[keep - 1] == rows.time_ns[keep]:
            keep -= 1
        keep = keep or limit
        return as_rows(rows.at(slice(0, keep)), cut=int(rows.time_ns[keep]))

    def pieces(
        self,
        tag: int,
        start_ns: int,
        end_ns: int,
        *,
        as_of: Position | None,
        versions: bool,
        rows: int | None = None,
    ) -> Iterator[TagRows]:
        """The same rows in pieces of about `rows`; no transaction is open between them. Empty ones are left out."""
        tail = self.snapshot().rows(tag, start_ns, end_ns)
        place_before = EVERY_PLACE if as_of is None else place_after(as_of)
        everything = versions or as_of is not None

        def load(window: Window) -> TagRows:
            chunks = relevant(window, tail, place_before, everything=everything)
            return merge(gather(window, chunks, tail, place_before, places=True), versions=versions)

        for piece in self.over_windows(tag, start_ns, end_ns, min(rows or PIECE_ROWS, PIECE_ROWS), load):
            if len(piece):
                yield piece

    def over_windows(
        self, tag: int, start_ns: int, end_ns: int, rows: int, load: Callable[[Window], Loaded]
    ) -> Iterator[Loaded]:
        """Cut a stretch into windows of about `rows` rows and load each within a transaction of its own."""
        at_ns = start_ns
        for file in self.files.between(start_ns, end_ns):
            first_ns, last_ns = max(at_ns, file.period.start_ns), min(end_ns, file.period.end_ns)
            if first_ns > at_ns:
                yield load(Window(at_ns, first_ns, None, None, ()))
            at_ns = first_ns
            while at_ns < last_ns:
                with file.readers.snapshot() as connection:
                    chunks = file.chunks(connection, tag, at_ns, last_ns)
                    until_ns = _piece_end(chunks, at_ns, last_ns, rows)
                    inside = [chunk for chunk in chunks if chunk.start_ns < until_ns]
                    loaded = load(Window(at_ns, until_ns, file, connection, inside))
                yield loaded
                at_ns = until_ns
        if at_ns < end_ns:
            yield load(Window(at_ns, end_ns, None, None, ()))

    def stretches_after(self, after: Position) -> list[Stretch]:
        """Where in time rows may lie that came after an entry: at most one stretch a tag and file, and of the tail."""
        snapshot = self.snapshot()
        found = []
        for file in self.files.all():
            with file.readers.snapshot() as connection:
                found += [Stretch(*row) for row in connection.execute(_STRETCHES, (place_after(after),))]
        tail = snapshot.all()
        tail = sort_by_tag(tail.at(tail.place >= place_after(after)))
        for tag, chosen in tail.of_tags():
            times = tail.time_ns[chosen]
            found.append(Stretch(tag, int(times.min()), int(times.max()) + 1))
        return found

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None) -> Rows:
        """As `HistoryReader.at_time`: look from chunk to chunk, backwards."""
        place_before = EVERY_PLACE if as_of is None else place_after(as_of)
        end_ns = time_ns + 1
        tail = self.snapshot()
        while True:
            starts = [tail.newest_before(tag, end_ns, None if as_of is None else place_before)]
            starts += [self._start_before(file, tag, end_ns, place_before) for file in reversed(self.files.all())]
            known = [start_ns for start_ns in starts if start_ns is not None]
            if not known:
                return as_rows(join_rows([]))
            pieces = list(self.pieces(tag, max(known), end_ns, as_of=as_of, versions=False))
            if pieces:
                return as_rows(pieces[-1].at(slice(-1, None)))
            end_ns = max(known)

    @staticmethod
    def _start_before(file: SealedFile, tag: int, end_ns: int, place_before: int) -> int | None:
        if file.period.start_ns >= end_ns:
            return None
        with file.readers.snapshot() as connection:
            return file.start_before(connection, tag, end_ns, place_before)


def relevant(window: Window, tail: Sequence[TagRows], place_before: int, *, everything: bool) -> list[ChunkRow]:
    """The chunks whose rows decide: older versions only if asked for, or if the tail may have one of them again."""
    tail_ns = [int(time_ns) for rows in tail for time_ns in (rows.time_ns.min(), rows.time_ns.max())]
    low_ns, high_ns = (min(tail_ns), max(tail_ns)) if tail_ns else (0, -1)
    return [
        chunk
        for chunk in window.chunks
        if chunk.low_place < place_before
        and (everything or chunk.kind != Kind.OLDER or (chunk.start_ns <= high_ns and chunk.end_ns >= low_ns))
    ]


def gather(
    window: Window, chunks: Sequence[ChunkRow], tail: Sequence[TagRows], place_before: int, *, places: bool
) -> list[TagRows]:
    """The rows of a window in parts: from its chunks, then from the tail, placed before `place_before`."""
    parts = []
    for chunk in chunks:
        assert window.file is not None
        assert window.connection is not None
        known = chunk.high_place < place_before
        rows = window.file.rows(
            window.connection,
            chunk,
            places=places or not known,
            start_ns=window.start_ns,
            end_ns=window.end_ns,
        )
        if not known:
            rows = rows.at(rows.place < place_before)
        parts.append(rows)
    for rows in tail:
        inside = (rows.time_ns >= window.start_ns) & (rows.time_ns < window.end_ns)
        if place_before != EVERY_PLACE:
            inside &= rows.place < place_before
        if inside.any():
            parts.append(rows.at(inside))
    return [part for part in parts if len(part.time_ns)]


def as_rows(rows: TagRows, cut: int | None = None) -> Rows:
    """Rows as the port gives them."""
    return Rows(rows.time_ns, rows.value, rows.status, entries_of(rows.place), rows_of(rows.place), cut)


def _piece_end(chunks: Sequence[ChunkRow], start_ns: int, end_ns: int, rows: int) -> int:
    """Where to cut, so that what lies before has about `rows` rows: at the start of a base chunk."""
    count = 0
    for chunk in chunks:
        if count >= rows and chunk.kind == Kind.BASE and chunk.start_ns > start_ns:
            return chunk.start_ns
        count += chunk.rows
    return end_ns
