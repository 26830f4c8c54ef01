"""Exact sums of doubles, vectorised: each value is cut into slices of 30 bits, whose sums are exact.

A sum is kept as two doubles, the rounded sum and what rounding left. Where two doubles cannot hold it (values of
very different magnitude), `exact` is False and the caller adds up the values themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SLICE_BITS = 30  # 2^23 slices of 30 bits add up below 2^53
_MOST_SLICES = 5
_HUGE = 2.0**900
_LOWEST_EXPONENT, _HIGHEST_EXPONENT = -800, 900


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sums of m cells: `high` is the exact sum rounded to a double, `low` the rest; `exact`, whether both are."""

    high: Floats
    low: Floats
    exact: NDArray[np.bool_]


def exact_sums(value: Floats, starts: NDArray[np.intp]) -> Sums:
    """Sum finite values of the cells that begin at `starts` (ascending, the first 0)."""
    cells = len(starts)
    peak = max(float(value.max()), -float(value.min()))
    exponent = math.frexp(peak)[1]
    if not _LOWEST_EXPONENT < exponent < _HIGHEST_EXPONENT:
        zero = np.zeros(cells)
        return Sums(zero, zero, np.full(cells, peak == 0.0))
    slices = []
    remainder = value.copy()
    part = np.empty_like(value)
    for number in range(1, _MOST_SLICES + 1):
        scale = math.ldexp(1.0, _SLICE_BITS * number - exponent)
        np.multiply(remainder, scale, out=part)
        np.rint(part, out=part)
        slices.append(np.add.reduceat(part, starts) / scale)
        part /= scale
        remainder -= part
        if not remainder.any():
            return _join(slices)
    zero = np.zeros(cells)
    return Sums(zero, zero, np.zeros(cells, np.bool_))


def exact_sum(value: Floats) -> tuple[float, float, bool]:
    """The sum of finite values as its rounded part, the rest, and whether both together are exact."""
    peak = max(float(value.max()), -float(value.min()))
    exponent = math.frexp(peak)[1]
    if not _LOWEST_EXPONENT < exponent < _HIGHEST_EXPONENT:
        return 0.0, 0.0, peak == 0.0
    total, rest, is_exact = 0.0, 0.0, True
    remainder = value
    part = np.empty_like(value)
    for number in range(1, _MOST_SLICES + 1):
        scale = math.ldexp(1.0, _SLICE_BITS * number - exponent)
        np.multiply(remainder, scale, out=part)
        np.rint(part, out=part)
        total, error = _two_sum_of(total, float(part.sum()) / scale)
        rest, lost = _two_sum_of(rest, error)
        is_exact &= lost == 0.0
        part /= scale
        remainder = remainder - part if number == 1 else np.subtract(remainder, part, out=remainder)
        if not remainder.any():
            total, rest = _two_sum_of(total, rest)
            return total, rest, is_exact
    return 0.0, 0.0, False


def exact_mean(parts: Sequence[float], count: int, peak: float) -> float:
    """The exact sum of `parts`, rounded once, over `count`; `peak` is the largest magnitude among the values."""
    if peak > _HUGE:
        return float(sum(map(Fraction, parts)) / count)
    return math.fsum(parts) / count


def _join(slices: list[Floats]) -> Sums:
    high, low = slices[0], np.zeros_like(slices[0])
    exact = np.ones(len(high), np.bool_)
    for part in slices[1:]:
        high, error = _two_sum(high, part)
        low, lost = _two_sum(low, error)
        exact &= lost == 0.0
    high, low = _two_sum(high, low)
    return Sums(high, low, exact)


def _two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)


def _two_sum_of(a: float, b: float) -> tuple[float, float]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
