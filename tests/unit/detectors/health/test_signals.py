"""What no process does to a reading: scatter lost or doubled, a spike, a step; and the ends of an instrument's range."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from detectors.health.scatter import BIAS, DEVIATION, UNIT, WINDOW, Scatter
from domain.entries import Gap, GapCause
from domain.health import TagHealth
from domain.rules import TagRules
from domain.status import BAD
from tests.unit.detectors.plant import PT, TAGS, Plant, at, batch, findings, of_rule, rulebook, stages

SIGNALS = TagHealth(noise=True, spike=True, jump=True)
SIGMA = 0.01


def plant(health: TagHealth = SIGNALS) -> Plant:
    return Plant(rulebook(tags={"R101.PT": TagRules("R101.PT", health=health)})).in_phase(20)


def scatter(count: int, sigma: float = SIGMA, level: float = 0.3, seed: int = 1) -> list[float]:
    """Readings of 0.1 mbar resolution."""
    chance = np.random.default_rng(seed)
    return np.round(level + sigma * chance.normal(size=count), 4).tolist()


def readings(made: Plant, start: float, values: list[float]) -> float:
    """Feed readings a second apart; the time of the last."""
    made.feed(batch([(PT, start + number, value) for number, value in enumerate(values)]))
    return start + len(values) - 1


def test_the_sigma_of_a_window_is_that_of_white_noise():
    chance = np.random.default_rng(2)
    noise = chance.normal(size=(4000, WINDOW + 2))
    sizes = np.abs(noise[:, 2:] - 2 * noise[:, 1:-1] + noise[:, :-2])
    made, tag = Scatter(), np.arange(4000)
    made.grow(4000)
    for column in sizes.T:
        full = made.add(tag, column)
    told = made.close(tag)

    assert len(full) == 4000
    assert told.mean() == pytest.approx(0.0, abs=0.02)
    assert told.std() == pytest.approx(DEVIATION, rel=0.05)
    assert (UNIT, BIAS) == (1.6404, -0.0209)


def test_lost_noise_is_said_after_a_window_and_when_it_comes_back():
    made = plant()
    end = readings(made, 10, scatter(32 * 5))
    end = readings(made, end + 1, scatter(64, sigma=SIGMA / 20))
    (found,) = of_rule(made.said, "noise.lost")

    assert found.evidence["ratio"] < 0.5
    assert found.evidence["usual"] == pytest.approx(SIGMA, rel=0.25)
    assert found.at_ns <= at(end)
    readings(made, end + 1, scatter(30 * 6, seed=3))
    assert stages(made.said, "noise.lost") == ["open", "cleared"]


def test_doubled_noise_is_said_within_a_few_windows():
    made = plant()
    end = readings(made, 10, scatter(32 * 20))
    readings(made, end + 1, scatter(30 * 8, sigma=2.5 * SIGMA, seed=4))

    assert stages(made.said, "noise.high")[:1] == ["open"]


def test_usual_noise_is_never_said():
    made = plant()
    readings(made, 10, scatter(20_000))

    assert [each.rule for each in findings(made.said)] == []


def test_noise_is_not_judged_outside_phases():
    made = Plant(rulebook(tags={"R101.PT": TagRules("R101.PT", health=SIGNALS)}))
    end = readings(made, 10, scatter(32 * 5))
    readings(made, end + 1, scatter(64, sigma=SIGMA / 20))

    assert of_rule(made.said, "noise.lost") == []


def test_the_scatter_of_coarse_readings_is_not_judged():
    made = plant()
    end = readings(made, 10, [round(each, 1) for each in scatter(32 * 10, sigma=0.04, level=0.32)])
    readings(made, end + 1, [0.3] * 64)

    assert of_rule(made.said, "noise.lost") == []


def test_one_reading_far_off_is_an_event_and_excluded_from_nothing():
    made = plant()
    end = readings(made, 10, scatter(100))
    readings(made, end + 1, [0.3, 0.6, 0.3])
    (spike,) = of_rule(made.said, "spike")

    assert spike.onset_ns == at(end + 2)
    assert spike.evidence["value"] == 0.6
    assert spike.evidence["off_by"] == pytest.approx(0.3)
    assert of_rule(made.said, "jump") == []
    assert stages(made.said, "excursion.nor.high") == ["open", "cleared"]


def test_spikes_are_counted_and_told_at_the_first_the_second_the_fourth():
    made = plant()
    end = readings(made, 10, scatter(100))
    for _ in range(5):
        end = readings(made, end + 1, [0.3, 0.6, 0.3, 0.3])

    assert [each.evidence["count"] for each in of_rule(made.said, "spike")] == [1, 2, 4]
    readings(made, end + 601, [0.3])
    (cleared,) = of_rule(made.said, "spike")[3:]
    assert (cleared.stage, cleared.evidence["count"]) == ("cleared", 5)


def test_a_step_that_stays_is_a_jump_at_the_second_reading_after_it():
    made = plant()
    end = readings(made, 10, scatter(100))
    readings(made, end + 1, [0.3, 0.3, 0.5])
    assert of_rule(made.said, "jump") == []
    readings(made, end + 4, [0.5])
    (jump,) = of_rule(made.said, "jump")

    assert jump.evidence["step"] == pytest.approx(0.2)
    assert jump.onset_ns == at(end + 3)
    assert of_rule(made.said, "spike") == []
    readings(made, end + 5 + 601, [0.5])
    assert stages(made.said, "jump") == ["open", "cleared"]


def test_a_ramp_is_no_jump():
    made = plant()
    end = readings(made, 10, scatter(100))
    readings(made, end + 1, [0.3 + 0.05 * number for number in range(20)])

    assert of_rule(made.said, "jump") == []


def test_what_changes_with_the_phase_is_no_jump():
    made = plant()
    end = readings(made, 10, scatter(100))
    made.in_phase(30, seconds=end + 1)
    readings(made, end + 10, [0.9] * 5)

    assert of_rule(made.said, "jump") == []


def test_what_changed_in_a_gap_is_no_jump():
    made = plant()
    end = readings(made, 10, scatter(100))
    made.feed(Gap("g", "train1", None, at(end), at(end + 60), GapCause.DISCONNECT))
    readings(made, end + 60, [0.9] * 5)

    assert of_rule(made.said, "jump") == []
    readings(made, end + 65, [1.4] * 5)
    assert len(of_rule(made.said, "jump")) == 1


@pytest.mark.parametrize(("silence_s", "jumps"), [(1, 1), (10, 1), (11, 0), (1800, 0)])
def test_what_changed_in_a_long_silence_is_no_jump(silence_s, jumps):
    made = plant()
    end = readings(made, 10, scatter(100))
    readings(made, end + silence_s, [0.9] * 5)

    assert len(of_rule(made.said, "jump")) == jumps


def test_bad_readings_are_no_spikes():
    made = plant()
    end = readings(made, 10, scatter(100))
    made.feed(batch([(PT, end + 1, 0.3), (PT, end + 2, 9.9, BAD), (PT, end + 3, 0.3)]))

    assert of_rule(made.said, "spike") == []


@pytest.mark.parametrize("cut", range(0, 260, 37))
def test_how_rows_are_cut_and_restarts_do_not_show(cut):
    values = [
        *scatter(150),
        0.3,
        0.6,
        0.3,
        0.3,
        0.3,
        *scatter(40, level=0.5),
        *scatter(67, sigma=SIGMA / 30, level=0.5),
    ]
    whole, parts = plant(), plant()
    for number, value in enumerate(values):
        whole.samples((PT, 10.0 + number, value))
    readings(parts, 10, values[:cut])
    parts = parts.restarted()
    told = findings(parts.feed(batch([(PT, 10.0 + cut + number, value) for number, value in enumerate(values[cut:])])))

    later = [each for each in findings(whole.said) if each.at_ns >= at(10.0 + cut)]
    assert [(each.rule, each.at_ns, each.message, each.stage) for each in told] == [
        (each.rule, each.at_ns, each.message, each.stage) for each in later
    ]
    assert {each.rule for each in findings(whole.said)} >= {"spike", "jump", "noise.lost"}


def ranged(low: float, high: float) -> Plant:
    rules = rulebook(tags={"R101.PT": TagRules("R101.PT", health=TagHealth(sensor_range=True))})
    tags = [replace(tag, sensor_low=low, sensor_high=high) if tag.name == "R101.PT" else tag for tag in TAGS]
    return Plant(rules, Bank(rules, tags))


@pytest.mark.parametrize(
    ("value", "band"),
    [
        (6.0, None),
        (6.1875, None),
        (6.1876, "beyond its range"),
        (6.375, "beyond its range"),
        (6.376, "failure signal"),
        (-0.075, None),
        (-0.0751, "beyond its range"),
        (-0.16, "failure signal"),
    ],
)
def test_a_reading_beyond_the_measured_band_of_its_instrument_is_said_at_once(value, band):
    said = ranged(0.0, 6.0).samples((PT, 0, 3.0), (PT, 1, value))

    assert [each.evidence["band"] for each in of_rule(said, "sensor.range")] == ([] if band is None else [band])


def test_five_readings_at_the_end_are_clipped():
    made = ranged(-1.0, 6.0)

    assert of_rule(made.series(PT, 0, 1, [6.0] * 4), "sensor.range") == []
    assert stages(made.series(PT, 4, 1, [6.0, 6.0, 5.9]), "sensor.range") == ["open", "cleared"]
    assert of_rule(made.series(PT, 10, 1, [-1.0] * 5), "sensor.range")[0].message == (
        "R101.PT, -1 bar, stands at -1 bar, the end of its instrument's range."
    )


def test_a_low_end_of_zero_is_where_a_level_rests():
    made = ranged(0.0, 6.0)

    assert of_rule(made.series(PT, 0, 1, [0.0] * 50), "sensor.range") == []


def rests(low: float | None) -> Plant:
    """A flow that rests at 0 l/h, of 0.1 l/h resolution, behind an instrument that shows nothing below its range."""
    rules = rulebook(tags={"R101.PT": TagRules("R101.PT", health=TagHealth(noise=True))})
    tags = [replace(tag, sensor_low=low) if tag.id == PT else tag for tag in TAGS]
    made = Plant(rules, Bank(rules, tags)).in_phase(20)
    values = np.maximum(np.round(0.3 * np.random.default_rng(95).normal(size=200), 1), 0.0)
    readings(made, 10, values.tolist())
    return made


def test_what_is_cut_off_at_an_end_of_the_range_tells_nothing_of_the_scatter():
    # Cut off at 0 the scatter of 30 readings varies far more than that of white noise does.
    assert of_rule(rests(None).said, "noise.lost")[0].evidence["ratio"] < 0.5
    assert of_rule(rests(0.0).said, "noise.lost") == []
