"""Reading sealed files: which chunks hold a tag's rows of a time, and the rows themselves."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

import numpy as np

from domain.errors import DamagedFile, RetryLater
from historian.chunks.database import Readers
from historian.chunks.file import NEVER_NS, Edge, after_ns
from historian.chunks.period import Period, named_period
from historian.chunks.rows import TagRows
from historian.chunks.segment import Kind, Layout, Shared, unpack_column, unpack_column_times, unpack_list
from historian.chunks.summary import Summary, unpack_summary

_SHARED_KEPT = 512

_CHUNKS = """
    SELECT start_ns, segment, slot, end_ns, kind, low_place, high_place, offset, length, summary FROM chunk
    WHERE tag=?1 AND start_ns<?3 AND start_ns>=?2-(SELECT span_ns FROM edge WHERE tag=?1) AND end_ns>=?2
    ORDER BY start_ns"""
_BEFORE = """
    SELECT start_ns FROM chunk WHERE tag=? AND start_ns<? AND low_place<? ORDER BY start_ns DESC LIMIT 1"""


class ChunkRow(NamedTuple):
    """Where a chunk is, and what it holds."""

    start_ns: int
    segment: int
    slot: int
    end_ns: int
    kind: int
    low_place: int
    high_place: int
    offset: int
    length: int
    packed_summary: bytes

    @property
    def summary(self) -> Summary:
        """The figures of a base chunk."""
        return unpack_summary(self.packed_summary)

    @property
    def rows(self) -> int:
        """How many rows it has."""
        if self.kind != Kind.BASE:
            return self.length
        summary = self.summary
        return summary.count + summary.bad


class _Own:
    """Stands for a segment whose tags share nothing."""


_OWN = _Own()


class SealedFile:
    """One period's file, for readers. Unpacked times and lists are kept, because tags share them."""

    def __init__(self, path: Path, period: Period) -> None:
        self.path = path
        self.period = period
        self.readers = Readers(path)
        self._kept: OrderedDict[int, Shared | TagRows | _Own] = OrderedDict()
        self._lock = threading.Lock()

    def chunks(self, connection: Connection, tag: int, start_ns: int, end_ns: int) -> list[ChunkRow]:
        """The chunks that have, or may have, rows of a tag with start ≤ time < end, by their start."""
        return [ChunkRow(*row) for row in connection.execute(_CHUNKS, (tag, start_ns, end_ns))]

    def start_before(self, connection: Connection, tag: int, end_ns: int, place_before: int) -> int | None:
        """The start of the last chunk that begins before a time and has a row placed before `place_before`."""
        row = connection.execute(_BEFORE, (tag, end_ns, place_before)).fetchone()
        return None if row is None else int(row[0])

    def rows(
        self,
        connection: Connection,
        chunk: ChunkRow,
        *,
        places: bool = True,
        start_ns: int = NEVER_NS,
        end_ns: int | None = None,
    ) -> TagRows:
        """The rows of a chunk with start ≤ time < end; without `places` a base chunk's may be an empty array."""
        end_ns = after_ns(chunk.end_ns) if end_ns is None else end_ns
        if chunk.kind != Kind.BASE:
            rows = self._list(connection, chunk.segment).at(slice(chunk.offset, chunk.offset + chunk.length))
            first, last = np.searchsorted(rows.time_ns, (start_ns, end_ns)).tolist()
            return rows.at(slice(first, last))
        shared, column = self._column(connection, chunk)
        with naming_chunk(self.path, chunk):
            return unpack_column(shared, chunk.slot, column, places=places, start_ns=start_ns, end_ns=end_ns)

    def times(self, connection: Connection, chunk: ChunkRow) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
        """The times of a chunk alone."""
        if chunk.kind != Kind.BASE:
            return self.rows(connection, chunk).time_ns
        shared, column = self._column(connection, chunk)
        with naming_chunk(self.path, chunk):
            return unpack_column_times(shared, column)

    def edges(self) -> list[Edge]:
        """The edge of every tag."""
        with self.readers.snapshot() as connection:
            return [Edge(*row) for row in connection.execute("SELECT * FROM edge")]

    def is_ready(self) -> bool:
        """Whether its writer has finished making it."""
        try:
            with self.readers.snapshot():
                return True
        except RetryLater:
            return False

    def row_count(self) -> int:
        """How many rows the file keeps."""
        with self.readers.snapshot() as connection:
            row = connection.execute("SELECT rows FROM chain ORDER BY number DESC LIMIT 1").fetchone()
            return 0 if row is None else int(row[0])

    def close(self) -> None:
        """Close the idle connections."""
        self.readers.close()

    def _column(self, connection: Connection, chunk: ChunkRow) -> tuple[Shared | None, bytes]:
        kept = self._get(chunk.segment)
        if kept is None:
            kept = self._shared(connection, chunk)
            self._keep(chunk.segment, kept)
        # A blob is read where the column lies; a SELECT would copy the columns of all tags.
        with connection.blobopen("segment", "columns", chunk.segment, readonly=True) as blob:
            blob.seek(chunk.offset)
            column = blob.read(chunk.length)
        return kept if isinstance(kept, Shared) else None, column

    def _shared(self, connection: Connection, chunk: ChunkRow) -> "Shared | _Own":
        row = connection.execute("SELECT layout, times, places FROM segment WHERE id=?", (chunk.segment,)).fetchone()
        if row is None:
            raise DamagedFile(f"{self.path}: segment {chunk.segment} is missing")
        layout, times, places = row
        if layout == Layout.OWN:
            return _OWN
        with naming_chunk(self.path, chunk):
            return Shared(times, places)

    def _list(self, connection: Connection, segment: int) -> TagRows:
        kept = self._get(segment)
        if isinstance(kept, TagRows):
            return kept
        row = connection.execute("SELECT columns FROM segment WHERE id=?", (segment,)).fetchone()
        if row is None:
            raise DamagedFile(f"{self.path}: segment {segment} is missing")
        rows = unpack_list(row[0])
        self._keep(segment, rows)
        return rows

    def _get(self, segment: int) -> "Shared | TagRows | _Own | None":
        with self._lock:
            kept = self._kept.get(segment)
            if kept is not None:
                self._kept.move_to_end(segment)
            return kept

    def _keep(self, segment: int, unpacked: "Shared | TagRows | _Own") -> None:
        with self._lock:
            self._kept[segment] = unpacked
            if len(self._kept) > _SHARED_KEPT:
                self._kept.popitem(last=False)


class naming_chunk:  # noqa: N801 - a context manager that reads as a verb
    """Put file and segment before what a codec says is damaged."""

    __slots__ = ("_chunk", "_path")

    def __init__(self, path: Path, chunk: ChunkRow) -> None:
        self._path = path
        self._chunk = chunk

    def __enter__(self) -> None:
        """Nothing to do yet."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Name the chunk. Codecs meet damage as wrong sizes too, which numpy reports in its own ways."""
        if isinstance(error, (DamagedFile, ValueError, IndexError)):
            raise DamagedFile(f"{self._path}: segment {self._chunk.segment}, {error}") from error


class SealedFiles:
    """All files of a directory, by time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, tuple[int, SealedFile]] = {}
        self._ordered: tuple[SealedFile, ...] = ()
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Take note of files that are new, replaced or gone."""
        with self._lock:
            found = {path.stem: path for path in period_paths(self._directory)}
            for name in set(self._files) - set(found):
                self._files.pop(name)[1].close()
            for name, path in found.items():
                inode = path.stat().st_ino
                known = self._files.get(name)
                if known is None or known[0] != inode:
                    file = SealedFile(path, named_period(name))
                    if file.is_ready():
                        self._files[name] = (inode, file)
            self._ordered = tuple(sorted((file for _, file in self._files.values()), key=lambda file: file.period))

    def all(self) -> Sequence[SealedFile]:
        """Every file, the oldest first."""
        return self._ordered

    def between(self, start_ns: int, end_ns: int) -> Iterator[SealedFile]:
        """The files that may have rows with start ≤ time < end."""
        return (file for file in self._ordered if file.period.start_ns < end_ns and file.period.end_ns > start_ns)

    def close(self) -> None:
        """Close all."""
        with self._lock:
            for _, file in self._files.values():
                file.close()
            self._files.clear()
            self._ordered = ()


def period_paths(directory: Path) -> list[Path]:
    """The files of a directory whose name is a period's."""
    found = []
    for path in directory.glob("[0-9]*.db"):
        try:
            named_period(path.stem)
        except ValueError:
            continue
        found.append(path)
    return sorted(found)


def newest_edges(files: Sequence[SealedFile]) -> dict[int, Edge]:
    """Each tag's edge over all files."""
    edges: dict[int, Edge] = {}
    for file in files:
        for edge in file.edges():
            known = edges.get(edge.tag)
            edges[edge.tag] = edge if known is None else join_edges(known, edge)
    return edges


def join_edges(a: Edge, b: Edge) -> Edge:
    """The edge of a tag over two files."""
    return max(a, b, key=lambda edge: edge.rank)._replace(
        base_end_ns=max(a.base_end_ns, b.base_end_ns, NEVER_NS),
        any_end_ns=max(a.any_end_ns, b.any_end_ns),
        span_ns=max(a.span_ns, b.span_ns),
    )
