"""The reactor: what comes in and goes out, reacts, warms and boils; its head space."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.agitator import power_per_cube
from simulators.plant.arithmetic import Functions, Value
from simulators.plant.chemistry import LN_10, REFERENCE_K
from simulators.plant.controllers import Actions
from simulators.plant.headspace import nitrogen_pa, vapour_pa
from simulators.plant.parameters import ReactorParameters
from simulators.plant.pumping import pumped_out
from simulators.plant.state import ATMOSPHERE_PA, GAS_CONSTANT

_FULL: Final = 0.93  # of the vessel: feeds stop
_REFLUX_MARGIN_PA: Final = 2e3


class Constants(NamedTuple):
    """What follows from a reactor's parameters alone."""

    intercept_1: Value  # of the rate constants' exponents
    intercept_2: Value
    acid_1: Value  # 10**pK1
    acid_2: Value  # 10**-pK2
    power_per_cube: Value  # W s3
    bottom: Value  # wetted area, m2
    area_per_volume: Value  # 1/m
    outer: Value  # W/m2/K
    utility: Value  # W/K
    jacket_capacity: Value  # J/K


def constants(p: ReactorParameters, functions: Functions) -> Constants:
    """Derive them."""
    return Constants(
        p.activation_1 / REFERENCE_K,
        p.activation_2 / REFERENCE_K,
        functions.exp(LN_10 * p.acid_constant_1),
        functions.exp(-LN_10 * p.acid_constant_2),
        power_per_cube(p),
        (math.pi / 4.0) * p.diameter * p.diameter,
        4.0 / p.diameter,
        p.outer_transfer * p.jacket_cleanness,
        p.jacket_flow * p.jacket_heat,
        p.jacket_volume * p.jacket_heat,
    )


class Held(NamedTuple):
    """What holds for a step: flows, valve positions, and what the agitator's speed makes of the constants."""

    charge: Value  # m3/s
    feed: Value
    base: Value
    transfer: Value
    leaving: Value
    share_rinsed: Value  # of what leaves
    entering: Value
    entering_heat: Value  # W
    base_mol: Value  # mol/s
    rate_1: Value
    inner: Value  # W/m2/K
    shaft_power: Value  # W
    supply_setpoint: Value  # K
    nitrogen_way: Value  # mol/s/Pa, fully open
    leak: Value  # mol/s/Pa
    gas_forward: Value  # of the pressure controller: its opening where there is no pressure at all


class Vessel(NamedTuple):
    """How a reactor stands when a step begins."""

    volume: Value
    temperature: Value
    speed: Value  # of the agitator, as it will be at the end of the step


def hold(
    vessel: Vessel,
    tank_takes: Value,
    actions: Actions,
    parameters: tuple[ReactorParameters, Constants],
    seconds: float,
    functions: Functions,
) -> Held:
    """Everything for the step that begins; a full vessel takes nothing, one at its heel gives nothing."""
    p, k = parameters
    volume, temperature, speed = vessel
    room = volume < _FULL * p.vessel_volume
    charge = p.charge_flow * room
    feed = p.feed_flow_most * p.feed_opening * p.feed_pump * room
    base = p.base_flow_most * actions.base_opening * p.base_pump * room
    transfer = pumped_out(volume, p.transfer_flow_most * p.transfer_opening * tank_takes, seconds, functions)
    leaving = transfer + p.rinse_flow
    entering = charge + feed + base + p.rinse_flow
    agitation = 0.08 + 0.92 * (speed / p.agitator_nominal) ** 0.67
    return Held(
        charge,
        feed,
        base,
        transfer,
        leaving,
        p.rinse_flow / (leaving + (leaving == 0.0)),
        entering,
        entering * p.feed_temperature * p.volumetric_heat,
        base * p.base_strength,
        p.rate_1 * (speed / (speed + p.mixing_speed)),
        p.inner_transfer * agitation,
        k.power_per_cube * (speed * speed * speed),
        actions.supply_setpoint,
        p.nitrogen_valve * p.nitrogen_supply,
        _slowed(p.leak, temperature, p.vessel_volume - volume, seconds),
        p.pressure_gain * (p.pressure_setpoint + actions.integrals[3]),
    )


def _slowed(leak: Value, temperature: Value, head_space: Value, seconds: float) -> Value:
    """A leak that would empty the head space within a step is let work more slowly: it ends at the room's pressure."""
    stiffness = leak * GAS_CONSTANT * temperature / head_space  # 1/s
    return leak / (1.0 + 0.5 * seconds * stiffness)


def signals(actions: Actions, held: Held, rinse: Value, reflux: Value) -> tuple[Value, ...]:
    """What was let through and how valves stand, in the order of `state.REACTOR_SIGNALS`."""
    return (
        held.charge,
        held.feed,
        held.base,
        rinse,
        held.transfer,
        actions.base_opening,
        actions.nitrogen_opening,
        actions.vent_opening,
        actions.heating_opening,
        actions.cooling_opening,
        actions.jacket_setpoint,
        actions.supply_setpoint,
        reflux,
        held.shaft_power,
    )


class Change(NamedTuple):
    """Rates of change per second, in the order of the state's rows, and what the hold tank gets of it."""

    moving: tuple[Value, ...]
    totals: tuple[Value, ...]
    given: tuple[Value, ...]  # warmth, then the contents
    reflux: Value  # mol/s


def change(moving: Sequence[Value], held: Held, p: ReactorParameters, k: Constants, functions: Functions) -> Change:
    """The reactor's balances."""
    warmth, volume, mol_a, mol_b, mol_c, _, _, _, wall, jacket, supply, nitrogen = moving
    temperature = warmth / volume
    first = held.rate_1 * functions.exp(k.intercept_1 - p.activation_1 / temperature) * mol_a * mol_b / volume
    second = p.rate_2 * functions.exp(k.intercept_2 - p.activation_2 / temperature) * mol_c
    gas = _gas(volume, temperature, nitrogen, held, p, functions)
    chain = _chain(volume, (temperature, wall, jacket, supply), held, p, k)
    left = functions.shares(held.leaving / volume, moving[1:8])
    rinsed = functions.shares(held.share_rinsed, left)
    carried = held.leaving * temperature
    heats = _heats((first, second), temperature, chain.from_wall, gas.reflux, held, p, functions)
    heating = functions.larger(chain.from_utility, 0.0)
    return Change(
        (
            sum(heats) / p.volumetric_heat,
            held.entering - held.leaving,
            held.charge * p.charge_strength - first - left[1],
            held.feed * p.feed_strength - first - left[2],
            first - second - left[3],
            second - left[4],
            held.charge * p.charge_net - held.base_mol + first - left[5],
            held.charge * p.charge_carbonate - left[6],
            *chain.changes,
            gas.entering - gas.leaving,
        ),
        (
            *heats,
            *rinsed,
            held.transfer,
            held.charge,
            held.feed,
            held.base,
            gas.entering,
            heating - chain.from_utility,
            heating,
        ),
        (carried - held.share_rinsed * carried, *[out - gone for out, gone in zip(left, rinsed, strict=True)]),
        gas.reflux,
    )


def _heats(
    reactions: tuple[Value, Value],
    temperature: Value,
    from_wall: Value,
    reflux: Value,
    held: Held,
    p: ReactorParameters,
    functions: Functions,
) -> tuple[Value, ...]:
    """What the contents gain, W, in the order of `state.HEATS`."""
    first, second = reactions
    return (
        p.enthalpy_1 * -first,
        p.enthalpy_2 * -second,
        p.enthalpy_neutralisation * -functions.smaller(held.base_mol, first),
        from_wall,
        p.loss_coefficient * (p.room_temperature - temperature),
        p.evaporation_enthalpy * -reflux,
        held.shaft_power,
        held.entering_heat,
        p.volumetric_heat * -(held.leaving * temperature),
    )


class _Gas(NamedTuple):
    entering: Value  # nitrogen, mol/s
    leaving: Value
    reflux: Value  # solvent to the condenser and back


def _gas(
    volume: Value, temperature: Value, nitrogen: Value, held: Held, p: ReactorParameters, functions: Functions
) -> _Gas:
    larger, smaller = functions.larger, functions.smaller
    vapour = vapour_pa(temperature, p.methanol_fraction, functions)
    pressure = vapour + nitrogen_pa(nitrogen, temperature, p.vessel_volume - volume)
    opening = smaller(larger(held.gas_forward - p.pressure_gain * pressure, -1.0), 1.0)
    inlet = larger(opening, 0.0)
    superheat = vapour - larger(pressure - _REFLUX_MARGIN_PA, ATMOSPHERE_PA)
    return _Gas(
        held.nitrogen_way * inlet * larger(p.nitrogen_pressure - pressure, 0.0),
        (p.vent_valve * (inlet - opening) + held.leak)
        * larger(pressure - ATMOSPHERE_PA, 0.0)
        * (1.0 - vapour / pressure),
        p.boiling_rate * larger(superheat, 0.0),
    )


class _Chain(NamedTuple):
    from_wall: Value  # to the contents, W
    from_utility: Value  # to the jacket, W
    changes: tuple[Value, Value, Value]  # of wall, jacket and supply temperature, K/s


def _chain(
    volume: Value, temperatures: tuple[Value, Value, Value, Value], held: Held, p: ReactorParameters, k: Constants
) -> _Chain:
    """Heat from the utility through jacket and wall to the contents."""
    temperature, wall, jacket, supply = temperatures
    wetted = k.bottom + k.area_per_volume * volume
    from_wall = held.inner * wetted * (wall - temperature)
    from_jacket = k.outer * wetted * (jacket - wall)
    from_utility = k.utility * (supply - jacket)
    return _Chain(
        from_wall,
        from_utility,
        (
            (from_jacket - from_wall) / p.wall_heat,
            (from_utility - from_jacket) / k.jacket_capacity,
            (held.supply_setpoint - supply) / p.supply_lag,
        ),
    )
