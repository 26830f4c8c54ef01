"""Faults: scheduled changes of a train's parameters, in the campaign's time."""

from dataclasses import dataclass

from simulators.plant.parameters import PARAMETERS
from simulators.plant.train import Trains


@dataclass(frozen=True, slots=True)
class Fault:
    """A parameter of one train goes to `value` within `ramp_s` (0: at once) from `start_s`, and back at `end_s`.

    `power` shapes the ramp: 1 is straight, 2 begins slowly and becomes faster, as fouling does.
    """

    parameter: str
    train: int
    value: float
    start_s: int
    end_s: int
    ramp_s: int = 0
    power: float = 1.0

    def __post_init__(self) -> None:
        if self.parameter not in PARAMETERS:
            message = f"fault: no parameter is named {self.parameter!r}"
            raise ValueError(message)
        if self.end_s <= self.start_s:
            message = f"fault on {self.parameter}: it ends ({self.end_s} s) before it starts ({self.start_s} s)"
            raise ValueError(message)

    def share(self, now_s: float) -> float:
        """How far the fault has developed at a time: 0 healthy, 1 fully."""
        if not self.start_s <= now_s < self.end_s:
            return 0.0
        return 1.0 if self.ramp_s == 0 else min((now_s - self.start_s) / self.ramp_s, 1.0) ** self.power


class FaultSchedule:
    """Applies faults to the parameters that it found healthy when it first touched them."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self._faults = faults
        self._healthy: dict[Fault, float] = {}

    def apply(self, now_s: float, trains: Trains) -> None:
        """Set each faulty parameter for this moment; one that is over gets its healthy value back, once."""
        for fault in self._faults:
            values = getattr(trains.parameters, fault.parameter)
            share = fault.share(now_s)
            if share > 0.0:
                healthy = self._healthy.setdefault(fault, float(values[fault.train]))
                values[fault.train] = healthy + (fault.value - healthy) * share
            elif fault in self._healthy:
                values[fault.train] = self._healthy.pop(fault)
