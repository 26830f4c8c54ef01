"""Rates of many tags over windows of their own, beside the same by hand."""

import numpy as np

from detectors.ranges.excursions import Sample
from detectors.ranges.windows import Windows
from domain.time import MINUTE_NS, SECOND_NS


def test_a_window_that_holds_more_than_its_ring_tells_the_same_as_all_samples_would():
    random = np.random.default_rng(5)
    windows = Windows()
    windows.grow(2)
    tag, window_ns = np.arange(2), np.array([7, 90]) * SECOND_NS
    times, values = [], []
    for second in range(300):
        times.append(second * SECOND_NS + int(random.integers(SECOND_NS)))
        values.append(float(random.normal()))
        now_ns, value = np.full(2, times[-1]), np.full(2, values[-1])

        rate, _ = windows.rates(tag, now_ns, value, window_ns)

        then = np.interp(times[-1] - window_ns, times, values)
        expected = (values[-1] - then) / (window_ns / MINUTE_NS)
        expected[times[-1] - window_ns < times[0]] = np.nan
        np.testing.assert_allclose(rate, expected, rtol=1e-6, atol=1e-9)


def test_what_is_put_back_is_what_was_told():
    samples = [Sample(second * SECOND_NS, float(second)) for second in range(40)]
    windows = Windows()
    windows.grow(1)

    windows.put(0, samples)

    assert windows.samples(0) == samples
