"""Tags whose next row changes nothing about a hold's condition but when, and at what value, it was last proven.

While a tag stays on the side of its conditions on which it was, proven and without a gap, and all has been said of the
stays that look at it, its rows are taken at once with those of all others: only the newest is remembered, and handed on
before anybody looks.
"""

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import NEVER_NS, Frame, Index, Mask, grown
from detectors.gaps import Gaps

Band = tuple[float, float]
"""Between these values, both ends with it, a row changes nothing."""


class Calm:
    """By tag: between which values a row changes nothing, and the newest such row."""

    def __init__(self, gaps: Gaps) -> None:
        self._gaps = gaps
        self._low: NDArray[np.float64] = np.empty(0)
        self._high: NDArray[np.float64] = np.empty(0)
        self._last_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._last: NDArray[np.float64] = np.empty(0)
        self._is_ahead: Mask = np.empty(0, dtype=np.bool_)  # the newest row is not handed on yet
        self._any = False

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._low, self._high = grown(self._low, size, np.inf), grown(self._high, size, -np.inf)
        self._last_ns, self._last = grown(self._last_ns, size, NEVER_NS), grown(self._last, size, np.nan)
        self._is_ahead = grown(self._is_ahead, size, fill=False)

    def take(self, frame: Frame, index: Index) -> Index:
        """Take the rows that change nothing; return the others."""
        rows = frame.rows
        tag, value = rows.tag[index], rows.value[index]
        calm = (self._low[tag] <= value) & (value <= self._high[tag]) & (self._last_ns[tag] >= self._gaps.until_ns)
        if rows.ok is not None:
            calm &= rows.ok[index]
        if frame.first is not None:
            calm &= ~np.isin(tag, tag[~calm])
        taken = tag[calm]
        # Of several rows of a tag the last one stays.
        self._last_ns[taken], self._last[taken] = rows.time_ns[index[calm]], value[calm]
        self._is_ahead[taken] = True
        return index[~calm]

    def newest(self, tag: int) -> tuple[int, float] | None:
        """The newest row of a tag that was taken here, once; None where there is none."""
        if not self._is_ahead[tag]:
            return None
        self._is_ahead[tag] = False
        return int(self._last_ns[tag]), float(self._last[tag])

    def ahead(self) -> list[int]:
        """The tags of which rows were taken since they were asked for."""
        return self._is_ahead.nonzero()[0].tolist() if self._any else []

    def begin(self, tag: int, low: float, high: float, last_ns: int) -> None:
        """From here on, take the rows of a tag between these values."""
        self._low[tag], self._high[tag], self._last_ns[tag] = low, high, last_ns
        self._any = True

    def end(self) -> None:
        """Take nothing more; what was taken has been asked for."""
        if self._any:
            self._low[:], self._high[:] = np.inf, -np.inf
            self._any = False
