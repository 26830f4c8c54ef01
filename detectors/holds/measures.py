"""How long a stay has lasted and how much of it counts: from its ends, its sources' clocks and its tag's strip."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived, Index, grown
from detectors.cases import Json
from detectors.gaps import Gaps
from detectors.holds.clocks import SourceClock, Span, Stamp, elapsed
from detectors.holds.kinetic import Kinetic
from detectors.holds.stays import Moment, Stay
from detectors.holds.strips import Strip
from domain.entries import Gap, Heartbeat, RowPosition
from domain.holds import Condition, Hold, HoldMode, Storage
from domain.rules import Rulebook
from domain.tags import Tag

_NO_STAMP = Stamp()


class Measures:
    """The clocks of all sources, and the tags that holds look at."""

    def __init__(self, rulebook: Rulebook, gaps: Gaps) -> None:
        self._gaps = gaps
        self.clocks: dict[str, SourceClock] = {}
        conditions = {hold.condition: None for hold in rulebook.holds.values() if hold.condition is not None}
        stores = {hold.storage: None for hold in rulebook.holds.values() if hold.storage is not None}
        self.strips = {condition: Strip(condition, gaps) for condition in conditions}
        self.kinetics = {storage: Kinetic(storage) for storage in stores}
        self._strips_of: dict[int, list[Strip]] = {}
        self._kinetics_of: dict[int, list[Kinetic]] = {}
        self._sources: dict[int, str] = {}
        self._last_ns: dict[int, int] = {}  # of the tags of stores
        self._watched: NDArray[np.bool_] = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._watched = grown(self._watched, size, fill=False)

    def bind(self, tag: Tag) -> None:
        """Take a tag's definition."""
        strips = [strip for condition, strip in self.strips.items() if condition.tag == tag.name]
        kinetics = [kinetic for storage, kinetic in self.kinetics.items() if storage.tag == tag.name]
        self._strips_of[tag.id], self._kinetics_of[tag.id] = strips, kinetics
        self._sources[tag.id] = tag.source
        self._watched[tag.id] = bool(strips or kinetics)
        for strip in strips:
            strip.tag, strip.source, strip.unit = tag.id, tag.source, tag.unit

    def watched(self, rows: Arrived) -> Index | None:
        """The rows that some hold looks at; None if there are none."""
        if not self.strips and not self.kinetics:
            return None
        found = self._watched.take(rows.tag).nonzero()[0]
        return found if len(found) else None

    def strips_of(self, tag: int) -> list[Strip]:
        """The strips that a tag makes."""
        return self._strips_of.get(tag, [])

    def is_stored(self, tag: int) -> bool:
        """Whether a mean kinetic temperature is made of a tag's rows."""
        return bool(self._kinetics_of[tag])

    def heat(self, tag: int, time_ns: int, value: float, *, is_proven: bool) -> None:
        """Take a row for the mean kinetic temperatures."""
        for kinetic in self._kinetics_of[tag]:
            before_ns = self._last_ns.get(tag)
            # No look at gaps that all lie before it.
            if before_ns is None or before_ns >= self._gaps.until_ns:
                hidden = False
            else:
                hidden = bool(self._gaps.within(tag, self._sources[tag], before_ns, time_ns))
            if hidden:
                kinetic.interrupt()
            kinetic.take(time_ns, value, is_proven=is_proven)
        if self._kinetics_of[tag]:
            self._last_ns[tag] = time_ns

    def gap(self, gap: Gap) -> list[Strip]:
        """Take a gap; return the strips that may have changed in what they said."""
        changed = [
            strip
            for strip in self.strips.values()
            if strip.tag is not None and strip.source == gap.source and gap.tag in (None, strip.tag)
        ]
        for strip in changed:
            strip.gap(gap.start_ns, gap.end_ns)
        return changed

    def beat(self, heartbeat: Heartbeat) -> int:
        """Take a heartbeat; return by how much the source's clock evidently leapt."""
        clock = self.clocks.setdefault(heartbeat.source, SourceClock())
        leap_ns = clock.beat(heartbeat.now_ns, heartbeat.skew_ns)
        for strip in self.strips.values():
            if strip.source == heartbeat.source:
                strip.heard(clock.theirs_ns(heartbeat.now_ns), connected=heartbeat.connected)
        return leap_ns

    def stamp(self, source: str) -> Stamp:
        """What has happened to a source's clock so far."""
        clock = self.clocks.get(source)
        return _NO_STAMP if clock is None else clock.stamp()

    def now(self, source: str, now_ns: int, position: RowPosition) -> Moment:
        """Our time as a moment on a source's clock."""
        clock = self.clocks.get(source)
        theirs_ns = now_ns if clock is None else clock.theirs_ns(now_ns)
        return Moment(theirs_ns, theirs_ns, position, source, self.stamp(source))

    def seen(self, stay: Stay) -> Moment:
        """When a stay was last seen, by its source's clock."""
        start_ns, stamp = stay.start.time_ns, stay.start.stamp
        if stay.last_seen_ns is not None:
            stamp = self.stamp(stay.start.source)
            start_ns += stamp.leaps_ns - stay.start.stamp.leaps_ns  # as its clock would show it now
        seen_ns = start_ns if stay.last_seen_ns is None else max(stay.last_seen_ns, start_ns)
        return replace(stay.start, time_ns=seen_ns, earliest_ns=seen_ns, stamp=stamp)

    def strip(self, hold: Hold) -> Strip | None:
        """The strip of a hold's condition."""
        return None if hold.condition is None else self.strips[hold.condition]

    def unit(self, hold: Hold) -> str:
        """The unit in which a hold's condition is measured."""
        strip = self.strip(hold)
        return "" if strip is None else strip.unit

    def lasted(self, stay: Stay, until: Moment) -> Span:
        """How long a stay has lasted at a moment, whatever of it counts."""
        start = stay.start
        apart_ns = until.time_ns - start.time_ns
        if until.source == start.source:
            low_ns, high_ns = elapsed(apart_ns, start.stamp, until.stamp)
        else:
            # Two clocks: as they are read, and as they are if both are set right by their measured skews.
            right_ns = apart_ns - self._skew_ns(until.source) + self._skew_ns(start.source)
            low_ns, high_ns = max(0, min(apart_ns, right_ns)), max(0, apart_ns, right_ns)
        assert high_ns is not None
        low_ns = max(0, low_ns - (until.time_ns - until.earliest_ns))
        return Span(low_ns, high_ns + start.time_ns - start.earliest_ns if stay.knows_start else None)

    def _skew_ns(self, source: str) -> int:
        clock = self.clocks.get(source)
        return 0 if clock is None else clock.skew_ns or 0

    def keep_base(self, stay: Stay, strip: Strip) -> None:
        """Keep what the strip says of the time before the start, once it is certain: its marks may be forgotten."""
        if stay.base is None and strip.proven_ns is not None and strip.proven_ns >= stay.start.time_ns:
            stay.base = strip.before(stay.start.time_ns)

    def outside(self, hold: Hold, stay: Stay, until: Moment) -> Span:
        """How long a stay was out of its condition, at a moment."""
        strip = self.strip(hold)
        if strip is None:
            return Span(0, 0)
        if stay.outside is not None and until == stay.stop:
            return stay.outside
        until_ns = until.time_ns
        if until.source != strip.source:
            until_ns += self._skew_ns(strip.source) - self._skew_ns(until.source)
        spent = strip.outside(stay.start.time_ns, until_ns, stay.base)
        assert spent.high_ns is not None
        low_ns = max(0, spent.low_ns - (until.time_ns - until.earliest_ns))
        return Span(low_ns, spent.high_ns + stay.start.time_ns - stay.start.earliest_ns)

    def used(self, hold: Hold, stay: Stay, until: Moment) -> Span:
        """How much of a stay counts against its limit."""
        lasted = self.lasted(stay, until)
        if hold.mode is HoldMode.OVER_TEMPERATURE:
            warm = self.outside(hold, stay, until)
            return Span(warm.low_ns, warm.high_ns if stay.knows_start else None)
        if hold.mode is HoldMode.IN_CONDITION and hold.counts_in_condition:
            out = self.outside(hold, stay, until)
            assert out.high_ns is not None
            high_ns = None if lasted.high_ns is None else max(0, lasted.high_ns - out.low_ns)
            return Span(max(0, lasted.low_ns - out.high_ns), high_ns)
        return lasted

    def state(self) -> Json:
        """All of it."""
        return {
            "clocks": {source: clock.state() for source, clock in self.clocks.items()},
            "strips": [[_key(condition), strip.state()] for condition, strip in self.strips.items()],
            "kinetics": [[_key(storage), kinetic.state()] for storage, kinetic in self.kinetics.items()],
            "last_ns": sorted(self._last_ns.items()),
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told, as far as the rules still ask for it."""
        self.clocks = {source: SourceClock(**clock) for source, clock in state["clocks"].items()}
        strips = {_key(condition): strip for condition, strip in self.strips.items()}
        kinetics = {_key(storage): kinetic for storage, kinetic in self.kinetics.items()}
        for key, told in state["strips"]:
            if key in strips:
                strips[key].load(told)
        for key, told in state["kinetics"]:
            if key in kinetics:
                kinetics[key].load(told)
        self._last_ns = dict(state["last_ns"])


def _key(watched: Condition | Storage) -> str:
    return repr(watched)
