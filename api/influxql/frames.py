"""Rows of the record as the mirror's points: a time and the fields of that kind of tag."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from api.dependencies import TextReader
from api.influxql.budget import MOST_READ_AT_ONCE, Budget
from api.influxql.columns import Column, Frame, Kind, joined, nothing
from api.influxql.conditions import Span
from api.influxql.faults import Unanswered
from api.influxql.schema import BOOLEAN, STATUS, TEXT, VALUE, Series
from domain import status
from domain.ports import HistoryReader, Rows
from domain.tags import Tag
from domain.time import MINUTE_NS

EARLIEST_NS, LATEST_NS = -(2**63) + 2, 2**63 - 2
_FIRST_LOOK_NS = MINUTE_NS
_GROWTH = 8


@dataclass(frozen=True, slots=True)
class Record:
    """What the evaluation reads from. Calls block."""

    history: HistoryReader
    texts: TextReader | None
    budget: Budget

    def frame(self, series: Series, span: Span) -> Frame:
        """All points in a span. Unanswered if they are more than are read at once."""
        first_ns, end_ns = bounds(span)
        tag = series.read_by
        if tag is None:
            return self._whole(series, first_ns, end_ns)
        rows = self._rows(tag, first_ns, end_ns, MOST_READ_AT_ONCE)
        if rows.cut is not None:
            raise Unanswered(
                f"max-select-point limit exceeded: {tag.name} has more than {MOST_READ_AT_ONCE:,} rows in this "
                "time; ask for a shorter one"
            )
        return frame_of(series, rows)

    def oldest(self, series: Series, span: Span, count: int, fields: frozenset[str]) -> Frame:
        """The first `count` points in a span that have one of the fields."""
        first_ns, end_ns = bounds(span)
        tag = series.read_by
        if tag is None:
            return self._whole(series, first_ns, end_ns)
        limit = max(count, 16)
        while True:
            rows = self._rows(tag, first_ns, end_ns, min(limit, MOST_READ_AT_ONCE))
            frame = with_any(frame_of(series, rows), fields)
            if rows.cut is None or len(frame) >= count or limit >= MOST_READ_AT_ONCE:
                return frame.at(slice(0, count))
            limit *= _GROWTH

    def newest(self, series: Series, span: Span, count: int, fields: frozenset[str]) -> Frame:
        """The last `count` points in a span that have one of the fields, in time order."""
        first_ns, end_ns = bounds(span)
        tag = series.read_by
        if tag is None:
            return self._whole(series, first_ns, end_ns)
        latest = self.history.latest([int(tag.id)])
        if not len(latest.time_ns):
            return self.frame(series, Span(0, -1))
        end_ns = min(end_ns, int(latest.time_ns[0]) + 1)
        first_ns = max(first_ns, self._first_time(tag, first_ns, end_ns))
        back_ns = _FIRST_LOOK_NS
        while True:
            start_ns = max(first_ns, end_ns - back_ns)
            frame = with_any(self.frame(series, Span(start_ns, end_ns - 1)), fields)
            if len(frame) >= count or start_ns <= first_ns:
                return frame.at(slice(max(0, len(frame) - count), None))
            back_ns *= _GROWTH

    def first_time(self, series: Series, span: Span) -> int | None:
        """When the first point in a span is."""
        first_ns, end_ns = bounds(span)
        found = self.oldest(series, Span(first_ns, end_ns - 1), 1, frozenset())
        return int(found.time_ns[0]) if len(found) else None

    def _first_time(self, tag: Tag, first_ns: int, end_ns: int) -> int:
        rows = self._rows(tag, first_ns, end_ns, 1)
        return int(rows.time_ns[0]) if len(rows) else end_ns

    def _rows(self, tag: Tag, first_ns: int, end_ns: int, limit: int) -> Rows:
        self.budget.look()
        rows = self.history.read(int(tag.id), first_ns, max(first_ns, end_ns), limit=limit)
        self.budget.read(len(rows))
        return rows

    def _whole(self, series: Series, first_ns: int, end_ns: int) -> Frame:
        """Points that are told all at once: what was decided, or a tag's texts."""
        if series.points is not None:
            self.budget.look()
            first, end = np.searchsorted(series.points.time_ns, [first_ns, end_ns])
            return series.points.at(slice(int(first), int(end)))
        return self._text_frame(series.tag, first_ns, end_ns, MOST_READ_AT_ONCE)

    def _text_frame(self, tag: Tag | None, first_ns: int, end_ns: int, limit: int) -> Frame:
        """Points of a tag that holds text; of several at one time the last in the journal."""
        if self.texts is None or tag is None:
            return Frame(np.empty(0, np.int64), {TEXT: nothing(Kind.STRING, 0), STATUS: nothing(Kind.INTEGER, 0)})
        self.budget.look()
        rows = list(self.texts.read(int(tag.id), first_ns, max(first_ns, end_ns), limit))
        self.budget.read(len(rows))
        rows = list({row.time_ns: row for row in rows}.values())
        texts = np.array([row.value or "" for row in rows], np.object_)
        codes = np.array([row.status & ~status.TIME_ORIGIN for row in rows], np.int64)
        there = np.array([row.value is not None for row in rows], np.bool_)
        times = np.array([row.time_ns for row in rows], np.int64)
        return Frame(times, {TEXT: Column(Kind.STRING, texts, there), STATUS: Column(Kind.INTEGER, codes)})


def bounds(span: Span) -> tuple[int, int]:
    """First moment and the end of a span, as the record takes them."""
    first_ns = EARLIEST_NS if span.first_ns is None else max(span.first_ns, EARLIEST_NS)
    last_ns = LATEST_NS if span.last_ns is None else min(span.last_ns, LATEST_NS)
    return first_ns, last_ns + 1


def frame_of(series: Series, rows: Rows) -> Frame:
    """Rows as points: the value where there is one, as a boolean where the tag is one, and always the status."""
    finite = np.isfinite(rows.value)
    codes = Column(Kind.INTEGER, status.raw(rows.status).astype(np.int64))
    columns = {STATUS: codes}
    if series.tag is not None and series.tag.kind == "boolean":
        is_boolean = finite & ((rows.value == 0) | (rows.value == 1))
        columns[BOOLEAN] = Column(Kind.BOOLEAN, rows.value == 1, is_boolean)
        finite &= ~is_boolean
    columns[VALUE] = Column(Kind.FLOAT, rows.value, None if finite.all() else finite)
    return Frame(rows.time_ns, columns)


def with_any(frame: Frame, fields: frozenset[str]) -> Frame:
    """The rows that have at least one of the fields; all of them where no field is named."""
    known = [frame.columns[name] for name in fields if name in frame.columns]
    if not fields or any(column.there is None for column in known):
        return frame
    there = np.zeros(len(frame), np.bool_)
    for column in known:
        there |= column.mask()
    return frame.at(there)


def merged(
    frames: Sequence[Frame], fields: Mapping[str, Kind]
) -> tuple[Frame, np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Frames in one order of time, with the place of the frame that each row is of; equal times in their order."""
    names = [name for name in fields if any(name in frame.columns for frame in frames)]
    times = np.concatenate([frame.time_ns for frame in frames]) if frames else np.empty(0, np.int64)
    place = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    columns = {
        name: joined([frame.columns.get(name) or nothing(fields[name], len(frame)) for frame in frames])
        for name in names
    }
    whole = Frame(times, columns)
    if len(frames) < 2:
        return whole, place
    order = np.argsort(times, kind="stable")
    return Frame(times[order], {name: column.at(order) for name, column in columns.items()}), place[order]
