"""The GMP start point: what lies before it says so, and alarms nobody unless that is configured."""

from dataclasses import replace

import pytest

from alarms.defaults import step_for
from domain.findings import Finding
from domain.recipes import Operation, Parallel, Recipe, Step, UnitProcedure, before_gmp
from domain.rules import AlarmRule, Priority, TagRules
from tests.unit.detectors.plant import RECIPE, TT, Plant, of_rule, rulebook

MAKE = UnitProcedure("make", (Operation("begin", ("charge",)), Operation("react", ("dose", "cool"))))
DISSOLVE = UnitProcedure("dissolve", (Operation("dissolve", ("wet", "stir")),))
DRY = UnitProcedure("dry", (Operation("dry", ("load", "dry")),))


def recipe(*steps: Step, start: str = "dose") -> Recipe:
    return replace(RECIPE, gmp_start=start, procedure=steps)


@pytest.mark.parametrize(
    ("steps", "start", "before"),
    [
        ((MAKE, DRY), "dose", {"charge"}),
        ((MAKE, DRY), "charge", set()),
        ((DISSOLVE, MAKE, DRY), "dose", {"wet", "stir", "charge"}),
        ((Parallel(((DISSOLVE,), (MAKE,))), DRY), "dose", {"charge"}),
        ((Parallel(((DISSOLVE,), (MAKE,))), DRY), "load", {"wet", "stir", "charge", "dose", "cool"}),
        ((DISSOLVE, Parallel(((MAKE,), (DRY,)))), "load", {"wet", "stir"}),
        ((DISSOLVE, MAKE, replace(DISSOLVE, name="again")), "dose", {"charge"}),  # wet comes again behind the start
        ((MAKE, DRY), "", set()),
        ((MAKE, DRY), "gone", set()),
        ((), "dose", set()),
    ],
)
def test_what_lies_wholly_before_the_start_is_before_it(steps: tuple[Step, ...], start: str, before: set[str]):
    assert before_gmp(recipe(*steps, start=start)) == before


def excursion(made_by: Recipe, step: int) -> Finding:
    world = Plant(rulebook(recipes={"API-1": made_by})).in_phase(step)
    (found,) = of_rule(world.samples((TT, 10, 20.0 if step == 10 else 60.0), (TT, 20, 99.0)), "excursion.nor.high")
    return found


@pytest.mark.parametrize(
    ("steps", "step", "gmp"), [((MAKE,), 10, "before"), ((MAKE,), 20, "since"), ((MAKE,), 30, None), ((), 10, None)]
)
def test_the_evidence_says_where_the_phase_lies(steps: tuple[Step, ...], step: int, gmp: str | None):
    made_by = recipe(*steps, start="dose" if steps and step != 30 else "")
    if step == 30:
        made_by = replace(made_by, phases={**made_by.phases, "cool": made_by.phases["dose"]})

    assert excursion(made_by, step).evidence.get("gmp") == gmp


def test_an_excursion_before_the_start_is_an_event_unless_it_is_configured():
    early, late = excursion(recipe(MAKE), 10), excursion(recipe(MAKE), 20)
    own = AlarmRule("high", "excursion.nor.high", Priority.LOW)
    silent = rulebook(tags={})
    told = rulebook(tags={}, before_gmp="alarm")
    by_tag = rulebook(tags={"R101.TT": TagRules("R101.TT", alarms=(own,))})
    priorities = [step_for(rules, early).rule.priority for rules in (silent, told, by_tag)]

    assert priorities == [Priority.EVENT, Priority.MEDIUM, Priority.LOW]
    assert step_for(silent, late).rule.priority is Priority.MEDIUM


def test_what_is_no_range_of_the_recipe_alarms_before_the_start_too():
    fixed = replace(excursion(recipe(MAKE), 10), rule="fixed.high")

    assert step_for(rulebook(tags={}), fixed).rule.priority is Priority.HIGH


def test_a_version_after_a_restart_says_it_too():
    world = Plant(rulebook(recipes={"API-1": recipe(MAKE)})).in_phase(10)
    world.samples((TT, 10, 20.0), (TT, 20, 99.0))
    other = world.restarted()
    found = of_rule(other.samples((TT, 30, 20.0)), "excursion.nor.high")

    assert [each.evidence["gmp"] for each in found] == ["before"]
