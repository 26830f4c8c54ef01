"""Average run lengths of CUSUM and EWMA charts, and the thresholds that reach a stated one.

The run length from each state solves a Fredholm integral equation of the second kind; it is solved by Nyström's method
with Gauss-Legendre nodes (Crowder 1987 for the EWMA; for the CUSUM with an atom at zero, Lucas and Crosier 1982). In
control the charted values are independent standard normal.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NODES = 96
_NODES_PER_SIGMA = 2  # a wide CUSUM needs more: the density to be summed is one sigma wide
_STEPS = 80  # of a search that needs ten
_CLOSE = 1e-9
_MOST_ARL = 1e10

Column = NDArray[np.float64]


def _density(x: Column) -> Column:
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def _distribution(x: Column) -> Column:
    return np.array([0.5 * math.erfc(-each / math.sqrt(2.0)) for each in x.tolist()])


@lru_cache(maxsize=8)
def _nodes(count: int = _NODES) -> tuple[Column, Column]:
    """Gauss-Legendre nodes and weights on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return np.asarray(nodes), np.asarray(weights)


def cusum_arl_one_sided(k: float, h: float, shift: float = 0.0, start: float = 0.0) -> float:
    """Run length of C = max(0, C + x - k), which signals at C > h, for x of mean `shift`, from C = `start`."""
    count = max(_NODES, 32 * math.ceil(_NODES_PER_SIGMA * h / 32))
    nodes, weights = _nodes(count)
    at, weight = 0.5 * h * (nodes + 1.0), 0.5 * h * weights
    # Unknowns: the run length from 0, then from each node; a step to 0 or below lands on the atom.
    states = np.concatenate([[0.0], at])
    kernel = np.empty((count + 1, count + 1))
    kernel[:, 0] = _distribution(k - shift - states)
    kernel[:, 1:] = weight * _density(at[None, :] - states[:, None] + k - shift)
    run_length = np.linalg.solve(np.eye(count + 1) - kernel, np.ones(count + 1))
    if start == 0.0:
        return float(run_length[0])
    from_start = weight * _density(at - start + k - shift)
    to_zero = float(_distribution(np.array([k - shift - start]))[0])
    return float(1.0 + to_zero * run_length[0] + from_start @ run_length[1:])


def cusum_arl(k: float, h: float, shift: float = 0.0, start: float = 0.0) -> float:
    """Run length of the two-sided CUSUM, both sides of which begin at `start`.

    From zero the rates of its two sides add (Kemp 1961); a head start subtracts what each side gains by it (Lucas and
    Crosier 1982; exact while the sides cannot both be positive for long, which needs `start` ≤ h/2 + k).
    """
    up, down = cusum_arl_one_sided(k, h, shift), cusum_arl_one_sided(k, h, -shift)
    if start == 0.0:
        return 1.0 / (1.0 / up + 1.0 / down)
    from_up, from_down = cusum_arl_one_sided(k, h, shift, start), cusum_arl_one_sided(k, h, -shift, start)
    return (from_up * down + from_down * up - up * down) / (up + down)


def ewma_arl(lam: float, limit: float, shift: float = 0.0) -> float:
    """Run length of z = λx + (1-λ)z from 0, which signals beyond ± `limit`·√(λ/(2-λ)), for x of mean `shift`."""
    nodes, weights = _nodes()
    edge = limit * math.sqrt(lam / (2.0 - lam))
    at, weight = edge * nodes, edge * weights
    states = np.concatenate([[0.0], at])
    step = (at[None, :] - (1.0 - lam) * states[:, None]) / lam - shift
    kernel = weight * _density(step) / lam
    run_length = np.linalg.solve(np.eye(_NODES) - kernel[1:], np.ones(_NODES))
    return float(1.0 + kernel[0] @ run_length)


@lru_cache(maxsize=256)
def cusum_threshold(k: float, arl0: float, *, fast_start: bool = False) -> float:
    """The h at which the two-sided CUSUM has an in-control run length of `arl0`; a fast start begins at h/2."""
    return _reach(arl0, lambda h: cusum_arl(k, h, start=0.5 * h if fast_start else 0.0))


@lru_cache(maxsize=256)
def ewma_threshold(lam: float, arl0: float) -> float:
    """The L at which the EWMA chart has an in-control run length of `arl0`."""
    return _reach(arl0, lambda limit: ewma_arl(lam, limit))


def _reach(arl0: float, run_length: Callable[[float], float]) -> float:
    """The threshold of a run length: a false position on its logarithm, which is nearly straight (Illinois rule)."""
    _check(arl0)
    aim = math.log(arl0)
    low, high, below = 0.0, 1.0, -aim
    while (above := math.log(run_length(high)) - aim) < 0.0:
        # No further at once: beyond 1e13 the equation is singular in doubles.
        low, high, below = high, 1.25 * high, above
    for _ in range(_STEPS):
        if high - low < _CLOSE * high or above == 0.0:
            break
        middle = high - above * (high - low) / (above - below)
        off = math.log(run_length(middle)) - aim
        if abs(off) < _CLOSE:
            return middle
        if off < 0.0:
            low, below, above = middle, off, 0.5 * above
        else:
            high, above, below = middle, off, 0.5 * below
    return high


def _check(arl0: float) -> None:
    if not 1.0 < arl0 <= _MOST_ARL:
        message = f"an in-control run length of {arl0:g} samples is not between 1 and {_MOST_ARL:g}"
        raise ValueError(message)
