"""What is really so, in plant units: the instruments see it through their faults, the tests see it as it is."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.plant.state import ATMOSPHERE_PA, ROW, ZERO_CELSIUS_K, Array
from simulators.plant.train import Trains

QUANTITIES: Final = (
    "temperature",  # degC
    "pressure",  # bar, gauge
    "ph",
    "jacket",
    "volume",  # m3
    "feed",  # l/h
    "power",  # W
    "hold_volume",
    "hold_temperature",
    "supply",
)
_PA_PER_BAR: Final = 1e5
_LITRES_PER_HOUR: Final = 3.6e6  # per m3/s


def truth(trains: Trains) -> Array:
    """Every quantity of every train: a row per quantity in the order of `QUANTITIES`, a column per train."""
    state, parameters = trains.state, trains.parameters
    values = np.empty((len(QUANTITIES), state.shape[1]))
    values[0] = state[ROW["temperature"]] - ZERO_CELSIUS_K
    values[1] = (trains.pressure_pa - ATMOSPHERE_PA) / _PA_PER_BAR
    values[2] = trains.ph
    values[3] = state[ROW["jacket_temperature"]] - ZERO_CELSIUS_K
    values[4] = state[ROW["volume"]]
    values[5] = parameters.feed_flow_most * parameters.feed_opening * _LITRES_PER_HOUR
    values[6] = trains.shaft_power_w()
    values[7] = state[ROW["hold_volume"]]
    values[8] = state[ROW["hold_temperature"]] - ZERO_CELSIUS_K
    values[9] = state[ROW["supply_temperature"]] - ZERO_CELSIUS_K
    return values


def places(wanted: Sequence[tuple[str, int]], trains: int) -> NDArray[np.intp]:
    """Where (quantity, train) pairs stand in the raveled truth."""
    return np.array([QUANTITIES.index(quantity) * trains + train for quantity, train in wanted], np.intp)
