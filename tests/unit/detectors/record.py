"""The record of a tag for the detectors' tests: every row that a plant was fed, as of an entry."""

from collections.abc import Sequence

import numpy as np

from detectors.bank import Bank
from domain.entries import Entry, Position, Rejudge
from domain.findings import Finding
from domain.ports import Rows
from domain.rules import Rulebook
from domain.samples import SampleBatch
from domain.status import BAD
from tests.unit.detectors.plant import Plant, findings

_Row = tuple[int, float, int, int, int]  # time, value, status, entry, row


def rows_as_of(entries: Sequence[Entry], position: Position):
    """How a rejudging reads what was fed: entry n of the sequence has position n + 1."""

    def read(tag: int, start_ns: int, end_ns: int) -> Rows:
        every = sorted(_rows(entries[:position], tag))
        good = [row for row in every if row[0] < start_ns and np.isfinite(row[1]) and row[2] < BAD]
        since_ns = good[-1][0] if good else start_ns
        chosen = [row for row in every if since_ns <= row[0] < end_ns]
        columns = list(zip(*chosen, strict=True)) or [()] * 5
        return Rows(
            np.array(columns[0], np.int64),
            np.array(columns[1], np.float64),
            np.array(columns[2], np.uint32),
            np.array(columns[3], np.int64),
            np.array(columns[4], np.int32),
        )

    return read


def _rows(entries: Sequence[Entry], tag: int) -> list[_Row]:
    found: list[_Row] = []
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, SampleBatch):
            for index in np.flatnonzero(entry.tag == tag).tolist():
                time_ns, value, status = int(entry.time_ns[index]), float(entry.value[index]), int(entry.status[index])
                found.append((time_ns, value, status, number, index))
    return found


def judged(rules: Rulebook, entries: list[Entry], ask_after: set[int]) -> tuple[list[Finding], Plant]:
    """Feed entries; after some of them, and at the end, answer what is asked until nothing is."""
    plant = Plant(rules)
    assert isinstance(plant.detector, Bank)
    fed: list[Entry] = []
    said: list[Finding] = []
    for number, entry in enumerate(entries):
        fed.append(entry)
        said += findings(plant.feed(entry))
        if number not in ask_after and number < len(entries) - 1:
            continue
        plant.detector._watermarks.rechecks(plant.detector._is_judged)  # as a heartbeat tells them
        for asked in plant.detector.rechecks_asked():
            fed.append(Rejudge(asked.tag, asked.start_ns, asked.end_ns))
            plant.position += 1
            position = Position(plant.position)
            said += findings(plant.detector.rejudge(position, fed[-1], rows_as_of(fed, position)))
    return said, plant
