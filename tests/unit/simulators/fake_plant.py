"""A plant without physics, for what its operators do: volumes move with valves, and nothing else does."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from simulators.faults.catalogue import CATALOGUE
from simulators.layout import Layout, Line
from simulators.operators.crew import Crew
from simulators.operators.logbook import StateValue
from simulators.plant.parameters import ParameterTable
from simulators.plant.state import HEEL_M3, Array
from simulators.recipe import USUAL
from simulators.scenario import CampaignPlan, Scenario

STEP_S = 30
HOUR_S = 3600
START_S = 600

ONE = Layout(("R101",), (Line("T101", "C101", "D101"),), (0,))
TWO_INTO_ONE = Layout(("R101", "R102"), (Line("T101", "C101", "D101"),), (0, 0))
PLAN = CampaignPlan(start_s=(0,), first_batch=(1,))
SCENARIO = Scenario("test", "nothing", 1, 0, 86_400, ONE, USUAL, PLAN)


def scenario(layout: Layout, **plan: object) -> Scenario:
    """A layout with reactors that start one after the other, and what differs in the plan."""
    starts = tuple(START_S + 1800 * number for number in range(len(layout.reactors)))
    first = (1,) * len(layout.reactors)
    usual = replace(PLAN, start_s=starts, first_batch=first)
    return replace(SCENARIO, layout=layout, plan=replace(usual, **plan))  # type: ignore[arg-type] - any field


class FakePlant:
    """Volumes that follow the valves; a still is at its end point an hour after its heating began."""

    def __init__(self, layout: Layout) -> None:
        self._feeds = np.array(layout.feeds)
        reactors, lines = len(layout.reactors), len(layout.lines)
        self.parameters = ParameterTable(reactors, lines).shown
        names = {"volume": reactors, "total_charged": reactors, "total_fed": reactors, "total_seed": lines}
        names |= {"hold_volume": lines, "crystalliser_volume": lines, "still_temperature": lines}
        self._states = {name: np.zeros(number) for name, number in names.items()}
        for name in ("volume", "hold_volume", "crystalliser_volume"):
            self._states[name] += HEEL_M3

    def __getitem__(self, name: str) -> Array:
        return self._states[name]

    def step(self, seconds: float) -> None:
        parameters, states = self.parameters, self._states
        charged = parameters.charge_flow * seconds
        fed = parameters.feed_flow_most * parameters.feed_opening * seconds
        states["total_charged"] += charged
        states["total_fed"] += fed
        states["volume"] += charged + fed
        given = 1.5e-3 * parameters.transfer_opening * (states["volume"] > HEEL_M3) * seconds
        out = 1.5e-3 * parameters.outlet_opening * (states["hold_volume"] > HEEL_M3) * seconds
        gone = 1.5e-3 * parameters.discharge_opening * (states["crystalliser_volume"] > HEEL_M3) * seconds
        states["volume"] -= given
        states["hold_volume"] += np.bincount(self._feeds, given, len(out)) - out
        states["crystalliser_volume"] += out - gone
        states["total_seed"] += parameters.seed * parameters.seeding / 60.0 * seconds
        heated = states["still_temperature"] + 100.0 * seconds / HOUR_S
        states["still_temperature"] = np.where(parameters.still_duty > 0, np.maximum(heated, 290.0), 290.0)


@dataclass
class FakeMistakes:
    """Mistakes that are there from a second to another, each with its settings."""

    planned: Mapping[tuple[str, str], tuple[float, float, Mapping[str, float]]] = field(default_factory=dict)
    now_s: float = 0.0

    def share(self, kind: str, target: str) -> float:
        start_s, end_s, _ = self.planned.get((kind, target), (np.inf, np.inf, {}))
        return float(start_s <= self.now_s < end_s)

    def setting(self, kind: str, target: str, name: str) -> float | str | None:
        return CATALOGUE[kind].value(self.planned[kind, target][2], name)


Change = tuple[int, str, StateValue]


class FakeCampaign:
    """A crew on a plant without physics, and what it has told: (second, tag, value)."""

    def __init__(self, of: Scenario, mistakes: FakeMistakes | None = None) -> None:
        self.plant = FakePlant(of.layout)
        self.second = min(0, *of.plan.start_s)
        self._mistakes = mistakes or FakeMistakes()
        self.crew = Crew(of, of.seed, self.plant, self._mistakes, self.second)
        self.told: list[Change] = []

    def run(self, until_s: int) -> list[Change]:
        """Everything that is told up to a second."""
        while self.second < until_s:
            self.step()
        return self.told

    def step(self) -> None:
        """Operators act, then the plant moves."""
        self._mistakes.now_s = self.second
        self.crew.control(self.second)
        self.told += [(self.second, tag, value) for tag, value in self.crew.news(self.second).items()]
        self.plant.step(STEP_S)
        self.second += STEP_S

    def of(self, tag: str) -> list[tuple[int, StateValue]]:
        """What a tag has told, and when."""
        return [(second, value) for second, told, value in self.told if told == tag]

    def first(self, tag: str, value: StateValue) -> int:
        """When a tag first had a value."""
        return next(second for second, told in self.of(tag) if told == value)
