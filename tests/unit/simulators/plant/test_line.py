"""Crystalliser and still against what can be calculated by hand."""

import numpy as np
import pytest

from simulators.plant.arithmetic import NUMBERS
from simulators.plant.crystalliser import KG_PER_MOL, KG_PER_MOMENT, MOL_PER_MOMENT, solubility
from simulators.plant.parameters import LineParameters, nominal, of_place
from simulators.plant.train import Trains
from tests.unit.simulators.plant.conftest import Cycle

HEALTHY = LineParameters(*(float(getattr(nominal(1), name)[0]) for name in of_place("line")))


def crystalliser(mol_c: float, kelvin: float, seed_kg: float = 0.0) -> Trains:
    """A crystalliser with 2 m3 at a temperature that its jacket keeps, seeded with crystals of 80 µm."""
    trains = Trains(1)
    trains["crystalliser_volume"][:], trains["crystalliser_mol_c"][:] = 2.0, mol_c
    trains["crystalliser_temperature"][:] = trains.parameters.crystalliser_setpoint[:] = kelvin
    trains.parameters.ageing_rate[:] = 0.0
    third = seed_kg / KG_PER_MOMENT
    for order in range(4):
        trains[f"crystal_moment_{order}"][:] = third / 80e-6 ** (3 - order)
    return trains


def run(trains: Trains, minutes: int, step_s: float = 5.0) -> None:
    for _ in range(round(60 * minutes / step_s)):
        trains.step(step_s)


@pytest.mark.parametrize(("celsius", "by_hand"), [(20.0, 300.0), (40.0, 300.0 * 2.459603), (5.0, 300.0 * 0.509156)])
def test_solubility_is_the_law_of_the_equation_sheet(celsius: float, by_hand: float) -> None:
    assert solubility(celsius + 273.15, HEALTHY, NUMBERS) == pytest.approx(by_hand, rel=1e-6)


def test_a_seeded_batch_gives_its_theoretical_yield() -> None:
    """2400 mol in 2 m3 at 20 degrees: 600 mol stay dissolved, 1800 mol of 0.3 kg crystallise."""
    trains = crystalliser(2400.0, 293.15, seed_kg=10.0)
    run(trains, 300)
    crystals_kg = trains["crystal_moment_3"][0] * KG_PER_MOMENT

    assert trains["crystalliser_mol_c"][0] == pytest.approx(600.0, rel=0.02)
    assert crystals_kg == pytest.approx(10.0 + 0.3 * 1800.0, rel=0.01)


def test_what_crystallises_leaves_the_solution() -> None:
    trains = crystalliser(2400.0, 293.15, seed_kg=10.0)
    run(trains, 60)
    found = trains["crystalliser_mol_c"][0] + trains["crystal_moment_3"][0] * MOL_PER_MOMENT

    assert found == pytest.approx(2400.0 + 10.0 / KG_PER_MOL, rel=1e-12)


def test_seeds_that_only_grow_stay_of_one_size_and_keep_their_number() -> None:
    trains = crystalliser(1000.0, 293.15, seed_kg=10.0)
    trains.parameters.secondary_nucleation[:] = trains.parameters.primary_nucleation[:] = 0.0
    before = float(trains["crystal_moment_0"][0])
    run(trains, 40, step_s=1.0)
    moments = [float(trains[f"crystal_moment_{order}"][0]) for order in range(4)]

    assert moments[0] == before
    assert moments[1] / moments[0] > 90e-6
    assert moments[2] / moments[1] == pytest.approx(moments[1] / moments[0], rel=1e-5)
    assert moments[3] / moments[2] == pytest.approx(moments[1] / moments[0], rel=1e-5)


def test_clear_liquid_below_the_metastable_limit_stays_clear() -> None:
    """720 mol in 2 m3 at 20 degrees are 20 % over saturation; the limit is 25 %."""
    trains = crystalliser(720.0, 293.15)
    run(trains, 60)

    assert trains["crystal_moment_0"][0] == 0.0
    assert trains["crystalliser_mol_c"][0] == 720.0


def test_clear_liquid_beyond_it_breeds_many_small_crystals() -> None:
    seeded, unseeded = crystalliser(1500.0, 293.15, seed_kg=10.0), crystalliser(1500.0, 293.15)
    for trains in (seeded, unseeded):
        trains.parameters.secondary_nucleation[:] = 0.0
        run(trains, 120)

    def size(trains: Trains) -> float:
        return float(trains["crystal_moment_3"][0] / trains["crystal_moment_2"][0])

    assert unseeded["crystal_moment_3"][0] > 0.1
    assert size(unseeded) < size(seeded)


def test_warm_crystals_dissolve_altogether() -> None:
    trains = crystalliser(100.0, 320.0, seed_kg=50.0)
    run(trains, 120)

    assert trains["crystal_moment_3"][0] * KG_PER_MOMENT < 1e-3
    assert trains["crystalliser_mol_c"][0] == pytest.approx(100.0 + 50.0 / KG_PER_MOL, rel=1e-4)


def test_crystallising_warms_by_its_heat() -> None:
    """Insulated: 30 kJ for each mole that crystallises, into 2 m3 of 3.42 MJ/m3/K and a wall of 0.5 MJ/K."""
    trains = crystalliser(2000.0, 293.15, seed_kg=20.0)
    trains.parameters.crystalliser_cooling[:] = 0.0
    run(trains, 120)
    crystallised = 2000.0 - trains["crystalliser_mol_c"][0]
    by_hand = 30e3 * crystallised / (3.42e6 * 2.0 + 0.5e6)

    assert crystallised > 1000.0
    assert trains["crystalliser_temperature"][0] - 293.15 == pytest.approx(by_hand, rel=1e-6)


def test_a_seeding_of_a_minute_brings_the_seed() -> None:
    trains = Trains(1)
    trains.parameters.seeding[:] = 1.0
    for _ in range(12):
        trains.step(5.0)

    assert trains["total_seed"][0] == pytest.approx(10.0, rel=1e-12)


def test_a_cycle_isolates_most_of_its_product(cycle: Cycle) -> None:
    isolated_kg = cycle.trains["product_moment_3"] * KG_PER_MOMENT

    assert np.all((isolated_kg > 550.0) & (isolated_kg < 850.0))


def still(methanol: float, water: float, duty_w: float) -> Trains:
    """A still with something in its pot, at a boil."""
    trains = Trains(1)
    trains["pot_methanol"][:], trains["pot_water"][:], trains["still_temperature"][:] = methanol, water, 350.0
    trains.parameters.still_duty[:] = duty_w
    return trains


@pytest.mark.parametrize("methanol", [8000.0, 20000.0, 30000.0])
def test_a_distillation_follows_rayleighs_equation(methanol: float) -> None:
    """ln(L0/L) = [ln(x0/x) + a ln((1-x)/(1-x0))] / (a - 1), for a constant relative volatility a of 4."""
    trains = still(methanol, 40000.0 - methanol, 3e5)
    run(trains, 60)
    left, volatility = trains["pot_methanol"][0] + trains["pot_water"][0], 4.0
    before, after = methanol / 40000.0, trains["pot_methanol"][0] / left
    analytic = (np.log(before / after) + volatility * np.log((1 - after) / (1 - before))) / (volatility - 1)

    assert left < 25000.0
    assert np.log(40000.0 / left) == pytest.approx(analytic, rel=1e-5)


def test_the_vapour_carries_away_the_duty() -> None:
    """300 kW evaporate methanol of 35.3 and water of 40.7 kJ/mol, warm the pot, and go lost to the room."""
    trains = still(10000.0, 50000.0, 3e5)
    run(trains, 60)

    def seen() -> tuple[float, ...]:
        names = ("distillate_methanol", "distillate_water", "pot_methanol", "pot_water", "still_temperature")
        return tuple(float(trains[name][0]) for name in names)

    before = seen()
    run(trains, 10)
    methanol, water, *_, warmed = (now - then for now, then in zip(seen(), before, strict=True))
    capacity = 77.0 * 0.5 * (sum(before[2:4]) + sum(seen()[2:4])) + 4e5
    lost_w = 40.0 * (before[-1] + 0.5 * warmed - 293.15)
    used_w = (35.3e3 * methanol + 40.7e3 * water + capacity * warmed) / 600.0 + lost_w

    assert used_w == pytest.approx(3e5, rel=1e-4)


def test_pure_water_boils_in_the_still_at_100_degrees_and_the_superheat_that_drives_it() -> None:
    """7.3 mol/s need 7.3 kPa at 1 mol/s/kPa, and near 100 degrees water has 3.6 kPa/K."""
    trains = still(0.0, 30000.0, 3e5)
    run(trains, 30)

    assert trains["still_temperature"][0] - 273.15 == pytest.approx(100.0 + 7.3 / 3.6, abs=0.2)
    assert trains["flow_vapour"][0] == pytest.approx((3e5 - 40.0 * 82.0) / 40.7e3, rel=0.01)


def test_a_pot_that_is_nearly_dry_is_not_heated() -> None:
    trains = still(500.0, 1000.0, 3e5)
    run(trains, 30)

    assert trains["still_temperature"][0] < 351.0


def test_receiver_and_pot_drain_into_their_tanks() -> None:
    trains = still(5000.0, 10000.0, 0.0)
    trains["distillate_methanol"][:] = 700.0
    trains.parameters.residue_opening[:] = trains.parameters.receiver_opening[:] = 1.0
    run(trains, 60)

    assert trains["recovered_methanol"][0] == pytest.approx(700.0, rel=1e-4)
    assert (trains["waste_methanol"][0], trains["waste_water"][0]) == pytest.approx((5000.0, 10000.0), rel=1e-4)


@pytest.mark.parametrize(
    ("parameter", "state", "way"),
    [
        ("hold_cooling", "hold_temperature", 1),
        ("crystalliser_cooling", "crystalliser_temperature", 1),
        ("still_heating", "total_vapour", -1),
    ],
)
def test_a_line_without_its_utility_shows_it(parameter: str, state: str, way: int) -> None:
    trains = Trains(2)
    trains["hold_volume"][:] = trains["crystalliser_volume"][:] = 2.0
    trains["pot_methanol"][:] = trains["pot_water"][:] = 10000.0
    trains.parameters.crystalliser_setpoint[:], trains.parameters.still_duty[:] = 278.15, 3e5
    getattr(trains.parameters, parameter)[1] = 0.0
    run(trains, 60)

    assert way * (trains[state][1] - trains[state][0]) > 0.01 * abs(trains[state][0])
