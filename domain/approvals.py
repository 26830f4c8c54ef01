"""Approved versions of ranges: who may make one, and what makes it worth nothing (domain rule 3, ICH Q7)."""

from dataclasses import dataclass

from domain.entries import RecipeApproved
from domain.errors import DamagedFile
from domain.recipe_content import canonical, hash_of, recipe_of
from domain.recipes import Recipe

MAY_CHANGE_RANGES = ("process engineer", "QA")
"""Roles that propose and approve; the two deeds of one version are of two people."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft that somebody put forward; `id` is its own, `hash` its content's."""

    id: str
    at_ns: int
    product: str
    version: int
    change: str
    study: str
    person: str
    reason: str
    content: str
    hash: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of an approval once it had its place in the journal; `error` is why it counts for nothing."""

    approved: RecipeApproved
    error: str = ""


def same_person(one: str, other: str) -> bool:
    """Whether two names are one person's, however they are written."""
    return " ".join(one.casefold().split()) == " ".join(other.casefold().split())


def studies_of(recipe: Recipe) -> str:
    """The studies that stand behind a recipe's ranges, each once, in the order of their names."""
    found = {phase.duration_study for phase in recipe.phases.values()}
    for phase in recipe.phases.values():
        found |= {each.study for each in phase.parameters.values()}
        found |= {each.study for each in phase.rates.values()} | {each.study for each in phase.dwells.values()}
    found |= {each.study for each in recipe.yields.values()}
    return ", ".join(sorted(found - {""}))


def fault_of(entry: RecipeApproved) -> str:
    """Why an approval counts for nothing by itself; empty if it counts."""
    return _fault_of_deed(entry) or _fault_of_content(entry)


def _fault_of_deed(entry: RecipeApproved) -> str:
    if not entry.approver.strip() or not entry.proposer.strip():
        return "nobody stands behind it"
    if same_person(entry.approver, entry.proposer):
        return f"{entry.approver} proposed it: a second person approves"
    if not entry.reason.strip():
        return "it has no reason"
    if not entry.change.strip():
        return "it has no change number"
    return "it would be valid from a time in the past" if entry.valid_from_ns < entry.at_ns else ""


def _fault_of_content(entry: RecipeApproved) -> str:
    if hash_of(entry.content) != entry.hash:
        return "its content is not what was approved: the hash differs"
    try:
        recipe = recipe_of(entry.content)
    except DamagedFile as error:
        return str(error)
    if canonical(recipe) != entry.content:
        return "its content is not in the canonical form"
    told = (entry.product, entry.version, entry.change)
    return "" if (recipe.product, recipe.version, recipe.change) == told else "its content is of another version"
