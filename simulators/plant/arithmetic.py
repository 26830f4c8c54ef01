"""The equations are written once and run in two ways: on numbers, where there are few trains, or on whole arrays.

A numpy call costs as much as a dozen operations on Python's numbers, whatever the array's length; below some ten trains
numbers are faster, above arrays are.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import numpy as np

from simulators.plant.state import Array

Value: TypeAlias = float
"""A number, of one unit; or an array, of all of them, that is treated as a number. The type checker sees numbers."""


@dataclass(frozen=True, slots=True)
class Functions:
    """What is called differently for numbers and for arrays."""

    exp: Callable[[Value], Value]
    root: Callable[[Value], Value]
    larger: Callable[[Value, Value], Value]
    smaller: Callable[[Value, Value], Value]
    furthest: Callable[[Value], float]  # the largest absolute value
    shares: Callable[[Value, Sequence[Value]], list[Value]]  # of each of some values
    moved: Callable[[Sequence[Value], Sequence[Value], Sequence[Value], float], Sequence[Value]]
    """Where the mean of two rates of change leads from some values, in twice the time that is given."""


def _larger(first: float, second: float) -> float:
    return first if first > second else second  # noqa: FURB136 max() takes twice as long


def _smaller(first: float, second: float) -> float:
    return first if first < second else second  # noqa: FURB136 min() takes twice as long


def _shares(share: float, values: Sequence[float]) -> list[float]:
    return [share * value for value in values] if share else [0.0] * len(values)  # pumps stand still most of the time


def _moved(start: Sequence[float], first: Sequence[float], second: Sequence[float], half: float) -> list[float]:
    return [value + half * (one + other) for value, one, other in zip(start, first, second, strict=True)]


def _furthest(values: Value) -> float:
    return float(np.abs(values).max())


def _shares_of_arrays(share: Value, values: Sequence[Value]) -> list[Value]:
    return [share * value for value in values]


def _moved_arrays(
    start: Sequence[Value], first: Sequence[Value], second: Sequence[Value], half: float
) -> Sequence[Value]:
    moved = np.empty((len(start), np.size(start[0])))
    for row, one, other in zip(moved, first, second, strict=True):
        np.add(one, other, out=row)
    moved *= half
    for row, value in zip(moved, start, strict=True):
        np.add(row, value, out=row)
    return [as_value(row) for row in moved]


NUMBERS: Final = Functions(math.exp, math.sqrt, _larger, _smaller, abs, _shares, _moved)
ARRAYS: Final = Functions(np.exp, np.sqrt, np.maximum, np.minimum, _furthest, _shares_of_arrays, _moved_arrays)


def as_value(array: Array) -> Value:
    """An array that takes a number's place."""
    return cast("Value", array)


def as_array(value: Value) -> Array:
    """The array that took a number's place."""
    return cast("Array", value)
