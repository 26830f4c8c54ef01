"""Time at temperature: how long a parameter was within an interval during its phase, against the ranges of that time.

Between two proven samples the straight line tells which part of the time was within. A stretch that proves nothing
(Bad, a gap) may have been within or not: the time has a least and a most. `dwell.*.high` is said by the most,
`dwell.*.low` at the end of the phase by the least: the worst case. Before the first and after the last sample of the
phase nothing counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived, Frame, Mask, grown
from detectors.cases import IN_WORDS, Case, Evidence, Json, Origin, Run, case_from, open_case, quantity
from detectors.gaps import Gaps
from detectors.late.derived import Alone, identify
from detectors.late.past import Past
from detectors.late.rejudging import Verdict
from detectors.part import Said
from detectors.ranges.derived import ByTag
from detectors.ranges.excursions import Sample
from detectors.ranges.limits import side_in_words
from detectors.versions import Versions
from domain.entries import RowPosition
from domain.findings import Finding, Stage
from domain.recipes import DwellRanges, Limits, RangeKind
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration


@dataclass(slots=True, eq=False)
class Dwell:
    """The time that a parameter was within, since its phase began: at least and at most."""

    name: str
    last: Sample | None = None  # the last proven sample
    is_bad: bool = False  # since then
    least_ns: int = 0
    most_ns: int = 0
    cases: dict[str, Case] = field(default_factory=dict)  # by kind: too long

    def add(self, now: Sample, within: Limits, *, is_line: bool) -> None:
        """Take the next proven sample; `is_line`: nothing hides what was between."""
        if self.last is not None:
            if is_line and not self.is_bad:
                inside_ns = within_ns(self.last, now, within)
                self.least_ns += inside_ns
                self.most_ns += inside_ns
            else:
                self.most_ns += now.time_ns - self.last.time_ns
        self.last, self.is_bad = now, False

    def state(self) -> Json:
        """All of it."""
        last = None if self.last is None else list(self.last)
        cases = {kind: case.state() for kind, case in self.cases.items()}
        return [self.name, last, self.is_bad, self.least_ns, self.most_ns, cases]


def within_ns(one: Sample, other: Sample, within: Limits) -> int:
    """How long the straight line from one sample to the other is within an interval, in whole ns."""
    within = within.closed
    low = -np.inf if within.low is None else within.low
    high = np.inf if within.high is None else within.high
    span_ns, step = other.time_ns - one.time_ns, other.value - one.value
    if step == 0:
        return span_ns if low <= one.value <= high else 0
    ends = sorted(((low - one.value) / step, (high - one.value) / step))
    part = min(ends[1], 1.0) - max(ends[0], 0.0)
    return round(max(part, 0.0) * span_ns)


class Dwells(ByTag):
    """Times within an interval, of the phases that run."""

    name = "dwells"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, gaps: Gaps, versions: Versions, runs: dict[int, Run]
    ) -> None:
        """`runs`: those of the tags' units, by tag."""
        self._versions = versions
        self._past = Past()
        self._rulebook = rulebook
        self._origin = origin
        self._gaps = gaps
        self._runs = runs
        self._tags: dict[int, Tag] = {}
        self._dwells: dict[int, list[Dwell]] = {}
        self._is_watched: Mask = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._is_watched = grown(self._is_watched, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; what is not its unit's any more is counted no further."""
        self._tags[tag.id] = tag
        if tag.id in self._dwells:
            known = self._ranges(self._runs[tag.id], tag.id)
            self._dwells[tag.id] = [each for each in self._dwells[tag.id] if each.name in known]

    def _ranges(self, run: Run, tag: int) -> dict[str, DwellRanges]:
        phase = None if run.recipe is None else run.recipe.phases.get(run.phase)
        parameters, defined = self._rulebook.units[run.unit].parameters, self._tags[tag]
        known = {} if phase is None else phase.dwells
        return {
            name: each
            for name, each in known.items()
            if parameters.get(each.parameter) == defined.name and each.unit == defined.unit
        }

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Begin to count."""
        for tag in tags:
            names = self._ranges(run, tag.id)
            if names:
                self._dwells[tag.id] = [Dwell(name) for name in names]
                self._is_watched[tag.id] = True

    def judge(self, frame: Frame) -> list[Said]:
        """Count the rows of watched tags; only these are looked at one by one."""
        if not self._dwells:
            return []
        rows = frame.rows
        said: list[Said] = []
        for index in self._is_watched[rows.tag].nonzero()[0].tolist():
            place = frame.place(index)
            said += [(place, finding) for finding in self._take(int(rows.tag[index]), rows, index)]
        return said

    def _take(self, tag: int, rows: Arrived, index: int) -> list[Finding]:
        dwells, run = self._dwells[tag], self._runs[tag]
        if rows.ok is not None and not rows.ok[index]:
            for each in dwells:
                each.is_bad = True
            return []
        ranges = self._ranges(run, tag)
        now = Sample(int(rows.time_ns[index]), float(rows.value[index]))
        found: list[Finding] = []
        for dwell in dwells:
            dwell.add(now, ranges[dwell.name].within, is_line=self._is_line(tag, dwell, now))
            found += self._too_long(tag, run, dwell, ranges[dwell.name], rows.position(index))
        return found

    def _is_line(self, tag: int, dwell: Dwell, now: Sample) -> bool:
        if self._gaps.is_empty or dwell.last is None:
            return True
        return not self._gaps.within(tag, self._tags[tag].source, dwell.last.time_ns, now.time_ns)

    def _too_long(self, tag: int, run: Run, dwell: Dwell, ranges: DwellRanges, position: RowPosition) -> list[Finding]:
        found = []
        assert dwell.last is not None
        for kind, limits in ranges.ranges.items():
            if limits.high is not None and limits.is_above(dwell.most_ns) and kind not in dwell.cases:
                case = self._case(f"dwell.{kind}.high", run, dwell, dwell.last.time_ns, position)
                dwell.cases[kind] = case
                message = f"{self._was(tag, run, dwell, ranges)}, {_beyond(kind, limits, 1)},{run.place}."
                evidence = self._evidence(dwell, ranges, kind, limits.high)
                found.append(case.say(Stage.OPEN, dwell.last.time_ns, message, evidence))
        return found

    def _case(self, rule: str, run: Run, dwell: Dwell, at_ns: int, position: RowPosition) -> Case:
        return open_case(self._origin, rule, f"{run.unit}.{dwell.name}", at_ns, position, run, run.unit)

    def _was(self, tag: int, run: Run, dwell: Dwell, ranges: DwellRanges) -> str:
        """How long it was within, in words; with both bounds where they differ."""
        name, within = self._tags[tag].name, ranges.within
        how_long = format_duration(dwell.least_ns)
        if dwell.most_ns != dwell.least_ns:
            how_long += f" to {format_duration(dwell.most_ns)}"
        ends = [
            f"{word} {quantity(side, ranges.unit)}"
            for word, side in (
                ("above" if within.low_open else "at least", within.low),
                ("below" if within.high_open else "at most", within.high),
            )
            if side is not None
        ]
        return f"{name} was {' and '.join(ends)} for {how_long}"

    def _evidence(self, dwell: Dwell, ranges: DwellRanges, kind: RangeKind, limit: float) -> Evidence:
        return {
            "limit_ns": limit,
            "range": str(kind),
            "dur_min_ns": dwell.least_ns,
            "dur_max_ns": dwell.most_ns,
            "within_low": ranges.within.low,
            "within_high": ranges.within.high,
            "unit": ranges.unit,
            "study": ranges.study or None,
        }

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Judge the whole time: what was too long is over, and what was too short is said."""
        found: list[Finding] = []
        for tag in tags:
            ranges = self._ranges(run, tag.id) if tag.id in self._dwells else {}
            for dwell in self._dwells.pop(tag.id, []):
                if dwell.is_bad and dwell.last is not None:
                    dwell.most_ns += max(0, at_ns - dwell.last.time_ns)
                found += self._ended(tag.id, run, dwell, ranges[dwell.name], at_ns, position)
            self._is_watched[tag.id] = False
        for finding in found:
            self._past.remember(finding)
        return found

    def _ended(
        self, tag: int, run: Run, dwell: Dwell, ranges: DwellRanges, at_ns: int, position: RowPosition
    ) -> list[Finding]:
        found: list[Finding] = []
        is_indeterminate = False
        was = self._was(tag, run, dwell, ranges)
        for kind, limits in ranges.ranges.items():
            case = dwell.cases.get(kind)
            if case is not None and limits.high is not None:
                message = f"{was}, {_beyond(kind, limits, 1)},{run.place}."
                evidence = self._evidence(dwell, ranges, kind, limits.high)
                found.append(case.say(Stage.CLEARED, at_ns, message, evidence, at_ns))
            if limits.low is not None and limits.is_below(dwell.least_ns) and not is_indeterminate:
                # What ran already when it was first seen may have been within before: nobody can tell.
                is_known = run.unseen_ns is not None and limits.is_below(dwell.least_ns + run.unseen_ns)
                rule = f"dwell.{kind}.low" if is_known else "dwell.indeterminate"
                side = _beyond(kind, limits, -1) if is_known else "and before, unseen, perhaps longer"
                short = self._case(rule, run, dwell, at_ns, position)
                evidence = self._evidence(dwell, ranges, kind, limits.low)
                message = f"{was}, {side},{run.place}."
                found.append(short.say(Stage.CLEARED, at_ns, message, evidence, at_ns))
                is_indeterminate = not is_known
        return found

    def inputs(self, run: Run, tag: int) -> list[Tag]:
        """The tag whose times are counted; none where none is."""
        return [self._tags[tag]] if self._ranges(run, tag) else []

    def alone(self) -> "Dwells":
        """The same rules, of which nothing is known yet but the gaps."""
        return Dwells(self._rulebook, self._origin, self._gaps, self._versions, {})

    def over(self, run: Run, tag: int) -> list[Finding] | None:
        """What was said of a tag's times in a run and is over; None where not all of it is known any more."""
        found: list[Finding] = []
        for name in self._ranges(run, tag):
            subject = f"{run.unit}.{name}"
            unknown_ns = self._past.unknown_until_ns(subject)
            if unknown_ns is not None and run.start_ns <= unknown_ns:
                return None
            found += [each for each in self._past.excursions(subject) if each.phase_instance == run.instance]
        return found

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of the times that are too long."""
        run, found = self._runs.get(tag), []
        for dwell, ranges, kind, case in self._too_long_now(tag):
            assert run is not None
            limit = ranges.ranges[kind].high or 0.0
            message = f"{self._was(tag, run, dwell, ranges)}, {_beyond(kind, ranges.ranges[kind], 1)},{run.place}."
            again = replace(case, version=case.version - 1)
            found.append(again.say(Stage.OPEN, at_ns, message, self._evidence(dwell, ranges, kind, limit)))
        return found

    def _too_long_now(self, tag: int) -> list[tuple[Dwell, DwellRanges, RangeKind, Case]]:
        dwells = self._dwells.get(tag, [])
        ranges = self._ranges(self._runs[tag], tag) if dwells else {}
        return [
            (dwell, ranges[dwell.name], RangeKind(kind), case) for dwell in dwells for kind, case in dwell.cases.items()
        ]

    def remember(self, finding: Finding) -> None:
        """Take what was said of a time that is over."""
        self._past.remember(finding)

    def take_over(self, tag: int, alone: Alone, verdicts: Sequence[Verdict]) -> None:
        """Go on with a tag from where another judge, which counted it alone, has come."""
        assert isinstance(alone, Dwells)
        for (_, _, _, case), verdict in zip(alone._too_long_now(tag), verdicts, strict=True):  # noqa: SLF001  of its kind
            identify(case, verdict)
        self._dwells[tag] = alone._dwells[tag]  # noqa: SLF001

    def state(self) -> Json:
        """All of it."""
        running = [[tag, [each.state() for each in dwells]] for tag, dwells in self._dwells.items()]
        return {"running": running, "past": self._past.state()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` told."""
        self._dwells = {}
        self._is_watched[:] = False
        self._past = Past()
        running = state
        if isinstance(state, dict):  # a state of the time before late rows has no past
            self._past.load(state["past"], self._versions)
            running = state["running"]
        for tag, dwells in running:
            self._is_watched[tag] = True
            self._dwells[tag] = [_dwell_from(each) for each in dwells]


def _dwell_from(state: Json) -> Dwell:
    name, last, is_bad, least_ns, most_ns, cases = state
    sample = None if last is None else Sample(*last)
    return Dwell(name, sample, is_bad, least_ns, most_ns, {kind: case_from(case) for kind, case in cases.items()})


def _beyond(kind: RangeKind, limits: Limits, sign: int) -> str:
    """`above the validated 4 h 00 min`."""
    limit, is_open = (limits.high, limits.high_open) if sign > 0 else (limits.low, limits.low_open)
    return f"{side_in_words(sign, is_open=is_open)} the {IN_WORDS[kind]} {format_duration(int(limit or 0))}"
