"""The versions of each product's ranges, and which of them judges: pinned when a batch starts, and never changed later.

Without an approval (`approval: off`) files judge as they are. With one, only what a second person approved judges: of
the versions that are valid at the batch's start by its source time, the one that became valid last.
"""

import re
from dataclasses import asdict, astuple, dataclass

from detectors.cases import Json
from domain.approvals import CLOSING, Closing, Decision, fault_of
from domain.entries import PersonAction, RecipeApproved
from domain.equipment import UnitModel
from domain.recipe_content import recipe_of
from domain.recipes import Recipe
from domain.rules import Rulebook

MOST_NAMINGS = 1_024
"""Batches whose version an event named; the oldest are forgotten beyond that."""

_NAMED = re.compile(r"(.*\S)\s+v(\d+)")


@dataclass(frozen=True, slots=True)
class Version:
    """An approved version."""

    approved: RecipeApproved
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Naming:
    """An event named the recipe that a batch is made by."""

    text: str  # "API-1 v7"
    event: str
    source: str


class Versions:
    """What may judge: the rulebook's files, or what was approved; a fold of approvals, rejections and withdrawals."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._drafts = rulebook.recipes
        self.required = rulebook.approval != "off"
        self._approved: dict[str, list[Version]] = {}  # by product, in the order in which they came
        self._closed: dict[str, tuple[str, str]] = {}  # proposals that nobody can approve: what they are, and by whom
        self._namings: dict[str, Naming] = {}  # by batch

    def take(self, entry: RecipeApproved) -> Decision:
        """Add a version; the same approval twice is one. What counts for nothing is told with the reason."""
        error = fault_of(entry) or self._clash(entry)
        if not error:
            self._add(entry)
        return Decision(entry, error)

    def close(self, action: PersonAction) -> Closing:
        """Let nobody approve a proposal any more. After its approval, or a second time, that counts for nothing."""
        known = self._closed.get(action.subject)
        if known is not None:
            return Closing(action, f"{action.subject} was {known[0]} by {known[1]}")
        if any(each.approved.proposal == action.subject for own in self._approved.values() for each in own):
            return Closing(action, f"{action.subject} is approved already")
        self._closed[action.subject] = (CLOSING[action.kind], action.person)
        return Closing(action)

    def _add(self, entry: RecipeApproved) -> None:
        known = self._approved.setdefault(entry.product, [])
        if all(each.approved.id != entry.id for each in known):
            known.append(Version(entry, recipe_of(entry.content)))

    def _clash(self, entry: RecipeApproved) -> str:
        """A version number means one content for good."""
        state, person = self._closed.get(entry.proposal, ("", ""))
        if state:
            return f"{entry.proposal} was {state} by {person}"
        for each in self._approved.get(entry.product, []):
            if each.approved.version == entry.version and each.approved.hash != entry.hash:
                return f"{entry.product} v{entry.version} was approved with another content: raise the version"
        return ""

    def meant(self, model: UnitModel, told: str) -> str:
        """The product that a unit makes: what its tag told, its own, or the only one there is; empty if none."""
        product = told if model.recipe_tag is not None else model.recipe
        if product is not None:
            return product
        return next(iter(self._drafts)) if len(self._drafts) == 1 else ""

    def pinned(self, text: str, at_ns: int) -> Recipe | None:
        """What a batch that starts at a source time is judged by; `text` names the product, and may name its version.

        A version that the batch record names (`API-1 v7`) judges if it is there; no other one does in its place.
        """
        product, version = self._named(text)
        if not self.required:
            recipe = self._draft(product)
            return None if recipe is None or version not in (None, recipe.version) else recipe
        if version is not None:
            return self._approved_as(product, version)
        # Of two with one time the later approval counts.
        valid = [each for each in self._approved.get(product, []) if each.approved.valid_from_ns <= at_ns]
        return max(reversed(valid), key=_valid_from_ns).recipe if valid else None

    def name(self, batch: str, naming: Naming) -> Naming:
        """Remember what an event named for a batch; return what was named first: that counts."""
        first = self._namings.setdefault(batch, naming)
        if len(self._namings) > MOST_NAMINGS:
            del self._namings[next(iter(self._namings))]
        return first

    def naming(self, batch: str) -> Naming | None:
        """What an event named for a batch."""
        return self._namings.get(batch)

    def is_named(self, text: str, recipe: Recipe | None) -> bool:
        """Whether a text names this recipe."""
        product, version = self._named(text)
        return recipe is not None and recipe.product == product and version in (None, recipe.version)

    def _named(self, text: str) -> tuple[str, int | None]:
        """Product and version that a text names; a product may have a name that ends like a version."""
        found = _NAMED.fullmatch(text.strip())
        if found is None or text in self._drafts or text in self._approved:
            return text, None
        return found[1], int(found[2])

    def bound(self, product: str, version: int | None) -> Recipe | None:
        """What a batch goes on with, by what it pinned: the approved version, or what the files say of it now."""
        if not self.required:
            return self._draft(product)
        return None if version is None else self._approved_as(product, version)

    def _approved_as(self, product: str, version: int) -> Recipe | None:
        found = (each.recipe for each in self._approved.get(product, []) if each.approved.version == version)
        return next(found, None)

    def _draft(self, product: str) -> Recipe | None:
        known = self._drafts.get(product)
        if known is not None:
            return known
        return next((recipe for recipe in self._drafts.values() if recipe.product == product), None)

    def state(self) -> Json:
        """Every approved version, in its order, and what was closed."""
        approved = [asdict(each.approved) for versions in self._approved.values() for each in versions]
        named = [[batch, *astuple(naming)] for batch, naming in self._namings.items()]
        return {"approved": approved, "closed": [[id_, *told] for id_, told in self._closed.items()], "named": named}

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self._approved = {}
        if isinstance(state, list):  # an older program knew approvals alone
            state = {"approved": state, "closed": []}
        self._closed = {id_: (what, person) for id_, what, person in state["closed"]}
        self._namings = {batch: Naming(*told) for batch, *told in state.get("named", [])}
        for each in state["approved"]:
            self._add(RecipeApproved(**each))


def _valid_from_ns(version: Version) -> int:
    return version.approved.valid_from_ns
