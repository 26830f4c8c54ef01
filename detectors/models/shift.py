"""A unit that is no longer as it was: a frozen reference, one score over all tags, an alarm that knows when it is over.

What each tag's short average strays from its level in the reference is measured by how much it strayed there
(`tails`). The unit's score is the root mean square over its tags. The alarm begins where the score passes
`on`. It ends when for `hold` rows the score stays under `off`, or under a share of the most that it was: a unit may
settle at another level than before, and most of what was wrong is over then. That level is the baseline from then on;
spreads and degrees of freedom are never learnt again. A tag that never moved in the reference counts for nothing: how
far it strays while nothing is wrong is not known.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from detectors.models.tails import Column, Deviates, correlation_time, least_spread, moved, normal_equivalent

_WARM = 50  # rows of a reference whose short average still comes from its start


@dataclass(frozen=True, slots=True)
class ShiftRule:
    """The limits, in normal deviates; times in rows."""

    average: float = 0.2  # share of the newest row in the short average
    on: float = 2.45
    off: float = 1.6
    hold: int = 10
    over: float = 0.6  # of the most that it was: what is left when it is over
    peak: float = 0.05  # share of the newest row in the average whose most that is; a spike is none
    settle: int = 30  # rows after an alarm in which the baseline still moves
    relearn: float = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class ShiftReference:
    """What normal is, by tag: frozen."""

    level: Column
    stray: Column
    freedom: Column
    newest: Column  # the short average at the end
    moved: Column  # 1 where the tag ever moved, else 0

    @classmethod
    def learn(cls, rows: Column, rule: ShiftRule) -> Self:
        """From normal rows (rows, tags), at least two, all of them finite."""
        level = rows.mean(axis=0)
        newest = rows[:_WARM].mean(axis=0)
        strayed = np.empty_like(rows)
        for at, row in enumerate(rows):
            newest = newest + rule.average * (row - newest)
            strayed[at] = newest - level
        known = strayed[min(_WARM, len(rows) // 2) :]
        stray = np.maximum(np.sqrt((known**2).mean(axis=0)), least_spread(rows))
        freedom = np.maximum(len(rows) / correlation_time(rows) - 1.0, 1.0)
        return cls(level, stray, freedom, newest, moved(rows))


class Shift:
    """Follows one unit, row by row; `score` and `alarm` are of the newest row."""

    def __init__(self, reference: ShiftReference, rule: ShiftRule) -> None:
        self._reference, self._rule = reference, rule
        self._tags = max(float(reference.moved.sum()), 1.0)
        self._begin(reference.newest)

    def _begin(self, average: Column) -> None:
        self._level, self._average = self._reference.level, average
        self._slow = self._most = 0.0
        self._quiet = self._settling = 0
        self.score = 0.0
        self.alarm = False
        self.tags = Deviates(np.zeros_like(average), np.zeros_like(average))

    def restart(self) -> None:
        """Begin anew at the level of the reference: what comes next does not follow what came before."""
        self._begin(self._reference.level)

    def update(self, row: Column) -> None:
        """Take the next row; a cell that is not finite leaves its tag where it was."""
        rule = self._rule
        row = np.where(np.isfinite(row), row, self._average)
        self._average = self._average + rule.average * (row - self._average)
        off = self._average - self._level
        strayed = np.abs(off) / self._reference.stray
        deviate = normal_equivalent(strayed, self._reference.freedom) * self._reference.moved
        self.tags = Deviates(deviate * deviate, off)
        self.score = float(np.sqrt((deviate * deviate).sum() / self._tags))
        if self.alarm or self.score > rule.on:
            self._go_on()
        self._settling = max(self._settling - 1, 0)
        if self._quiet >= rule.hold:
            self._end()
        if self._settling:
            self._level = self._level + rule.relearn * (row - self._level)

    def _go_on(self) -> None:
        """Remember how bad it was, and for how long it has been better."""
        rule = self._rule
        self.alarm = True
        self._slow += rule.peak * (self.score - self._slow)
        self._most = max(self._most, self._slow)
        better = self.score < max(rule.off, rule.over * self._most)
        self._quiet = self._quiet + 1 if better else 0

    def _end(self) -> None:
        self.alarm = False
        self._slow = self._most = 0.0
        self._quiet = 0
        self._level = self._average
        self._settling = self._rule.settle

    def state(self) -> list[float]:
        """All but the arrays."""
        return [self._slow, self._most, self._quiet, self._settling, self.score, float(self.alarm)]

    def arrays(self) -> dict[str, Column]:
        """The baseline and the short average."""
        return {"level": self._level, "average": self._average}

    def load(self, state: list[float], arrays: dict[str, Column]) -> None:
        """Take back what `state` and `arrays` told."""
        self._slow, self._most, quiet, settling, self.score, alarm = state
        self._quiet, self._settling, self.alarm = int(quiet), int(settling), bool(alarm)
        self._level, self._average = arrays["level"], arrays["average"]
