"""Points that a function makes of rows, what fills the gaps between them, and functions of points."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.influxql.columns import NUMBERS, Column, Kind, Mask, Times, nothing
from api.influxql.faults import Unanswered
from api.influxql.tree import Call, Duration, Fill, Number
from domain.time import SECOND_NS

MOST_SUMMANDS = 50_000_000
"""Of a moving average: points times window."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """A function's values in the order of the answer, n of them; `row` is the row that a selector chose."""

    time_ns: Times
    column: Column
    row: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.time_ns)

    def at(self, chosen: Mask | slice) -> "Points":
        """Some of the points."""
        return Points(self.time_ns[chosen], self.column.at(chosen), None if self.row is None else self.row[chosen])


def filled(points: Points, windows: Times, fill: Fill, width_ns: int, *, counts: bool) -> Points:
    """A point for every window (in the order of the answer), those without one as `fill` says.

    What has no point at all stays without; a count is 0 where there is nothing, unless fill says otherwise.
    """
    if fill.kind == "none" or not len(points):
        return points
    place = np.searchsorted(windows, points.time_ns) if _ascends(windows) else _places_back(windows, points.time_ns)
    column = points.column
    values = np.zeros(len(windows), column.values.dtype)
    values[place] = column.values
    there = np.zeros(len(windows), np.bool_)
    there[place] = column.mask()
    rows = np.full(len(windows), -1, np.intp)
    if points.row is not None:
        rows[place] = points.row
    gaps = np.ones(len(windows), np.bool_)
    gaps[place] = False
    _fill_gaps(values, there, gaps, windows, fill, width_ns, column.kind, counts=counts)
    return Points(windows, Column(column.kind, values, there), None if points.row is None else rows)


def _fill_gaps(
    values: NDArray[np.generic],
    there: Mask,
    gaps: Mask,
    windows: Times,
    fill: Fill,
    width_ns: int,
    kind: Kind,
    *,
    counts: bool,
) -> None:
    if fill.kind == "null" and counts:
        there[gaps] = True
    elif fill.kind == "number":
        # InfluxDB fills with the nothing of a type that is no number.
        values[gaps] = fill.number if kind in NUMBERS else "" if kind is Kind.STRING else False
        there[gaps] = True
    elif fill.kind == "previous":
        last = np.maximum.accumulate(np.where(gaps, -1, np.arange(len(windows))))
        known = last >= 0
        values[known], there[known] = values[last[known]], there[last[known]]
    elif fill.kind == "linear" and kind in NUMBERS:
        points = np.flatnonzero(~gaps)
        inner = np.flatnonzero(gaps)
        inner = inner[(inner > points[0]) & (inner < points[-1])]
        if len(inner):
            after = points[np.searchsorted(points, inner)]
            before = points[np.searchsorted(points, inner) - 1]
            steps = windows // width_ns
            slope = (values[after] - values[before]) / (steps[after] - steps[before])
            made = slope * (steps[inner] - steps[before]) + values[before]
            values[inner] = np.trunc(made) if kind is Kind.INTEGER else made
            there[inner] = True


def _ascends(windows: Times) -> bool:
    return len(windows) < 2 or bool(windows[0] < windows[1])


def _places_back(windows: Times, times_ns: Times) -> NDArray[np.intp]:
    return len(windows) - 1 - np.searchsorted(windows[::-1], times_ns)


def transformed(call: Call, points: Points, width_ns: int | None) -> Points:
    """What a function makes of successive points. Unanswered if they are no numbers."""
    points = points.at(points.column.mask())
    first = np.ones(len(points), np.bool_)
    if call.name in {"derivative", "non_negative_derivative", "difference", "non_negative_difference"}:
        # Several series may have a value at one time: the first counts.
        first[1:] = points.time_ns[1:] != points.time_ns[:-1]
        points = points.at(first)
    if points.column.kind not in NUMBERS and call.name != "elapsed":
        raise Unanswered(f"unsupported {call.name} of a {points.column.kind}")
    values = points.column.values
    if call.name == "cumulative_sum":
        return Points(points.time_ns, Column(points.column.kind, np.cumsum(values)))
    if call.name == "moving_average":
        return _moving_average(call, points)
    unit = call.args[1] if len(call.args) > 1 else None
    if call.name == "elapsed":
        unit_ns = unit.ns if isinstance(unit, Duration) else 1
        passed = np.diff(points.time_ns)
        whole = np.sign(passed) * (np.abs(passed) // unit_ns)
        return Points(points.time_ns[1:], Column(Kind.INTEGER, whole))
    steps = np.diff(values)
    kept = np.ones(len(steps), np.bool_) if not call.name.startswith("non_negative") else ~(steps < 0)
    if call.name.endswith("difference"):
        made = Column(points.column.kind, steps[kept])
    else:
        unit_ns = unit.ns if isinstance(unit, Duration) else width_ns or SECOND_NS
        passed = np.abs(np.diff(points.time_ns)) / unit_ns
        made = Column(Kind.FLOAT, (steps / passed)[kept])
    return Points(points.time_ns[1:][kept], made)


def _moving_average(call: Call, points: Points) -> Points:
    size = call.args[1]
    assert isinstance(size, Number)
    count = int(size.value)
    if count > len(points):
        return Points(points.time_ns[:0], nothing(Kind.FLOAT, 0))
    if count * len(points) > MOST_SUMMANDS:
        raise Unanswered(f"moving_average over {count} of {len(points):,} points is more than is answered")
    values = points.column.values.astype(np.float64)
    means = np.lib.stride_tricks.sliding_window_view(values, count).sum(axis=1) / count
    return Points(points.time_ns[count - 1 :], Column(Kind.FLOAT, means))


def side_by_side(every: list[Points], fills: Sequence[Fill], *, descending: bool) -> tuple[Times, list[Column]]:
    """The points of several functions as rows: each time once, and what a function lacks there as its fill says."""
    first = every[0].time_ns
    if all(len(points) == len(first) and np.array_equal(points.time_ns, first) for points in every):
        return first, [as_default(points.column, fill) for points, fill in zip(every, fills, strict=True)]
    times = np.unique(np.concatenate([points.time_ns for points in every]))
    columns = []
    for points, fill in zip(every, fills, strict=True):
        column = points.column
        place = np.searchsorted(times, points.time_ns)
        values = np.zeros(len(times), column.values.dtype)
        there = np.zeros(len(times), np.bool_)
        values[place], there[place] = column.values, column.mask()
        if descending:
            values, there = values[::-1], there[::-1]
        columns.append(as_default(Column(column.kind, values, there), fill))
    return (times[::-1] if descending else times), columns


def as_default(column: Column, fill: Fill) -> Column:
    """What is missing at a time that another function has: a number, also among texts, or what was there before."""
    if column.there is None or column.there.all():
        return column
    if fill.kind == "number":
        values = column.values.astype(column.values.dtype if column.kind in NUMBERS else np.object_)
        values[~column.there] = fill.number
        return Column(column.kind, values)
    if fill.kind == "previous":
        last = np.maximum.accumulate(np.where(column.there, np.arange(len(column)), -1))
        return Column(column.kind, column.values[np.maximum(last, 0)], last >= 0)
    return column
