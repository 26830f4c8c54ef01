"""Report a phase that no approved range judges, where ranges have to be approved: silence would look like calm."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Case, Json, Origin, Run, case_from, open_case
from detectors.part import Part
from detectors.ranges.limits import agrees, ranges_of
from detectors.versions import Versions
from domain.entries import Heartbeat, RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag


@dataclass(slots=True, eq=False)
class Unwatched:
    """A run that is not, or not wholly, judged; it is told at the next heartbeat."""

    why: str
    case: Case
    told: bool = False

    def say(self, stage: Stage, at_ns: int, end_ns: int | None = None) -> Finding:
        """The next version."""
        of_batch = f" of batch {self.case.batch}" if self.case.batch else ""
        is_now = "is" if end_ns is None else "was"
        message = f"{self.case.subject} {is_now} not judged in phase {self.case.phase}{of_batch}: {self.why}."
        return self.case.say(stage, at_ns, message, {"why": self.why}, end_ns)


class Unjudged(Part):
    """Runs of units that have a recipe, of which no approved version says anything, or none in the tags' units."""

    name = "unjudged"

    def __init__(self, rulebook: Rulebook, origin: Origin, versions: Versions) -> None:
        self._units = rulebook.units
        self._origin = origin
        self._versions = versions
        self._unwatched: dict[str, Unwatched] = {}  # by unit

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Find out whether the run is judged; a tag that is defined while it runs is looked at too."""
        why = self._why(run, tags) if self._versions.required else ""
        if why and run.unit not in self._unwatched:
            case = open_case(self._origin, "ranges.missing", run.unit, run.start_ns, run.start_position, run, run.unit)
            self._unwatched[run.unit] = Unwatched(why, case)

    def _why(self, run: Run, tags: list[Tag]) -> str:
        model = self._units[run.unit]
        if run.recipe is None:
            makes_product = bool(model.recipe_tag or self._versions.meant(model, ""))
            cleans = run.phase in model.cleaning_phases
            return "no approved version of its ranges was in force" if makes_product and not cleans else ""
        by_name = {tag.name: tag for tag in tags}
        for role, name in model.parameters.items():
            ranges, tag = ranges_of(run, role), by_name.get(name)
            if ranges is not None and tag is not None and not agrees(ranges, tag):
                told, has = measure(ranges.unit, ranges.reference), measure(tag.unit, tag.reference)
                return f"its approved ranges of {name} are in {told}, the tag is in {has}"
            if ranges is not None and ranges.relative and ranges.set_point not in model.parameters:
                return f"its approved ranges of {name} lie around {ranges.set_point}, which the unit has no tag for"
        return ""

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End what was told of the run."""
        unwatched = self._unwatched.pop(run.unit, None)
        return [] if unwatched is None or not unwatched.told else [unwatched.say(Stage.CLEARED, at_ns, at_ns)]

    def beat(self, heartbeat: Heartbeat, position: RowPosition) -> list[Finding]:
        """Tell what has begun since the last heartbeat."""
        fresh = [each for each in self._unwatched.values() if not each.told]
        for each in fresh:
            each.told = True
        return [each.say(Stage.OPEN, heartbeat.now_ns) for each in fresh]

    def state(self) -> Json:
        """All of it."""
        return {unit: [each.why, each.case.state(), each.told] for unit, each in self._unwatched.items()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._unwatched = {unit: Unwatched(why, case_from(case), told) for unit, (why, case, told) in state.items()}


def measure(unit: str, reference: str) -> str:
    """A unit with its reference, in words."""
    return f"{unit or 'no unit'} {reference}".rstrip()
