"""Units that should stay as they are, as a part of the bank: advisory, because it sets its own reference and baseline.

`advice.shift` is open while a unit is not as it was; `advice.change` is said at each change point and is over at once.
Both are events: they are recorded and alarm nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.cases import Case, Evidence, Json, Origin, Run, case_from, open_case, quantity
from detectors.models.grids import Cell, Grids, Reading
from detectors.models.multivariate import LEAST_SHARE
from detectors.models.steady import USUAL_CHANGE, USUAL_SHIFT, Steady
from detectors.models.tails import Deviates
from detectors.part import Part, Said
from detectors.snapshots import Arrays, below
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.rules import Rulebook
from domain.tags import Tag
from domain.watches import SteadyRule

_NAMED = 3


@dataclass(slots=True, eq=False)
class _Watched:
    """A unit that is watched."""

    unit: str
    rule: SteadyRule
    names: tuple[str, ...]  # of the tags, by column
    steady: Steady
    tags: dict[int, Tag] = field(default_factory=dict)  # by column
    run: Run | None = None  # the one that is read, where it is of one phase
    case: Case | None = None
    worst: float = 0.0

    @property
    def key(self) -> list[Json]:
        """What its reference is a reference of."""
        rule = self.rule
        return [self.unit, list(self.names), rule.every_ns, rule.stale_ns, rule.reference, rule.phase]


class Steadiness(Part):
    """All units that should stay as they are."""

    name = "steady"

    def __init__(self, rulebook: Rulebook, origin: Origin, runs: Mapping[int, Run]) -> None:
        """`runs`: by tag, the run of its unit."""
        self._origin, self._runs = origin, runs
        self._watched = [
            _Watched(
                name,
                unit.steady,
                tuple(unit.parameters.get(role, "") for role in unit.steady.parameters),
                Steady(len(unit.steady.parameters), unit.steady.reference),
            )
            for name, unit in sorted(rulebook.units.items())
            if unit.steady is not None
        ]
        rules = [each.rule for each in self._watched]
        self._grids = Grids([Reading(rule.every_ns, rule.stale_ns, len(rule.parameters)) for rule in rules])
        for place, rule in enumerate(rules):
            if not rule.phase:
                self._grids.start(place, 0)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._grids.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; in another unit of measurement the reference means nothing."""
        self._grids.unbind(tag.id)
        for place, watched in enumerate(self._watched):
            if watched.unit != unit or tag.name not in watched.names:
                continue
            column = watched.names.index(tag.name)
            before = watched.tags.get(column)
            if before is not None and (before.unit, before.reference) != (tag.unit, tag.reference):
                watched.steady.forget()
            watched.tags[column] = tag
            self._grids.bind(tag.id, place, column)

    def judge(self, frame: Frame) -> list[Said]:
        """Put the cells that rows close to their units."""
        said: list[tuple[int, int, Finding]] = []
        for cell in self._grids.feed(frame):
            watched = self._watched[cell.place]
            found = self._take(watched, cell, frame.rows.position(cell.row), self._run_of(watched))
            said += [(frame.place(cell.row), cell.end_ns, finding) for finding in found]
        said.sort(key=lambda each: each[:2])
        return [(place, finding) for place, _, finding in said]

    def _run_of(self, watched: _Watched) -> Run | None:
        if watched.rule.phase:
            return watched.run
        return next((self._runs[tag.id] for _, tag in sorted(watched.tags.items()) if tag.id in self._runs), None)

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Read the cells of this run, where it is of the phase that is watched."""
        for place, watched in enumerate(self._watched):
            if watched.unit != run.unit or watched.rule.phase != run.phase:
                continue
            if watched.run is None or watched.run.instance != run.instance:
                watched.run = run
                watched.steady.restart()
                self._grids.start(place, run.start_ns)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Read the last cells; what was open is over with the phase."""
        found: list[Finding] = []
        for place, watched in enumerate(self._watched):
            if watched.run is None or watched.unit != run.unit:
                continue
            for cell in self._grids.flush(place, at_ns):
                found += self._take(watched, cell, position, run)
            self._grids.stop(place)
            if watched.case is not None:
                words = f"Advisory: {watched.unit} was not as in its reference until the end of{run.place[3:]}."
                found.append(self._clear(watched, at_ns, words))
            watched.run = None
        return found

    def _take(self, watched: _Watched, cell: Cell, position: RowPosition, run: Run | None) -> list[Finding]:
        steady = watched.steady
        steady.update(cell.values)
        found: list[Finding] = []
        if steady.told:
            found.append(self._change(watched, cell, position, run))
        if steady.alarm and watched.case is None:
            watched.worst = steady.score
            watched.case = self._case("advice.shift", watched, cell.end_ns, position, run)
            names, tops = _tops(watched, steady.shifted)
            place = "" if run is None else f",{run.place}"
            words = f"Advisory: {watched.unit} is no longer as it was in its reference: {names}{place}."
            evidence = {**tops, **_shift_evidence(watched)}
            found.append(watched.case.say(Stage.OPEN, cell.end_ns, words, evidence))
        elif steady.alarm:
            watched.worst = max(watched.worst, steady.score)
        elif watched.case is not None:
            words = f"Advisory: {watched.unit} is as it was, or has settled where it is now."
            if steady.is_learning:
                words = f"Advisory: {watched.unit} gets another reference: a tag is in another unit of measurement."
            found.append(self._clear(watched, cell.end_ns, words))
        return found

    def _change(self, watched: _Watched, cell: Cell, position: RowPosition, run: Run | None) -> Finding:
        since_ns = cell.end_ns - USUAL_CHANGE.recent * watched.rule.every_ns
        case = self._case("advice.change", watched, since_ns, position, run)
        names, tops = _tops(watched, watched.steady.changed)
        place = "" if run is None else f",{run.place}"
        words = f"Advisory: {watched.unit} changed: {names}{place}."
        evidence = {
            **tops,
            "advisory": "yes",
            "statistic": watched.steady.change_score,
            "threshold": USUAL_CHANGE.limit,
        }
        return case.say(Stage.CLEARED, cell.end_ns, words, evidence, cell.end_ns)

    def _case(self, rule: str, watched: _Watched, onset_ns: int, position: RowPosition, run: Run | None) -> Case:
        case = open_case(self._origin, rule, watched.unit, onset_ns, position, run, watched.unit)
        if rule == "advice.change":
            # A row may close several cells, each with a change of its own.
            case.id = case.id.replace(rule, f"{rule}/{onset_ns}", 1)
        case.ranges_version = f"own reference {watched.steady.version} (advisory)"
        return case

    @staticmethod
    def _clear(watched: _Watched, at_ns: int, words: str) -> Finding:
        assert watched.case is not None
        case, watched.case = watched.case, None
        return case.say(Stage.CLEARED, at_ns, words, _shift_evidence(watched), at_ns)

    def state(self) -> Json:
        """What is read, what is open, and each unit's own."""
        return [
            [
                each.key,
                each.run is not None,
                None if each.case is None else each.case.state(),
                each.worst,
                each.steady.state(),
            ]
            for each in self._watched
        ]

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """The grids, and each unit's own by its number."""
        told = {f"grids/{key}": array for key, array in self._grids.arrays().items()}
        for number, each in enumerate(self._watched):
            told |= {f"{number}/{key}": array for key, array in each.steady.arrays().items()}
        return told

    def load(self, state: Json, arrays: Arrays) -> None:
        """Take back what `state` and `arrays` told."""
        self._grids.load(below(arrays, "grids"))
        runs = {run.unit: run for run in self._runs.values()}
        for number, (watched, told) in enumerate(zip(self._watched, state, strict=True)):
            _, is_read, case, watched.worst, inner = told
            watched.run = runs[watched.unit] if is_read else None
            watched.case = None if case is None else case_from(case)
            watched.steady.load(inner, below(arrays, str(number)))

    def carry_over(self, state: Json, arrays: Arrays) -> None:
        """Take from a state of other rules the references of units that are watched as before."""
        for number, (key, _, _, _, inner) in enumerate(state):
            for watched in self._watched:
                if watched.key == key:
                    watched.steady.load(inner, below(arrays, str(number)))
                    if not watched.steady.is_learning:
                        watched.steady.restart()


def _shift_evidence(watched: _Watched) -> Evidence:
    return {"advisory": "yes", "statistic": watched.worst, "threshold": USUAL_SHIFT.on}


def _tops(watched: _Watched, told: Deviates) -> tuple[str, dict[str, float | int | str | None]]:
    """The tags that make most of a score, in words and as evidence."""
    share = told.part / max(float(told.part.sum()), np.finfo(float).tiny)
    named, evidence = [], dict[str, float | int | str | None]()
    for number, column in enumerate(np.argsort(-share, kind="stable")[:_NAMED].tolist(), start=1):
        if number > 1 and not share[column] >= LEAST_SHARE:
            break
        off, tag = float(told.off[column]), watched.tags.get(column)
        size = quantity(float(f"{abs(off):.3g}"), "" if tag is None else tag.unit)
        named.append(f"{watched.names[column]} {size} {'higher' if off > 0 else 'lower'}")
        evidence |= {f"top{number}": watched.names[column], f"top{number}_share": float(share[column])}
        evidence[f"top{number}_off"] = off
    return ", ".join(named), evidence
