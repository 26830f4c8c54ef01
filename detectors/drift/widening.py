"""How much wider a chart must be whose baseline was learnt, so that it alarms as rarely as was stated.

A baseline from few windows has a level that is off by `level` (its standard deviation, in sigma) and a spread that is
off by the factor exp(`spread`·N(0, 1)). The rate of false alarms is convex in both: over many learnt baselines it is
larger than with known ones, and the few bad ones make nearly all of it. The widening is the factor c on thresholds and
allowances for which the *expected rate* over all such baselines is the stated one: E[1/ARL(c)] = 1/ARL₀. So what holds
is the sum over a plant's charts, which is what the budget of false alarms is about. (Jensen's inequality makes it
necessary; that the conditional run length of a single chart varies is in Jones, Champ and Rigdon 2004.)

Within this module run lengths are approximate, which is enough as only their ratio counts: Siegmund 1985 for the
CUSUM, the tail of the normal distribution for the EWMA. What comes out is measured in `tests/bench/run_length.py`.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]

_NODES = 31
_MOST = 64.0
_STEPS = 30  # of a bisection on the logarithm: to 1e-8
_EXPONENT = 700.0  # exp() of more is infinite
_GRID = math.log(1.05)
"""Standard deviations are rounded to steps of five per cent, so that a plant of many tags needs few integrals."""

_OVERSHOOT = 1.166  # Siegmund: both ends of a discrete CUSUM


@lru_cache(maxsize=1)
def _nodes() -> tuple[Column, Column]:
    """Nodes of a standard normal variable, and their weights."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    return np.asarray(nodes), np.asarray(weights) / float(np.sum(weights))


def _step(deviation: float) -> int:
    return round(math.log(max(deviation, 1e-3)) / _GRID)


def cusum_widening(k: float, h: float, level: float, spread: float) -> float:
    """The factor on k and h of a CUSUM whose baseline is uncertain by `level` (in sigma) and `spread` (relative)."""
    return _cusum(k, h, _step(level), _step(spread))


def ewma_widening(lam: float, limit: float, level: float, spread: float) -> float:
    """The factor on the limit (in standard deviations of the EWMA) for an uncertain baseline."""
    return _ewma(lam, limit, _step(level), _step(spread))


@lru_cache(maxsize=4096)
def _cusum(k: float, h: float, level: int, spread: int) -> float:
    def rate(off: Column, wider: Column) -> Column:
        allowance, top = k * wider, h * wider + _OVERSHOOT
        return 1.0 / _siegmund(off - allowance, top) + 1.0 / _siegmund(-off - allowance, top)

    return _solve(rate, level, spread)


@lru_cache(maxsize=4096)
def _ewma(lam: float, limit: float, level: int, spread: int) -> float:
    per_sigma = math.sqrt((2.0 - lam) / lam)

    def rate(off: Column, wider: Column) -> Column:
        total = np.zeros_like(wider)
        for sign in (1.0, -1.0):
            edge = np.maximum(limit * wider + sign * off * per_sigma, 1.0)
            total += edge * np.exp(-0.5 * edge * edge)
        return total

    return _solve(rate, level, spread)


def _siegmund(drift: Column, top: Column) -> Column:
    """Run length of a one-sided CUSUM of increments N(drift, 1) (Siegmund 1985)."""
    exponent = np.minimum(-2.0 * drift * top, _EXPONENT)
    flat = np.abs(exponent) < 1e-4
    safe = np.where(flat, 1.0, drift)
    run_length: Column = np.where(flat, top * top, (np.exp(exponent) - exponent - 1.0) / (2.0 * safe * safe))
    return run_length


def _solve(rate: Callable[[Column, Column], Column], level: int, spread: int) -> float:
    """The c at which the mean rate over uncertain baselines is the rate of a certain one."""
    nodes, weights = _nodes()
    # A noise of one sigma on a chart of spread s is as a noise of one on thresholds s times as wide.
    off = np.broadcast_to((math.exp(level * _GRID) * nodes)[:, None], (_NODES, _NODES))
    wide = np.broadcast_to(np.exp(math.exp(spread * _GRID) * nodes)[None, :], (_NODES, _NODES))
    share = weights[:, None] * weights[None, :]
    stated = float(rate(np.zeros(1), np.ones(1))[0])
    low, high = 0.0, math.log(_MOST)
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        mean = float((share * rate(off, math.exp(middle) * wide)).sum())
        low, high = (middle, high) if mean > stated else (low, middle)
    return math.exp(high)
