from dataclasses import replace

import numpy as np
import pytest

from detectors.arrivals import arrived_samples, group
from detectors.models.grid import Grid
from domain.entries import Position, TagDefined
from domain.errors import Refused
from domain.findings import PhaseRecord
from domain.ports import Rows
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import TagTable
from service.config.shape.models import ModelText
from service.models.runs import cells, data_hash, measures_of, runs_of
from tests.unit.detectors.plant import SECOND, T0, TAGS, rulebook

TEXT = ModelText(kind="multivariate", units=["R101"], phase="dose", parameters=["TT", "PT"], every="2s", stale="10s")


class Memory:
    """A record of what it was given."""

    def __init__(self, rows):
        self.rows = rows  # tag, time, value, status

    def read(self, tag, start_ns, end_ns, **_):
        own = sorted(
            (row for row in self.rows if row[0] == tag and start_ns <= row[1] < end_ns), key=lambda row: row[1]
        )
        columns = list(zip(*own, strict=True)) or [(), (), (), ()]
        return Rows(
            np.array(columns[1], np.int64),
            np.array(columns[2], np.float64),
            np.array(columns[3], np.uint32),
            np.zeros(len(own), np.int64),
            np.zeros(len(own), np.int32),
        )


def made(seed, seconds=60):
    random = np.random.default_rng(seed)
    rows = [
        (int(random.integers(2)), T0 + int(at * SECOND), float(random.normal()), BAD if random.random() < 0.1 else 0)
        for at in np.sort(random.uniform(0, seconds, 40))
    ]
    return [row for row in rows if not T0 + 20 * SECOND < row[1] < T0 + 35 * SECOND]


def test_training_reads_what_judging_reads():
    """The cells out of the record are those that the detectors' grid closes on the same rows."""
    for seed in range(20):
        rows = made(seed)
        start, end = T0 + 3 * SECOND, T0 + 59 * SECOND
        grid = Grid(1, 2, 2 * SECOND, 10 * SECOND)
        grid.grow(2)
        grid.bind(0, 0, 0)
        grid.bind(1, 0, 1)
        grid.start(0, start)
        read = []
        for row in rows:
            entry = SampleBatch("s", 0, *(np.array([row[0]], np.uint32), np.array([row[1]], np.int64), None,
                                          np.array([row[2]]), np.array([row[3]], np.uint32)))  # fmt: skip
            closings = grid.feed(group(arrived_samples(Position(1), entry)))
            read += [(int(each.end_ns[0]), np.where(each.known[0], each.values[0], np.nan)) for each in closings]
        read += [(int(each.end_ns[0]), np.where(each.known[0], each.values[0], np.nan)) for each in grid.flush(0, end)]

        told = cells(Memory(rows), TAGS[:2], start, end, 2 * SECOND, 10 * SECOND)

        first = -(-start // (2 * SECOND))
        for end_ns, values in read:
            np.testing.assert_array_equal(told[end_ns // (2 * SECOND) - 1 - first], values)
        left = set(range(len(told))) - {end_ns // (2 * SECOND) - 1 - first for end_ns, _ in read}
        assert np.isnan(told[sorted(left)]).all()


def test_runs_are_those_of_the_phase_that_lie_within_the_span():
    def record(number, phase="dose", end=True):
        start = T0 + number * 100 * SECOND
        return PhaseRecord(f"R101/B-{number}/{phase}-1", "R101", f"B-{number}", phase, "API-1 v7", start,
                           start + 60 * SECOND if end else None)  # fmt: skip

    class Phases:
        def list_phases(self, *_):
            return [record(5, end=False), record(4), record(3), record(2, "cool"), record(1), record(0)]

    span = (T0 + 50 * SECOND, T0 + 10_000 * SECOND)
    found = runs_of(TEXT, rulebook(), TagTable(TAGS), Phases(), Memory([]), span, without=["B-3"])

    assert [run.batch for run in found] == ["B-1", "B-4"]
    assert found[0].values.shape == (30, 2)


def test_the_hash_of_data_sees_every_value():
    span = (T0 - SECOND, T0 + 10_000 * SECOND)

    class Phases:
        def list_phases(self, *_):
            return [PhaseRecord("R101/B-1/dose-1", "R101", "B-1", "dose", "API-1 v7", T0, T0 + 40 * SECOND)]

    rows = made(1)
    other = [(*row[:2], row[2] + 1e-12, row[3]) for row in rows]

    one, two = (
        data_hash(runs_of(TEXT, rulebook(), TagTable(TAGS), Phases(), Memory(each), span)) for each in (rows, other)
    )

    assert one != two


def defined(at_s, tag=0, **changed):
    return TagDefined(replace(TAGS[tag], **changed), T0 + at_s * SECOND)


def test_the_measures_are_those_of_the_span_and_what_was_there_first_holds_before():
    told = [defined(5, unit="degC"), defined(50, unit="degF"), defined(5, 1, unit="bar", reference="gauge")]

    assert measures_of(TEXT, rulebook(), told, (T0, T0 + 50 * SECOND)) == ["degC", "bar gauge"]
    assert measures_of(TEXT, rulebook(), told, (T0 + 50 * SECOND, T0 + 60 * SECOND)) == ["degF", "bar gauge"]
    with pytest.raises(Refused, match=r"TT is not counted alike in all runs: R101.TT degC, R101.TT degF"):
        measures_of(TEXT, rulebook(), told, (T0, T0 + 50 * SECOND + 1))
