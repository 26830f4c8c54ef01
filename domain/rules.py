"""What the detectors are told to watch: rules per tag, alarm texts, and the whole of it as one hashed value."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.equipment import UnitModel
from domain.health import NOTHING, TagHealth
from domain.holds import Budget, Hold
from domain.models import Model
from domain.recipes import Recipe
from domain.shifts import Shifts
from domain.watches import NoveltyWatch


class Priority(enum.IntEnum):
    """Alarm priority by severity and time to respond (ISA-18.2); shown with a shape and this number."""

    CRITICAL = 1
    HIGH = 2
    MEDIUM = 3
    LOW = 4
    EVENT = 5  # no response needed: recorded, never annunciated


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """How a finding becomes an alarm for people: the texts of the rationalisation, delays and deadband.

    `name` is the alarm's name on its tag (`high`); `rule` the finding rule it listens to
    (`excursion.nor.high`); delays in ns; deadband in the tag's unit.
    """

    name: str
    rule: str
    priority: Priority
    on_delay_ns: int = 0
    off_delay_ns: int = 0
    deadband: float = 0.0
    cause: str = ""
    consequence: str = ""
    action: str = ""
    respond_within_ns: int | None = None


@dataclass(frozen=True, slots=True)
class ConfirmedRunLength:
    """The in-control run length of one chart, measured on quiet data of the tag: a 90 % interval in windows."""

    chart: str
    on: str  # ISO date
    stated: float  # the run length that the thresholds were made for then
    low: float
    high: float | None  # None: no bound, for no alarm came


@dataclass(frozen=True, slots=True)
class DriftRule:
    """CUSUMs and EWMA on a tag within a phase, with thresholds from a stated in-control ARL₀ (in windows).

    One value per `every_ns` (the mean of that window) is charted, in units of `sigma` around `target`; where these are
    None they come from the preceding runs of the phase, or else from its first `learn` windows, and stay frozen.
    """

    every_ns: int
    arl0: float = 10_000.0  # of each chart: windows between its false alarms
    k: tuple[float, ...] = (0.5, 0.25)  # one or two CUSUMs, in sigma
    lam: float = 0.2
    target: float | None = None
    sigma: float | None = None
    learn: int = 20
    fast_start: bool = False  # CUSUMs begin each phase at half their threshold
    batches: int = 5  # runs of a phase that make its baseline; 0: each run is charted by itself
    advisory: bool = False  # online models are asked for a second opinion, which is an event
    restart_ns: int = 0  # a drift that has stayed at a new level for so long: it is charted about that one; 0: never
    confirmed: tuple[ConfirmedRunLength, ...] = ()

    @property
    def charts(self) -> int:
        """Charts of the tag, each of which may alarm falsely."""
        return len(self.k) + 1

    @property
    def chart_names(self) -> tuple[str, ...]:
        """The charts' names: the CUSUMs in the order of `k`, then the EWMA."""
        return (*(f"CUSUM k {k:g}" for k in self.k), f"EWMA λ {self.lam:g}")


@dataclass(frozen=True, slots=True)
class TagRules:
    """What is watched on one tag, apart from the ranges of its phase. None: not watched; times in ns."""

    tag: str
    fixed_high: float | None = None  # a limit that always holds, outside any phase too
    fixed_low: float | None = None
    rate_per_min: float | None = None  # largest change, in the tag's unit per minute
    stale_after_ns: int | None = None  # no sample for so long, though its source is heard
    frozen_after_ns: int | None = None  # samples arrive and the value never changes
    drift: DriftRule | None = None
    alarms: tuple[AlarmRule, ...] = ()
    health: TagHealth = NOTHING
    novelty: NoveltyWatch | None = None  # advisory


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything that judges, as one value; its `hash` stands in every finding."""

    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    units: Mapping[str, UnitModel] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    shifts: Shifts | None = None
    tags: Mapping[str, TagRules] = field(default_factory=dict)
    late_excursions: str = "alarm"  # alarm: people hear of what late rows show to be over; event: it is recorded
    before_gmp: str = "event"  # event: an excursion before the GMP start point is recorded; alarm: people hear of it
    models: Mapping[str, Model] = field(default_factory=dict)  # by name; as files, so advisory until approved
    approval: str = "off"  # off: files judge as they are, and every verdict says so
    hash: str = ""
