import numpy as np
import pytest

from simulators.plant.parameters import PARAMETERS, nominal, of_place
from simulators.plant.train import Trains


def test_every_parameter_has_a_place_a_unit_and_a_meaning() -> None:
    assert {info.where for info in PARAMETERS.values()} == {"reactor", "line"}
    assert all(info.meaning for info in PARAMETERS.values())
    assert len(of_place("reactor")) + len(of_place("line")) == len(PARAMETERS)


def test_parameters_are_as_long_as_what_they_belong_to() -> None:
    parameters = Trains(3, (0, 0, 1)).parameters

    assert {len(getattr(parameters, name)) for name in of_place("reactor")} == {3}
    assert {len(getattr(parameters, name)) for name in of_place("line")} == {2}


def test_a_parameter_that_does_not_exist_is_named() -> None:
    with pytest.raises(AttributeError, match="'coling_duty'"):
        _ = nominal(1).coling_duty


def test_a_parameter_is_written_into_not_replaced() -> None:
    with pytest.raises(AttributeError, match="leak"):
        nominal(1).leak = np.zeros(1)


@pytest.mark.parametrize("reactors", [1, 20])
def test_a_parameter_counts_from_the_step_after_it_was_written(reactors: int) -> None:
    trains = Trains(reactors)
    trains.step(1.0)
    trains.parameters.charge_flow[-1] = 1e-3
    trains.step(1.0)

    assert trains["total_charged"][-1] == pytest.approx(1e-3)
