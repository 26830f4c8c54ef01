"""Reactors and lines side by side in time, the same bits on every run."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from simulators.plant import reactor
from simulators.plant.arithmetic import ARRAYS, NUMBERS, Functions, Value, as_array, as_value
from simulators.plant.coupling import ArrayCoupling, NumberCoupling
from simulators.plant.groups import ArrayGroup, NumberGroup
from simulators.plant.headspace import vapour_pa
from simulators.plant.parameters import LineParameters, ParameterTable, ReactorParameters
from simulators.plant.state import GAS_CONSTANT, HEEL_M3, LINE_STATES, REACTOR_STATES, Array
from simulators.plant.stepping import Stepper

_MOST_BY_NUMBERS: Final = 16
"""Up to so many units (reactors and lines) are moved one by one, as numbers; more are moved as arrays."""

_KEPT_BYTES: Final = 16 << 20
_NEUTRAL_PH: Final = 7.0


def _of_reactor(values: Sequence[Value], functions: Functions) -> tuple[ReactorParameters, reactor.Constants]:
    parameters = ReactorParameters(*values)
    return parameters, reactor.constants(parameters, functions)


def _of_line(values: Sequence[Value]) -> LineParameters:
    return LineParameters(*values)


class Trains:
    """Some reactors side by side, and the lines (hold tank, crystalliser, still) that they feed.

    `feeds[i]` is the line of reactor `i`; by default each reactor has one of its own. `parameters` may be written into
    between steps. `trains[name]` is a row of `state.STATES`: a value per reactor or line, live; copy it to keep it.
    `pressure_pa` is absolute. Raises ValueError for feeds that lead nowhere.
    """

    def __init__(self, reactors: int, feeds: Sequence[int] | None = None, lines: int | None = None) -> None:
        feeds = tuple(range(reactors)) if feeds is None else tuple(feeds)
        lines = max(feeds, default=-1) + 1 if lines is None else lines
        if reactors < 1 or lines < 1 or len(feeds) != reactors or not all(0 <= fed < lines for fed in feeds):
            message = f"{reactors} reactors and {lines} lines do not fit what feeds what: {feeds}"
            raise ValueError(message)
        self.feeds = feeds
        # a column is a unit: they lie together where units are moved one by one, rows where arrays are
        order: Final = "F" if reactors + lines <= _MOST_BY_NUMBERS else "C"
        self._reactors: Array = np.zeros((len(REACTOR_STATES), reactors), order=order)
        self._lines: Array = np.zeros((len(LINE_STATES), lines), order=order)
        table = ParameterTable(reactors, lines, order)
        self.parameters = table.shown
        self._rows: dict[str, Array] = {}
        self._rows.update(zip(REACTOR_STATES, self._reactors, strict=True))
        self._rows.update(zip(LINE_STATES, self._lines, strict=True))
        self._fill_empty_vessels()
        make = self._one_by_one if order == "F" else self._all_at_once
        self._stepper = make(table)

    def _one_by_one(self, table: ParameterTable) -> Stepper:
        def of_reactor(values: Sequence[Value]) -> tuple[ReactorParameters, reactor.Constants]:
            return _of_reactor(values, NUMBERS)

        reactors = [
            NumberGroup(states, values, of_reactor)
            for states, values in zip(self._reactors.T, table.reactors.T, strict=True)
        ]
        lines = [
            NumberGroup(states, values, _of_line) for states, values in zip(self._lines.T, table.lines.T, strict=True)
        ]
        return Stepper(reactors, lines, NumberCoupling(self.feeds, len(lines)), NUMBERS)

    def _all_at_once(self, table: ParameterTable) -> Stepper:
        def of_reactor(values: Sequence[Value]) -> tuple[ReactorParameters, reactor.Constants]:
            return _of_reactor(values, ARRAYS)

        # glibc takes the size of a freed large block as a hint to keep so much; else each step's arrays are page faults
        np.empty(_KEPT_BYTES, np.uint8)
        reactors = ArrayGroup(self._reactors, table.reactors, of_reactor)
        lines = ArrayGroup(self._lines, table.lines, _of_line)
        return Stepper([reactors], [lines], ArrayCoupling(self.feeds, self._lines.shape[1]), ARRAYS)

    def _fill_empty_vessels(self) -> None:
        """Clean and cold, with nothing but a heel of water."""
        p, rows = self.parameters, self._rows
        for name, row in rows.items():
            if name.endswith("temperature"):
                row[:] = p.room_temperature[0]
        for vessel in ("", "hold_", "crystalliser_"):
            rows[f"{vessel}volume"][:] = HEEL_M3
        temperature, room = rows["temperature"], p.vessel_volume - HEEL_M3
        vapour = as_array(vapour_pa(as_value(temperature), as_value(p.methanol_fraction), ARRAYS))
        rows["mol_nitrogen"][:] = (p.pressure_setpoint - vapour) * room / (GAS_CONSTANT * temperature)
        rows["pressure"][:] = p.pressure_setpoint
        rows["ph"][:] = _NEUTRAL_PH

    def __getitem__(self, name: str) -> Array:
        return self._rows[name]

    @property
    def ph(self) -> Array:
        """The pH in each reactor, live."""
        return self._rows["ph"]

    @property
    def pressure_pa(self) -> Array:
        """The absolute pressure in each reactor, Pa, live."""
        return self._rows["pressure"]

    def shaft_power_w(self) -> Array:
        """Agitator power of each reactor during the last step, W, live."""
        return self._rows["shaft_power"]

    def step(self, seconds: float = 1.0) -> None:
        """Move everything on, the controllers by one scan."""
        self._stepper.step(seconds)
