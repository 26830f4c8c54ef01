"""The newest samples of many tags, each over a window of its own, and how fast they change over it: all at once.

A tag has a ring, a stretch of two long arrays; its length is a power of two, and doubles when it is full.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Index, grown
from detectors.ranges.excursions import Sample
from detectors.ranges.limits import ROUNDING
from domain.time import MINUTE_NS

MOST_SAMPLES: Final = 100_000
"""Samples of one tag that are kept for its window; beyond it the oldest go, and the window becomes shorter."""

_FIRST: Final = 16

Times = NDArray[np.int64]
Values = NDArray[np.float64]


class Windows:
    """By tag, its proven samples since they are one line: those of the window, and the last one before it."""

    def __init__(self) -> None:
        self._time_ns: Times = np.empty(0, dtype=np.int64)
        self._value: Values = np.empty(0)
        self._used = 0
        # By tag: where its ring begins and how long it is, where in it the oldest sample is, and how many there are.
        self._begin: Index = np.empty(0, dtype=np.intp)
        self._length: Index = np.empty(0, dtype=np.intp)
        self._oldest: Index = np.empty(0, dtype=np.intp)
        self._count: Index = np.empty(0, dtype=np.intp)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._begin, self._length = grown(self._begin, size, 0), grown(self._length, size, 0)
        self._oldest, self._count = grown(self._oldest, size, 0), grown(self._count, size, 0)

    def clear(self, tag: "int | Index") -> None:
        """Forget the samples of tags."""
        self._count[tag] = 0

    def rates(self, tag: Index, time_ns: Times, value: Values, window_ns: Times) -> tuple[Values, Values]:
        """Take a sample of each of these distinct tags; the change per minute over the window that ends with it.

        Beside it, by how much rounding may have moved it. NaN while the window is not full. Where there is a sample of
        this time, the new one stands in its place.
        """
        again = tag[self.last_ns(tag) == time_ns]
        self._count[again] -= 1
        self._push(tag, time_ns, value)
        from_ns = time_ns - window_ns
        self._drop(tag, from_ns)
        first, second = self._place(tag, 0), self._place(tag, 1)
        first_ns = self._time_ns[first]
        full = (first_ns <= from_ns) & (self._count[tag] > 1)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            part = (from_ns - first_ns) / (self._time_ns[second] - first_ns)
            then = self._value[first] + (self._value[second] - self._value[first]) * part
            minutes = window_ns / MINUTE_NS
            rate = (value - then) / minutes
            rounding = ROUNDING * (np.abs(value) + np.abs(then)) / minutes
        return np.where(full, rate, np.nan), rounding

    def last_ns(self, tag: Index) -> Times:
        """The time of the newest sample of each tag; `NEVER_NS` where there is none."""
        count = self._count[tag]
        known = count > 0
        last_ns = np.full(len(tag), NEVER_NS)
        last_ns[known] = self._time_ns[self._place(tag[known], count[known] - 1)]
        return last_ns

    def _place(self, tag: Index, number: "int | Index") -> Index:
        place: Index = self._begin[tag] + ((self._oldest[tag] + number) & (self._length[tag] - 1))
        return place

    def _push(self, tag: Index, time_ns: Times, value: Values) -> None:
        for each in tag[self._count[tag] >= np.minimum(self._length[tag], MOST_SAMPLES)].tolist():
            self._make_room(each)
        place = self._place(tag, self._count[tag])
        self._time_ns[place], self._value[place] = time_ns, value
        self._count[tag] += 1

    def _drop(self, tag: Index, from_ns: Times) -> None:
        """Forget what lies before the last sample that is not after a time."""
        while len(tag):
            goes = (self._count[tag] > 1) & (self._time_ns[self._place(tag, 1)] <= from_ns)
            tag, from_ns = tag[goes], from_ns[goes]
            self._oldest[tag] += 1
            self._count[tag] -= 1

    def _make_room(self, tag: int) -> None:
        """Double a full ring, or let its oldest sample go."""
        if self._count[tag] >= MOST_SAMPLES:
            self._oldest[tag] += 1
            self._count[tag] -= 1
            return
        samples = self.samples(tag)
        length = max(_FIRST, 2 * int(self._length[tag]))
        self._begin[tag], self._length[tag] = self._used, length
        self._used += length
        self._time_ns, self._value = grown(self._time_ns, self._used, 0), grown(self._value, self._used, 0.0)
        self.put(tag, samples)

    def samples(self, tag: int) -> list[Sample]:
        """The samples of a tag, the oldest first."""
        count = int(self._count[tag])
        place = self._place(np.full(count, tag, dtype=np.intp), np.arange(count))
        return [Sample(*each) for each in zip(self._time_ns[place].tolist(), self._value[place].tolist(), strict=True)]

    def put(self, tag: int, samples: Iterable[Sample]) -> None:
        """Go on with these samples of a tag."""
        self._oldest[tag] = self._count[tag] = 0
        one = np.array([tag], dtype=np.intp)
        for time_ns, value in samples:
            self._push(one, np.array([time_ns]), np.array([value]))
