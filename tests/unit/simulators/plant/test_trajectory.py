"""The same plant whatever the step, the number of trains, and the way the equations are run."""

import numpy as np
import pytest

from simulators.plant.state import LINE_STATES, REACTOR_STATES, STATES
from simulators.plant.train import Trains
from tests.unit.simulators.plant.conftest import Cycle, traced
from tests.unit.simulators.plant.cycle import STIRRED

RESOLUTION = {
    "temperature": 0.01,
    "hold_temperature": 0.01,
    "crystalliser_temperature": 0.01,
    "still_temperature": 0.01,
    "pressure": 100.0,
    "ph": 0.01,
}
"""What a sensor can tell apart: K, Pa, pH."""


def furthest(first: dict[str, list[float]], second: dict[str, list[float]]) -> dict[str, float]:
    """How far two trajectories are apart at most, in sensors' resolutions."""
    return {
        name: float(np.abs(np.subtract(first[name], second[name])).max()) / step for name, step in RESOLUTION.items()
    }


def test_half_the_long_step_changes_less_than_a_sensor_could_tell(cycle: Cycle) -> None:
    halved = traced(Trains(1), 2.5)

    assert max(furthest(cycle.trace, halved.trace).values()) < 1.0


def test_half_the_short_step_changes_a_fifth_of_what_a_sensor_could_tell() -> None:
    whole, halved = traced(Trains(1), 1.0, last="heat"), traced(Trains(1), 0.5, last="heat")

    assert max(furthest(whole.trace, halved.trace).values()) < 0.2


def run_anything(trains: Trains) -> None:
    """Something of everything: charge, react, transfer, crystallise, distil."""
    parameters = trains.parameters
    for name, value in {**STIRRED, "charge_flow": 2e-3, "base_enabled": 1.0, "temperature_setpoint": 320.0}.items():
        getattr(parameters, name)[:] = value
    trains["mol_b"][:], trains["pot_methanol"][:], trains["pot_water"][:] = 500.0, 9000.0, 20000.0
    parameters.still_duty[:], parameters.feed_opening[:] = 3e5, 1.0
    for _ in range(60):
        trains.step(5.0)
    parameters.charge_flow[:] = 0.0
    parameters.transfer_opening[:] = parameters.outlet_opening[:] = 1.0
    for _ in range(60):
        trains.step(5.0)
    parameters.discharge_opening[:] = parameters.seeding[:] = parameters.rinse_flow[:] = 5e-4
    for _ in range(60):
        trains.step(5.0)


@pytest.mark.parametrize("feeds", [(0, 1), (0, 0)])
def test_numbers_and_arrays_give_the_same_plant(feeds: tuple[int, int]) -> None:
    few = Trains(2, feeds)
    lines = max(feeds) + 1
    many = Trains(20, tuple(lines * (index // 2) + feeds[index % 2] for index in range(20)))
    run_anything(few)
    run_anything(many)

    for name in STATES:
        here, there = few[name], many[name][-len(few[name]) :]
        np.testing.assert_allclose(here, there, rtol=1e-8, atol=1e-8 * (1.0 + np.abs(here).max()), err_msg=name)


@pytest.mark.parametrize("reactors", [2, 20])
def test_the_same_steps_give_the_same_bits(reactors: int) -> None:
    first, second = Trains(reactors), Trains(reactors)
    run_anything(first)
    run_anything(second)

    assert all(first[name].tobytes() == second[name].tobytes() for name in STATES)


@pytest.mark.parametrize("reactors", [1, 20])
def test_a_reactor_does_not_depend_on_its_neighbours(reactors: int) -> None:
    alone, beside = Trains(reactors), Trains(reactors + 2)
    beside.parameters.jacket_cleanness[reactors:] = 0.2
    run_anything(alone)
    run_anything(beside)

    for name in STATES:
        np.testing.assert_allclose(alone[name], beside[name][:reactors], rtol=1e-9, atol=1e-12, err_msg=name)


def test_every_state_has_its_row() -> None:
    trains = Trains(3, (0, 0, 1))

    assert {len(trains[name]) for name in REACTOR_STATES} == {3}
    assert {len(trains[name]) for name in LINE_STATES} == {2}
    assert len(set(STATES)) == len(STATES)


def test_a_closed_cold_plant_stays_as_it_is() -> None:
    trains = Trains(1)
    before = {name: float(trains[name][0]) for name in ("mol_nitrogen", "temperature", "still_temperature", "ph")}
    for _ in range(600):
        trains.step(1.0)

    assert {name: float(trains[name][0]) for name in before} == pytest.approx(before, rel=2e-4)
