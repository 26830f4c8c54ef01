"""A plant that stands still, so that a test sees what faults alone do to it."""

from dataclasses import dataclass, field

import numpy as np

from simulators.faults.engine import FaultEngine
from simulators.faults.spec import AtTime, FaultChange, FaultSpec, Trigger
from simulators.instruments.panel import Instrument, Panel
from simulators.layout import Layout, Line
from simulators.plant.parameters import PARAMETERS
from simulators.plant.train import Trains

LAYOUT = Layout(("R101", "R102", "R103"), (Line("T101", "C101", "D101"), Line("T201", "C201", "D201")), (0, 0, 1))
TAGS = (("R101.TT", "temperature"), ("R101.AT", "ph"), ("R101.PT", "pressure"), ("T101.LT", "level"))
SOON = AtTime(10)


@dataclass
class Phase:
    phase: str = "idle"
    batch_number: int = 0
    since_s: float = 0.0


@dataclass
class StandingPlant:
    """What a fault engine sees; a test moves it by hand."""

    second: int = 0
    layout: Layout = LAYOUT
    trains: Trains = field(default_factory=lambda: Trains(3, (0, 0, 1), 2))
    panel: Panel = field(default_factory=lambda: Panel([Instrument(tag, kind, 1) for tag, kind in TAGS], 1))
    phases: dict[str, Phase] = field(default_factory=dict)
    truth: dict[str, float] = field(
        default_factory=lambda: {"R101.TT": 60.0, "R101.AT": 8.0, "R101.PT": 0.3, "T101.LT": 1.0}
    )

    def situation(self, unit: str) -> Phase:
        return self.phases.get(unit, Phase())

    def true_value(self, tag: str) -> float:
        return self.truth[tag]

    def enter(self, unit: str, phase: str, batch_number: int) -> None:
        self.phases[unit] = Phase(phase, batch_number, self.second)

    def parameter(self, name: str, column: int = 0) -> float:
        return float(getattr(self.trains.parameters, name)[column])

    def set(self, name: str, value: float, column: int = 0) -> None:
        getattr(self.trains.parameters, name)[column] = value

    def step(self, engine: FaultEngine, until: int, step_s: int = 1) -> list[FaultChange]:
        """Go on to a second, as a campaign does."""
        changes = list(engine.update(self)) if self.second == 0 else []
        while self.second < until:
            self.second += step_s
            changes += engine.update(self)
            self.panel.advance(np.array([self.truth[tag] for tag, _ in TAGS]), step_s)
        return changes

    def all_parameters(self) -> dict[str, bytes]:
        parameters = self.trains.parameters
        return {name: getattr(parameters, name).tobytes() for name in PARAMETERS}

    def reported(self, tag: str) -> float:
        """What an instrument reports now, without its noise."""
        return float(self.panel.noise_free(np.array([self.panel.index[tag]])).value[0])


def fault(
    kind: str = "base_pump_lost",
    target: str = "R101",
    start: Trigger = SOON,
    lasts_s: int | None = None,
    fault_id: str = "f1",
    settings: dict[str, float | str] | None = None,
    **shape: object,
) -> FaultSpec:
    return FaultSpec(fault_id, kind, target, start, lasts_s, settings=settings or {}, **shape)  # type: ignore[arg-type]
