import math

import pytest

from tests.bench.detection.arl0 import CHARTS, HORIZON, STATED, section, signals


def test_a_constant_rate_at_the_stated_one_is_a_ratio_of_one() -> None:
    trials = 10_000
    hits = round(trials * (1 - math.exp(-HORIZON / STATED)))

    told = section({0.0: dict.fromkeys(CHARTS, (hits, trials))})

    figure = told.figures["cusum_phi_0"]
    assert figure.value == pytest.approx(1, abs=1e-3)
    assert figure.low < 1 < figure.high


def test_twice_as_many_alarms_are_half_the_run_length() -> None:
    few, many = (
        section({0.9: dict.fromkeys(CHARTS, (hits, 10_000))}).figures["ewma_phi_0.9"].value for hits in (500, 1000)
    )

    assert many == pytest.approx(few / 2, rel=0.03)


def test_the_real_bank_runs_quiet_tags_and_seldom_alarms() -> None:
    told = signals(0.0, 1)

    assert {trials for _, trials in told.values()} == {50}
    assert 0 < sum(hits for hits, _ in told.values()) < 40
