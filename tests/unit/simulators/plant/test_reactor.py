"""The reactor against hand calculations, and what each parameter that a fault moves does to it."""

import numpy as np
import pytest

from simulators.plant.state import ATMOSPHERE_PA, STATES
from simulators.plant.train import Trains
from tests.unit.simulators.plant.cycle import run_cycle


def test_an_isolated_charge_warms_by_its_heat_of_reaction() -> None:
    """Adiabatic rise by hand: 1000 mol B react with A in 1.5 m3, 90 kJ/mol over 3.42 MJ/m3/K: 17.5 K."""
    trains = Trains(1)
    parameters = trains.parameters
    parameters.inner_transfer[:] = parameters.loss_coefficient[:] = parameters.boiling_rate[:] = 0.0
    parameters.rate_2[:] = parameters.power_number[:] = 0.0
    parameters.agitator_setpoint[:] = 1.6
    trains["volume"][:], trains["temperature"][:] = 1.5, 333.15
    trains["mol_a"][:], trains["mol_b"][:] = 3000.0, 1000.0
    while trains["mol_b"][0] > 1e-6:
        trains.step(5.0)
    by_hand = 90e3 * 1000.0 / (3.42e6 * 1.5)

    assert trains["temperature"][0] - 333.15 == pytest.approx(by_hand, rel=1e-6)


def test_stirring_a_closed_vessel_warms_it_by_the_shafts_power() -> None:
    """0.35 * 950 * 1.6^3 * 0.75^5 = 323 W over an hour into 1 m3 of 3.42 MJ/m3/K: 0.34 K."""
    trains = Trains(1)
    trains.parameters.inner_transfer[:] = trains.parameters.loss_coefficient[:] = 0.0
    trains.parameters.agitator_setpoint[:], trains["agitator_speed"][:], trains["volume"][:] = 1.6, 1.6, 1.0
    for _ in range(720):
        trains.step(5.0)
    power_w = 0.35 * 950.0 * 1.6**3 * 0.75**5

    assert trains.shaft_power_w()[0] == pytest.approx(power_w)
    assert trains["temperature"][0] - 293.15 == pytest.approx(power_w * 3600.0 / 3.42e6, rel=1e-3)


def test_a_leak_lets_nitrogen_out_but_no_air_in() -> None:
    trains = Trains(1)
    trains.parameters.leak[:] = 1e-5
    trains.parameters.nitrogen_supply[:] = 0.0
    for _ in range(2000):
        trains.step(5.0)

    assert trains.pressure_pa[0] == pytest.approx(ATMOSPHERE_PA, rel=0.01)
    assert trains["mol_nitrogen"][0] > 0
    assert trains["total_nitrogen"][0] == 0.0


def test_boiling_takes_its_heat_from_the_contents() -> None:
    """No nitrogen: 2 kPa of superheat drive 0.6 mol/s to the condenser, 37.5 kJ/mol; 10 minutes cool 1.5 m3 by 2.6 K."""
    trains = Trains(1)
    trains.parameters.inner_transfer[:] = trains.parameters.loss_coefficient[:] = 0.0
    trains.parameters.nitrogen_supply[:] = 0.0
    trains["volume"][:], trains["temperature"][:], trains["mol_nitrogen"][:] = 1.5, 370.0, 0.0
    for _ in range(120):
        trains.step(5.0)
    by_hand = 3.0e-4 * 2000.0 * 600.0 * 37.5e3

    assert trains["flow_reflux"][0] == pytest.approx(0.6)
    assert trains["heat_reflux"][0] == pytest.approx(-by_hand, rel=1e-6)
    assert 370.0 - trains["temperature"][0] == pytest.approx(by_hand / (1.5 * 3.42e6), rel=1e-6)


def test_an_empty_vessel_gives_nothing_and_a_full_one_takes_nothing() -> None:
    trains = Trains(2)
    trains.parameters.transfer_opening[0] = 1.0
    trains.parameters.charge_flow[1] = 5e-3
    for _ in range(200):
        trains.step(5.0)

    assert trains["hold_volume"][0] == pytest.approx(0.02)
    assert trains["volume"][1] == pytest.approx(0.93 * 2.6, abs=0.03)


@pytest.mark.parametrize("step_s", [0.5, 1.0, 5.0])
def test_a_pump_leaves_the_same_heel_whatever_the_step(step_s: float) -> None:
    trains = Trains(1)
    trains["volume"][:] = 0.5
    trains.parameters.transfer_opening[:] = 1.0
    for _ in range(round(400 / step_s)):
        trains.step(step_s)

    assert trains["volume"][0] == pytest.approx(0.02, abs=2.1e-5)


EXTREMES = (
    {"leak": 1e-4},
    {"leak": 1e-2, "nitrogen_supply": 0.0},
    {"pressure_gain": 2e-3},
    {"ph_gain": 300.0, "ph_integral_time": 0.6},
    {"temperature_gain": 1000.0, "temperature_integral_time": 60.0},
    {"jacket_gain": 250.0, "jacket_integral_time": 2.0},
    {"ph_control_bias": 4.0},
    {"ph_control_bias": -4.0},
    {"cooling_duty": 0.0, "feed_flow_most": 3e-4},
    {"heating_duty": 0.0},
    {"agitator_working": 0.0, "jacket_cleanness": 0.02},
    {"growth_rate": 1e-4, "secondary_nucleation": 1e12, "primary_nucleation": 1e14},
    {"seed": 1000.0, "seed_size": 1e-6},
    {"still_duty": 5e6},
    {"crystalliser_cooling": 0.0, "hold_cooling": 0.0},
)


@pytest.mark.parametrize("step_s", [1.0, 5.0])
def test_whatever_is_broken_the_plant_stays_a_plant(step_s: float) -> None:
    """Each column has something broken as badly as can be; no state becomes absurd."""
    trains = Trains(len(EXTREMES))
    for column, broken in enumerate(EXTREMES):
        for parameter, value in broken.items():
            getattr(trains.parameters, parameter)[column] = value
    trains["volume"][:], trains["mol_a"][:], trains["mol_b"][:] = 1.5, 3000.0, 300.0
    trains["carbonate"][:], trains["net_charge"][:] = 120.0, -112.0
    trains["crystalliser_volume"][:], trains["crystalliser_mol_c"][:] = 2.0, 3000.0
    trains["pot_methanol"][:], trains["pot_water"][:] = 10000.0, 20000.0
    for name, value in {"agitator_setpoint": 1.6, "base_enabled": 1.0, "temperature_setpoint": 333.15}.items():
        getattr(trains.parameters, name)[:] = value
    trains.parameters.feed_opening[:] = trains.parameters.seeding[:] = 1.0
    trains.parameters.still_duty[:] = np.maximum(trains.parameters.still_duty, 2e5)
    lowest = np.full(len(EXTREMES), np.inf)
    for _ in range(600):
        trains.step(step_s)
        lowest = np.minimum(lowest, trains.pressure_pa)

    assert all(np.isfinite(trains[name]).all() for name in STATES)
    assert np.all(lowest > 0.8 * ATMOSPHERE_PA)
    assert np.all((trains["temperature"] > 250.0) & (trains["temperature"] < 450.0))
    assert np.all((trains["still_temperature"] > 280.0) & (trains["still_temperature"] < 420.0))
    assert np.all((trains.ph > 0.0) & (trains.ph < 14.0))
    for name in ("mol_a", "mol_b", "mol_c", "mol_nitrogen", "crystalliser_mol_c", "crystal_moment_3", "pot_methanol"):
        assert np.all(trains[name] >= 0.0), name


FAULTS = (
    # parameter, faulty value, what it shows in, which way
    ("cooling_duty", 0.0, "temperature", 1),
    ("heating_duty", 0.0, "temperature", -1),
    ("jacket_cleanness", 0.3, "jacket_temperature", -1),
    ("agitator_working", 0.0, "shaft_power", -1),
    ("agitator_working", 0.0, "mol_b", 1),
    ("leak", 3e-5, "pressure", -1),
    ("nitrogen_supply", 0.0, "total_nitrogen", -1),
    ("base_pump", 0.0, "ph", -1),
    ("feed_pump", 0.0, "total_fed", -1),
    ("ph_control_bias", 0.3, "ph", -1),
    ("supply_hottest", 320.0, "temperature", -1),
)


@pytest.fixture(scope="module")
def dosed() -> Trains:
    """Trains in the midst of dosing: the first is healthy, each other has one of the faults since the start of it."""
    trains = Trains(1 + len(FAULTS))
    started = False

    def break_something(step: str, _: float) -> None:
        nonlocal started
        if step == "dose" and not started:
            started = True
        for column, (parameter, value, _, _) in enumerate(FAULTS, start=1):
            if started or parameter in {"heating_duty", "supply_hottest", "nitrogen_supply"}:
                getattr(trains.parameters, parameter)[column] = value

    run_cycle(trains, 5.0, "dose", break_something, longest_min=60)
    return trains


@pytest.mark.parametrize(("column", "fault"), list(enumerate(FAULTS, start=1)))
def test_a_faulty_parameter_shows_where_it_should(
    dosed: Trains, column: int, fault: tuple[str, float, str, int]
) -> None:
    _, _, shown, way = fault
    healthy, broken = float(dosed[shown][0]), float(dosed[shown][column])

    assert way * (broken - healthy) > 0.002 * abs(healthy)


def test_what_stops_the_pump_shows_in_its_flow(dosed: Trains) -> None:
    column = 1 + [fault[0] for fault in FAULTS].index("feed_pump")

    assert dosed["flow_feed"][0] == pytest.approx(3.1e-5)
    assert dosed["flow_feed"][column] == 0.0


def test_valves_stand_between_closed_and_open(dosed: Trains) -> None:
    for valve in ("base_opening", "nitrogen_opening", "vent_opening", "heating_opening", "cooling_opening"):
        assert np.all((dosed[valve] >= 0.0) & (dosed[valve] <= 1.0))
    assert not np.any((dosed["nitrogen_opening"] > 0.0) & (dosed["vent_opening"] > 0.0))
