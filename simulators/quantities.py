"""What is really so, in plant units: the instruments see it through their faults, the tests see it as it is."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulators.layout import Layout
from simulators.plant.state import ATMOSPHERE_PA, ZERO_CELSIUS_K, Array
from simulators.plant.still import M3_PER_MOL
from simulators.plant.train import Trains

OF_REACTORS: Final = (
    "temperature",  # degC
    "pressure",  # bar, gauge
    "ph",
    "jacket",  # degC
    "volume",  # m3
    "feed",  # l/h
    "fed",  # l since the start
    "power",  # W
    "speed",  # 1/min
    "gas_valve",  # %: nitrogen in above 0, vent below
    "base_valve",  # %
    "supply",  # degC
)
"""What there is of every reactor."""

OF_LINES: Final = (
    "hold_volume",
    "hold_temperature",
    "crystalliser_volume",
    "crystalliser_temperature",
    "dissolved",  # mol/m3
    "still_volume",
    "still_temperature",
    "distilled",  # l since the start
)
"""What there is of every line of hold tank, crystalliser and still."""

_PA_PER_BAR: Final = 1e5
_PER_MINUTE: Final = 60.0  # per 1/s
_PERCENT: Final = 100.0
_LITRES: Final = 1e3  # per m3
_LITRES_PER_HOUR: Final = 3.6e6  # per m3/s


def quantities(trains: Trains, layout: Layout) -> Array:
    """Every quantity: `OF_REACTORS` of each reactor, then `OF_LINES` of each line, as one row; see `places`."""
    reactors, lines = len(layout.reactors), len(layout.lines)
    values = np.empty(len(OF_REACTORS) * reactors + len(OF_LINES) * lines)
    split = len(OF_REACTORS) * reactors
    _of_reactors(trains, values[:split].reshape(len(OF_REACTORS), reactors))
    _of_lines(trains, values[split:].reshape(len(OF_LINES), lines))
    return values


def _of_reactors(trains: Trains, values: Array) -> None:
    values[0] = trains["temperature"] - ZERO_CELSIUS_K
    values[1] = (trains.pressure_pa - ATMOSPHERE_PA) / _PA_PER_BAR
    values[2] = trains.ph
    values[3] = trains["jacket_temperature"] - ZERO_CELSIUS_K
    values[4] = trains["volume"]
    values[5] = trains["flow_feed"] * _LITRES_PER_HOUR
    values[6] = trains["total_fed"] * _LITRES
    values[7] = trains.shaft_power_w()
    values[8] = trains["agitator_speed"] * _PER_MINUTE
    values[9] = (trains["nitrogen_opening"] - trains["vent_opening"]) * _PERCENT
    values[10] = trains["base_opening"] * _PERCENT
    values[11] = trains["supply_temperature"] - ZERO_CELSIUS_K


def _of_lines(trains: Trains, values: Array) -> None:
    values[0] = trains["hold_volume"]
    values[1] = trains["hold_temperature"] - ZERO_CELSIUS_K
    values[2] = trains["crystalliser_volume"]
    values[3] = trains["crystalliser_temperature"] - ZERO_CELSIUS_K
    values[4] = trains["crystalliser_mol_c"] / trains["crystalliser_volume"]
    values[5] = _m3(trains["pot_methanol"], trains["pot_water"])
    values[6] = trains["still_temperature"] - ZERO_CELSIUS_K
    methanol = trains["distillate_methanol"] + trains["recovered_methanol"]
    water = trains["distillate_water"] + trains["recovered_water"]
    values[7] = _m3(methanol, water) * _LITRES


def _m3(methanol_mol: Array, water_mol: Array) -> Array:
    """The volume of a mixture of methanol and water, without its contraction."""
    volume: Array = methanol_mol * M3_PER_MOL[0] + water_mol * M3_PER_MOL[1]
    return volume


def places(wanted: Sequence[tuple[str, str]], layout: Layout) -> NDArray[np.intp]:
    """Where (quantity, unit) pairs stand in `quantities`; KeyError where a unit has no such quantity."""
    reactors, lines = len(layout.reactors), len(layout.lines)
    split = len(OF_REACTORS) * reactors
    found = []
    for quantity, unit in wanted:
        if unit in layout.reactors and quantity in OF_REACTORS:
            found.append(OF_REACTORS.index(quantity) * reactors + layout.reactors.index(unit))
        elif unit not in layout.reactors and quantity in OF_LINES:
            found.append(split + OF_LINES.index(quantity) * lines + layout.line_of(unit))
        else:
            message = f"{unit} has no {quantity}"
            raise KeyError(message)
    return np.array(found, np.intp)
