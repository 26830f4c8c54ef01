"""Report two or more parameters of one phase outside NOR at once: proven ranges hold for one parameter at a time.

What is said follows from when each parameter of a run was outside, as its excursions were last said to be: the
stretches in which two or more were. So an excursion that is judged again, in whatever order rows came, corrects it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS
from detectors.cases import Case, Json, Origin, Run, case_from, case_of
from detectors.late.past import MOST_RUNS
from detectors.late.rejudging import is_withdrawn
from detectors.part import Part
from domain.entries import Position, RowPosition
from domain.findings import Finding, Stage
from domain.recipes import RangeKind

MOST_OUTSIDE = 512
"""Excursions that are remembered of one run; the oldest is forgotten first."""

_NOR = tuple(f"excursion.{RangeKind.NOR}.{side}" for side in ("high", "low"))


class Outside(NamedTuple):
    """When a parameter was outside; `end_ns` FOREVER: it still is."""

    subject: str
    start_ns: int
    end_ns: int
    detected: tuple[int, int]


class Stretch(NamedTuple):
    """When two or more were outside at once, which ones, and what detected that."""

    start_ns: int
    end_ns: int
    subjects: tuple[str, ...]
    detected: tuple[int, int]


@dataclass(slots=True, eq=False)
class Told:
    """A stretch that was said, and what of it."""

    case: Case
    end_ns: int


@dataclass(slots=True, eq=False)
class OfRun:
    """One run: its parameters' excursions by finding, and what was said."""

    outside: dict[str, Outside] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)

    def take(self, finding: Finding) -> None:
        """Take the newest version of an excursion."""
        if is_withdrawn(finding):
            self.outside.pop(finding.id, None)
            return
        end_ns = FOREVER_NS if finding.end_ns is None else finding.end_ns
        detected = (int(finding.detected.entry), finding.detected.row)
        self.outside[finding.id] = Outside(finding.subject, finding.onset_ns, end_ns, detected)
        if len(self.outside) > MOST_OUTSIDE:
            del self.outside[next(iter(self.outside))]


class Combined(Part):
    """Which parameters of each unit are outside NOR, told by the excursions themselves."""

    name = "combined"

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._runs: dict[str, dict[str, OfRun]] = {}  # by unit, by run

    def hear(self, finding: Finding, run: Run | None) -> list[Finding]:
        """Take a version of an excursion; say when a second parameter is outside with it, and when no more."""
        if finding.rule not in _NOR or not finding.phase_instance:
            return []
        runs = self._runs.setdefault(finding.unit, {})
        of_run = runs.setdefault(finding.phase_instance, OfRun())
        if len(runs) > MOST_RUNS:
            del runs[next(iter(runs))]
        of_run.take(finding)
        if len(of_run.outside) < 2 and not of_run.told:
            return []
        return self._compared(of_run, stretches(of_run.outside.values()), finding)

    def _compared(self, of_run: OfRun, now: list[Stretch], finding: Finding) -> list[Finding]:
        """Say what differs from what was said. What was cleared stays as it is, unless rows came late."""
        is_late = "rejudged" in finding.evidence
        found: list[Finding] = []
        left, kept = list(of_run.told), []
        for stretch, same in zip(now, _same(left, now, is_late=is_late), strict=True):
            told = Told(_case(self._origin, stretch, finding), 0) if same is None else same
            kept.append(told)
            if told.case.version and told.end_ns != FOREVER_NS and not is_late:
                continue
            onset_ns = stretch.start_ns if is_late or not told.case.version else told.case.onset_ns
            if (told.case.onset_ns, told.end_ns) != (onset_ns, stretch.end_ns):
                told.case.onset_ns, told.end_ns = onset_ns, stretch.end_ns
                found.append(_said(told.case, stretch, finding))
        for told in left:
            if told.end_ns == FOREVER_NS or (is_late and not _is_none(told)):
                told.end_ns = told.case.onset_ns
                found.append(_withdrawn(told.case, finding))
        of_run.told = kept + [told for told in left if not is_late or _is_none(told)]
        return found

    def state(self) -> Json:
        """All of it."""
        return {
            unit: [
                [
                    instance,
                    [[id_, *each] for id_, each in of_run.outside.items()],
                    [[each.case.state(), each.end_ns] for each in of_run.told],
                ]
                for instance, of_run in runs.items()
            ]
            for unit, runs in self._runs.items()
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._runs = {}
        if "outside" in state:
            return  # a state of the time before late rows: what is outside is heard again
        for unit, runs in state.items():
            known = self._runs[unit] = {}
            for instance, outside, told in runs:
                known[instance] = OfRun(
                    {id_: Outside(subject, start, end, tuple(at)) for id_, subject, start, end, at in outside},
                    [Told(case_from(case), end_ns) for case, end_ns in told],
                )


def stretches(outside: Iterable[Outside]) -> list[Stretch]:
    """When two or more parameters were outside at once, in order; one that returns as another leaves is not at once."""
    events = sorted(
        event
        for each in outside
        if each.end_ns > each.start_ns
        for event in ((each.start_ns, 1, each.detected, each.subject), (each.end_ns, 0, each.detected, each.subject))
    )
    now: dict[str, int] = {}
    found: list[Stretch] = []
    open_: Stretch | None = None
    for time_ns, is_start, detected, subject in events:
        now[subject] = now.get(subject, 0) + (1 if is_start else -1)
        if not now[subject]:
            del now[subject]
        if open_ is not None and len(now) < 2:
            found.append(open_._replace(end_ns=time_ns))
            open_ = None
        elif len(now) > 1:
            known = () if open_ is None else open_.subjects
            together = tuple(sorted({*known, *now}))
            open_ = (
                Stretch(time_ns, FOREVER_NS, together, detected) if open_ is None else open_._replace(subjects=together)
            )
    return found


def _case(origin: Origin, stretch: Stretch, finding: Finding) -> Case:
    """Begin a finding: the excursion that makes it two detects it."""
    label = finding.phase_instance.rsplit("/", 1)[-1]
    entry, row = stretch.detected
    return replace(
        case_of(finding),
        id=f"outside_nor/{finding.unit}/{finding.batch}/{label}/{entry}.{row}",
        rule="outside_nor",
        subject=finding.unit,
        onset_ns=stretch.start_ns,
        detected=RowPosition(Position(entry), row),
        detector_hash=origin.detector_hash,
        version=0,
    )


def _same(left: list[Told], now: list[Stretch], *, is_late: bool) -> list[Told | None]:
    """What was said of each stretch, taken from what is `left`.

    First by the row that detected it, for all of them: it is the identity of what was said, which no other stretch that
    overlaps with it may take. Live, one that is open is never one that was said to be over.
    """
    by_row = {(int(each.case.detected.entry), each.case.detected.row): each for each in reversed(left)}
    found = [by_row.pop(stretch.detected, None) for stretch in now]
    for told in found:
        if told is not None:
            left.remove(told)
    for place, stretch in enumerate(now):
        if found[place] is None:
            others = (each for each in left if _overlap(each, stretch) and (is_late or _may_be(each, stretch)))
            other = found[place] = next(others, None)
            if other is not None:
                left.remove(other)
    return found


def _may_be(told: Told, stretch: Stretch) -> bool:
    return told.end_ns == FOREVER_NS or stretch.end_ns != FOREVER_NS


def _overlap(told: Told, stretch: Stretch) -> bool:
    return told.case.onset_ns <= stretch.end_ns and stretch.start_ns <= told.end_ns


def _is_none(told: Told) -> bool:
    """Whether it was said to be none."""
    return told.end_ns == told.case.onset_ns


def _place(case: Case) -> str:
    return f" in phase {case.phase}" + (f" of batch {case.batch}" if case.batch else "")


def _said(case: Case, stretch: Stretch, finding: Finding) -> Finding:
    tags = {"tags": ", ".join(stretch.subjects)} | {
        name: finding.evidence[name] for name in ("rejudged",) if name in finding.evidence
    }
    if stretch.end_ns == FOREVER_NS:
        message = f"{' and '.join(stretch.subjects)} are outside their normal ranges at once,{_place(case)}."
        return case.say(Stage.OPEN, finding.at_ns, message, tags)
    message = f"{' and '.join(stretch.subjects)} were outside their normal ranges at once,{_place(case)}."
    return case.say(Stage.CLEARED, finding.at_ns, message, tags, stretch.end_ns)


def _withdrawn(case: Case, finding: Finding) -> Finding:
    message = f"{case.subject} had no two parameters outside their normal ranges at once after all,{_place(case)}."
    why = "late rows" if "rejudged" in finding.evidence else "the first one was inside again by then"
    return case.say(Stage.CLEARED, finding.at_ns, message, {"withdrawn": why}, case.onset_ns)
