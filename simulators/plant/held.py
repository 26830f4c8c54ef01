"""What holds for a step: flows, valve positions, and the constants of the equations."""

from typing import Final

import numpy as np

from simulators.plant.agitator import shaft_power_w
from simulators.plant.chemistry import REFERENCE_K
from simulators.plant.controllers import Actions
from simulators.plant.crystalliser import seed_moments
from simulators.plant.headspace import LN_PA, OFFSET_K, SLOPE_K
from simulators.plant.parameters import ParameterTable
from simulators.plant.stage import Feeding, Quantities
from simulators.plant.state import CONTENTS, HEEL_M3, Array
from simulators.plant.still import MOL_PER_M3, POT_LEAST_MOL

SIGNALS: Final = (
    "flow_discharge",  # m3/s
    "flow_outlet",
    "flow_transfer",
    "flow_charge",
    "flow_feed",
    "flow_base",
    "flow_rinse",
    "base_opening",  # 0..1
    "nitrogen_opening",
    "vent_opening",
    "heating_opening",
    "cooling_opening",
    "jacket_setpoint",  # K
    "supply_setpoint",
    "flow_reflux",  # mol/s, as the step began
    "flow_vapour",
)
"""What was let through and how valves stood during the last step."""

LINE_SIGNALS: Final = frozenset({"flow_discharge", "flow_outlet", "flow_vapour"})
"""The signals that have a column per line."""

SIGNAL: Final = {name: row for row, name in enumerate(SIGNALS)}
"""The row of each signal."""

_FULL: Final = 0.93  # of the vessel: feeds stop


class Held:
    """Set once a step from the state, the controllers and the parameters; the equations only read it."""

    def __init__(self, table: ParameterTable, feeding: Feeding) -> None:
        width = table.values.shape[1]
        self.parameters = table.wide
        self.feeding = feeding
        self._most = table.block("discharge_flow_most", "transfer_flow_most")
        self._opening = table.block("discharge_opening", "transfer_opening")
        self._capacity = table.block("crystalliser_capacity", "hold_capacity")
        self._rates = table.block("ageing_rate", "rate_1")
        self._activations = table.block("ageing_activation", "activation_1")
        self._enthalpies = table.block("enthalpy_1", "enthalpy_neutralisation")
        self._line_transfers = table.block("crystalliser_transfer", "hold_transfer")
        self._line_cooling = table.block("crystalliser_cooling", "hold_cooling")
        self._line_walls = table.block("crystalliser_wall_heat", "hold_wall_heat")
        self.line_setpoints: Array = table.block("crystalliser_setpoint", "hold_setpoint")
        self.signals: Array = np.zeros((len(SIGNALS), width))
        # exp(intercept - slope / (T + offset)): second reaction in three vessels, first reaction, vapour pressures of
        # methanol and water in reactor and still
        self.intercept: Array = np.zeros((8, width))
        self.slope: Array = np.zeros((8, width))
        self.offset: Array = np.zeros((8, width))
        for first in (4, 6):
            here = slice(first, first + 2)
            self.intercept[here], self.slope[here], self.offset[here] = LN_PA, SLOPE_K, OFFSET_K
        self.rate_four: Array = np.zeros((4, width))
        self.walls_three: Array = np.zeros((3, width))  # heat of the vessels' walls, as m3 of liquid
        self.leaving_three: Array = np.zeros((3, width))
        self.inflow_three: Array = np.zeros((3, len(CONTENTS), width))
        self.coefficients: Array = np.zeros((3, width))  # W/K: contents to wall, wall to jacket, jacket to utility
        self.capacities: Array = np.zeros((2, width))  # J/K: wall, jacket
        self.liquor: Array = np.zeros((2, width))  # mol/s of methanol and water into the still

    def set(self, now: Quantities, actions: Actions) -> None:
        """Everything for the step that begins."""
        self._set_flows(now, actions)
        self._set_kinetics(now)
        self._set_heat(now, actions)
        self._set_line(now)

    def write_constants(self, change: Quantities) -> None:
        """Rates of change that stay the same through a step."""
        change.heat_agitator[...] = self.shaft_power
        change.heat_entered[...] = self.entering_heat
        change.pumped[...] = self.pumped
        change.total_seed[...] = self.seed_flow

    def _set_flows(self, now: Quantities, actions: Actions) -> None:
        parameters, signals, volumes = self.parameters, self.signals, now.volume_three
        moved = signals[:3]  # discharge, outlet, transfer: a vessel at its heel gives nothing
        np.multiply(self._most * self._opening, volumes > HEEL_M3, out=moved)
        taken = volumes[:2] < self._capacity
        moved[1] *= taken[0]
        moved[2] *= self.feeding.of_line(taken[1])
        room = volumes[2] < _FULL * parameters.vessel_volume
        self.pumped = pumped = signals[3:6]
        pumped[0] = parameters.charge_flow
        pumped[1] = parameters.feed_flow_most * parameters.feed_opening * parameters.feed_pump
        pumped[2] = parameters.base_flow_most * actions.base_opening * parameters.base_pump
        pumped *= room
        signals[6] = parameters.rinse_flow
        charge, feed, base, rinse = signals[3:7]
        self.leaving_three[...] = moved
        leaving = self.leaving_three[2]
        leaving += rinse
        self.share_rinsed = rinse / (leaving + (leaving == 0.0))
        self.base_mol = base * parameters.base_strength
        entering = charge + feed + base + rinse
        self.entering_heat = entering * parameters.feed_temperature * parameters.volumetric_heat
        _, volume, _, mol_a, mol_b, _, net_charge, carbonate = self.inflow_three[2]
        volume[...] = entering
        np.multiply(charge, parameters.charge_strength, out=mol_a)
        np.multiply(feed, parameters.feed_strength, out=mol_b)
        np.subtract(charge * parameters.charge_net, self.base_mol, out=net_charge)
        np.multiply(charge, parameters.charge_carbonate, out=carbonate)

    def _set_kinetics(self, now: Quantities) -> None:
        parameters = self.parameters
        self.rate_four[1:] = self._rates
        self.rate_four[0] = parameters.ageing_rate
        self.rate_four[3] *= now.agitator_speed / (now.agitator_speed + parameters.mixing_speed)
        self.slope[1:4] = self._activations
        self.slope[0] = parameters.ageing_activation
        np.divide(self.slope[:4], REFERENCE_K, out=self.intercept[:4])
        self.released = -self._enthalpies

    def _set_heat(self, now: Quantities, actions: Actions) -> None:
        parameters, speed = self.parameters, now.agitator_speed
        agitation = 0.08 + 0.92 * (speed / parameters.agitator_nominal) ** 0.67
        np.multiply(parameters.inner_transfer, agitation, out=self.coefficients[0])
        np.multiply(parameters.outer_transfer, parameters.jacket_cleanness, out=self.coefficients[1])
        np.multiply(parameters.jacket_flow, parameters.jacket_heat, out=self.coefficients[2])
        self.capacities[0] = parameters.wall_heat
        np.multiply(parameters.jacket_volume, parameters.jacket_heat, out=self.capacities[1])
        self.shaft_power = shaft_power_w(speed, parameters)
        diameter = parameters.diameter
        self.bottom = (np.pi / 4.0) * diameter * diameter
        self.per_volume = 4.0 / diameter
        self.supply_setpoint = actions.supply_setpoint
        gas, heating = actions.gas_opening, actions.heating_opening
        signals = self.signals
        signals[7] = actions.base_opening
        np.maximum(gas, 0.0, out=signals[8])
        np.subtract(signals[8], gas, out=signals[9])
        np.maximum(heating, 0.0, out=signals[10])
        np.subtract(signals[10], heating, out=signals[11])
        signals[12], signals[13] = actions.jacket_setpoint, actions.supply_setpoint
        self.nitrogen_way = parameters.nitrogen_valve * parameters.nitrogen_supply * signals[8]
        self.vent_way = parameters.vent_valve * signals[9] + parameters.leak

    def _set_line(self, now: Quantities) -> None:
        parameters = self.parameters
        heat = parameters.line_volumetric_heat
        self.line_transfers = self._line_transfers * self._line_cooling / heat
        np.divide(self._line_walls, heat, out=self.walls_three[:2])
        self.seed_flow = parameters.seed * parameters.seeding / 60.0
        self.seeds = seed_moments(self.seed_flow, parameters.seed_size)
        liquor = self.signals[0] * MOL_PER_M3
        np.multiply(liquor, parameters.liquor_methanol, out=self.liquor[0])
        np.subtract(liquor, self.liquor[0], out=self.liquor[1])
        enough = now.pot_methanol + now.pot_water > POT_LEAST_MOL
        self.still_duty = parameters.still_duty * parameters.still_heating * enough
