import numpy as np
import pytest

from simulators.plant.chemistry import charge_of_solution, imbalance, invariants, solve_ph, track_ph
from simulators.plant.headspace import saturation_pa
from simulators.plant.parameters import nominal
from simulators.plant.train import Trains


def test_the_tracked_ph_is_the_bisected_one_through_a_titration() -> None:
    parameters = nominal(3)
    carbonate = np.array([0.0, 5e-3, 8e-2])
    net_charge = -carbonate.copy()
    ph = solve_ph(net_charge, carbonate, parameters)
    worst = 0.0
    for move in np.concatenate([np.linspace(0, 2e-2, 100), np.linspace(2e-2, -2e-2, 200)]):
        ph = track_ph(net_charge + move, carbonate, parameters, ph)
        worst = max(worst, float(np.abs(ph - solve_ph(net_charge + move, carbonate, parameters)).max()))

    assert worst < 1e-9


def test_the_bisected_ph_leaves_no_charge_over() -> None:
    parameters = nominal(1)
    net_charge, carbonate = np.array([-4.32e-4]), np.array([5.28e-4])

    assert abs(imbalance(solve_ph(net_charge, carbonate, parameters), net_charge, carbonate, parameters)[0]) < 1e-15


def test_the_neutralisation_bench_of_henson_and_seborg_stands_at_ph_7() -> None:
    ph = solve_ph(np.array([-4.32e-4]), np.array([5.28e-4]), nominal(1))

    assert ph[0] == pytest.approx(7.0, abs=0.03)


def test_the_static_gains_of_henson_and_seborg_come_out() -> None:
    """Acid 16.6, buffer 0.55 mL/s, base swept: the published gain spans 0.065 to 2.94 pH per mL/s."""
    base = np.linspace(0.0, 19.0, 4001)
    acid, buffer = 16.6, 0.55
    total = acid + buffer + base
    net_charge = (acid * 3e-3 + buffer * -3e-2 + base * -3.05e-3) / total
    carbonate = (buffer * 3e-2 + base * 5e-5) / total
    ph = solve_ph(net_charge, carbonate, nominal(len(base)))
    gain = np.gradient(ph, base)[(ph > 2.7) & (ph < 8.2)]

    assert (gain.min(), gain.max()) == (pytest.approx(0.065, rel=0.01), pytest.approx(2.94, rel=0.01))


def test_the_charge_is_brought_to_its_ph() -> None:
    parameters = nominal(1)

    assert charge_of_solution(np.array([7.5]), parameters.charge_carbonate, parameters)[0] == pytest.approx(
        parameters.charge_net[0], abs=1e-5
    )


def test_vapour_pressures_agree_with_the_boiling_points() -> None:
    methanol = saturation_pa(np.array([64.55 + 273.15]))[0, 0]
    water = saturation_pa(np.array([100.0 + 273.15]))[1, 0]

    assert (methanol, water) == (pytest.approx(101_325, rel=0.01), pytest.approx(101_325, rel=0.002))


def test_clean_water_in_the_heel_is_neutral() -> None:
    trains = Trains(1)

    assert solve_ph(*invariants(trains.state), trains.parameters)[0] == pytest.approx(7.0)
