"""What a chunk tells without being unpacked: enough for any bucket that holds it whole."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.errors import DamagedFile
from domain.status import is_bad
from historian.chunks.sums import exact_sum

_LAYOUT = struct.Struct("<6dII?")


@dataclass(frozen=True, slots=True)
class Summary:
    """Figures of the rows that are finite and not Bad: `count` of them, `bad` others.

    `sum_high + sum_low` is their exact sum where `exact`; else the rows have to be read.
    """

    minimum: float
    maximum: float
    sum_high: float
    sum_low: float
    first: float
    last: float
    count: int
    bad: int
    exact: bool

    def pack(self) -> bytes:
        """57 bytes."""
        return _LAYOUT.pack(
            self.minimum,
            self.maximum,
            self.sum_high,
            self.sum_low,
            self.first,
            self.last,
            self.count,
            self.bad,
            self.exact,
        )


def proper(value: NDArray[np.float64], status: NDArray[np.uint32]) -> NDArray[np.bool_] | None:
    """Which rows count in aggregates: finite and not Bad; None where all do."""
    finite = np.isfinite(value)
    if status.any():
        finite &= ~is_bad(status)
    return None if finite.all() else finite


def summarise(value: NDArray[np.float64], status: NDArray[np.uint32]) -> Summary:
    """The figures of one chunk's rows, in time order."""
    rows = len(value)
    chosen = proper(value, status)
    if chosen is not None:
        value = value[chosen]
    count = len(value)
    if not count:
        return Summary(np.nan, np.nan, 0.0, 0.0, np.nan, np.nan, 0, rows, exact=True)
    high, low, is_exact = exact_sum(value)
    return Summary(
        float(value.min()),
        float(value.max()),
        high,
        low,
        float(value[0]),
        float(value[-1]),
        count,
        rows - count,
        exact=is_exact,
    )


def unpack_summary(packed: bytes) -> Summary:
    """Undo `Summary.pack`."""
    if len(packed) != _LAYOUT.size:
        raise DamagedFile(f"a summary has {len(packed)} bytes instead of {_LAYOUT.size}")
    return Summary(*_LAYOUT.unpack(packed))
