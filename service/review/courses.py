"""How long each critical parameter of a batch was observed, and inside its ranges, by the rows of the record."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived
from detectors.late.rejudging import in_order_of_time
from detectors.ranges.set_points import Step, steps_of
from domain.batch_report import Hidden, ParameterHeld, RangeHeld
from domain.entries import Gap, Position
from domain.equipment import UnitModel
from domain.findings import Finding, PhaseRecord
from domain.observed import Course, Observed, Stretch, Window, joined, observe
from domain.ports import HistoryReader, Rows
from domain.recipes import Limits, ParameterRanges, RangeKind, Recipe
from domain.review import UNOBSERVED, sentence_of
from domain.rules import Rulebook
from domain.status import BAD
from domain.tags import Tag, TagTable
from domain.time import HOUR_NS

MOST_HIDDEN = 20
"""Stretches of one parameter and phase that are told one by one; all of them count."""

_AFTER_NS = HOUR_NS
_MOST_AFTER_NS = 31 * 24 * HOUR_NS
_QUALITY = "Bad quality, or no sample"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch was judged by, and what is known of its time, as of a position."""

    rulebook: Rulebook
    recipe_of: Callable[[PhaseRecord], Recipe | None]
    tags: TagTable
    gaps: Sequence[Gap]
    position: Position
    clock_ns: int


@dataclass(slots=True)
class Courses:
    """The courses of a batch's parameters; rows of a tag are read once for each run of a phase."""

    history: HistoryReader
    judged: Judged
    _set_points: dict[str, Sequence[Step]] = field(default_factory=dict)

    def held(self, phases: Sequence[PhaseRecord], findings: Sequence[Finding]) -> Iterator[ParameterHeld]:
        """Every parameter that a recipe has ranges for, phase run by phase run. Blocks: reads every row."""
        for phase in phases:
            recipe, unit = self.judged.recipe_of(phase), self.judged.rulebook.units.get(phase.unit)
            known = None if recipe is None else recipe.phases.get(phase.phase)
            if recipe is None or unit is None or known is None:
                continue
            for role, ranges in known.parameters.items():
                tag = self.judged.tags.find(unit.parameters.get(role, ""))
                if tag is not None:
                    yield self._held(phase, unit, ranges, tag, findings)

    def _held(
        self, phase: PhaseRecord, unit: UnitModel, ranges: ParameterRanges, tag: Tag, findings: Sequence[Finding]
    ) -> ParameterHeld:
        end_ns = max(phase.start_ns, self.judged.clock_ns) if phase.end_ns is None else phase.end_ns
        window = Window(phase.start_ns, min(phase.start_ns + ranges.after_ns, end_ns), end_ns)
        others, arrived = self._rows(tag, window)
        course = Course(arrived.time_ns, arrived.value, _ok(arrived), self._gaps(tag, window))
        seen = observe(course, window, ranges.ranges)
        told = [*_kept(seen, ranges.ranges, is_around=False)]
        if ranges.relative:
            around = observe(self._deviation(course, unit, ranges, window), window, ranges.relative)
            told += _kept(around, ranges.relative, is_around=True)
        own = [each for each in findings if each.subject == tag.name and each.phase_instance == phase.instance]
        return ParameterHeld(
            f"{UNOBSERVED}/{phase.instance}/{tag.name}",
            tag.name,
            tag.measure,
            phase.unit,
            ranges.parameter,
            phase.phase,
            phase.instance,
            phase.recipe,
            ranges.study,
            ranges.set_point if ranges.relative else "",
            window.start_ns,
            window.end_ns,
            phase.end_ns is None,
            seen.whole_ns,
            seen.observed_ns,
            tuple(self._hidden(tag, seen))[:MOST_HIDDEN],
            len(seen.hidden),
            seen.rows,
            seen.bad_rows,
            others,
            seen.least,
            seen.most,
            seen.mean,
            tuple(told),
            tuple(sorted({str(each.id) for each in own})),
            sentence_of(seen.observed_ns, seen.whole_ns, told, seen.hidden),
        )

    def _rows(self, tag: Tag, window: Window) -> tuple[int, Arrived]:
        """How many rows another of the same time stands before, and those that count, with the proven ones around."""
        rows = self._read(tag, self._before_ns(tag, window.start_ns), window.end_ns)
        further_ns = _AFTER_NS
        while True:
            until_ns = min(window.end_ns + further_ns, max(self.judged.clock_ns, window.end_ns) + 1)
            after = self._read(tag, window.end_ns, until_ns)
            proven = np.isfinite(after.value) & (after.status < np.uint32(BAD))
            if proven.any() or until_ns > self.judged.clock_ns or further_ns > _MOST_AFTER_NS:
                break
            further_ns *= 8
        if proven.any():
            after = after.at(after.time_ns <= after.time_ns[np.flatnonzero(proven)[0]])
        both = _joined(rows, after)
        arrived = _in_order(tag, both)
        inside = rows.time_ns[(rows.time_ns >= window.start_ns) & (rows.time_ns < window.end_ns)]
        return len(inside) - int(np.count_nonzero(np.diff(inside))) - bool(len(inside)), _trimmed(arrived, window)

    def _before_ns(self, tag: Tag, start_ns: int) -> int:
        """The time of the last proven row at or before a time; the time itself where there is none."""
        at_ns = start_ns
        for _ in range(64):
            held = self.history.at_time(tag.id, at_ns, as_of=self.judged.position)
            if not len(held):
                return start_ns
            if np.isfinite(held.value[0]) and held.status[0] < np.uint32(BAD):
                return int(held.time_ns[0])
            at_ns = int(held.time_ns[0]) - 1
        return start_ns

    def _read(self, tag: Tag, start_ns: int, end_ns: int) -> Rows:
        return self.history.read(tag.id, start_ns, end_ns, as_of=self.judged.position, versions=True)

    def _gaps(self, tag: Tag, window: Window) -> list[Stretch]:
        found = [
            (each.start_ns, window.end_ns + 1 if each.end_ns is None else each.end_ns) for each in self._gaps_of(tag)
        ]
        return joined([(start, end) for start, end in found if start < end])

    def _gaps_of(self, tag: Tag) -> list[Gap]:
        return [each for each in self.judged.gaps if each.source == tag.source and each.tag in (None, tag.id)]

    def _hidden(self, tag: Tag, seen: Observed) -> Iterator[Hidden]:
        """Stretches that were not observed with their causes: gaps that touch them, else quality."""
        gaps = self._gaps_of(tag)
        for start_ns, end_ns in seen.hidden:
            near = [each for each in gaps if each.start_ns < end_ns and (each.end_ns is None or each.end_ns > start_ns)]
            causes = sorted({f"gap: {each.cause}" for each in near})
            spans = joined([(each.start_ns, end_ns if each.end_ns is None else each.end_ns) for each in near])
            is_all = len(spans) == 1 and spans[0][0] <= start_ns and spans[0][1] >= end_ns
            yield Hidden(start_ns, end_ns, ", ".join(causes if is_all else [*causes, _QUALITY]))

    def _deviation(self, course: Course, unit: UnitModel, ranges: ParameterRanges, window: Window) -> Course:
        """The parameter less its set point, with a row before and after each step; what is not known proves nothing."""
        name = unit.parameters.get(ranges.set_point, "")
        first_ns = int(course.time_ns[0]) if len(course.time_ns) else window.start_ns
        tag = self.judged.tags.find(name)
        steps: Sequence[Step] = [Step(first_ns, np.nan)]
        if tag is not None:
            since_ns = self._before_ns(tag, first_ns)
            rows = self._read(tag, since_ns, window.end_ns)
            steps = steps_of(in_order_of_time(tag.source, tag.id, rows, {}), first_ns)
        return deviation(course, steps)


def _in_order(tag: Tag, rows: Rows) -> Arrived:
    """As `in_order_of_time`, which sorts: of a whole batch most tags have one row of each time, and are in order."""
    if not np.all(rows.time_ns[1:] > rows.time_ns[:-1]):
        return in_order_of_time(tag.source, tag.id, rows, {})
    bad = (rows.status >= np.uint32(BAD)) | ~np.isfinite(rows.value)
    tags = np.full(len(rows), tag.id, dtype=np.intp)
    return Arrived(tag.source, tags, rows.time_ns, rows.value, ~bad, bad, rows.entry, rows.row.astype(np.int64))


def deviation(course: Course, steps: Sequence[Step]) -> Course:
    """A course less the set point that held: between samples the line is cut where the set point steps."""
    good = np.flatnonzero(course.ok)
    step_ns = np.array([each.time_ns for each in steps[1:]], dtype=np.int64)
    level = np.array([each.value for each in steps])
    if len(good):
        inner = step_ns[(step_ns > course.time_ns[good[0]]) & (step_ns < course.time_ns[good[-1]])]
        value = np.interp(inner.astype(np.float64), course.time_ns[good].astype(np.float64), course.value[good])
    else:
        inner, value = np.empty(0, dtype=np.int64), np.empty(0)
    place = np.searchsorted(step_ns, inner)  # of the level before each step
    time_ns = np.concatenate((course.time_ns, inner, inner))
    held = level[np.searchsorted(step_ns, course.time_ns, "right")]
    told = np.concatenate((course.value - held, value - level[place], value - level[place + 1]))
    seen = _seen(course, inner)
    ok = np.concatenate(
        (course.ok & np.isfinite(held), seen & np.isfinite(level[place]), seen & np.isfinite(level[place + 1]))
    )
    rank = np.concatenate((np.full(len(course.time_ns), 1), np.zeros(len(inner)), np.full(len(inner), 2)))
    order = np.lexsort((rank, time_ns))
    return Course(time_ns[order], told[order], ok[order], course.gaps)


def _seen(course: Course, time_ns: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether a course is observed at some times between its proven rows."""
    seen: NDArray[np.bool_] = course.ok[np.searchsorted(course.time_ns, time_ns, "right") - 1].copy()
    for start_ns, end_ns in course.gaps:
        seen &= (time_ns < start_ns) | (time_ns >= end_ns)
    return seen


def _kept(seen: Observed, ranges: Mapping[RangeKind, Limits], *, is_around: bool) -> Iterator[RangeHeld]:
    for kind in RangeKind:
        if kind in ranges:
            limits, within = ranges[kind], seen.within[kind]
            yield RangeHeld(
                kind.value,
                limits.low,
                limits.high,
                limits.ends,
                is_around,
                within.inside_ns,
                within.above_ns,
                within.below_ns,
                within.unproven_ns,
            )


def _ok(rows: Arrived) -> NDArray[np.bool_]:
    return np.ones(len(rows), dtype=np.bool_) if rows.ok is None else rows.ok


def _trimmed(rows: Arrived, window: Window) -> Arrived:
    """The rows in a window, with those from the last proven one before it, and up to the first proven one after it."""
    ok = _ok(rows)
    before = np.flatnonzero(ok & (rows.time_ns <= window.start_ns))
    after = np.flatnonzero(ok & (rows.time_ns >= window.end_ns))
    begin = int(before[-1]) if len(before) else 0
    end = int(after[0]) + 1 if len(after) else len(rows)
    return rows.chosen(slice(begin, end))


def _joined(rows: Rows, more: Rows) -> Rows:
    return Rows(
        np.concatenate((rows.time_ns, more.time_ns)),
        np.concatenate((rows.value, more.value)),
        np.concatenate((rows.status, more.status)),
        np.concatenate((rows.entry, more.entry)),
        np.concatenate((rows.row, more.row)),
    )
