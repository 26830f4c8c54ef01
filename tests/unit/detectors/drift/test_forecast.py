"""The time to a limit: exact without noise, honest with it, none where nobody can know."""

import numpy as np
import pytest

from detectors.drift.charts import Charts
from detectors.drift.forecast import forecast
from domain.rules import DriftRule
from tests.bench.forecast import coverage

MINUTE = 60_000_000_000
RULE = DriftRule(MINUTE, target=10.0, sigma=0.1)


def charts_of(means, rule: DriftRule = RULE) -> Charts:
    charts, places = Charts(), np.array([1])
    charts.add(1, rule)
    charts.start(1, rule, 0, 0.0)
    for number, mean in enumerate(means):
        middle_ns = np.array([number * MINUTE])
        charts.keep(places, np.array([mean]), middle_ns)
        charts.chart(places, np.array([mean]), middle_ns)
    return charts


def ramp(slope: float, windows: int = 40, start: int = 20) -> np.ndarray:
    return 10.0 + slope * np.maximum(np.arange(windows) - start, 0)


@pytest.mark.parametrize(("slope", "limit"), [(0.1, 15.0), (-0.1, 5.0)])
def test_a_straight_ramp_meets_its_limit_when_it_does(slope, limit):
    told = forecast(charts_of(ramp(slope)), 1, limit, 1 if slope > 0 else -1, 20 * MINUTE)

    assert told is not None
    assert told.at_ns == pytest.approx(70 * MINUTE, abs=MINUTE)
    assert told.early_ns < 70 * MINUTE < told.late_ns


def test_more_windows_of_the_ramp_make_the_band_narrower():
    bands = []
    for windows in (28, 34, 44):
        told = forecast(charts_of(ramp(0.1, windows)), 1, 15.0, 1, 20 * MINUTE)
        assert told is not None
        bands.append(told.late_ns - told.early_ns)

    assert bands[0] > bands[1] > bands[2]


def test_what_moves_away_from_a_limit_never_meets_it():
    assert forecast(charts_of(ramp(-0.1)), 1, 15.0, 1, 20 * MINUTE) is None


def test_a_level_that_stands_still_has_no_forecast():
    assert forecast(charts_of(np.full(40, 10.0)), 1, 15.0, 1, 20 * MINUTE) is None


def test_three_windows_say_nothing():
    assert forecast(charts_of(ramp(1.0, 3, 0)), 1, 15.0, 1, 0) is None


def test_windows_that_are_missing_leave_the_time_as_it_is():
    charts, places = Charts(), np.array([1])
    charts.add(1, RULE)
    charts.start(1, RULE, 0, 0.0)
    for number, mean in enumerate(ramp(0.1)):
        if number % 3:
            middle_ns = np.array([number * MINUTE])
            charts.keep(places, np.array([mean]), middle_ns)
            charts.chart(places, np.array([mean]), middle_ns)
    told = forecast(charts, 1, 15.0, 1, 20 * MINUTE)

    assert told is not None
    assert told.at_ns == pytest.approx(70 * MINUTE, abs=MINUTE)


def test_nine_bands_of_ten_hold_the_time():
    held, made, missing = coverage(0.6, 0.3, 60, 3)

    assert made > 4 * missing
    assert 0.83 < held / made < 0.97
