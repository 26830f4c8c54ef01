"""Rows for a time that is sealed already: duplicates vanish, the others become patches beside their base segment."""

from collections.abc import Iterator
from sqlite3 import Connection

import numpy as np
from numpy.typing import NDArray

from historian.chunks.file import PeriodFile
from historian.chunks.reading import SealedFile
from historian.chunks.rows import Columns, TagRows, join_rows
from historian.chunks.segment import Kind, Segment, listed

_BASES = """
    SELECT start_ns, segment FROM chunk WHERE tag=?1 AND kind=0 AND start_ns<=?3 AND start_ns>=coalesce(
        (SELECT max(start_ns) FROM chunk WHERE tag=?1 AND kind=0 AND start_ns<=?2), ?2)
    ORDER BY start_ns"""
_FIRST_BASE = "SELECT start_ns, segment FROM chunk WHERE tag=? AND kind=0 ORDER BY start_ns LIMIT 1"

UNATTACHED = 0


def known_rows(sealed: SealedFile, connection: Connection, columns: Columns) -> NDArray[np.bool_]:
    """Which rows (sorted by tag and time) a file has already, by their keys."""
    known = np.zeros(len(columns), np.bool_)
    for tag, chosen in columns.of_tags():
        incoming = columns.rows(chosen)
        existing = _at_times(sealed, connection, tag, incoming.time_ns)
        if existing is not None:
            known[chosen] = _has(existing, incoming)
    return known


def _at_times(sealed: SealedFile, connection: Connection, tag: int, time_ns: NDArray[np.int64]) -> TagRows | None:
    """The sealed rows at some times; most chunks tell from their times alone that they have none."""
    parts = []
    for chunk in sealed.chunks(connection, tag, int(time_ns[0]), int(time_ns[-1]) + 1):
        asked = time_ns[(time_ns >= chunk.start_ns) & (time_ns <= chunk.end_ns)]
        if not len(asked):
            continue
        there = sealed.times(connection, chunk)
        place = np.minimum(np.searchsorted(there, asked), len(there) - 1)
        hits = asked[there[place] == asked]
        if not len(hits):
            continue
        rows = sealed.rows(connection, chunk, places=False)
        found = np.isin(rows.time_ns, hits)
        none = np.empty(int(found.sum()), np.int64)
        parts.append(TagRows(rows.time_ns[found], rows.value[found], rows.status[found], none))
    return join_rows(parts) if parts else None


def _has(existing: TagRows, incoming: TagRows) -> NDArray[np.bool_]:
    """Which incoming rows have the key of an existing one."""
    time_ns = np.concatenate((existing.time_ns, incoming.time_ns))
    bits = np.concatenate((existing.value.view(np.int64), incoming.value.view(np.int64)))
    status = np.concatenate((existing.status, incoming.status))
    is_incoming = np.arange(len(time_ns)) >= len(existing)
    order = np.lexsort((is_incoming, status, bits, time_ns))
    time_ns, bits, status = time_ns[order], bits[order], status[order]
    new_key = (time_ns[1:] != time_ns[:-1]) | (bits[1:] != bits[:-1]) | (status[1:] != status[:-1])
    starts = np.concatenate(([True], new_key))
    # The first row of each key is an existing one, if there is any.
    from_existing = ~is_incoming[order][starts][np.cumsum(starts) - 1]
    has = np.empty(len(time_ns), np.bool_)
    has[order] = from_existing
    return has[len(existing) :]


def patches(file: PeriodFile, columns: Columns) -> Iterator[Segment]:
    """A patch segment for each base segment that late rows (sorted by tag and time) belong to."""
    base = np.zeros(len(columns), np.int64)
    for tag, chosen in columns.of_tags():
        base[chosen] = _bases(file.connection, tag, columns.time_ns[chosen])
    order = np.argsort(base, kind="stable")
    borders = np.flatnonzero(np.diff(base[order])) + 1
    for index in np.split(order, borders):
        yield listed(Kind.PATCH, int(base[index[0]]), columns.at(index))


def _bases(connection: Connection, tag: int, time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """The base segment that each time belongs to: the last one that begins at or before it, else the tag's first."""
    found = connection.execute(_BASES, (tag, int(time_ns[0]), int(time_ns[-1]))).fetchall()
    found = found or connection.execute(_FIRST_BASE, (tag,)).fetchall()
    if not found:
        return np.full(len(time_ns), UNATTACHED, np.int64)
    starts, segments = np.array(found, np.int64).T
    chosen: NDArray[np.int64] = segments[np.maximum(np.searchsorted(starts, time_ns, "right") - 1, 0)]
    return chosen
