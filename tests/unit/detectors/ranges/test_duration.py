"""Phase durations against their validated limits."""

from dataclasses import replace

import pytest

from domain.entries import Gap, GapCause
from domain.recipes import Limits, RangeKind
from tests.unit.detectors.plant import (
    HOUR,
    PT,
    RECIPE,
    SECOND,
    STEP,
    Plant,
    at,
    batch,
    findings,
    of_rule,
    rulebook,
)

H = HOUR / SECOND


def ended(plant: Plant, seconds: float) -> Plant:
    plant.feed(batch([(STEP, seconds, 0)]), batch([(PT, seconds + 6, 0.1)]))
    return plant


def test_a_phase_that_is_too_long_is_announced_without_new_samples():
    plant = Plant().in_phase()
    assert of_rule(plant.beat(6 * H), "duration.long") == []

    (found,) = of_rule(plant.beat(6 * H + 1e-9), "duration.long")

    assert found.message == "R101 lasts longer than the validated 6 h 00 min, in phase dose of batch B-17."
    assert found.onset_ns == at(6 * H)
    assert found.evidence["study"] == "VR-13"


def test_it_is_said_once_and_cleared_at_the_end():
    plant = Plant().in_phase()
    plant.beat(7 * H)
    plant.beat(8 * H)
    said = ended(plant, 9 * H).said

    versions = of_rule(said, "duration.long")
    assert [(each.stage, each.version) for each in versions] == [("open", 1), ("cleared", 2)]
    assert versions[-1].evidence["lasted_ns"] == 9 * HOUR


def test_a_phase_that_ended_too_long_is_judged_by_its_own_times():
    said = ended(Plant().in_phase(), 6 * H + 1).said

    assert [each.stage for each in of_rule(said, "duration.long")] == ["open", "cleared"]


def test_the_limits_themselves_are_inside():
    for hours in (4, 6):
        said = ended(Plant().idle().in_phase(), hours * H).said
        assert of_rule(said, "duration.long") == of_rule(said, "duration.short") == []


def test_a_phase_that_ends_a_nanosecond_too_soon_is_short():
    (found,) = of_rule(ended(Plant().idle().in_phase(), 4 * H - 1e-9).said, "duration.short")

    assert found.end_ns == at(4 * H - 1e-9)
    assert "below the validated 4 h 00 min" in found.message


def test_a_phase_whose_end_is_still_settling_is_not_announced_as_running():
    plant = Plant().in_phase()
    plant.feed(batch([(STEP, 6 * H - 1, 0)]))

    assert of_rule(plant.beat(6 * H + 1), "duration.long") == []
    assert of_rule(ended(plant, 6 * H - 1).said, "duration.long") == []


def test_a_change_that_settles_too_late_is_announced_before_it_has_settled():
    plant = Plant().in_phase()
    plant.feed(batch([(STEP, 6 * H + 1, 0)]))

    assert len(of_rule(plant.beat(6 * H + 2), "duration.long")) == 1


def test_the_skew_of_the_clocks_delays_the_announcement():
    plant = Plant().in_phase()
    plant.beat(1, skew_ns=-60 * SECOND)

    assert of_rule(plant.beat(6 * H + 59, skew_ns=0), "duration.long") == []
    assert len(of_rule(plant.beat(6 * H + 61), "duration.long")) == 1


def test_a_restart_does_not_forget_what_was_announced():
    plant = Plant().in_phase()
    plant.beat(7 * H)

    assert of_rule(plant.restarted().beat(8 * H), "duration.long") == []


def kinds(**more: Limits) -> Plant:
    """The plant with further ranges of the duration of its dosing."""
    ranges = {RangeKind(kind): limits for kind, limits in more.items()}
    dose = replace(RECIPE.phases["dose"], duration_ranges=ranges)
    recipe = replace(RECIPE, phases={**RECIPE.phases, "dose": dose})
    return Plant(rulebook(recipes={"API-1": recipe}))


def test_every_kind_of_range_is_judged_from_the_inside_out():
    plant = kinds(nor=Limits(None, 5 * HOUR), par=Limits(None, 7 * HOUR)).idle().in_phase()
    said = plant.beat(5 * H + 1) + plant.beat(6 * H + 1) + plant.beat(7 * H + 1)
    ended(plant, 8 * H)

    said = [each for each in said if each.rule.startswith("duration.")]
    assert [each.rule for each in said] == ["duration.nor.long", "duration.long", "duration.par.long"]
    assert said[0].message == "R101 lasts longer than the normal 5 h 00 min, in phase dose of batch B-17."
    assert [each.version for each in of_rule(plant.said, "duration.par.long")] == [1, 2]


def test_an_open_end_of_a_duration_is_outside():
    plant = kinds(nor=Limits(5 * HOUR, 5.5 * HOUR, True, True)).idle().in_phase()
    assert of_rule(plant.beat(5.5 * H - 1e-9), "duration.nor.long") == []
    (long,) = of_rule(plant.beat(5.5 * H), "duration.nor.long")
    short = kinds(nor=Limits(5 * HOUR, None, low_open=True)).idle().in_phase()
    (told,) = of_rule(ended(short, 5 * H).said, "duration.nor.short")

    assert "has lasted no less than the normal 5 h 30 min" in long.message
    assert "not above the normal 5 h 00 min" in told.message


def test_a_phase_that_ran_when_it_was_first_seen_is_not_called_too_short():
    said = ended(Plant().in_phase(), 1 * H).said

    assert of_rule(said, "duration.short") == []
    (told,) = of_rule(said, "duration.indeterminate")
    assert told.message == (
        "R101 lasted at least 1 h 00 min: it was running when it was first seen; "
        "it is not proven inside its validated duration, in phase dose of batch B-17."
    )
    assert (told.evidence["dur_min_ns"], told.evidence["dur_max_ns"]) == (HOUR, None)


def test_it_is_called_too_long_all_the_same():
    assert len(of_rule(ended(Plant().in_phase(), 7 * H).said, "duration.long")) == 2


@pytest.mark.parametrize(
    ("gap", "rule"), [(1.0, "duration.short"), (2.0, "duration.indeterminate"), (2.0 - 1e-9 / H, "duration.short")]
)
def test_a_gap_that_hides_the_start_counts_to_what_it_may_have_lasted(gap, rule):
    """Two hours of it are seen; with two hours of gap before it may have lasted the four that are validated."""
    plant = Plant().idle(-9 * H)
    plant.feed(Gap("g", "train1", None, at(-gap * H), at(0), GapCause.DISCONNECT))
    said = ended(plant.in_phase(), 2 * H).said

    assert [each.rule for each in findings(said) if each.rule.startswith("duration.")] == [rule]


def test_what_was_not_seen_of_a_start_survives_a_restart_before_it_settles():
    plant = Plant()
    plant.feed(batch([(STEP, 0, 20)]))
    plant = plant.restarted()
    plant.feed(batch([(PT, 6, 0.1)]))

    assert of_rule(ended(plant.restarted(), 1 * H).said, "duration.short") == []
