"""pH against the published neutralisation bench, vapour pressures and solubility against hand calculations."""

import math

import numpy as np
import pytest

from simulators.plant.arithmetic import ARRAYS, NUMBERS
from simulators.plant.chemistry import charge_of_solution, imbalance, solve_ph, track_ph
from simulators.plant.headspace import methanol_pa, nitrogen_pa, vapour_pa, water_pa
from simulators.plant.parameters import nominal
from simulators.plant.train import Trains

ACID_1, ACID_2 = 10.0**6.35, 10.0**-10.25


def test_the_tracked_ph_is_the_bisected_one_through_a_titration() -> None:
    parameters = nominal(3)
    carbonate = np.array([0.0, 5e-3, 8e-2])
    net_charge = -carbonate.copy()
    ph = solve_ph(net_charge, carbonate, parameters)
    worst = 0.0
    for move in np.concatenate([np.linspace(0, 2e-2, 100), np.linspace(2e-2, -2e-2, 200)]):
        ph = track_ph(ph, net_charge + move, carbonate, ACID_1, ACID_2, ARRAYS)
        worst = max(worst, float(np.abs(ph - solve_ph(net_charge + move, carbonate, parameters)).max()))

    assert worst < 1e-9


def test_the_ph_of_a_number_is_that_of_an_array() -> None:
    arrays = track_ph(np.array([7.0, 7.0]), np.array([-0.01, 0.02]), np.array([0.08, 0.08]), ACID_1, ACID_2, ARRAYS)
    numbers = [track_ph(7.0, net, 0.08, ACID_1, ACID_2, NUMBERS) for net in (-0.01, 0.02)]

    np.testing.assert_allclose(arrays, numbers, rtol=1e-12)


def test_the_bisected_ph_leaves_no_charge_over() -> None:
    parameters = nominal(1)
    net_charge, carbonate = np.array([-4.32e-4]), np.array([5.28e-4])

    assert abs(imbalance(solve_ph(net_charge, carbonate, parameters), net_charge, carbonate, parameters)[0]) < 1e-15


def test_the_neutralisation_bench_of_henson_and_seborg_stands_at_ph_7() -> None:
    ph = solve_ph(np.array([-4.32e-4]), np.array([5.28e-4]), nominal(1))

    assert ph[0] == pytest.approx(7.0, abs=0.03)


def test_the_static_gains_of_henson_and_seborg_come_out() -> None:
    """Acid 16.6, buffer 0.55 mL/s, base swept: the published gain spans 0.065 to 2.94 pH per mL/s.

    Done with the pH that the plant itself uses, tracked along the titration.
    """
    base = np.linspace(0.0, 19.0, 4001)
    acid, buffer = 16.6, 0.55
    total = acid + buffer + base
    net_charge = (acid * 3e-3 + buffer * -3e-2 + base * -3.05e-3) / total
    carbonate = (buffer * 3e-2 + base * 5e-5) / total
    ph, last = np.empty_like(base), 3.0
    for index, (net, buffered) in enumerate(zip(net_charge.tolist(), carbonate.tolist(), strict=True)):
        ph[index] = last = track_ph(last, net, buffered, ACID_1, ACID_2, NUMBERS)
    gain = np.gradient(ph, base)[(ph > 2.7) & (ph < 8.2)]

    assert (gain.min(), gain.max()) == (pytest.approx(0.065, rel=0.01), pytest.approx(2.94, rel=0.01))


def test_the_charge_is_brought_to_its_ph() -> None:
    parameters = nominal(1)

    assert charge_of_solution(np.array([7.5]), parameters.charge_carbonate, parameters)[0] == pytest.approx(
        parameters.charge_net[0], abs=1e-5
    )


@pytest.mark.parametrize(
    ("vapour", "celsius", "by_hand_mmhg"),
    [
        (methanol_pa, 20.0, 10 ** (8.08097 - 1582.271 / 259.726)),  # 97.0 mmHg
        (methanol_pa, 64.55, 760.0),
        (water_pa, 25.0, 23.69),
        (water_pa, 60.0, 149.3),
        (water_pa, 100.0, 760.0),
    ],
)
def test_vapour_pressures_are_antoines(vapour, celsius: float, by_hand_mmhg: float) -> None:
    assert vapour(celsius + 273.15, NUMBERS) == pytest.approx(133.322 * by_hand_mmhg, rel=0.006)


def test_the_reactor_at_60_degrees_holds_the_vapour_and_nitrogen_that_a_hand_calculation_gives() -> None:
    """0.35 times 0.845 bar of methanol and 0.65 times 0.199 bar of water; 30 mol of nitrogen in 1 m3 are 0.831 bar."""
    by_hand = 133.322 * (0.35 * 10 ** (8.08097 - 1582.271 / 299.726) + 0.65 * 10 ** (8.07131 - 1730.63 / 293.426))

    assert vapour_pa(333.15, 0.35, NUMBERS) == pytest.approx(by_hand, rel=1e-12)
    assert by_hand == pytest.approx(0.425e5, rel=0.005)
    assert nitrogen_pa(30.0, 333.15, 1.0) == pytest.approx(30.0 * 8.314 * 333.15, rel=1e-12)


def test_clean_water_in_the_heel_is_neutral() -> None:
    trains = Trains(1)
    trains.step(1.0)

    assert trains.ph[0] == pytest.approx(7.0)


def test_the_second_reaction_is_as_much_faster_warm_as_arrhenius_says() -> None:
    """C alone in a closed vessel: D made in an hour at 60 and at 20 degrees, 17000 K of activation between them."""
    made = []
    for kelvin in (333.15, 293.15):
        trains = Trains(1)
        trains.parameters.enthalpy_2[:] = trains.parameters.inner_transfer[:] = trains.parameters.loss_coefficient[
            :
        ] = 0
        trains.parameters.boiling_rate[:] = 0.0
        trains["volume"][:], trains["mol_c"][:], trains["temperature"][:] = 1.0, 1000.0, kelvin
        for _ in range(720):
            trains.step(5.0)
        made.append(trains["mol_d"][0])

    assert made[0] == pytest.approx(1000.0 * -math.expm1(-2.0e-6 * 3600.0), rel=1e-6)
    assert made[0] / made[1] == pytest.approx(math.exp(17000.0 * (1 / 293.15 - 1 / 333.15)), rel=0.005)
