"""Addition rates: how fast a tag changes over the time before, against the ranges of its phase.

The rate at a proven sample is the change over `window_ns` before it, by the straight lines between samples, in the
tag's unit per minute. It is known once the window lies within the phase, and again a window after Bad rows or a gap:
what is not proven is not a rate.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Arrived, Frame, Index, Mask, grown
from detectors.cases import Json, Origin, Run
from detectors.gaps import Gaps
from detectors.late.derived import Alone
from detectors.late.rejudging import Verdict
from detectors.part import Said
from detectors.ranges.derived import ByTag, DerivedRanges
from detectors.ranges.excursions import Sample
from detectors.ranges.limits import Limit, limits_of
from detectors.ranges.windows import Windows
from detectors.versions import Versions
from domain.entries import Gap, RowPosition
from domain.findings import Finding
from domain.recipes import RangeKind, RateRanges
from domain.rules import Rulebook
from domain.tags import Tag


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
        self._watched: dict[int, None] = {}
        self._windows = Windows()
        self._is_watched: Mask = np.empty(0, dtype=np.bool_)
        self._is_falling: Mask = np.empty(0, dtype=np.bool_)
        self._window_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # 0: the tag has no rate
        self._ends: NDArray[np.float64] = np.empty((2 * len(RangeKind), 0))  # of its ranges; NaN: there are no more

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._inner.grow(size)
        self._windows.grow(size)
        self._is_watched = grown(self._is_watched, size, fill=False)
        self._is_falling = grown(self._is_falling, size, fill=False)
        self._window_ns = grown(self._window_ns, size, 0)
        self._ends = np.array([grown(each, size, np.nan) for each in self._ends])

    def bind(self, tag: Tag, unit: str) -> None:
        """Take a tag's definition."""
        self._tags[tag.id] = tag
        self._units[tag.id] = unit
        self._bind_rate(tag, None if tag.id not in self._watched else self._rate(self._runs[tag.id], tag.id))

    def _bind_rate(self, tag: Tag, rate: RateRanges | None) -> None:
        """What is judged has the rate's name and unit: `R101.feed`."""
        unit = self._units[tag.id]
        self._window_ns[tag.id] = 0 if rate is None else rate.window_ns
        self._is_falling[tag.id] = rate is not None and rate.falling
        self._ends[:, tag.id] = np.nan
        limits = () if rate is None else rate.ranges.values()
        for number, end in enumerate(end for each in limits for end in (each.low, each.high) if end is not None):
            self._ends[number, tag.id] = end
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
                self._watch(tag.id, [])
                self._inner.phase_starts(run, tag)

    def _watch(self, tag: int, samples: list[Sample]) -> None:
        self._watched[tag] = None
        self._is_watched[tag] = True
        self._windows.put(tag, samples)

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """End what was judged in the phase."""
        concerned = [tag for tag in tags if tag.id in self._watched]
        found = self._inner.phase_ends(run, concerned, at_ns, position)
        for tag in concerned:
            del self._watched[tag.id]
            self._is_watched[tag.id] = False
        return found

    def judge(self, frame: Frame) -> list[Said]:
        """Judge the rates at the rows of watched tags."""
        if not self._watched:
            return []
        rows, watched = frame.rows, self._is_watched[frame.at].nonzero()[0]
        if not len(watched):
            return []
        rate = np.full(len(rows), np.nan)
        for index in frame.turns(watched):
            self._rates_at(rows, index, rate)
        ok = np.isfinite(rate[watched])
        derived = replace(rows.chosen(watched), value=rate[watched], ok=ok, bad=~ok, text=None, uncertain=None)
        return self._inner.judge(derived, watched if frame.arrival is None else frame.arrival[watched])

    def _rates_at(self, rows: Arrived, index: Index, rate: NDArray[np.float64]) -> None:
        """The rates at rows of distinct tags; where one is not known it stays NaN."""
        tag = rows.tag[index]
        proven = self._window_ns[tag] > 0
        if rows.ok is not None:
            proven &= rows.ok[index]
        if np.count_nonzero(proven) < len(tag):
            self._windows.clear(tag[~proven])
            index, tag = index[proven], tag[proven]
        time_ns = rows.time_ns[index]
        if not self._gaps.is_empty:
            self._windows.clear(tag[self._gaps.hide(self._tags, tag, self._windows.last_ns(tag), time_ns)])
        found, rounding = self._windows.rates(tag, time_ns, rows.value[index], self._window_ns[tag])
        rate[index] = self._exact(tag, np.where(self._is_falling[tag], -found, found), rounding)

    def _exact(self, tag: Index, rate: NDArray[np.float64], rounding: NDArray[np.float64]) -> NDArray[np.float64]:
        """A rate that is a limit but for its rounding is that limit: an addition at its limit is within, and stays so.

        Of several such limits it is the first.
        """
        exact = rate.copy()
        for end in self._ends[::-1, tag]:
            np.copyto(exact, end, where=np.abs(rate - end) <= rounding)
        return exact

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
        self._watch(tag, alone._windows.samples(tag))  # noqa: SLF001

    def gap(self, gap: Gap) -> None:
        """Take note of a gap that hides part of what was judged already."""
        self._inner.gap(gap)

    def state(self) -> Json:
        """The samples of each window, and what is outside."""
        windows = [[tag, self._windows.samples(tag)] for tag in self._watched]
        return {"windows": windows, "inner": self._inner.state()}

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What has gathered."""
        return self._inner.arrays()

    def load(self, state: Json, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `state` and `arrays` told."""
        self._watched = {}
        self._is_watched[:] = False
        for tag, samples in state["windows"]:
            self._watch(tag, [Sample(*each) for each in samples])
            self._bind_rate(self._tags[tag], self._rate(self._runs[tag], tag))
        self._inner.load(state["inner"], arrays, self._runs)
