"""Change points of a unit: the mean of the newest rows against the mean of those before them.

Both are means over windows, of all tags at once; their difference is measured by how much it varied in the reference
(`tails`), and the fourth-power mean over tags asks for little from many tags, or much from few. While a
change is in sight it is told again only after `rest` rows. A tag that never moved in the reference counts for nothing.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors.models.tails import Column, Deviates, least_spread, moved, normal_equivalent

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
    moved: Column  # 1 where the tag ever moved, else 0

    @classmethod
    def learn(cls, rows: Column, rule: ChangeRule) -> Self:
        """From normal rows (rows, tags), more than a change looks back, all of them finite."""
        if len(rows) <= rule.rows:
            raise ValueError(f"{len(rows)} rows of reference; a change looks back over {rule.rows}")
        sums = np.vstack([np.zeros(rows.shape[1]), np.cumsum(rows - rows.mean(axis=0), axis=0)])
        end = np.arange(rule.rows, len(rows)) + 1
        middle, begin = end - rule.recent, end - rule.rows
        differ = (sums[end] - sums[middle]) / rule.recent - (sums[middle] - sums[begin]) / rule.before
        spread = np.sqrt((differ**2).mean(axis=0)) + least_spread(rows)
        freedom = max((len(rows) - rule.rows) / rule.rows * _FREEDOM_PER_WINDOW, _LEAST_FREEDOM)
        return cls(spread, freedom, rows[-rule.rows :].copy(), moved(rows))


class Changes:
    """Follows one unit, row by row; `score` and `told` are of the newest row."""

    def __init__(self, reference: ChangeReference, rule: ChangeRule) -> None:
        self._reference, self._rule = reference, rule
        self._freedom = np.full(len(reference.spread), reference.freedom)
        self._begin(reference.newest, rule.rows)

    def _begin(self, rows: Column, known: int) -> None:
        self._rows = rows.copy()  # a ring
        self._next = 0
        self._known = known  # rows of it that came one after the other
        self._since = self._rule.rest
        self.score = 0.0
        self.told = False
        self.tags = Deviates(np.zeros(rows.shape[1]), np.zeros(rows.shape[1]))

    def restart(self) -> None:
        """Begin anew: nothing is told until it can look back as far as it does."""
        self._begin(np.full_like(self._rows, np.nan), 0)

    def update(self, row: Column) -> None:
        """Take the next row; a cell that is not finite counts as the one before."""
        rule = self._rule
        before = self._rows[self._next - 1]
        self._rows[self._next] = np.where(np.isfinite(row), row, before)
        self._next = (self._next + 1) % rule.rows
        self._known = min(self._known + 1, rule.rows)
        self.score = self._scored() if self._known == rule.rows else 0.0
        self._since += 1
        self.told = self.score > rule.limit and self._since > rule.rest - 1
        if self.told:
            self._since = 0

    def _scored(self) -> float:
        rule, reference = self._rule, self._reference
        newest = (self._next - 1 - np.arange(rule.recent)) % rule.rows
        recent = self._rows[newest].sum(axis=0)
        differ = recent / rule.recent - (self._rows.sum(axis=0) - recent) / rule.before
        known = reference.moved * np.isfinite(differ)
        differ = np.where(known > 0, differ, 0.0)
        deviate = normal_equivalent(np.abs(differ) / reference.spread, self._freedom)
        self.tags = Deviates(deviate**rule.power, differ)
        return float((self.tags.part.sum() / max(float(known.sum()), 1.0)) ** (1.0 / rule.power))

    def state(self) -> list[float]:
        """All but the arrays."""
        return [self._next, self._known, self._since, self.score, float(self.told)]

    def arrays(self) -> dict[str, Column]:
        """The rows that it looks back on."""
        return {"rows": self._rows}

    def load(self, state: list[float], arrays: dict[str, Column]) -> None:
        """Take back what `state` and `arrays` told."""
        following, known, since, self.score, told = state
        self._next, self._known, self._since, self.told = int(following), int(known), int(since), bool(told)
        self._rows = arrays["rows"].copy()
