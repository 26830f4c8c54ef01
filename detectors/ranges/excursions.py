"""One excursion: how long, how far, how much, and how much of it is proven."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from detectors.cases import Case, Evidence, Json, case_from, quantity
from detectors.gaps import Stretch
from detectors.ranges.limits import Limit
from domain.findings import Finding, Stage
from domain.time import MINUTE_NS, format_duration

_REPORT_BAND = 0.1  # a peak further out by this part of the range is news at once
_TOLD_PART = 1 / 500  # of a range, or of a limit alone: what is said of a value is no finer
_MOST_BLIND = 32  # unproven stretches told apart in one excursion


class Sample(NamedTuple):
    """A proven sample."""

    time_ns: int
    value: float


@dataclass(slots=True, eq=False)
class Excursion:
    """A parameter outside one limit, from the crossing out to the crossing back.

    Where a gap or a Bad stretch hides a crossing, onset and end are the samples that prove it, and `earliest` and
    `latest` bound them. `blind` are stretches within it that prove nothing.
    """

    limit: Limit
    case: Case
    unit: str  # of measure
    place: str  # in phase dose of batch B-17
    onset_earliest_ns: int
    last_outside_ns: int
    peak: float
    peak_ns: int
    area: float = 0.0
    blind: list[list[int]] = field(default_factory=list)
    news_excess: float = 0.0  # a peak this far out is news at once
    report_every_ns: int = MINUTE_NS
    report_at_ns: int = 0
    end_ns: int | None = None
    end_earliest_ns: int = 0

    def open(self, now: Sample) -> Finding:
        """Say that it began."""
        self._told(now.time_ns)
        return self._say(Stage.OPEN, now.time_ns, self._is_now(now.value))

    def extend(self, before: Sample, now: Sample, blind: list[Stretch]) -> Finding | None:
        """Take a further sample outside; say so when it is news."""
        limit, now_ns = self.limit, now.time_ns
        excess = limit.excess(now.value)
        if blind:
            self._add_blind(blind)
        self._add_area(before, now_ns, limit.excess(before.value), excess, blind)
        self.last_outside_ns = now_ns
        if excess > limit.excess(self.peak):
            self.peak, self.peak_ns = now.value, now_ns
        if excess < self.news_excess and now_ns < self.report_at_ns:
            return None
        if now.time_ns >= self.report_at_ns:
            # Every minute at first, then at doubling intervals: a long excursion is not a flood of versions.
            self.report_every_ns *= 2
        self._told(now.time_ns)
        return self._say(Stage.OPEN, now.time_ns, self._is_now(now.value))

    def end(self, before: Sample, now: Sample, blind: list[Stretch], *, cleared: bool) -> Finding:
        """Say that it is back inside: at the crossing, or where that is hidden at the first sample that proves it."""
        if blind:
            self.end_ns, self.end_earliest_ns = now.time_ns, blind[0][0]
        else:
            self.end_ns = self.end_earliest_ns = crossing_ns(self.limit, before, now)
            self._add_area(before, self.end_ns, self.limit.excess(before.value), 0.0, [])
        return self._say(Stage.CLEARED if cleared else Stage.ENDED, now.time_ns, self._was())

    def clear(self, at_ns: int) -> Finding:
        """Say that the value is past the deadband, some time after it came back."""
        return self._say(Stage.CLEARED, at_ns, self._was())

    def moot(self, at_ns: int) -> Finding:
        """Say that its phase ended while it was outside."""
        if self.end_ns is not None:
            return self.clear(at_ns)
        self.end_ns, self.end_earliest_ns = max(at_ns, self.last_outside_ns), self.last_outside_ns
        return self._say(Stage.CLEARED, self.end_ns, f"{self._was()} The phase ended.")

    def is_clear_at(self, value: float) -> bool:
        """Tell whether a value is past the deadband."""
        return self.limit.excess(value) <= -self.limit.deadband

    def standing(self, at_ns: int) -> Finding:
        """What holds of it now, as its newest version says or would say: nothing is said."""
        case = replace(self.case, version=self.case.version - 1)
        before, self.case = self.case, case
        try:
            stage = Stage.OPEN if self.end_ns is None else Stage.ENDED
            message = self._is_now(self.peak) if self.end_ns is None else self._was()
            return self._say(stage, at_ns, message)
        finally:
            self.case = before

    def hide(self, start_ns: int, end_ns: int) -> None:
        """Take note of a gap that was told after its samples."""
        end_ns = min(end_ns, self.last_outside_ns)
        if end_ns > start_ns:
            self._add_blind([(start_ns, end_ns)])

    def _told(self, now_ns: int) -> None:
        excess, band = self.limit.excess(self.peak), self.limit.band
        self.news_excess = excess + _REPORT_BAND * band if band else 2 * excess
        self.report_at_ns = now_ns + self.report_every_ns

    def _add_area(self, before: Sample, until_ns: int, excess: float, excess_then: float, blind: list[Stretch]) -> None:
        span_ns = until_ns - before.time_ns
        proven_ns = span_ns - sum(end - start for start, end in blind) if blind else span_ns
        self.area += 0.5 * (excess + excess_then) * (proven_ns / MINUTE_NS)

    def _add_blind(self, stretches: list[Stretch]) -> None:
        merged: list[list[int]] = []
        for start, end in sorted([*map(tuple, self.blind), *stretches]):
            if merged and (start <= merged[-1][1] or len(merged) >= _MOST_BLIND):
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        self.blind = merged

    def _bounds_ns(self, at_ns: int) -> tuple[int, int]:
        """The least and the most that the excursion lasted."""
        end_ns = at_ns if self.end_ns is None else self.end_ns
        end_earliest_ns = at_ns if self.end_ns is None else self.end_earliest_ns
        onset_ns = self.case.onset_ns
        hidden = sum(max(0, min(end, end_earliest_ns) - max(start, onset_ns)) for start, end in self.blind)
        return max(0, end_earliest_ns - onset_ns - hidden), end_ns - self.onset_earliest_ns

    def _is_now(self, value: float) -> str:
        limit = quantity(self.limit.stated, self.unit)
        what = f"{self.case.subject} is {self._level(value)}"
        return f"{what}, {self.limit.words} {limit},{self.place}.".replace(",.", ".")

    def _level(self, value: float) -> str:
        """A value to about a five-hundredth of its range or limit: the digits that say how far outside it is."""
        scale = abs(self.limit.stated) if self.limit.band is None else self.limit.band
        return quantity(value, self.unit, known=scale * _TOLD_PART, against=self.limit.stated)

    def _was(self) -> str:
        limit, peak = quantity(self.limit.stated, self.unit), self._level(self.peak)
        end_ns = self.last_outside_ns if self.end_ns is None else self.end_ns
        how_long = format_duration(end_ns - self.case.onset_ns)
        far = "at most" if self.limit.sign > 0 else "at least"
        what = f"{self.case.subject} was {self.limit.words} {limit} for {how_long}, {far} {peak}"
        return f"{what},{self.place}.".replace(",.", ".")

    def _say(self, stage: Stage, at_ns: int, message: str) -> Finding:
        least_ns, most_ns = self._bounds_ns(max(at_ns, self.last_outside_ns) if self.end_ns is None else at_ns)
        evidence: Evidence = {
            "limit": self.limit.stated,
            "range": self.limit.kind,
            "unit": self.unit,
            "peak": self.peak,
            "peak_ns": self.peak_ns,
            "area": self.area,
            "dur_min_ns": least_ns,
            "dur_max_ns": most_ns,
            "study": self.limit.study or None,
        }
        if self.limit.is_open:
            evidence = {**evidence, "excludes_limit": 1}
        return self.case.say(stage, at_ns, message, evidence, self.end_ns)

    def state(self) -> Json:
        """All of it, for a snapshot."""
        state = {name: getattr(self, name) for name in self.__slots__}
        limit = {name: getattr(self.limit, name) for name in self.limit.__slots__}
        return {**state, "limit": limit, "case": self.case.state(), "blind": [list(pair) for pair in self.blind]}


def excursion_from(state: Json) -> Excursion:
    """The excursion that `Excursion.state` told."""
    return Excursion(**{**state, "limit": Limit(**state["limit"]), "case": case_from(state["case"])})


def crossing_ns(limit: Limit, one: Sample, other: Sample) -> int:
    """When the straight line between a sample inside and one outside meets the limit."""
    step = other.value - one.value
    part = (limit.value - one.value) / step if step else 1.0
    return one.time_ns + round(min(max(part, 0.0), 1.0) * (other.time_ns - one.time_ns))
