"""Time at temperature: how long a parameter was within an interval during its phase, against the ranges of that time.

Between two proven samples the straight line tells which part of the time was within. A stretch that proves nothing
(Bad, a gap) may have been within or not: the time has a least and a most. All tags are counted at once; of those that
are within for too long, each is then looked at by itself. `dwell.*.high` is said by the most,
`dwell.*.low` at the end of the phase by the least: the worst case. Before the first and after the last sample of the
phase nothing counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Frame, Index, Mask, grown
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

Times = NDArray[np.int64]
Values = NDArray[np.float64]


@dataclass(slots=True, eq=False)
class Dwell:
    """The least and the most time that a parameter was within since its phase began, up to the last look."""

    name: str
    last: Sample | None = None  # the last proven sample
    is_bad: bool = False  # since then
    least_ns: int = 0
    most_ns: int = 0
    cases: dict[str, Case] = field(default_factory=dict)  # by kind: too long

    def state(self) -> Json:
        """All of it."""
        last = None if self.last is None else list(self.last)
        cases = {kind: case.state() for kind, case in self.cases.items()}
        return [self.name, last, self.is_bad, self.least_ns, self.most_ns, cases]


def within_ns(one: Values, other: Values, span_ns: Times, low: Values, high: Values) -> Times:
    """How long straight lines from one value to the other are within closed intervals, in whole ns."""
    # Halves: the difference of two values that are far apart is no number.
    half, low_half, high_half = 0.5 * one, 0.5 * low, 0.5 * high
    step = 0.5 * other - half
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        at_low, at_high = (low_half - half) / step, (high_half - half) / step
        part = np.minimum(np.maximum(at_low, at_high), 1.0) - np.maximum(np.minimum(at_low, at_high), 0.0)
        # Where no value was known before, the part is no number: nothing.
        part = np.where(step == 0.0, (low <= one) & (one <= high), np.where(part > 0.0, part, 0.0))
    inside_ns: Times = np.rint(part * span_ns).astype(np.int64)
    return inside_ns


class Count:
    """One time of every tag that has one, by tag; of the others it says nothing."""

    def __init__(self, size: int) -> None:
        self.low: Values = np.full(size, -np.inf)
        self.high: Values = np.full(size, np.inf)
        self.least_ns: Times = np.zeros(size, dtype=np.int64)
        self.most_ns: Times = np.zeros(size, dtype=np.int64)
        self.limit_ns: Values = np.full(size, np.inf)  # the next that is to be said

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.low, self.high = grown(self.low, size, -np.inf), grown(self.high, size, np.inf)
        self.least_ns, self.most_ns = grown(self.least_ns, size, 0), grown(self.most_ns, size, 0)
        self.limit_ns = grown(self.limit_ns, size, np.inf)

    def begin(self, tag: int, dwell: Dwell, ranges: DwellRanges) -> None:
        """Count on from where a tag's time has come, up to the next limit of which nothing was said."""
        within = ranges.within.closed
        self.low[tag] = -np.inf if within.low is None else within.low
        self.high[tag] = np.inf if within.high is None else within.high
        self.least_ns[tag], self.most_ns[tag] = dwell.least_ns, dwell.most_ns
        limits = [each.closed.high for kind, each in ranges.ranges.items() if kind not in dwell.cases]
        self.limit_ns[tag] = min((each for each in limits if each is not None), default=np.inf)

    def leave(self, tag: int) -> None:
        """Say nothing more of a tag."""
        self.limit_ns[tag] = np.inf

    def add(self, tag: Index, least_ns: Times, most_ns: Times) -> None:
        """Let times go by, several of a tag at once."""
        np.add.at(self.least_ns, tag, least_ns)
        np.add.at(self.most_ns, tag, most_ns)


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
        # By tag: the last proven sample, and whether a row since then proved nothing.
        self._last_ns: Times = np.empty(0, dtype=np.int64)
        self._last: Values = np.empty(0)
        self._is_bad: Mask = np.empty(0, dtype=np.bool_)
        self._counts: list[Count] = []  # the first of each tag, the second of those that have two, and so on

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._is_watched = grown(self._is_watched, size, fill=False)
        self._last_ns = grown(self._last_ns, size, NEVER_NS)
        self._last = grown(self._last, size, np.nan)
        self._is_bad = grown(self._is_bad, size, fill=False)
        for count in self._counts:
            count.grow(size)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; what is not its unit's any more is counted no further."""
        self._tags[tag.id] = tag
        if tag.id in self._dwells:
            known = self._ranges(self._runs[tag.id], tag.id)
            self._look(tag.id)
            self._count(tag.id, [each for each in self._dwells[tag.id] if each.name in known])

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
                self._count(tag.id, [Dwell(name) for name in names])
                self._last_ns[tag.id], self._is_bad[tag.id] = NEVER_NS, False

    def _count(self, tag: int, dwells: list[Dwell]) -> None:
        """Count on from where these have come."""
        self._dwells[tag] = dwells
        self._is_watched[tag] = True
        ranges = self._ranges(self._runs[tag], tag) if dwells else {}
        while len(self._counts) < len(dwells):
            self._counts.append(Count(len(self._is_watched)))
        for number, count in enumerate(self._counts):
            if number < len(dwells):
                count.begin(tag, dwells[number], ranges[dwells[number].name])
            else:
                count.leave(tag)

    def _look(self, tag: int) -> list[Dwell]:
        """The times of a tag as they are now."""
        dwells = self._dwells.get(tag, [])
        last_ns = int(self._last_ns[tag])
        last = None if last_ns == NEVER_NS else Sample(last_ns, float(self._last[tag]))
        for dwell, count in zip(dwells, self._counts, strict=False):
            dwell.last, dwell.is_bad = last, bool(self._is_bad[tag])
            dwell.least_ns, dwell.most_ns = int(count.least_ns[tag]), int(count.most_ns[tag])
        return dwells

    def judge(self, frame: Frame) -> list[Said]:
        """Count the rows of watched tags."""
        if not self._dwells:
            return []
        watched = self._is_watched[frame.at].nonzero()[0]
        if not len(watched):
            return []
        rows = frame.rows
        tag, time_ns, value = rows.tag[watched], rows.time_ns[watched], rows.value[watched]
        is_bad = self._is_bad[tag]
        if rows.ok is not None:
            ok = rows.ok[watched]
            is_bad = _bad_before(tag, ok, is_bad)
            self._is_bad[tag] = ~ok  # of several rows of a tag the last one stays
            watched, tag, time_ns, value = watched[ok], tag[ok], time_ns[ok], value[ok]
        else:
            self._is_bad[tag] = False
            is_bad &= True if frame.first is None else frame.first[watched]
        before_ns, before = self._last_ns[tag], self._last[tag]
        if frame.first is not None:
            again = tag[1:] == tag[:-1]
            before_ns[1:] = np.where(again, time_ns[:-1], before_ns[1:])
            before[1:] = np.where(again, value[:-1], before[1:])
        known = before_ns != NEVER_NS
        span_ns = np.where(known, time_ns - before_ns, 0)
        is_line = known & ~is_bad & ~self._gaps.hide(self._tags, tag, before_ns, time_ns)
        steps = []
        is_over = np.zeros(len(tag), dtype=np.bool_)
        for count in self._counts:
            inside_ns = within_ns(before, value, span_ns, count.low[tag], count.high[tag])
            step = (np.where(is_line, inside_ns, 0), np.where(is_line, inside_ns, span_ns))
            count.add(tag, *step)
            steps.append(step)
            is_over |= count.most_ns[tag] > count.limit_ns[tag]
        self._last_ns[tag], self._last[tag] = time_ns, value
        over = is_over.nonzero()[0]
        return self._say(frame, watched[over], [(low[over], high[over]) for low, high in steps]) if len(over) else []

    def _say(self, frame: Frame, index: Index, steps: list[tuple[Times, Times]]) -> list[Said]:
        """Count these rows of tags that are within for too long one by one, and say so where they come to it."""
        rows = frame.rows
        for count, (least_ns, most_ns) in zip(self._counts, steps, strict=True):
            count.add(rows.tag[index], -least_ns, -most_ns)
        said: list[Said] = []
        for number, row in enumerate(index.tolist()):
            tag = int(rows.tag[row])
            for count, (least_ns, most_ns) in zip(self._counts, steps, strict=True):
                count.least_ns[tag] += least_ns[number]
                count.most_ns[tag] += most_ns[number]
            if any(count.most_ns[tag] > count.limit_ns[tag] for count in self._counts):
                found = self._too_long(tag, int(rows.time_ns[row]), rows.position(row))
                said += [(frame.place(row), finding) for finding in found]
        return said

    def _too_long(self, tag: int, at_ns: int, position: RowPosition) -> list[Finding]:
        run, found = self._runs[tag], []
        known = self._ranges(run, tag)
        for dwell, count in zip(self._look(tag), self._counts, strict=False):
            ranges = known[dwell.name]
            for kind, limits in ranges.ranges.items():
                if limits.high is not None and limits.is_above(dwell.most_ns) and kind not in dwell.cases:
                    case = self._case(f"dwell.{kind}.high", run, dwell, at_ns, position)
                    dwell.cases[kind] = case
                    message = f"{self._was(tag, run, dwell, ranges)}, {_beyond(kind, limits, 1)},{run.place}."
                    evidence = self._evidence(dwell, ranges, kind, limits.high)
                    found.append(case.say(Stage.OPEN, at_ns, message, evidence))
            count.begin(tag, dwell, ranges)
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
            self._look(tag.id)
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
        dwells = self._look(tag)
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
        self._go_on(tag, alone._look(tag))  # noqa: SLF001

    def _go_on(self, tag: int, dwells: list[Dwell]) -> None:
        """Count on from where these have come, and from their last sample."""
        self._count(tag, dwells)
        last = dwells[0].last if dwells else None
        self._last_ns[tag], self._last[tag] = (NEVER_NS, np.nan) if last is None else last
        self._is_bad[tag] = bool(dwells) and dwells[0].is_bad

    def state(self) -> Json:
        """All of it."""
        running = [[tag, [each.state() for each in self._look(tag)]] for tag in self._dwells]
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
            self._go_on(tag, [_dwell_from(each) for each in dwells])


def _bad_before(tag: Index, ok: Mask, was_bad: Mask) -> Mask:
    """For each proven one of rows grouped by tag, whether one between it and the proven one before was not proven.

    `was_bad`: whether one before these rows was, since the last proven one.
    """
    number = np.arange(len(tag))
    first = np.concatenate([[True], tag[1:] != tag[:-1]])
    start = np.maximum.accumulate(np.where(first, number, 0))
    total = np.cumsum(~ok)
    count = (total - total[start] + ~ok[start])[ok]
    hidden: Mask = (count > 0) | was_bad[ok]
    again = tag[ok][1:] == tag[ok][:-1]
    hidden[1:] = np.where(again, count[1:] != count[:-1], hidden[1:])
    return hidden


def _dwell_from(state: Json) -> Dwell:
    name, last, is_bad, least_ns, most_ns, cases = state
    sample = None if last is None else Sample(*last)
    return Dwell(name, sample, is_bad, least_ns, most_ns, {kind: case_from(case) for kind, case in cases.items()})


def _beyond(kind: RangeKind, limits: Limits, sign: int) -> str:
    """`above the validated 4 h 00 min`."""
    limit, is_open = (limits.high, limits.high_open) if sign > 0 else (limits.low, limits.low_open)
    return f"{side_in_words(sign, is_open=is_open)} the {IN_WORDS[kind]} {format_duration(int(limit or 0))}"
