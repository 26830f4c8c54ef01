"""Batch and phase from tags that change seconds apart."""

from dataclasses import replace

import pytest

from detectors.bank import Bank
from detectors.context.context import MOST_HELD_ROWS, as_text
from domain.equipment import UnitModel
from domain.errors import Refused
from domain.findings import PhaseRecord, Recheck
from tests.unit.detectors.plant import (
    BAD,
    BATCH,
    PT,
    R101,
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
    texts,
)


def phases(said):
    """Phase records as (instance, start, end), in seconds."""
    return [
        (
            each.instance,
            (each.start_ns - at(0)) / SECOND,
            None if each.end_ns is None else (each.end_ns - at(0)) / SECOND,
        )
        for each in said
        if isinstance(each, PhaseRecord)
    ]


def tick(seconds: float):
    return batch([(PT, seconds, 0.1)])


def test_a_phase_begins_once_it_has_settled_and_at_its_own_time():
    plant = Plant()
    early = plant.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 2, 20)]), tick(5))
    late = plant.feed(tick(5.1))

    assert phases(early) == []
    assert phases(late) == [("R101/B-17/dose-1", 2, None)]
    assert [each.recipe for each in late if isinstance(each, PhaseRecord)] == ["API-1 v7"]


def test_a_batch_that_is_named_after_its_phase_began_owns_the_phase():
    said = Plant().feed(batch([(STEP, 0, 20)]), texts([(BATCH, 3, "B-17")]), tick(6))

    assert phases(said) == [("R101/B-17/dose-1", 0, None)]


def test_a_batch_named_later_than_the_settling_begins_a_run_of_its_own():
    said = Plant().feed(batch([(STEP, 0, 20)]), tick(6), texts([(BATCH, 10, "B-17")]), tick(16))

    assert phases(said) == [("R101//dose-1", 0, None), ("R101//dose-1", 0, 10), ("R101/B-17/dose-1", 10, None)]


def test_the_next_batch_named_before_its_first_phase_does_not_cut_the_last_one():
    plant = Plant().in_phase(30, "B-1")
    said = plant.feed(texts([(BATCH, 100, "B-2")]), batch([(STEP, 103, 10)]), tick(110))

    assert phases(said) == [("R101/B-1/cool-1", 0, 103), ("R101/B-2/charge-1", 103, None)]


def test_a_phase_that_comes_again_counts_on():
    plant = Plant().in_phase(20)
    said = plant.feed(batch([(STEP, 20, 30)]), tick(30), batch([(STEP, 40, 20)]), tick(50))

    assert phases(said)[-1] == ("R101/B-17/dose-2", 40, None)


@pytest.mark.parametrize("again", [20, 30])
def test_a_moment_of_idleness_within_the_settling_does_not_count(again):
    plant = Plant().in_phase(20)
    said = plant.feed(batch([(STEP, 20, 0)]), batch([(STEP, 21, again)]), tick(30))

    expected = [] if again == 20 else [("R101/B-17/dose-1", 0, 21), ("R101/B-17/cool-1", 21, None)]
    assert phases(said) == expected


def test_two_phases_within_the_settling_are_both_recorded():
    plant = Plant().in_phase(10)
    said = plant.feed(batch([(STEP, 20, 20)]), batch([(STEP, 23, 30)]), tick(30))

    assert phases(said) == [
        ("R101/B-17/charge-1", 0, 20),
        ("R101/B-17/dose-1", 20, None),
        ("R101/B-17/dose-1", 20, 23),
        ("R101/B-17/cool-1", 23, None),
    ]


def test_a_value_that_the_map_does_not_know_is_idle():
    said = Plant().in_phase(20).feed(batch([(STEP, 20, 77)]), tick(30))

    assert phases(said) == [("R101/B-17/dose-1", 0, 20)]


def test_without_a_map_the_value_itself_is_the_phase():
    unit = replace(R101, phase_map={})
    said = Plant(rulebook(units={"R101": unit})).feed(texts([(STEP, 0, "dose"), (BATCH, 0, "B-17")]), tick(6))

    assert phases(said) == [("R101/B-17/dose-1", 0, None)]


def test_a_batch_may_be_a_number():
    said = Plant().feed(batch([(BATCH, 0, 17.0), (STEP, 0, 20)]), tick(6))

    assert phases(said) == [("R101/17/dose-1", 0, None)]


def test_bad_and_absent_values_change_no_context():
    plant = Plant().in_phase(20)
    said = plant.feed(
        batch([(STEP, 20, 0, BAD)]), batch([(STEP, 21, float("nan"))]), texts([(BATCH, 22, None)]), tick(30)
    )

    assert phases(said) == []


def test_silence_settles_a_change_by_the_heartbeats():
    plant = Plant().in_phase(20)
    plant.feed(batch([(STEP, 100, 0)]))
    plant.beat(1000)
    assert phases(plant.said)[-1][2] is None

    plant.beat(1006)

    assert phases(plant.said)[-1] == ("R101/B-17/dose-1", 0, 100)


def test_an_older_backlog_is_not_settled_by_a_single_late_heartbeat():
    """After an outage the heartbeats are far ahead of the rows: only time between heartbeats counts."""
    plant = Plant()
    plant.feed(batch([(STEP, 0, 20)]))
    plant.beat(3600)
    plant.feed(texts([(BATCH, 2, "B-17")]), tick(6))

    assert phases(plant.said) == [("R101/B-17/dose-1", 0, None)]


def test_the_recipe_is_the_one_that_stands_when_the_batch_begins():
    other = replace(RECIPE, product="API-2", version=3)
    unit = replace(R101, recipe_tag="T7.LT")
    rules = rulebook(recipes={"API-1": RECIPE, "API-2": other}, units={"R101": unit})
    plant = Plant(rules)
    recipe_tag = 6
    plant.feed(texts([(recipe_tag, 0, "API-2"), (BATCH, 0, "B-17")]), batch([(STEP, 0, 10)]), tick(6))
    plant.feed(texts([(recipe_tag, 10, "API-1")]), batch([(STEP, 20, 20)]), tick(26))

    assert {each.recipe for each in plant.said if isinstance(each, PhaseRecord)} == {"API-2 v3"}


def test_several_recipes_and_none_named_is_no_recipe():
    rules = rulebook(recipes={"API-1": RECIPE, "API-2": replace(RECIPE, product="API-2")})
    plant = Plant(rules).in_phase(20)

    assert [each.recipe for each in plant.said if isinstance(each, PhaseRecord)] == [""]
    assert plant.samples((TT, 10, 60.0), (TT, 11, 90.0)) == []


def test_a_unit_without_a_batch_tag_has_runs_without_a_batch():
    unit = replace(R101, batch_tag=None)
    plant = Plant(rulebook(units={"R101": unit})).in_phase(20)

    assert phases(plant.said) == [("R101//dose-1", 0, None)]
    assert [each.rule for each in plant.samples((TT, 10, 60.0), (TT, 11, 63.0))] == ["excursion.nor.high"]


def test_rows_wait_for_the_settling_and_are_judged_in_their_own_phase():
    plant = Plant().in_phase(10)
    plant.samples((TT, 10, 20.0))
    waiting = plant.feed(batch([(STEP, 20, 20)]), batch([(TT, 21, 66.0)]))
    assert of_rule(waiting, "excursion.validated.high") == []

    (found,) = of_rule(plant.feed(tick(26)), "excursion.validated.high")

    assert (found.phase, found.onset_ns) == ("dose", at(21))


def test_what_waits_is_bounded():
    plant = Plant().in_phase(10)
    plant.feed(batch([(STEP, 20, 20)]))
    rows = [(TT, 20 + number / 10_000, 60.0) for number in range(MOST_HELD_ROWS)]
    assert phases(plant.feed(batch(rows))) == []

    said = plant.feed(batch([(TT, 22.5, 60.0)]))

    assert phases(said)[-1] == ("R101/B-17/dose-1", 20, None)


def test_rows_that_came_before_a_change_but_lie_behind_it_are_to_be_judged_again():
    plant = Plant().in_phase(10)
    plant.samples((TT, 10, 20.0), (TT, 21, 20.0))
    plant.feed(batch([(STEP, 20, 20)]), tick(26))
    plant.beat(30)

    assert Recheck(TT, at(20), at(21)) in plant.said


def test_a_parameter_of_two_units_is_refused_by_name():
    units = {"R101": R101, "R102": UnitModel("R102", {"TT": "R101.TT"})}

    with pytest.raises(Refused, match=r"'R101.TT' is a parameter of both 'R101' and 'R102'"):
        Bank(rulebook(units=units), TAGS)


def test_two_units_may_share_a_batch_tag():
    other = replace(R101, name="R102", parameters={"LT": "T7.LT"}, settle_ns=20 * SECOND)
    plant = Plant(rulebook(units={"R101": R101, "R102": other}))
    said = plant.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), tick(6), batch([(6, 21, 5.0)]))

    assert [each[0] for each in phases(said)] == ["R101/B-17/dose-1", "R102/B-17/dose-1"]


@pytest.mark.parametrize(("value", "text"), [(10.0, "10"), (-1.0, "-1"), (10.5, "10.5"), (1e15, "1000000000000000")])
def test_a_number_reads_as_configurations_write_it(value, text):
    assert as_text(value) == text
