"""Where what is learnt of a tag is kept: a place per tag and phase, as a tag's habits are those of what goes on.

A flow that reports every few seconds while it is dosed says nothing for hours while it is not. Outside any phase, and
for tags of no unit, there is one place too. Place 0 is nobody's.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Index, Mask, grown
from detectors.cases import Json, Run, recipe_version
from detectors.part import Part
from domain.entries import RowPosition
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag

MOST_PHASES = 64
"""Phases of a tag that habits are learnt of; what is learnt in later ones is kept together."""


class Places(Part):
    """The place of every watched tag in the phase that runs now."""

    name = "places"

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._known: dict[int, dict[str, int]] = {}
        self.count = 1
        """One more than the largest place."""
        self.of: Index = np.empty(0, dtype=np.intp)
        """By tag: its place now; 0: nothing is learnt of it."""
        self.in_phase: Mask = np.empty(0, dtype=np.bool_)
        """By tag: whether a phase runs that it is a parameter of."""

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.of = grown(self.of, size, 0)
        self.in_phase = grown(self.in_phase, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        rules = self._rulebook.tags.get(tag.name)
        if rules is None or not rules.health.learns or tag.kind != "number":
            self.of[tag.id] = 0
        elif self.of[tag.id] == 0:
            self.of[tag.id] = self._place(tag.id, "")

    def _place(self, tag: int, phase: str) -> int:
        known = self._known.setdefault(tag, {})
        if phase not in known:
            if len(known) > MOST_PHASES:
                return known[""]
            known[phase] = self.count
            self.count += 1
        return known[phase]

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """What is learnt from now on is of this phase; a recipe's new version begins with what is known."""
        product = "" if run.recipe is None else recipe_version(run.recipe).rpartition(" ")[0]
        for tag in tags:
            if self.of[tag.id]:
                self.of[tag.id] = self._place(tag.id, f"{product}/{run.phase}")
                self.in_phase[tag.id] = True

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Until the next phase, what is learnt is of none."""
        for tag in tags:
            if self.of[tag.id]:
                self.of[tag.id] = self._place(tag.id, "")
                self.in_phase[tag.id] = False
        return []

    def state(self) -> Json:
        """Every place."""
        return [[tag, list(known.items())] for tag, known in self._known.items()]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The place of each tag now."""
        return {"of": self.of, "in_phase": self.in_phase}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._known = {tag: dict(known) for tag, known in state}
        self.count = 1 + sum(len(known) for known in self._known.values())
        self.of = arrays["of"].astype(np.intp)
        self.in_phase = arrays["in_phase"].astype(np.bool_)

    def carry_over(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Keep every place: what is learnt of a tag depends on no rule."""
        watched = self.of.nonzero()[0].tolist()
        self._known = {tag: dict(known) for tag, known in state}
        self.count = 1 + sum(len(known) for known in self._known.values())
        for tag in watched:
            self.of[tag] = self._place(tag, "")
