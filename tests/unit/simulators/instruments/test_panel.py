from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.status import BAD, GOOD, is_bad
from simulators.instruments.kinds import KINDS, InstrumentKind
from simulators.instruments.panel import OUT_OF_RANGE, Instrument, Panel, Readings
from simulators.scenario import InstrumentChange

EVERY = np.array([0])
SILENT = InstrumentKind("degC", -50.0, 200.0, 0.0, 0.0, 0.001)  # no noise, no lag
PERFECT = Instrument("X.T", "temperature", 1, figures=SILENT)


def settled(kind: str, truth: float, seed: int = 1) -> Panel:
    return at_truth(Instrument("X.T", kind, 1), truth, seed)


def at_truth(instrument: Instrument, truth: float, seed: int = 1) -> Panel:
    panel = Panel([instrument], seed)
    panel.advance(np.array([truth]), 1)
    return panel


def record(panel: Panel, truth: float, seconds: int, broken: Callable[[int], None] = lambda _: None) -> Readings:
    """What the first instrument reports over so many seconds."""
    values, statuses = [], []
    for second in range(seconds):
        panel.advance(np.array([truth]), 1)
        broken(second)
        readings = panel.read(EVERY)
        values.append(readings.value[0])
        statuses.append(readings.status[0])
    return Readings(np.zeros(seconds, np.intp), np.array(values), np.array(statuses), np.zeros(seconds, np.int64))


def test_noise_has_the_spread_of_its_kind() -> None:
    values = record(settled("temperature", 60.0), 60.0, 4000).value

    assert (values.mean(), values.std()) == (pytest.approx(60.0, abs=0.005), pytest.approx(0.05, rel=0.05))


def test_noise_has_the_tails_of_a_normal_distribution() -> None:
    panel = Panel([Instrument(f"X{number}.T", "temperature", 1) for number in range(10_000)], 1)
    panel.advance(np.full(10_000, 60.0), 1)
    beyond = []
    for _ in range(20):
        panel.advance(np.full(10_000, 60.0), 1)
        beyond.append(np.mean(np.abs(panel.read(panel.due(0)).value - 60.0) > 0.15 + 0.005))

    assert np.mean(beyond) == pytest.approx(0.0019, rel=0.15)  # beyond 3.1 standard deviations


def test_noise_is_white_from_reading_to_reading() -> None:
    values = record(settled("temperature", 60.0), 60.0, 4000).value

    assert abs(np.corrcoef(values[:-1], values[1:])[0, 1]) < 0.05


def probes(readings: int, every_s: int) -> NDArray[np.float64]:
    """What two hundred pH probes report of a constant truth: a row per reading."""
    panel = Panel([Instrument(f"X{number}.AT", "ph", 1) for number in range(200)], 1)
    told = []
    for _ in range(readings):
        panel.advance(np.full(200, 7.5), every_s)
        told.append(panel.read(panel.due(0)).value)
    return np.array(told)


def alike(values: NDArray[np.float64], apart: int) -> float:
    """The correlation of readings that are so many readings apart."""
    return float(np.corrcoef(values[:-apart].ravel(), values[apart:].ravel())[0, 1])


def test_a_ph_probe_wanders_slowly() -> None:
    values = probes(100, 1)
    rounding = 0.01 / np.sqrt(12)
    spread = np.hypot(np.hypot(0.006, 0.004), rounding)

    assert values.std() == pytest.approx(spread, rel=0.05)
    assert alike(values, 20) == pytest.approx(np.exp(-1) * (0.006 / spread) ** 2, abs=0.05)
    assert alike(values, 1) == pytest.approx(np.exp(-0.05) * (0.006 / spread) ** 2, abs=0.05)


def test_the_wander_does_not_depend_on_how_often_it_is_looked_at() -> None:
    often, seldom = probes(200, 1)[::20], probes(10, 20)

    assert seldom.std() == pytest.approx(often.std(), rel=0.07)
    assert alike(seldom, 1) == pytest.approx(alike(often, 1), abs=0.07)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_sigma_is_the_spread_of_what_is_reported(kind: str) -> None:
    instrument = Instrument("X.T", kind, 1)
    # Halfway through the range, and moving, so that rounding is not always the same.
    middle = (instrument.is_like.low + instrument.is_like.high) / 2
    panel = at_truth(instrument, middle)
    errors = []
    for second in range(2000):
        truth = middle + second % 50 * instrument.is_like.resolution * 0.37
        panel.advance(np.array([truth]), 1e6)  # long enough to have followed
        wanted = np.mod(truth, instrument.is_like.rollover) if instrument.is_like.rollover else truth
        errors.append(panel.read(EVERY).value[0] - wanted)

    if instrument.is_like.deadband:
        assert 0.5 * panel.sigma[0] < np.std(errors) < 1.2 * panel.sigma[0]
    else:
        assert panel.sigma[0] == pytest.approx(np.std(errors), rel=0.08)


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

    assert short.noise_free(EVERY).value[0] == pytest.approx(long.noise_free(EVERY).value[0], abs=0.001)


def test_values_come_in_steps_of_the_resolution() -> None:
    values = record(settled("pressure", 0.2871), 0.2871, 50).value

    assert all(float(f"{value:.3f}") == value for value in values)


def test_beyond_its_range_an_instrument_says_the_end_and_is_uncertain() -> None:
    readings = settled("temperature", 300.0).read(EVERY)

    assert (readings.value[0], readings.status[0]) == (200.0, OUT_OF_RANGE)


def test_at_the_end_of_its_range_a_silent_instrument_is_good() -> None:
    panel = settled("temperature", 300.0)
    panel.condition.silent[0] = True

    assert (panel.read(EVERY).value[0], panel.read(EVERY).status[0]) == (200.0, GOOD)


def test_an_instrument_that_drops_out_is_bad() -> None:
    panel = settled("temperature", 20.0)
    good = panel.read(EVERY).status[0]
    panel.condition.bad_probability[0] = 1.0

    assert good == GOOD
    assert is_bad(panel.read(EVERY).status).all()
    assert panel.read(EVERY).status[0] == BAD


def test_readings_drop_out_as_often_as_is_said_and_bad_beats_uncertain() -> None:
    panel = at_truth(PERFECT, 20.0)
    panel.condition.bad_probability[0], panel.condition.bad_status[0] = 0.25, 0x808C_0000
    panel.condition.uncertain_probability[0], panel.condition.uncertain_status[0] = 0.5, 0x4093_0000
    statuses = record(panel, 20.0, 4000).status

    assert np.mean(statuses == 0x808C_0000) == pytest.approx(0.25, abs=0.03)
    assert np.mean(statuses == 0x4093_0000) == pytest.approx(0.75 * 0.5, abs=0.03)
    assert np.mean(statuses == GOOD) == pytest.approx(0.75 * 0.5, abs=0.03)


def test_bias_and_drift_add_up_and_the_bias_stays() -> None:
    panel = settled("ph", 7.0)
    panel.condition.bias[0], panel.condition.drift_per_s[0] = 0.5, 0.001
    panel.advance(np.array([7.0]), 1000)

    assert panel.read(EVERY).value[0] == pytest.approx(7.0 + 0.5 + 1.0, abs=0.05)
    assert (panel.condition.bias[0], panel.drifted[0]) == (0.5, pytest.approx(1.0))


def test_a_calibration_is_a_gain_and_an_offset() -> None:
    panel = at_truth(PERFECT, 40.0)
    panel.condition.gain[0], panel.condition.offset[0] = 1.1, -2.0

    assert panel.read(EVERY).value[0] == pytest.approx(42.0)


def test_a_stuck_instrument_goes_on_reporting_what_it_reported_last() -> None:
    panel = settled("temperature", 60.0)
    last = panel.read(EVERY).value[0]
    panel.condition.stuck[0] = True
    stuck = record(panel, 90.0, 100)
    panel.condition.stuck[0] = False

    assert set(stuck.value) == {last}
    assert set(stuck.status) == {GOOD}
    assert panel.read(EVERY).value[0] == pytest.approx(90.0, abs=0.3)


def test_a_stuck_instrument_does_not_see_that_the_truth_is_out_of_its_range() -> None:
    panel = settled("temperature", 60.0)
    panel.read(EVERY)
    panel.condition.stuck[0] = True

    assert set(record(panel, 900.0, 100).status) == {GOOD}


def test_a_stuck_instrument_may_be_told_what_to_report() -> None:
    panel = settled("temperature", 60.0)
    panel.held[0], panel.condition.stuck[0] = 12.5, True

    assert panel.read(EVERY).value[0] == 12.5


def test_an_instrument_that_is_stuck_before_its_first_reading_holds_that() -> None:
    panel = settled("temperature", 60.0)
    panel.condition.stuck[0] = True
    values = record(panel, 90.0, 10).value

    assert len(set(values)) == 1


def test_spikes_come_as_often_and_as_large_as_is_said() -> None:
    panel = at_truth(PERFECT, 60.0)
    panel.condition.spike_probability[0], panel.condition.spike_size[0] = 0.1, -25.0
    values = record(panel, 60.0, 4000).value

    assert set(values) == {60.0, 35.0}
    assert np.mean(values == 35.0) == pytest.approx(0.1, abs=0.02)


def test_noise_may_be_multiplied_or_lost() -> None:
    panel = settled("temperature", 60.0)
    panel.condition.noise_factor[0] = 4.0
    loud = record(panel, 60.0, 2000).value
    panel.condition.noise_factor[0] = 0.0
    quiet = record(panel, 60.0, 100).value

    assert loud.std() == pytest.approx(0.2, rel=0.07)
    assert set(quiet) == {60.0}


def test_a_lag_may_change_while_it_follows() -> None:
    panel = at_truth(PERFECT, 20.0)
    panel.condition.lag_s[0] = 100.0
    for _ in range(100):
        panel.advance(np.array([120.0]), 1)

    assert panel.read(EVERY).value[0] == pytest.approx(20 + 100 * (1 - np.exp(-1)), abs=0.01)


def test_a_sticking_valve_moves_only_when_it_is_pushed_far_enough() -> None:
    valve = Instrument("X.V", "valve", 1, figures=InstrumentKind("%", 0.0, 100.0, 0.0, 0.0, 0.01, deadband=2.0))
    panel = at_truth(valve, 50.0)
    told = []
    for truth in (50.0, 51.5, 52.0, 52.1, 51.0, 50.2, 50.0):
        panel.advance(np.array([truth]), 1)
        told.append(panel.read(EVERY).value[0])

    assert told == [50.0, 50.0, 50.0, 52.1, 52.1, 52.1, 50.0]


def test_a_counter_starts_again_when_it_is_full() -> None:
    panel = settled("total", 0.0)
    told = []
    for truth in (999.9, 999.96, 1000.0, 1000.1, 3000.4):
        panel.advance(np.array([truth]), 1)
        reading = panel.read(EVERY)
        told.append((reading.value[0], reading.status[0]))

    assert told == [(999.9, GOOD), (0.0, GOOD), (0.0, GOOD), (0.1, GOOD), (0.4, GOOD)]


def test_noise_free_is_what_is_reported_less_the_noise() -> None:
    panel = settled("temperature", 60.0)
    panel.condition.bias[0] = 1.0
    before = panel.noise_free(EVERY).value[0]
    values = record(panel, 60.0, 100).value

    assert before == panel.noise_free(EVERY).value[0] == 61.0
    assert values.std() > 0.03


def test_noise_free_has_the_status_and_the_spikes_of_the_reading() -> None:
    panel = settled("temperature", 60.0)
    panel.condition.bad_probability[0] = panel.condition.spike_probability[0] = 0.5
    panel.condition.spike_size[0] = 20.0
    for _ in range(50):
        panel.advance(np.array([60.0]), 1)
        real, free = panel.read(EVERY), panel.noise_free(EVERY)

        assert real.status[0] == free.status[0]
        assert real.value[0] == pytest.approx(free.value[0], abs=0.3)


def test_each_instrument_keeps_its_rhythm() -> None:
    panel = Panel([Instrument("A.T", "temperature", 10), Instrument("B.T", "temperature", 20, 5)], 1)
    told = {second: panel.due(second).tolist() for second in range(30) if len(panel.due(second))}

    assert told == {0: [0], 5: [1], 10: [0], 20: [0], 25: [1]}


def test_a_long_step_misses_no_reading() -> None:
    instruments = [Instrument(f"X{n}.T", "temperature", period, n) for n, period in enumerate((3, 10, 7, 60, 1))]
    panel = Panel(instruments, 1)
    one_by_one = [sorted({i for s in range(e - 4, e + 1) for i in panel.due(s).tolist()}) for e in range(0, 600, 5)]

    assert [panel.due(second, 5).tolist() for second in range(0, 600, 5)] == one_by_one


def test_sampling_times_jitter_within_what_is_said_and_repeat() -> None:
    def times() -> list[int]:
        panel = Panel([Instrument("A.T", "temperature", 1, jitter_ms=300), Instrument("B.T", "temperature", 1)], 1)
        told = []
        for _ in range(200):
            panel.advance(np.zeros(2), 1)
            told += panel.read(panel.due(0)).before_ns.tolist()
        return told

    jittering, steady = times()[::2], times()[1::2]

    assert times() == times()
    assert set(steady) == {0}
    assert 0 <= min(jittering) < 30e6
    assert 270e6 < max(jittering) < 300e6


def test_instruments_may_be_read_in_any_order() -> None:
    panel = Panel([Instrument(f"X{number}.AT", "ph", 1) for number in range(5)], 1)
    panel.advance(np.arange(5.0), 1)
    in_order = panel.read(np.arange(5)).value
    backwards = panel.read(np.arange(5)[::-1]).value

    assert backwards.tolist() == in_order[::-1].tolist()


def test_a_redundant_pair_sees_one_truth_with_noise_and_bias_of_its_own() -> None:
    pair = [Instrument("R.TT", "temperature", 1, bias=0.3), Instrument("R.TT2", "temperature", 1, bias=-0.2)]
    panel = Panel(pair, 1)
    told = []
    for _ in range(2000):
        panel.advance(np.array([60.0, 60.0]), 1)
        told.append(panel.read(panel.due(0)).value)
    first, second = np.array(told).T

    assert (first.mean(), second.mean()) == (pytest.approx(60.3, abs=0.01), pytest.approx(59.8, abs=0.01))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.07


def test_an_instrument_that_saw_nothing_says_so() -> None:
    with pytest.raises(RuntimeError, match="before it saw"):
        Panel([Instrument("A.T", "temperature", 10)], 1).read(EVERY)


def test_a_tag_may_differ_from_its_kind() -> None:
    instrument = Instrument("A.T", "temperature", 10, 7).changed(
        InstrumentChange(period_s=5, bias=0.4, noise=0.0, lag_s=0.0, low=0.0, high=100.0, resolution=0.5)
    )

    assert (instrument.period_s, instrument.offset_s) == (5, 2)
    assert at_truth(instrument, 61.0).read(EVERY).value[0] == 61.5
    assert at_truth(instrument, 130.0).read(EVERY).value[0] == 100.0
    assert Instrument("A.T", "temperature", 10).changed(InstrumentChange()).is_like == KINDS["temperature"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (InstrumentChange(low=80.0, high=20.0), "instrument R.TT: range: 80 is not below 20"),
        (InstrumentChange(resolution=0.0), "instrument R.TT: resolution: 0 is not above 0"),
        (InstrumentChange(noise=-1.0), "instrument R.TT: noise: -1 is below 0"),
        (InstrumentChange(lag_s=float("nan")), "instrument R.TT: lag_s: nan is below 0"),
        (InstrumentChange(period_s=0), "instrument R.TT: a period of 0 s is impossible"),
    ],
)
def test_an_impossible_instrument_is_refused_by_name(change: InstrumentChange, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Instrument("R.TT", "temperature", 10).changed(change)
