"""Decode data change notifications straight into columns.

Records that are alike (encoding mask, value type) have one size, so a run of them is one numpy view of the bytes. Mixed
types repeat their byte layout from message to message: it is learnt once and verified each time. What is no plain
number (text, arrays, structures, picoseconds) is only measured here, and decoded one by one in `values`.
"""

import struct
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collector.opcua.wire import diagnostics_end, extension_end, node_id_end, string_end
from domain.errors import BadMessage

HAS_VALUE, HAS_STATUS, HAS_SOURCE_TIME, HAS_SERVER_TIME = 0x01, 0x02, 0x04, 0x08
HAS_SOURCE_PICOSECONDS, HAS_SERVER_PICOSECONDS = 0x10, 0x20
_PLAIN_MASK = HAS_VALUE | HAS_STATUS | HAS_SOURCE_TIME | HAS_SERVER_TIME

NUMBERS = {
    1: "?",
    2: "i1",
    3: "u1",
    4: "<i2",
    5: "<u2",
    6: "<i4",
    7: "<u4",
    8: "<i8",
    9: "<u8",
    10: "<f4",
    11: "<f8",
    19: "<u4",
}
"""Built-in types that are numbers (Boolean … Double, StatusCode), as numpy types."""

WIDE_INTEGERS = (8, 9)
"""Int64 and UInt64: beyond 2^53 a float64 would change them."""

EXACT_LIMIT = 2**53

_FIXED_SIZES = {0: 0, 1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 4, 8: 8, 9: 8, 10: 4, 11: 8, 13: 8, 14: 16, 19: 4}
_STRING_LIKE = {12, 15, 16, *range(26, 32)}  # the standard reads reserved types as byte strings
_IS_ARRAY, _HAS_DIMENSIONS, _TYPE = 0x80, 0x40, 0x3F
_INT32 = struct.Struct("<i")
_DEEPEST = 16
_SHORT_RUN = 8  # below this a plain loop is faster than a numpy view
_MOST_LAYOUTS = 64


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of one item that is no plain number."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Numbers as columns of one length, in the order of arrival; times in 100 ns since 1601, 0 where absent.

    `declared` counts the items that the wire announced: rows here, and `others`.
    Without `has_status` every status is 0.
    """

    declared: int
    handle: NDArray[np.uint32]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ticks: NDArray[np.int64]
    server_ticks: NDArray[np.int64]
    others: tuple[Span, ...] = ()
    has_status: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """How items of one mask and value type lie in memory."""

    size: int
    dtype: np.dtype[np.void]
    mask: int
    value_type: int

    @property
    def is_wide(self) -> bool:
        return self.value_type in WIDE_INTEGERS


@dataclass(slots=True)
class _Group:
    """The rows of a learnt layout that share a record."""

    record: _Record
    rows: NDArray[np.intp]
    gather: NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    mask_at: NDArray[np.intp]
    keys: NDArray[np.uint16]
    groups: tuple[_Group, ...]


def _make_record(mask: int, value_type: int) -> _Record | None:
    """None where items of this kind have no fixed size, or hold something else than a number."""
    if mask & ~_PLAIN_MASK or not mask & HAS_VALUE or value_type not in NUMBERS:
        return None
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("kind", "<u2"), ("value", NUMBERS[value_type])]
    if mask & HAS_STATUS:
        fields.append(("status", "<u4"))
    if mask & HAS_SOURCE_TIME:
        fields.append(("source", "<i8"))
    if mask & HAS_SERVER_TIME:
        fields.append(("server", "<i8"))
    dtype: np.dtype[np.void] = np.dtype(fields)
    return _Record(dtype.itemsize, dtype, mask, value_type)


_RECORDS: dict[tuple[int, int], _Record] = {
    (mask, value_type): record
    for mask in range(_PLAIN_MASK + 1)
    for value_type in NUMBERS
    if (record := _make_record(mask, value_type)) is not None
}


def variant_end(body: bytes, at: int, depth: int = 0) -> int:
    """Where the variant that starts at `at` ends. BadMessage where nobody can tell."""
    if depth > _DEEPEST:
        raise BadMessage("a value is nested too deep")
    encoding = body[at]
    at += 1
    value_type = encoding & _TYPE
    if not encoding & _IS_ARRAY:
        return _scalar_end(body, at, value_type, depth)
    (count,) = _INT32.unpack_from(body, at)
    at += 4
    if count > len(body):
        raise BadMessage("an array is longer than its message")
    if value_type in _FIXED_SIZES:
        at += _FIXED_SIZES[value_type] * max(count, 0)
    else:
        for _ in range(count):
            at = _scalar_end(body, at, value_type, depth)
    if encoding & _HAS_DIMENSIONS:
        (dimensions,) = _INT32.unpack_from(body, at)
        at += 4 + 4 * max(dimensions, 0)
    return at


def _scalar_end(body: bytes, at: int, value_type: int, depth: int) -> int:  # noqa: PLR0911  # one line per type
    if value_type in _FIXED_SIZES:
        return at + _FIXED_SIZES[value_type]
    if value_type in _STRING_LIKE:
        return string_end(body, at)
    if value_type in (17, 18):
        return node_id_end(body, at)
    if value_type == 20:
        return string_end(body, at + 2)
    if value_type == 21:
        encoding = body[at]
        at = string_end(body, at + 1) if encoding & 1 else at + 1
        return string_end(body, at) if encoding & 2 else at
    if value_type == 22:
        return extension_end(body, at)
    if value_type == 23:
        return data_value_end(body, at, depth + 1)
    if value_type == 24:
        return variant_end(body, at, depth + 1)
    return diagnostics_end(body, at)


def data_value_end(body: bytes, at: int, depth: int = 0) -> int:
    """Where the data value that starts at `at` ends."""
    mask = body[at]
    at = variant_end(body, at + 1, depth) if mask & HAS_VALUE else at + 1
    at += 4 * bool(mask & HAS_STATUS) + 8 * bool(mask & HAS_SOURCE_TIME) + 8 * bool(mask & HAS_SERVER_TIME)
    return at + 2 * bool(mask & HAS_SOURCE_PICOSECONDS) + 2 * bool(mask & HAS_SERVER_PICOSECONDS)


@dataclass(slots=True)
class _Target:
    """Columns being filled."""

    handle: NDArray[np.uint32]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    source_ticks: NDArray[np.int64]
    server_ticks: NDArray[np.int64]
    wide: list[tuple[int, int]] = field(default_factory=list)  # (row, start of its bytes): not exact as float64
    has_status: bool = False

    @classmethod
    def of(cls, rows: int) -> "_Target":
        return cls(
            np.empty(rows, np.uint32),
            np.empty(rows, np.float64),
            np.empty(rows, np.uint32),
            np.empty(rows, np.int64),
            np.empty(rows, np.int64),
        )

    def fill(self, rows: "slice | NDArray[np.intp]", items: NDArray[np.void], record: _Record) -> None:
        self.handle[rows] = items["handle"]
        self.value[rows] = items["value"]
        if record.mask & HAS_STATUS:
            self.status[rows] = items["status"]
            self.has_status = True
        else:
            self.status[rows] = 0
        self.source_ticks[rows] = items["source"] if record.mask & HAS_SOURCE_TIME else 0
        self.server_ticks[rows] = items["server"] if record.mask & HAS_SERVER_TIME else 0

    def columns(self, rows: int, declared: int, others: list[Span]) -> Columns:
        """The first `rows` rows, without those that float64 cannot hold."""
        keep: slice | NDArray[np.bool_] = slice(0, rows)
        if self.wide:
            keep = np.zeros(len(self.handle), np.bool_)
            keep[:rows] = True
            keep[[row for row, _ in self.wide]] = False
        return Columns(
            declared,
            self.handle[keep],
            self.value[keep],
            self.status[keep],
            self.source_ticks[keep],
            self.server_ticks[keep],
            tuple(others),
            self.has_status,
        )


def _inexact(items: NDArray[np.void]) -> NDArray[np.intp]:
    """Rows whose 64-bit integer a float64 would change (all beyond 2^53, to keep the rule plain)."""
    values = items["value"]
    beyond = values > EXACT_LIMIT
    if values.dtype.kind == "i":
        beyond |= values < -EXACT_LIMIT
    return np.flatnonzero(beyond)


class Decoder:
    """Decodes the notifications of one subscription, and remembers their layouts. The input is never written to."""

    def __init__(self) -> None:
        self._layouts: dict[tuple[int, int], _Layout] = {}

    def decode(self, body: bytes, start: int, end: int) -> Columns:
        """The items of a DataChangeNotification in `body[start:end]`. BadMessage where its bytes contradict."""
        try:
            (declared,) = _INT32.unpack_from(body, start)
            at, declared = start + 4, max(int(declared), 0)
            if declared * 5 > end - at:
                raise BadMessage("a notification declares more items than it has bytes for")
            layout = self._layouts.get((declared, end - start))
            if layout is not None:
                columns = self._by_layout(body, at, declared, layout)
                if columns is not None:
                    return columns
            columns = self._by_runs(body, at, end, declared, most_runs=8 + min(declared // 32, 32))
            return self._learn(body, at, end, declared, start) if columns is None else columns
        except (struct.error, IndexError, ValueError, OverflowError) as error:
            raise BadMessage(f"a notification's bytes contradict themselves: {error}") from error

    def _by_runs(self, body: bytes, at: int, end: int, declared: int, most_runs: int) -> Columns | None:
        """Views of runs of alike records; None when there are so many runs that a layout pays."""
        target = _Target.of(declared)
        others: list[Span] = []
        filled = left = 0
        left, runs = declared, 0
        while left:
            record = _RECORDS.get((body[at + 4], body[at + 5]))
            runs += 1
            if record is None:
                stop = data_value_end(body, at + 4)
                others.append(Span(at, stop))
                at, left = stop, left - 1
                continue
            if runs > most_runs:
                return None
            count = self._run_length(body, at, end, left, record)
            items = np.frombuffer(body, record.dtype, count, at)
            if record.is_wide:
                for row in _inexact(items).tolist():
                    target.wide.append((filled + row, at + row * record.size))
                    others.append(Span(at + row * record.size, at + (row + 1) * record.size))
            target.fill(slice(filled, filled + count), items, record)
            at, filled, left = at + count * record.size, filled + count, left - count
        if at > end:
            raise BadMessage("a notification's items are longer than it")
        return target.columns(filled, declared, others)

    @staticmethod
    def _run_length(body: bytes, at: int, end: int, left: int, record: _Record) -> int:
        most = min(left, (end - at) // record.size)
        if most == 0:
            raise BadMessage("a notification ends in the middle of an item")
        following = at + record.size
        if most == 1 or body[following + 4] != record.mask or body[following + 5] != record.value_type:
            return 1
        items = np.frombuffer(body, record.dtype, most, at)
        alike = items["kind"] == record.mask | record.value_type << 8
        first_other = int(alike.argmin())
        return most if alike[first_other] else first_other

    def _learn(self, body: bytes, at: int, end: int, declared: int, start: int) -> Columns:
        """Walk item by item; keep the layout when every item has a fixed size."""
        begin = at
        offsets: list[int] = []
        keys: list[int] = []
        others: list[Span] = []
        for _ in range(declared):
            record = _RECORDS.get((body[at + 4], body[at + 5]))
            if record is None:
                stop = data_value_end(body, at + 4)
                others.append(Span(at, stop))
                at = stop
                continue
            offsets.append(at - begin)
            keys.append(record.mask << 8 | record.value_type)
            at += record.size
        if at > end:
            raise BadMessage("a notification's items are longer than it")
        layout = _layout_of(np.array(offsets, np.intp), np.array(keys, np.uint16))
        if not others:
            if len(self._layouts) >= _MOST_LAYOUTS:
                self._layouts.clear()
            self._layouts[(declared, end - start)] = layout
        return _gather(body, begin, declared, layout, others)

    @staticmethod
    def _by_layout(body: bytes, at: int, declared: int, layout: _Layout) -> Columns | None:
        """None if the bytes have another layout: each key fixes where the next item must begin."""
        octets = np.frombuffer(body, np.uint8, offset=at)
        keys = octets[layout.mask_at].astype(np.uint16) << np.uint16(8) | octets[layout.mask_at + 1]
        if not np.array_equal(keys, layout.keys):
            return None
        return _gather(body, at, declared, layout, [])


def _layout_of(offsets: NDArray[np.intp], keys: NDArray[np.uint16]) -> _Layout:
    groups = []
    for key in np.unique(keys).tolist():
        record = _RECORDS[(key >> 8, key & 0xFF)]
        rows = np.flatnonzero(keys == key)
        gather = offsets[rows][:, None] + np.arange(record.size, dtype=np.intp)
        groups.append(_Group(record, rows, gather))
    return _Layout(offsets + 4, keys, tuple(groups))


def _gather(body: bytes, at: int, declared: int, layout: _Layout, others: list[Span]) -> Columns:
    octets = np.frombuffer(body, np.uint8, offset=at)
    rows = len(layout.keys)
    target = _Target.of(rows)
    others = list(others)
    for group in layout.groups:
        items = octets[group.gather].view(group.record.dtype)[:, 0]
        target.fill(group.rows, items, group.record)
        if group.record.is_wide:
            for index in _inexact(items).tolist():
                row, first = int(group.rows[index]), at + int(group.gather[index, 0])
                target.wide.append((row, first))
                others.append(Span(first, first + group.record.size))
    return target.columns(rows, declared, others)
