"""The parameters of reactors and lines: one value each, SI units. A fault is a change of one of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final, Literal, NoReturn, get_type_hints

import numpy as np

from simulators.plant.arithmetic import Value
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


@dataclass(slots=True)
class ReactorParameters:
    """Everything about a reactor that is not its state.

    Activation temperatures (E/R) after Cott and Macchietto (1989); rate constants fitted to a dosing of a few hours.
    """

    # kinetics: A + B -> C + H+, then C -> D
    rate_2: Annotated[Value, _reactor(2.0e-6, "1/s", "C -> D, at 60 degC")]
    rate_1: Annotated[Value, _reactor(8.0e-7, "m3/mol/s", "A + B -> C + H+, at 60 degC")]
    activation_2: Annotated[Value, _reactor(17_000.0, "K", "E/R of C -> D")]
    activation_1: Annotated[Value, _reactor(10_000.0, "K", "E/R of A + B -> C + H+")]
    enthalpy_1: Annotated[Value, _reactor(-90.0e3, "J/mol", "of A + B -> C + H+")]
    enthalpy_2: Annotated[Value, _reactor(-25.1e3, "J/mol", "of C -> D")]
    enthalpy_neutralisation: Annotated[Value, _reactor(-55.8e3, "J/mol", "of the acid with the base")]
    mixing_speed: Annotated[
        Value, _reactor(0.15, "1/s", "agitator speed at which poor mixing halves the first reaction")
    ]

    # the reactor, its contents and its jacket
    density: Annotated[Value, _reactor(950.0, "kg/m3", "of the contents")]
    volumetric_heat: Annotated[Value, _reactor(3.42e6, "J/m3/K", "of the contents and of all that comes in")]
    diameter: Annotated[Value, _reactor(1.4, "m", "of the vessel")]
    vessel_volume: Annotated[Value, _reactor(2.6, "m3", "of the vessel with its head space")]
    methanol_fraction: Annotated[Value, _reactor(0.35, "mol/mol", "of the solvent; the rest is water")]
    inner_transfer: Annotated[Value, _reactor(600.0, "W/m2/K", "contents to wall, at nominal agitation")]
    outer_transfer: Annotated[Value, _reactor(900.0, "W/m2/K", "wall to jacket")]
    jacket_cleanness: Annotated[Value, _reactor(1.0, "", "factor on `outer_transfer`; fouling lowers it")]
    wall_heat: Annotated[Value, _reactor(1.248e6, "J/K", "of the wall")]
    jacket_volume: Annotated[Value, _reactor(0.25, "m3", "of the jacket")]
    jacket_flow: Annotated[Value, _reactor(4.0e-3, "m3/s", "of the heat-transfer fluid")]
    jacket_heat: Annotated[Value, _reactor(1.89e6, "J/m3/K", "of the heat-transfer fluid")]
    loss_coefficient: Annotated[Value, _reactor(12.0, "W/K", "contents to the room")]
    room_temperature: Annotated[Value, _reactor(293.15, "K", "of the room")]

    # utility: what heats and cools the fluid
    supply_lag: Annotated[Value, _reactor(90.0, "s", "of the fluid's temperature behind its set point")]
    supply_coldest: Annotated[Value, _reactor(258.15, "K", "what the brine can do")]
    supply_hottest: Annotated[Value, _reactor(413.15, "K", "what the steam can do")]
    cooling_duty: Annotated[Value, _reactor(1.0, "", "share of the cooling that is there; 0: none")]
    heating_duty: Annotated[Value, _reactor(1.0, "", "share of the heating that is there; 0: none")]

    # agitator
    agitator_setpoint: Annotated[Value, _reactor(0.0, "1/s", "speed that the recipe asks for")]
    agitator_working: Annotated[Value, _reactor(1.0, "", "share of that speed that comes; 0: stopped")]
    agitator_nominal: Annotated[Value, _reactor(1.6, "1/s", "speed that `inner_transfer` holds for")]
    agitator_lag: Annotated[Value, _reactor(3.0, "s", "of the speed")]
    power_number: Annotated[Value, _reactor(0.35, "", "of the impeller")]
    impeller_diameter: Annotated[Value, _reactor(0.75, "m", "of the impeller")]

    # feeds, and the buffer that the charge brings
    charge_flow: Annotated[Value, _reactor(0.0, "m3/s", "of A's solution")]
    charge_strength: Annotated[Value, _reactor(2000.0, "mol/m3", "A in its solution")]
    charge_carbonate: Annotated[Value, _reactor(80.0, "mol/m3", "carbonate in A's solution")]
    charge_net: Annotated[Value, _reactor(-74.852_565, "mol/m3", "net charge that brings A's solution to pH 7.5")]
    feed_opening: Annotated[Value, _reactor(0.0, "", "of the dosing pump, 0 to 1")]
    feed_pump: Annotated[Value, _reactor(1.0, "", "share of the dosing that comes; 0: pump lost")]
    feed_flow_most: Annotated[Value, _reactor(3.1e-5, "m3/s", "of the dosing pump")]
    feed_strength: Annotated[Value, _reactor(9000.0, "mol/m3", "B in its solution")]
    feed_temperature: Annotated[Value, _reactor(293.15, "K", "of all that comes into the reactor")]
    base_enabled: Annotated[Value, _reactor(0.0, "", "1: the pH controller doses base")]
    base_pump: Annotated[Value, _reactor(1.0, "", "share of the base that comes; 0: pump lost")]
    base_flow_most: Annotated[Value, _reactor(1.4e-4, "m3/s", "of the base pump")]
    base_strength: Annotated[Value, _reactor(6000.0, "mol/m3", "of the base")]
    acid_constant_1: Annotated[Value, _reactor(6.35, "", "pK of carbonic acid")]
    acid_constant_2: Annotated[Value, _reactor(10.25, "", "pK of hydrogen carbonate")]
    rinse_flow: Annotated[Value, _reactor(0.0, "m3/s", "water through the heel while cleaning")]

    # what leaves
    transfer_opening: Annotated[Value, _reactor(0.0, "", "reactor to hold tank, 0 to 1")]
    transfer_flow_most: Annotated[Value, _reactor(1.5e-3, "m3/s", "of the reactor's pump")]

    # head space
    nitrogen_pressure: Annotated[Value, _reactor(3.5e5, "Pa", "of the nitrogen header, absolute")]
    nitrogen_valve: Annotated[Value, _reactor(5.0e-7, "mol/s/Pa", "nitrogen valve, fully open")]
    nitrogen_supply: Annotated[Value, _reactor(1.0, "", "share of the nitrogen that is there; 0: lost")]
    vent_valve: Annotated[Value, _reactor(4.0e-6, "mol/s/Pa", "vent valve, fully open")]
    leak: Annotated[Value, _reactor(0.0, "mol/s/Pa", "out of the head space")]
    boiling_rate: Annotated[Value, _reactor(3.0e-4, "mol/s/Pa", "vapour to the condenser, by superheat")]
    evaporation_enthalpy: Annotated[Value, _reactor(37.5e3, "J/mol", "of the solvent")]

    # controllers: set point, gain, integral time
    temperature_setpoint: Annotated[Value, _reactor(293.15, "K", "of the contents")]
    ph_setpoint: Annotated[Value, _reactor(7.5, "", "of the contents")]
    pressure_setpoint: Annotated[Value, _reactor(1.30e5, "Pa", "of the head space, absolute")]
    temperature_gain: Annotated[Value, _reactor(10.0, "K/K", "jacket temperature by contents")]
    ph_gain: Annotated[Value, _reactor(3.0, "1/pH", "base pump by pH")]
    pressure_gain: Annotated[Value, _reactor(2.0e-5, "1/Pa", "gas valves by pressure")]
    jacket_gain: Annotated[Value, _reactor(2.5, "K/K", "supply temperature by jacket")]
    temperature_integral_time: Annotated[Value, _reactor(6000.0, "s", "of the temperature controller")]
    ph_integral_time: Annotated[Value, _reactor(60.0, "s", "of the pH controller")]
    pressure_integral_time: Annotated[Value, _reactor(120.0, "s", "of the pressure controller")]
    jacket_integral_time: Annotated[Value, _reactor(180.0, "s", "of the jacket controller")]
    jacket_coldest: Annotated[Value, _reactor(263.15, "K", "that the temperature controller asks for")]
    jacket_hottest: Annotated[Value, _reactor(403.15, "K", "that the temperature controller asks for")]
    ph_control_bias: Annotated[Value, _reactor(0.0, "", "pH that the controller's own probe reads too much")]


@dataclass(slots=True)
class LineParameters:
    """Everything about a line (hold tank, crystalliser, still) that is not its state."""

    # hold tank
    hold_setpoint: Annotated[Value, _line(278.15, "K", "of the hold tank's jacket")]
    hold_transfer: Annotated[Value, _line(900.0, "W/K", "hold tank to jacket")]
    hold_cooling: Annotated[Value, _line(1.0, "", "factor on `hold_transfer`; 0: none")]
    hold_wall_heat: Annotated[Value, _line(5.0e5, "J/K", "of the hold tank's wall")]
    hold_capacity: Annotated[Value, _line(8.0, "m3", "a fuller hold tank takes nothing")]
    outlet_opening: Annotated[Value, _line(0.0, "", "hold tank to crystalliser, 0 to 1")]
    outlet_flow_most: Annotated[Value, _line(1.5e-3, "m3/s", "of the hold tank's pump")]
    ageing_rate: Annotated[Value, _line(2.0e-6, "1/s", "C -> D in tank and crystalliser, at 60 degC")]
    ageing_activation: Annotated[Value, _line(17_000.0, "K", "E/R of C -> D in tank and crystalliser")]
    line_volumetric_heat: Annotated[Value, _line(3.42e6, "J/m3/K", "of the contents of tank and crystalliser")]

    # crystalliser
    crystalliser_setpoint: Annotated[Value, _line(293.15, "K", "of the crystalliser's jacket")]
    crystalliser_transfer: Annotated[Value, _line(6000.0, "W/K", "crystalliser to jacket")]
    crystalliser_cooling: Annotated[Value, _line(1.0, "", "factor on `crystalliser_transfer`; 0: none")]
    crystalliser_wall_heat: Annotated[Value, _line(5.0e5, "J/K", "of the crystalliser's wall")]
    crystalliser_capacity: Annotated[Value, _line(8.0, "m3", "a fuller crystalliser takes nothing")]
    discharge_opening: Annotated[Value, _line(0.0, "", "crystalliser over the filter to the still, 0 to 1")]
    discharge_flow_most: Annotated[Value, _line(1.5e-3, "m3/s", "of the crystalliser's pump")]

    # crystals
    solubility: Annotated[Value, _line(300.0, "mol/m3", "of C at 20 degC")]
    solubility_rise: Annotated[Value, _line(0.045, "1/K", "of the solubility's logarithm")]
    seed: Annotated[Value, _line(10.0, "kg", "crystals that seeding brings within a minute")]
    seeding: Annotated[Value, _line(0.0, "", "1: seed goes in")]
    seed_size: Annotated[Value, _line(8.0e-5, "m", "of the seed's crystals")]
    growth_rate: Annotated[Value, _line(1.5e-6, "m/s", "of a crystal's length, times supersaturation to the 1.5")]
    secondary_nucleation: Annotated[Value, _line(1.0e8, "1/m3/s", "per crystals' cubes, times supersaturation squared")]
    primary_nucleation: Annotated[Value, _line(1.0e9, "1/m3/s", "per liquid, times excess of supersaturation squared")]
    metastable_limit: Annotated[Value, _line(0.25, "", "relative supersaturation that breeds crystals by itself")]
    dissolving_rate: Annotated[Value, _line(0.02, "1/s", "of crystals, times relative undersaturation")]
    uptake_time: Annotated[Value, _line(15.0, "s", "mixing: crystals take up an excess no faster")]
    crystallisation_enthalpy: Annotated[Value, _line(-30.0e3, "J/mol", "of C")]

    # still
    still_duty: Annotated[Value, _line(0.0, "W", "heat that the recipe asks for")]
    still_heating: Annotated[Value, _line(1.0, "", "share of the heat that comes; 0: none")]
    still_loss: Annotated[Value, _line(40.0, "W/K", "pot to the room")]
    still_wall_heat: Annotated[Value, _line(4.0e5, "J/K", "of the pot's wall")]
    still_boiling_rate: Annotated[Value, _line(1.0e-3, "mol/s/Pa", "vapour by superheat")]
    relative_volatility: Annotated[Value, _line(4.0, "", "of methanol over water")]
    liquor_methanol: Annotated[Value, _line(0.35, "mol/mol", "methanol in the mother liquor; the rest is water")]
    receiver_opening: Annotated[Value, _line(0.0, "", "receiver to the recovered solvent's tank, 0 to 1")]
    residue_opening: Annotated[Value, _line(0.0, "", "pot to waste, 0 to 1")]


def _table() -> dict[str, ParameterInfo]:
    return {
        field.name: get_type_hints(kind, include_extras=True)[field.name].__metadata__[0]
        for kind in (ReactorParameters, LineParameters)
        for field in fields(kind)
    }


PARAMETERS: Final[Mapping[str, ParameterInfo]] = _table()
"""Every parameter by name: these a fault may change."""


def of_place(where: Literal["reactor", "line"]) -> tuple[str, ...]:
    """The parameters of reactors, or of lines, in their order."""
    return tuple(name for name, info in PARAMETERS.items() if info.where == where)


class Parameters:
    """The parameters of all reactors and lines by name: an array each, to be written into, never replaced."""

    def __init__(self, reactors: Array, lines: Array) -> None:
        """Take a row per parameter of each place, in the order of `of_place`."""
        self.__dict__.update(zip(of_place("reactor"), reactors, strict=True))
        self.__dict__.update(zip(of_place("line"), lines, strict=True))

    def __getattr__(self, name: str) -> Array:
        raise AttributeError(f"no parameter is named {name!r}")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"write into the array: parameters.{name}[:] = …")

    def __iter__(self) -> Iterator[str]:
        return iter(PARAMETERS)


class ParameterTable:
    """Parameters of healthy, idle units: a row per parameter, a column per unit; `shown` has them by name.

    `order` says what lies together in memory: rows (C) or columns (F).
    """

    def __init__(self, reactors: int, lines: int, order: Literal["C", "F"] = "C") -> None:
        self.reactors = _columns("reactor", reactors, order)
        self.lines = _columns("line", lines, order)
        self.shown = Parameters(self.reactors, self.lines)


def _columns(where: Literal["reactor", "line"], columns: int, order: Literal["C", "F"]) -> Array:
    healthy = [PARAMETERS[name].nominal for name in of_place(where)]
    return np.array([healthy] * columns).reshape(columns, len(healthy)).T.copy(order)


def nominal(trains: int) -> Parameters:
    """Parameters of healthy, idle trains."""
    return ParameterTable(trains, trains).shown
