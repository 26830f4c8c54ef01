"""A batch record names its version: the batch pins it, and where it cannot the finding says so."""

from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.entries import BatchEvent
from domain.findings import PhaseRecord
from domain.recipes import Recipe
from domain.rules import Rulebook
from tests.unit.detectors.approvals import approval
from tests.unit.detectors.floor import MASTER, conflicts, event, floor
from tests.unit.detectors.plant import BATCH, PT, R101, STEP, TAGS, Plant, batch, texts

SEVEN, EIGHT = MASTER, replace(MASTER, version=8)


def plant(approved: tuple[Recipe, ...] = (SEVEN, EIGHT), **changed: object) -> Plant:
    """Versions 7 and 8 are approved, and 8 is in force."""
    world = Plant(floor(approval="required", **changed))
    for number, each in enumerate(approved):
        world.feed(approval(each, -100.0 + number))
    return world


def started(recipe: str = "", unit: str = "E1", seconds: float = 0.0) -> list[BatchEvent]:
    begin = event(f"{unit}-b", "batch_start", seconds, unit, "B-17", recipe=recipe)
    return [begin, event(f"{unit}-p", "phase_start", seconds, unit, "B-17", phase="load")]


def judged_by(world: Plant) -> list[tuple[str, str]]:
    """Each run of a phase, and what judges it."""
    runs = {each.instance: each.recipe for each in world.said if isinstance(each, PhaseRecord)}
    return list(runs.items())


def test_without_a_name_the_version_in_force_judges():
    world = plant()
    said = world.feed(*started())

    assert judged_by(world) == [("E1/B-17/load-1", "API-1 v8")]
    assert conflicts(said) == []


def test_a_batch_pins_the_version_that_its_event_names():
    world = plant()
    said = world.feed(*started("API-1 v7"))

    assert judged_by(world) == [("E1/B-17/load-1", "API-1 v7")]
    assert conflicts(said) == []


def test_the_next_batch_is_judged_by_the_version_in_force_again():
    world = plant()
    world.feed(*started("API-1 v7"))
    world.feed(event("b2", "batch_start", 50, "E1", "B-18"), event("p2", "phase_start", 50, "E1", "B-18", phase="load"))

    assert judged_by(world)[-1] == ("E1/B-18/load-1", "API-1 v8")


def test_the_name_goes_with_the_batch_to_its_next_unit():
    world = plant()
    world.feed(*started("API-1 v7"))
    world.feed(event("b2", "batch_start", 50, "E2", "B-17"), event("p2", "phase_start", 50, "E2", "B-17", phase="cool"))
    world.feed(batch([(PT, 60, 0.1)]))

    assert judged_by(world)[-1] == ("E2/B-17/cool-1", "API-1 v7")


def test_a_version_that_nobody_approved_is_said_and_the_usual_one_judges():
    world = plant()
    said = world.feed(*started("API-1 v9"))

    assert judged_by(world) == [("E1/B-17/load-1", "API-1 v8")]
    (message,) = conflicts(said)
    assert message == (
        "E1: event E1-b from floor says that batch B-17 is made by API-1 v9, but no such version is approved; "
        "API-1 v8 judges in its place."
    )


def test_a_name_that_comes_after_the_batch_has_begun_is_said_and_changes_nothing():
    world = plant()
    world.feed(*started())
    said = world.feed(event("late", "batch_start", 10, "E1", "B-17", recipe="API-1 v7"))

    (message,) = conflicts(said)
    assert message == (
        "E1: event late from floor says that batch B-17 is made by API-1 v7, but the batch has begun on E1 by "
        "API-1 v8, which judges it there."
    )


def test_the_same_name_again_is_no_conflict_and_another_one_is():
    world = plant()
    world.feed(*started("API-1 v7"))
    same = world.feed(event("again", "phase_start", 20, "E1", "B-17", phase="wash", recipe="API-1 v7"))
    other = world.feed(event("other", "phase_start", 30, "E1", "B-17", phase="load", recipe="API-1 v8"))

    assert conflicts(same) == []
    assert "event E1-b named API-1 v7 before; that counts" in conflicts(other)[0]
    assert judged_by(world)[-1] == ("E1/B-17/load-2", "API-1 v7")


def test_a_name_that_comes_before_the_batch_settles_by_its_tag_is_pinned():
    world = plant()
    world.feed(event("b", "batch_start", 0, "R101", "B-17", recipe="API-1 v7"))
    world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), batch([(STEP, 60, 30)]), batch([(STEP, 120, 0)]))

    assert judged_by(world)[0] == ("R101/B-17/dose-1", "API-1 v7")


@pytest.mark.parametrize(("told", "judges"), [("API-1 v8", "API-1 v8"), ("", "API-1 v7")])
def test_a_recipe_tag_judges_and_the_event_is_compared_with_it(told, judges):
    own = replace(R101, parameters={"TT": "R101.TT"}, recipe_tag="T201.IN")
    units = {**floor().units, "R101": own}
    world = plant(units=units)
    said = world.feed(event("b", "batch_start", 0, "R101", "B-17", recipe="API-1 v7"))
    if told:
        world.feed(texts([(TAGS_IN, 0, told)]))
    said += world.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), batch([(STEP, 60, 30)]))

    assert judged_by(world)[0] == ("R101/B-17/dose-1", judges)
    assert bool(conflicts(said)) is bool(told)


TAGS_IN = next(tag.id for tag in TAGS if tag.name == "T201.IN")


def test_without_an_approval_a_name_of_another_file_is_said():
    world = Plant(floor())
    said = world.feed(*started("API-1 v8"))

    assert "there is no such file; API-1 v7 judges in its place" in conflicts(said)[0]


def test_what_was_named_stands_in_the_snapshot():
    rules: Rulebook = floor(approval="required")
    world = plant()
    world.feed(event("b", "batch_start", 0, "R101", "B-17", recipe="API-1 v7"))
    again = Bank(rules, TAGS)
    again.restore(world.detector.snapshot())
    resumed = Plant(rules, again)
    resumed.position = world.position
    resumed.feed(texts([(BATCH, 0, "B-17")]), batch([(STEP, 0, 20)]), batch([(STEP, 60, 30)]))

    assert judged_by(resumed)[0] == ("R101/B-17/dose-1", "API-1 v7")
