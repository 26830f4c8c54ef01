"""The parameters of the trains: one value per reactor or line each, SI units. A fault is a change of one of them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final, Literal, get_type_hints

import numpy as np

from simulators.plant.state import Array


@dataclass(frozen=True, slots=True)
class ParameterInfo:
    """What a parameter belongs to, its value in a healthy plant at rest, its unit (empty: none), its meaning."""

    where: Literal["reactor", "line"]
    nominal: float
    unit: str
    meaning: str


def _reactor(nominal: float, unit: str, meaning: str) -> ParameterInfo:
    return ParameterInfo("reactor", nominal, unit, meaning)


def _line(nominal: float, unit: str, meaning: str) -> ParameterInfo:
    return ParameterInfo("line", nominal, unit, meaning)


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Everything about the trains that is not their state: an array each, to be written into, never replaced.

    Activation temperatures (E/R) after Cott and Macchietto (1989); rate constants fitted to a dosing of a few hours.
    Neighbours that the equations use as a block stand together: keep their order.
    """

    # kinetics: A + B -> C + H+, then C -> D; `ageing` is the second reaction behind the reactor
    ageing_rate: Annotated[Array, _line(2.0e-6, "1/s", "C -> D in tank and crystalliser, at 60 degC")]
    rate_2: Annotated[Array, _reactor(2.0e-6, "1/s", "C -> D, at 60 degC")]
    rate_1: Annotated[Array, _reactor(8.0e-7, "m3/mol/s", "A + B -> C + H+, at 60 degC")]
    ageing_activation: Annotated[Array, _line(17_000.0, "K", "E/R of C -> D in tank and crystalliser")]
    activation_2: Annotated[Array, _reactor(17_000.0, "K", "E/R of C -> D")]
    activation_1: Annotated[Array, _reactor(10_000.0, "K", "E/R of A + B -> C + H+")]
    enthalpy_1: Annotated[Array, _reactor(-90.0e3, "J/mol", "of A + B -> C + H+")]
    enthalpy_2: Annotated[Array, _reactor(-25.1e3, "J/mol", "of C -> D")]
    enthalpy_neutralisation: Annotated[Array, _reactor(-55.8e3, "J/mol", "of the acid with the base")]
    mixing_speed: Annotated[
        Array, _reactor(0.15, "1/s", "agitator speed at which poor mixing halves the first reaction")
    ]

    # the reactor, its contents and its jacket
    density: Annotated[Array, _reactor(950.0, "kg/m3", "of the contents")]
    volumetric_heat: Annotated[Array, _reactor(3.42e6, "J/m3/K", "of the contents and of all that comes in")]
    diameter: Annotated[Array, _reactor(1.4, "m", "of the vessel")]
    vessel_volume: Annotated[Array, _reactor(2.6, "m3", "of the vessel with its head space")]
    methanol_fraction: Annotated[Array, _reactor(0.35, "mol/mol", "of the solvent; the rest is water")]
    inner_transfer: Annotated[Array, _reactor(600.0, "W/m2/K", "contents to wall, at nominal agitation")]
    outer_transfer: Annotated[Array, _reactor(900.0, "W/m2/K", "wall to jacket")]
    jacket_cleanness: Annotated[Array, _reactor(1.0, "", "factor on `outer_transfer`; fouling lowers it")]
    wall_heat: Annotated[Array, _reactor(1.248e6, "J/K", "of the wall")]
    jacket_volume: Annotated[Array, _reactor(0.25, "m3", "of the jacket")]
    jacket_flow: Annotated[Array, _reactor(4.0e-3, "m3/s", "of the heat-transfer fluid")]
    jacket_heat: Annotated[Array, _reactor(1.89e6, "J/m3/K", "of the heat-transfer fluid")]
    loss_coefficient: Annotated[Array, _reactor(12.0, "W/K", "contents to the room")]
    room_temperature: Annotated[Array, _reactor(293.15, "K", "of the room")]

    # utility: what heats and cools the fluid
    supply_lag: Annotated[Array, _reactor(90.0, "s", "of the fluid's temperature behind its set point")]
    supply_coldest: Annotated[Array, _reactor(258.15, "K", "what the brine can do")]
    supply_hottest: Annotated[Array, _reactor(413.15, "K", "what the steam can do")]
    cooling_duty: Annotated[Array, _reactor(1.0, "", "share of the cooling that is there; 0: none")]
    heating_duty: Annotated[Array, _reactor(1.0, "", "share of the heating that is there; 0: none")]

    # agitator
    agitator_setpoint: Annotated[Array, _reactor(0.0, "1/s", "speed that the recipe asks for")]
    agitator_working: Annotated[Array, _reactor(1.0, "", "share of that speed that comes; 0: stopped")]
    agitator_nominal: Annotated[Array, _reactor(1.6, "1/s", "speed that `inner_transfer` holds for")]
    agitator_lag: Annotated[Array, _reactor(3.0, "s", "of the speed")]
    power_number: Annotated[Array, _reactor(0.35, "", "of the impeller")]
    impeller_diameter: Annotated[Array, _reactor(0.75, "m", "of the impeller")]

    # feeds, and the buffer that the charge brings
    charge_flow: Annotated[Array, _reactor(0.0, "m3/s", "of A's solution")]
    charge_strength: Annotated[Array, _reactor(2000.0, "mol/m3", "A in its solution")]
    charge_carbonate: Annotated[Array, _reactor(80.0, "mol/m3", "carbonate in A's solution")]
    charge_net: Annotated[Array, _reactor(-74.852_565, "mol/m3", "net charge that brings A's solution to pH 7.5")]
    feed_opening: Annotated[Array, _reactor(0.0, "", "of the dosing pump, 0 to 1")]
    feed_pump: Annotated[Array, _reactor(1.0, "", "share of the dosing that comes; 0: pump lost")]
    feed_flow_most: Annotated[Array, _reactor(3.1e-5, "m3/s", "of the dosing pump")]
    feed_strength: Annotated[Array, _reactor(9000.0, "mol/m3", "B in its solution")]
    feed_temperature: Annotated[Array, _reactor(293.15, "K", "of all that comes into the reactor")]
    base_enabled: Annotated[Array, _reactor(0.0, "", "1: the pH controller doses base")]
    base_pump: Annotated[Array, _reactor(1.0, "", "share of the base that comes; 0: pump lost")]
    base_flow_most: Annotated[Array, _reactor(1.4e-4, "m3/s", "of the base pump")]
    base_strength: Annotated[Array, _reactor(6000.0, "mol/m3", "of the base")]
    acid_constant_1: Annotated[Array, _reactor(6.35, "", "pK of carbonic acid")]
    acid_constant_2: Annotated[Array, _reactor(10.25, "", "pK of hydrogen carbonate")]
    rinse_flow: Annotated[Array, _reactor(0.0, "m3/s", "water through the heel while cleaning")]

    # what leaves: crystalliser to filter and still, hold tank to crystalliser, reactor to hold tank
    discharge_opening: Annotated[Array, _line(0.0, "", "crystalliser over the filter to the still, 0 to 1")]
    outlet_opening: Annotated[Array, _line(0.0, "", "hold tank to crystalliser, 0 to 1")]
    transfer_opening: Annotated[Array, _reactor(0.0, "", "reactor to hold tank, 0 to 1")]
    discharge_flow_most: Annotated[Array, _line(1.5e-3, "m3/s", "of the crystalliser's pump")]
    outlet_flow_most: Annotated[Array, _line(1.5e-3, "m3/s", "of the hold tank's pump")]
    transfer_flow_most: Annotated[Array, _reactor(1.5e-3, "m3/s", "of the reactor's pump")]

    # head space
    nitrogen_pressure: Annotated[Array, _reactor(3.5e5, "Pa", "of the nitrogen header, absolute")]
    nitrogen_valve: Annotated[Array, _reactor(5.0e-7, "mol/s/Pa", "nitrogen valve, fully open")]
    nitrogen_supply: Annotated[Array, _reactor(1.0, "", "share of the nitrogen that is there; 0: lost")]
    vent_valve: Annotated[Array, _reactor(4.0e-6, "mol/s/Pa", "vent valve, fully open")]
    leak: Annotated[Array, _reactor(0.0, "mol/s/Pa", "out of the head space")]
    boiling_rate: Annotated[Array, _reactor(3.0e-4, "mol/s/Pa", "vapour to the condenser, by superheat")]
    evaporation_enthalpy: Annotated[Array, _reactor(37.5e3, "J/mol", "of the solvent")]

    # controllers: set point, gain, integral time
    temperature_setpoint: Annotated[Array, _reactor(293.15, "K", "of the contents")]
    ph_setpoint: Annotated[Array, _reactor(7.5, "", "of the contents")]
    pressure_setpoint: Annotated[Array, _reactor(1.30e5, "Pa", "of the head space, absolute")]
    temperature_gain: Annotated[Array, _reactor(10.0, "K/K", "jacket temperature by contents")]
    ph_gain: Annotated[Array, _reactor(3.0, "1/pH", "base pump by pH")]
    pressure_gain: Annotated[Array, _reactor(2.0e-5, "1/Pa", "gas valves by pressure")]
    jacket_gain: Annotated[Array, _reactor(2.5, "K/K", "supply temperature by jacket")]
    temperature_integral_time: Annotated[Array, _reactor(6000.0, "s", "of the temperature controller")]
    ph_integral_time: Annotated[Array, _reactor(60.0, "s", "of the pH controller")]
    pressure_integral_time: Annotated[Array, _reactor(120.0, "s", "of the pressure controller")]
    jacket_integral_time: Annotated[Array, _reactor(180.0, "s", "of the jacket controller")]
    jacket_coldest: Annotated[Array, _reactor(263.15, "K", "that the temperature controller asks for")]
    jacket_hottest: Annotated[Array, _reactor(403.15, "K", "that the temperature controller asks for")]
    ph_control_bias: Annotated[Array, _reactor(0.0, "", "pH that the controller's own probe reads too much")]

    # hold tank, with what they share the crystalliser first
    crystalliser_setpoint: Annotated[Array, _line(293.15, "K", "of the crystalliser's jacket")]
    hold_setpoint: Annotated[Array, _line(278.15, "K", "of the hold tank's jacket")]
    crystalliser_transfer: Annotated[Array, _line(6000.0, "W/K", "crystalliser to jacket")]
    hold_transfer: Annotated[Array, _line(900.0, "W/K", "hold tank to jacket")]
    crystalliser_cooling: Annotated[Array, _line(1.0, "", "factor on `crystalliser_transfer`; 0: none")]
    hold_cooling: Annotated[Array, _line(1.0, "", "factor on `hold_transfer`; 0: none")]
    crystalliser_wall_heat: Annotated[Array, _line(5.0e5, "J/K", "of the crystalliser's wall")]
    hold_wall_heat: Annotated[Array, _line(5.0e5, "J/K", "of the hold tank's wall")]
    line_volumetric_heat: Annotated[Array, _line(3.42e6, "J/m3/K", "of the contents of tank and crystalliser")]
    crystalliser_capacity: Annotated[Array, _line(8.0, "m3", "a fuller crystalliser takes nothing")]
    hold_capacity: Annotated[Array, _line(8.0, "m3", "a fuller hold tank takes nothing")]

    # crystals
    solubility: Annotated[Array, _line(300.0, "mol/m3", "of C at 20 degC")]
    solubility_rise: Annotated[Array, _line(0.045, "1/K", "of the solubility's logarithm")]
    seed: Annotated[Array, _line(10.0, "kg", "crystals that seeding brings within a minute")]
    seeding: Annotated[Array, _line(0.0, "", "1: seed goes in")]
    seed_size: Annotated[Array, _line(8.0e-5, "m", "of the seed's crystals")]
    growth_rate: Annotated[Array, _line(1.5e-6, "m/s", "of a crystal's length, times supersaturation to the 1.5")]
    secondary_nucleation: Annotated[Array, _line(1.0e8, "1/m3/s", "per crystals' cubes, times supersaturation squared")]
    primary_nucleation: Annotated[Array, _line(1.0e9, "1/m3/s", "per liquid, times excess of supersaturation squared")]
    metastable_limit: Annotated[Array, _line(0.25, "", "relative supersaturation that breeds crystals by itself")]
    dissolving_rate: Annotated[Array, _line(0.02, "1/s", "of crystals, times relative undersaturation")]
    uptake_time: Annotated[Array, _line(15.0, "s", "mixing: crystals take up an excess no faster")]
    crystallisation_enthalpy: Annotated[Array, _line(-30.0e3, "J/mol", "of C")]

    # still
    still_duty: Annotated[Array, _line(0.0, "W", "heat that the recipe asks for")]
    still_heating: Annotated[Array, _line(1.0, "", "share of the heat that comes; 0: none")]
    still_loss: Annotated[Array, _line(40.0, "W/K", "pot to the room")]
    still_wall_heat: Annotated[Array, _line(4.0e5, "J/K", "of the pot's wall")]
    still_boiling_rate: Annotated[Array, _line(1.0e-3, "mol/s/Pa", "vapour by superheat")]
    relative_volatility: Annotated[Array, _line(4.0, "", "of methanol over water")]
    liquor_methanol: Annotated[Array, _line(0.35, "mol/mol", "methanol in the mother liquor; the rest is water")]
    receiver_opening: Annotated[Array, _line(0.0, "", "receiver to the recovered solvent's tank, 0 to 1")]
    residue_opening: Annotated[Array, _line(0.0, "", "pot to waste, 0 to 1")]


def _table() -> dict[str, ParameterInfo]:
    hints = get_type_hints(Parameters, include_extras=True)
    return {field.name: hints[field.name].__metadata__[0] for field in fields(Parameters)}


PARAMETERS: Final[Mapping[str, ParameterInfo]] = _table()
"""Every parameter by name: these a fault may change."""

_ROW: Final = {name: row for row, name in enumerate(PARAMETERS)}


class ParameterTable:
    """All parameters in one array, a row each; `wide` and blocks of rows see it whole, `shown` as long as it means."""

    def __init__(self, reactors: int, lines: int) -> None:
        width = max(reactors, lines)
        self.values: Array = np.repeat([[info.nominal] for info in PARAMETERS.values()], width, axis=1)
        self.wide = Parameters(**dict(zip(PARAMETERS, self.values, strict=True)))
        length = {"reactor": reactors, "line": lines}
        self.shown = Parameters(
            **{name: self.values[row, : length[PARAMETERS[name].where]] for name, row in _ROW.items()}
        )

    def block(self, first: str, last: str) -> Array:
        """The rows from one parameter to another, both included."""
        return self.values[_ROW[first] : _ROW[last] + 1]


def nominal(trains: int) -> Parameters:
    """Parameters of healthy, idle trains."""
    return ParameterTable(trains, trains).shown
