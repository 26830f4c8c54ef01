"""Batch distillation of the mother liquor's solvent: pot, condenser, receiver, tank of recovered solvent."""

from typing import Final

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.stage import Quantities
from simulators.plant.state import ATMOSPHERE_PA, Array

MOL_PER_M3: Final = 41_440.0
"""Of the mother liquor: 950 kg/m3 of 35 % methanol in water."""

POT_LEAST_MOL: Final = 2000.0
"""With less in the pot the heating is off."""

M3_PER_MOL: Final = np.array([[40.5e-6], [18.1e-6]])
"""Volume of liquid methanol and water, for levels."""

_MOLAR_HEAT: Final = 77.0  # J/mol/K
_EVAPORATION_WATER: Final = 40.7e3  # J/mol
_EVAPORATION_LESS: Final = 5.4e3  # methanol needs so much less
_DRYING_MOL: Final = 500.0  # in the pot: half the heating surface is dry
_DRAIN_S: Final = 300.0  # time constant of a vessel that drains
_ROOM_K: Final = 293.15


def distil(
    change: Quantities, now: Quantities, pressures: Array, liquor: Array, duty: Array, parameters: Parameters
) -> Array:
    """Set the still's rates of change, and return the vapour, mol/s.

    `pressures` are those of pure methanol and water in the pot, `liquor` is what comes in, mol/s of methanol and water.
    The vapour's amount follows its pressure (Raoult), its composition the relative volatility.
    """
    amount = now.pot_methanol + now.pot_water
    fraction = now.pot_methanol / (amount + 1e-30)
    methanol, water = pressures
    superheat = np.maximum(water + fraction * (methanol - water) - ATMOSPHERE_PA, 0.0)
    vapour: Array = parameters.still_boiling_rate * superheat * (amount / (amount + _DRYING_MOL))
    weighted = parameters.relative_volatility * fraction
    share = weighted / (1.0 - fraction + weighted)
    change.total_vapour[...] = vapour
    distilled = change.distillate
    np.multiply(vapour, share, out=distilled[0])
    np.subtract(vapour, distilled[0], out=distilled[1])
    np.multiply(parameters.residue_opening / _DRAIN_S, now.pot, out=change.waste)
    np.subtract(liquor - change.waste, distilled, out=change.pot)
    np.multiply(parameters.receiver_opening / _DRAIN_S, now.distillate, out=change.recovered)
    distilled -= change.recovered
    temperature = now.still_temperature
    incoming = _MOLAR_HEAT * (liquor[0] + liquor[1]) * (now.crystalliser_temperature - temperature)
    lost = parameters.still_loss * (temperature - _ROOM_K)
    evaporated = (_EVAPORATION_WATER - _EVAPORATION_LESS * share) * vapour
    capacity = _MOLAR_HEAT * amount + parameters.still_wall_heat
    np.divide(duty + incoming - lost - evaporated, capacity, out=change.still_temperature)
    return vapour
