"""Float columns, bit for bit: as whole multiples of a decimal fraction, as few distinct values, or as they are.

-0.0, infinities and every NaN come back with the bits they had: each packing is proved by comparing bits.
"""

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from historian.chunks.integers import (
    HEADER,
    MOST_ROWS,
    Form,
    Integers,
    pack_integers,
    pack_residuals,
    read_header,
    restore_floats,
)
from historian.chunks.integers import unpack_integers as unpack_indices
from historian.chunks.planes import pack_planes, unpack_planes

Floats = NDArray[np.float64]

_SCALES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6)
_SINGLE, _DOUBLE, _DISTINCT = 20, 21, 22
_COUNTS = struct.Struct("<II")
_EXCEPTIONS = struct.Struct("<I")
_WITH_EXCEPTIONS = 0x40
_EXACT_LIMIT = 2.0**52
_PROBES = 40


def pack_values(value: Floats, likely: int | None = None) -> tuple[bytes, int | None]:
    """Pack values; return the decimal places found too, which are `likely` those of the tag's next values."""
    with np.errstate(all="ignore"):
        for places in _candidates(value, likely):
            packed = _pack_decimal(value, places)
            if packed is not None:
                return packed, places
        return _pack_binary(value), None


def unpack_values(packed: bytes | memoryview) -> Floats:
    """Undo `pack_values`."""
    if not packed:
        raise DamagedFile("a column of values is empty")
    kind = packed[0]
    if kind & ~_WITH_EXCEPTIONS < len(_SCALES):
        return _unpack_decimal(packed)
    if kind == _DISTINCT:
        count, distinct = _COUNTS.unpack_from(packed, 1)
        start = 1 + _COUNTS.size
        known = np.frombuffer(packed, "<i8", distinct, start)
        chosen: Integers = known[unpack_indices(packed[start + 8 * distinct :])]
        if len(chosen) != count:
            raise DamagedFile(f"a column of {count} values has {len(chosen)}")
        return chosen.view(np.float64)
    if kind not in (_SINGLE, _DOUBLE):
        raise DamagedFile(f"a column of values has the unknown kind {kind}")
    (count, _) = _COUNTS.unpack_from(packed, 1)
    if count > MOST_ROWS:
        raise DamagedFile(f"a column claims {count} values")
    word = np.dtype("<u4" if kind == _SINGLE else "<u8")
    differences = unpack_planes(packed[1 + _COUNTS.size :], word, count)
    words = np.bitwise_xor.accumulate(differences)
    if kind == _SINGLE:
        return words.view(np.float32).astype(np.float64)
    return words.view(np.float64)


def _candidates(value: Floats, likely: int | None) -> Iterator[int]:
    """The likely decimal places, unprobed, then the fewest that fit a few probes."""
    if likely is not None:
        yield likely
    probe = value[:: max(1, len(value) // _PROBES)]
    for places, scale in enumerate(_SCALES):
        back = (np.rint(probe * scale) + 0.0) / scale
        if np.count_nonzero(back.view(np.int64) != probe.view(np.int64)) <= max(1, len(probe) // 16):
            yield places
            return


def _pack_decimal(value: Floats, places: int) -> bytes | None:
    scale = _SCALES[places]
    whole = value * scale
    np.rint(whole, out=whole)
    whole += 0.0  # -0.0 becomes 0.0, so that the comparison finds it
    fits = (whole / scale).view(np.int64) == value.view(np.int64)
    if not (whole.min() > -_EXACT_LIMIT and whole.max() < _EXACT_LIMIT):
        fits &= np.abs(whole) < _EXACT_LIMIT
    misfits = len(value) - int(np.count_nonzero(fits))
    exceptions = b""
    if misfits:
        if misfits > len(value) // 32 + (1 < len(value) < 64):
            return None
        where = np.flatnonzero(~fits)
        exceptions = where.astype("<u4").tobytes() + value.view(np.int64)[where].astype("<i8").tobytes()
        # A misfit takes the number before it, which costs the residuals nothing.
        stand_in = np.where(fits, np.arange(len(value)), -1)
        np.maximum.accumulate(stand_in, out=stand_in)
        whole = whole[np.where(stand_in < 0, int(np.argmax(fits)), stand_in)]
    kind = bytes([places | (_WITH_EXCEPTIONS if misfits else 0)])
    head = kind + (_EXCEPTIONS.pack(misfits) + exceptions if misfits else b"")
    return head + _pack_whole(whole)


def _pack_whole(whole: Floats) -> bytes:
    """Whole numbers that are still floats: the residuals go straight into few bytes, never through int64."""
    count = len(whole)
    middle = float(whole[count // 2])
    if count > 1:
        steps = whole[1:] - whole[:-1]
        every = 1 + count // 512
        if float(np.abs(steps[::every]).sum()) <= float(np.abs(whole[::every] - middle).sum()):
            return pack_residuals(Form.STEPS, count, int(whole[0]), 0, steps)
    return pack_residuals(Form.AROUND, count, int(middle), 0, whole - middle)


def _unpack_decimal(packed: bytes | memoryview) -> Floats:
    places, start, misfits = packed[0] & ~_WITH_EXCEPTIONS, 1, 0
    if packed[0] & _WITH_EXCEPTIONS:
        (misfits,) = _EXCEPTIONS.unpack_from(packed, 1)
        start += _EXCEPTIONS.size + 12 * misfits
    form, width, count, a, b = read_header(packed[start:])
    value = restore_floats(form, width, count, a, b, packed[start + HEADER.size :])
    if places:
        value /= _SCALES[places]
    if misfits:
        where = np.frombuffer(packed, "<u4", misfits, 1 + _EXCEPTIONS.size)
        value.view(np.int64)[where] = np.frombuffer(packed, "<i8", misfits, 1 + _EXCEPTIONS.size + 4 * misfits)
    return value


def _pack_binary(value: Floats) -> bytes:
    bits = value.view(np.int64)
    single = value.astype(np.float32)
    if np.array_equal(single.astype(np.float64).view(np.int64), bits):
        words: NDArray[np.unsignedinteger] = single.view(np.uint32)
        return bytes([_SINGLE]) + _COUNTS.pack(len(value), 0) + pack_planes(_differences(words))
    distinct, index = np.unique(bits, return_inverse=True)
    if len(distinct) <= len(value) // 8:
        head = bytes([_DISTINCT]) + _COUNTS.pack(len(value), len(distinct))
        return head + distinct.astype("<i8").tobytes() + pack_integers(index.astype(np.int64))
    return bytes([_DOUBLE]) + _COUNTS.pack(len(value), 0) + pack_planes(_differences(value.view(np.uint64)))


def _differences(words: "NDArray[np.unsignedinteger]") -> "NDArray[np.unsignedinteger]":
    return np.concatenate((words[:1], words[1:] ^ words[:-1]))
