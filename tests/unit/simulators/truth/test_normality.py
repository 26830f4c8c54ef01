import numpy as np
import pytest

from simulators.layout import Layout, Line
from simulators.operators.logbook import Situation
from simulators.tags import plant_tags
from simulators.truth.normality import Normality
from simulators.truth.profile import Profile, Run, band

LAYOUT = Layout(("R1",), (Line("T1", "C1", "D1"),), (0,))
TAGS = plant_tags(LAYOUT).measured
TT = next(column for column, tag in enumerate(TAGS) if tag.name == "T1.TT")
TANK = LAYOUT.units.index("T1")


@pytest.fixture
def normality() -> Normality:
    """A tank whose batches wait for 30 s, at 5 degC and then at 6."""
    true = np.array([[1.0, 5.0], [1.0, 6.0], [1.0, 6.0]])  # level and temperature
    waits = band([[Run(true, true + 1.0, 30.0)] * 20], np.array([0.01, 0.01]))
    return Normality(Profile({("T1", "wait"): waits}), LAYOUT.units, TAGS)


def test_the_band_moves_on_with_the_time_in_the_phase(normality: Normality) -> None:
    normality.enter("T1", Situation("b", 1, "wait", 100))
    normality.advance(100)
    at_first = normality.true_low[TT], normality.true_high[TT], normality.reported_high[TT]
    normality.advance(120)

    assert at_first == (pytest.approx(5.0, abs=0.05), pytest.approx(6.0, abs=0.05), pytest.approx(7.0, abs=0.05))
    assert normality.true_low[TT] == pytest.approx(6.0, abs=0.05)


def test_where_nothing_is_known_everything_is_normal(normality: Normality) -> None:
    normality.enter("T1", Situation("b", 1, "wait", 100))
    normality.advance(100)
    normality.enter("T1", Situation("b", 1, "empty", 130))
    normality.advance(130)

    assert (normality.true_low[TT], normality.true_high[TT]) == (-np.inf, np.inf)


def test_a_phase_that_lasts_longer_than_any_normal_one_is_told(normality: Normality) -> None:
    normality.enter("T1", Situation("b", 1, "wait", 100))

    assert normality.overrun(130)[TANK] == 0
    assert normality.overrun(135)[TANK] == 5


def test_a_unit_without_a_batch_may_wait_as_long_as_it_likes(normality: Normality) -> None:
    normality.enter("T1", Situation("", 1, "wait", 100))

    assert normality.overrun(10_000)[TANK] < 0
