"""Judge the excursions of a tag again, as if the rows that came late had come in time.

The stretch begins at the last proven sample before the first late row (and before any excursion that reaches there) and
ends at the first proven sample after it with nothing outside, or at the newest row. In between the tag's rows are
judged once more in the order of their times. What comes out is laid beside what was said: an excursion that is the same
is left alone; another onset, peak, area, end or duration is a new version; one that is none is withdrawn; one that
nobody saw is new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Place
from detectors.late.past import Ended
from detectors.late.rejudging import (
    RowsOfTag,
    Stretch,
    Verdict,
    compared,
    in_order_of_time,
    is_withdrawn,
    quiet_start,
    said_anew,
    says_the_same,
    spell_of,
    widened,
)
from detectors.ranges.excursions import Excursion, Sample
from detectors.ranges.ranges import Ranges
from domain.entries import NOWHERE, Position
from domain.findings import Finding, Stage
from domain.tags import Tag
from domain.time import MINUTE_NS

_FRAME_ROWS = 512
_WIDER = 8  # times as far, where something is still outside at the end of a stretch


@dataclass(frozen=True, slots=True, eq=False)
class Again:
    """What came out of judging rows once more: what is over, and what is followed at the last row."""

    judge: Ranges
    over: list[Finding]
    followed: list[Excursion]
    last: Sample | None
    is_to_the_end: bool  # up to the newest row


def rejudge(
    ranges: Ranges,
    tag: Tag,
    stretch: Stretch,
    newest_ns: int,
    position: Position,
    rows_of: RowsOfTag,
    told_at: Mapping[Place, int],
) -> list[Finding]:
    """The new versions of a tag's excursions, by time; `ranges` goes on from there. `newest_ns`: how far the tag is."""
    followed = ranges.followed(tag.id)
    said = [*ranges.past.excursions(tag.name), *(each.standing(newest_ns) for each in followed)]
    spells = [spell_of(each) for each in said if not is_withdrawn(each)]
    wide = widened(stretch, spells)
    start_ns = wide.start_ns
    unknown_ns = ranges.unknown_until_ns(tag.id)
    if unknown_ns is not None and start_ns <= unknown_ns:
        # What was said before is not known any more, or was said by other rules: it stays as it is.
        beyond = [each.end_ns for each in spells if each.start_ns <= unknown_ns]
        start_ns = max([unknown_ns, *(end_ns for end_ns in beyond if end_ns != FOREVER_NS)]) + 1
    if start_ns > newest_ns or start_ns > wide.end_ns:
        return []
    again = _again(ranges, tag, Stretch(start_ns, wide.end_ns), newest_ns, rows_of, told_at)
    upto_ns = FOREVER_NS if again.is_to_the_end or again.last is None else again.last.time_ns
    concerned = [each for each in said if start_ns <= each.onset_ns < upto_ns]
    standing = [each.standing(newest_ns) for each in again.followed]
    verdicts, gone = compared(concerned, [*again.over, *standing])
    unproven_ns = ranges.unproven_since_ns(tag.id)
    is_other = _differs(verdicts[len(again.over) :], followed) or again.judge.unproven_since_ns(tag.id) != unproven_ns
    is_other = is_other or (again.last is not None and again.last != ranges.last_of(tag.id))
    if again.is_to_the_end and is_other:
        _take_over(ranges, tag, again, verdicts[len(again.over) :])
    found = said_anew(verdicts, gone, newest_ns, position)
    for finding in found:
        if finding.stage is Stage.CLEARED:
            ranges.past.remember(finding)
    return found


def _again(
    ranges: Ranges, tag: Tag, stretch: Stretch, newest_ns: int, rows_of: RowsOfTag, told_at: Mapping[Place, int]
) -> Again:
    """Judge as little as tells everything: to the first quiet moment after the stretch."""
    further_ns = MINUTE_NS
    while True:
        until_ns = min(stretch.end_ns, newest_ns) + further_ns
        is_to_the_end = until_ns >= newest_ns
        until_ns = min(until_ns, newest_ns) + 1
        rows = in_order_of_time(tag.source, tag.id, rows_of(tag.id, stretch.start_ns, until_ns), told_at)
        rows = quiet_start(rows, stretch.start_ns)
        judge = ranges.alone(tag)
        over = _judge(judge, tag, rows, ranges.runs_of(tag.id), FOREVER_NS if is_to_the_end else until_ns)
        last = _last(rows)
        is_past = last is not None and last.time_ns > stretch.end_ns
        if is_to_the_end or (is_past and judge.is_quiet(tag.id)):
            return Again(judge, over, judge.followed(tag.id), last, is_to_the_end)
        further_ns *= _WIDER


def _judge(judge: Ranges, tag: Tag, rows: Arrived, runs: Iterable[Ended], until_ns: int) -> list[Finding]:
    """Judge rows in the order of time; phases begin and end among them at their own times. Return what is over."""
    said: dict[str, Finding] = {}
    first_ns = int(rows.time_ns[0]) if len(rows) else NEVER_NS
    begin = 0
    for run, end_ns in runs:
        if end_ns <= first_ns or run.start_ns >= until_ns:
            continue
        begin = _judge_before(judge, rows, begin, run.start_ns, said)
        judge.phase_starts(run, [tag])
        if end_ns < until_ns:
            begin = _judge_before(judge, rows, begin, end_ns, said)
            said.update((each.id, each) for each in judge.phase_ends(run, [tag], end_ns, NOWHERE))
    _judge_before(judge, rows, begin, FOREVER_NS, said)
    return [finding for finding in said.values() if finding.stage is Stage.CLEARED]


def _judge_before(judge: Ranges, rows: Arrived, begin: int, time_ns: int, said: dict[str, Finding]) -> int:
    end = max(begin, int(np.searchsorted(rows.time_ns, time_ns)))
    for start in range(begin, end, _FRAME_ROWS):
        for finding in judge.judge_rows(rows.chosen(slice(start, min(start + _FRAME_ROWS, end)))):
            said[finding.id] = finding
    return end


def _last(rows: Arrived) -> Sample | None:
    assert rows.ok is not None
    good = np.flatnonzero(rows.ok)
    return Sample(int(rows.time_ns[good[-1]]), float(rows.value[good[-1]])) if len(good) else None


def _differs(verdicts: Sequence[Verdict], followed: Sequence[Excursion]) -> bool:
    """Whether what is followed now is anything else than what was followed."""
    same = {each.before.id for each in verdicts if each.before is not None and says_the_same(each.before, each.finding)}
    return len(verdicts) != len(same) or same != {each.case.id for each in followed}


def _take_over(ranges: Ranges, tag: Tag, again: Again, verdicts: Sequence[Verdict]) -> None:
    """Go on from what was judged again, under the identities that people know."""
    for excursion, verdict in zip(again.followed, verdicts, strict=True):
        before, case = verdict.before, excursion.case
        case.version = 1
        if before is not None:
            is_same = says_the_same(before, verdict.finding)
            case.id, case.detected, case.version = before.id, before.detected, before.version + (not is_same)
    ranges.adopt(tag.id, again.judge, again.last)
