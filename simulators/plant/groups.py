"""Where the equations take states and parameters from: one unit's column as numbers, or all columns as arrays."""

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np

from simulators.plant.arithmetic import Value, as_value
from simulators.plant.state import Array

P_co = TypeVar("P_co", covariant=True)
"""What the equations need of the parameters of a reactor or a line, as numbers or as arrays."""


class Group(Protocol[P_co]):
    """Some columns of the reactors' array, or of the lines', that one run of the equations moves."""

    def load(self) -> Sequence[Value]:
        """Every state in the order of the rows."""
        ...

    def store(self, values: Sequence[Value]) -> None:
        """Take new values of every state."""
        ...

    def parameters(self) -> P_co:
        """The parameters as they are now."""
        ...


class NumberGroup(Generic[P_co]):
    """One column. The parameters are read anew only when one of them has changed."""

    def __init__(self, states: Array, parameters: Array, make: Callable[[Sequence[Value]], P_co]) -> None:
        self._states = states
        self._values = parameters
        self._make = make
        self._seen = parameters.tobytes()
        self._made = make(parameters.tolist())

    def load(self) -> list[Value]:
        """The column as numbers."""
        values: list[float] = self._states.tolist()
        return values

    def store(self, values: Sequence[Value]) -> None:
        """Write the column."""
        self._states[:] = values

    def parameters(self) -> P_co:
        """From the last time, or made anew."""
        seen = self._values.tobytes()
        if seen != self._seen:
            self._made, self._seen = self._make(self._values.tolist()), seen
        return self._made


class ArrayGroup(Generic[P_co]):
    """All columns. A parameter that is the same in all of them is a number: that is cheaper."""

    def __init__(self, states: Array, parameters: Array, make: Callable[[Sequence[Value]], P_co]) -> None:
        self._rows = list(states)
        self._values = parameters
        self._make = make
        self._seen = parameters.copy()
        self._parameters = [_number_if_same(row) for row in parameters]
        self._made = make(self._parameters)

    def load(self) -> list[Value]:
        """The rows, live: they are only read until `store`."""
        return [as_value(row) for row in self._rows]

    def store(self, values: Sequence[Value]) -> None:
        """Write every row."""
        for row, value in zip(self._rows, values, strict=True):
            row[...] = value

    def parameters(self) -> P_co:
        """From the last time, or made anew."""
        changed = np.flatnonzero((self._values != self._seen).any(axis=1))
        for row in changed.tolist():
            self._seen[row] = self._values[row]
            self._parameters[row] = _number_if_same(self._values[row])
        if len(changed):
            self._made = self._make(self._parameters)
        return self._made


def _number_if_same(row: Array) -> Value:
    return float(row[0]) if (row == row[0]).all() else as_value(row)
