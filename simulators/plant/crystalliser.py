"""Crystals by the method of moments: birth, growth, dissolution, and the product that they take out of solution."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.parameters import LineParameters
from simulators.plant.state import ZERO_CELSIUS_K

SOLUBILITY_K: Final = ZERO_CELSIUS_K + 20.0
"""The temperature that the parameter `solubility` holds for."""

_CRYSTAL_DENSITY: Final = 1300.0  # kg/m3
_SHAPE: Final = math.pi / 6.0  # a crystal's volume over the cube of its length
KG_PER_MOL: Final = 0.30  # of C
KG_PER_MOMENT: Final = _SHAPE * _CRYSTAL_DENSITY
"""Mass of crystals by their third moment, kg/m3."""

MOL_PER_MOMENT: Final = KG_PER_MOMENT / KG_PER_MOL
"""Product in crystals by their third moment, mol/m3."""

_TINY_MOL: Final = 1e-30  # 0 / 0 is 0

Moments = tuple[Value, Value, Value, Value]


def solubility(temperature: Value, p: LineParameters, functions: Functions) -> Value:
    """Concentration of C over its crystals, mol/m3 at K."""
    return p.solubility * functions.exp(p.solubility_rise * (temperature - SOLUBILITY_K))


def seed_moments(seed_flow: Value, size: Value) -> Moments:
    """The moments that seed crystals of one size bring with `seed_flow` kg/s, per s."""
    third = seed_flow / KG_PER_MOMENT
    second = third / size
    first = second / size
    return first / size, first, second, third


class Crystals(NamedTuple):
    """What crystals do per second."""

    moments: Moments  # rates of change by birth, growth and dissolution
    taken: Value  # product out of solution, mol/s


def crystallise(
    volume: Value, mol_c: Value, temperature: Value, moments: Sequence[Value], p: LineParameters, functions: Functions
) -> Crystals:
    """G = k S^1.5, slowed down where mixing limits; births k S^2 mu3 and, beyond the metastable limit, of themselves.

    S is the relative supersaturation. Below saturation all moments fade alike.
    """
    zeroth, first, second, third = moments
    saturated = volume * solubility(temperature, p, functions)
    relative = mol_c / saturated - 1.0
    over = functions.larger(relative, 0.0)
    wanted = p.growth_rate * over * functions.root(over)
    excess = over * saturated
    growth = wanted * excess / (excess + (3.0 * MOL_PER_MOMENT) * p.uptake_time * wanted * second + _TINY_MOL)
    unstable = functions.larger(over - p.metastable_limit, 0.0)
    births = p.secondary_nucleation * over * over * third + p.primary_nucleation * volume * unstable * unstable
    fading = p.dissolving_rate * (over - relative)
    grown = 3.0 * growth * second - fading * third
    rates = (births - fading * zeroth, growth * zeroth - fading * first, 2.0 * growth * first - fading * second, grown)
    return Crystals(rates, MOL_PER_MOMENT * grown)
