"""The plant as a whole: physics, operators, faults and instruments, second by second."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from domain.status import GOOD
from domain.time import SECOND_NS
from simulators.faults.engine import FaultEngine
from simulators.faults.spec import FaultChange, FaultSpec
from simulators.instruments.panel import NOTHING, Panel, Readings
from simulators.layout import Layout
from simulators.operators.crew import Crew
from simulators.operators.logbook import Situation, StateValue
from simulators.outlets import Update
from simulators.plant.state import Array
from simulators.plant.train import Trains
from simulators.quantities import Quantities
from simulators.scenario import Scenario
from simulators.tags import Outlet, PlantTags, scenario_tags

__all__ = ["Campaign", "Moment", "Observer", "Situation", "StateValue", "by_outlet", "twin", "updates"]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is new at one second: what instruments report, the state tags that changed, faults that came or went."""

    second: int
    readings: Readings
    changed: Mapping[str, StateValue]
    faults: tuple[FaultChange, ...] = ()


class Observer(Protocol):
    """Sees the plant after each step, as it really is."""

    def observe(self, campaign: "Campaign") -> None:
        """Look at the campaign; it is not to be changed."""
        ...


class Campaign:
    """Runs a scenario. The same scenario and seed give the same bits, however the time is cut into calls.

    `opening` tells everything once, at second 0, with the faults that are there already. A step longer than a second
    costs less and blurs what is fast; it divides `COARSE_STEP_S`. `seed` None: the scenario's. ValueError: the
    scenario contradicts itself.
    """

    COARSE_STEP_S = 5  # before the origin, where nobody looks

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        _check(scenario, self.COARSE_STEP_S)
        self.scenario = scenario
        self.seed = scenario.seed if seed is None else seed
        self.step_s = scenario.step_s
        self.second = min(0, *scenario.plan.start_s) // self.COARSE_STEP_S * self.COARSE_STEP_S
        self.tags: PlantTags = scenario_tags(scenario)
        self.trains = Trains(len(scenario.layout.reactors), scenario.layout.feeds, len(scenario.layout.lines))
        self.panel = Panel([tag.instrument for tag in self.tags.measured], self.seed)
        self.engine = FaultEngine(scenario.faults)
        self.observers: list[Observer] = []
        wanted = [(tag.quantity, tag.place) for tag in self.tags.measured]
        self._quantities = Quantities(self.trains, scenario.layout, wanted)
        self._truth = self._quantities.now()
        self._crew = Crew(scenario, self.seed, self.trains, self.engine, self.second)
        self._act()
        self.panel.advance(self._truth, 0)
        while self.second < 0:
            self._step(self.COARSE_STEP_S)
        self._crew.news(self.second)
        everything = np.arange(len(self.tags.measured))
        there = tuple(FaultChange(each.spec, active=True, second=self.second) for each in self.engine.active)
        self.opening = Moment(self.second, self.panel.read(everything), self.states(), there)

    @property
    def layout(self) -> Layout:
        """Which units there are."""
        return self.scenario.layout

    def advance(self, until_second: int) -> Iterator[Moment]:
        """Run up to a second, step by step, and yield the moments at which there is something to tell."""
        while self.second + self.step_s <= until_second:
            faults = self._step(self.step_s)
            due = self.panel.due(self.second, self.step_s)
            readings = self.panel.read(due) if len(due) else NOTHING
            changed = self._crew.news(self.second)
            for observer in self.observers:
                observer.observe(self)
            if changed or faults or len(due):
                yield Moment(self.second, readings, changed, faults)

    def states(self) -> Mapping[str, StateValue]:
        """The value of every state tag now."""
        return self._crew.states()

    def situation(self, unit: str) -> Situation:
        """What really goes on in a unit; KeyError."""
        return self._crew.situation(unit)

    def true_values(self) -> Array:
        """The true value behind every measured tag now, in the order of `tags.measured`, plant units."""
        return self._truth

    def true_value(self, tag: str) -> float:
        """The true value behind one measured tag now; KeyError."""
        return float(self._truth[self.panel.index[tag]])

    def inject(self, spec: FaultSpec) -> None:
        """Add a fault while the campaign runs; ValueError, as `FaultEngine.inject`."""
        self.engine.inject(spec)

    def clear(self, fault_id: str) -> None:
        """End a fault at the next step; KeyError."""
        self.engine.clear(fault_id)

    def _step(self, seconds: int) -> tuple[FaultChange, ...]:
        self.trains.step(seconds)
        self.second += seconds
        self._truth = self._quantities.now()
        faults = self._act()
        self.panel.advance(self._truth, seconds)
        return faults

    def _act(self) -> tuple[FaultChange, ...]:
        """Operators act at this second, then what is broken breaks."""
        self._crew.control(self.second)
        return self.engine.update(self)


def _check(scenario: Scenario, coarsest_s: int) -> None:
    if scenario.step_s < 1 or coarsest_s % scenario.step_s:
        message = f"a step of {scenario.step_s} s does not divide {coarsest_s} s"
        raise ValueError(message)
    reactors = len(scenario.layout.reactors)
    for name, given in (("start_s", scenario.plan.start_s), ("first_batch", scenario.plan.first_batch)):
        if len(given) != reactors:
            message = f"campaign: {name} is given for {len(given)} of {reactors} reactors"
            raise ValueError(message)


def twin(scenario: Scenario) -> Scenario:
    """The same plant, people and seed with nothing going wrong: the counterfactual of a scenario."""
    return replace(scenario, faults=())


def updates(moment: Moment, tags: PlantTags, origin_ns: int) -> list[Update]:
    """What a moment tells, as rows with their source times; states first, as they explain the readings."""
    now_ns = origin_ns + moment.second * SECOND_NS
    rows = [Update(name, value, now_ns, GOOD) for name, value in moment.changed.items()]
    readings = moment.readings
    for index, value, status, before_ns in zip(
        readings.instrument.tolist(),
        readings.value.tolist(),
        readings.status.tolist(),
        readings.before_ns.tolist(),
        strict=True,
    ):
        tag = tags.measured[index]
        rows.append(Update(tag.name, value, now_ns - tag.sampled_before_ns - before_ns, status))
    return rows


def by_outlet(rows: Sequence[Update], tags: PlantTags) -> dict[Outlet, list[Update]]:
    """The rows of each server, in their order; a server without rows is absent."""
    sorted_: dict[Outlet, list[Update]] = {}
    for row in rows:
        sorted_.setdefault(tags.outlets[row.name], []).append(row)
    return sorted_
