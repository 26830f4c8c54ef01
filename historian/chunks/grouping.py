"""Which tags share a vector of times: those that a device scans together do, but for rows that are late or lost."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.time import DAY_NS
from historian.chunks.rows import TagRows
from historian.chunks.segment import MOST_TAGS

Integers = NDArray[np.int64]

_SKETCH_ROWS = 24
_SHARED_PART = 0.85  # a tag with fewer of the group's times is cheaper by itself
_OWN_ROWS = 32_768
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Tags of one future segment; `time_ns` is what they share, None where they share nothing."""

    time_ns: Integers | None
    rows: Mapping[int, TagRows]


def group(rows: Mapping[int, TagRows], rows_per_chunk: int) -> Iterator[Group]:
    """Group tags by their times, and cut the groups into chunks of about `rows_per_chunk` rows, a day at most."""
    alone: dict[int, TagRows] = {}
    for tags in _rhythms(rows):
        time_ns = _union([rows[tag].time_ns for tag in tags])
        enough = _SHARED_PART * len(time_ns)
        sharing = [tag for tag in tags if len(rows[tag]) >= enough]
        alone.update({tag: rows[tag] for tag in tags if len(rows[tag]) < enough})
        if len(sharing) == 1:
            alone[sharing[0]] = rows[sharing[0]]
            continue
        for start in range(0, len(sharing), MOST_TAGS):
            members = sharing[start : start + MOST_TAGS]
            yield from _shared_pieces(time_ns, {tag: rows[tag] for tag in members}, rows_per_chunk)
    yield from _own_pieces(alone, rows_per_chunk)


def _rhythms(rows: Mapping[int, TagRows]) -> list[list[int]]:
    """Tags by rhythm. Two vectors of times are alike if half of their lowest hashes are the same."""
    alike: dict[bytes, list[int]] = {}
    for tag, of_tag in rows.items():
        alike.setdefault(of_tag.time_ns.tobytes(), []).append(tag)
    groups: list[list[int]] = []
    of_hash: dict[int, int] = {}
    for tags in alike.values():
        sketch = _sketch(rows[tags[0]].time_ns)
        votes = Counter(of_hash[key] for key in sketch if key in of_hash)
        number, agreed = votes.most_common(1)[0] if votes else (0, 0)
        if 2 * agreed < len(sketch):
            number = len(groups)
            groups.append([])
        groups[number] += tags
        for key in sketch:
            of_hash.setdefault(key, number)
    return [sorted(tags) for tags in groups]


def _sketch(time_ns: Integers) -> list[int]:
    hashes = time_ns.view(np.uint64) * _GOLDEN
    if len(hashes) > _SKETCH_ROWS:
        hashes = np.partition(hashes, _SKETCH_ROWS)[:_SKETCH_ROWS]
    lowest: list[int] = hashes.tolist()
    return lowest


def _union(vectors: list[Integers]) -> Integers:
    first = vectors[0]
    if all(len(vector) == len(first) and np.array_equal(vector, first) for vector in vectors[1:]):
        return first
    return np.unique(np.concatenate(vectors))


def _cuts(time_ns: Integers, rows_per_chunk: int) -> list[int]:
    """Indices where pieces begin, and the end: even pieces, none longer than a UTC day."""
    borders = [0, len(time_ns)]
    if int(time_ns[-1]) - int(time_ns[0]) > DAY_NS:
        day = time_ns // DAY_NS
        borders = [0, *(np.flatnonzero(day[1:] != day[:-1]) + 1).tolist(), len(time_ns)]
    cuts = [0]
    for start, end in itertools.pairwise(borders):
        pieces = max(1, round((end - start) / rows_per_chunk))
        cuts += [start + (end - start) * piece // pieces for piece in range(1, pieces + 1)]
    return cuts


def _shared_pieces(time_ns: Integers, rows: Mapping[int, TagRows], rows_per_chunk: int) -> Iterator[Group]:
    cuts = _cuts(time_ns, rows_per_chunk)
    for start, end in itertools.pairwise(cuts):
        if len(cuts) == 2:
            yield Group(time_ns, rows)
            return
        here = time_ns[start:end]
        inside = {tag: _between(of_tag, int(here[0]), int(here[-1])) for tag, of_tag in rows.items()}
        yield Group(here, {tag: of_tag for tag, of_tag in inside.items() if len(of_tag)})


def _own_pieces(rows: Mapping[int, TagRows], rows_per_chunk: int) -> Iterator[Group]:
    pending: dict[int, TagRows] = {}
    count = 0
    for tag in sorted(rows):
        of_tag = rows[tag]
        cuts = _cuts(of_tag.time_ns, rows_per_chunk)
        for start, end in itertools.pairwise(cuts):
            if tag in pending or count + end - start > _OWN_ROWS or len(pending) == MOST_TAGS:
                if pending:
                    yield Group(None, pending)
                pending, count = {}, 0
            pending[tag] = of_tag.at(slice(start, end))
            count += end - start
    if pending:
        yield Group(None, pending)


def _between(rows: TagRows, first_ns: int, last_ns: int) -> TagRows:
    start = int(np.searchsorted(rows.time_ns, first_ns))
    end = int(np.searchsorted(rows.time_ns, last_ns, "right"))
    return rows.at(slice(start, end))
