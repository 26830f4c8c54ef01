"""Sample and hold on a grid: what the tags of a unit were worth at the end of each cell of time.

Cells are whole multiples of `every_ns` since 1970. A cell is closed by the first row, in order of arrival, that is of
two cells later: rows of other tags have one cell's time to arrive. What comes for a closed cell still counts from the
next one on, where it is the newest. So what is read depends on the order of arrival alone, never on how rows came in
frames.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import FOREVER_NS, NEVER_NS, Frame, Index, Mask, grown

_WAITS = 2  # cells: a row of cell n closes cell n - 2


@dataclass(frozen=True, slots=True, eq=False)
class Closed:
    """Cells that have closed, one of each of n units; `row` is the frame's row that closed it, -1 at a phase's end."""

    units: Index
    end_ns: NDArray[np.int64]
    values: NDArray[np.float64]  # (n, columns)
    known: Mask  # (n, columns): there, proven and not too old
    row: Index


class Grid:
    """The values of `columns` parameters of several units."""

    def __init__(self, units: int, columns: int, every_ns: int, stale_ns: int) -> None:
        self._columns, self._every_ns, self._stale_ns = columns, every_ns, stale_ns
        self._flat: Index = np.empty(0, dtype=np.intp)
        self._next: NDArray[np.int64] = np.full(units, FOREVER_NS)
        self._held = np.full(units * columns, np.nan)
        self._held_ns: NDArray[np.int64] = np.full(units * columns, NEVER_NS)
        self._slot = np.full((_WAITS, units * columns), np.nan)
        self._slot_ns: NDArray[np.int64] = np.full((_WAITS, units * columns), NEVER_NS)

    def grow(self, size: int) -> None:
        """Make room for tags."""
        self._flat = grown(self._flat, size, -1)

    def bind(self, tag: int, unit: int, column: int) -> None:
        """Read a tag as a parameter of a unit."""
        self._flat[tag] = unit * self._columns + column

    def unbind(self, tag: int) -> None:
        """Read it no longer."""
        self._flat[tag] = -1

    def forget(self, unit: int, column: int) -> None:
        """A parameter's value is not known any more."""
        flat = unit * self._columns + column
        self._held[flat], self._held_ns[flat] = np.nan, NEVER_NS
        self._slot[:, flat], self._slot_ns[:, flat] = np.nan, NEVER_NS

    def start(self, unit: int, from_ns: int) -> None:
        """Read cells that begin at or after a time; what was held before counts."""
        self._next[unit] = -(-from_ns // self._every_ns)

    def stop(self, unit: int) -> None:
        """Read no cells, and go on to hold."""
        for offset in range(_WAITS):
            self._settle(np.array([unit], dtype=np.intp), int(self._next[unit]) + offset)
        self._next[unit] = FOREVER_NS

    def feed(self, frame: Frame) -> Iterator[Closed]:
        """Take rows; yield the cells that they close, one of each unit at a time."""
        rows = frame.rows
        chosen = (self._flat[frame.at] >= 0).nonzero()[0]
        if not len(chosen):
            return
        if frame.arrival is not None:
            chosen = chosen[np.argsort(frame.arrival[chosen])]
        flat, time_ns = self._flat[rows.tag[chosen]], rows.time_ns[chosen]
        value = rows.value[chosen] if rows.ok is None else np.where(rows.ok[chosen], rows.value[chosen], np.nan)
        unit, cell = flat // self._columns, time_ns // self._every_ns
        while len(chosen):
            due = cell - _WAITS >= self._next[unit]
            if not np.count_nonzero(due):
                self._store(flat, cell, time_ns, value)
                return
            first = np.full(len(self._next), len(chosen), dtype=np.intp)
            np.minimum.at(first, unit[due], due.nonzero()[0])
            before = np.arange(len(chosen)) < first[unit]
            self._store(flat[before], cell[before], time_ns[before], value[before])
            units = (first < len(chosen)).nonzero()[0]
            yield self._close(units, cell[first[units]] - _WAITS, chosen[first[units]])
            left = ~before
            chosen, flat, time_ns, value = chosen[left], flat[left], time_ns[left], value[left]
            unit, cell = unit[left], cell[left]

    def flush(self, unit: int, until_ns: int) -> Iterator[Closed]:
        """Close the cells of a unit that end by a time: its phase is over, and nothing more comes for them."""
        last = until_ns // self._every_ns - 1
        while self._next[unit] <= last:
            one = np.array([unit], dtype=np.intp)
            yield self._close(one, np.array([last], dtype=np.int64), np.array([-1], dtype=np.intp))

    def _store(
        self, flat: Index, cell: NDArray[np.int64], time_ns: NDArray[np.int64], value: NDArray[np.float64]
    ) -> None:
        """Keep values for their cells; those of closed cells, and of units that read none, are held at once."""
        if not len(flat):
            return
        upcoming = self._next[flat // self._columns]
        early = (cell < upcoming) & (time_ns >= self._held_ns[flat])
        # Of a tag's rows the last counts: assignment keeps it, and a tag's rows never go back in time.
        self._held[flat[early]], self._held_ns[flat[early]] = value[early], time_ns[early]
        waits = cell >= upcoming
        slot = cell[waits] % _WAITS
        self._slot[slot, flat[waits]], self._slot_ns[slot, flat[waits]] = value[waits], time_ns[waits]

    def _settle(self, units: Index, cell: "int | NDArray[np.int64]") -> None:
        """Hold from now on what came in a cell."""
        flat = (units[:, None] * self._columns + np.arange(self._columns)).ravel()
        slot = np.repeat(np.broadcast_to(np.asarray(cell) % _WAITS, len(units)), self._columns)
        at_ns = self._slot_ns[slot, flat]
        newer = (at_ns != NEVER_NS) & (at_ns >= self._held_ns[flat])
        self._held[flat[newer]], self._held_ns[flat[newer]] = self._slot[slot, flat][newer], at_ns[newer]
        self._slot_ns[slot, flat] = NEVER_NS
        self._slot[slot, flat] = np.nan

    def _close(self, units: Index, last: NDArray[np.int64], row: Index) -> Closed:
        cell = self._next[units]
        self._settle(units, cell)
        end_ns = (cell + 1) * self._every_ns
        shape = (len(units), self._columns)
        flat = (units[:, None] * self._columns + np.arange(self._columns)).ravel()
        values, at_ns = self._held[flat].reshape(shape), self._held_ns[flat].reshape(shape)
        # Compared as the oldest that counts: NEVER_NS less anything would wrap around.
        known = np.isfinite(values) & (at_ns >= (end_ns - self._stale_ns)[:, None])
        self._next[units] = cell + 1
        silent = ~known.any(axis=1) & ~self._pending(units)
        # Where nothing is known and nothing waits, no cell up to the row's own says more.
        self._next[units] = np.where(silent, np.maximum(cell, last) + 1, cell + 1)
        return Closed(units, end_ns, values, known, row)

    def _pending(self, units: Index) -> Mask:
        waits = (self._slot_ns != NEVER_NS).any(axis=0).reshape(-1, self._columns).any(axis=1)
        return np.asarray(waits[units], dtype=np.bool_)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """All but the tags' places."""
        return {
            "next": self._next,
            "held": self._held,
            "held_ns": self._held_ns,
            "slot": self._slot,
            "slot_ns": self._slot_ns,
        }

    def load(self, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take back what `arrays` told."""
        self._next = arrays["next"].astype(np.int64)
        self._held = arrays["held"].astype(np.float64)
        self._held_ns = arrays["held_ns"].astype(np.int64)
        self._slot = arrays["slot"].astype(np.float64)
        self._slot_ns = arrays["slot_ns"].astype(np.int64)
