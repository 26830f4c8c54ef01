"""The plant as a whole: physics, operators, faults and instruments, second by second."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from simulators.faults.parameters import Fault, FaultSchedule
from simulators.instruments.panel import NOTHING, Panel, Readings
from simulators.operators import HoldTankOperator, ReactorOperator
from simulators.plant.state import Array
from simulators.plant.train import Trains
from simulators.quantities import places, truth
from simulators.tags import MEASURED, REACTORS, TANK_TRAIN

StateValue = int | str | bool


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What happens in a campaign; times in seconds of plant time, 0 is the plant's origin.

    `start_s`: when each reactor's first batch starts; one that is negative is run through before the origin.
    `late_s`: how long after its transfer a batch waits in the hold tank, where that is not `wait_s`.
    """

    start_s: tuple[int, ...]
    first_batch: tuple[int, ...]
    wait_s: int
    late_s: Mapping[int, int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """What is new at one second: what instruments report, and the state tags that changed."""

    second: int
    readings: Readings
    changed: Mapping[str, StateValue]


class Campaign:
    """Runs a plan. The same plan, seed and step give the same bits, however the time is cut into calls.

    `opening` tells everything once, at second 0. A step longer than a second costs less and blurs what is fast; it
    divides `COARSE_STEP_S`.
    """

    COARSE_STEP_S = 5  # before the origin, where nobody looks

    def __init__(self, plan: CampaignPlan, seed: int, step_s: int = 1) -> None:
        if step_s < 1 or self.COARSE_STEP_S % step_s:
            message = f"a step of {step_s} s does not divide {self.COARSE_STEP_S} s"
            raise ValueError(message)
        self.step_s = step_s
        self.trains = Trains(len(REACTORS))
        self.operators = tuple(
            ReactorOperator(unit, train, plan.start_s[train], plan.first_batch[train], seed)
            for train, unit in enumerate(REACTORS)
        )
        self.tank = HoldTankOperator("T201", self.operators[TANK_TRAIN], plan.wait_s, plan.late_s)
        self.panel = Panel([tag.instrument for tag in MEASURED], seed)
        self._places = places([(tag.quantity, tag.train) for tag in MEASURED], len(REACTORS))
        self._faults = FaultSchedule(plan.faults)
        self.second = min(0, *plan.start_s)
        while self.second < 0:
            step_s = min(self.COARSE_STEP_S, -self.second)
            self._step(step_s)
        self.panel.advance(self._truth(), 0)
        everything = np.arange(len(MEASURED))
        self.opening = Moment(self.second, self.panel.read(everything), self.states())
        self._told = dict(self.opening.changed)

    def advance(self, until: int) -> Iterator[Moment]:
        """Run up to a second, step by step, and yield the moments at which there is something to tell."""
        while self.second + self.step_s <= until:
            self._step(self.step_s)
            due = self.panel.due(self.second)
            readings = self.panel.read(due) if len(due) else NOTHING
            changed = {tag: value for tag, value in self.states().items() if self._told.get(tag) != value}
            self._told.update(changed)
            if changed or len(readings.value):
                yield Moment(self.second, readings, changed)

    def states(self) -> Mapping[str, StateValue]:
        """The value of every state tag now."""
        values: dict[str, StateValue] = {}
        for operator in self.operators:
            values[f"{operator.unit}.STEP"] = operator.step_code
            values[f"{operator.unit}.BATCH"] = operator.batch_tag(self.second)
        values[f"{self.tank.unit}.XFER_IN"] = self.tank.transfer_in
        values[f"{self.tank.unit}.XFER_OUT"] = self.tank.transfer_out
        return values

    def true_values(self) -> Mapping[str, float]:
        """The true value behind every measured tag now."""
        values = self._truth()
        return {tag.name: float(value) for tag, value in zip(MEASURED, values, strict=True)}

    def _truth(self) -> Array:
        return truth(self.trains).ravel()[self._places]

    def _step(self, seconds: int) -> None:
        for operator in self.operators:
            operator.control(self.second, self.trains)
        self.tank.control(self.second, self.trains)
        self._faults.apply(self.second, self.trains)
        self.trains.step(seconds)
        self.second += seconds
        self.panel.advance(self._truth(), seconds)
