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
    """Every quantity of every train: one row per quantity, one column per train."""
    state, parameters = trains.state, trains.parameters
    return np.stack(
        (
            state[ROW["temperature"]] - ZERO_CELSIUS_K,
            (trains.pressure_pa() - ATMOSPHERE_PA) / _PA_PER_BAR,
            trains.ph,
            state[ROW["jacket_temperature"]] - ZERO_CELSIUS_K,
            state[ROW["volume"]],
            parameters.feed_flow_most * parameters.feed_opening * _LITRES_PER_HOUR,
            trains.shaft_power_w(),
            state[ROW["hold_volume"]],
            state[ROW["hold_temperature"]] - ZERO_CELSIUS_K,
            state[ROW["supply_temperature"]] - ZERO_CELSIUS_K,
        )
    )


def places(wanted: Sequence[tuple[str, int]], trains: int) -> NDArray[np.intp]:
    """Where (quantity, train) pairs stand in the raveled truth."""
    return np.array([QUANTITIES.index(quantity) * trains + train for quantity, train in wanted], np.intp)
