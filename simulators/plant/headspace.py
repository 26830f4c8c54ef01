"""The gas above the liquid: nitrogen, and the vapour of a methanol-water mixture."""

from typing import Final

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.state import GAS_CONSTANT, ROW, ZERO_CELSIUS_K, Array

_PA_PER_MMHG: Final = 133.322
_LN_10: Final = float(np.log(10.0))
# Antoine for mmHg and degC; first row methanol, second row water.
_CONSTANT: Final = np.array([[8.08097], [8.07131]])
_SLOPE: Final = np.array([[1582.271], [1730.63]])
_OFFSET: Final = np.array([[239.726], [233.426]])


def saturation_pa(temperature: Array) -> Array:
    """Vapour pressures of pure methanol and pure water (two rows), Pa at K."""
    exponent = _CONSTANT - _SLOPE / (temperature - ZERO_CELSIUS_K + _OFFSET)
    pressure: Array = _PA_PER_MMHG * np.exp(_LN_10 * exponent)
    return pressure


def vapour_pa(temperature: Array, methanol_fraction: Array) -> Array:
    """Vapour pressure of the mixture (Raoult), Pa."""
    methanol, water = saturation_pa(temperature)
    pressure: Array = water + methanol_fraction * (methanol - water)
    return pressure


def nitrogen_pa(state: Array, parameters: Parameters) -> Array:
    """Partial pressure of the nitrogen, Pa (ideal gas)."""
    room = parameters.vessel_volume - state[ROW["volume"]]
    pressure: Array = state[ROW["mol_nitrogen"]] * state[ROW["temperature"]] * GAS_CONSTANT / room
    return pressure


def pressure_pa(state: Array, parameters: Parameters) -> Array:
    """Absolute pressure in the reactor, Pa."""
    return nitrogen_pa(state, parameters) + vapour_pa(state[ROW["temperature"]], parameters.methanol_fraction)
