"""One period's file: segments, the chunks that find them, each tag's edge, and the chain of commits.

`docs/store-format.md` describes it for other programs.
"""

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from domain.status import BAD
from historian.chunks.database import naming, open_writer
from historian.chunks.period import Period
from historian.chunks.segment import Chunk, Kind, Segment

SCHEMA = """
CREATE TABLE segment(
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, layout INTEGER NOT NULL, base INTEGER NOT NULL,
    start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, rows INTEGER NOT NULL, hash BLOB NOT NULL,
    tags BLOB NOT NULL, column_hashes BLOB NOT NULL, times BLOB NOT NULL, places BLOB NOT NULL, columns BLOB NOT NULL);
CREATE INDEX patches ON segment(base) WHERE base > 0;
CREATE TABLE chunk(
    tag INTEGER NOT NULL, start_ns INTEGER NOT NULL, segment INTEGER NOT NULL, slot INTEGER NOT NULL,
    end_ns INTEGER NOT NULL, kind INTEGER NOT NULL, low_place INTEGER NOT NULL, high_place INTEGER NOT NULL,
    offset INTEGER NOT NULL, length INTEGER NOT NULL, summary BLOB NOT NULL,
    PRIMARY KEY(tag, start_ns, segment)) WITHOUT ROWID;
CREATE TABLE edge(
    tag INTEGER PRIMARY KEY, base_end_ns INTEGER NOT NULL, any_end_ns INTEGER NOT NULL, span_ns INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, bits INTEGER NOT NULL, status INTEGER NOT NULL, place INTEGER NOT NULL);
CREATE TABLE chain(
    number INTEGER PRIMARY KEY, rows INTEGER NOT NULL, last_segment INTEGER NOT NULL, body BLOB NOT NULL,
    hash BLOB NOT NULL)"""

GENESIS = bytes(32)
NEVER_NS = -(2**63)
FOREVER_NS = 2**63 - 1
_CHAIN = struct.Struct("<QQQ")
_LINK = struct.Struct("<q32s")

_PUT_SEGMENT = "INSERT INTO segment VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)"
_PUT_CHUNK = "INSERT INTO chunk VALUES(?,?,?,?,?,?,?,?,?,?,?)"
_PUT_EDGE = "INSERT OR REPLACE INTO edge VALUES(?,?,?,?,?,?,?,?)"


class Edge(NamedTuple):
    """How far a tag reaches in a file, and its newest row there."""

    tag: int
    base_end_ns: int  # one more than the last time of a base chunk
    any_end_ns: int  # of any chunk
    span_ns: int  # the longest chunk
    time_ns: int
    bits: int
    status: int
    place: int

    @property
    def rank(self) -> tuple[int, bool, int]:
        """Orders rows: the newest time, there the best version."""
        return (self.time_ns, self.status & BAD == 0, self.place)


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a file's chain: the commit's number and hash, rows kept, highest segment ever used."""

    number: int
    rows: int
    last_segment: int
    hash: bytes


def link_hash(before: bytes, number: int, rows: int, last_segment: int, body: bytes) -> bytes:
    """The hash of a commit, over the hash of the one before."""
    return hashlib.sha256(before + _CHAIN.pack(number, rows, last_segment) + body).digest()


def unpack_links(body: bytes) -> list[tuple[int, bytes]]:
    """What a commit did: (segment, hash) sealed; (-segment, hash) superseded."""
    return list(_LINK.iter_unpack(body))


@dataclass(frozen=True, slots=True)
class Superseded:
    """A segment that a commit replaces."""

    number: int
    hash: bytes
    rows: int


class PeriodFile:
    """The writer's side of one file. `connection` also reads what is about to be replaced."""

    def __init__(self, path: Path, period: Period) -> None:
        self.path = path
        self.period = period
        self.connection = open_writer(path, SCHEMA)
        with naming(path):
            row = self.connection.execute(
                "SELECT number, rows, last_segment, hash FROM chain ORDER BY number DESC LIMIT 1"
            ).fetchone()
            self._edges = {row[0]: Edge(*row) for row in self.connection.execute("SELECT * FROM edge")}
        self.head = Head(*row) if row else Head(0, 0, 0, GENESIS)

    def edge(self, tag: int) -> Edge | None:
        """The edge of one tag, if it has rows here."""
        return self._edges.get(tag)

    def commit(self, segments: Sequence[Segment], superseded: Sequence[Superseded] = ()) -> None:
        """Seal segments, and drop those that they replace, in one commit of the chain."""
        number = self.head.last_segment
        segment_rows, chunk_rows, links = [], [], []
        edges: dict[int, Edge] = {}
        for segment in segments:
            number += 1
            hashes = segment.column_hashes()
            digest = segment.hash(number, hashes)
            segment_rows.append(_segment_row(number, segment, digest, hashes))
            chunk_rows += [_chunk_row(number, segment.kind, chunk) for chunk in segment.chunks]
            links.append(_LINK.pack(number, digest))
            for chunk in segment.chunks:
                edges[chunk.tag] = _moved(edges.get(chunk.tag) or self._edges.get(chunk.tag), segment.kind, chunk)
        links += [_LINK.pack(-old.number, old.hash) for old in superseded]
        rows = self.head.rows + sum(segment.rows for segment in segments) - sum(old.rows for old in superseded)
        body = b"".join(links)
        digest = link_hash(self.head.hash, self.head.number + 1, rows, number, body)
        head = Head(self.head.number + 1, rows, number, digest)
        with naming(self.path), self.connection:
            execute, executemany = self.connection.execute, self.connection.executemany
            execute("BEGIN IMMEDIATE")
            executemany(_PUT_SEGMENT, segment_rows)
            executemany(_PUT_CHUNK, chunk_rows)
            executemany(_PUT_EDGE, edges.values())
            for old in superseded:
                self._drop(old.number)
            execute("INSERT INTO chain VALUES(?,?,?,?,?)", (head.number, head.rows, head.last_segment, body, head.hash))
            execute("COMMIT")
        self._edges.update(edges)
        self.head = head

    def _drop(self, number: int) -> None:
        execute = self.connection.execute
        tags, start_ns, end_ns = execute("SELECT tags, start_ns, end_ns FROM segment WHERE id=?", (number,)).fetchone()
        self.connection.executemany(
            "DELETE FROM chunk WHERE tag=? AND start_ns BETWEEN ? AND ? AND segment=?",
            [(tag, start_ns, end_ns, number) for (tag,) in struct.iter_unpack("<I", tags)],
        )
        execute("DELETE FROM segment WHERE id=?", (number,))

    def close(self) -> None:
        """Close; SQLite folds the write-ahead log into the file when no reader is left."""
        self.connection.close()


def _moved(edge: Edge | None, kind: Kind, chunk: Chunk) -> Edge:
    last = chunk.last
    assert last is not None
    fresh = Edge(
        chunk.tag,
        after_ns(chunk.end_ns) if kind == Kind.BASE else NEVER_NS,
        after_ns(chunk.end_ns),
        chunk.end_ns - chunk.start_ns,
        *(last.time_ns, last.bits, last.status, last.place),
    )
    if edge is None:
        return fresh
    newest = max(edge, fresh, key=lambda either: either.rank)
    return newest._replace(
        base_end_ns=max(edge.base_end_ns, fresh.base_end_ns),
        any_end_ns=max(edge.any_end_ns, fresh.any_end_ns),
        span_ns=max(edge.span_ns, fresh.span_ns),
    )


def after_ns(time_ns: int) -> int:
    """The first time after a row's."""
    return min(time_ns + 1, FOREVER_NS)


def _segment_row(number: int, segment: Segment, digest: bytes, hashes: bytes) -> tuple[int | bytes, ...]:
    return (
        number,
        int(segment.kind),
        int(segment.layout),
        segment.base,
        segment.start_ns,
        segment.end_ns,
        segment.rows,
        digest,
        segment.tags,
        hashes,
        segment.times,
        segment.places,
        segment.columns,
    )


def _chunk_row(number: int, kind: Kind, chunk: Chunk) -> tuple[int | bytes, ...]:
    return (
        chunk.tag,
        chunk.start_ns,
        number,
        chunk.slot,
        chunk.end_ns,
        int(kind),
        chunk.low_place,
        chunk.high_place,
        chunk.offset,
        chunk.length,
        chunk.summary,
    )
