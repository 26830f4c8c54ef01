"""One time that something waits: its two ends, and what has been said of it."""

from collections import deque
from dataclasses import dataclass, field

from detectors.cases import Case, Json, case_from
from detectors.holds.clocks import NOTHING, Span, Stamp
from detectors.late.past import finding_from, finding_state
from domain.entries import Position, RowPosition
from domain.findings import Finding
from domain.holds import Hold

PAST_KEPT = 16
"""Stays of one hold that have ended and may still be corrected."""

TOLD_KEPT = 256
"""Excursions of one stay that are remembered for rows that come late; the oldest is forgotten first."""


RENAMES_KEPT = 16
"""Batches that one stay was before; of older ones no share is corrected any more."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An end of a stay, by its source's clock; `earliest_ns` is before it where a gap hides when it really was."""

    time_ns: int
    earliest_ns: int
    position: RowPosition
    source: str
    stamp: Stamp

    def state(self) -> Json:
        """All of it."""
        return [self.time_ns, self.earliest_ns, list(self.position), self.source, list(self.stamp)]


def moment_from(state: Json) -> Moment:
    """The moment that `Moment.state` told."""
    time_ns, earliest_ns, (entry, row), source, stamp = state
    return Moment(time_ns, earliest_ns, RowPosition(Position(entry), row), source, Stamp(*stamp))


@dataclass(slots=True, eq=False)
class Stay:
    """A hold of one batch, from its start to its stop.

    Where `knows_start` is False nobody saw the start: `start` is then the first sight of what waits, or its stop.
    """

    start: Moment
    batch: str
    knows_start: bool = True
    batch_is_certain: bool = False  # the batch's tag has had its time to settle
    stop: Moment | None = None
    is_judged: bool = False  # after its stop, as a whole
    warned: int = 0  # how many of the warnings have been given
    forecast: bool = False  # that it runs out in this shift has been said
    is_proven: bool = False  # that it is over its limit was said, and is certain even in the best case
    cases: dict[str, Case] = field(default_factory=dict)  # open, by rule
    said: dict[str, Case] = field(default_factory=dict)  # cleared, by rule: a correction makes their next version
    base: tuple[int, int] | None = None  # of its condition's strip at the start
    awaits_ns: int | None = None  # it was judged before its condition was known up to here
    outside: Span | None = None  # of its condition, once it was judged: its marks may be forgotten
    excursions: int = 0
    told_ns: int = 0  # up to here its condition's excursions have been told
    told: list[Finding] = field(default_factory=list)  # those, each in its newest version
    unknown_until_ns: int = 0  # what was told of them up to here is not known any more
    peak: float | None = None
    credit: Span = NOTHING  # what of it counts to a budget of the batches that it was before
    renames: list[tuple[str, Moment]] = field(default_factory=list)  # what it was before, and until when
    last_seen_ns: int | None = None  # by the source's clock
    sighted_ns: int | None = None  # as long as nothing could have been the next batch's
    again: Moment | None = None  # the newest start while it runs: that of the next batch, if it was one

    @property
    def is_open(self) -> bool:
        """Whether it runs, as far as anybody knows."""
        return self.stop is None

    def tell(self, finding: Finding) -> None:
        """Take what was said of an excursion from its condition; the newest version stands."""
        place = next((place for place, each in enumerate(self.told) if each.id == finding.id), None)
        if place is not None:
            self.told[place] = finding
            return
        self.told.append(finding)
        if len(self.told) > TOLD_KEPT:
            forgotten = self.told.pop(0)
            self.unknown_until_ns = max(self.unknown_until_ns, forgotten.end_ns or forgotten.at_ns)

    def state(self) -> Json:
        """All of it."""
        return {
            "start": self.start.state(),
            "batch": self.batch,
            "knows_start": self.knows_start,
            "batch_is_certain": self.batch_is_certain,
            "stop": None if self.stop is None else self.stop.state(),
            "is_judged": self.is_judged,
            "warned": self.warned,
            "forecast": self.forecast,
            "is_proven": self.is_proven,
            "cases": {rule: case.state() for rule, case in self.cases.items()},
            "said": {rule: case.state() for rule, case in self.said.items()},
            "base": None if self.base is None else list(self.base),
            "awaits_ns": self.awaits_ns,
            "outside": None if self.outside is None else list(self.outside),
            "excursions": self.excursions,
            "told_ns": self.told_ns,
            "told": [finding_state(each) for each in self.told],
            "unknown_until_ns": self.unknown_until_ns,
            "peak": self.peak,
            "credit": list(self.credit),
            "renames": [[batch, until.state()] for batch, until in self.renames],
            "last_seen_ns": self.last_seen_ns,
            "sighted_ns": self.sighted_ns,
            "again": None if self.again is None else self.again.state(),
        }


def stay_from(state: Json) -> Stay:
    """The stay that `Stay.state` told."""
    return Stay(
        **{
            **state,
            "start": moment_from(state["start"]),
            "stop": None if state["stop"] is None else moment_from(state["stop"]),
            "cases": {rule: case_from(case) for rule, case in state["cases"].items()},
            "said": {rule: case_from(case) for rule, case in state["said"].items()},
            "base": None if state["base"] is None else tuple(state["base"]),
            "outside": None if state.get("outside") is None else Span(*state["outside"]),
            # An older program remembered none of what it had told.
            "told": [finding_from(each) for each in state.get("told", ())],
            "unknown_until_ns": state.get("unknown_until_ns", state["told_ns"]),
            "credit": Span(*state["credit"]),
            "renames": [(batch, moment_from(until)) for batch, until in state.get("renames", ())],
            "again": None if state["again"] is None else moment_from(state["again"]),
        }
    )


@dataclass(slots=True, eq=False)
class Waiting:
    """One hold: its present or last stay, and those before."""

    hold: Hold
    stay: Stay | None = None
    stopped_batch: str | None = None  # of the last stop; None: none since the last start
    is_known: bool = False  # an event of it was seen, or somebody looked
    past: deque[Stay] = field(default_factory=lambda: deque(maxlen=PAST_KEPT))

    @property
    def stays(self) -> list[Stay]:
        """All of them, the newest last."""
        others = [] if self.stay is None or self.stay in self.past else [self.stay]
        return [*self.past, *others]

    @property
    def running(self) -> Stay | None:
        """The stay that runs now."""
        return self.stay if self.stay is not None and self.stay.is_open else None

    def state(self) -> Json:
        """All of it, and what makes it the same hold under other rules."""
        return {
            "events": events_of(self.hold),
            "stay": None if self.stay is None or self.stay in self.past else self.stay.state(),
            "stay_is_past": None if self.stay is None or self.stay not in self.past else self.past.index(self.stay),
            "stopped_batch": self.stopped_batch,
            "is_known": self.is_known,
            "past": [stay.state() for stay in self.past],
        }

    def load(self, state: Json) -> None:
        """Take back what `state` told."""
        self.stopped_batch, self.is_known = state["stopped_batch"], state["is_known"]
        self.past.clear()
        self.past.extend(stay_from(stay) for stay in state["past"])
        self.stay = None if state["stay"] is None else stay_from(state["stay"])
        if state["stay_is_past"] is not None:
            self.stay = self.past[state["stay_is_past"]]


def events_of(hold: Hold) -> list[str]:
    """What makes a hold the same under other rules, whatever its limit."""
    return [hold.unit, hold.start, hold.stop]
