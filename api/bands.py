"""Which ranges hold on a tag during a run of a phase."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from api.dependencies import SetPointStep
from api.shapes import Shape, limits_shape
from api.times import TimeForm
from domain.findings import PhaseRecord
from domain.recipes import ParameterRanges, Ranges, Recipe
from domain.rules import Rulebook

StepsOf = Callable[[str, int, int | None], Sequence[SetPointStep]]
"""The steps of a tag by its name, from a time to another one (None: now); none where nobody knows the tag."""

MOST_STEPS = 10_000
"""Steps of a set point in one band; a band with more is cut, and says so."""


def recipe_of(recipes: Iterable[Recipe], phase: PhaseRecord) -> Recipe | None:
    """The recipe that a phase ran under (`API-1 v7`), if its version is at hand: another one judged otherwise."""
    for recipe in recipes:
        if phase.recipe in (f"{recipe.product} v{recipe.version}", recipe.product):
            return recipe
    return None


def bands_of(
    rulebook: Rulebook,
    tag: str,
    phase: PhaseRecord,
    form: TimeForm,
    recipes: Iterable[Recipe] | None = None,
    steps_of: StepsOf | None = None,
) -> Iterator[Shape]:
    """The bands of a tag in one phase run; they begin where the recipe lets them begin."""
    known = rulebook.recipes.values() if recipes is None else recipes
    recipe, unit = recipe_of(known, phase), rulebook.units.get(phase.unit)
    if recipe is None or unit is None or phase.phase not in recipe.phases:
        return
    for role, ranges in recipe.phases[phase.phase].parameters.items():
        start_ns = phase.start_ns + ranges.after_ns
        if unit.parameters.get(role) != tag or (phase.end_ns is not None and start_ns >= phase.end_ns):
            continue
        yield {
            **form.put(start=start_ns, end=phase.end_ns),
            "unit": phase.unit,
            "batch": phase.batch,
            "phase": phase.phase,
            "recipe": phase.recipe,
            "ranges": limits_shape(ranges.ranges),
            "around": _around(ranges, unit.parameters.get(ranges.set_point), start_ns, phase.end_ns, form, steps_of),
            "open_ends": _open_ends(ranges.ranges),
        }


def _open_ends(ranges: Ranges) -> Shape:
    """Which ends lie outside, by the kind of range; nothing of one with both ends inside."""
    return {kind.value: each.ends for kind, each in ranges.items() if each.ends != "[]"}


def _around(
    ranges: ParameterRanges,
    set_point: str | None,
    start_ns: int,
    end_ns: int | None,
    form: TimeForm,
    steps_of: StepsOf | None,
) -> Shape | None:
    """Ranges around a set point that moves: its steps, and the ranges as differences from it. None: there are none."""
    if not ranges.relative:
        return None
    steps = () if set_point is None or steps_of is None else steps_of(set_point, start_ns, end_ns)
    shown = steps[:MOST_STEPS]
    return {
        "set_point": set_point,
        "ranges": limits_shape(ranges.relative),
        "open_ends": _open_ends(ranges.relative),
        form.key("time"): [form.of(step.time_ns) for step in shown],
        "value": [step.value for step in shown],
        "cut": len(steps) > MOST_STEPS,
    }
