import numpy as np
import pytest

from detectors.models.latch import Latch, Patience

PLACE = np.zeros(1, np.intp)
ONE = np.ones(1)


def said(values):
    latch = Latch((1, 1), Patience(on=2, off=3, back=0.8))
    return "".join("x" if latch.step(PLACE, np.array([[value]]), ONE)[0, 0] else "." for value in values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, 1.0, 1.0], "..."),  # at the limit is not beyond it
        ([np.nextafter(1, 2)] * 2, ".x"),
        ([2, 0, 2, 0], "...."),  # one row is noise
        ([2, 2, 0.9, 0.9, 0.9, 0.9], ".xxxxx"),  # not well inside
        ([2, 2, 0.8, 0.8, 0.8, 0.8], ".xxx.."),
        ([2, 2, 0, 0, 0.9, 0, 0, 0], ".xxxxxx."),
        ([2, np.nan, 2], "..x"),  # what is not known changes nothing
        ([2, 2, 0, 0, np.nan, 0], ".xxxx."),
    ],
)
def test_it_takes_rows_beyond_and_rows_well_inside(values, told):
    assert said(values) == told


def test_a_restored_latch_goes_on():
    before, after = Latch((1, 1), Patience()), Latch((1, 1), Patience())
    before.step(PLACE, np.array([[2.0]]), ONE)
    after.load(before.arrays())

    assert after.step(PLACE, np.array([[2.0]]), ONE)[0, 0]
