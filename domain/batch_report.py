"""The report of a batch as values: everything that the service knows of it, as of a position.

A name that ends in `_ns` is a time (UTC) or a duration.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STATEMENT = (
    "This report supports the batch record; it is not the batch record. "
    "It observes and decides no quality: people do, in the quality system."
)


@dataclass(frozen=True, slots=True)
class AsOf:
    """What a report knows: the journal up to a position, and the deeds of people up to their number in the audit trail.

    `clock_ns` is our clock at the position.
    """

    position: int
    deeds: int
    clock_ns: int

    def __str__(self) -> str:
        """As it is given to have the same report again."""
        return f"{self.position}/{self.deeds}"


@dataclass(frozen=True, slots=True)
class Disposition:
    """What a person said of a finding, of the version that was there: it closes nothing and decides no quality."""

    id: str
    batch: str
    item: str  # the finding's id, or `unobserved/…`
    version: int  # of the item that the person saw
    kind: str  # a class of the configuration: no impact, deviation opened, instrument
    comment: str
    number: str  # in the quality system; empty: none was opened
    person: str
    role: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class VersionInForce:
    """The version of a product's ranges that judged, and who stands behind it."""

    recipe: str
    words: str
    change: str = ""
    study: str = ""
    proposer: str = ""
    approver: str = ""
    reason: str = ""
    approved_ns: int | None = None
    valid_from_ns: int | None = None
    sha256: str = ""
    is_approved: bool = False


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """One run of a phase; an end of None: it runs."""

    instance: str
    unit: str
    phase: str
    recipe: str
    start_ns: int
    end_ns: int | None


@dataclass(frozen=True, slots=True)
class RangeHeld:
    """One range of a parameter in a phase, and how long it was kept: the four times add up to the whole."""

    kind: str
    low: float | None
    high: float | None
    ends: str
    is_around: bool  # a difference from the set point
    inside_ns: int
    above_ns: int
    below_ns: int
    unproven_ns: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """A stretch that was not observed, and why."""

    start_ns: int
    end_ns: int
    why: str


@dataclass(frozen=True, slots=True)
class ParameterHeld:
    """A critical parameter in one run of a phase: what was observed of it, and what that proves."""

    id: str  # unobserved/instance/tag
    tag: str
    measure: str
    unit: str  # of equipment
    role: str
    phase: str
    instance: str
    recipe: str
    study: str
    set_point: str
    start_ns: int
    end_ns: int
    runs: bool
    whole_ns: int
    observed_ns: int
    hidden: tuple[Hidden, ...]
    hidden_count: int
    rows: int
    bad_rows: int
    other_versions: int  # rows that a later one of the same time stands before
    least: float | None
    most: float | None
    mean: float | None
    ranges: tuple[RangeHeld, ...]
    findings: tuple[str, ...]
    sentence: str

    @property
    def unobserved_ns(self) -> int:
        """What nobody can tell anything about."""
        return self.whole_ns - self.observed_ns


@dataclass(frozen=True, slots=True)
class Said:
    """One version of a finding."""

    version: int
    stage: str
    onset_ns: int
    end_ns: int | None
    at_ns: int
    message: str
    rules_hash: str
    evidence: Mapping[str, float | int | str | None]


@dataclass(frozen=True, slots=True)
class FindingTold:
    """A finding with everything that was ever said of it, newest first, and its dispositions, newest first."""

    id: str
    rule: str
    subject: str
    unit: str
    phase: str
    ranges_version: str
    needs_disposition: bool
    said: tuple[Said, ...]
    dispositions: tuple[Disposition, ...] = ()

    @property
    def newest(self) -> Said:
        """What holds now."""
        return self.said[0]

    @property
    def version(self) -> int:
        """Of what holds now."""
        return self.said[0].version


@dataclass(frozen=True, slots=True)
class Deed:
    """One change of an alarm: by itself, or by a person."""

    at_ns: int
    what: str
    message: str
    person: str
    comment: str
    state: str
    shelved_until_ns: int | None


@dataclass(frozen=True, slots=True)
class AlarmTold:
    """An alarm about the batch with all its changes, oldest first."""

    alarm: str
    name: str
    priority: int
    rule: str
    subject: str
    unit: str
    state: str
    is_acknowledged: bool
    deeds: tuple[Deed, ...]


@dataclass(frozen=True, slots=True)
class HoldLimit:
    """A hold of the configuration on a unit that the batch was on, and the findings about it."""

    hold: str
    kind: str
    mode: str
    unit: str
    limit_ns: int | None
    budget: str
    budget_limit_ns: int | None
    condition: str
    study: str
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GapTold:
    """A gap that touches the batch's time on its units."""

    source: str
    tag: str
    start_ns: int
    end_ns: int | None
    cause: str
    detail: str


@dataclass(frozen=True, slots=True)
class LateTold:
    """A stretch of a tag that was judged again because rows came late, as of an entry of the journal."""

    tag: str
    start_ns: int
    end_ns: int
    position: int


@dataclass(frozen=True, slots=True)
class CalibrationTold:
    """What is known of the calibration of a critical parameter's instrument before the batch ended, and after."""

    tag: str
    result: str
    made_ns: int | None
    recorded_ns: int | None
    due_ns: int | None
    person: str
    comment: str


@dataclass(frozen=True, slots=True)
class EventTold:
    """An event that names the batch."""

    id: str
    kind: str
    time_ns: int
    recorded_ns: int
    source: str
    person: str
    words: str


@dataclass(frozen=True, slots=True)
class Kin:
    """One step of the genealogy; `back`: towards what the batch was made of."""

    back: bool
    depth: int
    parent: str
    child: str
    kinship: str
    time_ns: int


@dataclass(frozen=True, slots=True)
class Audited:
    """An entry of the audit trail about the batch; `hash` is its own in the chain."""

    number: int
    at_ns: int
    recorded_ns: int
    person: str
    role: str
    kind: str
    subject: str
    what: str
    comment: str
    hash: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A configuration that the service ran with during the batch."""

    from_ns: int
    version: str
    sha256: str
    simulated: bool


@dataclass(frozen=True, slots=True)
class BatchReport:
    """Everything that the service knows of a batch, as of a position: when it is made changes nothing."""

    site: str
    batch: str
    product: str
    as_of: AsOf
    made_by: str  # the program's version
    simulated: bool
    start_ns: int | None
    end_ns: int | None  # None: it runs
    units: tuple[str, ...]
    versions: tuple[VersionInForce, ...]
    phases: tuple[PhaseRun, ...]
    kin: tuple[Kin, ...]
    events: tuple[EventTold, ...]
    parameters: tuple[ParameterHeld, ...]
    findings: tuple[FindingTold, ...]
    holds: tuple[HoldLimit, ...]
    alarms: tuple[AlarmTold, ...]
    gaps: tuple[GapTold, ...]
    late: tuple[LateTold, ...]
    calibrations: tuple[CalibrationTold, ...]
    unobserved: tuple[Disposition, ...]  # dispositions of times that were not observed, newest first
    audit: tuple[Audited, ...]
    ran: tuple[Ran, ...]
    rules: str = ""  # hash of the rulebook that is configured
