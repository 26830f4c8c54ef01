"""Buckets from chunk summaries where a chunk lies whole in a bucket, and from rows where an edge cuts it.

All figures are exact: minimum, maximum, first, last and counts by nature, the mean as the exact sum, rounded once,
over the count. So it does not matter which rows came from a summary.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.entries import Position
from domain.ports import Buckets
from historian.chunks.places import place_after
from historian.chunks.query import EVERY_PLACE, Query, Window, gather, relevant
from historian.chunks.reading import ChunkRow
from historian.chunks.rows import TagRows, merge
from historian.chunks.segment import Kind
from historian.chunks.summary import Summary, proper
from historian.chunks.sums import exact_mean, exact_sums

_WINDOW_ROWS = 131_072


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Figures of stretches that lie within one bucket each, m arrays; a bucket may have several cells.

    `exact` tells whether `sum_high + sum_low` is the sum; where it is not, `values` has the values.
    """

    bucket: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    first: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    last: NDArray[np.float64]
    sum_high: NDArray[np.float64]
    sum_low: NDArray[np.float64]
    count: NDArray[np.int64]
    bad: NDArray[np.int64]
    values: dict[int, list[float]]  # by cell


def aggregate(query: Query, tag: int, start_ns: int, end_ns: int, buckets: int, *, as_of: Position | None) -> Buckets:
    """As `HistoryReader.aggregate`; the buckets' width is rounded up to whole ns."""
    if buckets < 1:
        raise ValueError(f"buckets is {buckets}, and must be at least 1")
    width_ns = max(1, -(-(end_ns - start_ns) // buckets))
    place_before = EVERY_PLACE if as_of is None else place_after(as_of)
    tail = query.snapshot().rows(tag, start_ns, end_ns)

    def load(window: Window) -> list[Cells]:
        chunks = relevant(window, tail, place_before, everything=as_of is not None)
        whole = _whole(chunks, tail, window, start_ns, width_ns, place_before)
        cut = [chunk for chunk in chunks if chunk.segment not in whole]
        mixed = bool(tail) or any(chunk.kind != Kind.BASE for chunk in cut)
        rows = merge(gather(window, cut, tail, place_before, places=mixed), versions=False)
        # A cell ends where a whole chunk begins, so that first and last stay in order.
        breaks = np.array([chunk.start_ns for chunk, _ in whole.values()], np.int64)
        cells = [_of_rows(rows, breaks, start_ns, width_ns)] if len(rows.time_ns) else []
        if whole:
            cells.append(_of_summaries(list(whole.values()), start_ns, width_ns))
        return cells

    found: list[Cells] = []
    for cells in query.over_windows(tag, start_ns, end_ns, _WINDOW_ROWS, load):
        found += cells
    return _combine(found, start_ns, width_ns)


def _whole(
    chunks: list[ChunkRow], tail: list[TagRows], window: Window, start_ns: int, width_ns: int, place_before: int
) -> dict[int, tuple[ChunkRow, Summary]]:
    """The chunks whose summary can stand for them, by segment."""
    others = [(chunk.start_ns, chunk.end_ns) for chunk in chunks if chunk.kind != Kind.BASE]
    tail_ns = np.sort(np.concatenate([rows.time_ns for rows in tail])) if tail else np.empty(0, np.int64)
    whole = {}
    for chunk in chunks:
        if chunk.kind != Kind.BASE or chunk.start_ns < window.start_ns or chunk.end_ns >= window.end_ns:
            continue
        if (chunk.start_ns - start_ns) // width_ns != (chunk.end_ns - start_ns) // width_ns:
            continue
        if chunk.high_place >= place_before or any(a <= chunk.end_ns and b >= chunk.start_ns for a, b in others):
            continue
        first, last = np.searchsorted(tail_ns, (chunk.start_ns, chunk.end_ns + 1)).tolist()
        summary = chunk.summary
        if first == last and summary.exact:
            whole[chunk.segment] = (chunk, summary)
    return whole


def _of_summaries(whole: list[tuple[ChunkRow, Summary]], start_ns: int, width_ns: int) -> Cells:
    start = np.array([chunk.start_ns for chunk, _ in whole], np.int64)
    figures = np.array([(s.first, s.minimum, s.maximum, s.last, s.sum_high, s.sum_low) for _, s in whole], np.float64).T
    counts = np.array([(s.count, s.bad) for _, s in whole], np.int64).T
    first, minimum, maximum, last, high, low = figures
    bucket = (start - start_ns) // width_ns
    return Cells(bucket, start, first, minimum, maximum, last, high, low, counts[0], counts[1], {})


def _of_rows(rows: TagRows, breaks: NDArray[np.int64], start_ns: int, width_ns: int) -> Cells:
    time_ns, value = rows.time_ns, rows.value
    low, high = (int(time_ns[0]) - start_ns) // width_ns, (int(time_ns[-1]) - start_ns) // width_ns
    if high - low < len(rows.time_ns):
        edges = np.searchsorted(time_ns, start_ns + width_ns * np.arange(low + 1, high + 1))
    else:
        number = (time_ns - start_ns) // width_ns
        edges = np.flatnonzero(number[1:] != number[:-1]) + 1
    edges = np.sort(np.concatenate(([0], edges, np.searchsorted(time_ns, breaks))))
    edges = edges[np.append(edges[1:] != edges[:-1], True) & (edges < len(time_ns))].astype(np.intp)
    start = time_ns[edges]
    bucket = (start - start_ns) // width_ns
    rows_of_cell = np.diff(np.append(edges, len(time_ns)))
    chosen = proper(value, rows.status)
    if chosen is None:
        return _figures(value, edges, bucket, start, rows_of_cell, rows_of_cell)
    before = np.concatenate(([0], np.cumsum(chosen)))
    ends = np.append(edges[1:], len(time_ns))
    count = before[ends] - before[edges]
    filled = np.flatnonzero(count)
    empty = np.flatnonzero(count == 0)
    cells = []
    if len(filled):
        starts = before[edges[filled]].astype(np.intp)
        cells.append(
            _figures(value[chosen], starts, bucket[filled], start[filled], count[filled], rows_of_cell[filled])
        )
    if len(empty):
        nothing = np.full(len(empty), np.nan)
        zero = np.zeros(len(empty))
        none = np.zeros(len(empty), np.int64)
        cells.append(
            Cells(
                bucket[empty],
                start[empty],
                nothing,
                nothing,
                nothing,
                nothing,
                zero,
                zero,
                none,
                rows_of_cell[empty],
                {},
            )
        )
    return _join(cells)


def _figures(
    value: NDArray[np.float64],
    starts: NDArray[np.intp],
    bucket: NDArray[np.int64],
    start_ns: NDArray[np.int64],
    count: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> Cells:
    sums = exact_sums(value, starts)
    ends = np.append(starts[1:], len(value))
    values = {cell: value[starts[cell] : ends[cell]].tolist() for cell in np.flatnonzero(~sums.exact).tolist()}
    return Cells(
        bucket,
        start_ns,
        value[starts],
        np.minimum.reduceat(value, starts),
        np.maximum.reduceat(value, starts),
        value[ends - 1],
        sums.high,
        sums.low,
        count,
        rows - count,
        values,
    )


def _join(cells: list[Cells]) -> Cells:
    """All cells, in the order of time."""
    if len(cells) == 1:
        return cells[0]
    order = np.argsort(np.concatenate([part.start_ns for part in cells]), kind="stable")
    place = np.empty(len(order), np.intp)
    place[order] = np.arange(len(order))
    values, before = {}, 0
    for part in cells:
        values.update({int(place[before + cell]): listed for cell, listed in part.values.items()})
        before += len(part.bucket)
    return Cells(
        np.concatenate([part.bucket for part in cells])[order],
        np.concatenate([part.start_ns for part in cells])[order],
        np.concatenate([part.first for part in cells])[order],
        np.concatenate([part.minimum for part in cells])[order],
        np.concatenate([part.maximum for part in cells])[order],
        np.concatenate([part.last for part in cells])[order],
        np.concatenate([part.sum_high for part in cells])[order],
        np.concatenate([part.sum_low for part in cells])[order],
        np.concatenate([part.count for part in cells])[order],
        np.concatenate([part.bad for part in cells])[order],
        values,
    )


def _combine(parts: list[Cells], start_ns: int, width_ns: int) -> Buckets:
    if not parts:
        none, no_count = np.empty(0), np.empty(0, np.int64)
        return Buckets(no_count, none, none, none, none, none, no_count, no_count)
    cells = _join(parts)
    starts = np.flatnonzero(np.concatenate(([True], cells.bucket[1:] != cells.bucket[:-1]))).astype(np.intp)
    count = np.add.reduceat(cells.count, starts)
    bad = np.add.reduceat(cells.bad, starts)
    minimum, maximum = np.fmin.reduceat(cells.minimum, starts), np.fmax.reduceat(cells.maximum, starts)
    with np.errstate(invalid="ignore"):
        mean = cells.sum_high[starts] / np.where(count > 0, count, np.nan)
    ends = np.append(starts[1:], len(cells.bucket))
    first, last = cells.first[starts], cells.last[ends - 1]
    several = ends - starts > 1
    for cell in cells.values:
        several[np.searchsorted(starts, cell, "right") - 1] = True
    for at in np.flatnonzero(several & (count > 0)).tolist():
        span = range(starts[at], ends[at])
        filled = [cell for cell in span if cells.count[cell]]
        first[at], last[at] = cells.first[filled[0]], cells.last[filled[-1]]
        summands: list[float] = []
        for cell in filled:
            known = cells.values.get(cell)
            summands += known if known is not None else [float(cells.sum_high[cell]), float(cells.sum_low[cell])]
        peak = max(-float(minimum[at]), float(maximum[at]))
        mean[at] = exact_mean(summands, int(count[at]), peak)
    return Buckets(start_ns + width_ns * cells.bucket[starts], first, minimum, maximum, last, mean, count, bad)
