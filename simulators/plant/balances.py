"""The rates of change of everything: what flows, reacts, warms, boils, crystallises and distils."""

from typing import Final

import numpy as np

from simulators.plant.crystalliser import crystallise
from simulators.plant.held import SIGNAL, Held
from simulators.plant.stage import Quantities
from simulators.plant.state import ATMOSPHERE_PA, GAS_CONSTANT, ROW, Array
from simulators.plant.still import distil

_REFLUX_MARGIN_PA: Final = 2e3
_TEMPERATURES_OF_EXPONENTIALS: Final = np.array(
    [
        *(ROW[name] for name in ("crystalliser_temperature", "hold_temperature", "temperature")),
        *[ROW["temperature"]] * 3,
        *[ROW["still_temperature"]] * 2,
    ]
)


def derivative(change: Quantities, now: Quantities, held: Held) -> None:
    """Set the rate of change of every state, per second; the controllers' integrals move with the scan, not here."""
    temperatures = now.array.take(_TEMPERATURES_OF_EXPONENTIALS, axis=0)
    exponentials = np.exp(held.intercept - held.slope / (temperatures + held.offset))
    constants = held.rate_four * exponentials[:4]
    second = constants[:3] * now.mol_c_three
    first = constants[3] * now.mol_a * now.mol_b / now.volume
    held.write_constants(change)
    share = _flow(change, now, held)
    _react(change, first, second)
    reflux = _gas(change, now, exponentials[4:6], held)
    _heat(change, now, first, second[2], reflux, held)
    change.warmth_two += held.line_transfers * (held.line_setpoints - now.temperature_two)
    crystallise(change, now, share[0], held.seeds, held.parameters)
    vapour = distil(change, now, exponentials[6:], held.liquor, held.still_duty, held.parameters)
    held.signals[SIGNAL["flow_reflux"]] = reflux
    held.signals[SIGNAL["flow_vapour"]] = vapour


def _flow(change: Quantities, now: Quantities, held: Held) -> Array:
    """What moves between the vessels; returns the share of each vessel's contents that leaves per second."""
    share = held.leaving_three / now.volume_three
    left, inflow = change.left_three, held.inflow_three
    np.multiply(share[:, np.newaxis], now.contents_three, out=left)
    np.multiply(held.leaving_three, now.temperature_three, out=left[:, 0])  # walls stay
    np.multiply(held.share_rinsed, left[2], out=change.rinsed)
    held.feeding.gather(left[2] - change.rinsed, inflow[1])
    inflow[0] = left[1]
    np.subtract(inflow, left, out=change.contents_three)
    return share


def _react(change: Quantities, first: Array, second: Array) -> None:
    change.reagents -= first
    change.product_and_acid += first
    change.mol_c_three -= second
    change.mol_d_three += second


def _gas(change: Quantities, now: Quantities, pressures: Array, held: Held) -> Array:
    """Nitrogen in and out; returns what boils and comes back from the condenser, mol/s."""
    parameters = held.parameters
    methanol, water = pressures
    vapour = water + parameters.methanol_fraction * (methanol - water)
    room = parameters.vessel_volume - now.volume
    pressure = vapour + now.mol_nitrogen * now.temperature * GAS_CONSTANT / room
    entering = held.nitrogen_way * np.maximum(parameters.nitrogen_pressure - pressure, 0.0)
    leaving = held.vent_way * np.maximum(pressure - ATMOSPHERE_PA, 0.0) * (1.0 - vapour / pressure)
    change.total_nitrogen[...] = entering
    np.subtract(entering, leaving, out=change.mol_nitrogen)
    superheat = vapour - np.maximum(pressure - _REFLUX_MARGIN_PA, ATMOSPHERE_PA)
    reflux: Array = parameters.boiling_rate * np.maximum(superheat, 0.0)
    return reflux


def _heat(change: Quantities, now: Quantities, first: Array, second: Array, reflux: Array, held: Held) -> None:
    parameters = held.parameters
    chain = now.chain
    wetted = held.bottom + held.per_volume * now.volume
    flux = held.coefficients * (chain[:3] - chain[1:])  # contents to wall, wall to jacket, jacket to utility
    flux[:2] *= wetted
    np.divide(flux[:2] - flux[1:], held.capacities, out=change.wall_and_jacket)
    np.divide(held.supply_setpoint - now.supply_temperature, parameters.supply_lag, out=change.supply_temperature)
    cooling = np.maximum(flux[2], 0.0)
    change.total_cooling[...] = cooling
    np.subtract(cooling, flux[2], out=change.total_heating)
    reactions = change.heat_reactions
    reactions[0] = first
    reactions[1] = second
    np.minimum(held.base_mol, first, out=reactions[2])
    reactions *= held.released
    np.negative(flux[0], out=change.heat_wall)
    np.multiply(parameters.loss_coefficient, parameters.room_temperature - now.temperature, out=change.heat_room)
    np.multiply(-parameters.evaporation_enthalpy, reflux, out=change.heat_reflux)
    np.multiply(-parameters.volumetric_heat, change.left_three[2, 0], out=change.heat_left)
    np.divide(np.add.reduce(change.heats, axis=0), parameters.volumetric_heat, out=change.warmth)
