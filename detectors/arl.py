"""Average run lengths of CUSUM and EWMA charts, and the thresholds that reach a stated one.

The run length from each state solves a Fredholm integral equation of the second kind; it is solved by Nyström's method
with Gauss-Legendre nodes (Crowder 1987 for the EWMA; for the CUSUM with an atom at zero, Lucas and Crosier 1982). In
control the charted values are independent standard normal.
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_NODES = 96
_STEPS = 80  # of a bisection: more than a float has bits to halve
_MOST_ARL = 1e9

Column = NDArray[np.float64]


def _density(x: Column) -> Column:
    return np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def _distribution(x: Column) -> Column:
    return np.array([0.5 * math.erfc(-each / math.sqrt(2.0)) for each in x.tolist()])


@lru_cache(maxsize=1)
def _nodes() -> tuple[Column, Column]:
    """Gauss-Legendre nodes and weights on [-1, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return np.asarray(nodes), np.asarray(weights)


def cusum_arl_one_sided(k: float, h: float, shift: float = 0.0, start: float = 0.0) -> float:
    """Run length of C = max(0, C + x - k), which signals at C > h, for x of mean `shift`, from C = `start`."""
    nodes, weights = _nodes()
    at, weight = 0.5 * h * (nodes + 1.0), 0.5 * h * weights
    # Unknowns: the run length from 0, then from each node; a step to 0 or below lands on the atom.
    states = np.concatenate([[0.0], at])
    kernel = np.empty((_NODES + 1, _NODES + 1))
    kernel[:, 0] = _distribution(k - shift - states)
    kernel[:, 1:] = weight * _density(at[None, :] - states[:, None] + k - shift)
    run_length = np.linalg.solve(np.eye(_NODES + 1) - kernel, np.ones(_NODES + 1))
    if start == 0.0:
        return float(run_length[0])
    from_start = weight * _density(at - start + k - shift)
    to_zero = float(_distribution(np.array([k - shift - start]))[0])
    return float(1.0 + to_zero * run_length[0] + from_start @ run_length[1:])


def cusum_arl(k: float, h: float, shift: float = 0.0) -> float:
    """Run length of the two-sided CUSUM from zero: the rates of its two sides add (Kemp 1961)."""
    up, down = cusum_arl_one_sided(k, h, shift), cusum_arl_one_sided(k, h, -shift)
    return 1.0 / (1.0 / up + 1.0 / down)


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


@lru_cache(maxsize=64)
def cusum_threshold(k: float, arl0: float) -> float:
    """The h at which the two-sided CUSUM has an in-control run length of `arl0`."""
    low, high = 0.0, 1.0
    _check(arl0)
    while cusum_arl(k, high) < arl0:
        low, high = high, 2.0 * high
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if cusum_arl(k, middle) < arl0 else (low, middle)
        if high - low < 1e-9 * high:
            break
    return high


@lru_cache(maxsize=64)
def ewma_threshold(lam: float, arl0: float) -> float:
    """The L at which the EWMA chart has an in-control run length of `arl0`."""
    _check(arl0)
    low, high = 0.0, 1.0
    while ewma_arl(lam, high) < arl0:
        low, high = high, high + 1.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if ewma_arl(lam, middle) < arl0 else (low, middle)
        if high - low < 1e-9 * high:
            break
    return high


def _check(arl0: float) -> None:
    if not 1.0 < arl0 <= _MOST_ARL:
        message = f"an in-control run length of {arl0:g} samples is not between 1 and {_MOST_ARL:g}"
        raise ValueError(message)
