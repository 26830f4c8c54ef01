"""Compaction: a base segment and its patches become new base segments; what they replace is named in the chain."""

from collections.abc import Iterator
from sqlite3 import Connection

import numpy as np

from historian.chunks.file import PeriodFile, Superseded
from historian.chunks.grouping import group
from historian.chunks.reading import ChunkRow, SealedFile
from historian.chunks.rows import Columns, TagRows, join_columns, judge, merge
from historian.chunks.segment import Kind, Packer, Segment, listed

_PATCHED = """
    SELECT base FROM segment WHERE base>0 GROUP BY base HAVING count(*)>?1 OR sum(rows)>?2 ORDER BY base"""
_GENERATION = "SELECT id, hash, rows, start_ns, end_ns, tags FROM segment WHERE id=?1 OR base=?1 ORDER BY id"
_CHUNKS = """
    SELECT start_ns, segment, slot, end_ns, kind, low_place, high_place, offset, length, summary FROM chunk
    WHERE tag=? AND start_ns>=? AND start_ns<=? ORDER BY start_ns"""

Replacement = tuple[list[Segment], list[Superseded]]


def compact(
    file: PeriodFile, sealed: SealedFile, packer: Packer, rows_per_chunk: int, *, patches_allowed: int
) -> Iterator[Replacement]:
    """What replaces each base segment with more than so many patches, or with many rows in them."""
    many_rows = rows_per_chunk * patches_allowed
    bases = file.connection.execute(_PATCHED, (patches_allowed, many_rows)).fetchall()
    for (base,) in bases:
        yield _replace(file.connection, sealed, packer, rows_per_chunk, base)


def _replace(connection: Connection, sealed: SealedFile, packer: Packer, rows_per_chunk: int, base: int) -> Replacement:
    generation = connection.execute(_GENERATION, (base,)).fetchall()
    numbers = {number for number, *_ in generation}
    start_ns = min(row[3] for row in generation)
    end_ns = max(row[4] for row in generation)
    tags = np.unique(np.concatenate([np.frombuffer(row[5], "<u4") for row in generation]))
    best: dict[int, TagRows] = {}
    older: list[Columns] = []
    for tag in tags.tolist():
        found = connection.execute(_CHUNKS, (tag, start_ns, end_ns))
        chunks = [chunk for chunk in map(ChunkRow._make, found) if chunk.segment in numbers]
        rows = merge([sealed.rows(connection, chunk) for chunk in chunks], versions=True)
        verdict = judge(None, rows.time_ns, rows.value, rows.status, rows.place)
        best[tag] = rows if verdict.best is None else rows.at(verdict.best)
        if len(verdict.older):
            other = rows.at(verdict.older)
            column = np.full(len(other), tag, np.uint32)
            older.append(Columns(column, other.time_ns, other.value, other.status, other.place))
    segments = []
    for members in group(best, rows_per_chunk):
        of_tags = [members.rows[tag] for tag in sorted(members.rows)]
        if members.time_ns is None:
            segments.append(packer.own(sorted(members.rows), of_tags))
        else:
            segments.append(packer.shared(sorted(members.rows), members.time_ns, of_tags))
    if older:
        segments.append(listed(Kind.OLDER, 0, join_columns(older)))
    return segments, [Superseded(number, digest, rows) for number, digest, rows, *_ in generation]
