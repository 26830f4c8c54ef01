"""The steps of a set point that are shown are those that the detectors judged by."""

import random

import numpy as np

from domain.entries import Position
from domain.findings import Stage
from domain.samples import SampleBatch
from domain.status import BAD
from domain.tags import TagId
from historian.memory import MemoryStore
from service.set_points import recorded_steps
from tests.unit.detectors.plant import TT, at
from tests.unit.detectors.ranges.test_set_points import SP, plant


def stored(*rows: tuple[float, float, int]) -> MemoryStore:
    """Rows of the set point: (second, value, status), one entry each in this order."""
    store = MemoryStore()
    for number, (second, value, status) in enumerate(rows, 1):
        batch = SampleBatch(
            "train1",
            at(second),
            np.array([SP], np.uint32),
            np.array([at(second)], np.int64),
            None,
            np.array([value], np.float64),
            np.array([status], np.uint32),
        )
        store.write(Position(number), batch)
    return store


def steps(store: MemoryStore, start: float, end: float) -> list[tuple[int, float | None]]:
    return [(each.time_ns, each.value) for each in recorded_steps(store, TagId(SP), at(start), at(end))]


def test_a_set_point_is_told_from_the_start_on_and_where_it_steps():
    store = stored((-5, 60.0, 0), (10, 60.0, 0), (20, 65.0, 0), (30, 65.0, 0), (90, 70.0, 0))

    assert steps(store, 0, 60) == [(at(0), 60.0), (at(20), 65.0)]
    assert steps(store, 20, 60) == [(at(20), 65.0)]


def test_what_is_not_known_or_bad_is_not_proven():
    store = stored((10, 60.0, 0), (20, 61.0, BAD), (30, float("nan"), 0), (40, 60.0, 0))

    assert steps(store, 0, 60) == [(at(0), None), (at(10), 60.0), (at(20), None), (at(40), 60.0)]


def test_a_late_row_stands_in_its_place():
    store = stored((0, 60.0, 0), (40, 62.0, 0), (20, 61.0, 0))

    assert steps(store, 0, 60) == [(at(0), 60.0), (at(20), 61.0), (at(40), 62.0)]


def test_a_sample_is_outside_what_is_shown_exactly_where_the_detector_says_so():
    """Random set points and values that fall on the limits themselves and one unit in the last place beside them."""
    chance = random.Random(5)
    shown: list[tuple[float, float, int]] = [(-1, 60.0, 0)]
    made = plant()
    is_out, checked = False, 0
    for second in range(1, 400):
        if chance.random() < 0.3:
            value, code = chance.choice([(60.0, 0), (60.1, 0), (59.3, 0), (61.7, BAD)])
            made.samples((SP, second, value if code == 0 else float("nan")))
            shown.append((second, value, code))
        set_point = steps(stored(*shown), 0, second + 1)[-1][1]
        value = (set_point or 60.0) + chance.choice([0.0, 2.0, -2.0, 2.0000000001, 3.0])
        said = [each for each in made.samples((TT, second + 0.5, value)) if each.rule == "excursion.nor.high"]
        is_out = said[-1].stage is Stage.OPEN if said else is_out
        if set_point is None:
            continue
        checked += 1
        assert is_out == (value - set_point > 2.0)

    assert checked > 100
