"""What an operator may set and read of one unit."""

from typing import Protocol

from simulators.plant.parameters import Parameters
from simulators.plant.state import Array


class Plant(Protocol):
    """The physics, as operators see it: `simulators.plant.train.Trains`."""

    @property
    def parameters(self) -> Parameters:
        """Valves, set points and strengths, to be written into."""
        ...

    def __getitem__(self, name: str) -> Array:
        """A state of every reactor or line."""
        ...


class Vessel:
    """A unit's column in the plant's physics: SI units, parameters and states by their names there."""

    def __init__(self, plant: Plant, column: int) -> None:
        self._plant = plant
        self._column = column

    def set(self, parameter: str, value: float) -> None:
        """Set a parameter of this unit."""
        getattr(self._plant.parameters, parameter)[self._column] = value

    def parameter(self, name: str) -> float:
        """Read a parameter of this unit."""
        return float(getattr(self._plant.parameters, name)[self._column])

    def __getitem__(self, state: str) -> float:
        """Read a state of this unit."""
        return float(self._plant[state][self._column])
