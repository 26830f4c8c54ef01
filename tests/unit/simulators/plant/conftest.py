"""One whole cycle of the plant, run once for all tests that look at it."""

from dataclasses import dataclass, field

import pytest

from simulators.plant.train import Trains
from tests.unit.simulators.plant.cycle import run_cycle

STEP_S = 5.0
TRACE_EVERY_S = 10.0


@dataclass
class Cycle:
    """The trains at its end, and what the first of them did on the way, every ten seconds."""

    trains: Trains
    trace: dict[str, list[float]] = field(default_factory=dict)


def traced(trains: Trains, step_s: float, last: str = "drain") -> Cycle:
    """Run a cycle and note what instruments could see."""
    cycle = Cycle(trains)
    watched = ("temperature", "ph", "pressure", "hold_temperature", "crystalliser_temperature", "still_temperature")

    def note(_: str, now_s: float) -> None:
        if now_s % TRACE_EVERY_S == 0:
            for name in watched:
                cycle.trace.setdefault(name, []).append(float(trains[name][0]))

    run_cycle(trains, step_s, last, note)
    return cycle


@pytest.fixture(scope="session")
def cycle() -> Cycle:
    """Two trains, the second stronger and fouled, after one whole cycle."""
    trains = Trains(2)
    trains.parameters.charge_strength[1] *= 1.02
    trains.parameters.jacket_cleanness[1] = 0.7
    return traced(trains, STEP_S)
