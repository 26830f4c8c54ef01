"""What the trains are at a moment: one row per quantity, one column per reactor or line, SI units.

A train is a reactor and the line behind it: hold tank, crystalliser, still. Rows of a reactor and rows of a line stand
in one array; where there are fewer lines than reactors (or the other way round), the columns left over are idle.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VESSELS: Final = ("crystalliser_", "hold_", "")
"""What the names of the three liquid-filled vessels begin with; the reactor's with nothing. The order of the rows."""

CONTENTS: Final = (
    "warmth",  # volume (with the walls', where they count) times temperature, m3 K: what is conserved
    "volume",  # of liquid, m3
    "mol_d",  # the impurity that the product turns into
    "mol_a",  # starting material
    "mol_b",  # the fed reagent
    "mol_c",  # product, dissolved
    "net_charge",  # reaction invariant of the strong acids and bases, mol
    "carbonate",  # reaction invariant of the buffer, mol
)
"""What a vessel's liquid holds, and takes along when it leaves."""

HEATS: Final = (
    "heat_reaction_1",
    "heat_reaction_2",
    "heat_neutralisation",
    "heat_wall",  # from the jacket, through the wall
    "heat_room",
    "heat_reflux",  # taken away by vapour, which comes back as liquid
    "heat_agitator",
    "heat_entered",  # with charge, feed, base and rinsing water, above 0 K
    "heat_left",  # with what left
)
"""Joules that the reactor's contents have gained since the start, each way by itself; their sum is the gain."""

TEMPERATURES: Final = ("crystalliser_temperature", "hold_temperature", "temperature")

_MOVING: Final = (
    *(vessel + content for vessel in VESSELS for content in CONTENTS),
    *TEMPERATURES,
    "wall_temperature",
    "jacket_temperature",
    "supply_temperature",  # of the heat-transfer fluid that the jacket is fed with
    "mol_nitrogen",  # in the reactor's head space
    "agitator_speed",  # 1/s
    "temperature_integral",  # of the controllers, each in the unit of its controlled quantity
    "ph_integral",
    "pressure_integral",
    "jacket_integral",
    "crystal_moment_0",  # number of crystals in the crystalliser
    "crystal_moment_1",  # sum of their lengths, m
    "crystal_moment_2",  # of the squares, m2
    "crystal_moment_3",  # of the cubes, m3
    "pot_methanol",  # still, mol
    "pot_water",
    "still_temperature",
    "distillate_methanol",  # in the still's receiver, mol
    "distillate_water",
)

_TOTALS: Final = (
    *HEATS,
    *(f"{vessel}left_{content}" for vessel in VESSELS for content in CONTENTS),
    *(f"rinsed_{content}" for content in CONTENTS),  # the part of what left the reactor that went down the drain
    *(f"product_moment_{order}" for order in range(4)),  # crystals on the filter
    "recovered_methanol",  # in the tank of recovered solvent, mol
    "recovered_water",
    "waste_methanol",  # what was drained from the pot, mol
    "waste_water",
    "total_vapour",  # mol condensed by the still
    "total_charged",  # m3 of A's solution
    "total_fed",  # m3 of B's solution
    "total_base",  # m3
    "total_nitrogen",  # mol let in
    "total_cooling",  # J that the jacket gave to the utility
    "total_heating",  # J that it took
    "total_seed",  # kg
)

STATES: Final = (*_MOVING, *_TOTALS)
"""Names of the rows of a state array, in order; from `heat_reaction_1` on, totals that nothing else depends on."""

MOVING: Final = len(_MOVING)
"""So many rows are more than totals."""

_OF_LINES: Final = ("crystal", "hold_", "pot_", "still_", "product_", "distillate_", "recovered_", "waste_")

LINE_STATES: Final = frozenset(
    name for name in STATES if name.startswith(_OF_LINES) or name in {"total_vapour", "total_seed"}
)
"""The rows that have a column per line; the others have one per reactor."""

ROW: Final = {name: row for row, name in enumerate(STATES)}
"""The row of each quantity."""

GAS_CONSTANT: Final = 8.314  # J/mol/K
ATMOSPHERE_PA: Final = 101_325.0
ZERO_CELSIUS_K: Final = 273.15
HEEL_M3: Final = 0.02  # what a vessel keeps when it is pumped out


def rows(first: str, last: str) -> slice:
    """The rows from one quantity to another, both included."""
    return slice(ROW[first], ROW[last] + 1)


def between(value: Array, low: Array | float, high: Array | float) -> Array:
    """Cut to an interval; several times faster than `np.clip` on short arrays."""
    return np.minimum(np.maximum(value, low), high)
