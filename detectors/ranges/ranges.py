"""Report the moment a tag leaves a range of its phase or a fixed limit, once per excursion, kind and side.

Every row is compared at once with the innermost limits of its tag. Only tags that are outside, or about which something
is not proven, are followed row by row; and of these only the rows that change something: while a value stays between
the same limits and within its peak, the areas of all such tags grow at once (as moments, from which each follows).

The onset is the interpolated crossing between the last sample inside and the first one outside, both of one phase.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Frame, Index, LastSamples, group, grown
from detectors.cases import Json, Origin, Run, open_case
from detectors.gaps import Gaps, Stretch, merged
from detectors.late.past import Ended, Past
from detectors.part import Part, Said
from detectors.ranges.excursions import Excursion, Sample, crossing_ns, excursion_from
from detectors.ranges.limits import Limit, agrees, fixed_limits, phase_limits, ranges_of
from detectors.versions import Versions
from domain.entries import Gap, RowPosition
from domain.findings import Finding, Stage
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


LimitsFor = Callable[[Run, int], tuple[Limit, ...]]
"""The limits that hold on a tag during a run."""


class Ranges(Part):
    """Excursions of all tags."""

    name = "ranges"

    def __init__(
        self,
        rulebook: Rulebook,
        origin: Origin,
        last: LastSamples,
        gaps: Gaps,
        versions: Versions,
        limits_for: LimitsFor | None = None,
    ) -> None:
        """`limits_for`: the limits of what is derived from a tag in a run, in place of those of the tag itself."""
        self._limits_for = limits_for
        self._rulebook = rulebook
        self._versions = versions
        self._origin = origin
        self._last = last
        self._tags: dict[int, Tag] = {}
        self._units: dict[int, str] = {}
        self._fixed: dict[int, tuple[Limit, ...]] = {}
        self._limits: dict[int, tuple[Limit, ...]] = {}
        self.runs: dict[int, Run] = {}  # by tag: the run of its unit
        self._watched: dict[int, Watch] = {}
        self.past = Past()
        self._gaps = gaps
        self._low: NDArray[np.float64] = np.empty(0)
        self._high: NDArray[np.float64] = np.empty(0)
        self._from_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        # While a watched tag's value is between these, before that time, a row changes nothing but areas.
        self._calm_low: NDArray[np.float64] = np.empty(0)
        self._calm_high: NDArray[np.float64] = np.empty(0)
        self._calm_until_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._moment: NDArray[np.float64] = np.empty(0)  # value times minutes since the areas were last settled
        self._span_min: NDArray[np.float64] = np.empty(0)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._low = grown(self._low, size, -np.inf)
        self._high = grown(self._high, size, np.inf)
        self._from_ns = grown(self._from_ns, size, FOREVER_NS)
        self._calm_low = grown(self._calm_low, size, np.inf)
        self._calm_high = grown(self._calm_high, size, -np.inf)
        self._calm_until_ns = grown(self._calm_until_ns, size, NEVER_NS)
        self._moment = grown(self._moment, size, 0.0)
        self._span_min = grown(self._span_min, size, 0.0)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition; `unit` is the equipment that it is a parameter of."""
        self._tags[tag.id] = tag
        self._units[tag.id] = unit
        is_derived = self._limits_for is not None
        self._fixed[tag.id] = () if is_derived else fixed_limits(self._rulebook.tags.get(tag.name))
        self._refresh(tag.id)

    def limits(self, tag: int) -> tuple[Limit, ...]:
        """The limits in force for a tag, those of its phase first."""
        return self._limits.get(tag, ())

    def _refresh(self, tag: int) -> None:
        """Derive what every row of a tag is compared with."""
        run = self.runs.get(tag)
        limits: tuple[Limit, ...] = ()
        if run is None and not self._fixed[tag] and not self._limits.get(tag) and tag not in self._watched:
            return  # as before: nothing to compare with
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
        if self._limits_for is not None:
            return self._limits_for(run, tag)
        name = self._tags[tag].name
        model = self._rulebook.units[run.unit]
        rules = self._rulebook.tags.get(name)
        found = (ranges_of(run, role) for role, parameter in model.parameters.items() if parameter == name)
        return tuple(
            limit
            for ranges in found
            if ranges is not None and agrees(ranges, self._tags[tag])
            for limit in phase_limits(run, ranges, rules)
        )

    def judge(self, frame: Frame) -> list[Said]:
        """Compare every row with its limits; follow row by row the tags about which there is something to say."""
        rows = frame.rows
        inside = (self._low[frame.at] <= rows.value) & (rows.value <= self._high[frame.at])
        if rows.bad is not None:
            inside &= ~rows.bad
        if np.count_nonzero(inside) == len(rows):
            return []
        suspect = (~inside).nonzero()[0]
        if rows.bad is None:
            suspect = suspect[rows.time_ns[suspect] >= self._from_ns[rows.tag[suspect]]]
        else:
            suspect = suspect[(rows.time_ns[suspect] >= self._from_ns[rows.tag[suspect]]) | rows.bad[suspect]]
        if self._watched:
            suspect = self._pass_calm(frame, suspect)
        if not len(suspect):
            return []
        if frame.first is not None:
            suspect = np.isin(rows.tag, rows.tag[suspect]).nonzero()[0]
        said = self._follow(frame, suspect)
        self._remember(finding for _, finding in said)
        return said

    def judge_rows(self, rows: Arrived) -> list[Finding]:
        """Judge rows that stand alone, and take note of them as the last."""
        frame = group(rows)
        found = [finding for _, finding in self.judge(frame)]
        self._last.take(frame)
        return found

    def _remember(self, found: Iterable[Finding]) -> None:
        for finding in found:
            if finding.stage is Stage.CLEARED:
                self.past.remember(finding)

    def begin_anew(self, newest_ns: NDArray[np.int64]) -> None:
        """What came before is not judged again: other rules judged it. `newest_ns` by tag."""
        for tag in self._tags.values():
            self.past.begin_after(tag.name, int(newest_ns[tag.id]))

    def is_judged(self, tag: int) -> bool:
        """Whether anything may be outside of a limit: late rows of others change nothing."""
        return bool(self._units.get(tag)) or bool(self._fixed.get(tag))

    def alone(self, tag: Tag) -> "Ranges":
        """The same rules over one tag, of which nothing is known yet but its gaps."""
        last = LastSamples()
        other = Ranges(self._rulebook, self._origin, last, self._gaps, self._versions)
        other.grow(tag.id + 1)
        last.grow(tag.id + 1)
        other.bind(tag, self._units[tag.id])
        return other

    def unproven_since_ns(self, tag: int) -> int | None:
        """Since when the rows of a tag prove nothing; None: the last one proved its value."""
        watch = self._watched.get(tag)
        return None if watch is None else watch.bad_since_ns

    def is_quiet(self, tag: int) -> bool:
        """Whether nothing of a tag is outside, and its last row proved it."""
        return tag not in self._watched

    def watch_of(self, tag: int) -> Watch | None:
        """What is followed of a tag, if anything is."""
        return self._watched.get(tag)

    def followed(self, tag: int) -> list[Excursion]:
        """The excursions of a tag that are not over, with their areas up to its last sample."""
        watch = self._watched.get(tag)
        if watch is None:
            return []
        self._settle_areas(tag, watch, int(self._last.time_ns[tag]))
        self._calm_down(tag, watch)
        return [*watch.open.values(), *watch.waiting]

    def runs_of(self, tag: int) -> list[Ended]:
        """The runs of a tag's unit that are known, the present one with an end that never comes."""
        unit, run = self._units.get(tag), self.runs.get(tag)
        over = self.past.runs(unit) if unit else []
        return over if run is None else [*over, Ended(run, FOREVER_NS)]

    def unknown_until_ns(self, tag: int) -> int | None:
        """Up to when not all is known that was said of a tag and its phases."""
        unknown_ns = self.past.unknown_until_ns(self._tags[tag].name)
        unit = self._units[tag]
        runs_from_ns = self.past.known_from_ns(unit) if unit else None
        known = [each for each in (unknown_ns, runs_from_ns) if each is not None]
        return max(known) if known else None

    def adopt(self, tag: int, other: "Ranges", last: Sample | None) -> None:
        """Go on with a tag from where another judge, which followed it alone, has come."""
        watch = other.watch_of(tag)
        if watch is None:
            self._watched.pop(tag, None)
        else:
            self._watched[tag] = watch
        if last is not None:
            self._last.time_ns[tag], self._last.value[tag] = last
        self._moment[tag] = self._span_min[tag] = 0.0
        self._refresh(tag)
        self._calm_down(tag, watch)

    def _pass_calm(self, frame: Frame, suspect: Index) -> Index:
        """Let the areas of tags grow about which there is nothing to say; return the rows of the others."""
        rows = frame.rows
        tag, time_ns, value = rows.tag[suspect], rows.time_ns[suspect], rows.value[suspect]
        calm = (self._calm_low[tag] <= value) & (value <= self._calm_high[tag]) & (time_ns < self._calm_until_ns[tag])
        if rows.ok is not None:
            calm &= rows.ok[suspect]
        if frame.first is not None:
            calm &= ~np.isin(tag, tag[~calm])
        if not np.count_nonzero(calm):
            return suspect
        left = suspect[~calm]
        tag, time_ns, value = tag[calm], time_ns[calm], value[calm]
        before_ns, before = self._last.time_ns[tag], self._last.value[tag]
        if frame.first is not None:
            again = tag[1:] == tag[:-1]
            before_ns[1:] = np.where(again, time_ns[:-1], before_ns[1:])
            before[1:] = np.where(again, value[:-1], before[1:])
        span_min = (time_ns - before_ns) / MINUTE_NS
        np.add.at(self._moment, tag, 0.5 * (value + before) * span_min)
        np.add.at(self._span_min, tag, span_min)
        return left

    def _follow(self, frame: Frame, suspect: NDArray[np.intp]) -> list[Said]:
        rows = frame.rows
        said: list[Said] = []
        before: dict[int, Sample | None] = {}
        for index in suspect.tolist():
            tag, time_ns = int(rows.tag[index]), int(rows.time_ns[index])
            if not self._limits.get(tag):
                continue
            if tag not in before:
                before[tag] = self.last_of(tag)
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

    def last_of(self, tag: int) -> Sample | None:
        """The last proven sample of a tag that was judged."""
        time_ns = int(self._last.time_ns[tag])
        return None if time_ns == NEVER_NS else Sample(time_ns, float(self._last.value[tag]))

    def bad_since(self, tag: int, at_ns: int) -> None:
        """Take note that what follows a time proves nothing about a tag, until its next proven sample."""
        if self._limits.get(tag):
            self._note_bad(tag, self._watched.get(tag), at_ns)

    def _note_bad(self, tag: int, watch: Watch | None, time_ns: int) -> None:
        if watch is None:
            watch = self._watched[tag] = Watch()
            self._refresh(tag)
        if watch.bad_since_ns is None:
            watch.bad_since_ns = time_ns
            self._calm_down(tag, watch)

    def _step(
        self, tag: int, watch: Watch, before: Sample | None, now: Sample, row: tuple[Arrived, int]
    ) -> list[Finding]:
        """Follow one proven sample."""
        if before is not None and self._is_calm(tag, now):
            # To the bit what `_pass_calm` does: how rows are batched must not show.
            span_min = float(now.time_ns - before.time_ns) / MINUTE_NS
            self._moment[tag] += 0.5 * (now.value + before.value) * span_min
            self._span_min[tag] += span_min
            return []
        if before is not None:
            self._settle_areas(tag, watch, before.time_ns)
        blind = [] if before is None else self._blind(tag, before.time_ns, now.time_ns, watch.bad_since_ns)
        watch.bad_since_ns = None
        found: list[Finding] = []
        for place, limit in enumerate(self._limits[tag]):
            # As `limit.excess(value) > 0`; this line runs for every limit of every row that is followed.
            outside = now.value > limit.value if limit.sign > 0 else now.value < limit.value
            excursion = watch.open.get(place)
            if excursion is None:
                if outside and now.time_ns >= limit.valid_from_ns:
                    excursion = self._opened(tag, limit, before, now, blind, row[0].position(row[1]))
                    watch.open[place] = excursion
                    found.append(excursion.open(now))
            elif before is not None:
                follow = self._go_on if outside else self._end
                found += follow(watch, place, before, now, blind)
        if watch.waiting:
            found += self._clear_waiting(watch, now)
        self._keep(tag, watch)
        return found

    def _go_on(self, watch: Watch, place: int, before: Sample, now: Sample, blind: list[Stretch]) -> list[Finding]:
        told = watch.open[place].extend(before, now, blind)
        return [] if told is None else [told]

    def _end(self, watch: Watch, place: int, before: Sample, now: Sample, blind: list[Stretch]) -> list[Finding]:
        excursion = watch.open.pop(place)
        cleared = excursion.is_clear_at(now.value)
        if not cleared:
            watch.waiting.append(excursion)
        return [excursion.end(before, now, blind, cleared=cleared)]

    def _clear_waiting(self, watch: Watch, now: Sample) -> list[Finding]:
        cleared = [excursion for excursion in watch.waiting if excursion.is_clear_at(now.value)]
        watch.waiting = [excursion for excursion in watch.waiting if not excursion.is_clear_at(now.value)]
        overflow = max(0, len(watch.waiting) - _MOST_WAITING)
        cleared += watch.waiting[:overflow]
        del watch.waiting[:overflow]
        return [excursion.clear(now.time_ns) for excursion in cleared]

    def _is_calm(self, tag: int, now: Sample) -> bool:
        within = bool(self._calm_low[tag] <= now.value) and bool(now.value <= self._calm_high[tag])
        return within and now.time_ns < int(self._calm_until_ns[tag])

    def _settle_areas(self, tag: int, watch: Watch, until_ns: int) -> None:
        """Give each excursion its part of what has gathered while nothing was to be said."""
        span_min = float(self._span_min[tag])
        if span_min == 0.0:
            return
        moment = float(self._moment[tag])
        for excursion in watch.open.values():
            limit = excursion.limit
            excursion.area += limit.sign * (moment - limit.value * span_min)
            excursion.last_outside_ns = until_ns
        self._moment[tag] = self._span_min[tag] = 0.0

    def _calm_down(self, tag: int, watch: Watch | None) -> None:
        """Derive between which values, and until when, a row of a watched tag changes nothing but areas."""
        low, high, until_ns = np.inf, -np.inf, NEVER_NS
        if watch is not None and watch.open and watch.bad_since_ns is None:
            low, high = -np.inf, np.inf
            until_ns = min(excursion.report_at_ns for excursion in watch.open.values())
            if not self._gaps.is_empty:
                # What a known gap hides is no area: rows after its begin are followed one by one.
                since_ns = max(excursion.last_outside_ns for excursion in watch.open.values())
                hidden = self._gaps.within(tag, self._tags[tag].source, since_ns, FOREVER_NS)
                until_ns = min([until_ns, *(start_ns for start_ns, _ in hidden[:1])])
            for place, limit in enumerate(self._limits[tag]):
                excursion = watch.open.get(place)
                edge = limit.value if excursion is None else excursion.peak
                beyond = math.nextafter(limit.value, limit.sign * math.inf)
                if excursion is None:
                    low, high = (low, min(high, edge)) if limit.sign > 0 else (max(low, edge), high)
                elif limit.sign > 0:
                    low, high = max(low, beyond), min(high, edge)
                else:
                    low, high = max(low, edge), min(high, beyond)
            for excursion in watch.waiting:
                limit = excursion.limit
                back = math.nextafter(limit.value - limit.sign * limit.deadband, limit.sign * math.inf)
                low, high = (max(low, back), high) if limit.sign > 0 else (low, min(high, back))
        self._calm_low[tag], self._calm_high[tag], self._calm_until_ns[tag] = low, high, until_ns

    def _keep(self, tag: int, watch: Watch) -> None:
        """Follow a tag on, or leave it to the comparison of all."""
        if watch.is_quiet:
            if self._watched.pop(tag, None) is not None:
                self._refresh(tag)
        elif tag not in self._watched:
            self._watched[tag] = watch
            self._refresh(tag)
        self._calm_down(tag, self._watched.get(tag))

    def _opened(
        self,
        tag: int,
        limit: Limit,
        before: Sample | None,
        now: Sample,
        blind: list[Stretch],
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
        if self._limits_for is not None:
            # The value itself may leave its range with the same row: that is another finding.
            case.id = f"derived/{case.id}"
        place = "" if run is None else run.place
        excursion = Excursion(limit, case, definition.unit, place, earliest_ns, now.time_ns, now.value, now.time_ns)
        excursion.area = _triangle(limit, area_from, now)
        return excursion

    def _blind(self, tag: int, start_ns: int, end_ns: int, bad_since_ns: int | None) -> list[Stretch]:
        """The stretches between two proven samples that prove nothing: gaps, and Bad from its time on."""
        if bad_since_ns is None and self._gaps.is_empty:
            return []
        bad = [] if bad_since_ns is None else [(min(max(bad_since_ns, start_ns), end_ns), end_ns)]
        return merged([*bad, *self._gaps.within(tag, self._tags[tag].source, start_ns, end_ns)])

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        for tag, watch in self._watched.items():
            if gap.tag == tag or (gap.tag is None and self._tags[tag].source == gap.source):
                self._settle_areas(tag, watch, int(self._last.time_ns[tag]))
                self._calm_down(tag, None)
                for excursion in watch.open.values():
                    excursion.hide(gap.start_ns, FOREVER_NS if gap.end_ns is None else gap.end_ns)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End what was judged by the phase's ranges; fixed limits go on."""
        found: list[Finding] = []
        for tag in tags:
            if self.runs.pop(tag.id, None) is None:
                continue
            ranges = len(self._limits[tag.id]) - len(self._fixed[tag.id])
            watch = self._watched.get(tag.id)
            if watch is not None:
                self._settle_areas(tag.id, watch, int(self._last.time_ns[tag.id]))
                found += [watch.open[place].moot(at_ns) for place in sorted(watch.open) if place < ranges]
                found += [excursion.moot(at_ns) for excursion in watch.waiting if excursion.limit.kind != "fixed"]
                watch.open = {place - ranges: each for place, each in watch.open.items() if place >= ranges}
                watch.waiting = [excursion for excursion in watch.waiting if excursion.limit.kind == "fixed"]
                self._keep(tag.id, watch)
            self._refresh(tag.id)
            self._calm_down(tag.id, None)
        self.past.ended(run, at_ns)
        self._remember(found)
        return found

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Judge the unit's parameters by the ranges of a phase from here on."""
        for tag in tags:
            self.runs[tag.id] = run
            fixed = len(self._fixed[tag.id])
            self._refresh(tag.id)
            ranges = len(self._limits[tag.id]) - fixed
            watch = self._watched.get(tag.id)
            if watch is not None:
                watch.open = {place + ranges: excursion for place, excursion in watch.open.items()}
            self._calm_down(tag.id, None)

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
            ],
            "past": self.past.state(),
        }

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What has gathered for the areas, and while it goes on gathering."""
        return {
            "calm_low": self._calm_low,
            "calm_high": self._calm_high,
            "calm_until_ns": self._calm_until_ns,
            "moment": self._moment,
            "span_min": self._span_min,
        }

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told; `runs` are those of the tags' units by then."""
        self._calm_low = arrays["calm_low"].astype(np.float64)
        self._calm_high = arrays["calm_high"].astype(np.float64)
        self._calm_until_ns = arrays["calm_until_ns"].astype(np.int64)
        self._moment = arrays["moment"].astype(np.float64)
        self._span_min = arrays["span_min"].astype(np.float64)
        self._watched = {}
        for each in state["watched"]:
            self._watched[each["tag"]] = Watch(
                {place: excursion_from(excursion) for place, excursion in each["open"]},
                [excursion_from(excursion) for excursion in each["waiting"]],
                each["bad_since_ns"],
            )
        self.past.load(state["past"], self._versions)
        for tag in {**self.runs, **self._watched}:
            self._refresh(tag)


def _between(one: Sample, other: Sample, at_ns: int) -> float:
    span_ns = other.time_ns - one.time_ns
    part = (at_ns - one.time_ns) / span_ns if span_ns else 1.0
    return one.value + (other.value - one.value) * part


def _triangle(limit: Limit, onset: Sample, now: Sample) -> float:
    """The area from the onset to the first sample outside, in unit·minute."""
    onset = onset._replace(value=onset.value if limit.excess(onset.value) > 0 else limit.value)
    return 0.5 * (limit.excess(onset.value) + limit.excess(now.value)) * (now.time_ns - onset.time_ns) / MINUTE_NS
