"""What is normal now, as columns over the measured tags and the units' phases."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from simulators.operators.logbook import Situation
from simulators.tags import MeasuredTag
from simulators.truth.limits import Array
from simulators.truth.profile import Band, Profile


class Normality:
    """The profile's bands at this second: low and high of what is true and of what is reported, a column per tag.

    Infinite where nothing is known to be normal. `longest_s` and `since_s` are per unit: how long its phase lasts at
    most while a batch is in it, and when it began.
    """

    def __init__(self, profile: Profile | None, units: Sequence[str], tags: Sequence[MeasuredTag]) -> None:
        self.true_low = np.full(len(tags), -math.inf)
        self.true_high = np.full(len(tags), math.inf)
        self.reported_low = self.true_low.copy()
        self.reported_high = self.true_high.copy()
        self.longest_s = np.full(len(units), math.inf)
        self.since_s = np.zeros(len(units))
        self._profile = profile
        self._units = {unit: number for number, unit in enumerate(units)}
        self._columns: Mapping[str, list[int]] = {
            unit: [column for column, tag in enumerate(tags) if tag.name == f"{unit}.{tag.role}"] for unit in units
        }
        self._bands: dict[str, tuple[Band | None, int]] = {}
        self._row: dict[str, int | None] = {}

    def enter(self, unit: str, now: Situation) -> None:
        """A phase began on a unit, or a batch came or went."""
        band = None if self._profile is None else self._profile.band(unit, now.phase)
        number = self._units[unit]
        self._bands[unit] = (band, now.since_s)
        self._row[unit] = -1
        self.since_s[number] = now.since_s
        self.longest_s[number] = band.longest_s if band is not None and now.batch else math.inf
        if band is None:
            self._forget(unit)

    def advance(self, second: int) -> None:
        """Move on along the bands."""
        for unit, (band, since_s) in self._bands.items():
            if band is None:
                continue
            row = band.row(second - since_s)
            if row == self._row[unit]:
                continue
            self._row[unit] = row
            columns = self._columns[unit]
            if row is None:
                self._forget(unit)
            else:
                self.true_low[columns] = band.true_low[row]
                self.true_high[columns] = band.true_high[row]
                self.reported_low[columns] = band.reported_low[row]
                self.reported_high[columns] = band.reported_high[row]

    def _forget(self, unit: str) -> None:
        columns = self._columns[unit]
        self.true_low[columns] = self.reported_low[columns] = -math.inf
        self.true_high[columns] = self.reported_high[columns] = math.inf

    def overrun(self, second: int) -> Array:
        """By how much each unit's phase has lasted longer than a normal one, s; negative: it has not."""
        late_s: Array = second - self.since_s - self.longest_s
        return late_s
