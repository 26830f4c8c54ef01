"""Functions of rows: one value, or one chosen row, for each bucket that has any."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.influxql.columns import NUMBERS, Column, Kind, Times, nothing
from api.influxql.faults import Unanswered
from api.influxql.plan import SELECTORS
from api.influxql.tree import Call, Number

Places = NDArray[np.intp]

_KEEP_KIND = SELECTORS | {"distinct", "mode", "sum", "spread"}


@dataclass(frozen=True, slots=True, eq=False)
class Bucketed:
    """Rows that have a value, in order of time, n of them; `bucket` never falls, `starts` is where each begins."""

    time_ns: Times
    column: Column
    bucket: Places

    @property
    def starts(self) -> Places:
        """The first row of each bucket that has one."""
        if not len(self.bucket):
            return np.empty(0, np.intp)
        return np.flatnonzero(np.concatenate(([True], self.bucket[1:] != self.bucket[:-1])))

    @property
    def ends(self) -> Places:
        """The end of each bucket's rows."""
        return np.append(self.starts[1:], len(self.bucket)) if len(self.bucket) else self.starts


OF_OWN_TYPE = frozenset({"count", "mean", "median", "stddev"})
"""Functions whose type does not follow from the field's."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """One value a bucket (or several, of `distinct`), and the row that was chosen, by a selector."""

    bucket: Places
    column: Column
    row: Places | None = None


def reduced(call: Call, rows: Bucketed) -> Reduced:
    """Apply a function to each bucket. Unanswered if it does not go with the field's type."""
    name = call.name
    values, kind = rows.column.values, rows.column.kind
    if not len(rows.bucket):
        told = Kind.INTEGER if name == "count" else kind if name in _KEEP_KIND else Kind.FLOAT
        return Reduced(rows.bucket, nothing(told, 0), rows.bucket if name in SELECTORS else None)
    if name in SELECTORS:
        chosen_bucket, chosen = _chosen(call, rows)
        return Reduced(chosen_bucket, Column(kind, values[chosen]), chosen)
    if name == "distinct":
        first = _first_of_each(rows)
        return Reduced(rows.bucket[first], Column(kind, values[first]))
    if name == "count":
        counted = rows.bucket[_first_of_each(rows)] if isinstance(call.args[0], Call) else rows.bucket
        bucket, count = np.unique(counted, return_counts=True)
        return Reduced(bucket, Column(Kind.INTEGER, count.astype(np.int64)))
    if kind not in NUMBERS and name != "mode":
        raise Unanswered(f"unsupported {name} of a {kind}")
    return Reduced(rows.bucket[rows.starts], _FIGURES[name](rows))


def _sum(rows: Bucketed) -> Column:
    return Column(rows.column.kind, np.add.reduceat(rows.column.values, rows.starts))


def _mean(rows: Bucketed) -> Column:
    return Column(Kind.FLOAT, np.add.reduceat(rows.column.values, rows.starts) / (rows.ends - rows.starts))


def _spread(rows: Bucketed) -> Column:
    values, starts = rows.column.values, rows.starts
    return Column(rows.column.kind, np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts))


def _stddev(rows: Bucketed) -> Column:
    """Of a sample; that of one value is no number, and told as null."""
    count = rows.ends - rows.starts
    values = rows.column.values.astype(np.float64)
    means = np.add.reduceat(values, rows.starts) / count
    squares = np.add.reduceat((values - np.repeat(means, count)) ** 2, rows.starts)
    with np.errstate(invalid="ignore"):
        return Column(Kind.FLOAT, np.sqrt(np.where(count > 1, squares / np.maximum(count - 1, 1), np.nan)))


def _median(rows: Bucketed) -> Column:
    values = rows.column.values.astype(np.float64)[_by_value(rows)]
    count = rows.ends - rows.starts
    low, high = values[rows.starts + (count - 1) // 2], values[rows.starts + count // 2]
    return Column(Kind.FLOAT, low + (high - low) / 2)


def _mode(rows: Bucketed) -> Column:
    """The most frequent value; of equally frequent ones the one that came first, the least where none came twice."""
    values = rows.column.values
    modes = []
    for start, end in zip(rows.starts.tolist(), rows.ends.tolist(), strict=True):
        found, first, count = np.unique(values[start:end], return_index=True, return_counts=True)
        most = np.flatnonzero(count == count.max())
        modes.append(found[most[np.argmin(first[most])] if count[most[0]] > 1 else 0])
    return Column(rows.column.kind, np.array(modes, values.dtype))


_FIGURES: dict[str, Callable[[Bucketed], Column]] = {
    "sum": _sum,
    "mean": _mean,
    "spread": _spread,
    "stddev": _stddev,
    "median": _median,
    "mode": _mode,
}


def _by_value(rows: Bucketed) -> Places:
    """Rows by bucket, then by value, then by time."""
    return np.lexsort((np.arange(len(rows.bucket)), rows.column.values, rows.bucket))


def _first_of_each(rows: Bucketed) -> Places:
    """The first row of each value of each bucket, in order of time."""
    values = rows.column.values
    _, number = np.unique(values, return_inverse=True)
    _, first = np.unique(rows.bucket * (int(number.max()) + 1) + number, return_index=True)
    return np.sort(first)


def _chosen(call: Call, rows: Bucketed) -> tuple[Places, Places]:
    """The buckets, and the row that the selector takes of each."""
    starts, ends = rows.starts, rows.ends
    bucket = rows.bucket[starts]
    if call.name == "first":
        return bucket, _of_equal_times(rows, starts, starts)
    if call.name == "last":
        return bucket, _of_equal_times(rows, ends - 1, starts)
    if rows.column.kind is Kind.STRING or (rows.column.kind is Kind.BOOLEAN and call.name == "percentile"):
        raise Unanswered(f"unsupported {call.name} of a {rows.column.kind}")
    order = _by_value(rows)
    if call.name == "min":
        return bucket, order[starts]
    if call.name == "max":
        greatest = np.repeat(rows.column.values[order[ends - 1]], ends - starts)
        at = np.flatnonzero(rows.column.values == greatest)
        return bucket, at[np.searchsorted(at, starts)]
    wanted = call.args[1]
    assert isinstance(wanted, Number)
    place = np.floor((ends - starts) * wanted.value / 100 + 0.5).astype(np.intp) - 1
    known = (place >= 0) & (place < ends - starts)
    return bucket[known], order[(starts + place)[known]]


def _of_equal_times(rows: Bucketed, at: Places, starts: Places) -> Places:
    """Of the rows at the time of `at` within its bucket, the greatest."""
    times = rows.time_ns
    low = np.maximum(np.searchsorted(times, times[at], "left"), starts)
    high = np.searchsorted(times, times[at], "right")
    chosen = at.copy()
    for number in np.flatnonzero(high - low > 1).tolist():
        span = range(int(low[number]), int(high[number]))
        chosen[number] = max(span, key=lambda row: rows.column.values[row])
    return chosen
