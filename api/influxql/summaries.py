"""Figures of whole buckets from the record's summaries, which count what is neither Bad nor without a value.

The mirror has the value of a Bad row too, so a bucket that has other rows is read and worked out again; unless only
what is not Bad is asked for.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from api.influxql.columns import Column, Kind, Times
from api.influxql.conditions import Span
from api.influxql.frames import Record
from api.influxql.functions import Reduced
from api.influxql.schema import STATUS, VALUE, Series
from domain import status

FROM_SUMMARIES = frozenset({"count", "mean", "min", "max", "first", "last", "spread"})
OF_ONE_SERIES = frozenset({"first", "last"})
"""What needs the time of a value to be told for several series together."""

_SLOTS = ("count", "mean", "min", "max", "first", "last")
_MOST_READ_AGAIN = 0.25
"""Where more of the buckets have to be read, all are."""


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Per bucket, of m; where `count` is 0 the others mean nothing."""

    by_name: dict[str, NDArray[np.float64]]

    def reduced(self, name: str) -> Reduced:
        """A function's values, of the buckets that have any."""
        count = self.by_name["count"]
        bucket = np.flatnonzero(count)
        if name == "count":
            return Reduced(bucket, Column(Kind.INTEGER, count[bucket].astype(np.int64)))
        if name == "spread":
            return Reduced(bucket, Column(Kind.FLOAT, self.by_name["max"][bucket] - self.by_name["min"][bucket]))
        return Reduced(bucket, Column(Kind.FLOAT, self.by_name[name][bucket]))


def figures(record: Record, series: list[Series], edges: Times, span: Span, *, only_good: bool = False) -> Figures:
    """The figures of one or several series over the buckets between edges, as far as they are in the span.

    The span has both bounds.
    """
    every = [_of_series(record, one, edges, span, only_good=only_good) for one in series]
    if len(every) == 1:
        return every[0]
    count = np.sum([one.by_name["count"] for one in every], axis=0)
    sums = np.sum(
        [np.where(one.by_name["count"] > 0, one.by_name["mean"] * one.by_name["count"], 0) for one in every], axis=0
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums / count
    least = np.fmin.reduce([one.by_name["min"] for one in every])
    most = np.fmax.reduce([one.by_name["max"] for one in every])
    return Figures({"count": count, "mean": mean, "min": least, "max": most})


def _of_series(record: Record, series: Series, edges: Times, span: Span, *, only_good: bool) -> Figures:
    assert span.first_ns is not None
    assert span.last_ns is not None
    made = {name: np.full(len(edges) - 1, np.nan) for name in _SLOTS}
    made["count"] = np.zeros(len(edges) - 1)
    clipped = np.clip(edges, span.first_ns, max(span.first_ns, span.last_ns + 1))
    tag = series.read_by
    if tag is None or tag.kind != "number":
        _read_again(record, series, clipped, made, np.arange(len(edges) - 1), only_good=only_good)
        return Figures(made)
    others = np.zeros(len(edges) - 1, np.int64)
    for first, stop in _runs(np.diff(clipped)):
        record.budget.look()
        start_ns, end_ns = int(clipped[first]), int(clipped[stop])
        if end_ns <= start_ns:
            continue
        found = record.history.aggregate(int(tag.id), start_ns, end_ns, stop - first)
        place = first + (found.start_ns - start_ns) // int(clipped[first + 1] - clipped[first])
        others[place] = 0 if only_good else found.bad
        for name, values in (
            ("count", found.count),
            ("mean", found.mean),
            ("min", found.minimum),
            ("max", found.maximum),
            ("first", found.first),
            ("last", found.last),
        ):
            made[name][place] = values
    again = np.flatnonzero(others)
    if len(again) > _MOST_READ_AGAIN * len(others):
        again = np.arange(len(others))
    if len(again):
        _read_again(record, series, clipped, made, again, only_good=only_good)
    return Figures(made)


def _runs(widths: Times) -> Iterator[tuple[int, int]]:
    """Stretches of buckets of one width."""
    changes = np.flatnonzero(np.diff(widths)) + 1
    bounds = [0, *changes.tolist(), len(widths)]
    yield from itertools.pairwise(bounds)


def _read_again(
    record: Record,
    series: Series,
    edges: Times,
    made: dict[str, NDArray[np.float64]],
    again: NDArray[np.intp],
    *,
    only_good: bool,
) -> None:
    """The figures of some buckets from their rows."""
    for name in _SLOTS:
        made[name][again] = 0 if name == "count" else np.nan
    for part in np.split(again, np.flatnonzero(np.diff(again) > 1) + 1):
        span = Span(int(edges[part[0]]), int(edges[part[-1] + 1]) - 1)
        frame = record.frame(series, span)
        if VALUE not in frame.columns:
            continue
        there = frame.columns[VALUE].mask()
        if only_good:
            there = there & ~status.is_bad(frame.columns[STATUS].values.astype(np.uint32))
        times, column = frame.time_ns[there], frame.columns[VALUE].at(there)
        if len(times):
            _put(made, np.searchsorted(edges, times, "right") - 1, np.asarray(column.values, np.float64))


def _put(made: dict[str, NDArray[np.float64]], bucket: NDArray[np.intp], values: NDArray[np.float64]) -> None:
    """The figures of rows in order of time, at the places of their buckets."""
    starts = np.flatnonzero(np.concatenate(([True], bucket[1:] != bucket[:-1])))
    ends = np.append(starts[1:], len(bucket))
    place = bucket[starts]
    made["count"][place] = ends - starts
    made["mean"][place] = np.add.reduceat(values, starts) / (ends - starts)
    made["min"][place] = np.minimum.reduceat(values, starts)
    made["max"][place] = np.maximum.reduceat(values, starts)
    made["first"][place] = values[starts]
    made["last"][place] = values[ends - 1]
