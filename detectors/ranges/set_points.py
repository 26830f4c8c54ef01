"""Ranges around a set point that moves: the deviation from it is judged, so that the limits follow it exactly.

The set point is a step function of its own source times. Between two samples of the parameter the straight line is cut
where the set point steps, with the deviation before and after the step at that time: an excursion that the step makes
begins at the step, and area and duration are those against the limits that held. A set point that is Bad or not known
proves nothing. One that arrives after a later sample of its parameter was judged asks that the run is judged again: it
counts from its own time.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Arrived, Frame, Index, LastSamples, Mask, group, grown
from detectors.cases import IN_WORDS, Json, Origin, Run, quantity
from detectors.gaps import Gaps
from detectors.late.derived import Alone
from detectors.late.rejudging import Verdict
from detectors.part import Part, Said
from detectors.ranges.derived import DerivedRanges, DerivedRows, joined, no_rows
from detectors.ranges.excursions import Sample
from detectors.ranges.limits import Limit, agrees, limits_of, ranges_of, side_in_words
from detectors.versions import Versions
from domain.entries import NOWHERE, Gap, RowPosition
from domain.equipment import UnitModel
from domain.findings import Finding, Recheck, Stage
from domain.recipes import ParameterRanges, RangeKind
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import format_duration

MOST_STEPS = 1024
"""Steps of a set point that wait for the next sample of its parameter; beyond it the oldest are taken as one."""


class Step(NamedTuple):
    """From when on a set point has a value (NaN: it is not proven), and the place of the row that told it."""

    time_ns: int
    value: float
    at: tuple[int, int] = NOWHERE


def is_step(before: float, value: float) -> bool:
    """Whether a value of a set point differs from the one before; what is not proven (NaN) is like itself."""
    return value != before and not (math.isnan(value) and math.isnan(before))


def steps_of(rows: Arrived, start_ns: int) -> list[Step]:
    """The steps of a set point from a time on, by its rows in the order of time, from the one that held then on.

    So it was judged by: an unproven row is a step to NaN, and before the first row nothing is proven.
    """
    ok = np.ones(len(rows), dtype=np.bool_) if rows.ok is None else rows.ok
    values = np.where(ok, rows.value, np.nan).tolist()
    places = zip(rows.entry.tolist(), rows.row.tolist(), strict=True)
    steps = [Step(start_ns, math.nan)]
    for time_ns, value, at in zip(rows.time_ns.tolist(), values, places, strict=True):
        if time_ns <= start_ns:
            steps[0] = Step(start_ns, value)
        elif is_step(steps[-1].value, value):
            steps.append(Step(time_ns, value, at))
    return steps


@dataclass(slots=True, eq=False)
class Around:
    """A parameter's set point: what it was at the parameter's last sample, then its steps since."""

    set_point: int  # its tag
    start_ns: int  # of the run
    steps: list[Step]

    @property
    def now(self) -> float:
        """The newest value; NaN where it is not proven."""
        return self.steps[-1].value

    @property
    def is_steady(self) -> bool:
        """Whether it did not step since the parameter's last sample."""
        return len(self.steps) == 1

    def take(self, step: Step) -> None:
        """Take a step; the same value again is none."""
        if not is_step(self.now, step.value):
            return
        self.steps.append(step)
        if len(self.steps) > MOST_STEPS:
            del self.steps[1]


class Moment(NamedTuple):
    """A parameter's value, and its set point then."""

    value: float
    set_point: float


class Deviations(NamedTuple):
    """The deviations of one frame; NaN where one is not proven."""

    at: Index  # rows of the frame: all those of parameters that are judged around a set point
    value: NDArray[np.float64]
    behind: list[tuple[int, int]]  # parameters whose set point stepped earlier than this time, that of their newest row


_NO_DEVIATIONS = Deviations(np.empty(0, dtype=np.intp), np.empty(0), [])


@dataclass(slots=True, eq=False)
class _Told:
    """What follows from the rows of one frame whose set points step."""

    rows: DerivedRows
    before: dict[int, Sample | None]  # each parameter's own last sample; None: it proved nothing
    moments: dict[int, Moment]  # by place
    newest_ns: dict[int, int]  # each parameter's newest proven sample
    behind: list[tuple[int, int]]


class SetPoints(Part):
    """Excursions of deviations from set points."""

    name = "set_points"

    def __init__(
        self,
        rulebook: Rulebook,
        origin: Origin,
        last: LastSamples,
        gaps: Gaps,
        versions: Versions,
        runs: dict[int, Run],
    ) -> None:
        """`last`: the tags' own last samples; `runs`: those of the tags' units."""
        self._rulebook = rulebook
        self._origin = origin
        self._last = last
        self._gaps = gaps
        self._versions = versions
        self._runs = runs
        self._asked: list[Recheck] = []
        self._tags: dict[int, Tag] = {}
        self._ids: dict[str, int] = {}
        self._inner = DerivedRanges(rulebook, origin, gaps, versions, self._limits_for)
        self._around: dict[int, Around] = {}
        self._followers: dict[int, list[int]] = {}  # the parameters of a set point
        self._stepped: set[int] = set()  # parameters whose set point stepped since their last sample
        self._is_parameter: Mask = np.empty(0, dtype=np.bool_)
        self._is_set_point: Mask = np.empty(0, dtype=np.bool_)
        self._set_point: NDArray[np.float64] = np.empty(0)  # of each parameter, the newest
        self._own: NDArray[np.float64] = np.empty(0)  # of each set point
        self._is_bad: Mask = np.empty(0, dtype=np.bool_)  # the last row proved nothing
        self.deviations = _NO_DEVIATIONS
        """Of the frame that was judged last: parts that are asked later about the same frame use them."""

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._inner.grow(size)
        self._is_parameter = grown(self._is_parameter, size, fill=False)
        self._is_set_point = grown(self._is_set_point, size, fill=False)
        self._set_point = grown(self._set_point, size, np.nan)
        self._own = grown(self._own, size, np.nan)
        self._is_bad = grown(self._is_bad, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        before = self._tags.get(tag.id)
        if before is not None and self._ids.get(before.name) == tag.id:
            del self._ids[before.name]
        self._tags[tag.id] = tag
        self._ids[tag.name] = tag.id
        self._inner.bind(tag, unit)

    def _ranges(self, run: Run, tag: int) -> ParameterRanges | None:
        """The ranges of a parameter that has some around a set point."""
        name, model = self._tags[tag].name, self._rulebook.units[run.unit]
        for role, parameter in model.parameters.items():
            ranges = ranges_of(run, role) if parameter == name else None
            if ranges is not None and ranges.relative and agrees(ranges, self._tags[tag]):
                return ranges
        return None

    def _limits_for(self, run: Run, tag: int) -> tuple[Limit, ...]:
        ranges = self._ranges(run, tag)
        if ranges is None:
            return ()
        rules = self._rulebook.tags.get(self._tags[tag].name)
        return limits_of(ranges.relative, run.start_ns + ranges.after_ns, ranges.study, rules)

    def has_ranges(self, run: Run, tag: int) -> bool:
        """Whether a parameter has ranges around a set point in a run."""
        return self._ranges(run, tag) is not None

    def limits(self, run: Run, tag: int) -> tuple[Limit, ...]:
        """The limits of a parameter's deviation in its run; none where its set point is no known tag."""
        return self._limits_for(run, tag) if tag in self._around else ()

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Judge the parameters that have ranges around a set point."""
        model = self._rulebook.units[run.unit]
        for tag in tags:
            ranges = self._ranges(run, tag.id)
            set_point = None if ranges is None else self._named(model, ranges.set_point)
            if set_point is not None:
                known = self._last.time_ns[set_point] != NEVER_NS and not self._is_bad[set_point]
                value = float(self._last.value[set_point]) if known else np.nan
                self._follow(tag.id, Around(set_point, run.start_ns, [Step(run.start_ns, value)]))
                self._inner.phase_starts(run, tag)

    def inputs(self, run: Run, tag: int) -> list[Tag]:
        """A parameter and its set point; none where no range is around one."""
        ranges = self._ranges(run, tag)
        set_point = None if ranges is None else self._named(self._rulebook.units[run.unit], ranges.set_point)
        return [] if set_point is None else [self._tags[tag], self._tags[set_point]]

    def alone(self) -> "SetPoints":
        """The same rules, of which nothing is known yet but the gaps."""
        return SetPoints(self._rulebook, self._origin, LastSamples(), self._gaps, self._versions, {})

    def judge_rows(self, rows: Arrived) -> list[Finding]:
        """Judge rows that stand alone, and take note of them as the last."""
        size = int(rows.tag.max()) + 1
        self.grow(size)
        self._last.grow(size)
        frame = group(rows)
        found = [finding for _, finding in self.judge(frame)]
        self._last.take(frame)
        return found

    def begin(self, run: Run, tags: list[Tag]) -> None:
        """Judge the first of the tags around the second, alone, in a run."""
        size = max(tag.id for tag in tags) + 1
        self.grow(size)
        self._last.grow(size)
        for tag in tags:
            self._runs[tag.id] = run
            self.bind(tag, run.unit)
        self.phase_starts(run, tags[:1])

    def over(self, run: Run, tag: int) -> list[Finding] | None:
        """What was said of a parameter in a run and is over."""
        return self._inner.over(run, self._tags[tag].name)

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of the excursions that are not over."""
        return [self._in_words(each, None) for each in self._inner.standing(tag, at_ns)]

    def remember(self, finding: Finding) -> None:
        """Take what was said of an excursion that is over."""
        self._inner.remember(finding)

    def take_over(self, tag: int, alone: Alone, verdicts: Sequence[Verdict]) -> None:
        """Go on with a parameter from where another judge, which followed it alone, has come."""
        assert isinstance(alone, SetPoints)
        self._inner.take_over(tag, alone._inner, verdicts)  # noqa: SLF001  of its kind
        around = alone._around[tag]  # noqa: SLF001
        self._leave(tag)
        self._follow(tag, around)

    def asked(self) -> list[Recheck]:
        """The stretches of parameters that lie behind a step of their set point that came after them; asked once."""
        asked, self._asked = self._asked, []
        return asked

    def _named(self, model: UnitModel, role: str) -> int | None:
        return self._ids.get(model.parameters.get(role, ""))

    def _follow(self, tag: int, around: Around) -> None:
        self._around[tag] = around
        self._is_parameter[tag] = True
        if not around.is_steady:
            self._stepped.add(tag)
        self._set_point[tag] = around.now
        self._followers.setdefault(around.set_point, []).append(tag)
        self._is_set_point[around.set_point] = True
        self._own[around.set_point] = around.now

    def _leave(self, tag: int) -> None:
        around = self._around.pop(tag)
        self._stepped.discard(tag)
        self._is_parameter[tag] = False
        followers = self._followers[around.set_point]
        followers.remove(tag)
        if not followers:
            del self._followers[around.set_point]
            self._is_set_point[around.set_point] = False

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End what was judged in the phase."""
        concerned = [tag for tag in tags if tag.id in self._around]
        found = self._inner.phase_ends(run, concerned, at_ns, position)
        told = [self._in_words(finding, None) for finding in found]
        for tag in concerned:
            self._leave(tag.id)
        return told

    def judge(self, frame: Frame) -> list[Said]:
        """Judge deviations: all that have a steady set point at once, the others row by row."""
        self.deviations = _NO_DEVIATIONS
        said = self._judge(frame) if self._around else []
        rows = frame.rows
        if rows.ok is not None:
            self._is_bad[rows.tag] = ~rows.ok
        elif np.count_nonzero(self._is_bad):
            self._is_bad[frame.at] = False
        return said

    def _judge(self, frame: Frame) -> list[Said]:
        rows = frame.rows
        is_parameter = self._is_parameter[frame.at]
        concerned = is_parameter | self._is_set_point[frame.at]
        if not np.count_nonzero(concerned):
            return []
        moving = self._moving(rows, frame.at)
        arrival = np.arange(len(rows)) if frame.arrival is None else frame.arrival
        if moving:
            is_moving = np.isin(rows.tag, [*moving, *(self._around[tag].set_point for tag in moving)]) & concerned
            steady = (is_parameter & ~is_moving).nonzero()[0]
        else:
            steady = is_parameter.nonzero()[0]
        derived, places = self._steady(rows.chosen(steady)), arrival[steady]
        self.deviations = Deviations(steady, derived.value, [])
        told = _Told(no_rows(), {}, {}, {}, [])
        if moving:
            stepping = is_moving.nonzero()[0]
            for index in stepping[np.argsort(arrival[stepping], kind="stable")].tolist():
                self._take(rows, index, int(arrival[index]), told)
            self.deviations = _with_moving(self.deviations, stepping[is_parameter[stepping]], arrival, told)
            others, other_places = told.rows.arrived(rows.source)
            derived, places = joined(derived, others), np.concatenate([places, other_places])
        said = self._inner.judge(derived, places) if len(derived) else []
        found: list[Said] = []
        for place, finding in said:
            moment = told.moments.get(place)
            if moment is None:
                index = int((arrival == place).nonzero()[0][0])
                moment = Moment(float(rows.value[index]), float(self._set_point[rows.tag[index]]))
            found.append((place, self._in_words(finding, moment)))
        return found

    def _moving(self, rows: Arrived, at: slice | Index) -> list[int]:
        """The parameters whose set point steps, or stepped since their last sample."""
        told = self._is_set_point[at]
        changed = told & (rows.value != self._own[at])
        if rows.ok is not None:
            changed |= told & ~rows.ok
        if not np.count_nonzero(changed):
            return sorted(self._stepped)
        stepping = {int(tag) for tag in rows.tag[changed]}
        return sorted(self._stepped.union(*(self._followers[tag] for tag in stepping)))

    def _steady(self, rows: Arrived) -> Arrived:
        """Deviations from set points that do not step."""
        value = rows.value - self._set_point[rows.tag]
        ok = np.isfinite(value) if rows.ok is None else np.isfinite(value) & rows.ok
        return replace(rows, value=value, ok=ok, bad=~ok, text=None)

    def _take(self, rows: Arrived, index: int, place: int, told: _Told) -> None:
        """One row of a parameter or of a set point that steps."""
        tag, time_ns = int(rows.tag[index]), int(rows.time_ns[index])
        is_ok = rows.ok is None or bool(rows.ok[index])
        value = float(rows.value[index]) if is_ok else np.nan
        at = (int(rows.entry[index]), int(rows.row[index]))
        if self._is_set_point[tag]:
            self._own[tag] = value
            for follower in self._followers[tag]:
                self._ask(follower, time_ns, value, told)
                self._around[follower].take(Step(time_ns, value, at))
                self._set_point[follower] = value
                if not self._around[follower].is_steady:
                    self._stepped.add(follower)
        if tag in self._around:
            self._take_parameter(tag, Sample(time_ns, value), at, place, told)

    def _ask(self, follower: int, time_ns: int, value: float, told: _Told) -> None:
        """Ask again where the parameter's samples are past this step already."""
        newest_ns = told.newest_ns.get(follower, int(self._last.time_ns[follower]))
        if is_step(self._around[follower].now, value) and newest_ns > time_ns:
            self._asked.append(Recheck(follower, time_ns, newest_ns))
            told.behind.append((follower, newest_ns))

    def _take_parameter(self, tag: int, now: Sample, at: tuple[int, int], place: int, told: _Told) -> None:
        around = self._around[tag]
        before = told.before[tag] if tag in told.before else self._last_of(tag)
        due = 1
        while due < len(around.steps) and around.steps[due].time_ns <= now.time_ns:
            due += 1
        if before is not None and math.isfinite(now.value) and self._is_line(tag, before.time_ns, now.time_ns, around):
            for old, new in itertools.pairwise(around.steps[:due]):
                at_ns = max(new.time_ns, before.time_ns)
                then = _between(before, now, at_ns)
                # The step's own row detects what it makes: so each of several has an identity of its own.
                told.rows.add(tag, at_ns, then - old.value, new.at, place)
                told.rows.add(tag, at_ns, then - new.value, new.at, place)
        del around.steps[: due - 1]
        if around.is_steady:
            self._stepped.discard(tag)
        set_point = around.steps[0].value
        told.rows.add(tag, now.time_ns, now.value - set_point, at, place)
        told.before[tag] = now if math.isfinite(now.value) else None
        if math.isfinite(now.value):
            told.newest_ns[tag] = now.time_ns
        told.moments[place] = Moment(now.value, set_point)

    def _last_of(self, tag: int) -> Sample | None:
        """The parameter's own last sample before this frame, if it proved its value."""
        time_ns = int(self._last.time_ns[tag])
        unproven = time_ns == NEVER_NS or bool(self._is_bad[tag])
        return None if unproven else Sample(time_ns, float(self._last.value[tag]))

    def _is_line(self, tag: int, start_ns: int, end_ns: int, around: Around) -> bool:
        """Whether the straight line between two samples of one run counts: nothing hides what was between them."""
        if start_ns < around.start_ns:
            return False
        return self._gaps.is_empty or not self._gaps.within(tag, self._tags[tag].source, start_ns, end_ns)

    def _in_words(self, finding: Finding, moment: Moment | None) -> Finding:
        """What was said of a deviation, told of the parameter and its set point."""
        evidence = finding.evidence
        limit, peak, unit = evidence["limit"], evidence["peak"], str(evidence["unit"])
        assert isinstance(limit, int | float)
        assert isinstance(peak, int | float)
        is_high = finding.rule.endswith(".high")
        side = side_in_words(1 if is_high else -1, is_open="excludes_limit" in evidence)
        words = f"{side} the {IN_WORDS[RangeKind(str(evidence['range']))]}"
        where = f" in phase {finding.phase}" + (f" of batch {finding.batch}" if finding.batch else "")
        more: dict[str, float | int | str | None] = {"around": "set point"}
        if finding.stage is Stage.OPEN and moment is not None:
            more |= {"value": moment.value, "set_point": moment.set_point}
            deviation = quantity(moment.value - moment.set_point, unit, signed=True)
            set_point = quantity(moment.set_point, unit)
            what = f"{finding.subject} is {quantity(moment.value, unit)}, {deviation} from its set point of {set_point}"
            message = f"{what}, {words} {quantity(limit, unit, signed=True)},{where}."
        else:
            end_ns = finding.at_ns if finding.end_ns is None else finding.end_ns
            for_how_long = format_duration(end_ns - finding.onset_ns)
            far = f"{'at most' if is_high else 'at least'} {quantity(peak, unit, signed=True)}"
            what = f"{finding.subject} was {words} {quantity(limit, unit, signed=True)} from its set point"
            message = f"{what} for {for_how_long}, {far},{where}."
        return replace(finding, message=message, evidence={**evidence, **more})

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        self._inner.gap(gap)

    def state(self) -> Json:
        """The set points that are followed, and what is outside."""
        around = [[tag, each.set_point, each.start_ns, each.steps] for tag, each in self._around.items()]
        return {"around": around, "inner": self._inner.state()}

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What is Bad, and what has gathered."""
        return {"is_bad": self._is_bad, **self._inner.arrays()}

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._is_bad = arrays["is_bad"].astype(np.bool_)
        for tag in list(self._around):
            self._leave(tag)
        for tag, set_point, start_ns, told in state["around"]:
            steps = [Step(time_ns, value, (entry, row)) for time_ns, value, (entry, row) in told]
            self._follow(tag, Around(set_point, start_ns, steps))
        self._inner.load(state["inner"], arrays, self._runs)


def _with_moving(steady: Deviations, moving: Index, arrival: Index, told: _Told) -> Deviations:
    """The deviations of a frame, those from set points that step too."""
    moments = [told.moments[place] for place in arrival[moving].tolist()]
    value = np.array([moment.value - moment.set_point for moment in moments])
    return Deviations(np.concatenate([steady.at, moving]), np.concatenate([steady.value, value]), told.behind)


def _between(one: Sample, other: Sample, at_ns: int) -> float:
    span_ns = other.time_ns - one.time_ns
    part = (at_ns - one.time_ns) / span_ns if span_ns else 1.0
    return one.value + (other.value - one.value) * part
