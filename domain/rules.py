"""What the detectors are told to watch: rules per tag, alarm texts, and the whole of it as one hashed value."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

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


class Severity(enum.StrEnum):
    """How bad the consequence is if nobody responds; with the time to respond it makes the priority."""

    MINOR = "minor"  # more work; the material is as it should be
    MODERATE = "moderate"  # a range may be left, or something is not proven for a while
    MAJOR = "major"  # material may be affected, and quality assesses it
    SEVERE = "severe"  # a batch, its proof, or more than one batch is at stake


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """How a finding becomes an alarm for people: the texts of the rationalisation, delays and deadband.

    `name` is the alarm's name on its tag (`high`); `rule` the finding rule it listens to
    (`excursion.nor.high`); delays in ns; deadband in the tag's unit. None: as its class says.
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
    severity: Severity | None = None
    priority_reason: str = ""  # why it has another priority than severity and time to respond make
    alarm_class: str = "process"
    re_alarm_ns: int | None = None  # what is acknowledged and still stands is asked about again; 0: never
    longest_shelf_ns: int | None = None
    first_in_group: str = ""
    phases: tuple[str, ...] = ()  # of its unit, in which it is valid; empty: whatever runs
    dcs_alarm: str = ""  # the control system's alarm of the same condition
    dcs_priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class AlarmClass:
    """What holds for alarms of one kind (ISA-18.2). Times in ns; 0: never."""

    name: str
    standard_comment: str = ""  # what one key says when it acknowledges; empty: in the person's own words
    shelve: tuple[str, ...] = ()  # roles that may; empty: every role that may shelve at all
    longest_shelf_ns: int | None = None  # None: as the priority says
    re_alarm_ns: int = 0  # after its acknowledgement
    re_alarm_unacknowledged_ns: int = 0  # after it was last told
    latching: bool = False  # once over it stays until a person resets it


@dataclass(frozen=True, slots=True)
class Suppression:
    """Alarms to which by design nobody need respond while their unit is in one of these circumstances."""

    name: str
    rules: frozenset[str]  # of findings
    units: tuple[str, ...] = ()  # empty: every one
    idle_after_ns: int | None = None  # no phase has run for so long; None: that does not count
    phases: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()  # states of `EquipmentTag`


@dataclass(frozen=True, slots=True)
class SuppressionNow:
    """A suppression that holds for a unit just now, also where nothing is active that it hides."""

    name: str
    unit: str
    why: str  # what the unit is: `in state maintenance`
    until: str  # what ends it: `a phase begins`
    since_ns: int

    def as_json(self) -> Mapping[str, object]:
        """By names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EquipmentTag:
    """The tag that tells the state of a unit's equipment: running, under maintenance."""

    tag: str
    states: Mapping[str, str]  # value as text -> state; empty: the value itself


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
    equipment: Mapping[str, EquipmentTag] = field(default_factory=dict)  # by unit
    classes: Mapping[str, AlarmClass] = field(default_factory=dict)  # what was said of them; the others are built in
    suppressions: tuple[Suppression, ...] = ()
    positions: Mapping[str, str] = field(default_factory=dict)  # the operator's position, by unit
    longest_shelves: Mapping[Priority, int] = field(default_factory=dict)  # ns
    hash: str = ""
