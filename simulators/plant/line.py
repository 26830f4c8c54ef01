"""A line behind the reactors: hold tank, crystalliser, still."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.chemistry import REFERENCE_K
from simulators.plant.crystalliser import Moments, crystallise, seed_moments
from simulators.plant.parameters import LineParameters
from simulators.plant.pumping import pumped_out
from simulators.plant.state import CONTENTS, LINE_MOVING
from simulators.plant.still import MOL_PER_M3, POT_LEAST_MOL, Incoming, distil

_C: Final = CONTENTS.index("mol_c")
_HOLD: Final = LINE_MOVING.index("hold_warmth")
_CRYSTALLISER: Final = LINE_MOVING.index("crystalliser_warmth")
_CRYSTALS: Final = LINE_MOVING.index("crystal_moment_0")
_STILL: Final = LINE_MOVING.index("pot_methanol")


class Held(NamedTuple):
    """What holds for a step: flows, and what follows from the parameters."""

    outlet: Value  # m3/s
    discharge: Value
    hold_walls: Value  # heat of the walls, as m3 of liquid
    crystalliser_walls: Value
    hold_exchange: Value  # heat transfer, m3/s
    crystalliser_exchange: Value
    intercept: Value  # of the ageing's exponent
    crystal_heat: Value  # m3 K/mol
    seed_flow: Value  # kg/s
    seeds: Moments
    methanol: Value  # in the mother liquor that leaves, mol/s
    water: Value
    still_duty: Value  # W


def hold(volumes: tuple[Value, Value], pot_mol: Value, p: LineParameters, seconds: float, functions: Functions) -> Held:
    """Everything for the step that begins; a full vessel takes nothing, one at its heel gives nothing."""
    tank, crystalliser = volumes
    wanted = p.outlet_flow_most * p.outlet_opening * (crystalliser < p.crystalliser_capacity)
    outlet = pumped_out(tank, wanted, seconds, functions)
    discharge = pumped_out(crystalliser, p.discharge_flow_most * p.discharge_opening, seconds, functions)
    heat = p.line_volumetric_heat
    seed_flow = p.seed * p.seeding / 60.0
    liquor = discharge * MOL_PER_M3
    methanol = liquor * p.liquor_methanol
    return Held(
        outlet,
        discharge,
        p.hold_wall_heat / heat,
        p.crystalliser_wall_heat / heat,
        p.hold_transfer * p.hold_cooling / heat,
        p.crystalliser_transfer * p.crystalliser_cooling / heat,
        p.ageing_activation / REFERENCE_K,
        p.crystallisation_enthalpy / heat,
        seed_flow,
        seed_moments(seed_flow, p.seed_size),
        methanol,
        liquor - methanol,
        p.still_duty * p.still_heating * (pot_mol > POT_LEAST_MOL),
    )


class Change(NamedTuple):
    """Rates of change per second, in the order of the state's rows."""

    moving: tuple[Value, ...]
    totals: tuple[Value, ...]


def change(
    moving: Sequence[Value], given: Sequence[Value], held: Held, p: LineParameters, functions: Functions
) -> Change:
    """The line's balances; `given` is what comes from the reactors: warmth, then the contents, per second."""
    hold_warmth, *hold_contents = moving[_HOLD:_CRYSTALLISER]
    warmth, *contents = moving[_CRYSTALLISER:_CRYSTALS]
    moments, still = moving[_CRYSTALS:_STILL], moving[_STILL:]
    hold_temperature = hold_warmth / (hold_contents[0] + held.hold_walls)
    temperature = warmth / (contents[0] + held.crystalliser_walls)
    away = held.discharge / contents[0]
    passed = functions.shares(held.outlet / hold_contents[0], hold_contents)
    left = functions.shares(away, contents)
    filtered = functions.shares(away, moments)
    hold_aged = _aged(hold_contents[_C], hold_temperature, held, p, functions)
    aged = _aged(contents[_C], temperature, held, p, functions)
    crystals = crystallise(contents[0], contents[_C], temperature, moments, p, functions)
    incoming = Incoming(held.methanol, held.water, temperature)
    distillation = distil(still, incoming, held.still_duty, p, functions)
    hold_exchanged = held.hold_exchange * (p.hold_setpoint - hold_temperature)
    exchanged = held.crystalliser_exchange * (p.crystalliser_setpoint - temperature)
    carried = held.outlet * hold_temperature
    crystal_warmth = held.crystal_heat * crystals.taken
    return Change(
        (
            given[0] - carried + hold_exchanged,
            *_with_reaction(given[1:], passed, hold_aged, hold_aged),
            carried - held.discharge * temperature + exchanged - crystal_warmth,
            *_with_reaction(passed, left, aged + crystals.taken, aged),
            *[rate + seed - gone for rate, seed, gone in zip(crystals.moments, held.seeds, filtered, strict=True)],
            *distillation.moving,
        ),
        (*left, *filtered, *distillation.totals, held.seed_flow),
    )


def _aged(mol_c: Value, temperature: Value, held: Held, p: LineParameters, functions: Functions) -> Value:
    """C that turns into D, mol/s."""
    return p.ageing_rate * functions.exp(held.intercept - p.ageing_activation / temperature) * mol_c


def _with_reaction(came: Sequence[Value], went: Sequence[Value], consumed: Value, made: Value) -> tuple[Value, ...]:
    """Rates of a vessel's contents: what came less what went, C consumed and D made."""
    net = [into - out for into, out in zip(came, went, strict=True)]
    return (net[0], net[1], net[2], net[3] - consumed, net[4] + made, net[5], net[6])
