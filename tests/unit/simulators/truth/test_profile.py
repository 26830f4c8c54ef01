import numpy as np
import pytest

from simulators.truth.profile import GRID_S, Run, band, student

SIGMA = np.array([0.1])


def run(*values: float, lasted_s: float | None = None) -> Run:
    column = np.array(values)[:, None]
    return Run(column, column + 1.0, len(values) * GRID_S if lasted_s is None else lasted_s)


@pytest.mark.parametrize(
    ("count", "tabled"),  # Student's quantile at 0.99865
    [(11, 3.957), (21, 3.422), (31, 3.270), (1001, 3.0075)],
)
def test_three_sigma_of_few_batches_is_students_quantile(count: int, tabled: float) -> None:
    assert student(count) / np.sqrt(1 + 1 / count) == pytest.approx(tabled, rel=2e-3)


def test_the_band_is_the_mean_and_so_many_standard_deviations() -> None:
    runs = [run(9.0, 9.0), run(10.0, 10.0), run(11.0, 11.0)]
    made = band([runs], SIGMA)

    assert made.true_low[0, 0] == pytest.approx(10 - student(3))
    assert made.true_high[1, 0] == pytest.approx(10 + student(3))
    assert made.reported_high[0, 0] == pytest.approx(11 + student(3))


def test_batches_that_are_all_alike_leave_the_instruments_standard_deviation() -> None:
    made = band([[run(10.0)] * 20], SIGMA)

    assert made.true_high[0, 0] - 10.0 == pytest.approx(0.1 * student(20))


def test_a_step_that_comes_a_moment_sooner_or_later_is_normal() -> None:
    made = band([[run(0.0, 0.0, 100.0, 100.0)] * 20], SIGMA)

    assert made.true_high[:, 0].round().tolist() == [0.0, 100.0, 100.0, 100.0]
    assert made.true_low[:, 0].round().tolist() == [-0.0, -0.0, -0.0, 100.0]


def test_first_and_later_batches_have_a_spread_each_and_the_widest_edge_holds() -> None:
    first, later = [run(10.0)] * 20, [run(12.0)] * 20
    made = band([first, later], SIGMA)

    assert made.true_low[0, 0] == pytest.approx(10.0 - 0.1 * student(20))
    assert made.true_high[0, 0] == pytest.approx(12.0 + 0.1 * student(20))


def test_a_phase_that_lasts_longer_keeps_the_last_row_for_a_minute_and_then_nothing_is_normal() -> None:
    made = band([[run(1.0, 2.0)] * 20], SIGMA)

    assert [made.row(since_s) for since_s in (0, 9, 10, 19, 20, 79, 80)] == [0, 0, 1, 1, 1, 1, None]


def test_the_longest_normal_phase_is_known() -> None:
    lasted = [600.0, 610.0, 620.0]
    made = band([[run(1.0, lasted_s=each) for each in lasted]], SIGMA)

    assert made.longest_s == pytest.approx(610 + 10 * student(3))


def test_an_instrument_that_only_counts_up_has_no_normal() -> None:
    made = band([[run(1.0)] * 20], np.array([np.inf]))

    assert (made.true_low[0, 0], made.true_high[0, 0]) == (-np.inf, np.inf)


def test_two_batches_tell_no_spread() -> None:
    with pytest.raises(ValueError, match="run often enough"):
        band([[run(1.0)] * 2], SIGMA)
