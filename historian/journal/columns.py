"""Columns of integers as few bytes, cheaply: one value for all, runs of equal values, offsets from the least, or as is.

A column is a mode byte and what the mode needs, little-endian; the number of rows stands elsewhere. All arithmetic
wraps at the column's width, so every bit pattern comes back.
"""

import struct
from typing import NewType, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile

Mode = NewType("Mode", int)

CONSTANT = Mode(0)  # the value
RUNS = Mode(1)  # how many, where each starts (u4), the value of each
OFFSETS = Mode(2)  # the unit (u4), the least (i8), then (value - least) / unit as u4 each
PLAIN = Mode(3)  # the values

_RUN_BYTES = 12
_OFFSET_BYTES = 4
_OFFSET_LIMIT = 1 << 32
_UNITS = (1, 100, 1_000, 1_000_000)  # ns; OPC UA counts in 100 ns, most clocks in µs or ms


class Cursor:
    """Reads a packed payload from its start to its end; DamagedFile where it is too short."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes."""
        start, self._at = self._at, self._at + count
        if self._at > len(self._payload):
            raise DamagedFile(f"{len(self._payload)} bytes are {self._at - len(self._payload)} too few")
        return self._payload[start : self._at]

    def number(self, code: str) -> int:
        """The next integer, by its `struct` code."""
        (value,) = struct.unpack(f"<{code}", self.take(struct.calcsize(f"<{code}")))
        return int(value)

    def array(self, dtype: str, count: int) -> NDArray[np.generic]:
        """The next array; aligned, and nobody can write to it."""
        values = np.frombuffer(self.take(np.dtype(dtype).itemsize * count), dtype).copy()
        values.flags.writeable = False
        return values

    def rest(self) -> bytes:
        """Everything that is left."""
        return self.take(len(self._payload) - self._at)

    def end(self) -> None:
        """DamagedFile if anything is left."""
        if self._at != len(self._payload):
            raise DamagedFile(f"{len(self._payload) - self._at} bytes too many")


def pack_integers(values: NDArray[np.int64]) -> bytes:
    """A column of 8-byte integers (times)."""
    runs = _runs(values)
    if runs is not None:
        return runs
    least, most = int(values.min()), int(values.max())
    for unit in _UNITS:
        if (most - least) // unit < _OFFSET_LIMIT:
            offsets = _offsets(values, least, unit)
            if offsets is not None:
                return struct.pack("<BIq", OFFSETS, unit, least) + offsets.tobytes()
    return struct.pack("<B", PLAIN) + values.astype("<i8", copy=False).tobytes()


def unpack_integers(cursor: Cursor, rows: int) -> NDArray[np.int64]:
    """The inverse of `pack_integers`."""
    mode = cursor.number("B")
    if mode == OFFSETS:
        unit, least = cursor.number("I"), cursor.number("q")
        offsets = cursor.array("<u4", rows).astype(np.int64)
        if unit != 1:
            offsets *= unit
        offsets += least
        return _sealed(offsets)
    return _sealed(_unpack_plain(cursor, mode, rows, "<i8").astype(np.int64, copy=False))


def pack_codes(codes: NDArray[np.uint32]) -> bytes:
    """A column of 4-byte codes (status)."""
    runs = _runs(codes)
    return runs if runs is not None else struct.pack("<B", PLAIN) + codes.astype("<u4", copy=False).tobytes()


def unpack_codes(cursor: Cursor, rows: int) -> NDArray[np.uint32]:
    """The inverse of `pack_codes`."""
    return _sealed(_unpack_plain(cursor, cursor.number("B"), rows, "<u4").astype(np.uint32, copy=False))


def _runs(values: NDArray[np.int64] | NDArray[np.uint32]) -> bytes | None:
    """The column as one value or as runs, if that is the shorter way."""
    if len(values) == 0:
        return struct.pack("<B", PLAIN)
    changes = np.flatnonzero(values[1:] != values[:-1])
    kind = f"<{values.dtype.kind}{values.dtype.itemsize}"
    if len(changes) == 0:
        return struct.pack("<B", CONSTANT) + values[:1].astype(kind, copy=False).tobytes()
    if (len(changes) + 1) * _RUN_BYTES >= len(values) * _OFFSET_BYTES:
        return None
    starts = np.zeros(len(changes) + 1, "<u4")
    starts[1:] = changes + 1
    head = struct.pack("<BI", RUNS, len(starts))
    return head + starts.tobytes() + values[starts].astype(kind, copy=False).tobytes()


def _offsets(values: NDArray[np.int64], least: int, unit: int) -> NDArray[np.uint32] | None:
    """Each value's distance from the least in whole units, if all are whole."""
    distance = values - least
    if unit == 1:
        return distance.astype("<u4")
    units = distance // unit
    return units.astype("<u4") if np.array_equal(units * unit, distance) else None


def _unpack_plain(cursor: Cursor, mode: int, rows: int, dtype: str) -> NDArray[np.generic]:
    if mode == PLAIN:
        return cursor.array(dtype, rows)
    if mode == CONSTANT:
        return np.repeat(cursor.array(dtype, 1), rows)
    if mode == RUNS:
        count = cursor.number("I")
        starts = cursor.array("<u4", count).astype(np.int64)
        values = cursor.array(dtype, count)
        lengths = np.diff(starts, append=rows)
        if count == 0 or starts[0] != 0 or lengths.min() <= 0:
            raise DamagedFile("runs that do not cover their rows")
        return np.repeat(values, lengths)
    raise DamagedFile(f"no column has mode {mode}")


_Column = TypeVar("_Column", bound=NDArray[np.generic])


def _sealed(column: _Column) -> _Column:
    column.flags.writeable = False
    return column
