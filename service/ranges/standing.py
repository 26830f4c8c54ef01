"""How the ranges of a configuration stand, by what the records say was proposed and approved."""

from collections.abc import Sequence

from domain.approvals import Standing, standings
from domain.recipe_content import recipe_of
from domain.recipes import Recipe
from records.database import SqlRecords
from service.config.build import Configuration


def standings_of(configuration: Configuration, records: SqlRecords, now_ns: int) -> list[Standing]:
    """Every product at a time: what judges, what will, what waits, and how its file stands."""
    rules = configuration.rulebook
    return standings(
        rules.recipes,
        records.approved_versions(),
        records.proposals(),
        now_ns,
        required=rules.approval != "off",
        closings=records.closings(),
    )


def judging_recipes(configuration: Configuration, records: SqlRecords) -> Sequence[Recipe]:
    """Every recipe that judges or judged: the approved versions, or what the files say where nobody has to approve."""
    if configuration.rulebook.approval == "off":
        return tuple(configuration.rulebook.recipes.values())
    return [recipe_of(each.content) for each in records.approved_versions()]
