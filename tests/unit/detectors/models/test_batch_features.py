import math

import numpy as np
import pytest
from scipy import stats

from detectors.models.batch import (
    Aligner,
    References,
    deviation,
    deviations_from_before,
    feature_limit,
    features,
    largest,
    most_off,
    student_quantile,
)
from detectors.models.batch_fitting import batch_scores, cross_fitted_batch, fit_batch


@pytest.mark.parametrize("freedom", [1, 2, 5, 9, 30, 100])
@pytest.mark.parametrize("tail", [0.2, 0.05, 1e-3, 1e-5])
def test_the_quantile_is_students(tail, freedom):
    assert student_quantile(tail, freedom) == pytest.approx(stats.t.ppf(1 - tail / 2, freedom), rel=2e-3)


def test_the_largest_of_many_deviations_leaves_the_limit_as_rarely_as_it_was_made_for():
    random = np.random.default_rng(1)
    limit = feature_limit(0.05, 20, 15)
    out = 0
    for _ in range(2000):
        spread = np.sqrt(np.square(random.normal(size=(15, 20))).mean(axis=0))
        out += largest(random.normal(size=20) / spread) > limit

    assert 0.03 < out / 2000 < 0.06


def test_features_are_means_and_spreads_and_one_spike_says_little():
    rows = np.tile([[1.0, 10.0], [3.0, 10.0]], (50, 1))
    known = np.ones_like(rows, bool)

    told = features(rows, known, np.array([0.4, 0.4]))
    rows[7, 1] = 20.0
    spiked = features(rows, known, np.array([0.4, 0.4]))

    assert told == pytest.approx([2.0, 10.0, math.log(1.1), math.log(0.1)])
    assert spiked[1] == pytest.approx(10.1)
    assert spiked[3] == pytest.approx(math.log(0.1 + 0.198))


def test_what_is_not_known_is_left_out_and_a_tag_without_any_is_not_judged():
    rows = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])

    told = features(rows, np.isfinite(rows), np.ones(2))

    assert told[0] == 2.0
    assert np.isnan(told[[1, 3]]).all()
    assert math.isnan(largest(np.array([np.nan])))


def test_a_batch_is_compared_with_those_before_it_only():
    campaign = [np.array([float(number)]) for number in (0, 0, 0, 0, 0, 6, 6)]

    told = deviations_from_before(campaign, References(least=2, most=3), 2)

    assert len(told) == 5
    assert told[0] == 0
    assert told[3] == pytest.approx(6 / math.sqrt(1 + 1 / 3))
    assert told[4] == pytest.approx(4 / math.sqrt(1 + 1 / 3))
    assert deviation(np.array([3.0]), np.array([[1.0], [1.0]])) == pytest.approx(2 / math.sqrt(1.5))


def test_the_columns_that_are_off_are_named_in_order():
    told = most_off(np.array([1.0, -4.0, np.nan, 2.0]), np.array([1.0, 0.5, 1.0, 1.0]), most=2)

    assert [(each.tag, each.off) for each in told] == [(1, -2.0), (3, 2.0)]
    assert told[0].share == pytest.approx(16 / 21)


@pytest.mark.parametrize("pace", [0.6, 1.0, 1.5])
def test_a_slow_or_quick_batch_is_found_in_the_course(pace):
    at = np.arange(200)
    course = np.stack([np.sin(at / 30), at / 100], axis=1)
    spread = np.full_like(course, 0.1)
    aligner = Aligner(course, spread)
    random = np.random.default_rng(2)
    known = np.ones(2, bool)

    places = []
    for step in range(int(190 / pace)):
        true = int(step * pace)
        places.append(aligner.place(course[true] + random.normal(0, 0.03, 2), known) - true)

    assert np.abs(places[10:]).max() <= 6


@pytest.mark.parametrize("least", [0, 2])
def test_limits_by_cross_fitting_are_beyond_a_run_that_the_others_do_not_know(least):
    campaign = [np.random.default_rng(seed).normal(0.0, 1.0, (40, 2)) for seed in range(12)]
    campaign[6][20:, 0] += 9.0
    references = References(least, 5)

    model = cross_fitted_batch([campaign], references)

    others = [run for number, run in enumerate(campaign) if number != 6]
    blind = fit_batch([others], [others], references)
    tube, _ = batch_scores(blind, [campaign], references)
    assert model.limits[0] >= tube[6 - least]
