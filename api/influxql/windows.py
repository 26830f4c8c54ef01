"""The buckets of `GROUP BY time(…)`: aligned to 1970, or to local midnight where a time zone is given.

The same edges as InfluxDB's: the offset moves them, a change of the clocks lengthens or shortens the bucket it is in.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np

from api.influxql.columns import Times
from api.influxql.faults import Unanswered
from domain.time import SECOND_NS

MOST_BUCKETS = 100_000
"""Buckets of one series in one answer."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """Buckets of `width_ns`, moved by `offset_ns`, in the local time of `zone` if there is one."""

    width_ns: int
    offset_ns: int = 0
    zone: tzinfo | None = None

    def window(self, time_ns: int) -> tuple[int, int]:
        """Start and end of the bucket that a moment is in."""
        moved = time_ns - self.offset_ns
        if self.zone is None:
            start = moved - moved % self.width_ns
            return start + self.offset_ns, start + self.width_ns + self.offset_ns
        ahead = zone_offset_ns(self.zone, moved)
        into = (moved + ahead) % self.width_ns
        return (
            self._start(moved - into + self.offset_ns, ahead),
            self._end(moved + self.width_ns - into + self.offset_ns, ahead),
        )

    def _start(self, start: int, ahead: int) -> int:
        assert self.zone is not None
        change = ahead - zone_offset_ns(self.zone, start)
        return start + change if change and abs(change) < self.width_ns else start

    def _end(self, end: int, ahead: int) -> int:
        """Time that is added belongs to the bucket before the change, time that is skipped to the one after it."""
        assert self.zone is not None
        then = zone_offset_ns(self.zone, end)
        change = ahead - then
        if not change or abs(change) >= self.width_ns:
            return end
        return end + change if change > 0 or zone_offset_ns(self.zone, end + change) == then else end

    def edges(self, first_ns: int, last_ns: int) -> Times:
        """The starts of all buckets from that of `first_ns` to that of `last_ns`, and the end of the last one."""
        start = self.window(first_ns)[0]
        count = max(0, last_ns - start) // self.width_ns + 1
        if count > MOST_BUCKETS:
            raise Unanswered(f"max-select-buckets limit exceeded: ({count}/{MOST_BUCKETS})")
        if self.zone is None:
            return start + self.width_ns * np.arange(count + 1, dtype=np.int64)
        edges = [start]
        while edges[-1] <= last_ns:
            edges.append(max(self.window(edges[-1])[1], edges[-1] + 1))
        return np.array(edges if len(edges) > 1 else [start, self.window(start)[1]], np.int64)


def zone_offset_ns(zone: tzinfo, time_ns: int) -> int:
    """How far local time is ahead of UTC at a moment."""
    try:
        moment = (_EPOCH + timedelta(seconds=time_ns // SECOND_NS)).astimezone(zone)
    except OverflowError:
        return 0
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds()) * SECOND_NS
