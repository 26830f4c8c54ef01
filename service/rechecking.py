"""Late rows judged again: who asks for it, one tag after the other, and the rows as of a place in the journal.

The question is the detectors' own and stands in their snapshot until it is answered. The answer is a `Rejudge` in the
journal: everything in its place, so a crash repeats it once and a replay has it too. Between two answers live data have
the judge to themselves, and a tag that is late all the time is judged again once a minute.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from detectors.late.rejudging import RowsOfTag
from domain.entries import START, Entry, Position, Rejudge
from domain.findings import Recheck
from domain.ports import HistoryReader, JournalReader, Rows
from domain.samples import SampleBatch
from domain.status import is_bad

SHARE = 0.2
"""The part of the judge's time that late rows may take."""

AGAIN_AFTER_S = 60.0
"""A tag is not judged again sooner than this: what is late meanwhile is gathered."""

_LOOK_EVERY_S = 1.0
_ENTRIES_AT_ONCE = 64
_MOST_BAD_BACK = 256  # Bad rows in a row before a stretch: then it begins at the oldest of them

AsOf = Callable[[Position], RowsOfTag]
"""The rows of any tag as of an entry."""


class Record:
    """The rows as of an entry: those that the store has, and those that it has not taken yet, from the journal.

    `passed` tells up to where the store has taken entries. Calls block.
    """

    def __init__(self, history: HistoryReader, journal: JournalReader, passed: Callable[[], Position]) -> None:
        self._history, self._journal, self._passed = history, journal, passed

    def as_of(self, position: Position) -> RowsOfTag:
        """How rows are read that came at or before an entry."""

        def read(tag: int, start_ns: int, end_ns: int) -> Rows:
            # The store's place first: rows that it takes meanwhile are there twice, and never missing.
            passed = self._passed()
            since_ns = self._proven_before(tag, start_ns, position)
            stored = self._history.read(tag, since_ns, end_ns, as_of=position, versions=True)
            return _joined([stored, *self._waiting(tag, since_ns, end_ns, passed, position)])

        return read

    def _proven_before(self, tag: int, start_ns: int, position: Position) -> int:
        before_ns = start_ns
        for _ in range(_MOST_BAD_BACK):
            row = self._history.at_time(tag, before_ns - 1, as_of=position)
            if not len(row):
                break  # it may be among those that the store has not taken yet
            before_ns = int(row.time_ns[0])
            if np.isfinite(row.value[0]) and not is_bad(row.status)[0]:
                return before_ns
        else:
            return before_ns
        return 0

    def _waiting(self, tag: int, start_ns: int, end_ns: int, after: Position, upto: Position) -> list[Rows]:
        found: list[Rows] = []
        while after < upto:
            entries = self._journal.read(after, _ENTRIES_AT_ONCE)
            if not entries:
                break
            found += [_rows(at, entry, tag, start_ns, end_ns) for at, entry in entries if at <= upto]
            after = entries[-1][0]
        return found


def _rows(at: Position, entry: Entry, tag: int, start_ns: int, end_ns: int) -> Rows:
    if not isinstance(entry, SampleBatch):
        none = np.empty(0, np.int64)
        return Rows(none, np.empty(0), np.empty(0, np.uint32), none, np.empty(0, np.int32))
    time_ns = entry.time_ns
    index = np.flatnonzero((entry.tag == tag) & (start_ns <= time_ns) & (time_ns < end_ns))
    return Rows(
        time_ns[index],
        entry.value[index],
        entry.status[index],
        np.full(len(index), at, np.int64),
        index.astype(np.int32),
    )


def _joined(parts: Sequence[Rows]) -> Rows:
    """All rows, each place and each key once, by place: what is journaled twice is one row of the record."""
    entry = np.concatenate([part.entry for part in parts])
    row = np.concatenate([part.row for part in parts])
    time_ns = np.concatenate([part.time_ns for part in parts])
    value = np.concatenate([part.value for part in parts])
    status = np.concatenate([part.status for part in parts])
    key = (status, value.view(np.int64), time_ns)
    order = np.lexsort((row, entry, *key))
    is_first = np.ones(len(order), dtype=np.bool_)
    is_first[1:] = np.any([column[order[1:]] != column[order[:-1]] for column in key], axis=0)
    kept = order[is_first]
    kept = kept[np.lexsort((row[kept], entry[kept]))]
    return Rows(time_ns[kept], value[kept], status[kept], entry[kept], row[kept])


class Rejudging(Protocol):
    """The judge, as who asks it again needs it."""

    position: Position
    asked: Sequence[Recheck]
    rejudging_s: float


class Intake(Protocol):
    """The journal, as who asks needs it."""

    async def append(self, *entries: Entry) -> Position:
        """Return once the entries are durable."""
        ...


class Rechecker:
    """Journals a `Rejudge` for each tag that late rows ask for; never two at once, and none too often."""

    def __init__(self, journal: Intake, judge: Rejudging, now_s: Callable[[], float] = time.monotonic) -> None:
        self._journal, self._judge, self._now_s = journal, judge, now_s
        self._answered_s: dict[int, float] = {}
        self._answer = START  # the newest, which the judge may not have come to yet
        self._taken_s = 0.0

    async def run(self) -> None:
        """For ever."""
        pause_s = _LOOK_EVERY_S
        while True:
            await asyncio.sleep(pause_s)
            pause_s = await self._look()

    async def _look(self) -> float:
        """Ask for the next answer, if it is time; return how long to wait."""
        if self._judge.position < self._answer:
            return _LOOK_EVERY_S / 20
        took_s, self._taken_s = self._judge.rejudging_s - self._taken_s, self._judge.rejudging_s
        if took_s > 0:
            return took_s * (1 / SHARE - 1)
        now_s = self._now_s()
        self._answered_s = {tag: at_s for tag, at_s in self._answered_s.items() if now_s - at_s < AGAIN_AFTER_S}
        recheck = next((each for each in self._judge.asked if each.tag not in self._answered_s), None)
        if recheck is None:
            return _LOOK_EVERY_S
        self._answered_s[recheck.tag] = now_s
        self._answer = await self._journal.append(Rejudge(recheck.tag, recheck.start_ns, recheck.end_ns))
        return 0.0
