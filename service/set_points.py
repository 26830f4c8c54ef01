"""What a set point was over time, as the detectors judge by it: the same code, on rows of the record."""

from collections.abc import Sequence
from math import isnan

from api.dependencies import SetPointStep
from detectors.late.rejudging import in_order_of_time
from detectors.ranges.set_points import steps_of
from domain.ports import HistoryReader

MOST_ROWS = 200_000
"""Rows that are read for one answer; what is later is left out."""


def recorded_steps(history: HistoryReader, tag: int, start_ns: int, end_ns: int) -> Sequence[SetPointStep]:
    """The steps of a set point in [start, end), the first of them at the start. Blocks."""
    held = history.at_time(tag, start_ns)
    since_ns = int(held.time_ns[0]) if len(held) else start_ns
    rows = history.read(tag, since_ns, end_ns, versions=True, limit=MOST_ROWS)
    steps = steps_of(in_order_of_time("", tag, rows, {}), start_ns)
    return [SetPointStep(each.time_ns, None if isnan(each.value) else each.value) for each in steps]
