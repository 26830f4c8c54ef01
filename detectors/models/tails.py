"""How far is far: deviations made comparable between tags that are quick and tags that drift.

A tag that drifts offers few independent observations, so its own deviation is little known and a normal limit would
be too narrow. Student's t with as many degrees of freedom as there are independent observations says how much wider it
must be; Wallace's transform turns it into the normal deviate of the same tail, so that tags may be averaged.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Deviates:
    """What each tag has to do with a score: its part of the sum that the score is made of, and how far it is off."""

    part: Column
    off: Column  # in the tag's unit; positive: higher


_UNCORRELATED = 0.1
_TINY = 1e-30


def correlation_time(rows: Column) -> Column:
    """Rows per independent observation, of each tag: 1 + 2 · the sum of autocorrelations up to the first under 0.1.

    `rows` is (rows, tags); the autocorrelation is the biased estimate, by the Fourier transform.
    """
    count = len(rows)
    spectrum = np.fft.rfft(rows - rows.mean(axis=0), 2 * count, axis=0)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, 2 * count, axis=0)[: max(count // 2, 1)]
    correlation = covariance / (covariance[:1] + _TINY)
    together = np.cumprod(correlation > _UNCORRELATED, axis=0).astype(np.bool_)
    total: Column = 1.0 + 2.0 * np.where(together, correlation, 0.0)[1:].sum(axis=0)
    return total


def normal_equivalent(t: Column, freedom: Column) -> Column:
    """The normal deviate with the tail of Student's t of `freedom` degrees (Wallace, Ann. Math. Stat. 30, 1959)."""
    widened: Column = np.sqrt(freedom * np.log1p(t * t / freedom)) * (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return widened


def moved(rows: Column) -> Column:
    """1 for each tag that has more than one value, 0 for the others."""
    several: Column = (rows.max(axis=0) > rows.min(axis=0)).astype(np.float64)
    return several


def least_spread(rows: Column) -> Column:
    """What a spread is at least: a billionth of the tag's range in the reference, in any unit alike; 1 without any."""
    span = rows.max(axis=0) - rows.min(axis=0)
    least: Column = np.where(span > 0.0, 1e-9 * span, 1.0)
    return least


def filled(rows: Column) -> Column:
    """A cell without a number takes its tag's mean; a tag without any number is 0, and never moved."""
    finite = np.isfinite(rows)
    counted = np.maximum(finite.sum(axis=0), 1)
    return np.where(finite, rows, np.where(finite, rows, 0.0).sum(axis=0) / counted)
