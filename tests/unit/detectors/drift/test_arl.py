"""Run lengths against published ones (`vectors.json` of the domain study names the sources again)."""

import math

import numpy as np
import pytest

from detectors.drift.arl import cusum_arl, cusum_arl_one_sided, cusum_threshold, ewma_arl, ewma_threshold

# Lucas and Crosier 1982, table 1 (cran/spc, man/xcusum.arl.Rd): k = 0.5, h = 4, two-sided.
SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 4, 5)
CUSUM_H4 = (168, 74.2, 26.6, 13.3, 8.38, 4.75, 3.34, 2.62, 2.19, 1.71, 1.31)
CUSUM_H5 = (465.44, 139.49, 38.0, 17.05, 10.38, 5.75, 4.01, 3.11, 2.57, 2.01, 1.69)  # recomputed
# Lucas and Saccucci 1990, table 3 (cran/spc, man/xewma.arl.Rd).
EWMA_SHIFTS = (0, 0.25, 0.5, 0.75, 1, 1.5, 2, 2.5, 3, 3.5, 4, 5)
EWMA_05 = (500, 255, 88.8, 35.9, 17.5, 6.53, 3.63, 2.5, 1.93, 1.58, 1.34, 1.07)
EWMA_003 = (500, 76.7, 29.3, 17.6, 12.6, 8.07, 5.99, 4.8, 4.03, 3.49, 3.11, 2.55)
# Designs of run length 500: λ and L.
EWMA_500 = {0.4: 3.054, 0.25: 2.998, 0.2: 2.962, 0.1: 2.814, 0.05: 2.615}


@pytest.mark.parametrize(("shift", "published"), list(zip(SHIFTS, CUSUM_H4, strict=True)))
def test_cusum_of_h_4(shift, published):
    assert cusum_arl(0.5, 4.0, shift) == pytest.approx(published, rel=0.004)


@pytest.mark.parametrize(("shift", "published"), list(zip(SHIFTS, CUSUM_H5, strict=True)))
def test_cusum_of_h_5(shift, published):
    assert cusum_arl(0.5, 5.0, shift) == pytest.approx(published, rel=0.004)


@pytest.mark.parametrize(("shift", "published"), list(zip(EWMA_SHIFTS, EWMA_05, strict=True)))
def test_ewma_of_lambda_a_half(shift, published):
    assert ewma_arl(0.5, 3.071, shift) == pytest.approx(published, rel=0.004)


@pytest.mark.parametrize(("shift", "published"), list(zip(EWMA_SHIFTS, EWMA_003, strict=True)))
def test_ewma_of_a_small_lambda(shift, published):
    assert ewma_arl(0.03, 2.437, shift) == pytest.approx(published, rel=0.004)


def test_ewma_as_sas_prints_it():
    assert ewma_arl(0.25, 3.0, 1.0) == pytest.approx(11.154267016, abs=1e-8)


@pytest.mark.parametrize(("lam", "limit"), list(EWMA_500.items()))
def test_the_ewma_threshold_of_a_stated_run_length(lam, limit):
    assert ewma_threshold(lam, 500.0) == pytest.approx(limit, abs=6e-4)


@pytest.mark.parametrize("arl0", [20.0, 168.0, 465.44, 10_000.0, 1e6])
def test_a_threshold_reaches_its_run_length(arl0):
    assert cusum_arl(0.5, cusum_threshold(0.5, arl0)) == pytest.approx(arl0, rel=1e-6)
    assert ewma_arl(0.2, ewma_threshold(0.2, arl0)) == pytest.approx(arl0, rel=1e-5)


# The same table: both sides begin at h/2 = 2.
CUSUM_FIR = (149, 62.7, 20.1, 8.97, 5.29, 2.86, 2.01, 1.59, 1.32, 1.07, 1.01)


@pytest.mark.parametrize(("shift", "published"), list(zip(SHIFTS, CUSUM_FIR, strict=True)))
def test_a_fast_start_is_as_published(shift, published):
    assert cusum_arl(0.5, 4.0, shift, start=2.0) == pytest.approx(published, rel=0.006)


def test_a_fast_start_has_the_stated_run_length_from_its_head_start():
    h = cusum_threshold(0.5, 370.0, fast_start=True)

    assert cusum_arl(0.5, h, start=0.5 * h) == pytest.approx(370.0, rel=1e-6)
    assert h > cusum_threshold(0.5, 370.0)


@pytest.mark.parametrize("k", [0.1, 0.25, 0.5, 1.0])
def test_the_rarest_alarms_that_may_be_asked_for_have_a_threshold(k):
    assert cusum_arl(k, cusum_threshold(k, 1e10)) == pytest.approx(1e10, rel=1e-4)


def test_the_cusum_threshold_of_465():
    assert cusum_threshold(0.5, 465.44) == pytest.approx(5.0, abs=1e-4)


def test_another_method_agrees():
    """Brook and Evans 1972: a Markov chain of many states, extrapolated to infinitely many."""
    coarse, fine = (_brook_evans(0.5, 4.0, states) for states in (200, 400))

    assert cusum_arl_one_sided(0.5, 4.0) == pytest.approx(fine + (fine - coarse) / 3.0, rel=1e-5)


def _brook_evans(k, h, states):
    width = 2.0 * h / (2 * states - 1)
    edges = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in (np.arange(-states, states + 1) + 0.5) * width + k])
    step = np.zeros((states, states))
    for state in range(states):
        step[state, 0] = edges[states - state]
        for other in range(1, states):
            step[state, other] = edges[states + other - state] - edges[states + other - state - 1]
    return float(np.linalg.solve(np.eye(states) - step, np.ones(states))[0])


@pytest.mark.parametrize("arl0", [1.0, 0.0, 1e12, float("nan")])
def test_a_run_length_without_sense_is_refused(arl0):
    with pytest.raises(ValueError, match="run length"):
        cusum_threshold(0.5, arl0)
