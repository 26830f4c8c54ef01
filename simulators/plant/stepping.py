"""One step in time of reactors and lines together: a scan of the controllers, then Heun's method."""

from collections.abc import Sequence
from typing import Final

from simulators.plant import line, reactor
from simulators.plant.agitator import turned
from simulators.plant.arithmetic import Functions, Value
from simulators.plant.chemistry import LITRES, track_ph
from simulators.plant.controllers import Measured, scan
from simulators.plant.coupling import Coupling
from simulators.plant.groups import Group
from simulators.plant.headspace import nitrogen_pa, vapour_pa
from simulators.plant.parameters import LineParameters, ReactorParameters
from simulators.plant.state import (
    LINE_FOLLOWING,
    LINE_MOVING,
    LINE_TOTALS,
    REACTOR_FOLLOWING,
    REACTOR_MOVING,
    REACTOR_TOTALS,
)

_VOLUME: Final = REACTOR_MOVING.index("volume")
_NET_CHARGE: Final = REACTOR_MOVING.index("net_charge")
_CARBONATE: Final = REACTOR_MOVING.index("carbonate")
_JACKET: Final = REACTOR_MOVING.index("jacket_temperature")
_NITROGEN: Final = REACTOR_MOVING.index("mol_nitrogen")
_HOLD_WARMTH: Final = LINE_MOVING.index("hold_warmth")
_HOLD_VOLUME: Final = LINE_MOVING.index("hold_volume")
_WARMTH: Final = LINE_MOVING.index("crystalliser_warmth")
_CRYSTALLISER_VOLUME: Final = LINE_MOVING.index("crystalliser_volume")
_METHANOL: Final = LINE_MOVING.index("pot_methanol")
_WATER: Final = LINE_MOVING.index("pot_water")
_VAPOUR: Final = LINE_TOTALS.index("total_vapour")

_REACTOR_MOVING: Final = len(REACTOR_MOVING)
_REACTOR_TOTALS: Final = _REACTOR_MOVING + len(REACTOR_FOLLOWING)
_REACTOR_SIGNALS: Final = _REACTOR_TOTALS + len(REACTOR_TOTALS)
_LINE_MOVING: Final = len(LINE_MOVING)
_LINE_TOTALS: Final = _LINE_MOVING + len(LINE_FOLLOWING)
_LINE_SIGNALS: Final = _LINE_TOTALS + len(LINE_TOTALS)

ReactorGroup = Group[tuple[ReactorParameters, reactor.Constants]]
LineGroup = Group[LineParameters]


def _ahead(start: Sequence[Value], rates: Sequence[Value], seconds: float) -> list[Value]:
    """Where a rate of change leads."""
    return [value + seconds * rate for value, rate in zip(start, rates, strict=True)]


class ReactorStep:
    """The step of one group of reactors, from the scan of its controllers on."""

    def __init__(self, group: ReactorGroup, tank_takes: Value, seconds: float, functions: Functions) -> None:
        self._group, self._seconds, self._functions = group, seconds, functions
        self._values = values = group.load()
        self._parameters, self._constants = p, k = group.parameters()
        volume, jacket = values[_VOLUME], values[_JACKET]
        temperature, self._ph, pressure, speed, *integrals = values[_REACTOR_MOVING:_REACTOR_TOTALS]
        self._actions = scan(Measured(temperature, jacket, self._ph, pressure), integrals, p, seconds, functions)
        self._speed = turned(speed, p, seconds, functions)
        vessel = reactor.Vessel(volume, temperature, self._speed)
        self._held = reactor.hold(vessel, tank_takes, self._actions, (p, k), seconds, functions)
        self._start = [volume * temperature, *values[1:_REACTOR_MOVING]]
        self._first = self._change(self._start)
        self._second = self._first

    @property
    def given_first(self) -> tuple[Value, ...]:
        """What the lines get at the beginning of the step, per second."""
        return self._first.given

    def given_ahead(self) -> tuple[Value, ...]:
        """What the lines get where the first rates of change lead to, per second."""
        self._second = self._change(_ahead(self._start, self._first.moving, self._seconds))
        return self._second.given

    def _change(self, moving: Sequence[Value]) -> reactor.Change:
        return reactor.change(moving, self._held, self._parameters, self._constants, self._functions)

    def finish(self) -> None:
        """Take the step, and solve for what follows from it."""
        p, k, half = self._parameters, self._constants, 0.5 * self._seconds
        first, second = self._first, self._second
        moving = self._functions.moved(self._start, first.moving, second.moving, half)
        totals = self._functions.moved(
            self._values[_REACTOR_TOTALS:_REACTOR_SIGNALS], first.totals, second.totals, half
        )
        warmth, volume = moving[0], moving[_VOLUME]
        temperature = warmth / volume
        litres = LITRES / volume
        net_charge, carbonate = moving[_NET_CHARGE] * litres, moving[_CARBONATE] * litres
        ph = track_ph(self._ph, net_charge, carbonate, k.acid_1, k.acid_2, self._functions)
        vapour = vapour_pa(temperature, p.methanol_fraction, self._functions)
        pressure = nitrogen_pa(moving[_NITROGEN], temperature, p.vessel_volume - volume) + vapour
        following = (temperature, ph, pressure, self._speed, *self._actions.integrals)
        signals = reactor.signals(self._actions, self._held, p.rinse_flow, second.reflux)
        self._group.store((*moving, *following, *totals, *signals))


class LineStep:
    """The step of one group of lines."""

    def __init__(self, group: LineGroup, seconds: float, functions: Functions) -> None:
        self._group, self._seconds, self._functions = group, seconds, functions
        self._values = values = group.load()
        self._parameters = p = group.parameters()
        volumes = volume, crystalliser_volume = values[_HOLD_VOLUME], values[_CRYSTALLISER_VOLUME]
        self._held = held = line.hold(volumes, values[_METHANOL] + values[_WATER], p, seconds, functions)
        hold_temperature, crystalliser_temperature = values[_LINE_MOVING:_LINE_TOTALS]
        self._start = [*values[:_LINE_MOVING]]
        self._start[_HOLD_WARMTH] = (volume + held.hold_walls) * hold_temperature
        self._start[_WARMTH] = (crystalliser_volume + held.crystalliser_walls) * crystalliser_temperature
        self.takes: Value = (volume < p.hold_capacity) * 1.0
        self._first: line.Change | None = None

    def begin(self, given: Sequence[Value]) -> None:
        """Learn what comes in at the beginning of the step, per second."""
        self._first = self._change(self._start, given)

    def finish(self, given: Sequence[Value]) -> None:
        """Learn what comes in where the first rates of change lead to, per second, and take the step."""
        first, half = self._first, 0.5 * self._seconds
        assert first is not None
        second = self._change(_ahead(self._start, first.moving, self._seconds), given)
        held = self._held
        moving = self._functions.moved(self._start, first.moving, second.moving, half)
        totals = self._functions.moved(self._values[_LINE_TOTALS:_LINE_SIGNALS], first.totals, second.totals, half)
        hold_temperature = moving[_HOLD_WARMTH] / (moving[_HOLD_VOLUME] + held.hold_walls)
        temperature = moving[_WARMTH] / (moving[_CRYSTALLISER_VOLUME] + held.crystalliser_walls)
        signals = (held.outlet, held.discharge, second.totals[_VAPOUR])
        self._group.store((*moving, hold_temperature, temperature, *totals, *signals))

    def _change(self, moving: Sequence[Value], given: Sequence[Value]) -> line.Change:
        return line.change(moving, given, self._held, self._parameters, self._functions)


class Stepper:
    """Moves all groups by a step."""

    def __init__(
        self,
        reactors: Sequence[ReactorGroup],
        lines: Sequence[LineGroup],
        coupling: Coupling,
        functions: Functions,
    ) -> None:
        self._reactors, self._lines = tuple(reactors), tuple(lines)
        self._coupling, self._functions = coupling, functions

    def step(self, seconds: float) -> None:
        """One scan of the controllers, then one step of Heun's method with what they hold."""
        functions, coupling = self._functions, self._coupling
        lines = [LineStep(group, seconds, functions) for group in self._lines]
        takes = coupling.of_lines([each.takes for each in lines])
        reactors = [
            ReactorStep(group, took, seconds, functions) for group, took in zip(self._reactors, takes, strict=True)
        ]
        for each, given in zip(lines, coupling.into_lines([one.given_first for one in reactors]), strict=True):
            each.begin(given)
        for each, given in zip(lines, coupling.into_lines([one.given_ahead() for one in reactors]), strict=True):
            each.finish(given)
        for one in reactors:
            one.finish()
