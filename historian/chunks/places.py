"""A row's place in the journal, entry and row in one integer, and columns of places.

A place is `entry << 24 | row`: places compare as positions do. An entry has at most 2^24 rows.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from domain.entries import Position
from domain.errors import DamagedFile, Refused
from historian.chunks.integers import Integers, pack_integers, unpack_integers

ROW_BITS = 24
ROW_LIMIT = 1 << ROW_BITS
_ROW_MASK = ROW_LIMIT - 1
_STRIDE = struct.Struct("<qI")
_GRID = struct.Struct("<BIII")
_STEPWISE, _SEPARATE = 0, 1
_PROBE_EVERY = 16


def places_of_entry(at: Position, count: int) -> Integers:
    """The places of the first `count` rows of an entry."""
    if count > ROW_LIMIT:
        raise Refused(f"entry {at} has {count} rows, and an entry holds at most {ROW_LIMIT}")
    first = int(at) << ROW_BITS
    return np.arange(first, first + count, dtype=np.int64)


def place_of(entry: int, row: int) -> int:
    """The place of one row."""
    return (entry << ROW_BITS) + row


def place_after(as_of: Position) -> int:
    """The first place that is not known as of a position."""
    return (int(as_of) + 1) << ROW_BITS


def entries_of(place: Integers) -> Integers:
    """The entries of places."""
    return place >> ROW_BITS


def rows_of(place: Integers) -> NDArray[np.int32]:
    """The rows, within their entries, of places."""
    return (place & _ROW_MASK).astype(np.int32)


def pack_places(place: Integers, *, of_one_tag: bool = True) -> bytes:
    """Pack places of rows in time order.

    The row is packed as `row + entry · stride`: with the length of the entries as stride, a tag's rows are
    equally far apart across the entries' ends too.
    """
    entry = place >> ROW_BITS
    row = place & _ROW_MASK
    stride = _stride(entry, row) if of_one_tag else 0
    packed = pack_integers(entry)
    return _STRIDE.pack(stride, len(packed)) + packed + pack_integers(row + entry * stride, steady=True)


def unpack_places(packed: bytes | memoryview) -> Integers:
    """Undo `pack_places`."""
    stride, length = _unpack(_STRIDE, packed)
    body = packed[_STRIDE.size :]
    entry = unpack_integers(body[:length])
    row = unpack_integers(body[length:])
    if len(row) != len(entry):
        raise DamagedFile(f"{len(entry)} entries and {len(row)} rows in a column of places")
    return (entry << ROW_BITS) + row - entry * stride


def pack_grid(place: Integers, missing: dict[int, Integers]) -> bytes:
    """Pack the places of k tags at n shared times (k by n); `missing` has the times that a tag lacks.

    Tags that are read together follow each other in the entry, so the first tag's places and a constant distance
    give nearly all others. A late row, or one that slipped in between, is one step along the tags.
    """
    tags, count = place.shape
    distance = np.rint(np.median(place[:, ::_PROBE_EVERY] - place[0, ::_PROBE_EVERY], axis=1)).astype(np.int64)
    deviation = place - distance[:, None]
    _fill_missing(deviation, missing)
    base = deviation[0].copy()
    steps = np.diff(deviation, axis=0, prepend=base[None]).T
    at = np.flatnonzero(steps)
    if len(at) * 4 > tags * count:
        columns = [pack_places(place[slot]) for slot in range(tags)]
        lengths = np.array([len(column) for column in columns], "<u4").tobytes()
        return _GRID.pack(_SEPARATE, tags, count, 0) + lengths + b"".join(columns)
    step = steps.ravel()[at]
    entries = (step + (ROW_LIMIT >> 1)) >> ROW_BITS
    parts = [pack_places(base)]
    parts += [pack_integers(numbers) for numbers in (distance, at, entries, step - (entries << ROW_BITS))]
    lengths = np.array([len(part) for part in parts], "<u4").tobytes()
    return _GRID.pack(_STEPWISE, tags, count, len(at)) + lengths + b"".join(parts)


class PlaceGrid:
    """The places of the tags of one segment, unpacked tag by tag."""

    def __init__(self, packed: bytes | memoryview) -> None:
        self._kind, self.tags, self.count, _ = _unpack(_GRID, packed)
        parts = self.tags if self._kind == _SEPARATE else 5
        start = _GRID.size + 4 * parts
        if self._kind not in (_STEPWISE, _SEPARATE) or len(packed) < start:
            raise DamagedFile("a grid of places has an unknown kind, or ends too early")
        ends = start + np.cumsum(np.frombuffer(packed, "<u4", parts, _GRID.size).astype(np.int64))
        starts = np.concatenate(([start], ends[:-1]))
        self._parts = [packed[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
        if self._kind == _STEPWISE:
            self._base = unpack_places(self._parts[0])
            self._distance, at, entries, rows = (unpack_integers(part) for part in self._parts[1:])
            self._time_index = at // self.tags
            self._slot = at - self._time_index * self.tags
            self._deviation = _running_sums((entries << ROW_BITS) + rows, self._time_index)

    def column(self, slot: int, first: int = 0, last: int | None = None) -> Integers:
        """The places of one tag at the shared times from `first` to `last`; where it lacks one they mean nothing."""
        if self._kind == _SEPARATE:
            return unpack_places(self._parts[slot])[first:last]
        place: Integers = self._base[first:last] + self._distance[slot]
        start, end = np.searchsorted(self._time_index, (first, first + len(place))).tolist()
        upto = start + np.flatnonzero(self._slot[start:end] <= slot)
        if len(upto):
            time_index = self._time_index[upto] - first
            is_last = np.append(time_index[1:] != time_index[:-1], True)
            place[time_index[is_last]] += self._deviation[upto[is_last]]
        return place


def _running_sums(step: Integers, time_index: Integers) -> Integers:
    """At each step, the sum of the steps of its time up to it."""
    total = np.cumsum(step)
    starts = np.flatnonzero(np.diff(time_index, prepend=-1))
    before = total[starts] - step[starts]
    sums: Integers = total - np.repeat(before, np.diff(np.append(starts, len(step))))
    return sums


def _stride(entry: Integers, row: Integers) -> int:
    """The length of the entries as the rows suggest it; 0 where a tag has about the same row in every entry."""
    if len(entry) < 3:
        return 0
    changed = np.diff(entry)
    climbed = np.diff(row)
    within = changed == 0
    if not within.any() or within.all():
        return 0
    step = float(np.median(climbed[within]))
    across = changed != 0
    stride = int(np.rint(np.median((step - climbed[across]) / changed[across])))
    if not 0 < stride <= ROW_LIMIT:
        return 0
    steady = np.diff(row + entry * stride)
    gain = np.abs(climbed - np.median(climbed)).sum() - np.abs(steady - np.median(steady)).sum()
    return stride if gain > 0 else 0


def _fill_missing(deviation: Integers, missing: dict[int, Integers]) -> None:
    """Give missing rows the deviation of the tag before, so that they cost no step."""
    for slot in sorted(missing):
        if slot:
            deviation[slot, missing[slot]] = deviation[slot - 1, missing[slot]]
    if len(missing.get(0, ())):
        lacking = missing[0]
        for slot in range(1, len(deviation)):
            has = ~np.isin(lacking, missing[slot]) if slot in missing else np.ones(len(lacking), np.bool_)
            deviation[:slot, lacking[has]] = deviation[slot, lacking[has]]
            lacking = lacking[~has]
            if not len(lacking):
                return


def _unpack(layout: struct.Struct, packed: bytes | memoryview) -> tuple[int, ...]:
    try:
        return layout.unpack_from(packed)
    except struct.error as error:
        raise DamagedFile("a column of places ends within its header") from error
