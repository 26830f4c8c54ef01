"""The gas above the liquid: nitrogen, and the vapour of a methanol-water mixture."""

from typing import Final

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.state import GAS_CONSTANT, ROW, ZERO_CELSIUS_K, Array

_PA_PER_MMHG: Final = 133.322
_LN_10: Final = float(np.log(10.0))
# Antoine for mmHg and degC, log10 p = A - B / (t + C); first row methanol, second row water.
_ANTOINE: Final = np.array([[8.08097, 1582.271, 239.726], [8.07131, 1730.63, 233.426]])

LN_PA: Final[Array] = _ANTOINE[:, :1] * _LN_10 + np.log(_PA_PER_MMHG)
SLOPE_K: Final[Array] = _ANTOINE[:, 1:2] * _LN_10
OFFSET_K: Final[Array] = _ANTOINE[:, 2:] - ZERO_CELSIUS_K
"""The same for Pa and K: ln p = LN_PA - SLOPE_K / (T + OFFSET_K)."""


def saturation_pa(temperature: Array) -> Array:
    """Vapour pressures of pure methanol and pure water (two rows), Pa at K."""
    pressure: Array = np.exp(LN_PA - SLOPE_K / (temperature + OFFSET_K))
    return pressure


def vapour_pa(temperature: Array, methanol_fraction: Array) -> Array:
    """Vapour pressure of the mixture (Raoult), Pa."""
    methanol, water = saturation_pa(temperature)
    pressure: Array = water + methanol_fraction * (methanol - water)
    return pressure


def pressure_pa(state: Array, parameters: Parameters) -> Array:
    """Absolute pressure in the reactor, Pa: nitrogen (ideal gas) and vapour."""
    temperature = state[ROW["temperature"]]
    room = parameters.vessel_volume - state[ROW["volume"]]
    nitrogen = state[ROW["mol_nitrogen"]] * temperature * GAS_CONSTANT / room
    pressure: Array = nitrogen + vapour_pa(temperature, parameters.methanol_fraction)
    return pressure
