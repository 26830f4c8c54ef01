"""Batch distillation of the mother liquor's solvent: pot, condenser, receiver, tank of recovered solvent."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from simulators.plant.arithmetic import Functions, Value
from simulators.plant.headspace import vapour_pa
from simulators.plant.parameters import LineParameters
from simulators.plant.state import ATMOSPHERE_PA

MOL_PER_M3: Final = 41_440.0
"""Of the mother liquor: 950 kg/m3 of 35 % methanol in water."""

POT_LEAST_MOL: Final = 2000.0
"""With less in the pot the heating is off."""

M3_PER_MOL: Final = (40.5e-6, 18.1e-6)
"""Volume of liquid methanol and water, for levels."""

_MOLAR_HEAT: Final = 77.0  # J/mol/K
_EVAPORATION_WATER: Final = 40.7e3  # J/mol
_EVAPORATION_LESS: Final = 5.4e3  # methanol needs so much less
_DRYING_MOL: Final = 500.0  # in the pot: half the heating surface is dry
_DRAIN_S: Final = 300.0  # time constant of a vessel that drains
_ROOM_K: Final = 293.15
_TINY_MOL: Final = 1e-30  # 0 / 0 is 0


class Incoming(NamedTuple):
    """Mother liquor into the pot: mol/s, and its temperature."""

    methanol: Value
    water: Value
    temperature: Value


class Distillation(NamedTuple):
    """Rates of change per second, in the order of the state's rows."""

    moving: tuple[Value, Value, Value, Value, Value]  # pot, distillate (methanol and water each), temperature
    totals: tuple[Value, Value, Value, Value, Value]  # recovered, waste (methanol and water each), vapour


def distil(
    still: Sequence[Value],
    incoming: Incoming,
    duty: Value,
    p: LineParameters,
    functions: Functions,
) -> Distillation:
    """The still's balances; `still` is its state in the order of `Distillation.moving`, `duty` is in W.

    The vapour's amount follows its pressure (Raoult), its composition the relative volatility.
    """
    methanol, water, light, heavy, temperature = still
    amount = methanol + water
    fraction = methanol / (amount + _TINY_MOL)
    superheat = functions.larger(vapour_pa(temperature, fraction, functions) - ATMOSPHERE_PA, 0.0)
    vapour = p.still_boiling_rate * superheat * (amount / (amount + _DRYING_MOL))
    weighted = p.relative_volatility * fraction
    share = weighted / (1.0 - fraction + weighted)
    over_light = share * vapour
    over_heavy = vapour - over_light
    drain, receive = p.residue_opening / _DRAIN_S, p.receiver_opening / _DRAIN_S
    warmed = _MOLAR_HEAT * (incoming.methanol + incoming.water) * (incoming.temperature - temperature)
    lost = p.still_loss * (temperature - _ROOM_K) + (_EVAPORATION_WATER - _EVAPORATION_LESS * share) * vapour
    return Distillation(
        (
            incoming.methanol - over_light - drain * methanol,
            incoming.water - over_heavy - drain * water,
            over_light - receive * light,
            over_heavy - receive * heavy,
            (duty + warmed - lost) / (_MOLAR_HEAT * amount + p.still_wall_heat),
        ),
        (receive * light, receive * heavy, drain * methanol, drain * water, vapour),
    )
