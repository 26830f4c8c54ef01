"""What faults see of the plant: enough to know when to begin, and what to break."""

from typing import Protocol

from simulators.instruments.panel import Panel
from simulators.layout import Layout
from simulators.plant.train import Trains


class Phase(Protocol):
    """What really goes on in a unit."""

    @property
    def phase(self) -> str:
        """The name of the phase that runs."""
        ...

    @property
    def batch_number(self) -> int:
        """The batch that runs, or ran last, counted from this run's first, 1; 0: none yet."""
        ...

    @property
    def since_s(self) -> float:
        """The second of the campaign at which the phase began."""
        ...


class View(Protocol):
    """The plant at a moment."""

    @property
    def second(self) -> int:
        """The second of the campaign."""
        ...

    @property
    def layout(self) -> Layout:
        """Which units there are."""
        ...

    @property
    def trains(self) -> Trains:
        """The physics, whose parameters faults of the process move."""
        ...

    @property
    def panel(self) -> Panel:
        """The instruments, whose condition faults change."""
        ...

    def situation(self, unit: str) -> Phase:
        """What really goes on in a unit; KeyError."""
        ...

    def true_value(self, tag: str) -> float:
        """The true value behind a measured tag, plant units; KeyError."""
        ...
