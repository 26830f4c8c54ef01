"""Several grids as one: places that are read alike share a grid, so that many units cost as much as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.arrivals import Frame
from detectors.models.grid import Closed, Grid
from detectors.snapshots import Arrays, below


@dataclass(frozen=True, slots=True)
class Reading:
    """How one place is read: the grid's step, how old a value may be (ns), and how many tags."""

    every_ns: int
    stale_ns: int
    columns: int


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One cell of one place; `row` is the frame's row that closed it, -1 at a phase's end."""

    place: int
    end_ns: int
    values: NDArray[np.float64]  # (columns,); NaN where nothing is known
    row: int


class Grids:
    """Places by their number; cells of which nothing is known are left out."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._readings = readings
        alike = sorted({(each.every_ns, each.stale_ns) for each in readings})
        self._places = [
            [place for place, each in enumerate(readings) if (each.every_ns, each.stale_ns) == key] for key in alike
        ]
        self._grids = [
            Grid(len(places), max(readings[place].columns for place in places), *key)
            for key, places in zip(alike, self._places, strict=True)
        ]
        self._at = {
            place: (number, own) for number, places in enumerate(self._places) for own, place in enumerate(places)
        }

    def grow(self, size: int) -> None:
        """Make room for tags."""
        for grid in self._grids:
            grid.grow(size)

    def bind(self, tag: int, place: int, column: int) -> None:
        """Read a tag as a column of a place."""
        number, own = self._at[place]
        self._grids[number].bind(tag, own, column)

    def unbind(self, tag: int) -> None:
        """Read it no longer."""
        for grid in self._grids:
            grid.unbind(tag)

    def start(self, place: int, from_ns: int) -> None:
        """Read cells that begin at or after a time."""
        number, own = self._at[place]
        self._grids[number].start(own, from_ns)

    def stop(self, place: int) -> None:
        """Read no cells, and go on to hold."""
        number, own = self._at[place]
        self._grids[number].stop(own)

    def feed(self, frame: Frame) -> Iterator[Cell]:
        """Take rows; yield the cells that they close, those of one place in the order of time."""
        for number, grid in enumerate(self._grids):
            for closed in grid.feed(frame):
                yield from self._cells(number, closed)

    def flush(self, place: int, until_ns: int) -> Iterator[Cell]:
        """Close the cells of a place that end by a time."""
        number, own = self._at[place]
        for closed in self._grids[number].flush(own, until_ns):
            yield from self._cells(number, closed)

    def _cells(self, number: int, closed: Closed) -> Iterator[Cell]:
        for at in np.flatnonzero(closed.known.any(axis=1)).tolist():
            place = self._places[number][int(closed.units[at])]
            columns = self._readings[place].columns
            values = np.where(closed.known[at], closed.values[at], np.nan)[:columns]
            yield Cell(place, int(closed.end_ns[at]), values, int(closed.row[at]))

    def arrays(self) -> Arrays:
        """All but the tags' places."""
        return {
            f"{number}/{key}": array for number, grid in enumerate(self._grids) for key, array in grid.arrays().items()
        }

    def load(self, arrays: Arrays) -> None:
        """Take back what `arrays` told."""
        for number, grid in enumerate(self._grids):
            grid.load(below(arrays, str(number)))
