"""What a person needs who reviews one batch: what is still open in its report, and what may be said of it.

Nothing here decides quality: people do, with the evidence.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.alarms import Transition
from domain.audit import SERVICE
from domain.batch_report import Audited, BatchReport, Disposition, ParameterHeld, RangeHeld
from domain.entries import Position
from domain.findings import BatchTold, Finding, PhaseRecord, Stage
from domain.genealogy import BatchLink
from domain.observed import Stretch
from domain.words import odd_character

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
class ReviewRules:
    """What a disposition may say: its classes, which of them need a number, and how a number has to look."""

    classes: tuple[str, ...] = ("no impact", "deviation opened", "instrument")
    numbered: tuple[str, ...] = ("deviation opened",)
    number: str = r"[A-Z]{2,6}-\d{2,4}-\d{1,6}"


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
    names += [each.person for each in report.events] + [each.person for each in report.audit if each.person != SERVICE]
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
