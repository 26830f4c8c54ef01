import itertools

import numpy as np
import pytest

from detectors.models.fitting import Fitting, calibrated, cross_fitted, fit, folds, judged
from detectors.models.multivariate import SPE, T2, Statistics

TAGS = 5
QUICK = Fitting(lags=1, ridge=1.0)


def plant(seed: int, rows: int = 600) -> np.ndarray:
    """Two hidden moves, five tags that follow them, and some noise of each."""
    random = np.random.default_rng(seed)
    hidden = np.zeros((rows, 2))
    for row in range(1, rows):
        hidden[row] = 0.8 * hidden[row - 1] + random.normal(0, 1, 2)
    mix = np.array([[1, 0], [0.8, 0.2], [0, 1], [0.3, 0.7], [0.5, -0.5]]).T
    return 50.0 + 4.0 * (hidden @ mix) + random.normal(0, 0.8, (rows, TAGS))


@pytest.fixture(scope="module")
def model():
    return calibrated(fit([plant(1), plant(2)], QUICK), [plant(3)], QUICK)


def test_limits_are_beyond_every_row_that_they_were_set_on(model):
    ratio = judged(model, plant(3))

    assert np.nanmax(ratio, axis=0) == pytest.approx([1 / QUICK.margin] * 2)


def test_quiet_rows_that_nothing_was_fitted_on_rarely_leave_the_limits(model):
    out = np.concatenate([judged(model, plant(seed))[QUICK.lags :] for seed in range(10, 16)]) > 1

    assert out.mean() < 0.01


def test_a_tag_that_no_longer_follows_is_named_with_its_direction(model):
    rows = plant(4)
    rows[300:, 3] -= 6.0
    statistics = Statistics(model, 1)
    place = np.zeros(1, np.intp)
    for row in rows[:340]:
        found = statistics.step(place, row[None], np.ones((1, TAGS), bool))

    first = statistics.contributions(0, SPE)[0]
    assert found[0, SPE] > model.limits[SPE]
    assert (first.tag, np.sign(first.off)) == (3, -1)
    assert first.share > 0.5
    assert 2.0 < -first.off < 10.0


def test_a_plant_that_moves_as_ever_but_elsewhere_is_seen_by_t2(model):
    random = np.random.default_rng(5)
    hidden = 12.0 + 0.2 * random.normal(size=(300, 1))
    rows = 50.0 + 4.0 * hidden * np.array([[1, 0.8, 0, 0.3, 0.5]]) + random.normal(0, 0.8, (300, TAGS))

    ratio = judged(model, rows)

    assert np.nanmin(ratio[50:, T2]) > 1


@pytest.mark.parametrize("missing", [[2], [0, 3], [0, 1, 2, 3, 4]])
def test_without_some_inputs_the_others_are_judged_as_ever(model, missing):
    broken = plant(6)
    broken[200:, missing] = np.nan

    assert np.nanmax(judged(model, broken)) < 1.2


def test_a_fault_is_seen_without_one_of_the_inputs(model):
    rows = plant(4)
    rows[300:, 3] -= 6.0
    rows[250:, 1] = np.nan

    assert judged(model, rows)[320:, SPE].min() > 1


def test_a_place_does_not_depend_on_its_neighbours_to_the_last_bit(model):
    many = np.stack([plant(seed, 60) for seed in range(20, 27)])
    together, alone = Statistics(model, 7), [Statistics(model, 7) for _ in range(7)]
    for row in range(60):
        places = np.arange(7, dtype=np.intp)[: 7 - row % 3]
        known = np.ones((len(places), TAGS), bool)
        found = together.step(places, many[places, row], known)
        for at in places.tolist():
            own = alone[at].step(np.array([at], np.intp), many[at : at + 1, row], known[:1])
            assert np.array_equal(own[0], found[at], equal_nan=True)


def test_a_restored_state_goes_on_to_the_last_bit(model):
    rows = plant(7, 80)
    place, known = np.zeros(1, np.intp), np.ones((1, TAGS), bool)
    straight = Statistics(model, 1)
    said = [straight.step(place, row[None], known) for row in rows]
    for stop in range(0, 80, 7):
        before, after = Statistics(model, 1), Statistics(model, 1)
        for row in rows[:stop]:
            before.step(place, row[None], known)
        after.load(before.arrays())

        rest = [after.step(place, row[None], known) for row in rows[stop:]]

        assert np.array_equal(np.array(rest), np.array(said[stop:]), equal_nan=True)


def test_a_senseless_value_is_far_out_and_no_more(model):
    rows = plant(8, 40)
    rows[20, 0] = 1e300

    ratio = judged(model, rows)

    assert np.isfinite(ratio[QUICK.lags :]).all()
    assert ratio[20, SPE] > 1e3


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit([plant(1, 4)], QUICK)
    with pytest.raises(ValueError, match="no row"):
        calibrated(fit([plant(1)], QUICK), [plant(2, 1)], QUICK)


def test_a_tag_that_never_moves_does_not_break_the_fit():
    rows = plant(9)
    rows[:, 1] = 7.0
    still = calibrated(fit([rows[:400]], QUICK), [rows[400:]], QUICK)

    rows[500:, 1] = 8.0

    assert np.nanmax(judged(still, rows[:450])[:, SPE]) < 1.2
    assert judged(still, rows)[501, SPE] > 1


def test_cross_fitting_judges_each_run_once_by_a_model_of_the_others():
    for count in (2, 9, 10, 11, 25):
        groups = folds(count)
        assert sorted(itertools.chain(*groups)) == list(range(count))
        assert len(groups) == min(count, 10)


def test_limits_by_cross_fitting_are_beyond_those_of_the_runs_own_fit():
    runs = [plant(seed, 40) for seed in range(1, 6)]

    crossed, own = cross_fitted(runs, QUICK), calibrated(fit(runs, QUICK), runs, QUICK)

    # What lasts is fitted best: one row's error is held out from the weights anyhow.
    slowest = crossed.limits[SPE] * crossed.error_level[-1], own.limits[SPE] * own.error_level[-1]
    assert slowest[0] > 1.2 * slowest[1]
    assert (crossed.state_level > own.state_level).all()
    assert np.array_equal(crossed.weights, own.weights)
