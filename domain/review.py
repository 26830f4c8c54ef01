"""What a person needs who reviews one batch: the report as values, what is still open, and who may review it.

Nothing here decides quality: people do, with the evidence. A name that ends in `_ns` is a time (UTC) or a duration.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from domain.alarms import Transition
from domain.entries import Position
from domain.findings import BatchTold, Finding, PhaseRecord, Stage
from domain.genealogy import BatchLink
from domain.observed import Stretch
from domain.words import odd_character

STATEMENT = (
    "This report supports the batch record; it is not the batch record. "
    "It observes and decides no quality: people do, in the quality system."
)

_ASSESSED = (
    *("excursion.", "fixed.", "rate", "outside_nor", "duration.", "dwell.", "yield.", "ranges.missing"),
    *("hold.breach", "hold.indeterminate", "hold.out_of_condition"),
)
"""Rules, or how they begin, whose findings need a person's disposition."""

SIGNED = "batch"
"""What a signature is of, by its kind: the review of a batch."""

UNOBSERVED = "unobserved"
"""How the id of a time begins that was not observed and needs a disposition as a finding does."""


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
class ReviewRules:
    """What a disposition may say: its classes, which of them need a number, and how a number has to look."""

    classes: tuple[str, ...] = ("no impact", "deviation opened", "instrument")
    numbered: tuple[str, ...] = ("deviation opened",)
    number: str = r"[A-Z]{2,6}-\d{2,4}-\d{1,6}"


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


@dataclass(frozen=True, slots=True)
class OpenPoint:
    """Something that a reviewer has to know of before signing. `item` and `version`: what a disposition is given to."""

    kind: str
    words: str
    item: str = ""
    version: int = 0
    needs_disposition: bool = False
    at_ns: int | None = None


def needs_disposition(finding: Finding) -> bool:
    """Whether a person has to say something of a finding: one that was withdrawn needs nothing more."""
    is_withdrawn = finding.evidence.get("withdrawn") is not None
    return finding.rule.startswith(_ASSESSED) and not is_withdrawn


def given_to(dispositions: Sequence[Disposition], item: str) -> tuple[Disposition, ...]:
    """The dispositions of one item, newest first as they are given."""
    return tuple(each for each in dispositions if each.item == item)


def unobserved_version(held: ParameterHeld) -> int:
    """What stands for the version of a time that was not observed: another time is another version."""
    return held.unobserved_ns


def open_points(report: BatchReport) -> tuple[OpenPoint, ...]:
    """What is open, the gravest first."""
    return (
        *_running(report),
        *_unapproved(report),
        *_findings(report),
        *_unobserved(report),
        *(
            OpenPoint("alarm not acknowledged", f"{each.alarm} ({each.state}): {each.deeds[-1].message}")
            for each in report.alarms
            if not each.is_acknowledged
        ),
        *(
            OpenPoint("gap not closed", f"{each.source}: {each.cause} {each.detail}".rstrip())
            for each in report.gaps
            if each.end_ns is None
        ),
    )


def _running(report: BatchReport) -> Iterable[OpenPoint]:
    if not report.phases:
        yield OpenPoint("no phase", "no phase of this batch is recorded: no range judged it")
    for phase in report.phases:
        if phase.end_ns is None:
            yield OpenPoint("phase runs", f"{phase.phase} on {phase.unit} has not ended")


def _unapproved(report: BatchReport) -> Iterable[OpenPoint]:
    for version in report.versions:
        if not version.is_approved:
            yield OpenPoint("ranges not approved", f"{version.recipe or 'no recipe'}: {version.words}")


def _findings(report: BatchReport) -> Iterable[OpenPoint]:
    for finding in report.findings:
        newest = finding.newest
        if newest.stage != Stage.CLEARED and finding.needs_disposition:
            yield OpenPoint("not over", newest.message, at_ns=newest.onset_ns)
        if finding.needs_disposition:
            point = OpenPoint("no disposition", newest.message, finding.id, finding.version, True, newest.onset_ns)
            yield from _undisposed(point, finding.dispositions)


def _unobserved(report: BatchReport) -> Iterable[OpenPoint]:
    for held in report.parameters:
        if held.unobserved_ns:
            point = OpenPoint(
                "time not observed",
                f"{held.tag} in {held.phase} on {held.unit}: {held.sentence}",
                held.id,
                unobserved_version(held),
                True,
                held.start_ns,
            )
            yield from _undisposed(point, given_to(report.unobserved, held.id))


def _undisposed(point: OpenPoint, given: Sequence[Disposition]) -> Iterable[OpenPoint]:
    if not given:
        yield point
    elif given[0].version != point.version:
        words = f"{point.words} The disposition of {given[0].person} was made on an older version."
        yield replace(point, kind="changed since its disposition", words=words)


def items_of(report: BatchReport) -> dict[str, int]:
    """Everything that a disposition may be given to, with the version that holds."""
    found = {each.id: each.version for each in report.findings if each.needs_disposition}
    return found | {each.id: unobserved_version(each) for each in report.parameters if each.unobserved_ns}


def actors_of(report: BatchReport) -> tuple[str, ...]:
    """Everybody who did something about the batch: on its alarms, its events, its holds, its findings."""
    names = [deed.person for alarm in report.alarms for deed in alarm.deeds]
    names += [each.person for each in report.events] + [each.person for each in report.audit]
    names += [each.person for each in report.unobserved]
    names += [each.person for finding in report.findings for each in finding.dispositions]
    return tuple(dict.fromkeys(name for name in names if name))


def fault_of_disposition(given: Disposition, rules: ReviewRules) -> str:
    """Why a disposition says nothing that counts; empty if it does."""
    if given.kind not in rules.classes:
        return f"{given.kind!r} is no class of disposition: {', '.join(rules.classes)}"
    if not given.comment.strip():
        return "a disposition needs a comment that says why"
    odd = odd_character(given.comment) or odd_character(given.number)
    if odd:
        return f"the text {odd}"
    if given.number and not re.fullmatch(rules.number, given.number):
        return f"{given.number!r} is no number of the quality system: it has to match {rules.number}"
    if not given.number and given.kind in rules.numbered:
        return f"{given.kind!r} needs its number in the quality system"
    return ""


def seconds(duration_ns: int) -> str:
    """Seconds with their thousands and as many decimals as there are: `14,388`, `0.25`. Nothing is rounded."""
    whole, rest = divmod(duration_ns, 1_000_000_000)
    return f"{whole:,}" + (f".{rest:09d}".rstrip("0") if rest else "")


def sentence_of(observed_ns: int, whole_ns: int, ranges: Sequence[RangeHeld], hidden: Sequence[Stretch]) -> str:
    """What the record proves of a parameter in a phase, in one sentence with its figures.

    It speaks of the validated range, or of the gravest one that there is.
    """
    told = f"{seconds(observed_ns)} of {seconds(whole_ns)} s observed"
    lost = whole_ns - observed_ns
    rest = f"; {seconds(lost)} s unobserved in {len(hidden)} stretch{'es' if len(hidden) > 1 else ''}" if lost else ""
    held = headline(ranges)
    if held is None:
        return f"{told}, no range in this phase{rest}."
    outside = held.above_ns + held.below_ns
    if not observed_ns:
        return f"Nothing observed of {seconds(whole_ns)} s: nothing is proven."
    parts = []
    if outside:
        parts.append(f"{seconds(held.inside_ns)} s in the {held.kind} range, {seconds(outside)} s outside it")
    unproven = held.unproven_ns - lost
    if unproven > 0:
        parts.append(f"{seconds(unproven)} s more not proven in range")
    if not parts:
        return f"{told}, all in the {held.kind} range{rest}."
    return f"{told}: {', '.join(parts)}{rest}."


_HEADLINES = ("validated", "par", "action", "nor", "alert")


def headline(ranges: Sequence[RangeHeld]) -> RangeHeld | None:
    """The range that a sentence speaks of."""
    by_kind = {each.kind: each for each in ranges}
    return next((by_kind[kind] for kind in _HEADLINES if kind in by_kind), None)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the records have of a batch as of a position and a deed, read in one transaction; each list oldest first.

    `findings` has every version. `back` and `forward` are links with their distance from the batch.
    """

    position: Position
    deeds: int
    findings: Sequence[Finding]
    transitions: Sequence[Transition]
    phases: Sequence[PhaseRecord]
    told: Sequence[BatchTold]
    back: Sequence[tuple[int, BatchLink]]
    forward: Sequence[tuple[int, BatchLink]]
    dispositions: Sequence[Disposition]
    audit: Sequence[Audited]
