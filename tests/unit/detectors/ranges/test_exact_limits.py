"""Exact rules at their edges: the limit itself, the last bit, gaps at both ends, clocks that step, changes of the rules."""

import math
from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.entries import Gap, GapCause
from domain.findings import Stage
from domain.recipes import Limits, ParameterRanges, RangeKind
from tests.unit.detectors.plant import (
    LT,
    PT,
    RECIPE,
    SECOND,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    of_rule,
    rulebook,
)

NOR = "excursion.nor.high"


@pytest.mark.parametrize(
    ("value", "is_outside"),
    [(9.0, False), (math.nextafter(9.0, 10), True), (math.nextafter(9.0, 0), False)],
)
def test_a_limit_is_inside_and_the_next_number_beyond_is_outside(value: float, is_outside: bool):
    plant = Plant()

    said = plant.samples((LT, 0, 5.0), (LT, 10, value), (LT, 20, 5.0))

    assert bool(of_rule(said, "fixed.high")) is is_outside


@pytest.mark.parametrize(
    ("value", "is_outside"),
    [(1.0, False), (math.nextafter(1.0, 0), True), (math.nextafter(1.0, 2), False)],
)
def test_so_is_a_low_limit(value: float, is_outside: bool):
    plant = Plant()

    said = plant.samples((LT, 0, 5.0), (LT, 10, value), (LT, 20, 5.0))

    assert bool(of_rule(said, "fixed.low")) is is_outside


def test_a_gap_at_the_onset_bounds_it_below():
    plant = Plant()
    plant.feed(Gap("g", "train1", LT, at(10), at(40), GapCause.DISCONNECT))

    ended = plant.samples((LT, 0, 8.0), (LT, 50, 10.0), (LT, 60, 8.0))[-1]

    assert (ended.onset_ns, ended.end_ns) == (at(50), at(55))
    assert (ended.evidence["dur_min_ns"], ended.evidence["dur_max_ns"]) == (5 * SECOND, 45 * SECOND)


def test_a_gap_at_the_end_bounds_it_above():
    plant = Plant()
    plant.feed(Gap("g", "train1", LT, at(60), at(90), GapCause.DISCONNECT))

    ended = plant.samples((LT, 0, 8.0), (LT, 10, 10.0), (LT, 50, 10.0), (LT, 100, 8.0))[-1]

    assert ended.end_ns == at(100)
    assert (ended.evidence["dur_min_ns"], ended.evidence["dur_max_ns"]) == (55 * SECOND, 95 * SECOND)


def test_gaps_at_both_ends_leave_what_is_proven_between():
    plant = Plant()
    plant.feed(Gap("a", "train1", LT, at(10), at(20), GapCause.DISCONNECT))
    plant.feed(Gap("b", "train1", LT, at(40), at(50), GapCause.DISCONNECT))

    ended = plant.samples((LT, 0, 8.0), (LT, 25, 10.0), (LT, 35, 10.0), (LT, 60, 8.0))[-1]

    assert (ended.evidence["dur_min_ns"], ended.evidence["dur_max_ns"]) == (15 * SECOND, 50 * SECOND)


def test_a_restart_in_an_excursion_changes_nothing():
    whole = Plant()
    rows = [(LT, 0, 8.0), (LT, 10, 10.0), (LT, 20, 12.0), (LT, 30, 11.0), (LT, 40, 8.0)]
    straight = whole.samples(*rows)
    for stop in range(len(rows) + 1):
        plant = Plant()
        before = plant.samples(*rows[:stop])

        assert before + plant.restarted().samples(*rows[stop:]) == straight


def test_a_clock_that_is_set_back_repeats_nothing_and_one_that_is_set_ahead_bounds_nothing():
    plant = Plant()
    plant.samples((LT, 0, 8.0), (LT, 100, 10.0))

    back = plant.samples((LT, 50, 8.0), (LT, 60, 8.0))
    ahead = of_rule(plant.samples((LT, 3700, 10.0), (LT, 3710, 8.0)), "fixed.high")[-1]

    assert back == []  # behind the newest: late rows, for a recheck
    assert (ahead.onset_ns, ahead.end_ns) == (at(50), at(3705))


def test_the_hour_that_the_wall_clock_repeats_is_an_hour_of_utc():
    plant = Plant()  # 2025-10-26T00:30Z is 02:30 in Berlin, and an hour later it is 02:30 again
    plant.samples((LT, 0, 8.0), (LT, 10, 10.0), (LT, 3610, 10.0))

    ended = of_rule(plant.samples((LT, 3620, 8.0)), "fixed.high")[-1]

    assert ended.evidence["dur_min_ns"] == ended.evidence["dur_max_ns"] == 3610 * SECOND


def test_a_version_of_the_recipe_that_comes_in_mid_batch_ends_what_the_old_one_judged():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 63.0))
    wider = {"TT": ParameterRanges("TT", "degC", "", {RangeKind.NOR: Limits(58.0, 64.0)})}
    dose = replace(RECIPE.phases["dose"], parameters=wider, duration=None)
    recipe = replace(RECIPE, version=8, phases={**RECIPE.phases, "dose": dose})
    rules = rulebook(recipes={"API-1": recipe}, hash="another")
    changed = Bank(rules, TAGS)
    changed.carry_over(plant.detector.snapshot())
    other = Plant(rules, changed)
    other.position = plant.position

    said = other.samples((TT, 30, 63.0), (TT, 40, 64.5))

    assert [(each.rule, each.ranges_version) for each in said if each.stage is Stage.OPEN] == [
        (NOR, "API-1 v8 (not approved)")
    ]


def test_two_parameters_outside_nor_at_once_end_with_the_phase():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 63.0), (PT, 21, 0.6))
    assert [each.stage for each in of_rule(plant.said, "outside_nor")] == [Stage.OPEN]

    plant.feed(batch([(STEP, 30, 90)]), batch([(PT, 40, 0.1)]))

    assert [each.stage for each in of_rule(plant.said, "outside_nor")] == [Stage.OPEN, Stage.CLEARED]


def test_parameters_outside_nor_one_after_the_other_in_two_phases_are_not_at_once():
    plant = Plant().in_phase()
    plant.samples((TT, 10, 60.0), (TT, 20, 63.0))
    plant.feed(batch([(STEP, 30, 10)]), batch([(PT, 40, 0.7)]))
    plant.samples((PT, 50, 0.8))

    assert of_rule(plant.said, "outside_nor") == []


def open_plant(limits: Limits) -> Plant:
    parameter = ParameterRanges("TT", "degC", "", {RangeKind.NOR: limits})
    dose = replace(RECIPE.phases["dose"], parameters={"TT": parameter})
    recipe = replace(RECIPE, phases={**RECIPE.phases, "dose": dose})
    return Plant(rulebook(recipes={"API-1": recipe})).in_phase()


@pytest.mark.parametrize("limit", [0.5, 0.0, -0.25, 350.0])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("is_open", [False, True])
def test_an_open_end_is_outside_and_the_next_number_within_is_inside(limit: float, sign: int, is_open: bool):
    """At the limit exactly, and one bit to either side of it."""
    ends = (None, limit, False, is_open) if sign > 0 else (limit, None, is_open, False)
    rule = "excursion.nor.high" if sign > 0 else "excursion.nor.low"
    inward, outward = (math.nextafter(limit, -sign * math.inf), math.nextafter(limit, sign * math.inf))
    said = {}
    for value in (inward, limit, outward):
        plant = open_plant(Limits(*ends))
        inside = limit - sign * 10.0
        said[value] = bool(of_rule(plant.samples((TT, 10, inside), (TT, 20, value), (TT, 30, inside)), rule))

    assert said == {inward: False, limit: is_open, outward: True}


def test_the_words_and_the_evidence_say_the_limit_as_it_is_written():
    plant = open_plant(Limits(None, 0.5, high_open=True))
    opened, ended = of_rule(plant.samples((TT, 10, 0.4), (TT, 20, 0.5), (TT, 30, 0.4)), NOR)

    assert opened.message == "R101.TT is 0.5 °C, not below the normal 0.5 °C, in phase dose of batch B-17."
    assert (opened.evidence["limit"], opened.evidence["excludes_limit"], opened.onset_ns) == (0.5, 1, at(20))
    assert (ended.version, ended.end_ns) == (2, at(20))


def test_an_excursion_over_an_open_end_survives_a_restart():
    plant = open_plant(Limits(0.2, None, low_open=True))
    (opened,) = of_rule(plant.samples((TT, 10, 0.4), (TT, 20, 0.2)), "excursion.nor.low")
    (ended,) = of_rule(plant.restarted().samples((TT, 30, 0.4)), "excursion.nor.low")

    assert (ended.id, ended.evidence["limit"]) == (opened.id, 0.2)


def test_ends_nest_only_where_every_number_inside_is_inside():
    wide = Limits(1.0, 2.0, low_open=True, high_open=True)

    assert wide.nests_in(Limits(1.0, 2.0))
    assert wide.nests_in(wide)
    assert not Limits(1.0, 2.0).nests_in(wide)
    assert not Limits(1.5, 2.0, low_open=True).nests_in(wide)
