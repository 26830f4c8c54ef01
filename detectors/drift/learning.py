"""What windows of a quiet process tell of it: level, AR(1) coefficient, spread, and how sure that is.

Window means are charted as innovations of an AR(1): what the window before does not explain. These are independent, so
run lengths hold that are computed for independent values; a sigma of differences would alarm all the time, and a
long-run sigma hardly ever.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

MOST_PHI = 0.97
"""A coefficient is cut here: beyond, a level is no longer defined by any number of windows that a phase has."""

LEAST_PHI = -0.5

LEAST_INDEPENDENT = 12.0
"""Learnt windows must be worth as many independent ones: n·(1 - φ)/(1 + φ)."""

_CAUTION = 2.0  # of its standard errors, at `_CAUTIOUS_AT` windows and fewer
_CAUTIOUS_AT = 20.0
_DOF = 3.0  # level, coefficient and spread are taken from the same windows
_FEW = 18.0  # windows: where so few were learnt from, their number's normal theory fails by as much


@dataclass(slots=True, eq=False)
class Moments:
    """Sums over the windows of each place, from the first one on: all that is needed to estimate an AR(1)."""

    count: Column
    first: Column
    last: Column  # relative to the first, as all below
    total: Column
    square: Column
    lagged: Column


def no_moments(size: int) -> Moments:
    """Of places that have seen no window."""
    return Moments(*(np.zeros(size) for _ in Moments.__slots__))


def add(moments: Moments, places: NDArray[np.intp], value: Column) -> None:
    """Take one window of each of distinct places."""
    count = moments.count[places]
    moments.first[places] = np.where(count == 0, value, moments.first[places])
    value = value - moments.first[places]
    moments.lagged[places] += value * moments.last[places]  # the first is 0 from itself
    moments.last[places] = value
    moments.total[places] += value
    moments.square[places] += value * value
    moments.count[places] = count + 1


def forget(moments: Moments, place: int) -> None:
    """Begin anew with a place."""
    for name in moments.__slots__:
        getattr(moments, name)[place] = 0.0


@dataclass(slots=True, eq=False)
class Products:
    """What an AR(1) is estimated from: sums of products of neighbours about their mean, all but the first and so on."""

    count: Column
    after: Column  # Σ x² without the first
    before: Column  # Σ x² without the last
    lagged: Column  # Σ x·x₋₁


def centred(moments: Moments, places: NDArray[np.intp]) -> tuple[Column, Products]:
    """The mean of each place, and the products about it."""
    count, total, last = moments.count[places], moments.total[places], moments.last[places]
    with np.errstate(over="ignore", invalid="ignore"):
        mean = total / np.maximum(count, 1.0)
        energy = np.maximum(moments.square[places] - mean * total, 0.0)
        after = np.maximum(energy - mean * mean, 0.0)
        before = np.maximum(energy - (last - mean) ** 2, 0.0)
        # The sums of all but the last, and of all but the first, which is 0.
        lagged = moments.lagged[places] - mean * (2.0 * total - last) + mean * mean * np.maximum(count - 1.0, 0.0)
        products = Products(count, *(np.nan_to_num(each) for each in (after, before, lagged)))
        return mean + moments.first[places], products


def autoregression(products: Products, levels: float = 1.0) -> tuple[Column, Column]:
    """AR(1) coefficient and the standard deviation of its innovations by least squares, about as many `levels`.

    The coefficient is corrected for its bias in short series (Kendall 1954). It may be negative: cut at 0 it would on
    average be too large for independent values.
    """
    count, before = products.count, products.before
    raw = np.where(before > 0.0, products.lagged / np.maximum(before, np.finfo(float).tiny), 0.0)
    phi = np.clip(raw + levels * (1.0 + 3.0 * raw) / np.maximum(count, 1.0), LEAST_PHI, MOST_PHI)
    left = np.maximum(products.after - 2.0 * phi * products.lagged + phi * phi * before, 0.0)
    sigma: Column = np.sqrt(left / np.maximum(count - _DOF - 2.0 * (levels - 1.0), 1.0))
    return phi, sigma


def cautious(phi: Column, count: Column) -> Column:
    """The coefficient as it may be, where it was learnt from few windows.

    Learning ends once it says that enough was seen, so of many tags those end first whose coefficient was found too
    small. The caution, 2 standard errors of 20 windows and .6 of 100, was set by simulation on φ from 0 to 0.9:
    run lengths are then hardly shorter than half of what is stated (`tests/bench/run_length.py`).
    """
    error = np.sqrt((1.0 - phi * phi) / np.maximum(count, 1.0))
    share = np.minimum(1.0, _CAUTIOUS_AT / np.maximum(count, 1.0)) ** 0.75
    return np.clip(phi + _CAUTION * share * error, LEAST_PHI, MOST_PHI)


def is_enough(count: Column, phi: Column) -> NDArray[np.bool_]:
    """Whether windows of such autocorrelation are worth enough independent ones."""
    enough: NDArray[np.bool_] = count * (1.0 - phi) >= LEAST_INDEPENDENT * (1.0 + phi)
    return enough


def spread_of(count: float, phi: float, *, slow: bool) -> float:
    """How unsure the spread of a chart is, as the standard deviation of its logarithm.

    The innovations' sigma is known to 1/√(2n); a coefficient that is off by √((1 - φ²)/n) leaves innovations that are
    correlated, which a chart feels the more the longer it remembers (`slow`: a CUSUM of small k). Its share was set by
    simulation on φ from 0 to 0.9 and 20 to 1,000 windows.
    """
    own = max(phi, 0.0)
    share = 0.7 + 0.5 * own - 0.4 * own * own if slow else 0.6 + 0.8 * own - 1.1 * own * own
    variance = (0.5 + share * (1.0 + phi) / (1.0 - phi)) / count
    return float(np.sqrt(variance * (1.0 + _FEW / count)))
