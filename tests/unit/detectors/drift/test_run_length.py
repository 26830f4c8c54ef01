"""In-control run lengths of charts with learnt baselines, measured on the code that judges (seeded, short)."""

import pytest

from tests.bench.run_length import LEARN, measured


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.6, 0.9])
def test_false_alarms_are_as_rare_as_stated_whatever_the_autocorrelation(phi):
    found = measured(phi, 300.0, LEARN[phi], tags=250, windows=1500, seed=11)

    assert {name: 0.5 < each.ratio < 2.0 for name, each in found.items()} == dict.fromkeys(found, True)
