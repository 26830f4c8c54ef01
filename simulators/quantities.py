"""What is really so, in plant units: the instruments see it through their faults, the tests see it as it is."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from simulators.layout import Layout
from simulators.plant.state import ATMOSPHERE_PA, ZERO_CELSIUS_K, Array
from simulators.plant.still import M3_PER_MOL
from simulators.plant.train import Trains

_BAR_PER_PA: Final = 1e-5
_PER_MINUTE: Final = 60.0  # per 1/s
_PERCENT: Final = 100.0
_LITRES: Final = 1e3  # per m3
_LITRES_PER_HOUR: Final = 3.6e6  # per m3/s

_LINEAR: Final[Mapping[str, tuple[str, float, float]]] = {
    # quantity: state of the physics, factor, what is added
    "temperature": ("temperature", 1.0, -ZERO_CELSIUS_K),  # degC
    "jacket": ("jacket_temperature", 1.0, -ZERO_CELSIUS_K),  # degC
    "supply": ("supply_temperature", 1.0, -ZERO_CELSIUS_K),  # degC
    "volume": ("volume", 1.0, 0.0),  # m3
    "fed": ("total_fed", _LITRES, 0.0),  # l since the start
    "speed": ("agitator_speed", _PER_MINUTE, 0.0),  # 1/min
    "hold_volume": ("hold_volume", 1.0, 0.0),  # m3
    "hold_temperature": ("hold_temperature", 1.0, -ZERO_CELSIUS_K),  # degC
    "crystalliser_volume": ("crystalliser_volume", 1.0, 0.0),  # m3
    "crystalliser_temperature": ("crystalliser_temperature", 1.0, -ZERO_CELSIUS_K),  # degC
    "still_temperature": ("still_temperature", 1.0, -ZERO_CELSIUS_K),  # degC
}
"""What is one state of the physics in another unit."""

_OF_REACTORS: Final[Mapping[str, Callable[[Trains], Array]]] = {
    "pressure": lambda trains: (trains.pressure_pa - ATMOSPHERE_PA) * _BAR_PER_PA,  # bar, gauge
    "ph": lambda trains: trains.ph,
    "power": lambda trains: trains.shaft_power_w(),  # W
    "feed": lambda trains: trains["flow_feed"] * _LITRES_PER_HOUR,  # l/h
    "gas_valve": lambda trains: (trains["nitrogen_opening"] - trains["vent_opening"]) * _PERCENT,  # nitrogen: above 0
    "base_valve": lambda trains: trains["base_opening"] * _PERCENT,
}
_OF_LINES: Final[Mapping[str, Callable[[Trains], Array]]] = {
    "dissolved": lambda trains: trains["crystalliser_mol_c"] / trains["crystalliser_volume"],  # mol/m3
    "still_volume": lambda trains: _m3(trains["pot_methanol"], trains["pot_water"]),
    "distilled": lambda trains: _LITRES * (_recovered_m3(trains, "distillate") + _recovered_m3(trains, "recovered")),
}
"""What follows from several states; a value per reactor or line."""

LINE_QUANTITIES: Final = frozenset(
    {*_OF_LINES, *(name for name in _LINEAR if name.startswith(("hold_", "crystalliser_", "still_")))}
)
REACTOR_QUANTITIES: Final = frozenset({*_LINEAR, *_OF_REACTORS}) - LINE_QUANTITIES


def _recovered_m3(trains: Trains, vessel: str) -> Array:
    return _m3(trains[f"{vessel}_methanol"], trains[f"{vessel}_water"])


def _m3(methanol_mol: Array, water_mol: Array) -> Array:
    """The volume of a mixture of methanol and water, without its contraction."""
    volume: Array = methanol_mol * M3_PER_MOL[0] + water_mol * M3_PER_MOL[1]
    return volume


class Quantities:
    """Looks at a plant: one value for each (quantity, unit) that is `wanted`, in their order.

    KeyError where a unit has no such quantity. What is looked up is looked up here, as a step of a campaign is short.
    """

    def __init__(self, trains: Trains, layout: Layout, wanted: Sequence[tuple[str, str]]) -> None:
        self._trains = trains
        derived = {**_OF_REACTORS, **_OF_LINES}
        sources = [_LINEAR.get(quantity, (quantity, 1.0, 0.0)) for quantity, _ in wanted]
        rows = dict.fromkeys(row for row, _, _ in sources)
        self._states = tuple(row for row in rows if row not in derived)
        self._derived = tuple(derived[row] for row in rows if row in derived)
        order = [*self._states, *(row for row in rows if row in derived)]
        ends = np.cumsum([len(row) for row in self._rows()]).tolist()
        starts = dict(zip(order, [0, *ends], strict=False))
        columns = [_column(layout, quantity, unit) for quantity, unit in wanted]
        self._cells = np.array(
            [starts[row] + column for (row, _, _), column in zip(sources, columns, strict=True)], np.intp
        )
        self._factor = np.array([factor for _, factor, _ in sources])
        self._added = np.array([added for _, _, added in sources])

    def now(self) -> Array:
        """The values now, in plant units; a new array at every call."""
        values: Array = np.concatenate(self._rows()).take(self._cells)
        values *= self._factor
        values += self._added
        return values

    def _rows(self) -> list[Array]:
        trains = self._trains
        return [*(trains[state] for state in self._states), *(derive(trains) for derive in self._derived)]


def _column(layout: Layout, quantity: str, unit: str) -> int:
    """The column of a unit's quantity in the physics."""
    if unit in layout.reactors and quantity in REACTOR_QUANTITIES:
        return layout.reactors.index(unit)
    if unit in layout.units and unit not in layout.reactors and quantity in LINE_QUANTITIES:
        return layout.line_of(unit)
    message = f"{unit} has no {quantity}"
    raise KeyError(message)
