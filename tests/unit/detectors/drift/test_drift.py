"""Drift within a phase: before the excursion, with its forecast, and rarely without reason."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from detectors.drift.charts import Charts
from domain.rules import ConfirmedRunLength, DriftRule
from tests.unit.detectors.plant import BAD, MINUTE, RULES, SECOND, STEP, TT, Plant, at, batch, of_rule, rulebook

# Montgomery and Runger, table 16-8, as in the domain study's vectors.json: target 99, K 1, H 10.
CUSUM_X = (102.0, 94.8, 98.3, 98.4, 102.0, 98.5, 99.0, 97.7, 100.0, 98.1, 101.3, 98.7, 101.1, 98.4, 97.0, 96.7, 100.3, 101.4, 97.2, 101.0)  # fmt: skip
CUSUM_UP = (2.0, 0, 0, 0, 2.0, 0.5, 0, 0, 0, 0, 1.3, 0, 1.1, 0, 0, 0, 0.3, 1.7, 0, 1.0)
CUSUM_DOWN = (0, 3.2, 2.9, 2.5, 0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0, 1.0, 2.3, 0, 0, 0.8, 0)
# NIST/SEMATECH e-Handbook 6.3.2.4: λ 0.3, target 50, sigma 2.0539.
EWMA_X = (52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5, 49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1)  # fmt: skip
EWMA_Z = (50.6, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33, 50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99)  # fmt: skip


def charted(rule: DriftRule, values):
    charts, places = Charts(), np.array([1])
    charts.add(1, rule)
    charts.start(1, rule, 0, 0.0)
    for value in values:
        charts.chart(places, np.array([value]), np.array([0]))
        yield charts


def test_the_cusum_is_the_textbooks():
    rule = DriftRule(MINUTE, k=(1.0,), target=99.0, sigma=1.0)
    sums = [tuple(charts.sums[1, :2]) for charts in charted(rule, CUSUM_X)]

    assert [up for up, _ in sums] == pytest.approx(CUSUM_UP, abs=1e-9)
    assert [down for _, down in sums] == pytest.approx(CUSUM_DOWN, abs=1e-9)


def test_the_ewma_is_the_handbooks():
    rule = DriftRule(MINUTE, lam=0.3, target=50.0, sigma=2.0539)
    z = [50.0 + 2.0539 * charts.ewma[1] for charts in charted(rule, EWMA_X)]

    assert z == pytest.approx(EWMA_Z, abs=0.006)


def ramp(plant: Plant, per_minute: float, minutes: int, seed: int = 1, sigma: float = 0.05):
    noise = np.random.default_rng(seed).normal(0.0, sigma, 6 * minutes)
    values = 60.0 + noise + per_minute * np.maximum(0, np.arange(6 * minutes) / 6 - 30)
    return plant.series(TT, 10, 10, values.tolist())


def test_a_slow_ramp_is_warned_of_before_the_excursion():
    plant = Plant().in_phase()
    said = ramp(plant, 0.02, 150)

    (warned,) = [each for each in of_rule(said, "drift.cusum") if each.version == 1]
    left = of_rule(said, "excursion.nor.high")[0]
    assert warned.at_ns < left.onset_ns - 30 * MINUTE
    assert at(25 * 60) < warned.onset_ns < at(50 * 60)
    assert warned.evidence["arl0"] == 10_000.0
    assert warned.evidence["statistic"] > warned.evidence["threshold"]
    assert warned.evidence["learnt"] == "from 14 windows"
    assert re.fullmatch(
        r"R101\.TT has risen 0\.0\d+ °C/min for \d+ min, now 60\.\d+ °C; it reaches 62 °C at \d\d:\d\d UTC "
        r"± \d+ min, in phase dose of batch B-17 \(CUSUM k 0\.\d+, one false alarm in 6 d 22 h\)\.",
        warned.message,
    )


def test_the_forecast_comes_true():
    plant = Plant().in_phase()
    said = ramp(plant, 0.02, 150)

    newest = [each for each in of_rule(said, "drift.cusum") if each.at_ns < at(90 * 60)][-1]
    left = of_rule(said, "excursion.nor.high")[0]
    assert newest.evidence["range"] == "nor"
    assert newest.evidence["forecast_ns"] == pytest.approx(left.onset_ns, abs=10 * MINUTE)
    assert newest.evidence["forecast_early_ns"] < newest.evidence["forecast_ns"] < newest.evidence["forecast_late_ns"]


def test_a_fall_drifts_towards_the_low_limit():
    said = ramp(Plant().in_phase(), -0.02, 120)

    found = of_rule(said, "drift.cusum")[0]
    assert found.evidence["slope_per_min"] < 0
    assert found.evidence["limit"] == 58.0


def test_a_steady_parameter_is_left_alone():
    for seed in range(5):
        said = ramp(Plant().in_phase(), 0.0, 240, seed)

        assert of_rule(said, "drift.cusum") == of_rule(said, "drift.ewma") == []


def test_a_drift_that_comes_back_is_cleared():
    plant = Plant(known(target=60.0, sigma=0.1)).in_phase()
    said = plant.series(TT, 10, 10, [60.0] * 60 + [60.4] * 60 + [59.95] * 240)

    for rule in ("drift.cusum", "drift.ewma"):
        versions = of_rule(said, rule)
        assert (versions[0].stage, versions[-1].stage) == ("open", "cleared")


def test_a_drift_that_swings_to_the_other_side_is_another_finding():
    plant = Plant(known(target=60.0, sigma=0.1)).in_phase()
    said = plant.series(TT, 10, 10, [60.0] * 60 + [60.4] * 60 + [58.5] * 60)

    told = [(each.stage, each.evidence["side"]) for each in of_rule(said, "drift.ewma")]
    assert set(told) == {("open", "high"), ("cleared", "high"), ("open", "low")}
    assert told.index(("cleared", "high")) < told.index(("open", "low"))


def known(**given: object):
    rules = replace(RULES["R101.TT"], drift=DriftRule(MINUTE, **given))  # type: ignore[arg-type]
    return rulebook(tags={**RULES, "R101.TT": rules})


@pytest.mark.parametrize(
    ("stated", "high", "told"),
    [
        (10_000.0, 13_000.0, "confirmed on 2026-11-02: 5 d 0 h to 9 d 0 h"),
        (10_000.0, None, "confirmed on 2026-11-02: 5 d 0 h or more"),
        (20_000.0, 13_000.0, None),  # of other thresholds
    ],
)
def test_a_finding_tells_what_was_confirmed_of_its_chart(stated, high, told):
    lengths = [ConfirmedRunLength(f"CUSUM k {k}", "2026-11-02", stated, 7200.0, high) for k in (0.5, 0.25)]
    said = ramp(Plant(known(confirmed=tuple(lengths))).in_phase(), 0.02, 150)
    warned = of_rule(said, "drift.cusum")[0]

    assert warned.evidence.get("confirmed") == told
    assert warned.message.endswith(
        f"one false alarm in 6 d 22 h, {told})." if told else "one false alarm in 6 d 22 h)."
    )
    assert "confirmed" not in of_rule(said, "drift.ewma")[0].evidence


def test_what_is_learnt_stays_frozen_for_the_rest_of_the_phase():
    plant = Plant().in_phase()
    said = ramp(plant, 0.02, 150)

    assert len({each.evidence["target"] for each in of_rule(said, "drift.cusum")}) == 1


def test_the_end_of_the_phase_ends_the_drift_and_the_next_one_starts_from_nothing():
    plant = Plant().in_phase()
    ramp(plant, 0.02, 100)
    plant.feed(batch([(STEP, 7000, 0)]))
    said = plant.feed(batch([(1, 7006, 0.1)]))

    assert {(each.rule, each.stage) for each in of_rule(said, "drift.cusum") + of_rule(said, "drift.ewma")} == {
        ("drift.cusum", "cleared"),
        ("drift.ewma", "cleared"),
    }
    plant.in_phase(20, "B-18", 7100)
    assert of_rule(plant.series(TT, 7110, 10, [61.5] * 600), "drift.cusum") == []


def test_bad_samples_are_in_no_mean():
    plant = Plant(known(target=60.0, sigma=0.1)).in_phase()
    rows = [(TT, 10 + 10 * number, 60.0 if number % 2 else 64.0, 0 if number % 2 else BAD) for number in range(600)]
    said = plant.feed(batch(rows))

    assert of_rule(said, "drift.cusum") == of_rule(said, "drift.ewma") == []


def test_windows_without_samples_are_left_out():
    plant = Plant(known(target=60.0, sigma=0.1)).in_phase()
    said = plant.series(TT, 10, 3600, [60.0, 60.0, 60.0, 60.0])

    assert of_rule(said, "drift.cusum") == []


def test_an_autocorrelated_parameter_alarms_rarely():
    """AR(1) of 0.9 between samples of ten seconds; a sigma from differences of windows would alarm all the time."""
    alarms = 0
    for seed in range(10):
        noise = np.random.default_rng(seed).normal(0.0, 0.05, 2400)
        level = np.zeros(2400)
        for number in range(1, 2400):
            level[number] = 0.9 * level[number - 1] + noise[number]
        plant = Plant(known(learn=20)).in_phase()
        rows = [(TT, 10 + 10 * number, 60.0 + float(value)) for number, value in enumerate(level)]
        said = plant.feed(batch(rows))
        alarms += bool(of_rule(said, "drift.cusum"))

    assert alarms <= 3  # of 10 runs of 400 windows each


def test_a_constant_value_has_the_least_sigma_that_matters():
    said = Plant().in_phase().series(TT, 10, 10, [60.0] * 120 + [60.001] * 600)

    assert of_rule(said, "drift.cusum") == []


def test_values_without_sense_are_survived():
    said = Plant().in_phase().series(TT, 10, 30, [1e300, -1e300, 1e308] * 20)

    assert all(math.isfinite(each.evidence["statistic"]) for each in of_rule(said, "drift.cusum"))


def test_a_tag_is_not_charted_in_a_phase_without_ranges_for_it():
    plant = Plant(known(target=60.0, sigma=0.1)).in_phase(90)

    assert plant.series(TT, 10, 10, [90.0] * 600) == []


def test_drift_is_charted_from_when_the_ranges_hold():
    plant = Plant(known(target=20.0, sigma=0.1)).in_phase(30)  # cooling down for ten minutes
    said = plant.series(TT, 10, 10, [60 - 40 * number / 60 for number in range(59)] + [20.0] * 300)

    assert of_rule(said, "drift.cusum") == []


def test_a_second_is_a_second():
    assert at(1) - at(0) == SECOND
