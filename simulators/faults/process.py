"""Faults of the process: which parameters of the physics each kind moves, and how."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulators.faults.kind import Target, sort_of_unit
from simulators.faults.kinds import CATALOGUE
from simulators.faults.spec import FaultSpec
from simulators.layout import Layout
from simulators.plant.parameters import Parameters
from simulators.plant.state import Array


class How(enum.StrEnum):
    """How a setting moves a parameter from its healthy value."""

    TIMES = "times"  # a fully developed fault multiplies by the setting
    PLUS = "plus"  # a fully developed fault adds the setting


@dataclass(frozen=True, slots=True)
class Move:
    """A parameter that a fault moves; `{…}` in its name is a setting's word."""

    parameter: str
    how: How
    setting: str

    def moved(self, value: float, size: float, share: float) -> float:
        """Where a fault that has developed so far takes a value."""
        return value * (1.0 + (size - 1.0) * share) if self.how is How.TIMES else value + size * share


def _left_of(parameter: str) -> tuple[Move, ...]:
    return (Move(parameter, How.TIMES, "left"),)


MOVES: Final[Mapping[tuple[str, Target], tuple[Move, ...]]] = {
    ("cooling_lost", Target.REACTOR): _left_of("cooling_duty"),
    ("cooling_lost", Target.TANK): _left_of("hold_cooling"),
    ("cooling_lost", Target.CRYSTALLISER): _left_of("crystalliser_cooling"),
    ("heating_lost", Target.REACTOR): _left_of("heating_duty"),
    ("heating_lost", Target.STILL): _left_of("still_heating"),
    ("fouling", Target.REACTOR): _left_of("jacket_cleanness"),
    ("fouling", Target.CRYSTALLISER): _left_of("crystalliser_transfer"),
    ("fouling", Target.STILL): _left_of("still_heating"),
    ("agitator_stop", Target.REACTOR): _left_of("agitator_working"),
    ("leak", Target.REACTOR): (Move("leak", How.PLUS, "size"),),
    ("nitrogen_lost", Target.REACTOR): _left_of("nitrogen_supply"),
    ("base_pump_lost", Target.REACTOR): _left_of("base_pump"),
    ("feed_pump_lost", Target.REACTOR): _left_of("feed_pump"),
    ("mistuned_loop", Target.REACTOR): (
        Move("{loop}_gain", How.TIMES, "gain_factor"),
        Move("{loop}_integral_time", How.TIMES, "integral_factor"),
    ),
    ("ph_control_bias", Target.REACTOR): (Move("ph_control_bias", How.PLUS, "bias"),),
}
"""What each kind of process fault moves, by the sort of unit that it befalls."""


@dataclass(frozen=True, slots=True)
class _Touched:
    """A value that faults have moved: as it was when healthy, and as they left it."""

    healthy: float
    moved: float


class ProcessFaults:
    """Moves parameters away from their healthy values, and gives those back.

    The healthy value is what operators and recipe have set last, also while a fault moves it.
    """

    def __init__(self) -> None:
        self._touched: dict[tuple[str, int], _Touched] = {}

    def lift(self, parameters: Parameters) -> None:
        """Give every moved value back, unless somebody has set it meanwhile: then that is the healthy one."""
        for (name, column), touched in self._touched.items():
            values: Array = getattr(parameters, name)
            if values[column] == touched.moved:
                values[column] = touched.healthy
        self._touched.clear()

    def apply(self, parameters: Parameters, layout: Layout, spec: FaultSpec, share: float) -> None:
        """Move what a fault moves, as far as it has developed; several faults on one value add up."""
        kind = CATALOGUE[spec.kind]
        at_reactor = spec.target in layout.reactors
        column = layout.reactors.index(spec.target) if at_reactor else layout.line_of(spec.target)
        settings = {name: kind.value(spec.settings, name) for name in kind.settings}
        for move in MOVES[spec.kind, sort_of_unit(spec.target, layout)]:
            name = move.parameter.format(**settings)
            size = settings[move.setting]
            assert isinstance(size, float | int)
            values: Array = getattr(parameters, name)
            before = float(values[column])
            values[column] = move.moved(before, size, share)
            known = self._touched.get((name, column))
            self._touched[name, column] = _Touched(known.healthy if known else before, float(values[column]))
