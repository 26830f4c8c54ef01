"""What a version of ranges would have said of recent batches that another one judged: excursions lost and gained.

A plain count over the record, for the person who approves: for each phase run and each side of a range, how long the
parameter was outside by the straight lines between proven samples. Ranges around a moving set point are not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.equipment import UnitModel
from domain.findings import PhaseRecord
from domain.ports import HistoryReader, Rows
from domain.range_desk import Otherwise
from domain.recipes import ParameterRanges, RangeKind, Recipe
from domain.status import BAD
from domain.tags import TagTable
from domain.time import SECOND_NS, format_duration

Floats = NDArray[np.float64]

MOST_ROWS = 2_000_000
"""Rows of one tag in one phase run that are looked at."""


def line_of(one: Otherwise) -> str:
    """One line of the table."""
    return f"{one.batch or '-'}\t{one.phase}\t{one.tag}\t{one.rule}\t{_words(one.before_ns)}\t{_words(one.after_ns)}"


def _words(duration_ns: int) -> str:
    return "inside" if duration_ns == 0 else f"outside {format_duration(duration_ns)}"


@dataclass(frozen=True, slots=True)
class Past:
    """What the record says: phase runs, samples, tags and units."""

    runs: Sequence[PhaseRecord]
    history: HistoryReader
    tags: TagTable
    units: Mapping[str, UnitModel]


def impact(past: Past, before: Mapping[str, Recipe], after: Recipe, now_ns: int) -> Iterator[Otherwise]:
    """The ranges that would have said otherwise; `before` by `API-1 v7`, as phase runs name what judged them."""
    for run in past.runs:
        unit = past.units.get(run.unit)
        if unit is None or not (run.recipe == after.product or run.recipe.startswith(f"{after.product} v")):
            continue
        old, new = _parameters(before.get(run.recipe), run.phase), _parameters(after, run.phase)
        for role, name in unit.parameters.items():
            tag = past.tags.find(name)
            if tag is None or old.get(role) == new.get(role):
                continue
            end_ns = now_ns if run.end_ns is None else run.end_ns
            rows = past.history.read(tag.id, run.start_ns, end_ns, limit=MOST_ROWS)
            yield from _changed(run, name, rows, old.get(role), new.get(role))


def _parameters(recipe: Recipe | None, phase: str) -> Mapping[str, ParameterRanges]:
    known = None if recipe is None else recipe.phases.get(phase)
    return {} if known is None else known.parameters


def _changed(
    run: PhaseRecord, tag: str, rows: Rows, old: ParameterRanges | None, new: ParameterRanges | None
) -> Iterator[Otherwise]:
    good = np.isfinite(rows.value) & (rows.status < np.uint32(BAD))
    time_ns, value = rows.time_ns[good], rows.value[good]
    for kind in RangeKind:
        for side in ("low", "high"):
            was, is_now = (outside_ns(time_ns, value, each, kind, side, run.start_ns) for each in (old, new))
            if (was == 0) != (is_now == 0):
                yield Otherwise(run.batch, run.phase, tag, f"{kind}.{side}", was, is_now)


def outside_ns(
    time_ns: NDArray[np.int64], value: Floats, ranges: ParameterRanges | None, kind: RangeKind, side: str, start_ns: int
) -> int:
    """How long a parameter was outside one side of a range, by the straight lines between its samples.

    A lone sample outside counts as one second, so that it is not lost.
    """
    limits = None if ranges is None else ranges.ranges.get(kind)
    limit = None if limits is None else getattr(limits.closed, side)
    if ranges is None or limit is None:
        return 0
    holds = time_ns >= start_ns + ranges.after_ns
    time_ns, excess = time_ns[holds], (value[holds] - limit) * (1 if side == "high" else -1)
    if not np.any(excess > 0):
        return 0
    before, after, span = excess[:-1], excess[1:], np.diff(time_ns).astype(np.float64)
    above = np.maximum(before, 0) + np.maximum(after, 0)
    swing = np.maximum(np.abs(before) + np.abs(after), np.finfo(np.float64).tiny)
    part = np.where((before > 0) & (after > 0), 1.0, above / swing)
    return max(round(float(np.sum(part * span))), SECOND_NS)
