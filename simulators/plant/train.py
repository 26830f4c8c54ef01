"""Reactor trains in time: Heun's method, the same bits on every run."""

import numpy as np

from simulators.plant.balances import derivative, flows, shaft_power_w, turn_agitator
from simulators.plant.chemistry import invariants, solve_ph, track_ph
from simulators.plant.controllers import scan
from simulators.plant.headspace import pressure_pa, vapour_pa
from simulators.plant.parameters import Parameters, nominal
from simulators.plant.state import GAS_CONSTANT, HEEL_M3, ROW, STATES, Array


def empty_vessels(parameters: Parameters) -> Array:
    """The state of clean, cold trains with nothing but a heel of water."""
    trains = len(parameters.density)
    state = np.zeros((len(STATES), trains))
    for name in ("temperature", "wall_temperature", "jacket_temperature", "supply_temperature", "hold_temperature"):
        state[ROW[name]] = parameters.room_temperature
    state[ROW["volume"]] = HEEL_M3
    state[ROW["hold_volume"]] = HEEL_M3
    vapour = vapour_pa(parameters.room_temperature, parameters.methanol_fraction)
    room = parameters.vessel_volume - HEEL_M3
    warmth = GAS_CONSTANT * parameters.room_temperature
    state[ROW["mol_nitrogen"]] = (parameters.pressure_setpoint - vapour) * room / warmth
    return state


class Trains:
    """Some reactor trains side by side. `parameters` may be changed between steps; the rest is to be read.

    `pressure_pa` is absolute.
    """

    def __init__(self, trains: int) -> None:
        self.parameters = nominal(trains)
        self.state = empty_vessels(self.parameters)
        self.ph = solve_ph(*invariants(self.state), self.parameters)
        self.pressure_pa = pressure_pa(self.state, self.parameters)

    def step(self, seconds: float = 1.0) -> None:
        """One scan of the controllers, then one step of Heun's method with what they hold; pH is solved at its end."""
        parameters = self.parameters
        actions = scan(self.state, self.ph, self.pressure_pa, parameters, seconds)
        turn_agitator(self.state, parameters, seconds)
        flow = flows(self.state, actions, parameters)
        slope = derivative(self.state, flow, actions, parameters)
        ahead = derivative(self.state + seconds * slope, flow, actions, parameters)
        self.state = self.state + (0.5 * seconds) * (slope + ahead)
        self.ph = track_ph(*invariants(self.state), parameters, self.ph)
        self.pressure_pa = pressure_pa(self.state, parameters)

    def __getitem__(self, name: str) -> Array:
        """One row of the state: a value per train."""
        row: Array = self.state[ROW[name]]
        return row

    def shaft_power_w(self) -> Array:
        """Agitator power, W."""
        return shaft_power_w(self["agitator_speed"], self.parameters)
