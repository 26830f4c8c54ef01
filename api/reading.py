"""Reads many rows of one tag in bounded pages, and writes them as JSON columns without holding anybody up."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.jsonify import to_json
from api.times import TimeForm
from domain import status
from domain.entries import Position
from domain.ports import HistoryReader, Rows
from domain.tags import Tag
from domain.time import HOUR_NS, format_time

ROWS_PER_PAGE = 16_384
ROWS_PER_DUMP = 8_192
"""More in one `dumps` would hold the interpreter's lock for so long that live streams notice."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows are asked for."""

    tag: Tag
    start_ns: int
    end_ns: int
    limit: int
    versions: bool = False
    as_of: Position | None = None


class Reading:
    """Pages of rows in time order. `cut_ns` is the first time left out by the limit, once the last page was read.

    A page covers a stretch of time that grows and shrinks with the rhythm of the tag, so that no call asks the record
    for much more than it takes.
    """

    def __init__(self, history: HistoryReader, question: Question, *, page_rows: int = ROWS_PER_PAGE) -> None:
        self._history, self._question = history, question
        self._from_ns = question.start_ns
        self._span_ns = HOUR_NS
        self._page_rows = page_rows
        self.count = 0
        self.cut_ns: int | None = None

    @property
    def done(self) -> bool:
        """Whether there is no further page."""
        return self.cut_ns is not None or self._from_ns >= self._question.end_ns

    def stop(self) -> None:
        """End here, and say so."""
        if not self.done:
            self.cut_ns = self._from_ns

    def page(self) -> Rows | None:
        """The next rows; None at the end."""
        while not self.done:
            left = self._question.limit - self.count
            rows = self._read(min(left, self._page_rows) if left else 1)
            if len(rows) and not left:
                self.cut_ns = int(rows.time_ns[0])
            elif len(rows):
                self.count += len(rows)
                return rows
        return None

    def _read(self, limit: int) -> Rows:
        until_ns = min(self._from_ns + self._span_ns, self._question.end_ns)
        rows = self._window(self._from_ns, until_ns, limit)
        if rows.cut is None:
            self._from_ns = until_ns
            if len(rows) < self._page_rows // 4:
                self._span_ns *= 4
            return rows
        self._span_ns = max(self._span_ns // 2, 1)
        whole = _before(rows, rows.cut)
        if not len(whole):  # more versions of one moment than a page holds: they are not torn apart
            self._from_ns = rows.cut + 1
            return self._window(rows.cut, rows.cut + 1, None)
        self._from_ns = rows.cut
        return whole

    def _window(self, start_ns: int, end_ns: int, limit: int | None) -> Rows:
        asked = self._question
        return self._history.read(
            asked.tag.id,
            start_ns,
            end_ns,
            as_of=asked.as_of,
            versions=asked.versions,
            limit=limit,
        )


def _before(rows: Rows, cut_ns: int) -> Rows:
    """The rows before a moment: of those at it, others may have been left out."""
    return rows.at(slice(int(np.searchsorted(rows.time_ns, cut_ns))))


def dump_column(column: NDArray[np.generic] | list[str], *, first: bool) -> bytes:
    """A column's elements, without brackets, with a comma before unless they are the first."""
    parts = [
        to_json(part)[1:-1] for part in (column[at : at + ROWS_PER_DUMP] for at in range(0, len(column), ROWS_PER_DUMP))
    ]
    return (b"" if first else b",") + b",".join(parts)


def samples_json(reading: Reading, tag: Tag, form: TimeForm, deadline_s: float) -> Iterator[bytes]:
    """The answer in pieces; times first, while values and statuses are kept packed (12 bytes a row).

    Past the deadline (of `time.monotonic`) the answer ends like one that met its limit.
    """
    head = to_json({"tag": tag.name, "unit": tag.unit})[:-1]
    yield head + b',"%s":[' % form.key("time").encode()
    values: list[NDArray[np.float64]] = []
    statuses: list[NDArray[np.uint32]] = []
    while (rows := reading.page()) is not None:
        piece = dump_column(form.column(rows.time_ns), first=not values)
        values.append(rows.value.copy())
        statuses.append(status.raw(rows.status))
        yield piece
        if time.monotonic() > deadline_s:
            reading.stop()
    yield b'],"value":['
    for number, value in enumerate(values):
        yield dump_column(value, first=number == 0)
    values.clear()
    yield b'],"status":['
    for number, code in enumerate(statuses):
        yield dump_column(code, first=number == 0)
    yield b"]," + to_json(_ending(reading, form))[1:]


def _ending(reading: Reading, form: TimeForm) -> dict[str, object]:
    if reading.cut_ns is None:
        return {"count": reading.count, "cut": False, "next": None}
    # Milliseconds would round it; this is a start that goes on exactly here.
    following = reading.cut_ns if form is TimeForm.NS else format_time(reading.cut_ns)
    return {"count": reading.count, "cut": True, "next": following}
