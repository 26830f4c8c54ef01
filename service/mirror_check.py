"""Compares a mirror with the record, by counts and sums per tag and hour, and makes it alike where it differs."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from domain import status
from domain.samples import SampleBatch
from domain.tags import Tag
from domain.time import DAY_NS, HOUR_NS, format_time
from historian.chunks.query import Stretch
from historian.influx import Answer, in_requests
from historian.influx_sums import NOTHING, Figures, Hours
from historian.line_protocol import CORRECTIONS, EARLIEST_NS, LATEST_NS, Lines, TextRow, field_of, stored_name
from historian.mirrored import Rendering, numbered

_WHOLE = 2**64


class Sums(Protocol):
    """What the mirror says of itself; `historian.influx_sums.InfluxSums` is one."""

    def of(self, measurement: str, start_ns: int, end_ns: int, tag: str | None = None) -> Hours:
        """The figures of every tag and hour with points in [start, end), or of one tag."""
        ...

    def remove(self, measurement: str, tag: str, start_ns: int, end_ns: int) -> None:
        """Take away every point of a tag in [start, end)."""
        ...


@dataclass(frozen=True, slots=True)
class Difference:
    """A tag and an hour of which record and mirror tell different figures."""

    tag: Tag
    start_ns: int
    end_ns: int
    measurement: str
    record: Figures
    mirror: Figures

    def __str__(self) -> str:
        """One line for a person."""
        return (
            f"{self.measurement} {self.tag.name} {format_time(self.start_ns)}: "
            f"{self.record.rows} rows in the record, {self.mirror.rows} in the mirror"
            + ("" if self.record.rows != self.mirror.rows else ", and other values")
        )


@dataclass(slots=True)
class Checked:
    """How much was compared, and what differed."""

    hours: int = 0  # of a tag, with rows in the record or in the mirror
    rows: int = 0
    differences: list[Difference] = field(default_factory=list)


class MirrorCheck:
    """Compares tag by tag and hour by hour; memory is bounded by a day of all tags' figures."""

    def __init__(self, site: str, rendering: Rendering, sums: Sums) -> None:
        self._measurements = (site, site + CORRECTIONS)
        self._rendering = rendering
        self._sums = sums
        self._texts: dict[int, list[TextRow]] = defaultdict(list)
        for row in rendering.all_texts():
            self._texts[row.tag].append(row)

    def compare(self, chosen: Sequence[Tag], start_ns: int, end_ns: int) -> Checked:
        """Compare [start, end), a day at a time."""
        checked = Checked()
        only = chosen[0].name if len(chosen) == 1 else None
        for day_ns, until_ns in _spans(start_ns, end_ns, DAY_NS):
            mirrors = [self._sums.of(measurement, day_ns, until_ns, only) for measurement in self._measurements]
            for tag in chosen:
                self._compare_tag(tag, mirrors, day_ns, until_ns, checked)
        return checked

    def _compare_tag(self, tag: Tag, mirrors: Sequence[Hours], start_ns: int, end_ns: int, checked: Checked) -> None:
        record = self._figures(tag, start_ns, end_ns)
        name = stored_name(tag.name)
        for measurement, of_record, of_mirror in zip(self._measurements, record, mirrors, strict=True):
            for hour_ns, until_ns in _spans(start_ns, end_ns, HOUR_NS):
                key = hour_ns // HOUR_NS * HOUR_NS
                ours, theirs = of_record.get(key, NOTHING), of_mirror.get((name, key), NOTHING)
                checked.hours += int(bool(ours.rows or theirs.rows))
                checked.rows += ours.rows
                if not ours.agrees(theirs):
                    checked.differences.append(Difference(tag, hour_ns, until_ns, measurement, ours, theirs))

    def fill(self, differences: Sequence[Difference], write: Callable[[Lines], Answer], *, clear: bool) -> Answer:
        """Write the differing hours of a tag again, every version; with `clear` take away first what is there."""
        answer = Answer()
        for tag, start_ns, end_ns in dict.fromkeys((each.tag, each.start_ns, each.end_ns) for each in differences):
            if clear:
                for measurement in self._measurements:
                    self._sums.remove(measurement, tag.name, start_ns, end_ns)
            for lines in self._lines(tag, start_ns, end_ns):
                answer.add(write(lines))
        return answer

    def _lines(self, tag: Tag, start_ns: int, end_ns: int) -> Iterator[Lines]:
        for lines in self._rendering.of_stretch(Stretch(tag.id, start_ns, end_ns)):
            yield from in_requests(lines)
        texts = [row for row in self._texts.get(tag.id, ()) if start_ns <= row.time_ns < end_ns]
        yield from in_requests(self._rendering.of_texts(texts))

    def _figures(self, tag: Tag, start_ns: int, end_ns: int) -> tuple[dict[int, Figures], dict[int, Figures]]:
        """By hour: of the first rows of their times, and of the later versions."""
        found: tuple[dict[int, Figures], dict[int, Figures]] = ({}, {})
        first_ns, last_ns = max(start_ns, EARLIEST_NS), min(end_ns, LATEST_NS + 1)
        for rows in self._rendering.history.read_pieces(tag.id, first_ns, last_ns, versions=True):
            numbers = numbered(rows.time_ns)
            batch = SampleBatch(
                "", 0, np.zeros(len(rows), np.uint32), rows.time_ns, None, rows.value, status.raw(rows.status)
            )
            for figures, chosen in zip(found, (numbers == 1, numbers > 1), strict=True):
                _count(figures, batch.rows(chosen), is_boolean=tag.kind == "boolean")
        for row in self._texts.get(tag.id, ()):
            if first_ns <= row.time_ns < last_ns:
                _count_text(found[row.version > 1], row, is_text=tag.kind == "text")
        return found


def _count(figures: dict[int, Figures], batch: SampleBatch, *, is_boolean: bool) -> None:
    """Add rows in time order to the figures of their hours; values one after the other, as InfluxDB adds them."""
    if not len(batch):
        return
    hours = batch.time_ns // HOUR_NS * HOUR_NS
    starts = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist()]
    for start, end in zip(starts, [*starts[1:], len(batch)], strict=True):
        hour = figures.setdefault(int(hours[start]), Figures())
        value = batch.value[start:end]
        booleans = (value == 0) | (value == 1) if is_boolean else np.zeros(len(value), np.bool_)
        numbers = value[np.isfinite(value) & ~booleans]
        hour.rows += len(value)
        hour.codes += int(batch.status[start:end].astype(np.uint64).sum())
        hour.booleans += int(np.count_nonzero(booleans))
        hour.values += len(numbers)
        hour.total += float(np.cumsum(numbers)[-1]) if len(numbers) else 0.0
        hour.absolute += float(np.abs(numbers).sum())


def _count_text(figures: dict[int, Figures], row: TextRow, *, is_text: bool) -> None:
    hour = figures.setdefault(row.time_ns // HOUR_NS * HOUR_NS, Figures())
    hour.rows += 1
    hour.codes += row.status & ~status.TIME_ORIGIN
    name = field_of(row.value, is_text=is_text)
    if name == "integer":
        hour.integers += 1
        hour.whole = (hour.whole + int(row.value or 0)) % _WHOLE
    hour.unsigned += name == "unsigned"
    hour.texts += name == "text"


def _spans(start_ns: int, end_ns: int, width_ns: int) -> Iterator[tuple[int, int]]:
    """Stretches that end at whole multiples of the width, or at the end."""
    while start_ns < end_ns:
        until_ns = min((start_ns // width_ns + 1) * width_ns, end_ns)
        yield start_ns, until_ns
        start_ns = until_ns
