"""The ranges that hold now, as columns over the measured tags."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.layout import Layout
from simulators.recipe import Recipe, TrueRanges
from simulators.tags import MeasuredTag
from simulators.truth.truth import RangeRow

Array = NDArray[np.float64]

KINDS: Final = ("nor", "validated", "par")
"""The rows of the limits, from the inside out."""


class Limits:
    """Which ranges hold on which tag: `low` and `high` have a row per kind and a column per tag, infinite where none.

    A recipe's ranges are those of the reactors. `since_s` says from which second on a range has held.
    """

    def __init__(self, recipe: Recipe, layout: Layout, tags: Sequence[MeasuredTag]) -> None:
        shape = (len(KINDS), len(tags))
        self.low = np.full(shape, -math.inf)
        self.high = np.full(shape, math.inf)
        self.since_s = np.zeros(len(tags), np.int64)
        self._recipe = recipe
        self._columns = {unit: _columns(unit, tags) for unit in layout.reactors}
        self._waiting: dict[int, tuple[int, TrueRanges]] = {}  # column -> second, ranges

    def enter(self, unit: str, phase: str, second: int) -> None:
        """A phase began on a unit: the ranges of the one before hold no longer."""
        for role, column in self._columns.get(unit, {}).items():
            self.low[:, column] = -math.inf
            self.high[:, column] = math.inf
            self._waiting.pop(column, None)
            ranges = self._recipe.ranges.get((phase, role))
            if ranges is not None:
                self._waiting[column] = (second + ranges.after_s, ranges)

    def advance(self, second: int) -> None:
        """Let the ranges hold whose time has come."""
        due = [column for column, (from_s, _) in self._waiting.items() if from_s <= second]
        for column in due:
            self.since_s[column], ranges = self._waiting.pop(column)
            for row, kind in enumerate(KINDS):
                low, high = _sides(ranges, kind)
                self.low[row, column] = -math.inf if low is None else low
                self.high[row, column] = math.inf if high is None else high


def range_rows(recipe: Recipe) -> tuple[RangeRow, ...]:
    """Every range of a recipe that has a side."""
    rows = (
        RangeRow(phase, role, kind, *_sides(ranges, kind), ranges.after_s)
        for (phase, role), ranges in recipe.ranges.items()
        for kind in KINDS
    )
    return tuple(row for row in rows if (row.low, row.high) != (None, None))


def _sides(ranges: TrueRanges, kind: str) -> tuple[float | None, float | None]:
    sides: Mapping[str, tuple[float | None, float | None]] = {
        "nor": ranges.nor,
        "validated": ranges.validated,
        "par": ranges.par,
    }
    return sides[kind]


def _columns(unit: str, tags: Sequence[MeasuredTag]) -> dict[str, int]:
    return {tag.role: column for column, tag in enumerate(tags) if tag.name == f"{unit}.{tag.role}"}
