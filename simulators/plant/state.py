"""What reactors and lines are at a moment: one row per quantity, SI units."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

CONTENTS: Final = (
    "volume",  # of liquid, m3
    "mol_a",  # starting material
    "mol_b",  # the fed reagent
    "mol_c",  # product, dissolved
    "mol_d",  # the impurity that the product turns into
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

REACTOR_MOVING: Final = (
    "warmth",  # volume times temperature, m3 K: what mixing conserves
    *CONTENTS,
    "wall_temperature",
    "jacket_temperature",
    "supply_temperature",  # of the heat-transfer fluid that the jacket is fed with
    "mol_nitrogen",  # in the head space
)
"""What the reactor's equations integrate."""

REACTOR_FOLLOWING: Final = (
    "temperature",  # of the contents, K
    "ph",
    "pressure",  # absolute, Pa
    "agitator_speed",  # 1/s
    "temperature_integral",  # of the controllers, each in the unit of its controlled quantity
    "jacket_integral",
    "ph_integral",
    "pressure_integral",
)
"""What follows from that at the end of each step, or moves with the controllers' scan."""

REACTOR_TOTALS: Final = (
    *HEATS,
    *(f"rinsed_{content}" for content in CONTENTS),  # down the drain
    "total_transferred",  # m3 to the hold tank
    "total_charged",  # m3 of A's solution
    "total_fed",  # m3 of B's solution
    "total_base",  # m3
    "total_nitrogen",  # mol let in
    "total_cooling",  # J that the jacket gave to the utility
    "total_heating",  # J that it took
)
"""Totals since the start."""

REACTOR_SIGNALS: Final = (
    "flow_charge",  # m3/s
    "flow_feed",
    "flow_base",
    "flow_rinse",
    "flow_transfer",
    "base_opening",  # 0..1
    "nitrogen_opening",
    "vent_opening",
    "heating_opening",
    "cooling_opening",
    "jacket_setpoint",  # K
    "supply_setpoint",
    "flow_reflux",  # mol/s
    "shaft_power",  # W
)
"""What was let through and how valves stood during the last step."""

LINE_MOVING: Final = (
    "hold_warmth",  # as the reactor's, with the walls' volume in liquid
    *(f"hold_{content}" for content in CONTENTS),
    "crystalliser_warmth",
    *(f"crystalliser_{content}" for content in CONTENTS),
    "crystal_moment_0",  # number of crystals in the crystalliser
    "crystal_moment_1",  # sum of their lengths, m
    "crystal_moment_2",  # of the squares, m2
    "crystal_moment_3",  # of the cubes, m3
    "pot_methanol",  # still, mol
    "pot_water",
    "distillate_methanol",  # in the still's receiver, mol
    "distillate_water",
    "still_temperature",
)
LINE_FOLLOWING: Final = ("hold_temperature", "crystalliser_temperature")
LINE_TOTALS: Final = (
    *(f"crystalliser_left_{content}" for content in CONTENTS),  # with the mother liquor
    *(f"product_moment_{order}" for order in range(4)),  # of the crystals on the filter
    "recovered_methanol",  # in the tank of recovered solvent, mol
    "recovered_water",
    "waste_methanol",  # what was drained from the pot, mol
    "waste_water",
    "total_vapour",  # mol condensed by the still
    "total_seed",  # kg
)
LINE_SIGNALS: Final = (
    "flow_outlet",  # m3/s, hold tank to crystalliser
    "flow_discharge",  # m3/s, crystalliser to filter and still
    "flow_vapour",  # mol/s, of the still
)

REACTOR_STATES: Final = (*REACTOR_MOVING, *REACTOR_FOLLOWING, *REACTOR_TOTALS, *REACTOR_SIGNALS)
"""The rows of the reactors' array, in order."""

LINE_STATES: Final = (*LINE_MOVING, *LINE_FOLLOWING, *LINE_TOTALS, *LINE_SIGNALS)
"""The rows of the lines' array (hold tank, crystalliser, still), in order."""

STATES: Final = (*REACTOR_STATES, *LINE_STATES)
"""Every name that `Trains` knows."""

GAS_CONSTANT: Final = 8.314  # J/mol/K
ATMOSPHERE_PA: Final = 101_325.0
ZERO_CELSIUS_K: Final = 273.15
HEEL_M3: Final = 0.02  # what a vessel keeps when it is pumped out


def between(value: Array, low: Array | float, high: Array | float) -> Array:
    """Cut to an interval; several times faster than `np.clip` on short arrays."""
    return np.minimum(np.maximum(value, low), high)
