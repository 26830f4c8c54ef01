"""The gas above the liquid: nitrogen, and the vapour of a methanol-water mixture."""

import math
from typing import Final

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.state import GAS_CONSTANT, ZERO_CELSIUS_K

_PA_PER_MMHG: Final = 133.322
_LN_10: Final = math.log(10.0)


def _for_pa_and_k(first: float, second: float, third: float) -> tuple[float, float, float]:
    """Antoine's log10 p = A - B / (C + t) for mmHg and degC, as ln p = a - b / (c + T)."""
    return first * _LN_10 + math.log(_PA_PER_MMHG), second * _LN_10, third - ZERO_CELSIUS_K


_METHANOL: Final = _for_pa_and_k(8.08097, 1582.271, 239.726)
_WATER: Final = _for_pa_and_k(8.07131, 1730.63, 233.426)


def methanol_pa(temperature: Value, functions: Functions) -> Value:
    """Vapour pressure of pure methanol, Pa at K (Antoine)."""
    return functions.exp(_METHANOL[0] - _METHANOL[1] / (temperature + _METHANOL[2]))


def water_pa(temperature: Value, functions: Functions) -> Value:
    """Vapour pressure of pure water, Pa at K (Antoine)."""
    return functions.exp(_WATER[0] - _WATER[1] / (temperature + _WATER[2]))


def vapour_pa(temperature: Value, methanol_fraction: Value, functions: Functions) -> Value:
    """Vapour pressure of the mixture (Raoult), Pa."""
    water = water_pa(temperature, functions)
    return water + methanol_fraction * (methanol_pa(temperature, functions) - water)


def nitrogen_pa(mol: Value, temperature: Value, room: Value) -> Value:
    """Partial pressure of the nitrogen in a head space of `room` m3 (ideal gas), Pa."""
    return mol * temperature * GAS_CONSTANT / room
