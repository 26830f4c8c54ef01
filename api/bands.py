"""Which ranges hold on a tag during a run of a phase."""

from collections.abc import Iterable, Iterator

from api.shapes import Shape, limits_shape
from api.times import TimeForm
from domain.findings import PhaseRecord
from domain.recipes import Recipe
from domain.rules import Rulebook


def recipe_of(recipes: Iterable[Recipe], phase: PhaseRecord) -> Recipe | None:
    """The recipe that a phase ran under (`API-1 v7`), if its version is at hand: another one judged otherwise."""
    for recipe in recipes:
        if phase.recipe in (f"{recipe.product} v{recipe.version}", recipe.product):
            return recipe
    return None


def bands_of(
    rulebook: Rulebook, tag: str, phase: PhaseRecord, form: TimeForm, recipes: Iterable[Recipe] | None = None
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
        }
