"""Tags whose values are compared with all that they had before, as a part of the bank: advisory, as it still learns.

`advice.novelty` is said where a value is new, and is over at once: an event, which is recorded and alarms nobody.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Evidence, Json, Origin, Run, open_case, quantity
from detectors.drift.novelty import Novelty, NoveltyRule
from detectors.models.grids import Cell, Grids, Reading
from detectors.part import Part, Said
from detectors.snapshots import Arrays, below
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag

RULE = NoveltyRule()

_TOLD_PART = 1 / 20  # of how far apart the two are: what is said of them is no finer


class Novelties(Part):
    """All tags that are watched so, whatever the phase."""

    name = "novelty"

    def __init__(self, rulebook: Rulebook, origin: Origin, runs: Mapping[int, Run]) -> None:
        """`runs`: by tag, the run of its unit."""
        self._origin, self._runs = origin, runs
        rules = {name: rules.novelty for name, rules in sorted(rulebook.tags.items()) if rules.novelty is not None}
        self._place = {name: place for place, name in enumerate(rules)}
        self._rules = tuple(rules.values())
        self._novelty = [Novelty(RULE, rule.quiet) for rule in self._rules]
        self._tags: dict[int, tuple[Tag, str]] = {}  # by place
        self._grids = Grids([Reading(rule.every_ns, rule.stale_ns, 1) for rule in self._rules])
        for place in range(len(self._rules)):
            self._grids.start(place, 0)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._grids.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; in another unit of measurement what it had before means nothing."""
        place = self._place.get(tag.name)
        if place is None:
            return
        before = self._tags.get(place)
        if before is not None and (before[0].unit, before[0].reference) != (tag.unit, tag.reference):
            self._novelty[place] = Novelty(RULE, self._rules[place].quiet)
        self._tags[place] = (tag, unit)
        self._grids.bind(tag.id, place, 0)

    def judge(self, frame: Frame) -> list[Said]:
        """Put the cells that rows close to their tags."""
        said: list[tuple[int, int, Finding]] = []
        for cell in self._grids.feed(frame):
            novelty = self._novelty[cell.place]
            novelty.update(float(cell.values[0]))
            if novelty.told:
                finding = self._say(cell, novelty, frame.rows.position(cell.row))
                said.append((frame.place(cell.row), cell.end_ns, finding))
        said.sort(key=lambda each: each[:2])
        return [(place, finding) for place, _, finding in said]

    def _say(self, cell: Cell, novelty: Novelty, position: RowPosition) -> Finding:
        tag, unit = self._tags[cell.place]
        run = self._runs.get(tag.id)
        case = open_case(self._origin, "advice.novelty", tag.name, cell.end_ns, position, run, unit)
        # A row may close several cells, each with a value of its own.
        case.id = case.id.replace(case.rule, f"{case.rule}/{cell.end_ns}", 1)
        case.ranges_version = "what it had before (advisory)"
        value = float(cell.values[0])
        nearest, known = novelty.nearest, abs(value - novelty.nearest) * _TOLD_PART
        words = (
            f"Advisory: {tag.name} is where it never was: {quantity(value, tag.unit, known=known, against=nearest)}, "
            f"nearest before {quantity(nearest, tag.unit, known=known, against=value)}"
        )
        evidence: Evidence = {
            "advisory": "yes",
            "value": value,
            "nearest": novelty.nearest,
            "statistic": novelty.score,
            "threshold": RULE.limit,
        }
        place = "" if run is None else f",{run.place}"
        return case.say(Stage.CLEARED, cell.end_ns, f"{words}{place}.", evidence, cell.end_ns)

    def state(self) -> Json:
        """Each tag's own, by its name and how it is read."""
        return [
            [[name, rule.every_ns, rule.stale_ns, rule.quiet], novelty.state()]
            for name, rule, novelty in zip(self._place, self._rules, self._novelty, strict=True)
        ]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The grids, and each tag's own by its number."""
        told = {f"grids/{key}": array for key, array in self._grids.arrays().items()}
        for number, each in enumerate(self._novelty):
            told |= {f"{number}/{key}": array for key, array in each.arrays().items()}
        return told

    def load(self, state: Json, arrays: Arrays) -> None:
        """Take back what `state` and `arrays` told."""
        self._grids.load(below(arrays, "grids"))
        self.carry_over(state, arrays)

    def carry_over(self, state: Json, arrays: Arrays) -> None:
        """Take from a state, of whatever rules, what tags had before that are read as they were."""
        own = {tuple(key): place for place, (key, _) in enumerate(self.state())}
        for number, (key, inner) in enumerate(state):
            place = own.get(tuple(key))
            if place is not None:
                self._novelty[place].load(inner, below(arrays, str(number)))
