import sys
import time

import numpy as np
import pytest

from simulators.operators import HoldTankOperator, ReactorOperator
from simulators.plant.state import ATMOSPHERE_PA, GAS_CONSTANT, HEEL_M3, ROW
from simulators.plant.train import Trains
from simulators.recipe import PHASES, seconds_until

STEP_S = 5


@pytest.fixture(scope="module")
def batch() -> Trains:
    """Two trains after one whole cycle: charged, dosed, transferred, rinsed, and the hold tank pumped out."""
    trains = Trains(2)
    reactors = [ReactorOperator(unit, train, 0, 1, seed=3) for train, unit in enumerate(("R101", "R102"))]
    tanks = [HoldTankOperator(f"T{index}", reactor, 600, {}) for index, reactor in enumerate(reactors)]
    for second in range(0, sum(phase.lasts_s for phase in PHASES), STEP_S):
        for operator in (*reactors, *tanks):
            operator.control(second, trains)
        trains.step(STEP_S)
    return trains


def everywhere(trains: Trains, kind: str) -> np.ndarray:
    return trains[f"mol_{kind}"] + trains[f"hold_mol_{kind}"] + trains[f"lost_mol_{kind}"]


def test_every_mole_of_a_is_somewhere(batch: Trains) -> None:
    charged = batch["total_charged"] * batch.parameters.charge_strength

    np.testing.assert_allclose(
        everywhere(batch, "a") + everywhere(batch, "c") + everywhere(batch, "d"), charged, rtol=1e-9
    )


def test_every_mole_of_b_is_somewhere(batch: Trains) -> None:
    fed = batch["total_fed"] * batch.parameters.feed_strength

    np.testing.assert_allclose(everywhere(batch, "b") + everywhere(batch, "c") + everywhere(batch, "d"), fed, rtol=1e-9)


def test_a_batch_makes_product_and_some_impurity(batch: Trains) -> None:
    product, impurity = everywhere(batch, "c"), everywhere(batch, "d")

    assert np.all(product > 2500)
    assert np.all((impurity / product > 0.005) & (impurity / product < 0.05))


def test_volume_is_what_came_in_less_what_left() -> None:
    trains = Trains(1)
    operator = ReactorOperator("R101", 0, 0, 1, seed=3)
    for second in range(0, seconds_until("dose") + 1800, STEP_S):
        operator.control(second, trains)
        trains.step(STEP_S)
    came_in = trains["total_charged"] + trains["total_fed"] + trains["total_base"]

    np.testing.assert_allclose(trains["volume"], HEEL_M3 + came_in, rtol=1e-12)


def test_a_closed_cold_vessel_stays_as_it_is() -> None:
    trains = Trains(1)
    before = trains.state.copy()
    for _ in range(600):
        trains.step(1.0)

    np.testing.assert_allclose(trains.state[ROW["mol_nitrogen"]], before[ROW["mol_nitrogen"]], rtol=1e-3)
    np.testing.assert_allclose(trains.state[ROW["temperature"]], before[ROW["temperature"]], atol=0.05)


def test_an_isolated_charge_warms_by_its_heat_of_reaction() -> None:
    """Adiabatic rise by hand: 1000 mol B react with A in 1.5 m3, 90 kJ/mol over 3.42 MJ/m3/K: 17.5 K."""
    trains = Trains(1)
    parameters = trains.parameters
    parameters.inner_transfer[:] = parameters.loss_coefficient[:] = parameters.boiling_rate[:] = 0.0
    parameters.rate_2[:] = parameters.power_number[:] = 0.0
    parameters.agitator_setpoint[:] = 1.6
    trains.state[ROW["volume"]] = 1.5
    trains.state[ROW["mol_a"]], trains.state[ROW["mol_b"]] = 3000.0, 1000.0
    trains.state[ROW["temperature"]] = 333.15
    while trains["mol_b"][0] > 1e-6:
        trains.step(5.0)
    by_hand = 90e3 * 1000.0 / (3.42e6 * 1.5)

    assert trains["temperature"][0] - 333.15 == pytest.approx(by_hand, rel=1e-6)


def test_lost_cooling_lets_the_reactor_run_warm() -> None:
    trains = Trains(2)
    operators = [ReactorOperator("R101", train, 0, 1, seed=3) for train in range(2)]
    warmest = trains["temperature"].copy()
    for second in range(0, seconds_until("dose") + 5400, STEP_S):
        for operator in operators:
            operator.control(second, trains)
        trains.parameters.cooling_duty[1] = float(second < seconds_until("dose"))
        trains.step(STEP_S)
        warmest = np.maximum(warmest, trains["temperature"])

    assert warmest[1] > warmest[0] + 10.0


def test_a_leak_lets_nitrogen_out_but_no_air_in() -> None:
    trains = Trains(1)
    trains.parameters.leak[:] = 1e-5
    trains.parameters.nitrogen_supply[:] = 0.0
    for _ in range(2000):
        trains.step(5.0)

    assert trains.pressure_pa[0] == pytest.approx(ATMOSPHERE_PA, rel=0.01)
    assert trains["mol_nitrogen"][0] * GAS_CONSTANT > 0


def test_a_short_step_and_a_long_one_agree_below_a_probes_noise() -> None:
    ends = []
    for step_s in (1, 5):
        trains = Trains(1)
        operator = ReactorOperator("R101", 0, 0, 1, seed=3)
        for second in range(0, 2400, step_s):
            operator.control(second, trains)
            trains.step(step_s)
        ends.append((float(trains["temperature"][0]), float(trains.ph[0]), float(trains.pressure_pa[0])))

    assert ends[0][0] == pytest.approx(ends[1][0], abs=0.05)
    assert ends[0][1] == pytest.approx(ends[1][1], abs=0.01)
    assert ends[0][2] == pytest.approx(ends[1][2], abs=100)


def test_the_same_steps_give_the_same_bits() -> None:
    first, second = Trains(2), Trains(2)
    for trains in (first, second):
        trains.parameters.charge_flow[:] = 1e-3
        for _ in range(50):
            trains.step()

    assert first.state.tobytes() == second.state.tobytes()


def test_what_a_step_costs_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    trains = Trains(2)
    begun_s = time.process_time()
    for _ in range(200):
        trains.step()
    spent_us = (time.process_time() - begun_s) / 200 * 1e6
    with capsys.disabled():
        sys.stdout.write(f"\n  plant: {spent_us:.0f} µs CPU a step of two trains ")

    assert np.isfinite(trains.state).all()
