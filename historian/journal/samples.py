"""A SampleBatch as bytes: tags by layout, times as runs or offsets, status only where something is not plainly Good.

source (u1 length, UTF-8), received_ns (i8), rows (u4)
pieces (u2 count): layout (u4) and rows (u4) of each; then the tags that no layout has, as steps from row to row
time_ns; server_ns (u1: absent, equal to time_ns, or a column); status (u1: all Good, or a column)
value: 8 bytes each, bit for bit
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from domain.samples import SampleBatch
from historian.journal.columns import Cursor, pack_codes, pack_integers, unpack_codes, unpack_integers
from historian.journal.layouts import INLINE, Layouts, Piece

_SERVER_ABSENT, _SERVER_EQUAL, _SERVER_COLUMN = 0, 1, 2
_ALL_GOOD, _STATUS_COLUMN = 0, 1
_NARROW_TAGS = 1 << 16
MOST_ROWS = 1 << 24
"""An entry with more rows than this is taken for damage."""


def pack_samples(batch: SampleBatch, pieces: Sequence[Piece]) -> bytes:
    """The columns of a batch; `pieces` cover its rows and say which tags need not be written."""
    source = batch.source.encode()
    return b"".join(
        [
            struct.pack("<B", len(source)),
            source,
            struct.pack("<qI", batch.received_ns, len(batch)),
            _pack_pieces(batch.tag, pieces),
            pack_integers(batch.time_ns),
            _pack_server_time(batch),
            _pack_status(batch.status),
            batch.value.astype("<f8", copy=False).tobytes(),
        ],
    )


def unpack_samples(payload: bytes, layouts: Layouts) -> SampleBatch:
    """The inverse of `pack_samples`; nobody can write to the arrays. DamagedFile if the bytes make no sense."""
    cursor = Cursor(payload)
    source = cursor.take(cursor.number("B")).decode()
    received_ns, rows = cursor.number("q"), cursor.number("I")
    if rows > MOST_ROWS:
        raise DamagedFile(f"{rows} rows in one entry")
    tag = _unpack_tags(cursor, rows, layouts)
    time_ns = unpack_integers(cursor, rows)
    server_ns = _unpack_server_time(cursor, time_ns)
    status = _unpack_status(cursor, rows)
    value = cursor.array("<f8", rows).view(np.float64)
    cursor.end()
    return SampleBatch(source, received_ns, tag, time_ns, server_ns, value, status)


def _pack_pieces(tag: NDArray[np.uint32], pieces: Sequence[Piece]) -> bytes:
    packed = [struct.pack("<H", len(pieces))]
    packed += [struct.pack("<II", piece.layout, piece.rows) for piece in pieces]
    start = 0
    for piece in pieces:
        if piece.layout == INLINE:
            packed.append(_pack_inline(tag[start : start + piece.rows]))
        start += piece.rows
    return b"".join(packed)


def _pack_inline(tag: NDArray[np.uint32]) -> bytes:
    """Steps from tag to tag: neighbours mostly lie one apart, and zstd makes nothing of that."""
    width = 2 if int(tag.max()) < _NARROW_TAGS else 4
    dtype = np.dtype(f"<u{width}")
    narrow = tag.astype(dtype)
    narrow[1:] -= narrow[:-1].copy()
    return struct.pack("<B", width) + narrow.tobytes()


def _unpack_tags(cursor: Cursor, rows: int, layouts: Layouts) -> NDArray[np.uint32]:
    pieces = [Piece(cursor.number("I"), cursor.number("I")) for _ in range(cursor.number("H"))]
    columns = [_unpack_piece(cursor, piece, layouts) for piece in pieces]
    tag = columns[0] if len(columns) == 1 else np.concatenate([np.empty(0, np.uint32), *columns])
    if len(tag) != rows:
        raise DamagedFile(f"tags of {len(tag)} rows for {rows} values")
    tag.flags.writeable = False
    return tag


def _unpack_piece(cursor: Cursor, piece: Piece, layouts: Layouts) -> NDArray[np.uint32]:
    if piece.layout != INLINE:
        tag = layouts.tags(piece.layout)
        if len(tag) != piece.rows:
            raise DamagedFile(f"tag layout {piece.layout} has {len(tag)} rows where {piece.rows} are expected")
        return tag
    width = cursor.number("B")
    if width not in (2, 4):
        raise DamagedFile(f"tags of {width} bytes")
    steps = cursor.array(f"<u{width}", piece.rows)
    return np.cumsum(steps, dtype=steps.dtype).astype(np.uint32)


def _pack_server_time(batch: SampleBatch) -> bytes:
    if batch.server_ns is None:
        return struct.pack("<B", _SERVER_ABSENT)
    if np.array_equal(batch.server_ns, batch.time_ns):
        return struct.pack("<B", _SERVER_EQUAL)
    return struct.pack("<B", _SERVER_COLUMN) + pack_integers(batch.server_ns)


def _unpack_server_time(cursor: Cursor, time_ns: NDArray[np.int64]) -> NDArray[np.int64] | None:
    mode = cursor.number("B")
    if mode == _SERVER_ABSENT:
        return None
    if mode == _SERVER_EQUAL:
        return time_ns
    if mode == _SERVER_COLUMN:
        return unpack_integers(cursor, len(time_ns))
    raise DamagedFile(f"no server time has mode {mode}")


def _pack_status(status: NDArray[np.uint32]) -> bytes:
    if not status.any():
        return struct.pack("<B", _ALL_GOOD)
    return struct.pack("<B", _STATUS_COLUMN) + pack_codes(status)


def _unpack_status(cursor: Cursor, rows: int) -> NDArray[np.uint32]:
    mode = cursor.number("B")
    if mode == _STATUS_COLUMN:
        return unpack_codes(cursor, rows)
    if mode != _ALL_GOOD:
        raise DamagedFile(f"no status has mode {mode}")
    status = np.zeros(rows, np.uint32)
    status.flags.writeable = False
    return status
