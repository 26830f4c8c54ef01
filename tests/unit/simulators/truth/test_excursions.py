import math

import numpy as np
import pytest

from simulators.layout import Layout, Line
from simulators.recipe import PHASES, Recipe, TrueRanges
from simulators.tags import plant_tags
from simulators.truth.excursions import Excursion, Excursions
from simulators.truth.limits import Limits, range_rows

LAYOUT = Layout(("R1",), (Line("T1", "C1", "D1"),), (0,))
TAGS = plant_tags(LAYOUT).measured
TT = next(column for column, tag in enumerate(TAGS) if tag.name == "R1.TT")
CRYSTALLISER_TT = next(column for column, tag in enumerate(TAGS) if tag.name == "C1.TT")
RECIPE = Recipe(
    "P",
    PHASES,
    {
        ("dose", "TT"): TrueRanges(nor=(58.0, 62.0), validated=(57.0, 65.0)),
        ("cool", "TT"): TrueRanges(validated=(None, 65.0), after_s=300),
    },
    4 * 3600,
)


class Plant:
    """One tag's true value, step by step."""

    def __init__(self) -> None:
        self.limits = Limits(RECIPE, LAYOUT, TAGS)
        self.began: list[Excursion] = []
        self.excursions = Excursions(self.limits, self.began.append)
        self.second = 0

    def phase(self, name: str, unit: str = "R1") -> None:
        self.excursions.leave([TT], self.second)
        self.limits.enter(unit, name, self.second)

    def at(self, second: int, temperature: float, column: int = TT) -> None:
        self.second = second
        self.limits.advance(second)
        value = np.full(len(TAGS), 20.0)
        value[column] = temperature
        self.excursions.advance(second, value)

    def told(self) -> list[tuple[str, float, float | None]]:
        return [(each.what, each.onset_s, each.end_s) for each in self.began]


@pytest.fixture
def plant() -> Plant:
    plant = Plant()
    plant.phase("dose")
    plant.at(0, 60.0)
    return plant


def test_onset_and_end_are_the_interpolated_crossings(plant: Plant) -> None:
    plant.at(5, 61.0)
    plant.at(10, 63.0)  # crosses 62 half way
    plant.at(15, 63.0)
    plant.at(20, 61.75)  # comes back after four fifths of the step

    assert plant.told() == [("nor.high", 7.5, 19.0)]


def test_each_kind_of_range_has_an_excursion_of_its_own(plant: Plant) -> None:
    plant.at(10, 66.0)

    assert plant.told() == [("nor.high", pytest.approx(10 / 3), None), ("validated.high", pytest.approx(50 / 6), None)]


def test_the_furthest_point_beyond_the_limit_is_kept(plant: Plant) -> None:
    for second, value in ((5, 57.5), (10, 57.2), (15, 57.4)):
        plant.at(second, value)

    assert [(each.what, pytest.approx(each.furthest)) for each in plant.began] == [("nor.low", 0.8)]


def test_a_value_on_the_limit_is_inside(plant: Plant) -> None:
    plant.at(5, 62.0)
    plant.at(10, 58.0)

    assert plant.told() == []


def test_a_value_that_is_no_number_is_not_inside(plant: Plant) -> None:
    plant.at(5, math.nan)

    assert {what for what, _, _ in plant.told()} == {"nor.low", "nor.high", "validated.low", "validated.high"}


def test_the_end_of_the_phase_ends_what_was_outside_its_range(plant: Plant) -> None:
    plant.at(10, 63.0)
    plant.at(20, 63.0)
    plant.phase("react")
    plant.at(25, 63.0)

    assert plant.told() == [("nor.high", pytest.approx(20 / 3), 20)]


def test_a_range_that_starts_some_minutes_into_the_phase_holds_from_then_on(plant: Plant) -> None:
    plant.phase("cool")
    plant.at(0, 70.0)
    plant.at(295, 70.0)
    before = plant.told()
    plant.at(300, 70.0)

    assert before == []
    assert plant.told() == [("validated.high", 300.0, None)]


def test_the_recipes_ranges_are_those_of_the_reactors(plant: Plant) -> None:
    plant.phase("cool", unit="C1")
    for second in (0, 300, 305):
        plant.at(second, 70.0, CRYSTALLISER_TT)

    assert [what for what, _, _ in plant.told() if what == "validated.high"] == []


def test_range_rows_leave_out_what_has_no_side() -> None:
    rows = [(row.phase, row.kind, row.low, row.high, row.after_s) for row in range_rows(RECIPE)]

    assert rows == [
        ("dose", "nor", 58.0, 62.0, 0),
        ("dose", "validated", 57.0, 65.0, 0),
        ("cool", "validated", None, 65.0, 300),
    ]
