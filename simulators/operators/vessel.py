"""What an operator may set and read of one unit."""

from simulators.plant.train import Trains


class Vessel:
    """A unit's column in the plant's physics: SI units, parameters and states by their names there."""

    def __init__(self, trains: Trains, column: int) -> None:
        self._trains = trains
        self._column = column

    def set(self, parameter: str, value: float) -> None:
        """Set a parameter of this unit."""
        getattr(self._trains.parameters, parameter)[self._column] = value

    def __getitem__(self, state: str) -> float:
        """Read a state of this unit."""
        return float(self._trains[state][self._column])

    def parameter(self, name: str) -> float:
        """Read a parameter of this unit."""
        return float(getattr(self._trains.parameters, name)[self._column])
