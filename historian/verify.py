"""Prove the record: every sealed byte against its hash, every hash against the chain of commits.

What is damaged is named by file, segment, tag and time. Undamaged parts of a damaged file are still checked.
"""

import sqlite3
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from domain.errors import DamagedFile, RetryLater
from domain.time import format_time
from historian.chunks.database import open_reader
from historian.chunks.file import GENESIS, NEVER_NS, Edge, after_ns, link_hash, unpack_links
from historian.chunks.period import named_period
from historian.chunks.reading import ChunkRow, SealedFile, join_edges, period_paths
from historian.chunks.segment import COLUMN_HASH_BYTES, Chunk, Kind, Layout, Segment, column_hash, segment_hash
from historian.chunks.state import STATE_NAME, read_tail, tail_numbers

HISTORY_NAME = "history"

_SEGMENT = """
    SELECT kind, layout, base, start_ns, end_ns, rows, tags, times, places, columns, hash, column_hashes
    FROM segment WHERE id=?"""
_CHUNKS = """
    SELECT segment, tag, start_ns, end_ns, slot, low_place, high_place, offset, length, summary, kind FROM chunk"""

# Damaged bytes show as wrong types, sizes and offsets too, wherever they are first looked at.
UNREADABLE = (
    DamagedFile,
    RetryLater,
    sqlite3.Error,
    ValueError,
    TypeError,
    IndexError,
    OverflowError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is not as it was written."""

    file: str
    what: str
    segment: int | None = None
    tags: tuple[int, ...] = ()
    start_ns: int | None = None
    end_ns: int | None = None

    def __str__(self) -> str:
        """`2025-10.db: segment 12: tag 7: 2025-10-09T09:00:00Z to …: what`."""
        parts = [self.file]
        if self.segment is not None:
            parts.append(f"segment {self.segment}")
        if self.tags:
            parts.append(f"tag{'s' * (len(self.tags) > 1)} {', '.join(map(str, self.tags))}")
        if self.start_ns is not None and self.end_ns is not None:
            parts.append(f"{_shown(self.start_ns)} to {_shown(self.end_ns)}")
        return ": ".join([*parts, self.what])


@dataclass(slots=True)
class Report:
    """What was checked, and what is damaged."""

    files: int = 0
    commits: int = 0
    segments: int = 0
    rows: int = 0  # sealed
    waiting: int = 0  # in the tail that the cursor covers
    damages: list[Damage] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged."""
        return not self.damages


def verify(data_dir: Path | str) -> Report:
    """Check the record in a data directory. It may be in use."""
    directory = Path(data_dir) / HISTORY_NAME
    report = Report()
    heads: dict[str, dict[int, bytes]] = {}
    for path in period_paths(directory):
        report.files += 1
        checked = FileCheck(path, report)
        checked.run()
        heads[path.name] = checked.hashes
    if (directory / STATE_NAME).exists():
        _check_state(directory / STATE_NAME, heads, report)
    elif heads:
        report.damages.append(Damage(STATE_NAME, "is missing"))
    return report


class FileCheck:
    """The checks of one period's file."""

    def __init__(self, path: Path, report: Report) -> None:
        self.path = path
        self.report = report
        self.hashes: dict[int, bytes] = {0: GENESIS}  # of the chain, by number
        self.expected: dict[int, bytes] = {}  # of live segments
        self._expected_rows = 0

    def run(self) -> None:
        """Check everything that can be read, in one transaction."""
        with self._noting("cannot be read"):
            connection = open_reader(self.path)
            try:
                self._check(connection)
            finally:
                connection.close()

    def _check(self, connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        with self._noting("its structure is damaged"):
            for (line,) in connection.execute("PRAGMA integrity_check"):
                if line != "ok":
                    self._note(f"its structure is damaged: {line}")
        with self._noting("the chain of commits cannot be read"):
            self.check_chain(connection)
        chunks: dict[int, list[Chunk]] = defaultdict(list)
        kinds: dict[int, set[int]] = defaultdict(set)
        with self._noting("the chunks cannot be read"):
            for number, *columns, kind in connection.execute(_CHUNKS):
                chunks[number].append(Chunk(*_ordered(columns)))
                kinds[number].add(kind)
        rows = 0
        present: set[int] = set()
        with self._noting("the segments cannot be listed"):
            present = {number for (number,) in connection.execute("SELECT id FROM segment NOT INDEXED")}
        for number in sorted(present | set(self.expected)):
            with self._noting("cannot be read", number):
                rows += self.check_segment(connection, number, chunks.pop(number, []), kinds[number])
        for number, stray in chunks.items():
            self._note("its chunks belong to no segment", number, stray)
        if rows != self._expected_rows:
            self._note(f"{rows} rows are there, and the chain says {self._expected_rows}")
        self.report.rows += rows
        with self._noting("the tags' edges cannot be read"):
            self._check_edges(connection)

    def check_chain(self, connection: sqlite3.Connection) -> None:
        """Follow the chain of commits: which segments there have to be, and their hashes."""
        before, expected_number = GENESIS, 1
        for number, rows, last, body, digest in connection.execute(
            "SELECT number, rows, last_segment, body, hash FROM chain ORDER BY number"
        ):
            if number != expected_number:
                self._note(f"commit {expected_number} of the chain is missing")
            if link_hash(before, number, rows, last, body) != digest:
                self._note(f"commit {number} of the chain does not match its hash")
            before, expected_number = digest, number + 1
            self.hashes[number] = digest
            self.report.commits += 1
            self._expected_rows = rows
            for segment, segment_digest in unpack_links(body):
                if segment > 0:
                    self.expected[segment] = segment_digest
                elif self.expected.pop(-segment, None) != segment_digest:
                    self._note(f"commit {number} replaces segment {-segment}, which is not there", -segment)

    def check_segment(
        self, connection: sqlite3.Connection, number: int, chunks: Sequence[Chunk], kinds: set[int]
    ) -> int:
        """Check a segment against the chain and its bytes against their hashes; how many rows it has."""
        expected = self.expected.get(number)
        row = connection.execute(_SEGMENT, (number,)).fetchone()
        if row is None:
            self._note("is missing", number, chunks)
            return 0
        *content, digest, column_hashes = row
        chunks = sorted(chunks, key=lambda chunk: chunk.slot)
        kind, layout, base, start_ns, end_ns, rows, tags, times, places, columns = content
        segment = Segment(
            Kind(kind), Layout(layout), base, start_ns, end_ns, rows, tags, times, places, columns, tuple(chunks)
        )
        if expected is None:
            self._note("is not in the chain", number, chunks)
        elif digest != expected:
            self._note("has another hash than the chain", number, chunks)
        if segment_hash(segment, number, column_hashes) != digest:
            self._note("its head, times, places or list do not match its hash", number, chunks)
        named = np.frombuffer(segment.tags, "<u4").tolist()
        if [chunk.tag for chunk in chunks] != named or [chunk.slot for chunk in chunks] != list(range(len(named))):
            self._note("its chunks are not those of its tags", number, chunks)
        if kinds - {segment.kind}:
            self._note("its chunks are of another kind", number, chunks)
        for chunk in chunks:
            at = COLUMN_HASH_BYTES * chunk.slot
            if (
                column_hash(Layout(segment.layout), chunk, segment.columns)
                != column_hashes[at : at + COLUMN_HASH_BYTES]
            ):
                self._note("does not match its hash", number, [chunk])
        self.report.segments += 1
        return segment.rows

    def _check_edges(self, connection: sqlite3.Connection) -> None:
        """Edges follow from the chunks: compare them with what the chunks say."""
        edges = {row[0]: Edge(*row) for row in connection.execute("SELECT * FROM edge")}
        sealed = SealedFile(self.path, named_period(self.path.stem))
        tags = [tag for (tag,) in connection.execute("SELECT DISTINCT tag FROM chunk")]
        for tag in sorted(set(tags) | set(edges)):
            try:
                found = _edge_of(sealed, connection, tag)
            except UNREADABLE as error:
                self._note(f"its newest row cannot be read: {error}", None, (), (tag,))
                continue
            edge = edges.get(tag)
            if (
                edge is None
                or found is None
                or edge.span_ns < found.span_ns
                or edge._replace(span_ns=0) != (found._replace(span_ns=0))
            ):
                self._note("its edge is not what its chunks say", None, (), (tag,))

    @contextmanager
    def _noting(self, what: str, segment: int | None = None) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            self._note(f"{what}: {error}", segment)

    def _note(
        self, what: str, segment: int | None = None, chunks: Iterable[Chunk] = (), tags: tuple[int, ...] = ()
    ) -> None:
        listed = list(chunks)
        self.report.damages.append(
            Damage(
                self.path.name,
                what,
                segment,
                tags or tuple(sorted({chunk.tag for chunk in listed})),
                min((chunk.start_ns for chunk in listed), default=None),
                max((chunk.end_ns for chunk in listed), default=None),
            )
        )


def _ordered(columns: Sequence[object]) -> tuple[int, int, int, int, int, int, int, int, bytes]:
    """The columns as a Chunk takes them; TypeError for what is no longer a number."""
    *numbers, summary = columns
    if not isinstance(summary, bytes) or not all(isinstance(number, int) for number in numbers):
        raise TypeError(f"a chunk has columns {columns}")
    tag, start_ns, end_ns, slot, low, high, offset, length = (int(str(number)) for number in numbers)
    return tag, start_ns, end_ns, slot, low, high, offset, length, summary


def _edge_of(sealed: SealedFile, connection: sqlite3.Connection, tag: int) -> Edge | None:
    found = connection.execute(
        "SELECT start_ns, segment, slot, end_ns, kind, low_place, high_place, offset, length, summary FROM chunk "
        "WHERE tag=?",
        (tag,),
    )
    edge: Edge | None = None
    chunks = [ChunkRow(*row) for row in found]
    newest_ns = max((chunk.end_ns for chunk in chunks), default=0)
    for chunk in chunks:
        last = (0, 0, 0)
        if chunk.end_ns == newest_ns:
            rows = sealed.rows(connection, chunk)
            at_end = np.flatnonzero(rows.time_ns == newest_ns)
            best = at_end[np.lexsort((rows.place[at_end], (rows.status[at_end] & 0x8000_0000) == 0))[-1]]
            last = (int(rows.value.view(np.int64)[best]), int(rows.status[best]), int(rows.place[best]))
        base_end_ns = after_ns(chunk.end_ns) if chunk.kind == Kind.BASE else NEVER_NS
        span_ns = chunk.end_ns - chunk.start_ns
        one = Edge(tag, base_end_ns, after_ns(chunk.end_ns), span_ns, chunk.end_ns, *last)
        edge = one if edge is None else join_edges(edge, one)
    return edge


def _check_state(path: Path, heads: dict[str, dict[int, bytes]], report: Report) -> None:
    """The anchors against the files' chains, and the tail against its hashes."""
    try:
        connection = open_reader(path)
    except (DamagedFile, RetryLater) as error:
        report.damages.append(Damage(path.name, f"cannot be read: {error}"))
        return
    try:
        connection.execute("BEGIN")
        for (line,) in connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                report.damages.append(Damage(path.name, f"its structure is damaged: {line}"))
        for file, number, digest in connection.execute("SELECT file, number, hash FROM anchor"):
            if file not in heads:
                report.damages.append(Damage(str(file), "is missing, and the state knows it"))
            elif heads[file].get(number) != digest:
                report.damages.append(Damage(str(file), f"its chain has no commit {number} as the state knows it"))
        for number in tail_numbers(connection):
            try:
                report.waiting += len(read_tail(connection, path, [number])[0].columns)
            except UNREADABLE as error:
                report.damages.append(Damage(path.name, f"block {number} of the tail: {error}"))
    except sqlite3.Error as error:
        report.damages.append(Damage(path.name, f"cannot be read: {error}"))
    finally:
        connection.close()


def _shown(time_ns: int) -> str:
    try:
        return format_time(time_ns)
    except (OverflowError, ValueError):  # a damaged time may lie anywhere
        return f"{time_ns} ns"
