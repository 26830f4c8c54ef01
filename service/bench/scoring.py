"""The score of a run: what was found of what was really so, how soon, and what was told for nothing.

Which finding means which label is `matching`'s. Sensitivity counts the labels that somebody could see: visible faults,
real excursions (from validated ranges and from PAR; NOR apart), holds over their limit. A label is found when any
finding means it, and annunciated when one of these told people. Only a finding that annunciates can be a false alarm.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from domain.time import SECOND_NS, format_time
from service.bench.bounds import Rate, Share, rate, share
from service.bench.findings import Told
from service.bench.matching import GRACE_NS, Matcher
from simulators.faults.catalogue import CATALOGUE
from simulators.scenario import Acceptance
from simulators.truth.labels import Label, LabelKind
from simulators.truth.truth import Truth

GROUPS: Final = ("fault", "validated", "par", "nor", "hold")
"""What sensitivity is told of, each apart."""

ASKED: Final = ("fault", "validated", "par", "hold")
"""The groups that an acceptance's `found` is about; leaving NOR needs nobody's response."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one label. Times are UTC ns; the finding is the first that means it, and the first alarm."""

    label: Label
    group: str
    finding: Told | None
    alarm: Told | None

    @property
    def delay_from_onset_s(self) -> float | None:
        """From the onset to the first finding; negative: it was told before."""
        return None if self.finding is None else (self.finding.detected_ns - self.label.onset_ns) / SECOND_NS

    @property
    def delay_from_visible_s(self) -> float | None:
        """From the moment at which it could be seen (an excursion's crossing) to the first finding."""
        since_ns = self.label.visible_ns if self.label.kind is LabelKind.FAULT else self.label.onset_ns
        return None if self.finding is None or since_ns is None else (self.finding.detected_ns - since_ns) / SECOND_NS


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays of what was found, in seconds; None where nothing was."""

    count: int
    median_s: float | None = None
    p95_s: float | None = None
    most_s: float | None = None


@dataclass(frozen=True, slots=True)
class Miss:
    """A label that could be seen and that no finding means."""

    label: Label
    group: str
    why: str  # a perfect observer could have known


@dataclass(frozen=True, slots=True)
class Score:
    """All of it. `found` and `annunciated` by group; `lost` and `doubled` are samples, where somebody counted them."""

    found: Mapping[str, Share]
    annunciated: Mapping[str, Share]
    from_onset: Mapping[str, Delays]
    from_visible: Mapping[str, Delays]
    false_per_batch: Rate
    false_per_unit_day: Rate
    results: tuple[Result, ...]
    misses: tuple[Miss, ...]
    false_alarms: tuple[Told, ...]
    hidden: tuple[Label, ...]
    findings: int
    lost: int | None = None
    doubled: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of an acceptance, and why it does not hold; None: it holds."""

    name: str
    failure: str | None


def score(
    truth: Truth,
    findings: Sequence[Told],
    *,
    unit_days: float | None = None,
    batches: int | None = None,
    grace_ns: int = GRACE_NS,
) -> Score:
    """Score findings against the truth; exposure is the truth's own unless given."""
    header = truth.header
    findings = sorted(findings, key=lambda each: (each.detected_ns, each.id))
    matcher = Matcher(header, truth.labels, {kind: each.domain for kind, each in CATALOGUE.items()}, grace_ns)
    meant: set[str] = set()
    results, hidden = [], []
    for label in truth.labels:
        matching = [each for each in findings if matcher.matches(each, label)]
        meant.update(each.id for each in matching)
        if label.hidden:
            hidden.append(label)
        elif label.kind is not LabelKind.WAITING:
            alarm = next((each for each in matching if each.alarm), None)
            results.append(Result(label, group_of(label), matching[0] if matching else None, alarm))
    false = tuple(each for each in findings if each.alarm and each.id not in meant)
    return Score(
        found={group: _share(results, group, alarms=False) for group in GROUPS},
        annunciated={group: _share(results, group, alarms=True) for group in GROUPS},
        from_onset={group: _delays(each.delay_from_onset_s for each in _of(results, group)) for group in GROUPS},
        from_visible={group: _delays(each.delay_from_visible_s for each in _of(results, group)) for group in GROUPS},
        false_per_batch=rate(len(false), header.batches if batches is None else batches),
        false_per_unit_day=rate(len(false), header.unit_days if unit_days is None else unit_days),
        results=tuple(results),
        misses=tuple(Miss(each.label, each.group, _why(each.label)) for each in results if each.finding is None),
        false_alarms=false,
        hidden=tuple(hidden),
        findings=len(findings),
    )


def group_of(label: Label) -> str:
    """The group that a label counts in."""
    return label.what.partition(".")[0] if label.kind is LabelKind.OUTSIDE else label.kind.value


def checks(score: Score, acceptance: Acceptance) -> tuple[Check, ...]:
    """Every line of an acceptance, and whether it holds."""
    lines: list[Check] = []
    if acceptance.found is not None:
        lines += [_check_found(score, group, acceptance.found) for group in ASKED if score.found[group].trials]
    lines += [_check_delay(score, fault, most_s) for fault, most_s in acceptance.delay_s.items()]
    counts = (
        ("false alarms", len(score.false_alarms), acceptance.false_alarms),
        ("lost", score.lost, acceptance.lost),
        ("doubled", score.doubled, acceptance.doubled),
    )
    lines += [_check_count(name, count, most) for name, count, most in counts if most is not None]
    return tuple(lines)


def accept(score: Score, acceptance: Acceptance) -> list[str]:
    """What of an acceptance does not hold, in words; nothing: it holds."""
    return [each.failure for each in checks(score, acceptance) if each.failure is not None]


def describe(label: Label) -> str:
    """What, where and when a label is, for a sentence."""
    place = f" in {label.phase} of {label.batch}" if label.batch else f" in {label.phase}" if label.phase else ""
    name = f"{label.what} ({label.id})" if label.kind is LabelKind.FAULT else label.what
    return f"{name} on {label.subject}{place} at {format_time(label.onset_ns)}"


def _of(results: Iterable[Result], group: str) -> list[Result]:
    return [each for each in results if each.group == group]


def _share(results: Iterable[Result], group: str, *, alarms: bool) -> Share:
    mine = _of(results, group)
    hits = sum((each.alarm if alarms else each.finding) is not None for each in mine)
    return share(hits, len(mine))


def _delays(delays: Iterable[float | None]) -> Delays:
    known = [each for each in delays if each is not None]
    if not known:
        return Delays(0)
    median, p95 = np.percentile(known, (50, 95))
    return Delays(len(known), float(median), float(p95), max(known))


def _why(label: Label) -> str:
    return label.because or f"it was so from {format_time(label.onset_ns)} on"


def _check_found(score: Score, group: str, least: float) -> Check:
    found = score.found[group]
    name = f"found: {group}"
    if found.value is not None and found.value >= least:
        return Check(name, None)
    missed = "; ".join(f"{describe(each.label)}: {each.why}" for each in score.misses if each.group == group)
    return Check(name, f"{group}: {found.hits} of {found.trials} found, {least:.0%} asked. Missed: {missed}")


def _check_delay(score: Score, fault: str, most_s: int) -> Check:
    """`fault` is a fault's id, or `*` for every visible one."""
    name = f"delay: {fault}"
    asked = [each for each in score.results if each.group == "fault" and fault in ("*", each.label.id)]
    if not asked and fault != "*":
        return Check(name, f"fault {fault} was never visible in this run: there is no delay to judge")
    late = [
        _how_late(each, most_s)
        for each in asked
        if each.delay_from_visible_s is None or each.delay_from_visible_s > most_s
    ]
    return Check(name, "; ".join(late) or None)


def _how_late(result: Result, most_s: int) -> str:
    if result.delay_from_visible_s is None:
        return f"{describe(result.label)} was not found"
    late_s = result.delay_from_visible_s
    return f"{describe(result.label)} was found {late_s:.0f} s after it could be seen, {most_s} s asked"


def _check_count(name: str, count: int | None, most: int) -> Check:
    if count is None:
        return Check(name, f"{name}: nobody counted, {most} asked at most")
    return Check(name, None if count <= most else f"{name}: {count}, {most} asked at most")
