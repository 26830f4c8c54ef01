import math

import pytest

from service.bench.bounds import rate, share


@pytest.mark.parametrize(("trials", "proved"), [(29, 0.90), (59, 0.95), (299, 0.99)])
def test_zero_misses_in_so_many_trials_prove_a_sensitivity(trials: int, proved: float) -> None:
    assert share(trials, trials).at_least >= proved
    assert share(trials - 1, trials - 1).at_least < proved  # one trial less would not do


def test_all_of_n_has_the_closed_form_of_the_bound() -> None:
    assert share(10, 10).at_least == pytest.approx(0.05 ** (1 / 10), rel=1e-12)
    assert share(10, 10).at_most == 1.0


def test_none_of_n_has_the_closed_form_of_the_bound() -> None:
    assert share(0, 10).at_most == pytest.approx(1 - 0.05 ** (1 / 10), rel=1e-12)
    assert share(0, 10).at_least == 0.0


def test_the_bounds_leave_five_percent_of_the_binomial_on_each_side() -> None:
    bounds = share(7, 20)

    def at_most_7(p: float) -> float:
        return sum(math.comb(20, k) * p**k * (1 - p) ** (20 - k) for k in range(8))

    def at_least_7(p: float) -> float:
        return sum(math.comb(20, k) * p**k * (1 - p) ** (20 - k) for k in range(7, 21))

    assert at_most_7(bounds.at_most) == pytest.approx(0.05, rel=1e-9)
    assert at_least_7(bounds.at_least) == pytest.approx(0.05, rel=1e-9)


def test_nothing_tried_proves_nothing() -> None:
    nothing = share(0, 0)

    assert (nothing.value, nothing.at_least, nothing.at_most) == (None, 0.0, 1.0)


def test_no_event_in_ten_batches_is_the_rule_of_three() -> None:
    assert rate(0, 10).at_most == pytest.approx(-math.log(0.05) / 10, rel=1e-12)
    assert rate(0, 10).at_least == 0.0


def test_the_rate_bounds_leave_five_percent_of_the_poisson_on_each_side() -> None:
    bounds = rate(4, 2.0)

    def at_most_4(mean: float) -> float:
        return math.exp(-mean) * sum(mean**k / math.factorial(k) for k in range(5))

    def at_most_3(mean: float) -> float:
        return math.exp(-mean) * sum(mean**k / math.factorial(k) for k in range(4))

    assert at_most_4((bounds.at_most or 0) * 2.0) == pytest.approx(0.05, rel=1e-9)
    assert 1 - at_most_3(bounds.at_least * 2.0) == pytest.approx(0.05, rel=1e-9)
    assert bounds.per_one == 2.0


def test_without_exposure_no_rate_is_known() -> None:
    nothing = rate(3, 0)

    assert (nothing.per_one, nothing.at_least, nothing.at_most) == (None, 0.0, None)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match=f"{hits} hits of {trials}"):
        share(hits, trials)
