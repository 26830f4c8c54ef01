"""The open window of each charted tag: the sum and the count of its proven rows, until a row at its end closes it.

Where a tag's ranges lie around a set point that moves, its deviation is what is added: each reading less the set point
at its own time. A set point that steps later than a reading that was added already, by a row that came after it,
spoils the window that was open then: it is left out, as one without proven rows is.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Frame, Index, Mask, grown
from detectors.drift.charts import SENSIBLE
from detectors.ranges.set_points import Deviations


class Closed(NamedTuple):
    """Windows of distinct tags that rows have closed; all of the same length."""

    row: Index  # that closed each, in its frame
    tag: Index
    mean: NDArray[np.float64]
    end_ns: NDArray[np.int64]


class Windows:
    """All by tag: rows of all tags are added at once, also of those without a rule."""

    def __init__(self) -> None:
        self.every_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # 0: the tag has no rule
        self.end_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.deviates: Mask = np.empty(0, dtype=np.bool_)  # charted is what it deviates by from its set point
        self._warming: Mask = np.empty(0, dtype=np.bool_)  # the window began before the ranges held
        self._total: NDArray[np.float64] = np.empty(0)
        self._count: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._spoilt_ns: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # a time in the newest window that is spoilt
        self._spoilt_now: list[tuple[int, int]] = []  # the same by the frame that is judged, with its tag

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self.every_ns = grown(self.every_ns, size, 0)
        self.end_ns = grown(self.end_ns, size, FOREVER_NS)
        self.deviates = grown(self.deviates, size, fill=False)
        self._warming = grown(self._warming, size, fill=False)
        self._total = grown(self._total, size, 0.0)
        self._count = grown(self._count, size, 0)
        self._spoilt_ns = grown(self._spoilt_ns, size, NEVER_NS)

    def start(self, tag: int, from_ns: int, *, deviates: bool) -> None:
        """Begin with windows from a time on."""
        self.end_ns[tag], self._warming[tag], self.deviates[tag] = from_ns, True, deviates
        self._total[tag] = self._count[tag] = 0
        self._spoilt_ns[tag] = NEVER_NS

    def stop(self, tag: int) -> None:
        """Open no more windows."""
        self.end_ns[tag] = FOREVER_NS
        self.deviates[tag] = False

    def take(self, frame: Frame, deviations: Deviations) -> Iterator[Closed]:
        """Add every proven row to its window, and tell the windows that this closes, the first of each tag first.

        `deviations` are those of the frame.
        """
        if np.count_nonzero(self.deviates):
            frame = self._less_set_points(frame, deviations)
        rows = frame.rows
        over = rows.time_ns >= self.end_ns[frame.at]
        if rows.ok is not None:
            over &= rows.ok
        if np.count_nonzero(over):
            yield from self._close_windows(frame)
        elif frame.first is None:
            self._add(frame.at, rows.value if rows.ok is None else np.where(rows.ok, rows.value, 0.0), rows.ok)
        else:
            self._add_in_order(rows.tag, rows.value, self._charted_rows(frame))
        for tag, at_ns in self._spoilt_now:
            self._spoilt_ns[tag] = at_ns
        self._spoilt_now = []

    def _less_set_points(self, frame: Frame, deviations: Deviations) -> Frame:
        """The frame with deviations in place of the readings of tags that are charted so; others prove nothing."""
        rows = frame.rows
        deviates = self.deviates[rows.tag]
        if not np.count_nonzero(deviates):
            return frame
        self._spoilt_now = [(tag, at_ns) for tag, at_ns in deviations.behind if self.deviates[tag]]
        less = np.full(len(rows), np.nan)
        less[deviations.at] = deviations.value
        ok = ~deviates | np.isfinite(less)
        if rows.ok is not None:
            ok &= rows.ok
        value = np.where(deviates, less, rows.value)
        return replace(frame, rows=replace(rows, value=value, ok=ok))

    def _charted_rows(self, frame: Frame) -> Index:
        charted = self.every_ns[frame.rows.tag] > 0
        if frame.rows.ok is not None:
            charted &= frame.rows.ok
        return charted.nonzero()[0]

    def _add(self, at: "slice | Index", value: NDArray[np.float64], ok: Mask | None) -> None:
        """Add rows of distinct tags."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._total[at] += value
        self._count[at] += 1 if ok is None else ok

    def _add_in_order(self, tag: Index, value: NDArray[np.float64], chosen: Index) -> None:
        """Add rows one by one: a sum must not depend on how the rows were batched."""
        with np.errstate(over="ignore", invalid="ignore"):
            np.add.at(self._total, tag[chosen], value[chosen])
        np.add.at(self._count, tag[chosen], 1)

    def _close_windows(self, frame: Frame) -> Iterator[Closed]:
        """Add rows window by window: those before the first that is over, then what that one closes, and so on."""
        rows = frame.rows
        left = self._charted_rows(frame)
        while len(left):
            over = rows.time_ns[left] >= self.end_ns[rows.tag[left]]
            added = left[~over]
            if frame.first is None:
                self._add(rows.tag[added], rows.value[added], None)
            else:
                self._add_in_order(rows.tag, rows.value, added)
            left = left[over]
            if not len(left):
                break
            opening = np.ones(len(left), dtype=np.bool_)
            opening[1:] = rows.tag[left[1:]] != rows.tag[left[:-1]]
            closed = self._close(frame, left[opening])
            if len(closed.row):
                yield closed

    def _close(self, frame: Frame, index: Index) -> Closed:
        """Close the windows of distinct tags; `index` are the rows that open the next ones."""
        tag, time_ns = frame.rows.tag[index], frame.rows.time_ns[index]
        end_ns, count, every_ns = self.end_ns[tag], self._count[tag], self.every_ns[tag]
        full = ~self._warming[tag] & (count > 0) & ~self._is_spoilt(tag, end_ns)
        mean = np.nan_to_num(self._total[tag] / np.maximum(count, 1))
        np.clip(mean, -SENSIBLE, SENSIBLE, out=mean)
        self._warming[tag] = False
        self._total[tag] = 0.0
        self._count[tag] = 0
        self.end_ns[tag] = end_ns + ((time_ns - end_ns) // every_ns + 1) * every_ns
        return Closed(index[full], tag[full], mean[full], end_ns[full])

    def _is_spoilt(self, tag: Index, end_ns: NDArray[np.int64]) -> Mask:
        spoilt_ns, start_ns = self._spoilt_ns[tag], end_ns - self.every_ns[tag]
        spoilt: Mask = (start_ns <= spoilt_ns) & (spoilt_ns < end_ns)
        for each, at_ns in self._spoilt_now:
            spoilt |= (tag == each) & (start_ns <= at_ns) & (at_ns < end_ns)
        return spoilt

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All columns of a snapshot."""
        return {
            "end_ns": self.end_ns,
            "warming": self._warming,
            "total": self._total,
            "count": self._count,
            "deviates": self.deviates,
            "spoilt_ns": self._spoilt_ns,
        }

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told; a state of the time before deviations has none."""
        self.end_ns = arrays["end_ns"].astype(np.int64)
        self._warming = arrays["warming"].astype(np.bool_)
        self._total = arrays["total"].astype(np.float64)
        self._count = arrays["count"].astype(np.int64)
        size = len(self.end_ns)
        self.deviates = arrays.get("deviates", np.zeros(size)).astype(np.bool_)
        self._spoilt_ns = arrays.get("spoilt_ns", np.full(size, NEVER_NS)).astype(np.int64)
