"""Addition rates: how fast a tag changes over the time before, against the ranges of its phase.

The rate at a proven sample is the change over `window_ns` before it, by the straight lines between samples, in the
tag's unit per minute. It is known once the window lies within the phase, and again a window after Bad rows or a gap:
what is not proven is not a rate.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived, Frame, Mask, grown
from detectors.cases import Json, Origin, Run
from detectors.gaps import Gaps
from detectors.late.derived import Alone
from detectors.late.rejudging import Verdict
from detectors.part import Said
from detectors.ranges.derived import ByTag, DerivedRanges, no_rows
from detectors.ranges.excursions import Sample
from detectors.ranges.limits import ROUNDING, Limit, limits_of
from detectors.versions import Versions
from domain.entries import Gap, RowPosition
from domain.findings import Finding
from domain.recipes import Ranges, RateRanges
from domain.rules import Rulebook
from domain.tags import Tag
from domain.time import MINUTE_NS

MOST_SAMPLES = 100_000
"""Samples of one tag that are kept for its window; beyond it the oldest go, and the window becomes shorter."""


@dataclass(slots=True, eq=False)
class Window:
    """The proven samples of a tag since they are one line: those of the window, and the last one before it."""

    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=MOST_SAMPLES))

    def rate(self, now: Sample, window_ns: int) -> tuple[float, float]:
        """The change per minute over the window that ends now, and by how much rounding may have moved it.

        NaN while the window is not full.
        """
        self.samples.append(now)
        from_ns = now.time_ns - window_ns
        while len(self.samples) > 1 and self.samples[1].time_ns <= from_ns:
            self.samples.popleft()
        first = self.samples[0]
        if first.time_ns > from_ns or len(self.samples) < 2:
            return np.nan, 0.0
        after = self.samples[1]
        part = (from_ns - first.time_ns) / (after.time_ns - first.time_ns)
        then = first.value + (after.value - first.value) * part
        minutes = window_ns / MINUTE_NS
        return (now.value - then) / minutes, ROUNDING * (abs(now.value) + abs(then)) / minutes


def _exact(rate: float, rounding: float, ranges: Ranges) -> float:
    """A rate that is a limit but for its rounding is that limit: an addition at its limit is within, and stays so."""
    ends = (end for each in ranges.values() for end in (each.low, each.high) if end is not None)
    return next((end for end in ends if abs(rate - end) <= rounding), rate)


class Additions(ByTag):
    """Excursions of addition rates."""

    name = "additions"

    def __init__(
        self, rulebook: Rulebook, origin: Origin, gaps: Gaps, versions: Versions, runs: dict[int, Run]
    ) -> None:
        """`runs`: those of the tags' units, by tag."""
        self._rulebook = rulebook
        self._origin = origin
        self._versions = versions
        self._gaps = gaps
        self._runs = runs
        self._tags: dict[int, Tag] = {}
        self._units: dict[int, str] = {}
        self._inner = DerivedRanges(rulebook, origin, gaps, versions, self._limits_for)
        self._windows: dict[int, Window] = {}
        self._is_watched: Mask = np.empty(0, dtype=np.bool_)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._inner.grow(size)
        self._is_watched = grown(self._is_watched, size, fill=False)

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._tags[tag.id] = tag
        self._units[tag.id] = unit
        self._bind_rate(tag, None if tag.id not in self._windows else self._rate(self._runs[tag.id], tag.id))

    def _bind_rate(self, tag: Tag, rate: RateRanges | None) -> None:
        """What is judged has the rate's name and unit: `R101.feed`."""
        unit = self._units[tag.id]
        self._inner.bind(tag if rate is None else replace(tag, name=f"{unit}.{rate.name}", unit=rate.unit), unit)

    def _rate(self, run: Run, tag: int) -> RateRanges | None:
        phase = None if run.recipe is None else run.recipe.phases.get(run.phase)
        parameters = self._rulebook.units[run.unit].parameters
        rates = () if phase is None else phase.rates.values()
        return next((rate for rate in rates if parameters.get(rate.parameter) == self._tags[tag].name), None)

    def _limits_for(self, run: Run, tag: int) -> tuple[Limit, ...]:
        rate = self._rate(run, tag)
        if rate is None or rate.unit != (f"{self._tags[tag].unit}/min" if self._tags[tag].unit else "1/min"):
            return ()
        return limits_of(rate.ranges, run.start_ns + rate.after_ns, rate.study, None)

    def phase_starts(self, run: Run, tags: list[Tag]) -> None:
        """Watch the tags that have a rate in this phase."""
        for tag in tags:
            rate = self._rate(run, tag.id)
            if rate is not None:
                self._bind_rate(tag, rate)
                self._watch(tag.id, Window())
                self._inner.phase_starts(run, tag)

    def _watch(self, tag: int, window: Window) -> None:
        self._windows[tag] = window
        self._is_watched[tag] = True

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End what was judged in the phase."""
        concerned = [tag for tag in tags if tag.id in self._windows]
        found = self._inner.phase_ends(run, concerned, at_ns, position)
        for tag in concerned:
            del self._windows[tag.id]
            self._is_watched[tag.id] = False
        return found

    def judge(self, frame: Frame) -> list[Said]:
        """Judge the rates at the rows of watched tags; only these are looked at one by one."""
        rows = frame.rows
        if not self._windows:
            return []
        watched = self._is_watched[rows.tag].nonzero()[0]
        if not len(watched):
            return []
        derived = no_rows()
        for index in watched.tolist():
            tag, at = int(rows.tag[index]), (int(rows.entry[index]), int(rows.row[index]))
            derived.add(tag, int(rows.time_ns[index]), self._rate_at(tag, rows, index), at, frame.place(index))
        return self._inner.judge(*derived.arrived(rows.source))

    def _rate_at(self, tag: int, rows: Arrived, index: int) -> float:
        """The rate at a row; NaN where it is not known."""
        window, run = self._windows[tag], self._runs[tag]
        rate = self._rate(run, tag)
        now = Sample(int(rows.time_ns[index]), float(rows.value[index]))
        if rate is None or (rows.ok is not None and not rows.ok[index]):
            window.samples.clear()
            return np.nan
        last = window.samples[-1] if window.samples else None
        source = self._tags[tag].source
        if last is not None and not self._gaps.is_empty and self._gaps.within(tag, source, last.time_ns, now.time_ns):
            window.samples.clear()
        elif last is not None and last.time_ns == now.time_ns:
            window.samples.pop()  # another value of the same moment stands in its place
        found, rounding = window.rate(now, rate.window_ns)
        return _exact(-found if rate.falling else found, rounding, rate.ranges)

    def inputs(self, run: Run, tag: int) -> list[Tag]:
        """The tag whose rate it is; none where it has no rate."""
        return [] if self._rate(run, tag) is None else [self._tags[tag]]

    def alone(self) -> "Additions":
        """The same rules, of which nothing is known yet but the gaps."""
        return Additions(self._rulebook, self._origin, self._gaps, self._versions, {})

    def over(self, run: Run, tag: int) -> list[Finding] | None:
        """What was said of a rate in a run and is over."""
        rate = self._rate(run, tag)
        return None if rate is None else self._inner.over(run, f"{run.unit}.{rate.name}")

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of the excursions that are not over."""
        return self._inner.standing(tag, at_ns)

    def remember(self, finding: Finding) -> None:
        """Take what was said of an excursion that is over."""
        self._inner.remember(finding)

    def take_over(self, tag: int, alone: Alone, verdicts: Sequence[Verdict]) -> None:
        """Go on with a tag from where another judge, which followed it alone, has come."""
        assert isinstance(alone, Additions)
        self._inner.take_over(tag, alone._inner, verdicts)  # noqa: SLF001  of its kind
        self._watch(tag, alone._windows[tag])  # noqa: SLF001

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        self._inner.gap(gap)

    def state(self) -> Json:
        """The samples of each window, and what is outside."""
        windows = [[tag, [list(each) for each in window.samples]] for tag, window in self._windows.items()]
        return {"windows": windows, "inner": self._inner.state()}

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What has gathered."""
        return self._inner.arrays()

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._windows = {}
        self._is_watched[:] = False
        for tag, samples in state["windows"]:
            self._watch(tag, Window(deque((Sample(*each) for each in samples), MOST_SAMPLES)))
            self._bind_rate(self._tags[tag], self._rate(self._runs[tag], tag))
        self._inner.load(state["inner"], arrays, self._runs)
