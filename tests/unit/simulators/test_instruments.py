import numpy as np
import pytest

from domain.status import BAD, GOOD, is_bad
from simulators.instruments.panel import OUT_OF_RANGE, Instrument, Panel

EVERY = np.array([0])


def settled(kind: str, truth: float, seed: int = 1) -> Panel:
    panel = Panel([Instrument("X.T", kind, 1)], seed)
    panel.advance(np.array([truth]), 1)
    return panel


def test_noise_has_the_spread_of_its_kind() -> None:
    panel = settled("temperature", 60.0)
    values = np.array([panel.read(EVERY).value[0] for _ in range(4000)])

    assert (values.mean(), values.std()) == (pytest.approx(60.0, abs=0.005), pytest.approx(0.05, rel=0.05))


def test_a_ph_probe_wanders_slowly() -> None:
    panel = settled("ph", 7.5)
    values = []
    for _ in range(8_000):
        panel.advance(np.array([7.5]), 1)
        values.append(panel.read(EVERY).value[0])
    series = np.array(values)
    neighbours = np.corrcoef(series[:-20], series[20:])[0, 1]

    rounding = 0.01 / np.sqrt(12)

    assert series.std() == pytest.approx(np.hypot(np.hypot(0.006, 0.004), rounding), rel=0.1)
    assert 0.1 < neighbours < np.exp(-1)


def test_a_step_is_followed_with_the_lag_of_the_kind() -> None:
    panel = settled("temperature", 20.0)
    for _ in range(15):
        panel.advance(np.array([120.0]), 1)

    assert panel.read(EVERY).value[0] == pytest.approx(20 + 100 * (1 - np.exp(-1)), abs=0.3)


def test_a_long_step_follows_as_far_as_short_ones() -> None:
    short, long = settled("level", 1.0), settled("level", 1.0)
    for _ in range(5):
        short.advance(np.array([2.0]), 1)
    long.advance(np.array([2.0]), 5)

    assert short.read(EVERY).value[0] == pytest.approx(long.read(EVERY).value[0], abs=0.03)


def test_values_come_in_steps_of_the_resolution() -> None:
    panel = settled("pressure", 0.2871)
    values = np.array([panel.read(EVERY).value[0] for _ in range(50)])

    np.testing.assert_allclose(values / 0.001, np.round(values / 0.001), atol=1e-6)


def test_beyond_its_range_an_instrument_says_the_end_and_is_uncertain() -> None:
    readings = settled("temperature", 300.0).read(EVERY)

    assert (readings.value[0], readings.status[0]) == (200.0, OUT_OF_RANGE)


def test_a_failed_instrument_is_bad() -> None:
    panel = settled("temperature", 20.0)
    good = panel.read(EVERY).status[0]
    panel.failed[0] = True

    assert good == GOOD
    assert is_bad(panel.read(EVERY).status).all()
    assert panel.read(EVERY).status[0] & BAD


def test_bias_and_drift_add_up() -> None:
    panel = settled("ph", 7.0)
    panel.bias[0], panel.drift_per_s[0] = 0.5, 0.001
    panel.advance(np.array([7.0]), 1000)

    assert panel.read(EVERY).value[0] == pytest.approx(7.0 + 0.5 + 1.0, abs=0.05)


def test_each_instrument_keeps_its_rhythm() -> None:
    panel = Panel([Instrument("A.T", "temperature", 10), Instrument("B.T", "temperature", 20, 5)], 1)
    told = {second: panel.due(second).tolist() for second in range(30) if len(panel.due(second))}

    assert told == {0: [0], 5: [1], 10: [0], 20: [0], 25: [1]}


def test_an_instrument_that_saw_nothing_says_so() -> None:
    with pytest.raises(RuntimeError, match="before it saw"):
        Panel([Instrument("A.T", "temperature", 10)], 1).read(EVERY)
