"""Crystals by the method of moments: birth, growth, dissolution, and the product that they take out of solution."""

from typing import Final

import numpy as np

from simulators.plant.parameters import Parameters
from simulators.plant.stage import Quantities
from simulators.plant.state import ZERO_CELSIUS_K, Array

SOLUBILITY_K: Final = ZERO_CELSIUS_K + 20.0
"""The temperature that the parameter `solubility` holds for."""

_CRYSTAL_DENSITY: Final = 1300.0  # kg/m3
_SHAPE: Final = np.pi / 6.0  # a crystal's volume over the cube of its length
KG_PER_MOL: Final = 0.30  # of C
KG_PER_MOMENT: Final = _SHAPE * _CRYSTAL_DENSITY
"""Mass of crystals by their third moment, kg/m3."""

MOL_PER_MOMENT: Final = KG_PER_MOMENT / KG_PER_MOL
"""Product in crystals by their third moment, mol/m3."""

_ORDERS: Final = np.array([[1.0], [2.0], [3.0]])
_TINY_MOL: Final = 1e-30  # 0 / 0 is 0


def solubility(temperature: Array, parameters: Parameters) -> Array:
    """Concentration of C over its crystals, mol/m3 at K."""
    rise = parameters.solubility_rise * (temperature - SOLUBILITY_K)
    saturated: Array = parameters.solubility * np.exp(rise)
    return saturated


def seed_moments(seed_flow: Array, size: Array) -> Array:
    """The moments (four rows) that seed crystals of one size bring with `seed_flow` kg/s, per s."""
    third = seed_flow / KG_PER_MOMENT
    second = third / size
    first = second / size
    return np.array([first / size, first, second, third])


def crystallise(change: Quantities, now: Quantities, share: Array, seeds: Array, parameters: Parameters) -> None:
    """Add what crystals do to the crystalliser's rates of change; `share` of its contents leaves per second.

    G = k S^1.5, slowed down where mixing limits; births k S^2 mu3 and, beyond the metastable limit, from clear liquid.
    Below saturation all moments fade alike.
    """
    volume, moments = now.crystalliser_volume, now.moments
    saturated = volume * solubility(now.crystalliser_temperature, parameters)
    relative = now.crystalliser_mol_c / saturated - 1.0
    over = np.maximum(relative, 0.0)
    growth = parameters.growth_rate * over * np.sqrt(over)
    uptake = (3.0 * MOL_PER_MOMENT) * growth * now.moment_2
    excess = over * saturated
    slowed = excess / (excess + uptake * parameters.uptake_time + _TINY_MOL)
    np.multiply(now.moments_but_last, _ORDERS * (growth * slowed), out=change.moments_but_first)
    unstable = np.maximum(over - parameters.metastable_limit, 0.0)
    births = parameters.secondary_nucleation * over * over * now.moment_3
    np.add(births, parameters.primary_nucleation * volume * unstable * unstable, out=change.moment_0)
    dissolving = parameters.dissolving_rate * (over - relative)
    change.moments -= dissolving * moments
    crystallised = MOL_PER_MOMENT * change.moment_3
    change.crystalliser_mol_c -= crystallised
    change.crystalliser_warmth -= crystallised * (parameters.crystallisation_enthalpy / parameters.line_volumetric_heat)
    np.multiply(share, moments, out=change.product_moments)
    change.moments += seeds - change.product_moments
