"""Approvals of ranges for tests: a version of the plant's recipe, by two people."""

from dataclasses import replace

from domain.approvals import studies_of
from domain.entries import RecipeApproved
from domain.recipe_content import canonical, hash_of
from domain.recipes import Recipe
from tests.unit.detectors.plant import RECIPE, at


def version_of(number: int, **phases: object) -> Recipe:
    """The plant's recipe as another version; a phase that is named stands in place of its own."""
    return replace(RECIPE, version=number, phases={**RECIPE.phases, **phases})  # type: ignore[arg-type]


def approval(
    recipe: Recipe = RECIPE, seconds: float = -100.0, valid_from: float | None = None, **changed: object
) -> RecipeApproved:
    """An approval at a time, valid from then on unless a later time is told (seconds after T0)."""
    content = canonical(recipe)
    made = RecipeApproved(
        id=f"approval-{recipe.version}-{seconds:g}",
        at_ns=at(seconds),
        product=recipe.product,
        version=recipe.version,
        change=recipe.change,
        study=studies_of(recipe),
        valid_from_ns=at(seconds if valid_from is None else valid_from),
        proposal=f"proposal-{recipe.version}",
        proposer="Ada",
        approver="Grace",
        reason="as in the validation report",
        content=content,
        hash=hash_of(content),
    )
    return replace(made, **changed)  # type: ignore[arg-type]
