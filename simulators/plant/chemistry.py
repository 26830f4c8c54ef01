"""pH from two reaction invariants (Henson and Seborg 1994), and the rate constants' reference."""

from typing import Final

import numpy as np

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.parameters import Parameters
from simulators.plant.state import Array

REFERENCE_K: Final = 333.15
"""The temperature that the rate constants hold for."""

LN_10: Final = float(np.log(10.0))
LITRES: Final = 1e-3  # mol/m3 to mol/L
_WATER: Final = 1e-14  # ion product, (mol/L)2
_BISECTIONS: Final = 48  # 16 pH units down to 6e-14
_NEWTON_MOST: Final = 30
_NEWTON_CLOSE: Final = 3e-6  # a last move this small leaves an error of its square


def imbalance(ph: Array, net_charge: Array, carbonate: Array, parameters: Parameters) -> Array:
    """Charge left over at a pH, mol/L; it rises with pH and is zero at the true one. Concentrations in mol/L."""
    hydrogen = 10.0**-ph
    to_acid = 10.0**parameters.acid_constant_1 * hydrogen
    to_carbonate = 10.0**-parameters.acid_constant_2 / hydrogen
    share = (1.0 + 2.0 * to_carbonate) / (1.0 + to_acid + to_carbonate)
    return net_charge + _WATER / hydrogen - hydrogen + carbonate * share


def solve_ph(net_charge: Array, carbonate: Array, parameters: Parameters) -> Array:
    """The pH of a solution, by bisection with a fixed number of steps; concentrations in mol/L."""
    low = np.full_like(net_charge, -1.0)
    high = np.full_like(net_charge, 15.0)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        too_low = imbalance(middle, net_charge, carbonate, parameters) < 0
        low = np.where(too_low, middle, low)
        high = np.where(too_low, high, middle)
    return 0.5 * (low + high)


def track_ph(
    ph: Value, net_charge: Value, carbonate: Value, acid_1: Value, acid_2: Value, functions: Functions
) -> Value:
    """The pH by Newton's method from the last one, each step at most 1 pH; concentrations in mol/L.

    `acid_1` is 10**pK1, `acid_2` is 10**-pK2.
    """
    exp, larger, smaller = functions.exp, functions.larger, functions.smaller
    for _ in range(_NEWTON_MOST):
        hydrogen = exp(-LN_10 * ph)
        hydroxide = _WATER / hydrogen
        to_acid, to_carbonate = acid_1 * hydrogen, acid_2 / hydrogen
        share = 1.0 / (1.0 + to_acid + to_carbonate)
        buffered = carbonate * share
        left_over = net_charge + hydroxide - hydrogen + buffered * (1.0 + 2.0 * to_carbonate)
        curvature = to_acid * (1.0 + 4.0 * to_carbonate) + to_carbonate
        slope = LN_10 * (hydroxide + hydrogen + buffered * share * curvature)
        move = smaller(larger(left_over / slope, -1.0), 1.0)
        ph = ph - move
        if functions.furthest(move) < _NEWTON_CLOSE:
            break
    return ph


def charge_of_solution(ph: Array, carbonate: Array, parameters: Parameters) -> Array:
    """The net charge (mol/m3) that a buffer of `carbonate` mol/m3 has at a pH."""
    return -imbalance(ph, np.zeros_like(ph), carbonate * LITRES, parameters) / LITRES
