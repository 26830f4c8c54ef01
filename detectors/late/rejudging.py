"""What judging again needs and what it says: which stretch, rows in the order of time, and two judgements compared."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, Arrived, Place
from detectors.cases import Evidence
from domain.entries import Position
from domain.findings import Finding, FindingId, Stage
from domain.ports import Rows
from domain.status import BAD

_SAME = 1e-6  # areas gather in another order of additions

_WHAT_COUNTS = ("peak", "peak_ns", "dur_min_ns", "dur_max_ns")


RowsOfTag = Callable[[int, int, int], Rows]
"""The rows of a tag, versions too, with start ≤ time < end, and from the last proven one before the start on."""


class Stretch(NamedTuple):
    """What is judged again: from before `start_ns` to after `end_ns`."""

    start_ns: int
    end_ns: int


class Spell(NamedTuple):
    """From when to when an excursion that was said counts: two of them that touch are judged again together."""

    start_ns: int
    end_ns: int


def is_withdrawn(finding: Finding) -> bool:
    """Whether an excursion turned out to be none."""
    return finding.evidence.get("withdrawn") is not None


def spell_of(finding: Finding) -> Spell:
    """From the earliest that it may have begun to the sample that cleared it."""
    end_ns = finding.at_ns if finding.end_ns is None else finding.end_ns
    longest_ns = finding.evidence.get("dur_max_ns")
    begun_ns = end_ns - longest_ns if isinstance(longest_ns, int) else finding.onset_ns
    is_over = finding.stage is Stage.CLEARED
    return Spell(min(begun_ns, finding.onset_ns), max(finding.at_ns, end_ns) if is_over else FOREVER_NS)


def widened(stretch: Stretch, spells: Sequence[Spell]) -> Stretch:
    """The stretch together with every spell that reaches into it."""
    start_ns, end_ns = stretch
    while True:
        touching = [each for each in spells if each.start_ns <= end_ns and each.end_ns >= start_ns]
        wider = Stretch(
            min([start_ns, *(each.start_ns for each in touching)]), max([end_ns, *(each.end_ns for each in touching)])
        )
        if wider == (start_ns, end_ns):
            return wider
        start_ns, end_ns = wider


def in_order_of_time(source: str, tag: int, rows: Rows, told_at: Mapping[Place, int]) -> Arrived:
    """Rows as they would have come: of one time the newest good one, and each Bad one when it was told.

    `told_at`: by place, the server's time of Bad rows that repeated an old value with its old time.
    """
    order = np.lexsort((rows.row, rows.entry))
    time_ns, value, status = rows.time_ns[order], rows.value[order], rows.status[order]
    bad = (status >= np.uint32(BAD)) | ~np.isfinite(value)
    told_ns = time_ns.copy()
    if told_at:
        for index in np.flatnonzero(bad).tolist():
            place = (int(rows.entry[order[index]]), int(rows.row[order[index]]))
            told_ns[index] = told_at.get(place, told_ns[index])
    by_time = np.argsort(told_ns, kind="stable")
    kept = by_time[_counts(told_ns[by_time], bad[by_time])]
    return Arrived(
        source,
        np.full(len(kept), tag, dtype=np.intp),
        told_ns[kept],
        value[kept],
        ~bad[kept],
        bad[kept],
        rows.entry[order][kept].astype(np.int64),
        rows.row[order][kept].astype(np.int64),
    )


def _counts(time_ns: NDArray[np.int64], bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Of the rows of one time, in the order of arrival: the last good one and the Bad ones after it."""
    if len(time_ns) < 2 or not np.count_nonzero(time_ns[1:] == time_ns[:-1]):
        return np.ones(len(time_ns), dtype=np.bool_)
    moment = np.concatenate(([0], np.cumsum(time_ns[1:] != time_ns[:-1])))
    place = np.arange(len(time_ns))
    last_good = np.full(int(moment[-1]) + 1, -1)
    np.maximum.at(last_good, moment[~bad], place[~bad])
    counted: NDArray[np.bool_] = place >= last_good[moment]
    return counted


def quiet_start(rows: Arrived, start_ns: int) -> Arrived:
    """The rows from the last proven one before a time on."""
    assert rows.ok is not None
    before = np.flatnonzero(rows.ok & (rows.time_ns < start_ns))
    return rows.chosen(slice(int(before[-1]) if len(before) else 0, None))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of an excursion after it was judged again; `before` is what was said of it so far."""

    finding: Finding  # as it comes out of judging again, under its own identity
    before: Finding | None


def compared(said: Sequence[Finding], again: Sequence[Finding]) -> tuple[list[Verdict], list[Finding]]:
    """Pair what comes out with what was said; second, what was said of excursions that are none.

    Two are one excursion if the same row detects them, or if they are of one rule and one run, and overlap.
    """
    left = {finding.id: finding for finding in said}
    pairs: dict[FindingId, Finding] = {}
    for finding in again:
        if finding.id in left:
            pairs[finding.id] = left.pop(finding.id)
    standing = sorted((each for each in left.values() if not is_withdrawn(each)), key=lambda each: each.onset_ns)
    for finding in sorted(again, key=lambda each: each.onset_ns):
        if finding.id in pairs:
            continue
        before = next((each for each in standing if _overlap(each, finding)), None)
        if before is not None:
            standing.remove(before)
            pairs[finding.id] = before
    return [Verdict(finding, pairs.get(finding.id)) for finding in again], standing


def _overlap(one: Finding, other: Finding) -> bool:
    if (one.rule, one.phase_instance) != (other.rule, other.phase_instance):
        return False
    return one.onset_ns <= _end_of(other) and other.onset_ns <= _end_of(one)


def _end_of(finding: Finding) -> int:
    return FOREVER_NS if finding.end_ns is None else finding.end_ns


def says_the_same(one: Finding, other: Finding) -> bool:
    """Whether two versions tell the same of an excursion."""
    if (one.stage, one.onset_ns, one.end_ns) != (other.stage, other.onset_ns, other.end_ns) or is_withdrawn(one):
        return False
    if any(one.evidence.get(name) != other.evidence.get(name) for name in _WHAT_COUNTS):
        return False
    area, other_area = one.evidence.get("area", 0.0), other.evidence.get("area", 0.0)  # a time has no area
    assert isinstance(area, float)
    assert isinstance(other_area, float)
    return math.isclose(area, other_area, rel_tol=_SAME, abs_tol=_SAME)


def corrected(verdict: Verdict, at_ns: int, position: Position, why: str = "when rows came late") -> Finding:
    """The next version of an excursion, or the first of one that nobody saw; `why` it was judged again."""
    finding, before = verdict.finding, verdict.before
    evidence = {**finding.evidence, "rejudged": int(position)}
    if before is None:
        message = f"{finding.message} It was found {why}."
        return replace(finding, version=1, at_ns=at_ns, message=message, evidence=evidence)
    return replace(
        finding,
        id=before.id,
        version=before.version + 1,
        detected=before.detected,
        at_ns=max(at_ns, before.at_ns),
        message=f"{finding.message} It was judged again {why}.",
        evidence=evidence,
    )


def said_anew(verdicts: Sequence[Verdict], gone: Sequence[Finding], at_ns: int, position: Position) -> list[Finding]:
    """What differs from what was said so far, by time: new versions, new findings, and those that are none."""
    found = [
        corrected(each, at_ns, position)
        for each in verdicts
        if each.before is None or not says_the_same(each.before, each.finding)
    ]
    found += [withdrawn(each, at_ns, position) for each in gone]
    return sorted(found, key=lambda each: (each.onset_ns, each.rule, each.id))


def withdrawn(before: Finding, at_ns: int, position: Position) -> Finding:
    """The version of an excursion that says that it was none; what was measured stands in the versions before."""
    message = f"{before.subject} was not outside after all: rows came late."
    nothing: Evidence = {"area": 0.0, "dur_min_ns": 0, "dur_max_ns": 0, "withdrawn": "late rows"}
    return taken_back(before, at_ns, position, message, nothing)


def taken_back(before: Finding, at_ns: int, position: Position, message: str, nothing: Evidence) -> Finding:
    """The version that says that there was nothing, with what is to be read instead of the figures before."""
    return replace(
        before,
        version=before.version + 1,
        stage=Stage.CLEARED,
        end_ns=before.onset_ns if before.end_ns is None else before.end_ns,
        at_ns=max(at_ns, before.at_ns),
        message=message,
        evidence={**before.evidence, **nothing, "rejudged": int(position)},
    )
