"""Columns of an answer, and arithmetic on them as InfluxQL does it.

A missing value is missing in every result. Integers stay integers, but for a division; what is divided by nothing is 0.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from api.influxql.faults import Unanswered

Mask: TypeAlias = NDArray[np.bool_]
Times: TypeAlias = NDArray[np.int64]


class Kind(enum.StrEnum):
    """A column's type, by InfluxDB's names."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    STRING = "string"


NUMBERS = frozenset({Kind.FLOAT, Kind.INTEGER})

_DTYPES: dict[Kind, type[np.generic]] = {
    Kind.FLOAT: np.float64,
    Kind.INTEGER: np.int64,
    Kind.BOOLEAN: np.bool_,
    Kind.STRING: np.object_,
}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Values of one type, length n (or 0-dimensional, for a constant); `there` tells which are (None: all)."""

    kind: Kind
    values: NDArray[np.generic]
    there: Mask | None = None

    def __len__(self) -> int:
        return len(self.values)

    def at(self, chosen: NDArray[np.intp] | Mask | slice) -> "Column":
        """Some of the rows."""
        return Column(self.kind, self.values[chosen], None if self.there is None else self.there[chosen])

    def mask(self) -> Mask:
        """Which values are there."""
        return np.ones(self.values.shape, np.bool_) if self.there is None else self.there

    def told(self) -> list[object]:
        """The values for JSON: what is missing or no finite number is None."""
        values: list[object] = self.values.tolist()
        missing = np.zeros(len(values), np.bool_) if self.there is None else ~self.there
        if self.kind is Kind.FLOAT:
            missing = missing | ~np.isfinite(self.values)
        for row in np.flatnonzero(missing).tolist():
            values[row] = None
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Points of one or several series in time order, n rows."""

    time_ns: Times
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.time_ns)

    def at(self, chosen: Mask | slice) -> "Frame":
        """Some of the rows."""
        return Frame(self.time_ns[chosen], {name: column.at(chosen) for name, column in self.columns.items()})


def nothing(kind: Kind, length: int) -> Column:
    """A column without a value."""
    values = np.full(length, "" if kind is Kind.STRING else 0, _DTYPES[kind])
    return Column(kind, values, np.zeros(length, np.bool_))


def constant(value: float | str | bool) -> Column:  # noqa: FBT001 - a value, no switch
    """A constant as a column of no dimension."""
    if isinstance(value, bool):
        return Column(Kind.BOOLEAN, np.array(value))
    if isinstance(value, int):
        return Column(Kind.INTEGER, np.array(value, np.int64)) if abs(value) < 2**63 else constant(float(value))
    if isinstance(value, float):
        return Column(Kind.FLOAT, np.array(value))
    return Column(Kind.STRING, np.array(value, np.object_))


def same(value: float | str, length: int) -> Column:
    """A column of one value."""
    one = constant(value)
    return Column(one.kind, np.full(length, one.values))


def joined(columns: list[Column]) -> Column:
    """Columns of one type, one after the other."""
    if len(columns) == 1:
        return columns[0]
    there = None if all(column.there is None for column in columns) else np.concatenate([c.mask() for c in columns])
    return Column(columns[0].kind, np.concatenate([column.values for column in columns]), there)


def both(left: Column, right: Column) -> Mask | None:
    """Where both have a value; None: everywhere."""
    if left.there is None:
        return right.there
    return left.there if right.there is None else left.there & right.there


def arithmetic(op: str, left: Column, right: Column) -> Column:
    """`+ - * / %` of two columns of numbers. Unanswered if one holds something else."""
    for side in (left, right):
        if side.kind not in NUMBERS:
            raise Unanswered(f"type error: {op} is for numbers, not for a {side.kind}")
    are_integers = left.kind is Kind.INTEGER and right.kind is Kind.INTEGER and op != "/"
    dtype = np.int64 if are_integers else np.float64
    a, b = left.values.astype(dtype), right.values.astype(dtype)
    with np.errstate(all="ignore"):
        if op in {"/", "%"}:
            made = _divided(op, a, b, are_integers=are_integers)
        else:
            made = {"+": np.add, "-": np.subtract, "*": np.multiply}[op](a, b)
    return Column(Kind.INTEGER if are_integers else Kind.FLOAT, np.asarray(made), both(left, right))


def _divided(op: str, a: NDArray[np.generic], b: NDArray[np.generic], *, are_integers: bool) -> NDArray[np.generic]:
    by_nothing = b == 0
    safe = np.where(by_nothing, 1, b)
    if op == "/":
        return np.where(by_nothing, 0.0, a / safe)
    # The sign of a remainder is that of the dividend.
    left = np.fmod(a, safe)
    return np.where(by_nothing, 0 if are_integers else np.nan, left)


def compared(op: str, left: Column, right: Column) -> Mask:
    """`= != < <= > >=` row by row; False where a value is missing or the types do not compare."""
    shape = np.broadcast(left.values, right.values).shape
    comparable = left.kind is right.kind or {left.kind, right.kind} == NUMBERS
    if not comparable or (left.kind is Kind.BOOLEAN and op not in {"=", "!="}):
        return np.zeros(shape, np.bool_)
    a, b = left.values, right.values
    found = {
        "=": np.equal,
        "!=": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }[op](a, b)
    there = both(left, right)
    held = np.broadcast_to(np.asarray(found, np.bool_), shape)
    return held if there is None else held & there
