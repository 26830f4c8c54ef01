"""A segment: sealed rows of a few tags, packed once and never changed.

Three layouts. SHARED: up to 64 tags with one vector of times, each with a list of the times that it lacks. OWN: tags
that share no times, each column with its own. LIST: few rows of many tags (late rows, older versions), packed as one
column each. A chunk is one tag's part of a segment, with what finds it and what it sums up to.
"""

import enum
import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from domain.status import is_bad
from historian.chunks.integers import Integers, pack_integers, unpack_integers
from historian.chunks.places import PlaceGrid, pack_grid, pack_places, unpack_places
from historian.chunks.planes import pack_planes, unpack_planes
from historian.chunks.rows import Columns, TagRows
from historian.chunks.statuses import pack_statuses, unpack_statuses
from historian.chunks.summary import summarise
from historian.chunks.times import pack_times, unpack_times
from historian.chunks.values import pack_values, unpack_values

MOST_TAGS = 64
_PARTS = struct.Struct("<IIII")
_CHUNK = struct.Struct("<IqqIqqQQ")
_SEGMENT = struct.Struct("<qBBqqqQ")
COLUMN_HASH_BYTES = 16


class Kind(enum.IntEnum):
    """What the rows are to a reader."""

    BASE = 0  # the best rows of a stretch of time; the base chunks of a tag never overlap
    PATCH = 1  # rows that came after their stretch was sealed
    OLDER = 2  # versions that another row at the same time outranks


class Layout(enum.IntEnum):
    """How the columns are packed."""

    SHARED = 0
    OWN = 1
    LIST = 2


@dataclass(frozen=True, slots=True)
class LastRow:
    """The last row of a chunk, for the tag's newest row."""

    time_ns: int
    bits: int
    status: int
    place: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """One tag's part of a segment. `offset` and `length` are bytes of `columns`, in a LIST numbers of rows."""

    tag: int
    start_ns: int
    end_ns: int  # the last row's time
    slot: int
    low_place: int
    high_place: int
    offset: int
    length: int
    summary: bytes
    last: LastRow | None = None  # not stored with the chunk

    def packed(self) -> bytes:
        """What a hash covers."""
        head = _CHUNK.pack(
            self.tag,
            self.start_ns,
            self.end_ns,
            self.slot,
            self.low_place,
            self.high_place,
            self.offset,
            self.length,
        )
        return head + self.summary


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it is stored."""

    kind: Kind
    layout: Layout
    base: int  # a patch: the base segment that it belongs to, 0 for none
    start_ns: int
    end_ns: int
    rows: int
    tags: bytes
    times: bytes
    places: bytes
    columns: bytes
    chunks: tuple[Chunk, ...]

    def column_hashes(self) -> bytes:
        """A hash for each chunk, so that damage has a tag and a time."""
        return b"".join(column_hash(self.layout, chunk, self.columns) for chunk in self.chunks)

    def hash(self, number: int, column_hashes: bytes) -> bytes:
        """The hash of the segment with its number."""
        return segment_hash(self, number, column_hashes)


def column_hash(layout: Layout, chunk: Chunk, columns: bytes) -> bytes:
    """The hash of one chunk: its figures, and its bytes (those of a LIST stand in the segment's hash)."""
    digest = hashlib.sha256(chunk.packed())
    if layout != Layout.LIST:
        digest.update(memoryview(columns)[chunk.offset : chunk.offset + chunk.length])
    return digest.digest()[:COLUMN_HASH_BYTES]


def segment_hash(segment: Segment, number: int, column_hashes: bytes) -> bytes:
    """SHA-256 over the head, tags, times, places and column hashes, and the columns of a LIST."""
    head = _SEGMENT.pack(
        number, segment.kind, segment.layout, segment.base, segment.start_ns, segment.end_ns, segment.rows
    )
    digest = hashlib.sha256(head)
    for part in (segment.tags, segment.times, segment.places, column_hashes):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    if segment.layout == Layout.LIST:
        digest.update(segment.columns)
    return digest.digest()


class Packer:
    """Packs segments; remembers each tag's decimal places, which rarely change."""

    def __init__(self) -> None:
        self._decimals: dict[int, int | None] = {}

    def shared(self, tags: Sequence[int], time_ns: Integers, rows: Sequence[TagRows]) -> Segment:
        """A base segment of tags whose times are all, or nearly all, of `time_ns`."""
        missing: dict[int, Integers] = {}
        place = np.zeros((len(tags), len(time_ns)), np.int64)
        for slot, of_tag in enumerate(rows):
            if len(of_tag) == len(time_ns):
                place[slot] = of_tag.place
                continue
            present = np.searchsorted(time_ns, of_tag.time_ns)
            lacks = np.ones(len(time_ns), np.bool_)
            lacks[present] = False
            missing[slot] = np.flatnonzero(lacks)
            place[slot, present] = of_tag.place
        parts = [
            (pack_integers(missing[slot], steady=True) if slot in missing else b"", b"") for slot in range(len(tags))
        ]
        columns, chunks = self._columns(tags, rows, parts)
        return Segment(
            Kind.BASE,
            Layout.SHARED,
            0,
            int(time_ns[0]),
            int(time_ns[-1]),
            sum(map(len, rows)),
            np.array(tags, "<u4").tobytes(),
            pack_times(time_ns),
            pack_grid(place, missing),
            columns,
            chunks,
        )

    def own(self, tags: Sequence[int], rows: Sequence[TagRows]) -> Segment:
        """A base segment of tags that share no times."""
        parts = [(pack_times(of_tag.time_ns), pack_places(of_tag.place)) for of_tag in rows]
        columns, chunks = self._columns(tags, rows, parts)
        return Segment(
            Kind.BASE,
            Layout.OWN,
            0,
            min(chunk.start_ns for chunk in chunks),
            max(chunk.end_ns for chunk in chunks),
            sum(map(len, rows)),
            np.array(tags, "<u4").tobytes(),
            b"",
            b"",
            columns,
            chunks,
        )

    def _columns(
        self, tags: Sequence[int], rows: Sequence[TagRows], parts: Sequence[tuple[bytes, bytes]]
    ) -> tuple[bytes, tuple[Chunk, ...]]:
        columns, chunks, offset = [], [], 0
        for slot, (tag, of_tag, (times, places)) in enumerate(zip(tags, rows, parts, strict=True)):
            values, self._decimals[tag] = pack_values(of_tag.value, self._decimals.get(tag))
            statuses = pack_statuses(of_tag.status)
            head = _PARTS.pack(len(times), len(places), len(values), len(statuses))
            column = b"".join((head, times, places, values, statuses))
            summary = summarise(of_tag.value, of_tag.status).pack()
            chunks.append(_chunk(tag, slot, of_tag, offset, len(column), summary))
            columns.append(column)
            offset += len(column)
        return b"".join(columns), tuple(chunks)


def listed(kind: Kind, base: int, columns: Columns) -> Segment:
    """A segment of a few rows of many tags, sorted by tag and time."""
    chunks = []
    for slot, (tag, chosen) in enumerate(columns.of_tags()):
        rows = columns.rows(chosen)
        chunks.append(_chunk(tag, slot, rows, chosen.start, len(rows), b""))
    return Segment(
        kind,
        Layout.LIST,
        base,
        int(columns.time_ns.min()),
        int(columns.time_ns.max()),
        len(columns),
        np.array([chunk.tag for chunk in chunks], "<u4").tobytes(),
        b"",
        b"",
        pack_list(columns),
        tuple(chunks),
    )


def _chunk(tag: int, slot: int, rows: TagRows, offset: int, length: int, summary: bytes) -> Chunk:
    last = _last(rows)
    return Chunk(
        tag,
        int(rows.time_ns[0]),
        last.time_ns,
        slot,
        int(rows.place.min()),
        int(rows.place.max()),
        offset,
        length,
        summary,
        last,
    )


def _last(rows: TagRows) -> LastRow:
    """The best row of the last time."""
    best = len(rows) - 1
    if best and rows.time_ns[best - 1] == rows.time_ns[best]:
        newest = np.flatnonzero(rows.time_ns == rows.time_ns[best])
        best = int(newest[np.lexsort((rows.place[newest], ~is_bad(rows.status[newest])))[-1]])
    return LastRow(
        int(rows.time_ns[best]),
        int(rows.value[best : best + 1].view(np.int64)[0]),
        int(rows.status[best]),
        int(rows.place[best]),
    )


def pack_list(columns: Columns) -> bytes:
    """All columns but the tags."""
    times, places = pack_times(columns.time_ns), pack_places(columns.place, of_one_tag=False)
    values, statuses = pack_planes(columns.value), pack_statuses(columns.status)
    return b"".join((_PARTS.pack(*map(len, (times, places, values, statuses))), times, places, values, statuses))


def unpack_list(packed: bytes) -> TagRows:
    """Undo `pack_list`."""
    times, places, values, statuses = _parts(packed)
    time_ns = unpack_times(times)
    count = len(time_ns)
    value: NDArray[np.float64] = unpack_planes(values, np.dtype("<i8"), count).view(np.float64)
    return _checked(TagRows(time_ns, value, unpack_statuses(statuses, count), unpack_places(places)), count)


class Shared:
    """What the tags of a SHARED segment have in common, unpacked when first asked."""

    def __init__(self, times: bytes, places: bytes) -> None:
        self.time_ns = unpack_times(times)
        self._places = places
        self._grid: PlaceGrid | None = None

    @property
    def grid(self) -> PlaceGrid:
        """The places of all tags."""
        if self._grid is None:
            self._grid = PlaceGrid(self._places)
            if self._grid.count != len(self.time_ns):
                raise DamagedFile(f"{self._grid.count} places for {len(self.time_ns)} times")
        return self._grid


_NO_PLACES = np.empty(0, np.int64)


def unpack_column(
    shared: Shared | None, slot: int, column: bytes, *, places: bool, start_ns: int, end_ns: int
) -> TagRows:
    """The rows of one chunk with start ≤ time < end; without `places` their places are an empty array."""
    time_part, place_part, values, statuses = _parts(column)
    value = unpack_values(values)
    status = unpack_statuses(statuses, len(value))
    present = None if shared is None else _present(shared, time_part)
    if shared is None:
        time_ns = unpack_times(time_part)
    else:
        time_ns = shared.time_ns if present is None else shared.time_ns[present]
    if not len(time_ns) == len(value) == len(status):
        raise DamagedFile(f"{len(time_ns)} times, {len(value)} values and {len(status)} codes in a chunk")
    first, last = np.searchsorted(time_ns, (start_ns, end_ns)).tolist()
    place = _NO_PLACES
    if places and shared is None:
        place = unpack_places(place_part)[first:last]
    elif places and shared is not None:
        place = (
            shared.grid.column(slot, first, last) if present is None else shared.grid.column(slot)[present][first:last]
        )
    inside = slice(first, last)
    return _checked(TagRows(time_ns[inside], value[inside], status[inside], place), last - first if places else 0)


def unpack_column_times(shared: Shared | None, column: bytes) -> Integers:
    """The times of one chunk alone."""
    time_part = _parts(column)[0]
    if shared is None:
        return unpack_times(time_part)
    present = _present(shared, time_part)
    return shared.time_ns if present is None else shared.time_ns[present]


def _present(shared: Shared, missing: memoryview) -> NDArray[np.bool_] | None:
    if not missing:
        return None
    present = np.ones(len(shared.time_ns), np.bool_)
    present[unpack_integers(missing)] = False
    return present


def _parts(packed: bytes) -> tuple[memoryview, memoryview, memoryview, memoryview]:
    view = memoryview(packed)
    try:
        lengths = _PARTS.unpack_from(view)
    except struct.error as error:
        raise DamagedFile("a column ends within its header") from error
    if _PARTS.size + sum(lengths) != len(view):
        raise DamagedFile(f"a column of {len(view)} bytes has parts of {lengths}")
    a = _PARTS.size
    b, c, d = a + lengths[0], a + lengths[0] + lengths[1], a + sum(lengths[:3])
    return view[a:b], view[b:c], view[c:d], view[d:]


def _checked(rows: TagRows, places: int) -> TagRows:
    if not len(rows.time_ns) == len(rows.value) == len(rows.status) or len(rows.place) != places:
        raise DamagedFile(f"{len(rows.time_ns)} times, {len(rows.value)} values, {len(rows.place)} places in a chunk")
    return rows
