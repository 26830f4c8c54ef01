"""Shift, change points and novelty: what they say, when they stop, and what they never learn."""

import math

import numpy as np
import pytest

from detectors.drift.novelty import Novelty, NoveltyRule
from detectors.models.changes import ChangeReference, ChangeRule, Changes
from detectors.models.shift import Shift, ShiftReference, ShiftRule
from detectors.models.steady import Steady
from detectors.models.tails import correlation_time, normal_equivalent

RULE, CHANGE = ShiftRule(), ChangeRule()


def quiet(rows: int, seed: int = 1, tags: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).normal(10.0, 0.5, (rows, tags))


def alarms(rows: np.ndarray, reference: np.ndarray | None = None) -> list[bool]:
    shift = Shift(ShiftReference.learn(quiet(400) if reference is None else reference, RULE), RULE)
    found = []
    for row in rows:
        shift.update(row)
        found.append(shift.alarm)
    return found


def changes(rows: np.ndarray) -> list[int]:
    follows = Changes(ChangeReference.learn(quiet(400), CHANGE), CHANGE)
    found = []
    for place, row in enumerate(rows):
        follows.update(row)
        if follows.told:
            found.append(place)
    return found


@pytest.mark.parametrize(("t", "freedom", "normal"), [(1.96, 1e9, 1.96), (2.571, 5.0, 1.96), (4.032, 5.0, 2.576)])
def test_a_deviate_of_student_becomes_the_normal_one_of_the_same_tail(t: float, freedom: float, normal: float) -> None:
    assert normal_equivalent(np.array([t]), np.array([freedom]))[0] == pytest.approx(normal, rel=0.01)


def test_a_tag_that_remembers_offers_fewer_independent_rows() -> None:
    random = np.random.default_rng(2)
    white = random.standard_normal(20_000)
    slow = np.zeros(20_000)
    for place in range(1, len(slow)):
        slow[place] = 0.9 * slow[place - 1] + white[place]

    apart = correlation_time(np.stack([white, slow], axis=1))

    assert apart[0] == pytest.approx(1.0, abs=0.2)
    assert apart[1] == pytest.approx(19.0, rel=0.2)  # (1 + φ) / (1 - φ), less the tail under 0.1


def test_a_unit_that_stays_as_it_was_is_seldom_in_alarm() -> None:
    assert np.mean(alarms(quiet(2000, seed=3))) < 0.02


def test_the_alarm_lasts_while_the_unit_is_elsewhere_and_ends_when_it_is_back() -> None:
    rows = quiet(300, seed=3)
    rows[100:200, 0] += 5.0

    found = alarms(rows)

    assert not any(found[:100])
    assert all(found[104:200])
    assert not any(found[240:])


def test_it_is_over_when_most_of_it_is_over_and_the_rest_is_the_new_level() -> None:
    rows = quiet(600, seed=3)
    rows[100:200] += 5.0
    rows[200:] += 1.0  # it settles elsewhere: still far beyond `on`

    found = alarms(rows)

    assert all(found[104:200])
    assert not any(found[260:])


def test_what_began_at_that_level_is_in_alarm() -> None:
    rows = quiet(600, seed=3)
    rows[100:] += 1.0

    assert all(alarms(rows)[120:])


def test_a_cell_without_a_number_changes_nothing_for_the_other_tags() -> None:
    rows = quiet(300, seed=3)
    rows[100:200, 0] += 5.0
    holed = rows.copy()
    holed[120:140, 3] = np.nan

    assert alarms(holed)[100:200] == alarms(rows)[100:200]


@pytest.mark.parametrize("times", [1e-6, 1e6])
def test_shift_and_changes_are_told_in_any_unit_alike(times: float) -> None:
    rows = quiet(700, seed=3)
    rows[500:600, 0] += 1.5
    one, other = Steady(4, 400), Steady(4, 400)
    for row in rows:
        one.update(row)
        other.update(times * row)

        assert (other.alarm, other.told) == (one.alarm, one.told)
        assert other.score == pytest.approx(one.score, rel=1e-6)


def test_a_flat_tag_in_the_reference_is_no_error() -> None:
    reference = quiet(400)
    reference[:, 2] = 7.0
    rows = quiet(50, seed=3)
    rows[:, 2] = 7.0

    assert not any(alarms(rows, reference))


def test_the_reference_is_not_written_to() -> None:
    reference = quiet(400)
    kept = reference.copy()
    row = quiet(1)[0]

    learnt = ShiftReference.learn(reference, RULE)
    level = learnt.level.copy()
    for _ in range(100):
        Shift(learnt, RULE).update(row + 9.0)
    follows = Changes(ChangeReference.learn(reference, CHANGE), CHANGE)
    follows.update(row)

    assert np.array_equal(reference, kept)
    assert np.array_equal(learnt.level, level)
    assert np.array_equal(row, quiet(1)[0])


def test_a_change_is_told_once_in_its_rest_and_both_ways() -> None:
    rows = quiet(600, seed=3)
    rows[200:400] += 2.0

    found = changes(rows)

    assert any(200 <= place < 215 for place in found)
    assert any(400 <= place < 415 for place in found)
    assert min(np.diff(found)) >= CHANGE.rest
    assert not any(place < 200 for place in found)


def test_a_reference_shorter_than_a_change_looks_back_is_refused() -> None:
    with pytest.raises(ValueError, match="92 rows of reference"):
        ChangeReference.learn(quiet(CHANGE.rows), CHANGE)


def test_a_peak_that_comes_again_is_nothing_new() -> None:
    random = np.random.default_rng(4)
    values = random.normal(0.0, 1.0, 2000)
    values[600::250] = 30.0
    novelty = Novelty(NoveltyRule(smooth=1))
    told = []
    for place, value in enumerate(values.tolist()):
        novelty.update(value)
        told += [place] * novelty.told

    assert 600 in told
    assert not {850, 1100, 1350, 1600, 1850} & set(told)


def test_novelty_is_told_in_any_unit_alike() -> None:
    values = np.random.default_rng(5).normal(0.0, 1.0, 800)
    values[500] += 12.0
    scores = []
    for times, offset in ((1.0, 0.0), (3.7, 1000.0)):
        novelty = Novelty(NoveltyRule())
        own = []
        for value in (times * values + offset).tolist():
            novelty.update(value)
            own.append(novelty.score)
        scores.append(own)

    assert scores[0][500] > NoveltyRule().limit
    assert scores[0] == pytest.approx(scores[1], rel=0.005, abs=1e-3)


def test_a_value_that_is_no_number_is_nothing_new() -> None:
    with_holes, without = Novelty(NoveltyRule()), Novelty(NoveltyRule())
    for value in np.random.default_rng(6).normal(0.0, 1.0, 300).tolist():
        with_holes.update(value)
        with_holes.update(math.nan)
        assert not with_holes.told
        without.update(value)

    with_holes.update(25.0)
    without.update(25.0)
    assert with_holes.score == without.score > 0
