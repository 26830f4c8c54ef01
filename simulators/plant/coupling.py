"""Which reactor feeds which line: what comes out of the reactors, summed up for each line."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from simulators.plant.arithmetic import Value, as_array, as_value
from simulators.plant.state import CONTENTS

Given = tuple[Value, ...]
"""What a reactor gives or a line gets per second: warmth, then the contents."""

_NOTHING: Given = (0.0,) * (1 + len(CONTENTS))


class Coupling(Protocol):
    """Between groups of reactors and groups of lines."""

    def into_lines(self, given: Sequence[Given]) -> Sequence[Given]:
        """What each group of lines gets of what each group of reactors gives, added up in the reactors' order."""
        ...

    def of_lines(self, values: Sequence[Value]) -> Sequence[Value]:
        """For each group of reactors, the value of the lines that they feed."""
        ...


class NumberCoupling:
    """Each reactor and each line by itself."""

    def __init__(self, feeds: Sequence[int], lines: int) -> None:
        self._feeds = tuple(feeds)
        self._members = [[reactor for reactor, fed in enumerate(feeds) if fed == line] for line in range(lines)]

    def into_lines(self, given: Sequence[Given]) -> list[Given]:
        """Add up one by one."""
        return [self._sum([given[member] for member in members]) for members in self._members]

    @staticmethod
    def _sum(given: list[Given]) -> Given:
        if len(given) == 1:
            return given[0]
        return tuple(map(sum, zip(*given, strict=True))) if given else _NOTHING

    def of_lines(self, values: Sequence[Value]) -> list[Value]:
        """Look it up."""
        return [values[line] for line in self._feeds]


class ArrayCoupling:
    """All reactors and all lines at once."""

    def __init__(self, feeds: Sequence[int], lines: int) -> None:
        self._line_of = np.array(feeds, np.intp)
        self._lines = lines
        self._straight = tuple(feeds) == tuple(range(lines))

    def into_lines(self, given: Sequence[Given]) -> list[Given]:
        """Add up row by row."""
        return list(given) if self._straight else [tuple(self._sum(row) for row in group) for group in given]

    def _sum(self, row: Value) -> Value:
        return as_value(np.bincount(self._line_of, as_array(row), self._lines).astype(np.float64, copy=False))

    def of_lines(self, values: Sequence[Value]) -> list[Value]:
        """Spread it out."""
        return list(values) if self._straight else [as_value(as_array(row)[self._line_of]) for row in values]
