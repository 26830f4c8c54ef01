"""Which rows become points of a mirror, and which corrections: by the record, so that live and again are the same.

Of the rows of one tag and one time the first in the journal's order is a point in the site's measurement; the second
is version 2 in the measurement of corrections, the third version 3, and so on. What came again is no row.

A row that is later than every one before it of its tag is the first of its time, and nobody need ask. Of the others,
which are few, the record tells what they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.entries import START, Entry, Position, TagDefined, TextBatch
from domain.ports import JournalReader, Rows
from domain.samples import SampleBatch
from domain.time import HOUR_NS
from historian.chunks.query import Stretch
from historian.line_protocol import LATEST_NS, LineProtocol, Lines, TextRow, Versions, joined, text_rows

_NEVER_NS = -(2**63)
_UNKNOWN_NS = 2**63 - 1
_TEXTS_AT_ONCE = 500
_ROW_BITS = 24
_ROWS_AT_ONCE = 20_000
"""More in one piece would hold the interpreter's lock for so long that what is live notices."""

Integers = NDArray[np.int64]


class MirroredHistory(Protocol):
    """The record as a mirror reads it. Calls block."""

    def refresh(self) -> Position:
        """See what is new; the entry up to which reads see everything."""
        ...

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The newest row at or before a time."""
        ...

    def read_pieces(
        self, tag: int, start_ns: int, end_ns: int, *, as_of: Position | None = None, versions: bool = False
    ) -> Iterator[Rows]:
        """Rows of a tag in time order, in pieces; a time is never cut in two."""
        ...

    def stretches_after(self, after: Position) -> Sequence[Stretch]:
        """Where in time rows may lie that came after an entry."""
        ...


class MirroredJournal(JournalReader, Protocol):
    """The journal as a mirror reads it: texts are only there."""

    def text_batches(self, after: Position, limit: int = 64) -> Sequence[tuple[Position, TextBatch]]:
        """The next entries of text values."""
        ...


class Rendering:
    """Makes lines of entries in the journal's order, and of stretches of the record. Not thread-safe; calls block."""

    def __init__(self, protocol: LineProtocol, journal: MirroredJournal, history: MirroredHistory) -> None:
        self._protocol = protocol
        self.journal = journal
        self.history = history
        self._newest = np.full(0, _UNKNOWN_NS, np.int64)  # by tag: of the rows before the next entry
        self._newest_texts: dict[int, int] | None = None

    def begin(self) -> None:
        """Take every tag as it is defined now, and forget which rows were the newest."""
        for tag in self.journal.tags():
            self._protocol.define(tag)
        self._newest = np.full(0, _UNKNOWN_NS, np.int64)
        self._newest_texts = None

    def of_entries(self, entries: Sequence[tuple[Position, Entry]], after: Position) -> Iterator[Lines]:
        """The lines of the entries that follow on `after`, in pieces; the record must have them all."""
        samples: list[tuple[int, SampleBatch]] = []
        texts: list[TextRow] = []
        for at, entry in entries:
            if isinstance(entry, SampleBatch):
                samples += _parts(at, entry)
            elif isinstance(entry, TextBatch):
                texts += text_rows(at, entry)
            elif isinstance(entry, TagDefined):
                self._protocol.define(entry.tag)
        for together in _together(samples):
            yield joined(self._of_samples(together, after))
        if texts:
            yield self._protocol.render_texts(self._versions_of_texts(texts, after))

    def of_stretch(self, stretch: Stretch, after: Position = START) -> Iterator[Lines]:
        """The lines of a tag's rows in a stretch of time that came after an entry, every version, in pieces."""
        for rows in self.history.read_pieces(*stretch, versions=True):
            numbers = numbered(rows.time_ns)
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                some = rows.at(part)
                yield joined(self._of_rows(stretch.tag, some, numbers[part], some.entry > after))

    def all_texts(self) -> list[TextRow]:
        """Every text there is, each with its version: texts are few."""
        return _text_versions(list(self._all_texts(START, None)))

    def of_texts(self, rows: Sequence[TextRow]) -> Lines:
        """The lines of texts."""
        return self._protocol.render_texts(rows)

    def _of_samples(self, samples: Sequence[tuple[int, SampleBatch]], after: Position) -> list[Lines]:
        batch = SampleBatch(
            samples[0][1].source,
            0,
            np.concatenate([each.tag for _, each in samples]),
            np.concatenate([each.time_ns for _, each in samples]),
            None,
            np.concatenate([each.value for _, each in samples]),
            np.concatenate([each.status for _, each in samples]),
        )
        late = self._late(batch, after)
        if not late.any():
            return [self._protocol.render(batch)]
        place = np.concatenate([first + np.arange(len(each)) for first, each in samples])
        parts = [self._protocol.render(batch.rows(~late))]
        asked = batch.rows(late)
        for tag in np.unique(asked.tag).tolist():
            of_tag = asked.tag == tag
            parts += self._of_late_rows(tag, asked.time_ns[of_tag], place[late][of_tag])
        return parts

    def _late(self, batch: SampleBatch, after: Position) -> NDArray[np.bool_]:
        """Which rows are not later than every row of their tag before them."""
        order = np.argsort(batch.tag, kind="stable")
        tag, time_ns = batch.tag[order], batch.time_ns[order]
        starts = np.flatnonzero(np.concatenate(([True], tag[1:] != tag[:-1])))
        tags = tag[starts]
        newest = self._newest_before(tags, after)
        before = np.concatenate(([_NEVER_NS], time_ns[:-1]))
        before[starts] = newest
        late = time_ns <= before
        if late.any():
            ends = np.append(starts[1:], len(tag))
            for index in np.unique(np.searchsorted(starts, np.flatnonzero(late), side="right") - 1).tolist():
                run = slice(starts[index], ends[index])
                reached = np.maximum.accumulate(np.concatenate((newest[index : index + 1], time_ns[run])))
                late[run] = time_ns[run] <= reached[:-1]
        self._newest[tags] = np.maximum(newest, np.maximum.reduceat(time_ns, starts))
        by_row = np.empty_like(late)
        by_row[order] = late
        return by_row

    def _newest_before(self, tags: NDArray[np.uint32], after: Position) -> Integers:
        """The newest time of each tag as of an entry; the record is asked once a tag."""
        highest = int(tags.max())
        if highest >= len(self._newest):
            room = np.full(highest + 1 - len(self._newest), _UNKNOWN_NS, np.int64)
            self._newest = np.concatenate((self._newest, room))
        for tag in tags[self._newest[tags] == _UNKNOWN_NS].tolist():
            rows = self.history.at_time(tag, LATEST_NS, as_of=after)
            self._newest[tag] = rows.time_ns[-1] if len(rows) else _NEVER_NS
        return self._newest[tags]

    def _of_late_rows(self, tag: int, time_ns: Integers, place: Integers) -> list[Lines]:
        """Ask the record what rows are, an hour without any cuts the asking."""
        order = np.argsort(time_ns, kind="stable")
        time_ns, place = time_ns[order], place[order]
        parts = []
        for run in np.split(np.arange(len(time_ns)), np.flatnonzero(np.diff(time_ns) > HOUR_NS) + 1):
            wanted = np.sort(place[run])
            start_ns, end_ns = int(time_ns[run[0]]), int(time_ns[run[-1]]) + 1
            for rows in self.history.read_pieces(tag, start_ns, end_ns, versions=True):
                chosen = np.isin((rows.entry << _ROW_BITS) + rows.row, wanted, assume_unique=True)
                parts += self._of_rows(tag, rows, numbered(rows.time_ns), chosen)
        return parts

    def _of_rows(self, tag: int, rows: Rows, numbers: Integers, chosen: NDArray[np.bool_]) -> list[Lines]:
        tags = np.full(len(rows), tag, np.uint32)
        batch = SampleBatch("", 0, tags, rows.time_ns, None, rows.value, rows.status)
        versions = Versions(numbers, rows.entry, rows.row.astype(np.int64))
        first, later = chosen & (numbers == 1), chosen & (numbers > 1)
        parts = [self._protocol.render(batch.rows(first))]
        if later.any():
            parts.append(self._protocol.render(batch.rows(later), versions.rows(later)))
        return parts

    def _versions_of_texts(self, texts: Sequence[TextRow], after: Position) -> list[TextRow]:
        """Number texts; those that are not later than all before them are looked for among all that there are."""
        if self._newest_texts is None:
            self._newest_texts = {}
            for row in self._all_texts(START, after):
                self._newest_texts[row.tag] = max(row.time_ns, self._newest_texts.get(row.tag, _NEVER_NS))
        newest = self._newest_texts
        late: set[tuple[int, int]] = set()
        for row in texts:
            if row.time_ns <= newest.get(row.tag, _NEVER_NS):
                late.add((row.tag, row.time_ns))
            newest[row.tag] = max(row.time_ns, newest.get(row.tag, _NEVER_NS))
        earlier = [row for row in self._all_texts(START, after) if (row.tag, row.time_ns) in late] if late else []
        return [row for row in _text_versions([*earlier, *texts]) if row.entry > after]

    def _all_texts(self, after: Position, through: Position | None) -> Iterator[TextRow]:
        while batches := self.journal.text_batches(after, _TEXTS_AT_ONCE):
            for at, batch in batches:
                if through is not None and at > through:
                    return
                yield from text_rows(at, batch)
            after = batches[-1][0]


def _parts(at: Position, entry: SampleBatch) -> Iterator[tuple[int, SampleBatch]]:
    """An entry's rows in pieces that are rendered at once, each with the place of its first row in the journal."""
    for start in range(0, len(entry), _ROWS_AT_ONCE):
        yield (int(at) << _ROW_BITS) + start, entry.rows(slice(start, start + _ROWS_AT_ONCE))


def _together(samples: Sequence[tuple[int, SampleBatch]]) -> Iterator[Sequence[tuple[int, SampleBatch]]]:
    """Successive pieces, as many as are rendered at once."""
    first = rows = 0
    for number, (_, each) in enumerate(samples):
        if rows + len(each) > _ROWS_AT_ONCE:
            yield samples[first:number]
            first, rows = number, 0
        rows += len(each)
    if rows:
        yield samples[first:]


def numbered(time_ns: Integers) -> Integers:
    """The number of each row among those of its time, from 1; rows in time order."""
    if not len(time_ns):
        return np.empty(0, np.int64)
    starts = np.concatenate(([True], time_ns[1:] != time_ns[:-1]))
    first = np.maximum.accumulate(np.where(starts, np.arange(len(time_ns)), 0))
    return np.arange(len(time_ns)) - first + 1


def _text_versions(rows: Sequence[TextRow]) -> list[TextRow]:
    """Number rows in the journal's order; of equal ones the first is kept."""
    seen: dict[tuple[int, int], set[tuple[str | None, int]]] = {}
    numbered_rows = []
    for row in rows:
        versions = seen.setdefault((row.tag, row.time_ns), set())
        if (row.value, row.status) not in versions:
            versions.add((row.value, row.status))
            numbered_rows.append(replace(row, version=len(versions)))
    return numbered_rows
