"""What may be wrong with instruments: a column per property, a row per instrument."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from domain.status import BAD, UNCERTAIN
from simulators.instruments.kinds import InstrumentKind
from simulators.plant.state import Array


@dataclass(slots=True, eq=False)
class Condition:
    """The state that instruments are in; faults change it in place. Quantities in the tag's plant unit, times in s."""

    bias: Array  # what is read too much
    drift_per_s: Array  # what the error grows by
    gain: Array  # calibration: what is reported is gain · truth + offset
    offset: Array
    noise_factor: Array  # on white noise and wander
    lag_s: Array
    low: Array  # range
    high: Array
    silent: NDArray[np.bool_]  # at the ends of its range it says nothing of it
    stuck: NDArray[np.bool_]
    spike_probability: Array  # of each reading
    spike_size: Array
    bad_probability: Array
    bad_status: NDArray[np.uint32]
    uncertain_probability: Array
    uncertain_status: NDArray[np.uint32]

    @classmethod
    def healthy(cls, kinds: Sequence[InstrumentKind], bias: Sequence[float]) -> Self:
        """Instruments as they should be, each with the bias that it was calibrated with."""
        number = len(kinds)
        return cls(
            bias=np.array(bias, np.float64),
            drift_per_s=np.zeros(number),
            gain=np.ones(number),
            offset=np.zeros(number),
            noise_factor=np.ones(number),
            lag_s=np.array([kind.lag_s for kind in kinds]),
            low=np.array([kind.low for kind in kinds]),
            high=np.array([kind.high for kind in kinds]),
            silent=np.zeros(number, np.bool_),
            stuck=np.zeros(number, np.bool_),
            spike_probability=np.zeros(number),
            spike_size=np.zeros(number),
            bad_probability=np.zeros(number),
            bad_status=np.full(number, BAD, np.uint32),
            uncertain_probability=np.zeros(number),
            uncertain_status=np.full(number, UNCERTAIN, np.uint32),
        )

    def copy_from(self, other: Self, index: int) -> None:
        """Make one instrument as it is in another condition."""
        for column in fields(self):
            getattr(self, column.name)[index] = getattr(other, column.name)[index]
