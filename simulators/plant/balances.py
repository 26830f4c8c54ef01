"""The derivative of a train's state: material, heat, gas, hold tank."""

from typing import Final, NamedTuple

import numpy as np

from simulators.plant.chemistry import first_rate, second_rate
from simulators.plant.controllers import Actions
from simulators.plant.headspace import nitrogen_pa, vapour_pa
from simulators.plant.parameters import Parameters
from simulators.plant.state import ATMOSPHERE_PA, HEEL_M3, HOLD_MOLS, INTEGRALS, LOST_MOLS, REACTOR_MOLS, ROW, Array

_FULL: Final = 0.93  # of the vessel: feeds stop
_REFLUX_MARGIN_PA: Final = 2e3


class Flows(NamedTuple):
    """Liquid flows of a train, m3/s; they hold for a step."""

    charge: Array
    feed: Array
    base: Array
    transfer: Array
    rinse: Array
    outlet: Array
    entering: Array  # the sum of what comes into the reactor


def flows(state: Array, actions: Actions, parameters: Parameters) -> Flows:
    """What pumps and valves let through; a full vessel takes nothing, an empty one gives nothing."""
    volume = state[ROW["volume"]]
    room = volume < _FULL * parameters.vessel_volume
    charge = parameters.charge_flow * room
    feed = parameters.feed_flow_most * parameters.feed_opening * room
    base = parameters.base_flow_most * actions.base_opening * room
    transfer = parameters.transfer_flow_most * parameters.transfer_opening * (volume > HEEL_M3)
    outlet = parameters.outlet_flow_most * parameters.outlet_opening * (state[ROW["hold_volume"]] > HEEL_M3)
    rinse = parameters.rinse_flow
    return Flows(charge, feed, base, transfer, rinse, outlet, charge + feed + base + rinse)


class Rates(NamedTuple):
    """Reactions (mol/s) and pressures (Pa) at a state."""

    first: Array
    second: Array
    vapour: Array
    pressure: Array


def derivative(state: Array, flow: Flows, actions: Actions, parameters: Parameters) -> Array:
    """The rate of change of every state, per second; the controllers' integrals move with the scan, not here."""
    temperature = state[ROW["temperature"]]
    vapour = vapour_pa(temperature, parameters.methanol_fraction)
    rates = Rates(
        first_rate(state, parameters),
        second_rate(state[ROW["mol_c"]], temperature, parameters),
        vapour,
        nitrogen_pa(state, parameters) + vapour,
    )
    change = np.empty_like(state)
    change[INTEGRALS] = 0.0
    change[ROW["agitator_speed"]] = 0.0  # solved exactly, beside
    _material(change, state, flow, rates, parameters)
    _heat(change, state, flow, rates, actions.supply_setpoint, parameters)
    _gas(change, rates, actions.gas_opening, parameters)
    _hold_heat(change, state, flow, parameters)
    return change


def _material(change: Array, state: Array, flow: Flows, rates: Rates, parameters: Parameters) -> None:
    volume = state[ROW["volume"]]
    rinsed, given = flow.rinse / volume, flow.transfer / volume
    drained = flow.outlet / state[ROW["hold_volume"]]
    leaving = rinsed + given
    reactor, hold = state[REACTOR_MOLS], state[HOLD_MOLS]
    change[REACTOR_MOLS] = -leaving * reactor
    change[ROW["mol_a"]] += flow.charge * parameters.charge_strength - rates.first
    change[ROW["mol_b"]] += flow.feed * parameters.feed_strength - rates.first
    change[ROW["mol_c"]] += rates.first - rates.second
    change[ROW["mol_d"]] += rates.second
    change[HOLD_MOLS] = given * reactor - drained * hold
    aged = second_rate(state[ROW["hold_mol_c"]], state[ROW["hold_temperature"]], parameters)
    change[ROW["hold_mol_c"]] -= aged
    change[ROW["hold_mol_d"]] += aged
    change[LOST_MOLS] = rinsed * reactor + drained * hold
    change[ROW["volume"]] = flow.entering - flow.rinse - flow.transfer
    change[ROW["hold_volume"]] = flow.transfer - flow.outlet
    neutralised = flow.base * parameters.base_strength + leaving * state[ROW["net_charge"]]
    change[ROW["net_charge"]] = flow.charge * parameters.charge_net + rates.first - neutralised
    change[ROW["carbonate"]] = flow.charge * parameters.charge_carbonate - leaving * state[ROW["carbonate"]]
    change[ROW["total_charged"]] = flow.charge
    change[ROW["total_fed"]] = flow.feed
    change[ROW["total_base"]] = flow.base


def shaft_power_w(speed: Array, parameters: Parameters) -> Array:
    """Agitator power, W."""
    return parameters.power_number * parameters.density * speed**3 * parameters.impeller_diameter**5


def turn_agitator(state: Array, parameters: Parameters, seconds: float) -> None:
    """Move the agitator towards its set point: the exact answer of a lag that is shorter than many a step."""
    left = np.exp(-seconds / parameters.agitator_lag)
    setpoint = parameters.agitator_setpoint
    state[ROW["agitator_speed"]] = setpoint + (state[ROW["agitator_speed"]] - setpoint) * left


def _heat(
    change: Array, state: Array, flow: Flows, rates: Rates, supply_setpoint: Array, parameters: Parameters
) -> None:
    volume, temperature = state[ROW["volume"]], state[ROW["temperature"]]
    wall, jacket = state[ROW["wall_temperature"]], state[ROW["jacket_temperature"]]
    supply, speed = state[ROW["supply_temperature"]], state[ROW["agitator_speed"]]
    wetted = (np.pi / 4.0) * parameters.diameter**2 + 4.0 * volume / parameters.diameter
    agitation = 0.08 + 0.92 * (speed / parameters.agitator_nominal) ** 0.67
    to_wall = parameters.inner_transfer * agitation * wetted * (temperature - wall)
    to_jacket = parameters.outer_transfer * parameters.jacket_cleanness * wetted * (wall - jacket)
    superheat = rates.vapour - np.maximum(rates.pressure - _REFLUX_MARGIN_PA, ATMOSPHERE_PA)
    boiling = parameters.boiling_rate * np.maximum(superheat, 0.0)
    neutralised = np.minimum(flow.base * parameters.base_strength, rates.first)
    released = (
        parameters.enthalpy_1 * rates.first
        + parameters.enthalpy_2 * rates.second
        + parameters.enthalpy_neutralisation * neutralised
    )
    to_room = parameters.loss_coefficient * (temperature - parameters.room_temperature)
    lost = released + to_wall + to_room + parameters.evaporation_enthalpy * boiling
    sensible = flow.entering * (parameters.feed_temperature - temperature)
    gained = shaft_power_w(speed, parameters) - lost
    change[ROW["temperature"]] = (gained / parameters.volumetric_heat + sensible) / volume
    change[ROW["wall_temperature"]] = (to_wall - to_jacket) / parameters.wall_heat
    exchanged = parameters.jacket_flow * (supply - jacket) + to_jacket / parameters.jacket_heat
    change[ROW["jacket_temperature"]] = exchanged / parameters.jacket_volume
    change[ROW["supply_temperature"]] = (supply_setpoint - supply) / parameters.supply_lag


def _gas(change: Array, rates: Rates, opening: Array, parameters: Parameters) -> None:
    driving = np.maximum(parameters.nitrogen_pressure - rates.pressure, 0.0)
    entering = parameters.nitrogen_valve * parameters.nitrogen_supply * np.maximum(opening, 0.0) * driving
    outlet = parameters.vent_valve * np.maximum(-opening, 0.0) + parameters.leak
    nitrogen_share = 1.0 - rates.vapour / rates.pressure
    change[ROW["mol_nitrogen"]] = entering - outlet * np.maximum(rates.pressure - ATMOSPHERE_PA, 0.0) * nitrogen_share


def _hold_heat(change: Array, state: Array, flow: Flows, parameters: Parameters) -> None:
    temperature = state[ROW["hold_temperature"]]
    capacity = parameters.volumetric_heat * state[ROW["hold_volume"]] + parameters.hold_wall_heat
    mixing = parameters.volumetric_heat * flow.transfer * (state[ROW["temperature"]] - temperature)
    cooling = parameters.hold_transfer * (parameters.hold_setpoint - temperature)
    change[ROW["hold_temperature"]] = (mixing + cooling) / capacity
