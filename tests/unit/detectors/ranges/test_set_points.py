"""Ranges around a set point that moves: the limits follow it exactly, by its own source time."""

from dataclasses import replace

import numpy as np
import pytest

from domain.findings import Finding, Stage
from domain.recipes import Limits, ParameterRanges, Phase, RangeKind, Recipe
from domain.status import BAD
from tests.checks.detector import CHECKS, maker
from tests.unit.detectors.plant import (
    LT,
    MINUTE,
    R101,
    RECIPE,
    SECOND,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    rulebook,
)
from tests.unit.detectors.streams import stream

HIGH, LOW = "excursion.nor.high", "excursion.nor.low"
SP = LT  # the tag of the set point: T7.LT, as R101's TSP


def around(relative: dict[RangeKind, Limits], absolute: dict[RangeKind, Limits] | None = None, **changed: object):
    made = ParameterRanges("TT", "degC", "", absolute or {}, 0, "VR-12", "TSP", relative)
    return replace(made, **changed)


NOR = {RangeKind.NOR: Limits(-2.0, 2.0)}


def plant(parameter: ParameterRanges | None = None) -> Plant:
    recipe = Recipe("API-1", 7, "CR-1", {**RECIPE.phases, "dose": Phase("dose", {"TT": parameter or around(NOR)})})
    unit = replace(R101, parameters={**R101.parameters, "TSP": "T7.LT"})
    made = Plant(rulebook(recipes={"API-1": recipe}, units={"R101": unit}, tags={}))
    made.samples((SP, -1, 60.0))
    return made.in_phase()


def of(said: list[Finding], rule: str = HIGH) -> list[Finding]:
    return of_rule(said, rule)


def test_a_limit_is_inside_and_the_least_beyond_it_is_not():
    beyond = np.nextafter(62.0, 63.0)

    assert plant().samples((TT, 10, 60.0), (TT, 11, 62.0)) == []
    assert len(of(plant().samples((TT, 10, 60.0), (TT, 11, beyond)))) == 1
    assert len(of(plant().samples((TT, 10, 60.0), (TT, 11, np.nextafter(58.0, 57.0))), LOW)) == 1


def test_onset_end_and_area_are_those_of_the_straight_lines():
    said = of(plant().samples((TT, 10, 61.0), (TT, 20, 63.0), (TT, 30, 63.0), (TT, 40, 61.0)))

    assert (said[0].stage, said[-1].stage) == (Stage.OPEN, Stage.CLEARED)
    assert (said[-1].onset_ns, said[-1].end_ns) == (at(15), at(35))
    assert said[-1].evidence["area"] == pytest.approx((0.5 * 5 + 10 + 0.5 * 5) / 60)


def test_a_step_that_leaves_the_parameter_outside_begins_the_excursion_at_its_own_time():
    """The sample that shows it comes 13 s later; the set point moved at 17."""
    said = of(plant().samples((TT, 10, 61.0), (SP, 17, 57.0), (TT, 30, 61.0), (TT, 50, 57.0)))

    found, ended = said
    assert found.onset_ns == ended.onset_ns == at(17)
    assert ended.end_ns == at(40)
    assert ended.evidence["area"] == pytest.approx((2 * 13 + 0.5 * 2 * 10) / 60)
    assert (found.evidence["value"], found.evidence["set_point"]) == (61.0, 57.0)
    assert found.message == (
        "R101.TT is 61 °C, +4 °C from its set point of 57 °C, above the normal +2 °C, in phase dose of batch B-17."
    )


def test_a_step_that_brings_the_limits_to_the_parameter_ends_it_at_its_own_time():
    said = of(plant().samples((TT, 10, 61.0), (TT, 20, 65.0), (SP, 26, 64.0), (TT, 30, 65.0)))

    assert (said[-1].stage, said[-1].end_ns) == (Stage.CLEARED, at(26))
    assert said[-1].onset_ns == at(12.5)
    assert said[-1].evidence["area"] == pytest.approx((0.5 * 7.5 * 3 + 6 * 3) / 60)


def test_the_side_changes_at_the_step():
    """From 3 above 60 to 3 below 66: high ends and low begins in the same moment."""
    said = plant().samples((TT, 10, 63.0), (SP, 15, 66.0), (TT, 20, 63.0))

    assert of(said)[-1].end_ns == at(15)
    assert of(said, LOW)[0].onset_ns == at(15)


def test_rows_before_the_step_by_their_own_time_are_judged_by_the_set_point_before_it():
    """The set point is heard first; the parameter's rows of before the step come after it."""
    said = of(plant().samples((TT, 10, 61.0), (SP, 20, 57.0), (TT, 15, 61.0), (TT, 19, 61.9), (TT, 21, 58.0)))

    assert [each.onset_ns for each in said[:1]] == [at(20)]
    assert said[-1].stage is Stage.CLEARED


def test_each_of_several_steps_between_two_samples_counts():
    """61 against 62, then 59, then 62 again: outside from 12 to 15, told by the sample at 20."""
    said = of(plant().samples((TT, 10, 61.0), (SP, 12, 57.0), (SP, 15, 60.0), (TT, 20, 61.0)))

    assert [(each.stage, each.onset_ns, each.end_ns) for each in said] == [
        (Stage.OPEN, at(12), None),
        (Stage.CLEARED, at(12), at(15)),
    ]
    assert said[-1].evidence["area"] == pytest.approx(2 * 3 / 60)


def test_a_ramp_of_the_set_point_is_one_excursion():
    found = plant()
    said = of(found.samples((TT, 10, 61.0)))
    for second in range(11, 60):
        said += of(found.samples((SP, second, 60.0 - (second - 10) * 0.1), (TT, second, 61.0)))
    ids = {each.id for each in said}

    assert len(ids) == 1
    assert said[0].onset_ns == at(21)  # the step to 58.9 puts the limit at 60.9


def test_a_set_point_that_is_heard_after_a_later_sample_counts_from_that_sample_on():
    said = of(plant().samples((TT, 10, 61.0), (TT, 20, 61.0), (SP, 15, 57.0), (TT, 25, 61.0)))

    assert said[0].onset_ns == at(20)


def test_a_set_point_at_the_time_of_a_sample_is_its_own():
    said = of(plant().samples((TT, 10, 61.0), (SP, 20, 57.0), (TT, 20, 61.0)))

    assert said[0].onset_ns == at(20)


def test_a_bad_set_point_proves_nothing():
    found = plant()
    found.samples((TT, 10, 63.0))
    found.feed(batch([(SP, 15, 60.0, BAD)]))
    said = found.samples((TT, 20, 63.0), (TT, 30, 63.0), (SP, 40, 60.0), (TT, 50, 61.0))

    ended = of(said)[-1]
    assert ended.stage is Stage.CLEARED
    assert (ended.evidence["dur_min_ns"], ended.evidence["dur_max_ns"]) == (5 * SECOND, 30 * SECOND)


def test_without_a_set_point_nothing_is_judged():
    recipe = Recipe("API-1", 7, "CR-1", {"dose": Phase("dose", {"TT": around(NOR)})})
    unit = replace(R101, parameters={**R101.parameters, "TSP": "T7.LT"})
    found = Plant(rulebook(recipes={"API-1": recipe}, units={"R101": unit}, tags={})).in_phase()

    assert found.samples((TT, 10, 99.0)) == []
    assert of(found.samples((SP, 20, 60.0), (TT, 30, 99.0)))[0].evidence["limit"] == 2.0


def test_a_gap_between_two_samples_hides_when_the_step_led_outside():
    from domain.entries import Gap, GapCause

    found = plant()
    found.samples((TT, 10, 61.0))
    found.feed(Gap("g1", "train1", TT, at(12), at(28), GapCause.OVERFLOW))
    (told,) = of(found.samples((SP, 17, 57.0), (TT, 30, 61.0)))

    assert told.onset_ns == at(30)


def test_relative_and_absolute_ranges_of_one_parameter_are_judged_both():
    both = around(NOR, {RangeKind.VALIDATED: Limits(55.0, 65.0)})
    said = plant(both).samples((TT, 10, 60.0), (TT, 20, 66.0))

    assert sorted(each.rule for each in said) == ["excursion.nor.high", "excursion.validated.high"]


def test_the_range_holds_from_some_minutes_into_the_phase():
    late = around(NOR, after_ns=10 * MINUTE)
    said = of(plant(late).samples((TT, 10, 65.0), (TT, 590, 65.0), (TT, 610, 65.0)))

    assert [each.onset_ns for each in said] == [at(600)]


def test_the_end_of_the_phase_ends_it():
    found = plant()
    found.samples((TT, 10, 65.0))
    found.feed(batch([(2, 20, 30)]))
    ended = of(found.beat(60) + found.beat(120))[-1]

    assert (ended.stage, ended.end_ns) == (Stage.CLEARED, at(20))
    assert ended.message.startswith("R101.TT was above the normal +2 °C from its set point for 10 s, at most +5 °C")


@pytest.mark.parametrize("seed", range(20))
def test_around_a_set_point_that_stands_it_says_what_absolute_ranges_say(seed):
    chance = np.random.default_rng(seed)
    rows = [(TT, 10.0 + number, float(value)) for number, value in enumerate(chance.normal(60.0, 1.5, 200).round(2))]
    absolute = ParameterRanges("TT", "degC", "", {RangeKind.NOR: Limits(58.0, 62.0)}, 0, "VR-12")

    relative_said, absolute_said = plant().samples(*rows), plant(absolute).samples(*rows)

    assert [(each.id.removeprefix("derived/"), each.version, each.stage) for each in relative_said] == [
        (each.id, each.version, each.stage) for each in absolute_said
    ]
    for one, other in zip(relative_said, absolute_said, strict=True):
        assert one.onset_ns == pytest.approx(other.onset_ns, abs=1000)
        assert one.evidence["area"] == pytest.approx(other.evidence["area"], abs=1e-9)
        assert one.evidence["dur_max_ns"] == pytest.approx(other.evidence["dur_max_ns"], abs=2000)


@pytest.mark.parametrize("seed", range(20))
def test_steps_anywhere_give_the_time_and_the_area_of_a_fine_grid(seed):
    """Against a sum over a grid that knows nothing of crossings: time outside and area of all excursions together."""
    chance = np.random.default_rng(seed)
    times = np.arange(10, 200, 5.0)
    values = chance.normal(60.0, 2.5, len(times)).round(2)
    steps = np.sort(chance.uniform(12, 194, 12)).round(3)
    targets = chance.choice([57.0, 60.0, 63.0], len(steps))
    rows = [(TT, time, value) for time, value in zip(times, values, strict=True)]
    rows += [(SP, time, value) for time, value in zip(steps, targets, strict=True)]
    found = plant()
    said = found.samples(*sorted(rows, key=lambda row: row[1]))
    found.feed(batch([(TT, 200, 60.0), (SP, 200, 60.0)]))
    newest = {each.id: each for each in [*said, *findings(found.said)]}

    grid = np.arange(10, 195, 0.001) + 0.0005
    place = np.searchsorted(steps, grid, side="right") - 1
    set_point = np.where(place < 0, 60.0, targets[np.maximum(place, 0)])
    deviation = np.interp(grid, times, values) - set_point
    for rule, sign in ((HIGH, 1), (LOW, -1)):
        over = np.maximum(sign * deviation - 2.0, 0)
        told = [each for each in newest.values() if each.rule == rule and each.onset_ns < at(195)]
        area = sum(float(each.evidence["area"]) for each in told if each.end_ns is not None and each.end_ns <= at(195))
        whole = [each for each in told if each.end_ns is None or each.end_ns > at(195)]
        if not whole:
            assert area * 60 == pytest.approx(float(over.sum()) * 0.001, abs=0.05)
            lasted = sum(each.end_ns - each.onset_ns for each in told if each.end_ns is not None)
            assert lasted / 1e9 == pytest.approx(float((over > 0).sum()) * 0.001, abs=0.05)


def _restless() -> object:
    parameters = {
        "PT": ParameterRanges(
            "PT", "bar", "", {RangeKind.NOR: Limits(None, 0.5)}, 0, "", "TSP", {RangeKind.VALIDATED: Limits(-0.3, 0.3)}
        ),
        "TT": ParameterRanges("TT", "degC", "", {}, 0, "", "PT", {RangeKind.NOR: Limits(20.0, 61.5)}),
    }
    phases = {name: Phase(name, parameters) for name in ("charge", "dose", "cool")}
    unit = replace(R101, parameters={**R101.parameters, "TSP": "T7.LT"})
    return rulebook(recipes={"API-1": Recipe("API-1", 7, "CR-1", phases)}, units={"R101": unit}, holds={})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_it_passes_the_checks_of_every_detector(check, seed):
    from detectors.bank import Bank

    check(maker(Bank, _restless(), TAGS), stream(seed), seed)  # type: ignore[arg-type]


def test_the_streams_make_it_speak():
    from detectors.bank import Bank

    said = []
    for seed in range(12):
        detector = maker(Bank, _restless(), TAGS)()  # type: ignore[arg-type]
        for number, entry in enumerate(stream(seed), start=1):
            said += findings(detector.update(number, entry))  # type: ignore[arg-type]

    told = {(each.rule, each.subject) for each in said if each.evidence.get("around")}
    assert {("excursion.validated.high", "R101.PT"), ("excursion.validated.low", "R101.PT"), (HIGH, "R101.TT")} <= told
