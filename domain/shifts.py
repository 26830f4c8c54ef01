"""Shifts: when one begins, by the local clock of the plant, through every change of that clock.

The rules of a time zone are data here: `offsets` tells from which second on (UTC) the local clock is how far ahead. So
nothing that judges reads a file, and a replay has the shifts of the original.
"""

import bisect
from dataclasses import dataclass

from domain.time import SECOND_NS

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts that begin at the same local times each day.

    `starts_s` are seconds after local midnight, ascending; `offsets` are (UTC s, local minus UTC s), ascending, the
    first of them also for the time before. A local time that a day has twice counts when it comes first; one that a
    day leaves out counts as if the clock had not been changed yet.
    """

    zone: str
    starts_s: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]

    def end_ns(self, now_ns: int) -> int:
        """When the shift that runs at a time ends: the next start of one, later than `now_ns`."""
        now_s = now_ns // SECOND_NS
        day_s = (now_s + self._offset_s(now_s)) // _DAY_S * _DAY_S
        days_s = (day_s - _DAY_S, day_s, day_s + _DAY_S, day_s + 2 * _DAY_S)
        starts_s = [self._utc_s(each_s + start_s) for each_s in days_s for start_s in self.starts_s]
        return min(start_s for start_s in starts_s if start_s > now_s) * SECOND_NS

    def start_ns(self, now_ns: int) -> int:
        """When the shift that runs at a time began: the last start of one, at `now_ns` or before."""
        now_s = now_ns // SECOND_NS
        day_s = (now_s + self._offset_s(now_s)) // _DAY_S * _DAY_S
        days_s = (day_s - 2 * _DAY_S, day_s - _DAY_S, day_s, day_s + _DAY_S)
        starts_s = [self._utc_s(each_s + start_s) for each_s in days_s for start_s in self.starts_s]
        return max(start_s for start_s in starts_s if start_s <= now_s) * SECOND_NS

    def local_clock(self, time_ns: int) -> str:
        """What the plant's clock shows at a time: `14:00`."""
        time_s = time_ns // SECOND_NS
        minutes = (time_s + self._offset_s(time_s)) % _DAY_S // 60
        return f"{minutes // 60:02d}:{minutes % 60:02d}"

    def _offset_s(self, utc_s: int) -> int:
        place = bisect.bisect_right(self.offsets, utc_s, key=lambda offset: offset[0])
        return self.offsets[max(place - 1, 0)][1]

    def _utc_s(self, local_s: int) -> int:
        """The first moment at which the local clock shows a time (PEP 495, fold 0)."""
        offset_s = self.offsets[0][1]
        for (_, before_s), (from_s, after_s) in zip(self.offsets, self.offsets[1:], strict=False):
            if local_s < from_s + max(before_s, after_s):
                break
            offset_s = after_s
        return local_s - offset_s
