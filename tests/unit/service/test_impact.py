"""What another version of the ranges would have said of recent batches."""

from dataclasses import replace

import numpy as np
import pytest

from domain.entries import Position
from domain.findings import PhaseRecord
from domain.recipes import Limits, Phase, RangeKind, Recipe
from domain.tags import TagTable
from historian.memory import MemoryStore
from service.ranges.impact import Past, impact, line_of, outside_ns
from tests.unit.detectors.approvals import version_of
from tests.unit.detectors.plant import (
    BAD,
    HOUR,
    MINUTE,
    PT,
    R101,
    RECIPE,
    SECOND,
    STEP,
    TAGS,
    TT,
    Plant,
    at,
    batch,
    findings,
    ranges,
    rulebook,
)

NOR = RangeKind.NOR


def outside(times: list[float], values: list[float], after_ns: int = 0) -> int:
    parameter = replace(ranges((58.0, 62.0), (55.0, 65.0)), after_ns=after_ns)
    return outside_ns(np.array([at(each) for each in times]), np.array(values), parameter, NOR, "high", at(0))


@pytest.mark.parametrize(
    ("times", "values", "seconds"),
    [
        ([0, 10, 20], [60, 62, 60], 0),  # at the limit is inside
        ([0, 10, 20], [60, 64, 60], 10),  # from half-way to half-way
        ([0, 10, 20], [64, 64, 64], 20),
        ([0, 10], [61, 63], 5),
        ([5], [63], 1),  # alone: it is not lost
        ([], [], 0),
    ],
)
def test_time_outside_is_that_of_the_straight_lines(times, values, seconds):
    assert outside(times, values) == seconds * SECOND


def test_what_is_before_the_range_holds_does_not_count():
    assert outside([0, 10, 20], [70, 70, 60], after_ns=15 * SECOND) == 0


def history(values: list[float], status: int = 0) -> MemoryStore:
    store = MemoryStore()
    store.write(Position(1), batch([(TT, 60.0 * number, value, status) for number, value in enumerate(values)]))
    return store


def past(store: MemoryStore, recipe: str = "API-1 v7") -> Past:
    run = PhaseRecord("R101/B-17/dose-1", "R101", "B-17", "dose", recipe, at(0), at(3600))
    return Past([run], store, TagTable(TAGS), {"R101": R101})


TIGHT = version_of(8, dose=Phase("dose", {"TT": ranges((58.0, 61.0), (55.0, 65.0))}))


def test_a_range_that_would_have_been_left_is_told():
    (line,) = impact(past(history([60, 61.5, 61.5, 60])), {"API-1 v7": RECIPE}, TIGHT, at(HOUR))

    assert line_of(line) == "B-17\tdose\tR101.TT\tnor.high\tinside\toutside 2 min"
    assert (line.rule, line.before_ns) == ("nor.high", 0)
    assert line.after_ns == pytest.approx(MINUTE * (1 + 2 / 3), rel=1e-6)


def test_what_both_say_is_not_told():
    assert list(impact(past(history([60, 70, 60])), {"API-1 v7": RECIPE}, TIGHT, at(HOUR))) == []


def test_bad_rows_prove_nothing():
    assert list(impact(past(history([61.5, 61.5], BAD)), {"API-1 v7": RECIPE}, TIGHT, at(HOUR))) == []


def test_other_products_are_left_out():
    assert list(impact(past(history([61.5, 61.5]), "API-2 v1"), {}, TIGHT, at(HOUR))) == []


def test_a_batch_that_nothing_judged_is_weighed_too():
    (line,) = impact(past(history([61.5, 61.5]), "API-1 v6"), {}, TIGHT, at(HOUR))

    assert (line.rule, line.before_ns, line.after_ns) == ("nor.high", 0, MINUTE)


def test_at_an_end_that_is_outside_it_counts():
    parameter = replace(ranges((58.0, 62.0), (55.0, 65.0)), ranges={NOR: Limits(None, 62.0, high_open=True)})
    times = np.array([at(each) for each in (0, 10, 20)])

    assert outside_ns(times, np.array([62.0, 62.0, 62.0]), parameter, NOR, "high", at(0)) == 20 * SECOND


def replayed(recipe: Recipe, values: list[float]) -> tuple[Plant, set[tuple[str, str, str, str]]]:
    """A plant whose record is judged by a version; what was outside, as `impact` names it."""
    plant = Plant(rulebook(recipes={"API-1": recipe})).idle().in_phase(20)
    plant.series(TT, 30, 60, values)
    plant.feed(batch([(STEP, 3600.0, 90)]), batch([(PT, 3610.0, 0.1)]))
    outside = {
        (each.batch, each.phase, each.subject, each.rule.removeprefix("excursion."))
        for each in findings(plant.said)
        if each.rule.startswith("excursion.")
    }
    return plant, outside


@pytest.mark.parametrize("seed", range(6))
def test_it_agrees_with_two_replays_of_the_record(seed: int):
    dice = np.random.default_rng(seed)
    values = np.round(60 + np.cumsum(dice.normal(0, 0.6, 50)), 2).tolist()
    plant, before = replayed(RECIPE, values)
    _, after = replayed(TIGHT, values)
    store = MemoryStore()
    store.write(Position(1), batch([(TT, 30.0 + 60 * number, value) for number, value in enumerate(values)]))
    runs = [each for each in plant.said if isinstance(each, PhaseRecord) and each.phase == "dose" and each.end_ns]
    found = impact(Past(runs[-1:], store, TagTable(TAGS), {"R101": R101}), {"API-1 v7": RECIPE}, TIGHT, at(HOUR))

    told = {(each.batch, each.phase, each.tag, each.rule): each.before_ns == 0 for each in found}
    gained = {each for each, is_gained in told.items() if is_gained}
    lost = set(told) - gained
    assert gained == after - before
    assert lost == before - after
