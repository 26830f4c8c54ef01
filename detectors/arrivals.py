"""Rows in order of arrival: what of them is new, what is late, and grouped by tag for judging.

`np.count_nonzero` stands where `any` or `all` would: on a thousand rows it takes a tenth of their time.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from detectors.cases import Json
from domain.entries import Position, RowPosition, TextBatch
from domain.findings import Recheck
from domain.samples import SampleBatch
from domain.status import BAD, CODE, UNCERTAIN, UNCERTAIN_RANGE
from domain.time import SECOND_NS

NEVER_NS = np.iinfo(np.int64).min
"""Before any time: a tag that has not been heard."""

FOREVER_NS = np.iinfo(np.int64).max
"""After any time: a limit or a window that never comes."""

MOST_RETOLD = 16_384
"""Bad rows that repeat an old value, of all tags: when the newest of them were told is remembered."""

AHEAD_NS = 30 * 60 * SECOND_NS
"""A row that is dated so far beyond our clock (as the newest heartbeat or start told it) is recorded and not judged."""

MOST_SKEW_NS = 24 * 3600 * SECOND_NS
"""A source is believed to be ahead by no more: over MQTT one row of the year 2099 is all that a skew is measured by."""

Place = tuple[int, int]
"""An entry of the journal, and a row in it."""

_SHORT_IDS = 1 << 16

Scalar = TypeVar("Scalar", bound=np.generic)
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """Rows of one source in order of arrival, with the journal position of each.

    `ok` are rows whose value is proven: finite and not Bad (None: all are). `bad` are rows that say nothing about the
    process: Bad, or a number that is none (None: no row is). A row of `text` is not ok, and bad only where its
    quality is. `uncertain` are rows whose quality is Uncertain: their value counts (None: no row is).
    """

    source: str
    tag: Index
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    ok: Mask | None
    bad: Mask | None
    entry: NDArray[np.int64]
    row: NDArray[np.int64]
    text: NDArray[np.object_] | None = None
    uncertain: Mask | None = None

    def __len__(self) -> int:
        """Rows."""
        return len(self.tag)

    def position(self, index: int) -> RowPosition:
        """Where a row stands in the journal."""
        return RowPosition(Position(int(self.entry[index])), int(self.row[index]))

    def chosen(self, index: "slice | Mask | Index") -> "Arrived":
        """The chosen rows."""
        return Arrived(
            self.source,
            self.tag[index],
            self.time_ns[index],
            self.value[index],
            None if self.ok is None else self.ok[index],
            None if self.bad is None else self.bad[index],
            self.entry[index],
            self.row[index],
            None if self.text is None else self.text[index],
            None if self.uncertain is None else self.uncertain[index],
        )


@dataclass(frozen=True, eq=False)
class Frame:
    """Rows to judge, those of one tag together and in order of arrival.

    `arrival` gives each row's place in the order of arrival, `first` the first row of each tag; both are None where
    every tag has one row. `at` finds the rows' tags in an array indexed by tag: a slice where their ids are
    consecutive, as they are where a whole source was read at once; what it finds is then a view.
    """

    rows: Arrived
    arrival: Index | None
    first: Mask | None
    at: "slice | Index"

    @cached_property
    def proven(self) -> "Frame":
        """Its proven rows, still grouped; itself where all are."""
        ok, rows = self.rows.ok, self.rows
        if ok is None:
            return self
        if np.count_nonzero(ok) < len(ok):
            rows = rows.chosen(ok)
        rows = replace(rows, ok=None, bad=None)
        arrival = ok.nonzero()[0] if self.arrival is None else self.arrival[ok]
        if self.first is None:
            return Frame(rows, arrival, None, rows.tag)
        first = np.ones(len(rows), dtype=np.bool_)
        np.not_equal(rows.tag[1:], rows.tag[:-1], out=first[1:])
        return Frame(rows, arrival, first, rows.tag)

    def turns(self, chosen: Index) -> Iterator[Index]:
        """The chosen rows, one of each tag at a time: first the first ones, then the second of those that have two."""
        if self.first is None:
            if len(chosen):
                yield chosen
            return
        number = np.arange(len(self.rows))
        turn = (number - np.maximum.accumulate(np.where(self.first, number, 0)))[chosen]
        order = chosen[np.argsort(turn, kind="stable")]
        begin = 0
        for count in np.bincount(turn).tolist():
            yield order[begin : begin + count]
            begin += count

    def place(self, index: int) -> int:
        """The place of a row in the order of arrival."""
        return index if self.arrival is None else int(self.arrival[index])

    def previous(self, values: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
        """Each row's predecessor of the same tag; `before` holds, per tag, the one before the frame."""
        known = before[self.at]
        if self.first is None:
            return known
        shifted = np.empty_like(values)
        shifted[1:] = values[:-1]
        return np.where(self.first, known, shifted)


def group(rows: Arrived) -> Frame:
    """Put the rows of each tag together, in their order."""
    tag = rows.tag
    if len(tag) < 2 or np.count_nonzero(tag[1:] > tag[:-1]) == len(tag) - 1:
        begin, end = (int(tag[0]), int(tag[-1]) + 1) if len(tag) else (0, 0)
        return Frame(rows, None, None, slice(begin, end) if end - begin == len(tag) else tag)
    # Sixteen bits sort by radix, six times as fast.
    order = np.argsort(tag.astype(np.uint16) if int(tag.max()) < _SHORT_IDS else tag, kind="stable")
    grouped = tag[order]
    first = np.empty(len(tag), dtype=np.bool_)
    first[0] = True
    np.not_equal(grouped[1:], grouped[:-1], out=first[1:])
    if np.count_nonzero(first) == len(tag):
        return Frame(rows, None, None, tag)
    return Frame(rows.chosen(order), order, first, grouped)


def arrived_samples(position: Position, batch: SampleBatch) -> Arrived:
    """A batch's rows, told apart by whether their value is proven. Nothing is copied that need not be."""
    count = len(batch)
    ok: Mask | None = None
    bad: Mask | None = None
    finite = np.isfinite(batch.value)
    not_bad = batch.status < np.uint32(BAD)
    if np.count_nonzero(finite) < count or np.count_nonzero(not_bad) < count:
        ok = finite & not_bad
        bad = ~ok
    return Arrived(
        batch.source,
        batch.tag.astype(np.intp),
        batch.time_ns,
        batch.value,
        ok,
        bad,
        np.full(count, position, dtype=np.int64),
        np.arange(count, dtype=np.int64),
        uncertain=_uncertain(batch.status),
    )


def _uncertain(status: NDArray[np.uint32]) -> Mask | None:
    """Rows whose quality is Uncertain; None: no row's is. Beyond the end of the range is `sensor.range`, not this."""
    not_good = status >= np.uint32(UNCERTAIN)
    if not np.count_nonzero(not_good):
        return None
    uncertain: Mask = not_good & (status < np.uint32(BAD)) & ((status & np.uint32(CODE)) != np.uint32(UNCERTAIN_RANGE))
    return uncertain if np.count_nonzero(uncertain) else None


def arrived_texts(position: Position, batch: TextBatch) -> Arrived:
    """A text batch's rows: they prove no number, and are bad only where the quality is."""
    count = len(batch)
    status = np.array(batch.status, dtype=np.uint32)
    return Arrived(
        batch.source,
        np.array(batch.tag, dtype=np.intp),
        np.array(batch.time_ns, dtype=np.int64),
        np.full(count, np.nan),
        np.zeros(count, dtype=np.bool_),
        status >= np.uint32(BAD),
        np.full(count, position, dtype=np.int64),
        np.arange(count, dtype=np.int64),
        np.array(batch.value, dtype=np.object_),
        _uncertain(status),
    )


class Watermarks:
    """The newest source time of each tag. A row behind it is late: it is not judged, but asks for a recheck.

    Late rows are collected and told at the next heartbeat, once per tag: a backfill is one recheck, and the answer does
    not depend on how the rows were batched. A Bad row that is re-sent with an old time counts from its server time.

    A row that is dated more than `ahead_ns` beyond our clock moves no watermark, or every later row would be late: it
    is put aside and told (`ahead`). Where a source's whole clock is measured to be ahead, that much is allowed to it.
    """

    def __init__(self, ahead_ns: int = FOREVER_NS) -> None:
        self._ahead_ns = ahead_ns
        self._clock_ns: int | None = None  # ours, as the newest entry that has it told
        self._skew_ns: dict[str, int] = {}  # by source: how far its clock is ahead of ours
        self.ahead: dict[int, tuple[int, int, int, int, int]] = {}
        """By tag, what was put aside and is not told yet: rows; entry, row and time of the first; its limit, ns."""
        self.newest_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._late: dict[int, tuple[int, int]] = {}
        self._asked: dict[int, tuple[int, int]] = {}
        self._told_at: dict[int, dict[Place, int]] = {}
        self._retold: deque[tuple[int, Place]] = deque()

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.newest_ns = grown(self.newest_ns, size, NEVER_NS)

    def clock(self, now_ns: int, source: str = "", skew_ns: int | None = None) -> None:
        """Take our clock, and how far a source's clock is beyond it, where that was measured."""
        self._clock_ns = now_ns
        if skew_ns is not None:
            self._skew_ns[source] = min(max(0, skew_ns), MOST_SKEW_NS)

    def limit_ns(self, source: str) -> int:
        """Beyond this time a row of a source is put aside."""
        if self._clock_ns is None:
            return FOREVER_NS
        return min(self._clock_ns + self._skew_ns.get(source, 0) + self._ahead_ns, FOREVER_NS)

    def _put_aside(self, rows: Arrived, limit_ns: int) -> Mask:
        """Note rows that are dated ahead; return which are not."""
        beyond = rows.time_ns > limit_ns
        index = beyond.nonzero()[0]
        tags, first, counts = np.unique(rows.tag[index], return_index=True, return_counts=True)
        order = first.argsort()  # as they came: the state does not depend on how rows are cut into frames
        at = index[first[order]]
        columns = (counts[order], rows.entry[at], rows.row[at], rows.time_ns[at])
        found = zip(*(column.tolist() for column in columns), repeat(limit_ns), strict=False)
        aside = dict(zip(tags[order].tolist(), found, strict=True))
        for tag in self.ahead.keys() & aside.keys():
            before = self.ahead[tag]
            aside[tag] = (before[0] + aside[tag][0], *before[1:])
        self.ahead.update(aside)
        within: Mask = ~beyond
        return within

    def admit(self, rows: Arrived, server_ns: NDArray[np.int64] | None) -> tuple[Arrived, Frame]:
        """Take note of rows; return those that are to be judged, as they came and grouped."""
        limit_ns = self.limit_ns(rows.source)
        if int(rows.time_ns.max()) > limit_ns:
            kept = self._put_aside(rows, limit_ns)
            rows, server_ns = rows.chosen(kept), None if server_ns is None else server_ns[kept]
        frame = group(rows)
        grouped = frame.rows
        time_ns = grouped.time_ns
        before_ns = self.newest_ns[frame.at]
        if frame.first is not None:
            before_ns[1:] = np.where(frame.first[1:], before_ns[1:], time_ns[:-1])
        suspect = time_ns < before_ns
        if grouped.bad is not None and server_ns is not None:
            suspect |= grouped.bad
        if not np.count_nonzero(suspect):
            self.newest_ns[frame.at] = time_ns
            return rows, frame
        watched = np.isin(rows.tag, grouped.tag[suspect])
        self.newest_ns[rows.tag[~watched]] = rows.time_ns[~watched]
        rows = self._admit_one_by_one(rows, server_ns, watched.nonzero()[0])
        return rows, group(rows)

    def _admit_one_by_one(self, rows: Arrived, server_ns: NDArray[np.int64] | None, watched: Index) -> Arrived:
        kept = np.ones(len(rows), dtype=np.bool_)
        time_ns = rows.time_ns.copy()
        limit_ns = self.limit_ns(rows.source)
        told_ns = None if rows.bad is None or server_ns is None else np.where(rows.bad, server_ns, NEVER_NS)
        for index in watched.tolist():
            tag, at_ns = int(rows.tag[index]), int(time_ns[index])
            newest_ns = int(self.newest_ns[tag])
            if at_ns > newest_ns:
                self.newest_ns[tag] = at_ns
            elif told_ns is not None and newest_ns < told_ns[index] <= limit_ns:
                # A status event from its server time on; the value that it repeats stays as it was.
                time_ns[index] = told_ns[index]
                self._retell(tag, (int(rows.entry[index]), int(rows.row[index])), int(told_ns[index]))
            elif at_ns < newest_ns:
                kept[index] = False
                self.recheck(tag, at_ns, at_ns)
        return replace(rows, time_ns=time_ns).chosen(kept)

    def recheck(self, tag: int, start_ns: int, end_ns: int) -> None:
        """Ask that a stretch of a tag is judged again."""
        _widen(self._late, tag, start_ns, end_ns)

    def rechecks(self, is_judged: Callable[[int], bool]) -> list[Recheck]:
        """Tell what is to be judged again; of tags that are judged it is `asked` until it is `answered`."""
        late, self._late = self._late, {}
        for tag, (start_ns, end_ns) in late.items():
            if is_judged(tag):
                _widen(self._asked, tag, start_ns, end_ns)
        return _told(late)

    def _retell(self, tag: int, place: Place, server_ns: int) -> None:
        self._told_at.setdefault(tag, {})[place] = server_ns
        self._retold.append((tag, place))
        if len(self._retold) > MOST_RETOLD:
            tag, place = self._retold.popleft()
            del self._told_at[tag][place]

    def told_at(self, tag: int) -> Mapping[Place, int]:
        """By place, when Bad rows of a tag were told that repeated an old value with its old time."""
        return self._told_at.get(tag, {})

    def retold(self) -> NDArray[np.int64]:
        """All of these: rows of (tag, entry, row, time in ns)."""
        rows = [(tag, *place, self._told_at[tag][place]) for tag, place in self._retold]
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def asked(self) -> list[Recheck]:
        """What was told and is not judged again yet, once per tag."""
        return _told(self._asked)

    def answered(self, tag: int) -> tuple[int, int] | None:
        """Forget what was asked of a tag, because it is judged again; None if nothing was."""
        return self._asked.pop(tag, None)

    def state(self) -> Json:
        """The rechecks; the times themselves are `newest_ns`."""
        return {
            name: [(tag, start_ns, end_ns) for tag, (start_ns, end_ns) in sorted(known.items())]
            for name, known in (("late", self._late), ("asked", self._asked))
        } | {"clock_ns": self._clock_ns, "skew_ns": self._skew_ns, "ahead": list(self.ahead.items())}

    def load(self, state: Json, retold: NDArray[np.int64]) -> None:
        """Take back what `state` and `retold` told."""
        self._told_at, self._retold = {}, deque()
        for tag, entry, row, server_ns in retold.tolist():
            self._retell(tag, (entry, row), server_ns)
        # A state of the time before this has none of these.
        self._clock_ns, self._skew_ns = state.get("clock_ns"), dict(state.get("skew_ns", {}))
        self.ahead = {tag: tuple(aside) for tag, aside in state.get("ahead", [])}
        self._late, self._asked = (
            {tag: (start_ns, end_ns) for tag, start_ns, end_ns in state[name]} for name in ("late", "asked")
        )


def _widen(known: dict[int, tuple[int, int]], tag: int, start_ns: int, end_ns: int) -> None:
    before = known.get(tag)
    known[tag] = (start_ns, end_ns) if before is None else (min(start_ns, before[0]), max(end_ns, before[1]))


def _told(stretches: dict[int, tuple[int, int]]) -> list[Recheck]:
    return [Recheck(tag, start_ns, end_ns) for tag, (start_ns, end_ns) in sorted(stretches.items())]


class LastSamples:
    """The last proven sample of each tag that was judged; NaN and `NEVER_NS` where there is none."""

    def __init__(self) -> None:
        self.time_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.value: NDArray[np.float64] = np.empty(0)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.time_ns = grown(self.time_ns, size, NEVER_NS)
        self.value = grown(self.value, size, np.nan)

    def take(self, frame: Frame) -> None:
        """Take note of a frame, once every detector has judged it."""
        rows = frame.rows
        at, time_ns, value = frame.at, rows.time_ns, rows.value
        if rows.ok is not None:
            at, time_ns, value = rows.tag[rows.ok], time_ns[rows.ok], value[rows.ok]
        self.time_ns[at] = time_ns
        self.value[at] = value


def grown(array: NDArray[Scalar], size: int, fill: float) -> NDArray[Scalar]:
    """The array, made longer with `fill` where it is shorter than `size`."""
    if len(array) >= size:
        return array
    longer = np.full(max(size, 2 * len(array)), fill, dtype=array.dtype)
    longer[: len(array)] = array
    return longer
