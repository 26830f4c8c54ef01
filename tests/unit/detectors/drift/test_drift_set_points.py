"""Drift about a set point that moves: charted is the deviation, each reading less the set point at its own time."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.bank import Bank
from detectors.snapshots import pack, unpack
from domain.findings import Finding
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.rules import DriftRule
from tests.checks.detector import CHECKS, maker
from tests.unit.detectors.plant import (
    BAD,
    LT,
    MINUTE,
    R101,
    RECIPE,
    RULES,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
)
from tests.unit.detectors.streams import stream

SP = LT  # the tag of the set point: T7.LT, as R101's TSP
Row = tuple[int, float, float, int]
GIVEN = DriftRule(MINUTE, target=0.0, sigma=0.05)
LEARNT = DriftRule(MINUTE, learn=20)
NOR, VALIDATED = RangeKind.NOR, RangeKind.VALIDATED


def plant(rule: DriftRule, absolute: dict[RangeKind, Limits] | None = None) -> Plant:
    around = ParameterRanges(
        "TT", "degC", "", absolute or {}, 0, "VR-12", "TSP", {NOR: Limits(-2.0, 2.0), VALIDATED: Limits(-5.0, 5.0)}
    )
    recipe = Recipe("API-1", 7, "CR-1", {**RECIPE.phases, "dose": Phase("dose", {"TT": around})})
    unit = replace(R101, parameters={**R101.parameters, "TSP": "T7.LT"})
    tags = {"R101.TT": replace(RULES["R101.TT"], drift=rule)}
    made = Plant(rulebook(recipes={"API-1": recipe}, units={"R101": unit}, tags=tags)).idle()
    made.samples((SP, -1, 60.0))
    return made.in_phase()


def noise(count: int, seed: int = 3) -> list[float]:
    return np.random.default_rng(seed).normal(0.0, 0.05 * np.sqrt(6), count).tolist()


def moving(count: int = 1440, per_minute: float = 0.0) -> list[Row]:
    """A set point that goes 60, 68, 55, by steps; the parameter is at it, and from an hour on rises against it."""
    rows: list[Row] = []
    for number, off in enumerate(noise(count)):
        time = 10.0 + 10.0 * number
        set_point = (60.0, 68.0, 55.0)[number // 330 % 3]
        if number % 330 == 0:
            rows.append((SP, time - 3.0, set_point, 0))
        rows.append((TT, time, set_point + off + per_minute * max(0.0, time / 60.0 - 60.0), 0))
    return rows


def drifts(said: object) -> list[Finding]:
    return [each for rule in ("drift.cusum", "drift.ewma") for each in of_rule(said, rule)]  # type: ignore[arg-type]


@pytest.mark.parametrize("rule", [GIVEN, LEARNT], ids=["given", "learnt"])
@pytest.mark.parametrize("absolute", [{}, {VALIDATED: Limits(40.0, 80.0)}], ids=["only relative", "both"])
def test_a_set_point_that_moves_is_no_drift(rule, absolute):
    assert drifts(plant(rule, absolute).feed(batch(moving()))) == []


@pytest.mark.parametrize("rule", [GIVEN, LEARNT], ids=["given", "learnt"])
def test_a_drift_against_the_set_point_is_found_and_meets_the_limit_around_it(rule):
    said = plant(rule).feed(batch(moving(per_minute=0.02)))

    first = next(each for each in drifts(said) if each.version == 1)
    told = [each for each in drifts(said) if each.evidence.get("range") == "nor"][-1]
    assert at(50 * 60) < first.onset_ns < at(80 * 60)
    assert told.evidence["around"] == "set point"
    assert (told.evidence["limit"], told.evidence["range"]) == (2.0, "nor")
    assert at(145 * 60) < told.evidence["forecast_ns"] < at(180 * 60)
    assert abs(told.evidence["target"]) < 0.1
    assert " against its set point for " in told.message
    assert " °C from it; it reaches +2 °C at " in told.message


def test_a_shift_is_told_from_its_usual_deviation():
    shifted = [
        (TT, 10.0 + 10.0 * number, 60.0 + off + 0.4 * (number > 500), 0) for number, off in enumerate(noise(720))
    ]
    said = drifts(plant(GIVEN).feed(batch(shifted)))

    assert any("has been above its usual +0 °C from its set point for " in each.message for each in said)


def test_the_window_is_the_mean_of_what_each_reading_deviates_by():
    """The set point steps in the middle of a window, and a Bad reading and a Bad set point prove nothing."""
    made = plant(GIVEN)
    rows = [(TT, 10, 60.0, 0), (TT, 70, 61.0, 0), (SP, 90, 65.0, 0), (TT, 95, 66.5, 0), (TT, 100, 9.0, BAD)]
    rows += [(SP, 105, 0.0, BAD), (TT, 110, 3.0, 0), (SP, 115, 65.0, 0), (TT, 117, 65.5, 0), (TT, 130, 65.0, 0)]
    made.feed(batch(rows))

    assert window_means(made) == [0.0, pytest.approx((1.0 + 1.5 + 0.5) / 3)]


def window_means(made: Plant) -> list[float]:
    told, arrays = unpack(made.detector.snapshot())
    assert told["parts"]["drifts"] is not None
    count = int(arrays["drifts/charts/windows"][1])
    ring = arrays["drifts/charts/mean"][1]
    return [float(ring[number % len(ring)]) for number in range(max(count - len(ring), 0), count)]


def test_a_set_point_that_is_not_known_charts_nothing():
    made = plant(GIVEN)
    made.samples((SP, 5, float("nan")))
    made.feed(batch([(TT, 10.0 + 10.0 * number, 70.0, 0) for number in range(100)]))

    assert window_means(made) == []


LATE = [(TT, 10, 60.0, 0), (TT, 70, 61.0, 0), (TT, 100, 66.0, 0), (SP, 95, 65.0, 0), (TT, 110, 65.5, 0)]


def test_a_set_point_that_steps_before_a_reading_that_came_first_spoils_the_window():
    made = plant(GIVEN)
    made.feed(batch([*LATE, (TT, 130, 65.25, 0), (TT, 190, 65.0, 0)]))

    assert window_means(made) == [0.0, pytest.approx(0.25)]


def test_one_that_steps_when_the_reading_was_taken_counts_from_the_next_on():
    made = plant(GIVEN)
    made.feed(batch([(TT, 10, 60.0, 0), (TT, 70, 60.0, 0), (SP, 70, 65.0, 0), (TT, 80, 65.5, 0), (TT, 130, 65.0, 0)]))

    assert window_means(made) == [0.0, pytest.approx(0.25)]


@pytest.mark.parametrize("cut", range(1, 7))
def test_neither_a_restart_nor_the_batching_shows_where_a_window_is_spoilt(cut):
    rows = [*LATE, (TT, 130, 65.25, 0), (TT, 190, 65.0, 0)]
    made = plant(GIVEN)
    made.feed(batch(rows[:cut]))
    made = made.restarted()
    made.feed(batch(rows[cut:]))

    assert window_means(made) == [0.0, pytest.approx(0.25)]


def test_a_restart_at_each_entry_changes_nothing():
    rows = moving(960, per_minute=0.03)

    def judged(*, restarts: bool) -> list[Finding]:
        made = plant(LEARNT)
        said: list[Finding] = []
        for begin in range(0, len(rows), 67):
            made = made.restarted() if restarts else made
            said += drifts(made.feed(batch(rows[begin : begin + 67])))
        return said

    assert judged(restarts=True) == judged(restarts=False) != []


def runs(made: Plant, levels: list[float], per_minute: float = 0.0) -> list[Finding]:
    """Runs of the phase, an hour each, at a set point of its own each; the last may rise."""
    said: list[Finding] = []
    for number, level in enumerate(levels):
        start = 4000.0 * number
        made.feed(batch([(STEP, start - 20, 0), (SP, start - 10, level)]))
        made.in_phase(name=f"B-{number}", seconds=start)
        rate = per_minute if number == len(levels) - 1 else 0.0
        rows = [
            (TT, start + 10.0 + 10.0 * place, level + off + rate * place / 6, 0)
            for place, off in enumerate(noise(360, seed=number))
        ]
        said += drifts(made.feed(batch(rows)))
    return said


LEVELS = [60.0, 64.0, 50.0, 71.0]


def test_batches_at_different_set_points_make_one_baseline_of_deviations():
    rule = replace(LEARNT, batches=3)

    assert runs(plant(rule), LEVELS) == []
    found = runs(plant(rule), LEVELS, per_minute=0.02)
    assert found
    assert str(found[0].evidence["baseline"]).startswith("API-1 v7 dose: 3 batches, B-0 to B-2")
    assert found[0].evidence["sigma"] < 0.1


def test_a_run_that_was_charted_by_its_reading_goes_on_so_until_it_ends():
    """A state of the time before deviations: what it learnt is of readings, and judges no deviation."""
    made = plant(replace(LEARNT, batches=3), {VALIDATED: Limits(40.0, 80.0)})
    runs(made, LEVELS)
    told, arrays = unpack(made.detector.snapshot())
    (drifts_of_tag,) = told["parts"]["drifts"]
    assert [each.pop() for each in drifts_of_tag[-1]] == [True]
    del arrays["drifts/deviates"], arrays["drifts/spoilt_ns"]
    other = made.restarted()
    other.detector.restore(pack(told, arrays))

    other.feed(batch([(TT, 15600 + 10 * number, 71.0, 0) for number in range(20)]))
    assert window_means(other)[-2:] == [71.0, 71.0]
    other.in_phase(seconds=16000, name="B-9").feed(batch([(TT, 16010 + 10 * number, 71.0, 0) for number in range(20)]))
    assert window_means(other) == [0.0, 0.0, 0.0]
    ((*_, kept),) = unpack(other.detector.snapshot())[0]["parts"]["drifts"]
    assert [each[-1] for each in kept] == [False]


RESTLESS = plant(LEARNT).rules


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("seed", range(8))
def test_every_check_of_the_port_holds(check, seed):
    check(maker(Bank, RESTLESS, TAGS), stream(seed), seed)
