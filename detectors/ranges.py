"""Report the moment a tag leaves a range of its phase or a fixed limit, once per excursion, kind and side.

Every row is compared at once with the innermost limits of its tag; only tags that are outside, or about which something
is not proven, are followed row by row. The onset is the interpolated crossing between the last sample inside and the
first one outside, both of the same phase.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Frame, LastSamples, grown
from detectors.cases import Json, Origin, Run, open_case
from detectors.excursions import Excursion, Sample, crossing_ns, excursion_from
from detectors.gaps import Gaps, merged
from detectors.limits import Limit, fixed_limits, phase_limits, ranges_of
from domain.entries import Gap, RowPosition
from domain.findings import Finding
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS

_MOST_WAITING = 32  # excursions of one tag that have ended but are not yet past the deadband


@dataclass(slots=True, eq=False)
class Watch:
    """A tag that is followed row by row: it is outside, or its last rows prove nothing."""

    open: dict[int, Excursion] = field(default_factory=dict)  # by the place of the limit in the tag's limits
    waiting: list[Excursion] = field(default_factory=list)  # ended, not yet past the deadband
    bad_since_ns: int | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is left to follow."""
        return not self.open and not self.waiting and self.bad_since_ns is None


Said = tuple[int, Finding]
"""A finding, and the place of its row in the order of arrival."""


class Ranges:
    """Excursions of all tags."""

    def __init__(self, rulebook: Rulebook, origin: Origin, last: LastSamples, gaps: Gaps) -> None:
        self._rulebook = rulebook
        self._origin = origin
        self._last = last
        self._tags: dict[int, Tag] = {}
        self._units: dict[int, str] = {}
        self._fixed: dict[int, tuple[Limit, ...]] = {}
        self._limits: dict[int, tuple[Limit, ...]] = {}
        self.runs: dict[int, Run] = {}  # by tag: the run of its unit
        self._watched: dict[int, Watch] = {}
        self._gaps = gaps
        self._low: NDArray[np.float64] = np.empty(0)
        self._high: NDArray[np.float64] = np.empty(0)
        self._from_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._low = grown(self._low, size, -np.inf)
        self._high = grown(self._high, size, np.inf)
        self._from_ns = grown(self._from_ns, size, FOREVER_NS)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; `unit` is the equipment that it is a parameter of."""
        self._tags[tag.id] = tag
        self._units[tag.id] = unit
        self._fixed[tag.id] = fixed_limits(self._rulebook.tags.get(tag.name))
        self._refresh(tag.id)

    def limits(self, tag: int) -> tuple[Limit, ...]:
        """The limits in force for a tag, those of its phase first."""
        return self._limits.get(tag, ())

    def _refresh(self, tag: int) -> None:
        """Derive what every row of a tag is compared with."""
        run = self.runs.get(tag)
        limits: tuple[Limit, ...] = ()
        if run is not None:
            limits = self._phase_limits(run, tag)
        # The places of a phase's limits and of the fixed ones never mix: open excursions are found by place.
        self._limits[tag] = limits = limits + self._fixed.get(tag, ())
        if tag in self._watched:
            self._low[tag], self._high[tag], self._from_ns[tag] = np.inf, -np.inf, NEVER_NS
            return
        self._low[tag] = max((limit.value for limit in limits if limit.sign < 0), default=-np.inf)
        self._high[tag] = min((limit.value for limit in limits if limit.sign > 0), default=np.inf)
        self._from_ns[tag] = min((limit.valid_from_ns for limit in limits), default=FOREVER_NS)

    def _phase_limits(self, run: Run, tag: int) -> tuple[Limit, ...]:
        name = self._tags[tag].name
        model = self._rulebook.units[run.unit]
        rules = self._rulebook.tags.get(name)
        return tuple(
            limit
            for role, parameter in model.parameters.items()
            if parameter == name
            for limit in phase_limits(run, ranges_of(run, role), rules)
        )

    def judge(self, frame: Frame) -> list[Said]:
        """Compare every row with its limits; follow row by row the tags about which there is something to say."""
        rows = frame.rows
        inside = (self._low.take(rows.tag) <= rows.value) & (rows.value <= self._high.take(rows.tag))
        if rows.bad is not None:
            inside &= ~rows.bad
        if np.count_nonzero(inside) == len(rows):
            return []
        suspect = (~inside).nonzero()[0]
        if rows.bad is None:
            suspect = suspect[rows.time_ns[suspect] >= self._from_ns[rows.tag[suspect]]]
        else:
            suspect = suspect[(rows.time_ns[suspect] >= self._from_ns[rows.tag[suspect]]) | rows.bad[suspect]]
        if not len(suspect):
            return []
        if frame.first is not None:
            suspect = np.isin(rows.tag, rows.tag[suspect]).nonzero()[0]
        return self._follow(frame, suspect)

    def _follow(self, frame: Frame, suspect: NDArray[np.intp]) -> list[Said]:
        rows = frame.rows
        said: list[Said] = []
        before: dict[int, Sample | None] = {}
        for index in suspect.tolist():
            tag, time_ns = int(rows.tag[index]), int(rows.time_ns[index])
            if not self._limits.get(tag):
                continue
            if tag not in before:
                before[tag] = self._last_of(tag)
            watch = self._watched.get(tag)
            if rows.ok is not None and not rows.ok[index]:
                self._note_bad(tag, watch, time_ns)
                continue
            now = Sample(time_ns, float(rows.value[index]))
            found = self._step(tag, watch or Watch(), before[tag], now, (rows, index))
            before[tag] = now
            if found:
                place = frame.place(index)
                said += [(place, finding) for finding in found]
        return said

    def _last_of(self, tag: int) -> Sample | None:
        time_ns = int(self._last.time_ns[tag])
        return None if time_ns == NEVER_NS else Sample(time_ns, float(self._last.value[tag]))

    def _note_bad(self, tag: int, watch: Watch | None, time_ns: int) -> None:
        if watch is None:
            watch = self._watched[tag] = Watch()
            self._refresh(tag)
        if watch.bad_since_ns is None:
            watch.bad_since_ns = time_ns

    def _step(
        self, tag: int, watch: Watch, before: Sample | None, now: Sample, row: tuple[Arrived, int]
    ) -> list[Finding]:
        """Follow one proven sample."""
        blind = [] if before is None else self._blind(tag, before.time_ns, now.time_ns, watch.bad_since_ns)
        watch.bad_since_ns = None
        found: list[Finding] = []
        value, open_ = now.value, watch.open
        for place, limit in enumerate(self._limits[tag]):
            # As `limit.excess(value) > 0`; this line runs for every limit of every row outside.
            outside = value > limit.value if limit.sign > 0 else value < limit.value
            if not outside and place not in open_:
                continue
            excursion = open_.get(place)
            if excursion is None:
                if now.time_ns >= limit.valid_from_ns:
                    excursion = self._opened(tag, limit, before, now, blind, row[0].position(row[1]))
                    open_[place] = excursion
                    found.append(excursion.open(now))
            elif before is not None and outside:
                told = excursion.extend(before, now, blind)
                found += [] if told is None else [told]
            elif before is not None:
                del open_[place]
                cleared = excursion.is_clear_at(now.value)
                found.append(excursion.end(before, now, blind, cleared=cleared))
                if not cleared:
                    watch.waiting.append(excursion)
        if watch.waiting:
            found += self._clear_waiting(watch, now)
        self._keep(tag, watch)
        return found

    def _clear_waiting(self, watch: Watch, now: Sample) -> list[Finding]:
        cleared = [excursion for excursion in watch.waiting if excursion.is_clear_at(now.value)]
        watch.waiting = [excursion for excursion in watch.waiting if not excursion.is_clear_at(now.value)]
        overflow = max(0, len(watch.waiting) - _MOST_WAITING)
        cleared += watch.waiting[:overflow]
        del watch.waiting[:overflow]
        return [excursion.clear(now.time_ns) for excursion in cleared]

    def _keep(self, tag: int, watch: Watch) -> None:
        """Follow a tag on, or leave it to the comparison of all."""
        if watch.is_quiet:
            if self._watched.pop(tag, None) is not None:
                self._refresh(tag)
        elif tag not in self._watched:
            self._watched[tag] = watch
            self._refresh(tag)

    def _opened(
        self,
        tag: int,
        limit: Limit,
        before: Sample | None,
        now: Sample,
        blind: list[tuple[int, int]],
        position: RowPosition,
    ) -> Excursion:
        run = None if limit.kind == "fixed" else self.runs[tag]
        same_phase = before is not None and (run is None or before.time_ns >= run.start_ns)
        onset_ns, earliest_ns, area_from = now.time_ns, now.time_ns, now
        if before is not None and same_phase and blind:
            earliest_ns = max(blind[0][0], limit.valid_from_ns)
        elif before is not None and same_phase:
            outside_already = limit.excess(before.value) > 0  # and its limit did not hold yet
            onset_ns = before.time_ns if outside_already else crossing_ns(limit, before, now)
            onset_ns = earliest_ns = max(onset_ns, limit.valid_from_ns)
            area_from = Sample(onset_ns, _between(before, now, onset_ns))
        definition = self._tags[tag]
        case = open_case(
            self._origin,
            limit.rule,
            definition.name,
            onset_ns,
            position,
            run if run is not None else self.runs.get(tag),
            self._units[tag],
        )
        place = "" if run is None else run.place
        excursion = Excursion(limit, case, definition.unit, place, earliest_ns, now.time_ns, now.value, now.time_ns)
        excursion.area = _triangle(limit, area_from, now)
        return excursion

    def _blind(self, tag: int, start_ns: int, end_ns: int, bad_since_ns: int | None) -> list[tuple[int, int]]:
        """The stretches between two proven samples that prove nothing: gaps, and Bad from its time on."""
        if bad_since_ns is None and self._gaps.is_empty:
            return []
        bad = [] if bad_since_ns is None else [(min(max(bad_since_ns, start_ns), end_ns), end_ns)]
        return merged([*bad, *self._gaps.within(tag, self._tags[tag].source, start_ns, end_ns)])

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        for tag, watch in self._watched.items():
            if gap.tag == tag or (gap.tag is None and self._tags[tag].source == gap.source):
                for excursion in watch.open.values():
                    excursion.hide(gap.start_ns, FOREVER_NS if gap.end_ns is None else gap.end_ns)

    def phase_ends(self, tags: list[Tag], at_ns: int) -> list[Finding]:
        """End what was judged by the phase's ranges; fixed limits go on."""
        found: list[Finding] = []
        for tag in tags:
            if self.runs.pop(tag.id, None) is None:
                continue
            ranges = len(self._limits[tag.id]) - len(self._fixed[tag.id])
            watch = self._watched.get(tag.id)
            if watch is not None:
                found += [watch.open[place].moot(at_ns) for place in sorted(watch.open) if place < ranges]
                found += [excursion.moot(at_ns) for excursion in watch.waiting if excursion.limit.kind != "fixed"]
                watch.open = {place - ranges: each for place, each in watch.open.items() if place >= ranges}
                watch.waiting = [excursion for excursion in watch.waiting if excursion.limit.kind == "fixed"]
                self._keep(tag.id, watch)
            self._refresh(tag.id)
        return found

    def phase_starts(self, tags: list[Tag], run: Run) -> None:
        """Judge the unit's parameters by the ranges of a phase from here on."""
        for tag in tags:
            self.runs[tag.id] = run
            fixed = len(self._fixed[tag.id])
            self._refresh(tag.id)
            ranges = len(self._limits[tag.id]) - fixed
            watch = self._watched.get(tag.id)
            if watch is not None:
                watch.open = {place + ranges: excursion for place, excursion in watch.open.items()}

    def state(self) -> Json:
        """What is followed; limits follow from the runs."""
        return {
            "watched": [
                {
                    "tag": tag,
                    "open": [[place, excursion.state()] for place, excursion in watch.open.items()],
                    "waiting": [excursion.state() for excursion in watch.waiting],
                    "bad_since_ns": watch.bad_since_ns,
                }
                for tag, watch in self._watched.items()
            ]
        }

    def load(self, state: Json, runs: dict[int, Run]) -> None:
        """Take back what `state` told; `runs` are the runs of the tags' units."""
        self.runs.clear()
        self.runs.update(runs)
        self._watched = {}
        for each in state["watched"]:
            self._watched[each["tag"]] = Watch(
                {place: excursion_from(excursion) for place, excursion in each["open"]},
                [excursion_from(excursion) for excursion in each["waiting"]],
                each["bad_since_ns"],
            )
        for tag in self._tags:
            self._refresh(tag)


def _between(one: Sample, other: Sample, at_ns: int) -> float:
    span_ns = other.time_ns - one.time_ns
    part = (at_ns - one.time_ns) / span_ns if span_ns else 1.0
    return one.value + (other.value - one.value) * part


def _triangle(limit: Limit, onset: Sample, now: Sample) -> float:
    """The area from the onset to the first sample outside, in unit·minute."""
    onset = onset._replace(value=onset.value if limit.excess(onset.value) > 0 else limit.value)
    return 0.5 * (limit.excess(onset.value) + limit.excess(now.value)) * (now.time_ns - onset.time_ns) / MINUTE_NS
