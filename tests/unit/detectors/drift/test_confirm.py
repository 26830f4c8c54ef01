"""A stated run length, confirmed or not, on data that nothing was learnt from."""

import math

import numpy as np
import pytest

from detectors.drift.confirm import confirmed_arl0
from domain.rules import DriftRule

RULE = DriftRule(60_000_000_000, arl0=300.0, learn=200)


def quiet(windows: int, phi: float = 0.0, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    level, made = 0.0, []
    for _ in range(windows):
        level = phi * level + random.normal()
        made.append(level)
    return np.array(made)


@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_the_run_length_of_quiet_data_is_confirmed(phi):
    data = quiet(4000, phi, 4)
    found = confirmed_arl0(data[:1000], data[1000:], RULE)

    assert set(found) == {"CUSUM k 0.5", "CUSUM k 0.25", "EWMA λ 0.2"}
    assert all(each.is_confirmed for each in found.values())
    assert all(each.low < each.measured < each.high for each in found.values())


def test_data_that_wander_are_not_confirmed():
    wandering = quiet(1000), np.cumsum(quiet(3000, seed=2)) * 0.05

    assert not any(each.is_confirmed for each in confirmed_arl0(*wandering, RULE).values())


def test_without_an_alarm_there_is_a_lower_bound():
    still = confirmed_arl0(quiet(1000), 0.01 * quiet(400, seed=3), RULE)["CUSUM k 0.5"]

    assert (still.alarms, still.high) == (0, math.inf)
    assert 0 < still.low < still.windows


def test_the_same_windows_give_the_same_answer():
    data = quiet(1000)

    assert confirmed_arl0(data[:500], data[500:], RULE) == confirmed_arl0(data[:500], data[500:], RULE)


def test_few_windows_confirm_nothing():
    with pytest.raises(ValueError, match="too few"):
        confirmed_arl0(quiet(500), quiet(60), RULE)
