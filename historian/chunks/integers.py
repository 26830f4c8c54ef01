"""Integer columns as small residuals: against a constant, the number before, or a straight line."""

import enum
import struct

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from historian.chunks.planes import pack_planes, unpack_planes

Integers = NDArray[np.int64]

HEADER = struct.Struct("<BBIqq")
"""Form, bytes of a residual (0: all residuals are 0), count, and two numbers whose meaning the form gives."""

MOST_ROWS = 2**26
"""No column is longer: a damaged count must not ask for all memory."""

_SPREAD_LIMIT = 2**61
_NARROW = ((1, 2**7), (2, 2**15), (4, 2**31))


class Form(enum.IntEnum):
    """How a number follows from its residual r; `a` and `b` are the two numbers of the header."""

    AROUND = 0  # a + r
    STEPS = 1  # a at first, then the number before + b + r
    LINE = 2  # a + i·b // (count - 1) + r
    AS_IS = 3  # r, in eight bytes


def narrow(residual: "Integers | NDArray[np.float64]") -> "NDArray[np.integer]":
    """The residuals (whole numbers, in whatever type) in the fewest bytes that hold them all.

    More than one byte: the sign goes to the lowest bit, so that the higher bytes of a small one are 0 either way.
    """
    most = max(int(residual.max()), -int(residual.min()))
    if most < _NARROW[0][1]:
        return residual.astype("<i1")
    whole = residual.astype(np.int64)
    signed_low = ((whole << 1) ^ (whole >> 63)).view(np.uint64)
    for width, limit in _NARROW[1:]:
        if most < limit:
            return signed_low.astype(f"<u{width}")
    return signed_low.astype("<u8")


def widen(body: bytes | memoryview, width: int, count: int) -> "NDArray[np.integer]":
    """Undo `narrow`, of packed planes."""
    if width == 1:
        return unpack_planes(body, np.dtype("<i1"), count).view(np.int8)
    signed_low = unpack_planes(body, np.dtype(f"<u{width}"), count).astype(np.uint64)
    return (signed_low >> np.uint64(1)).view(np.int64) ^ -(signed_low & np.uint64(1)).view(np.int64)


def pack_residuals(form: Form, count: int, a: int, b: int, residual: "Integers | NDArray[np.float64]") -> bytes:
    """A header and its residuals; all of them 0 take no byte."""
    if not residual.any():
        return HEADER.pack(form, 0, count, a, b)
    small = narrow(residual)
    return HEADER.pack(form, small.dtype.itemsize, count, a, b) + pack_planes(small)


def pack_integers(numbers: Integers, *, steady: bool = False) -> bytes:
    """Pack with the form whose residuals are small; `steady` numbers climb by nearly equal steps (times do)."""
    count = len(numbers)
    if count == 0:
        return HEADER.pack(Form.AROUND, 0, 0, 0, 0)
    first = int(numbers[0])
    if int(numbers.max()) - int(numbers.min()) >= _SPREAD_LIMIT:
        return HEADER.pack(Form.AS_IS, 8, count, 0, 0) + pack_planes(numbers.astype("<i8"))
    if count == 1:
        return HEADER.pack(Form.AROUND, 0, 1, first, 0)
    steps = np.diff(numbers)
    step = int(steps[len(steps) // 2]) if steady else 0
    residual = steps - step if step else steps
    size = _mean_size(residual)
    if steady:
        rise = int(numbers[-1]) - first
        if abs(rise) < _SPREAD_LIMIT // count:
            from_line = numbers - _line(count, first, rise)
            if _mean_size(from_line) <= size * 1.02:
                return pack_residuals(Form.LINE, count, first, rise, from_line)
    else:
        middle = int(numbers[count // 2])
        around = numbers - middle
        if _mean_size(around) < size:
            return pack_residuals(Form.AROUND, count, middle, 0, around)
    return pack_residuals(Form.STEPS, count, first, step, residual)


def unpack_integers(packed: bytes | memoryview) -> Integers:
    """Undo `pack_integers`."""
    form, width, count, a, b = read_header(packed)
    return restore(form, width, count, a, b, packed[HEADER.size :])


def read_header(packed: bytes | memoryview) -> tuple[int, int, int, int, int]:
    """The header; DamagedFile if there is none."""
    try:
        form, width, count, a, b = HEADER.unpack_from(packed)
    except struct.error as error:
        raise DamagedFile("a column ends within its header") from error
    if count > MOST_ROWS:
        raise DamagedFile(f"a column claims {count} rows")
    return form, width, count, a, b


def restore(form: int, width: int, count: int, a: int, b: int, body: bytes | memoryview) -> Integers:
    """The numbers of a header and its residuals."""
    if width not in (0, 1, 2, 4, 8):
        raise DamagedFile(f"a column has residuals of {width} bytes")
    if count == 0:
        return np.empty(0, np.int64)
    if form == Form.AS_IS:
        return unpack_planes(body, np.dtype("<i8"), count).view(np.int64)
    residual = widen(body, width, count - (form == Form.STEPS)) if width else None
    if form == Form.STEPS:
        return _climb(count, a, b, residual)
    if form == Form.AROUND:
        numbers = np.full(count, a, np.int64)
    elif form == Form.LINE:
        numbers = _line(count, a, b)
    else:
        raise DamagedFile(f"a column has the unknown form {form}")
    if residual is not None:
        np.add(numbers, residual, out=numbers)
    return numbers


def restore_floats(form: int, width: int, count: int, a: int, b: int, body: bytes | memoryview) -> NDArray[np.float64]:
    """The same as floats, for whole numbers that are exact as such: it spares a pass over them."""
    if form != Form.STEPS or width != 1 or b or not count:
        return restore(form, width, count, a, b, body).astype(np.float64)
    numbers = np.empty(count, np.float64)
    numbers[0] = a
    numbers[1:] = widen(body, width, count - 1)
    np.cumsum(numbers, out=numbers)
    return numbers


def _climb(count: int, first: int, step: int, residual: "NDArray[np.integer] | None") -> Integers:
    if residual is None:
        return first + step * np.arange(count, dtype=np.int64)
    numbers = np.empty(count, np.int64)
    numbers[0] = first
    numbers[1:] = residual
    if step:
        numbers[1:] += step
    np.cumsum(numbers, out=numbers)
    return numbers


def _line(count: int, first: int, rise: int) -> Integers:
    line: Integers = first + (np.arange(count, dtype=np.int64) * rise) // max(1, count - 1)
    return line


def _mean_size(residual: Integers) -> float:
    return float(np.abs(residual[:: 1 + len(residual) // 512]).mean())
