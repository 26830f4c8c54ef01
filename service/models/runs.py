"""Runs of a phase out of the record, as a model reads them: a value per tag and cell, held from sample to sample."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from domain.entries import TagDefined
from domain.errors import Refused
from domain.findings import PhaseRecord
from domain.ports import HistoryReader
from domain.rules import Rulebook
from domain.status import BAD
from domain.tags import Tag, TagTable
from service.config.shape.models import ModelText

Numbers = NDArray[np.float64]
MOST_RUNS = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class PhaseRun:
    """One run: (cells, parameters), NaN where nothing is known."""

    instance: str
    unit: str
    batch: str
    start_ns: int
    values: Numbers


class Phases(Protocol):
    """The records as far as they know phases."""

    def list_phases(
        self, start_ns: int | None, end_ns: int | None, unit: str | None, limit: int
    ) -> Sequence[PhaseRecord]:
        """Phase runs that overlap [start, end), newest start first."""
        ...


def runs_of(
    text: ModelText,
    rulebook: Rulebook,
    tags: TagTable,
    phases: Phases,
    history: HistoryReader,
    span: tuple[int, int],
    without: Sequence[str] = (),
) -> list[PhaseRun]:
    """The runs that begin and end within [start, end), oldest first, less those of some batches."""
    found: list[PhaseRun] = []
    for unit in text.units:
        columns = _columns(text, rulebook, tags, unit)
        for phase in phases.list_phases(span[0], span[1], unit, MOST_RUNS):
            ended = phase.end_ns is not None and phase.start_ns >= span[0] and phase.end_ns <= span[1]
            of_it = phase.phase == text.phase and (not text.product or phase.recipe.startswith(f"{text.product} v"))
            if ended and of_it and phase.batch not in without:
                assert phase.end_ns is not None
                values = cells(history, columns, phase.start_ns + text.after, phase.end_ns, text.every, text.stale)
                found.append(PhaseRun(phase.instance, unit, phase.batch, phase.start_ns, values))
    return sorted((run for run in found if len(run.values)), key=lambda run: (run.start_ns, run.unit))


def measures_of(
    text: ModelText, rulebook: Rulebook, definitions: Iterable[TagDefined], span: tuple[int, int]
) -> list[str]:
    """What each parameter was counted in within [start, end), the same in every unit and all the time, or Refused.

    `definitions`: of all tags, in the order in which they came. The first of a tag holds for what was before it, too.
    """
    found: list[str] = []
    of_tag: dict[int, list[TagDefined]] = {}
    for each in definitions:
        of_tag.setdefault(each.tag.id, []).append(each)
    by_name = {each.tag.name: told for told in of_tag.values() for each in told}
    for role in text.parameters:
        told: dict[str, str] = {}
        for unit in text.units:
            name = rulebook.units[unit].parameters.get(role, "")
            before, within = _in_force(by_name.get(name, []), span)
            told |= {each.tag.measure: f"{name} {each.tag.measure or 'no unit'}" for each in (*before, *within)}
        if len(told) > 1:
            raise Refused(f"{role} is not counted alike in all runs: {', '.join(told.values())}; train on some of them")
        found.append(next(iter(told), ""))
    return found


def _in_force(told: Sequence[TagDefined], span: tuple[int, int]) -> tuple[Sequence[TagDefined], Sequence[TagDefined]]:
    """The definition that a span begins with, and those that come within it."""
    before = [each for each in told if each.at_ns <= span[0]]
    within = [each for each in told if span[0] < each.at_ns < span[1]]
    return (before[-1:] or told[:1]), within


def _columns(text: ModelText, rulebook: Rulebook, tags: TagTable, unit: str) -> list[Tag]:
    parameters: Mapping[str, str] = rulebook.units[unit].parameters
    missing = [role for role in text.parameters if role not in parameters]
    if missing:
        raise Refused(f"unit {unit} has no tag for {', '.join(missing)}")
    return [tags.named(parameters[role]) for role in text.parameters]


def cells(
    history: HistoryReader, columns: Sequence[Tag], start_ns: int, end_ns: int, every_ns: int, stale_ns: int
) -> Numbers:
    """The values at the end of each whole cell in [start, end), as the detectors' grid reads them."""
    first, last = -(-start_ns // every_ns), end_ns // every_ns
    ends = (np.arange(first, last, dtype=np.int64) + 1) * every_ns
    values = np.full((len(ends), len(columns)), np.nan)
    if not len(ends):
        return values
    for number, tag in enumerate(columns):
        rows = history.read(tag.id, int(ends[0]) - every_ns - stale_ns, int(ends[-1]))
        if not len(rows):
            continue
        value = np.where(rows.status < np.uint32(BAD), rows.value, np.nan)
        at = np.searchsorted(rows.time_ns, ends, side="left") - 1
        fresh = (at >= 0) & (rows.time_ns[np.maximum(at, 0)] >= ends - stale_ns)
        values[:, number] = np.where(fresh, value[np.maximum(at, 0)], np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def data_hash(runs: Sequence[PhaseRun]) -> str:
    """SHA-256 over the runs and every value that was looked at."""
    digest = hashlib.sha256()
    for run in runs:
        values = np.ascontiguousarray(np.where(np.isnan(run.values), np.nan, run.values), dtype="<f8")
        digest.update(f"{run.instance}\0{run.start_ns}\0{values.shape}\0".encode() + values.tobytes())
    return digest.hexdigest()
