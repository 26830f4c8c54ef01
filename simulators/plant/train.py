"""Reactor trains in time: Heun's method, the same bits on every run."""

from collections.abc import Sequence

import numpy as np

from simulators.plant.agitator import shaft_power_w, turned
from simulators.plant.balances import derivative
from simulators.plant.chemistry import invariants, solve_ph, track_ph
from simulators.plant.controllers import Controllers
from simulators.plant.headspace import pressure_pa, vapour_pa
from simulators.plant.held import LINE_SIGNALS, SIGNAL, Held
from simulators.plant.parameters import Parameters, ParameterTable
from simulators.plant.stage import Feeding, Quantities
from simulators.plant.state import GAS_CONSTANT, HEEL_M3, LINE_STATES, MOVING, ROW, TEMPERATURES, Array


def fill_empty_vessels(now: Quantities, parameters: Parameters) -> None:
    """Make it the state of clean, cold trains with nothing but a heel of water."""
    room_k = parameters.room_temperature
    for name in (*TEMPERATURES, "wall_temperature", "jacket_temperature", "supply_temperature", "still_temperature"):
        now.array[ROW[name]] = room_k
    now.volume_three[...] = HEEL_M3
    vapour = vapour_pa(room_k, parameters.methanol_fraction)
    room = parameters.vessel_volume - HEEL_M3
    now.mol_nitrogen[...] = (parameters.pressure_setpoint - vapour) * room / (GAS_CONSTANT * room_k)


class Trains:
    """Some reactors side by side, and the lines (hold tank, crystalliser, still) that they feed.

    `feeds[i]` is the line of reactor `i`; by default each reactor has one of its own. `parameters` may be written into
    between steps; the rest is to be read. `pressure_pa` is absolute. Raises ValueError for feeds that lead nowhere.
    """

    def __init__(self, reactors: int, feeds: Sequence[int] | None = None, lines: int | None = None) -> None:
        feeds = tuple(range(reactors)) if feeds is None else tuple(feeds)
        lines = max(feeds, default=-1) + 1 if lines is None else lines
        if reactors < 1 or lines < 1 or len(feeds) != reactors or not all(0 <= line < lines for line in feeds):
            message = f"{reactors} reactors and {lines} lines do not fit what feeds what: {feeds}"
            raise ValueError(message)
        self.reactors, self.lines, self.feeds = reactors, lines, feeds
        table = ParameterTable(reactors, lines)
        width = table.values.shape[1]
        self.parameters = table.shown
        self._parameters = table.wide
        self._controllers = Controllers(table)
        self._held = Held(table, Feeding(feeds, lines))
        self._now, self._ahead = Quantities(width), Quantities(width)
        self._change, self._change_ahead = Quantities(width), Quantities(width)
        fill_empty_vessels(self._now, table.wide)
        self._ph = solve_ph(*invariants(self.state), table.wide)
        self._pressure_pa = pressure_pa(self.state, table.wide)

    @property
    def state(self) -> Array:
        """Every state (`state.STATES`) of every reactor and line: a row each, live; idle columns may follow."""
        return self._now.array

    @property
    def ph(self) -> Array:
        """The pH in each reactor."""
        return self._ph[: self.reactors]

    @property
    def pressure_pa(self) -> Array:
        """The absolute pressure in each reactor, Pa."""
        return self._pressure_pa[: self.reactors]

    def __getitem__(self, name: str) -> Array:
        """One row of the state or of the signals: a value per reactor or line, live: copy it to keep it."""
        if name in SIGNAL:
            return self._held.signals[SIGNAL[name], : self.lines if name in LINE_SIGNALS else self.reactors]
        return self._now.array[ROW[name], : self.lines if name in LINE_STATES else self.reactors]

    def shaft_power_w(self) -> Array:
        """Agitator power of each reactor, W."""
        return shaft_power_w(self["agitator_speed"], self.parameters)

    def step(self, seconds: float = 1.0) -> None:
        """One scan of the controllers, then one step of Heun's method with what they hold; pH is solved at its end."""
        now, ahead, held = self._now, self._ahead, self._held
        change, change_ahead = self._change, self._change_ahead
        parameters = self._parameters
        actions = self._controllers.scan(now, self._ph, self._pressure_pa, seconds)
        now.agitator_speed[...] = turned(now.agitator_speed, parameters, seconds)
        held.set(now, actions)
        np.multiply(now.volume_three + held.walls_three, now.temperature_three, out=now.warmth_three)
        derivative(change, now, held)
        moving = ahead.array[:MOVING]
        np.multiply(change.array[:MOVING], seconds, out=moving)
        moving += now.array[:MOVING]
        self._take_temperatures(ahead)
        derivative(change_ahead, ahead, held)
        total = change.array
        total += change_ahead.array
        total *= 0.5 * seconds
        now.array += total
        self._take_temperatures(now)
        self._ph = track_ph(*invariants(now.array), parameters, self._ph)
        self._pressure_pa = pressure_pa(now.array, parameters)

    def _take_temperatures(self, there: Quantities) -> None:
        np.divide(there.warmth_three, there.volume_three + self._held.walls_three, out=there.temperature_three)
