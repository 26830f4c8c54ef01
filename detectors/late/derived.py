"""Judge what is derived from a tag again when rows came late: deviations from set points, rates, times at temperature.

A run is judged as a whole, from its start to its end or to the newest row, by a detector of its own that sees the rows
of all tags concerned in the order of their times. What comes out is laid beside what was said, as for the tag's own
excursions; where the run goes on, what follows live goes on from what was judged again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from detectors.arrivals import FOREVER_NS, NEVER_NS, Arrived, Place
from detectors.cases import Case, Run
from detectors.late.past import Ended
from detectors.late.rejudging import (
    RowsOfTag,
    Verdict,
    compared,
    in_order_of_time,
    said_anew,
    says_the_same,
)
from domain.entries import NOWHERE, Position, RowPosition
from domain.findings import Finding, Stage
from domain.tags import Tag

_FRAME_ROWS = 512


class Alone(Protocol):
    """A detector that judges one parameter alone."""

    def judge_rows(self, rows: Arrived) -> list[Finding]:
        """Judge rows, and take note of them as the last."""
        ...

    def begin(self, run: Run, tags: list[Tag]) -> None:
        """Let a run begin."""
        ...

    def phase_ends(self, run: Run, tags: list[Tag], at_ns: int, position: RowPosition) -> list[Finding]:
        """Let it end."""
        ...

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of what is not over: nothing is said."""
        ...


class Derived(Protocol):
    """A part that judges what is derived from tags, and can do it again."""

    def inputs(self, run: Run, tag: int) -> list[Tag]:
        """The tags from whose rows it is derived, the parameter's first; none where nothing is."""
        ...

    def alone(self) -> Alone:
        """The same rules, of which nothing is known yet but the gaps."""
        ...

    def over(self, run: Run, tag: int) -> list[Finding] | None:
        """What was said of a run and is over; None where not all of it is known any more."""
        ...

    def standing(self, tag: int, at_ns: int) -> list[Finding]:
        """What holds now of what is not over: nothing is said."""
        ...

    def take_over(self, tag: int, alone: Alone, verdicts: Sequence[Verdict]) -> None:
        """Go on from what was judged again, of which `verdicts` are what stands, under the identities people know."""
        ...

    def remember(self, finding: Finding) -> None:
        """Take what was said of something that is over."""
        ...


@dataclass(frozen=True, slots=True)
class Record:
    """The rows as of an entry: how they are read, what is known of each tag's, and from when on these rules judge."""

    position: Position
    rows_of: RowsOfTag
    newest_ns: Mapping[int, int]
    told_at: Mapping[int, Mapping[Place, int]]
    since_ns: int = NEVER_NS

    def rows(self, tags: Sequence[Tag], start_ns: int, end_ns: int) -> Arrived:
        """The rows of tags in the order of their times, those of one time as they came."""
        parts = []
        for tag in tags:
            until_ns = min(end_ns, self.newest_ns[tag.id] + 1)
            if until_ns > NEVER_NS + 1:
                found = self.rows_of(tag.id, min(start_ns, until_ns), until_ns)
                parts.append(in_order_of_time(tag.source, tag.id, found, self.told_at[tag.id]))
        return _merged(parts)


def _merged(parts: Sequence[Arrived]) -> Arrived:
    columns = [
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("tag", "time_ns", "value", "ok", "bad", "entry", "row")
    ]
    tag, time_ns, value, ok, bad, entry, row = columns
    rows = Arrived(parts[0].source, tag, time_ns, value, ok, bad, entry, row)
    return rows.chosen(np.lexsort((row, entry, time_ns)))


def rejudge_run(part: Derived, ended: Ended, tag: int, record: Record) -> list[Finding]:
    """The new versions of what a part said of a tag in a run; the part goes on from there if the run does."""
    run, is_over = ended.run, ended.end_ns != FOREVER_NS
    tags = part.inputs(run, tag)
    over = part.over(run, tag)
    if not tags or over is None or record.newest_ns[tag] == NEVER_NS or ended.end_ns <= record.since_ns:
        return []
    newest_ns = record.newest_ns[tag]
    said = [*over, *([] if is_over else part.standing(tag, newest_ns))]
    alone = part.alone()
    again = _judge(alone, ended, tags, record)
    standing = [] if is_over else alone.standing(tag, newest_ns)
    verdicts, gone = compared(said, [*again, *standing])
    if not is_over:
        part.take_over(tag, alone, verdicts[len(again) :])
    found = said_anew(verdicts, gone, newest_ns, record.position)
    for finding in found:
        if finding.stage is Stage.CLEARED:
            part.remember(finding)
    return found


def _judge(alone: Alone, ended: Ended, tags: list[Tag], record: Record) -> list[Finding]:
    """Judge a run's rows in the order of time; return what is over."""
    run = ended.run
    from_ns = max(run.start_ns, record.since_ns + 1 if record.since_ns != NEVER_NS else NEVER_NS)
    rows = record.rows(tags, from_ns, ended.end_ns)
    said: dict[str, Finding] = {}
    begin = int(np.searchsorted(rows.time_ns, from_ns))
    if begin:
        alone.judge_rows(rows.chosen(slice(0, begin)))
    alone.begin(run, tags)
    for start in range(begin, len(rows), _FRAME_ROWS):
        for finding in alone.judge_rows(rows.chosen(slice(start, start + _FRAME_ROWS))):
            said[finding.id] = finding
    if ended.end_ns != FOREVER_NS:
        said.update((each.id, each) for each in alone.phase_ends(run, tags, ended.end_ns, NOWHERE))
    return [finding for finding in said.values() if finding.stage is Stage.CLEARED]


def identify(case: Case, verdict: Verdict) -> None:
    """Give what is followed on the identity under which people know it."""
    before = verdict.before
    case.version = 1
    if before is not None:
        is_same = says_the_same(before, verdict.finding)
        case.id, case.detected, case.version = before.id, before.detected, before.version + (not is_same)
