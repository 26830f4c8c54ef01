"""The parameters of a train: one value per train each, SI units. A fault is a change of one of them."""

from dataclasses import dataclass
from typing import Annotated, get_type_hints

import numpy as np

from simulators.plant.state import Array


@dataclass(slots=True)
class Parameters:
    """Everything about a train that is not its state: an array each, annotated with the nominal value.

    Activation temperatures (E/R) after Cott and Macchietto (1989); rate constants fitted to a dosing of a few hours.
    """

    # kinetics: A + B -> C + H+, then C -> D
    rate_1: Annotated[Array, 8.0e-7]  # at the reference temperature, m3/mol/s
    activation_1: Annotated[Array, 10_000.0]  # E/R, K
    rate_2: Annotated[Array, 2.0e-6]  # at the reference temperature, 1/s
    activation_2: Annotated[Array, 17_000.0]
    reference_temperature: Annotated[Array, 333.15]
    enthalpy_1: Annotated[Array, -90.0e3]  # J/mol
    enthalpy_2: Annotated[Array, -25.1e3]
    enthalpy_neutralisation: Annotated[Array, -55.8e3]
    mixing_speed: Annotated[Array, 0.15]  # agitator speed at which poor mixing halves the first reaction, 1/s

    # the vessel, its contents and its jacket
    density: Annotated[Array, 950.0]  # kg/m3
    volumetric_heat: Annotated[Array, 3.42e6]  # of the liquids, J/m3/K
    diameter: Annotated[Array, 1.4]  # m
    vessel_volume: Annotated[Array, 2.6]  # m3
    methanol_fraction: Annotated[Array, 0.35]  # of the liquid, mol/mol
    inner_transfer: Annotated[Array, 600.0]  # W/m2/K, at nominal agitation
    outer_transfer: Annotated[Array, 900.0]
    jacket_cleanness: Annotated[Array, 1.0]  # 1 is clean; fouling lowers it
    wall_heat: Annotated[Array, 1.248e6]  # J/K
    jacket_volume: Annotated[Array, 0.25]
    jacket_flow: Annotated[Array, 4.0e-3]  # m3/s
    jacket_heat: Annotated[Array, 1.89e6]  # of its fluid, J/m3/K
    supply_lag: Annotated[Array, 90.0]  # s
    supply_coldest: Annotated[Array, 258.15]
    supply_hottest: Annotated[Array, 413.15]
    cooling_duty: Annotated[Array, 1.0]  # 0: no cooling left
    loss_coefficient: Annotated[Array, 12.0]  # W/K, to the room
    room_temperature: Annotated[Array, 293.15]

    # agitator
    agitator_setpoint: Annotated[Array, 0.0]  # 1/s
    agitator_nominal: Annotated[Array, 1.6]
    agitator_lag: Annotated[Array, 3.0]  # s
    power_number: Annotated[Array, 0.35]
    impeller_diameter: Annotated[Array, 0.75]

    # feeds, and the buffer that the charge brings
    charge_flow: Annotated[Array, 0.0]  # of A's solution, m3/s
    charge_strength: Annotated[Array, 2000.0]  # mol A per m3
    charge_carbonate: Annotated[Array, 80.0]  # mol/m3
    charge_net: Annotated[Array, -74.852_565]  # net charge that brings it to pH 7.5, mol/m3
    feed_opening: Annotated[Array, 0.0]  # of the dosing pump, 0..1
    feed_flow_most: Annotated[Array, 3.1e-5]
    feed_strength: Annotated[Array, 9000.0]  # mol B per m3
    feed_temperature: Annotated[Array, 293.15]
    base_enabled: Annotated[Array, 0.0]
    base_pump: Annotated[Array, 1.0]  # 1 is healthy
    base_flow_most: Annotated[Array, 1.4e-4]
    base_strength: Annotated[Array, 6000.0]
    acid_constant_1: Annotated[Array, 6.35]  # pK of carbonic acid
    acid_constant_2: Annotated[Array, 10.25]
    transfer_opening: Annotated[Array, 0.0]  # reactor to hold tank
    transfer_flow_most: Annotated[Array, 1.5e-3]
    rinse_flow: Annotated[Array, 0.0]  # water through the heel while cleaning

    # head space
    nitrogen_pressure: Annotated[Array, 3.5e5]  # of the header, Pa
    nitrogen_valve: Annotated[Array, 5.0e-7]  # mol/s/Pa, fully open
    nitrogen_supply: Annotated[Array, 1.0]  # 0: lost
    vent_valve: Annotated[Array, 4.0e-6]
    leak: Annotated[Array, 0.0]  # mol/s/Pa
    boiling_rate: Annotated[Array, 3.0e-4]  # mol/s/Pa
    evaporation_enthalpy: Annotated[Array, 37.5e3]

    # controllers: set point, gain, integral time (s)
    temperature_setpoint: Annotated[Array, 293.15]
    temperature_gain: Annotated[Array, 10.0]  # K jacket per K
    temperature_integral_time: Annotated[Array, 6000.0]
    jacket_gain: Annotated[Array, 2.5]
    jacket_integral_time: Annotated[Array, 180.0]
    jacket_coldest: Annotated[Array, 263.15]
    jacket_hottest: Annotated[Array, 403.15]
    ph_setpoint: Annotated[Array, 7.5]
    ph_gain: Annotated[Array, 3.0]  # pump opening per pH
    ph_integral_time: Annotated[Array, 60.0]
    ph_control_bias: Annotated[Array, 0.0]  # what the controller's own probe reads too much
    pressure_setpoint: Annotated[Array, 1.30e5]  # Pa, absolute
    pressure_gain: Annotated[Array, 2.0e-5]  # valve opening per Pa
    pressure_integral_time: Annotated[Array, 120.0]

    # hold tank
    hold_setpoint: Annotated[Array, 278.15]
    hold_transfer: Annotated[Array, 900.0]  # W/K
    hold_wall_heat: Annotated[Array, 5.0e5]  # J/K
    outlet_opening: Annotated[Array, 0.0]  # hold tank to the next step
    outlet_flow_most: Annotated[Array, 1.5e-3]


_NOMINAL: dict[str, float] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(Parameters, include_extras=True).items()
}

PARAMETERS = frozenset(_NOMINAL)
"""The names that a fault may change."""


def nominal(trains: int) -> Parameters:
    """Parameters of healthy, idle trains."""
    return Parameters(**{name: np.full(trains, value) for name, value in _NOMINAL.items()})
