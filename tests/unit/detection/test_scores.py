import numpy as np
import pytest

from tests.bench.detection.intervals import drawn, rated, shared
from tests.bench.detection.nab_score import best_limit, counts, probation, score, worth
from tests.bench.detection.section import Goal
from tests.bench.detection.skab_score import change_score, changes, f1, far, mar, outlier_counts


def flags(*rows: int, of: int = 200) -> np.ndarray:
    made = np.zeros(of, np.bool_)
    made[list(rows)] = True
    return made


def test_rows_are_counted_by_what_was_true() -> None:
    true, flag = np.array([1, 1, 1, 0, 0, 0, 0], np.bool_), np.array([1, 1, 0, 1, 0, 0, 0], np.bool_)

    found = outlier_counts(flag, true)

    assert found.tolist() == [2, 1, 1, 3]
    assert f1(found) == pytest.approx(4 / 6)
    assert far(found) == 25
    assert mar(found) == pytest.approx(100 / 3)


def test_an_alarm_at_a_change_earns_all_and_silence_nothing() -> None:
    time_s = np.arange(200.0)

    at_once = changes(time_s, flags(50), flags(50))
    silent = changes(time_s, flags(50), flags())

    assert change_score(at_once.counts()) == pytest.approx(100)
    assert change_score(silent.counts()) == 0
    assert silent.missed == 1


def test_the_end_of_a_window_belongs_to_it_and_what_is_behind_is_false() -> None:
    time_s = np.arange(200.0)

    last = changes(time_s, flags(50), flags(110))
    behind = changes(time_s, flags(50), flags(111))

    assert (last.missed, last.false) == (0, 0)
    assert last.reward == pytest.approx(-0.11)
    assert (behind.missed, behind.false) == (1, 1)


def test_windows_that_meet_share_no_time() -> None:
    found = changes(np.arange(200.0), flags(50, 90), flags(50, 112))

    assert (found.windows, found.missed, found.false) == (2, 0, 0)
    assert 1 < found.reward < 2  # the second begins at 110


def test_more_alarms_within_a_window_cost_nothing() -> None:
    one, many = (changes(np.arange(200.0), flags(50), each) for each in (flags(60), flags(60, 70, 80)))

    assert one == many


def test_an_alarm_at_the_first_row_of_a_window_is_the_best() -> None:
    of = worth(1000, [(500, 599)])
    scores = np.zeros(1000)
    scores[500] = 2.0

    found = counts(of, scores, 1.0)

    assert found.tolist()[1:] == [1, 1, 0]
    assert score(found) == pytest.approx(100)


def test_alarms_in_the_probation_count_for_nothing() -> None:
    of = worth(1000, [(500, 599)])
    scores = np.where(np.arange(1000) < probation(1000), 9.0, 0.0)

    assert counts(of, scores, 1.0).tolist() == [-1.0, 1, 0, 0]


def test_a_false_alarm_costs_less_just_behind_a_window() -> None:
    of = worth(1000, [(500, 599)])

    assert of.gain[400] == pytest.approx(-0.11)
    assert -0.11 < of.gain[600] < 0
    assert of.gain[999] == pytest.approx(-0.11)


def test_the_best_limit_is_no_worse_than_any_score_that_occurs() -> None:
    random = np.random.default_rng(3)
    of = [worth(300, [(200, 219)]), worth(300, [(100, 130), (250, 260)])]
    scores = [np.round(random.random(300), 2) for _ in of]

    best = best_limit(of, scores)

    sums = {
        limit: sum(counts(each, own, limit)[0] for each, own in zip(of, scores, strict=True))
        for limit in {0.0, *np.concatenate(scores).tolist(), float("inf")}
    }
    assert sums[best] == pytest.approx(max(sums.values()))


def test_files_are_drawn_anew_within_their_groups() -> None:
    counted = np.array([[1.0, 10.0], [3.0, 10.0], [100.0, 10.0]])

    figure = drawn(counted, ["a", "a", "b"], lambda sums: float(sums[0]))

    assert figure.value == 104
    assert (figure.low, figure.high) == (102, 106)  # the one file of b is always there


def test_shares_and_rates_have_exact_bounds() -> None:
    assert shared(59, 59).low == pytest.approx(0.95, abs=1e-3)
    assert rated(0, 10.0).high == pytest.approx(0.29957, abs=1e-4)
    assert shared(0, 0).value is None


@pytest.mark.parametrize(("value", "met"), [(12.0, True), (12.1, False), (None, None)])
def test_a_goal_is_met_at_its_limit(value: float | None, met: bool | None) -> None:
    assert Goal(at_most=12.0).met(value) is met
