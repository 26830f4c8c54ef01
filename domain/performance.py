"""How an alarm system behaves: what ISA-18.2 and EEMUA 191 count. Numbers alone; no clock.

An *annunciation* is a moment at which an alarm asks for a person: its transition announces something, and the control
system does not sound for it already. An operator *position* is the seat whose load is measured: that of the alarm, else
that of its unit. Times are ns since 1970; windows are half-open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.alarms import Transition
from domain.rules import Priority
from domain.time import DAY_NS, MINUTE_NS

PERIOD_NS = 10 * MINUTE_NS
"""What rates are counted in (ISA-18.2, clause 16)."""
FLOOD_STARTS_ABOVE = 10
"""More annunciations than this in ten minutes begin a flood (ISA-18.2)."""
FLOOD_ENDS_BELOW = 5
"""Fewer than this in ten minutes end it (ISA-18.2)."""
CHATTER_NS, CHATTER_TIMES = MINUTE_NS, 3
"""An alarm that becomes active so often within so long chatters (ISA-18.2's usual first criterion)."""
FLEETING_NS = MINUTE_NS
"""Who returns sooner than this left nobody the time to do something. The standard gives no number; this one is ours."""
STALE_NS = DAY_NS
"""An alarm that is active for longer than this is stale (ISA-18.2)."""
BUSY_HOUR_ABOVE = 30
"""Annunciations that make an hour a busy one (ISA-18.2)."""
MOST_FREQUENT = 10
"""So many of the alarms that come most often are named (ISA-18.2, EEMUA 191: bad actors)."""


def is_annunciation(transition: Transition) -> bool:
    """Whether it asks for a person."""
    is_told_here = transition.announces and not transition.is_told_by_dcs
    return is_told_here and transition.priority is not Priority.EVENT


@dataclass(frozen=True, slots=True)
class Positions:
    """Which operator position a unit's alarms belong to. `rest` has those that nobody named, and those of no unit."""

    of_unit: Mapping[str, str] = field(default_factory=dict)
    rest: str = "plant"

    def of(self, transition: Transition) -> str:
        """The position that responds: what the alarm says of itself goes before its unit."""
        return transition.position or self.of_unit.get(transition.unit, self.rest)

    @property
    def names(self) -> tuple[str, ...]:
        """Every position, those with units of their own first."""
        return (*dict.fromkeys([*self.of_unit.values(), self.rest]),)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured: start ≤ time < end, of one position or of all together (None)."""

    start_ns: int
    end_ns: int
    positions: Positions = field(default_factory=Positions)
    position: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The positions that are measured."""
        return self.positions.names if self.position is None else (self.position,)


@dataclass(frozen=True, slots=True)
class Load:
    """What one position was asked to respond to. Periods of ten minutes and hours count from the window's start."""

    position: str
    annunciated: int
    peak: int  # most in one period of ten minutes
    periods_over: int  # periods with more than ten
    busy_hours: int  # hours with more than thirty


@dataclass(frozen=True, slots=True)
class Flood:
    """An alarm flood of a position, from its eleventh annunciation on; `end_ns` None: not over by the window's end."""

    position: str
    start_ns: int
    end_ns: int | None
    peak: int  # most within ten minutes
    annunciated: int  # from the first of those that began it until its end
    first_out: str = ""  # what began it, in words, where that was looked up


@dataclass(frozen=True, slots=True)
class Named:
    """An alarm as lists of measures name it."""

    alarm: str
    subject: str
    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class Frequent:
    """An alarm and how often it was annunciated."""

    named: Named
    times: int


@dataclass(frozen=True, slots=True)
class Chattering:
    """An alarm that came `times` times in bursts of three or more a minute; `most` in its worst minute."""

    named: Named
    times: int
    most: int


@dataclass(frozen=True, slots=True)
class Fleeting:
    """An alarm that returned `times` times before anybody could respond."""

    named: Named
    times: int


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that was active for `active_ns` by the window's end, or until it returned within the window."""

    named: Named
    priority: Priority
    since_ns: int
    active_ns: int
    is_acknowledged: bool
    is_over: bool


@dataclass(frozen=True, slots=True)
class Response:
    """How long annunciations waited for an acknowledgement; None: so many were never acknowledged in the window.

    Percentiles are nearest ranks over all annunciations; one that was not acknowledged by the window's end is longer
    than any other.
    """

    annunciated: int
    acknowledged: int
    median_ns: int | None
    p95_ns: int | None


@dataclass(frozen=True, slots=True)
class PutAway:
    """How long an alarm was shelved, suppressed and out of service within the window; one may be the other too."""

    named: Named
    shelved_ns: int
    suppressed_ns: int
    out_of_service_ns: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Every measure of one window."""

    asked: Asked
    load: Sequence[Load]
    floods: Sequence[Flood]
    frequent: Sequence[Frequent]
    chattering: Sequence[Chattering]
    fleeting: Sequence[Fleeting]
    stale: Sequence[Standing]
    standing: Sequence[Standing]
    priorities: Mapping[Priority, int]
    response: Response
    put_away: Sequence[PutAway]

    @property
    def annunciated(self) -> int:
        """Annunciations of all measured positions."""
        return sum(each.annunciated for each in self.load)


@dataclass(frozen=True, slots=True)
class Episode:
    """Alarms of one group that followed one another; the first-out is what began it.

    `id` is the transition that was annunciated first, and stays; `alarms` are the ids of the alarms in the order in
    which they came, the first-out's among them.
    """

    id: str
    group: str
    first_out: Transition
    alarms: tuple[str, ...]
    annunciated: int
    begun_ns: int
    newest_ns: int
    worst: Priority

    @property
    def followed(self) -> int:
        """Alarms besides the first-out."""
        return len(self.alarms) - 1


def words_of(transition: Transition) -> str:
    """What and where, in a few words: `R101 TT high`, `R101.TT high`."""
    return " ".join(word for word in (transition.subject, transition.name) if word)


def by_position(transitions: Iterable[Transition], positions: Positions) -> Mapping[str, list[Transition]]:
    """The transitions of each position, those without any included."""
    found: dict[str, list[Transition]] = {name: [] for name in positions.names}
    for transition in transitions:
        found.setdefault(positions.of(transition), []).append(transition)
    return found


@dataclass(frozen=True, slots=True)
class PositionNow:
    """What one position has to deal with now: the flood if there is one, else the last ten minutes."""

    position: str
    flood: Flood | None
    in_ten_minutes: int
    episodes: Sequence[Episode]  # what began last first
    by_priority: Mapping[str, int]  # annunciations, the worst first
    by_unit: Mapping[str, int]  # annunciations, the most first
    digest: Sequence[str]  # lines for people
