"""Everybody who runs the plant, one operator per unit."""

import string
from collections.abc import Callable, Mapping

from simulators.layout import Layout
from simulators.operators.crystalliser import CrystalliserOperator
from simulators.operators.logbook import Logbook, Situation, StateValue
from simulators.operators.mistakes import Mistakes
from simulators.operators.reactor import ReactorOperator
from simulators.operators.still import StillOperator
from simulators.operators.tank import TankOperator
from simulators.operators.vessel import Plant, Vessel
from simulators.scenario import Scenario
from simulators.tags import state_roles

Operator = ReactorOperator | TankOperator | CrystalliserOperator | StillOperator


class Crew:
    """The operators of a scenario's plant, from `second` on."""

    def __init__(self, scenario: Scenario, seed: int, plant: Plant, mistakes: Mistakes, second: int) -> None:
        self._logs = {unit: Logbook(unit, state_roles(scenario.layout, unit)) for unit in scenario.layout.units}
        self._operators = tuple(_operators(scenario, seed, plant, mistakes, self._logs))
        for operator in self._operators:
            operator.open(second)

    def control(self, second: int) -> None:
        """Let everybody look at the plant, and act."""
        for operator in self._operators:
            operator.control(second)

    def situation(self, unit: str) -> Situation:
        """What really goes on in a unit; KeyError."""
        return self._logs[unit].situation

    def news(self, second: int) -> dict[str, StateValue]:
        """The state tags that have changed up to a second, and were not told yet."""
        changed: dict[str, StateValue] = {}
        for log in self._logs.values():
            if log.next_s <= second:
                changed.update(log.news(second))
        return changed

    def states(self) -> Mapping[str, StateValue]:
        """What every state tag says now."""
        return {tag: value for log in self._logs.values() for tag, value in log.values().items()}


def _operators(
    scenario: Scenario, seed: int, plant: Plant, mistakes: Mistakes, logs: Mapping[str, Logbook]
) -> list[Operator]:
    """In the order in which they act: reactors, then each line from the tank on."""
    layout, recipe, plan = scenario.layout, scenario.recipe, scenario.plan
    tanks: list[TankOperator] = []
    behind: list[Operator] = []
    for number, line in enumerate(layout.lines):
        vessel = Vessel(plant, number)
        still = StillOperator(vessel, logs[line.still], recipe)
        crystalliser = CrystalliserOperator(vessel, logs[line.crystalliser], recipe, plan, still, mistakes, seed)
        tanks.append(TankOperator(vessel, logs[line.tank], plan, crystalliser, mistakes, seed))
        behind += [tanks[-1], crystalliser, still]
    reactors: list[Operator] = [
        ReactorOperator(
            Vessel(plant, column),
            logs[unit],
            recipe,
            plan,
            plan.start_s[column],
            batch_names(layout, unit, plan.first_batch[column]),
            tanks[layout.feeds[column]],
            mistakes,
            seed,
        )
        for column, unit in enumerate(layout.reactors)
    ]
    return [*reactors, *behind]


def batch_names(layout: Layout, unit: str, first: int) -> Callable[[int], str]:
    """How a reactor's batches are called: by the reactor's number, or its name where two have the same number."""
    numbers = [each.lstrip(string.ascii_letters + "-_") for each in layout.reactors]
    number = numbers[layout.reactors.index(unit)]
    prefix = number if number and numbers.count(number) == 1 else unit
    return lambda batch_number: f"{prefix}-{first + batch_number - 1:04d}"
