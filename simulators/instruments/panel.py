"""All instruments of the plant as columns: lag, bias, drift, noise, resolution, range, rhythm."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.status import BAD, GOOD
from simulators.instruments.kinds import KINDS
from simulators.plant.state import Array, between

OUT_OF_RANGE = 0x4094_0000  # Uncertain_EngineeringUnitsExceeded
SENSOR_FAILURE = 0x808C_0000  # Bad_SensorFailure


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument: its kind, and its rhythm in whole seconds of plant time."""

    tag: str
    kind: str
    period_s: int
    offset_s: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """What instruments report at one moment; `instrument` counts in the panel's order."""

    instrument: NDArray[np.intp]
    value: Array
    status: NDArray[np.uint32]


NOTHING = Readings(np.empty(0, np.intp), np.empty(0), np.empty(0, np.uint32))
"""No reading at all."""


class Panel:
    """Follows the truth as the instruments do. `bias`, `drift_per_s` and `failed` may be changed at any time."""

    def __init__(self, instruments: Sequence[Instrument], seed: int) -> None:
        kinds = [KINDS[each.kind] for each in instruments]
        self.instruments = tuple(instruments)
        self.bias = np.zeros(len(kinds))
        self.drift_per_s = np.zeros(len(kinds))
        self.failed = np.zeros(len(kinds), np.bool_)
        self._lag_s = np.array([kind.lag_s for kind in kinds])
        self._noise = np.array([kind.noise for kind in kinds])
        self._wander = np.array([kind.wander for kind in kinds])
        self._wander_s = np.array([kind.wander_s for kind in kinds])
        self._resolution = np.array([kind.resolution for kind in kinds])
        self._low = np.array([kind.low for kind in kinds])
        self._high = np.array([kind.high for kind in kinds])
        self._period_s = np.array([each.period_s for each in instruments])
        self._offset_s = np.array([each.offset_s for each in instruments])
        self._random = np.random.default_rng(seed)
        self._followed: Array | None = None
        self._wandered = np.zeros(len(kinds))
        self._set_step(1.0)

    def advance(self, truth: Array, seconds: float) -> None:
        """Let the instruments follow the truth for a while, in their plant units."""
        if self._followed is None:
            self._followed = truth.copy()
        if seconds != self._step_s:
            self._set_step(seconds)
        self._followed = self._followed + self._share * (truth - self._followed)
        self._wandered = self._kept * self._wandered + self._push * self._random.standard_normal(len(truth))
        self.bias += self.drift_per_s * seconds

    def _set_step(self, seconds: float) -> None:
        """The exact answer of a first-order lag, and of an autoregressive noise, over one step."""
        self._step_s = seconds
        self._share = 1.0 - np.exp(-seconds / self._lag_s)
        self._kept = np.exp(-seconds / self._wander_s)
        self._push = self._wander * np.sqrt(1.0 - self._kept**2)

    def due(self, second: int) -> NDArray[np.intp]:
        """The instruments that report at this second."""
        return np.flatnonzero((second - self._offset_s) % self._period_s == 0)

    def read(self, due: NDArray[np.intp]) -> Readings:
        """What the given instruments report now."""
        if self._followed is None:
            message = "an instrument has been read before it saw any truth"
            raise RuntimeError(message)
        white = self._random.standard_normal(len(due)) * self._noise[due]
        exact = self._followed[due] + self._wandered[due] + self.bias[due] + white
        rounded = np.round(exact / self._resolution[due]) * self._resolution[due]
        value = between(rounded, self._low[due], self._high[due])
        status = np.where(value == rounded, np.uint32(GOOD), np.uint32(OUT_OF_RANGE))
        status = np.where(self.failed[due], np.uint32(SENSOR_FAILURE | BAD), status)
        return Readings(due, value, status)
