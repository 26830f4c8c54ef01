"""Change points of a unit: the mean of the newest rows against the mean of those before them.

Both are means over windows, of all tags at once; their difference is measured by how much it varied in the reference
(`tails`), and the fourth-power mean over tags asks for little from many tags, or much from few. While a
change is in sight it is told again only after `rest` rows.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors.models.tails import Column, normal_equivalent

_LEAST = 1e-9
_FREEDOM_PER_WINDOW = 2.0
_LEAST_FREEDOM = 0.5


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Lengths in rows; the limit in normal deviates."""

    recent: int = 12
    before: int = 80
    power: float = 4.0
    limit: float = 1.95
    rest: int = 30

    @property
    def rows(self) -> int:
        """How far back it looks."""
        return self.recent + self.before


@dataclass(frozen=True, slots=True, eq=False)
class ChangeReference:
    """How much the two means differ while nothing changes, by tag: frozen; `newest` are the last rows of it."""

    spread: Column
    freedom: float
    newest: Column

    @classmethod
    def learn(cls, rows: Column, rule: ChangeRule) -> Self:
        """From normal rows (rows, tags), more than a change looks back, all of them finite."""
        if len(rows) <= rule.rows:
            raise ValueError(f"{len(rows)} rows of reference; a change looks back over {rule.rows}")
        sums = np.vstack([np.zeros(rows.shape[1]), np.cumsum(rows - rows.mean(axis=0), axis=0)])
        end = np.arange(rule.rows, len(rows)) + 1
        middle, begin = end - rule.recent, end - rule.rows
        differ = (sums[end] - sums[middle]) / rule.recent - (sums[middle] - sums[begin]) / rule.before
        spread = np.sqrt((differ**2).mean(axis=0)) + _LEAST
        freedom = max((len(rows) - rule.rows) / rule.rows * _FREEDOM_PER_WINDOW, _LEAST_FREEDOM)
        return cls(spread, freedom, rows[-rule.rows :].copy())


class Changes:
    """Follows one unit, row by row; `score` and `told` are of the newest row."""

    def __init__(self, reference: ChangeReference, rule: ChangeRule) -> None:
        self._reference, self._rule = reference, rule
        self._rows = reference.newest.copy()  # a ring
        self._next = 0
        self._freedom = np.full(self._rows.shape[1], reference.freedom)
        self._since = rule.rest
        self.score = 0.0
        self.told = False

    def update(self, row: Column) -> None:
        """Take the next row; a cell that is not finite counts as the one before."""
        rule = self._rule
        before = self._rows[self._next - 1]
        self._rows[self._next] = np.where(np.isfinite(row), row, before)
        self._next = (self._next + 1) % rule.rows
        newest = (self._next - 1 - np.arange(rule.recent)) % rule.rows
        recent = self._rows[newest].sum(axis=0)
        differ = recent / rule.recent - (self._rows.sum(axis=0) - recent) / rule.before
        deviate = normal_equivalent(np.abs(differ) / self._reference.spread, self._freedom)
        self.score = float((deviate**rule.power).mean() ** (1.0 / rule.power))
        self._since += 1
        self.told = self.score > rule.limit and self._since > rule.rest - 1
        if self.told:
            self._since = 0
