"""The record in memory: every rule of the `Store` port in the plainest words, the oracle of the other implementations.

Rules that the port leaves to the implementations, and that all of them keep alike:

- A row's key is (tag, time, value bits, status). The first row with a key is kept, every later one is a duplicate.
- Of several versions at one time the default read gives the newest that is not Bad, by position; where all are Bad,
  the newest. So a Bad that is re-sent with an old time does not hide the good value. `latest`, `at_time` and
  `aggregate` see the rows of the default read.
- A `limit` together with `versions` never cuts between versions of one time, unless that would leave no row at all.
- Entries come in the order of their positions; one at or before the last written is there already.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.entries import START, Position
from domain.ports import Buckets, Latest, Rows
from domain.samples import SampleBatch
from domain.status import BAD

HUGE = 2.0**900
"""From here on a sum may overflow, though the mean does not."""


class Version(NamedTuple):
    """One row, at a tag and a time that its place in the store tells."""

    time_ns: int
    value: float
    bits: int
    status: int
    entry: int
    row: int

    @property
    def is_bad(self) -> bool:
        """Whether the status is Bad."""
        return self.status & BAD != 0

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Orders the versions of one time: the default read gives the highest."""
        return (not self.is_bad, self.entry, self.row)


def exact_mean(values: Sequence[float]) -> float:
    """The exact sum of finite values, rounded once, over their number."""
    if max(abs(value) for value in values) > HUGE:
        return float(sum(map(Fraction, values)) / len(values))
    return math.fsum(values) / len(values)


class MemoryStore:
    """A `Store` that forgets with the process."""

    def __init__(self) -> None:
        self._versions: dict[int, dict[int, list[Version]]] = {}
        self._last = START
        self._stored = 0
        self._duplicates = 0

    def write(self, at: Position, batch: SampleBatch) -> None:
        """Take the rows of one entry; the same entry twice counts once."""
        if at <= self._last:
            return
        self._last = at
        bits = np.ascontiguousarray(batch.value, np.float64).view(np.int64)
        columns = (batch.tag, batch.time_ns, batch.value, bits, batch.status)
        for row, (tag, time_ns, value, bit, status) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
            versions = self._versions.setdefault(tag, {}).setdefault(time_ns, [])
            if any(known.bits == bit and known.status == status for known in versions):
                self._duplicates += 1
                continue
            versions.append(Version(time_ns, value, bit, status, at, row))
            self._stored += 1

    def flush(self, *, everything: bool = False) -> Position:  # noqa: ARG002 - the port's signature
        """Nothing is durable here; what is written counts as if it were."""
        return self._last

    def cursor(self) -> Position:
        """The last written entry."""
        return self._last

    def counts(self) -> Mapping[str, int]:
        """`stored`, `duplicates` and `waiting` (always 0)."""
        return {"stored": self._stored, "duplicates": self._duplicates, "waiting": 0}

    def read(
        self,
        tag: int,
        start_ns: int,
        end_ns: int,
        *,
        as_of: Position | None = None,
        versions: bool = False,
        limit: int | None = None,
    ) -> Rows:
        """Rows with start ≤ time < end, in the order of time and position."""
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}, and must be at least 1")
        chosen = self._chosen(tag, start_ns, end_ns, as_of, versions=versions)
        if limit is None or len(chosen) <= limit:
            return _rows(chosen)
        keep = limit
        while keep > 0 and chosen[keep - 1].time_ns == chosen[keep].time_ns:
            keep -= 1
        keep = keep or limit
        return _rows(chosen[:keep], cut=chosen[keep].time_ns)

    def aggregate(
        self,
        tag: int,
        start_ns: int,
        end_ns: int,
        buckets: int,
        *,
        as_of: Position | None = None,
    ) -> Buckets:
        """Aggregate [start, end) to at most `buckets` equal buckets; their width is rounded up to whole ns."""
        if buckets < 1:
            raise ValueError(f"buckets is {buckets}, and must be at least 1")
        width_ns = max(1, -(-(end_ns - start_ns) // buckets))
        cells: dict[int, list[Version]] = {}
        for version in self._chosen(tag, start_ns, end_ns, as_of, versions=False):
            cells.setdefault((version.time_ns - start_ns) // width_ns, []).append(version)
        figures = [_figures(cell) for cell in cells.values()]
        columns = np.array(figures, np.float64).reshape(len(figures), 7).T
        return Buckets(
            np.array([start_ns + number * width_ns for number in cells], np.int64),
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            columns[4],
            columns[5].astype(np.int64),
            columns[6].astype(np.int64),
        )

    def latest(self, tags: Sequence[int] | None = None) -> Latest:
        """The last row of the default read of each tag: in the order asked, or by tag."""
        asked = sorted(self._versions) if tags is None else tags
        found = [(tag, self._newest(tag)) for tag in asked if tag in self._versions]
        return Latest(
            np.array([tag for tag, _ in found], np.uint32),
            np.array([version.time_ns for _, version in found], np.int64),
            _values(version for _, version in found),
            np.array([version.status for _, version in found], np.uint32),
        )

    def at_time(self, tag: int, time_ns: int, *, as_of: Position | None = None) -> Rows:
        """The last row of the default read at or before a time."""
        return _rows(self._chosen(tag, min(self._versions.get(tag, {0: []})), time_ns + 1, as_of, versions=False)[-1:])

    def _newest(self, tag: int) -> Version:
        times = self._versions[tag]
        return max(times[max(times)], key=lambda version: version.rank)

    def _chosen(self, tag: int, start_ns: int, end_ns: int, as_of: Position | None, *, versions: bool) -> list[Version]:
        chosen: list[Version] = []
        times = self._versions.get(tag, {})
        for time_ns in sorted(time_ns for time_ns in times if start_ns <= time_ns < end_ns):
            known = [version for version in times[time_ns] if as_of is None or version.entry <= as_of]
            if known:
                chosen += known if versions else [max(known, key=lambda version: version.rank)]
        return chosen


def _figures(cell: list[Version]) -> tuple[float, float, float, float, float, int, int]:
    proper = [version.value for version in cell if math.isfinite(version.value) and not version.is_bad]
    if not proper:
        return math.nan, math.nan, math.nan, math.nan, math.nan, 0, len(cell)
    return (
        proper[0],
        min(proper),
        max(proper),
        proper[-1],
        exact_mean(proper),
        len(proper),
        len(cell) - len(proper),
    )


def _values(versions: Iterable[Version]) -> NDArray[np.float64]:
    return np.array([version.bits for version in versions], np.int64).view(np.float64)


def _rows(versions: list[Version], cut: int | None = None) -> Rows:
    return Rows(
        np.array([version.time_ns for version in versions], np.int64),
        _values(versions),
        np.array([version.status for version in versions], np.uint32),
        np.array([version.entry for version in versions], np.int64),
        np.array([version.row for version in versions], np.int32),
        cut,
    )
