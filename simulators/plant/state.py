"""What a reactor train is at a moment: one row per quantity, one column per train, SI units."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STATES: Final = (
    "mol_a",  # reactor: starting material
    "mol_b",  # the fed reagent
    "mol_c",  # product
    "mol_d",  # the impurity that the product turns into
    "volume",  # of liquid, m3
    "temperature",  # of the liquid, K
    "wall_temperature",
    "jacket_temperature",
    "supply_temperature",  # of the heat-transfer fluid that the jacket is fed with
    "net_charge",  # reaction invariant of the strong acids and bases, mol
    "carbonate",  # reaction invariant of the buffer, mol
    "mol_nitrogen",  # in the head space
    "agitator_speed",  # 1/s
    "temperature_integral",  # of the controllers, each in the unit of its controlled quantity
    "jacket_integral",
    "ph_integral",
    "pressure_integral",
    "hold_volume",  # hold tank
    "hold_mol_a",
    "hold_mol_b",
    "hold_mol_c",
    "hold_mol_d",
    "hold_temperature",
    "total_charged",  # totals since the start: m3 of A's solution, m3 of B's, m3 of base
    "total_fed",
    "total_base",
    "lost_mol_a",  # what rinsing washed away, and what left the hold tank
    "lost_mol_b",
    "lost_mol_c",
    "lost_mol_d",
)
"""Names of the rows of a state array, in order."""

ROW: Final = {name: row for row, name in enumerate(STATES)}
"""The row of each quantity."""

REACTOR_MOLS: Final = slice(ROW["mol_a"], ROW["mol_d"] + 1)
HOLD_MOLS: Final = slice(ROW["hold_mol_a"], ROW["hold_mol_d"] + 1)
LOST_MOLS: Final = slice(ROW["lost_mol_a"], ROW["lost_mol_d"] + 1)
INTEGRALS: Final = slice(ROW["temperature_integral"], ROW["pressure_integral"] + 1)

GAS_CONSTANT: Final = 8.314  # J/mol/K
ATMOSPHERE_PA: Final = 101_325.0
ZERO_CELSIUS_K: Final = 273.15
HEEL_M3: Final = 0.02  # what a vessel keeps when it is pumped out


def between(value: Array, low: Array | float, high: Array | float) -> Array:
    """Cut to an interval; several times faster than `np.clip` on short arrays."""
    return np.minimum(np.maximum(value, low), high)
