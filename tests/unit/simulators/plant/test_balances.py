"""Every mole, every cubic metre and every joule of a whole cycle is somewhere."""

import numpy as np
import pytest

from simulators.plant.crystalliser import KG_PER_MOL, MOL_PER_MOMENT
from simulators.plant.state import HEATS, HEEL_M3
from simulators.plant.still import MOL_PER_M3
from simulators.plant.train import Trains
from tests.unit.simulators.plant.conftest import STEP_S, Cycle
from tests.unit.simulators.plant.cycle import run_cycle

VESSELS = ("", "hold_", "crystalliser_")
CLOSE = 1e-9
"""Asked for are 1e-6; what the equations conserve, the integrator conserves to rounding."""


@pytest.fixture(scope="module")
def batch(cycle: Cycle) -> Trains:
    """Two trains of different strengths after one whole cycle."""
    return cycle.trains


@pytest.fixture(scope="module")
def dosed() -> Trains:
    """One train at the end of its dosing, with everything still in the reactor."""
    trains = Trains(1)
    run_cycle(trains, STEP_S, last="dose")
    return trains


def everywhere(trains: Trains, content: str) -> np.ndarray:
    """What is in the vessels, down the drain, and gone on to the still, of something dissolved."""
    inside = np.sum([trains[vessel + content] for vessel in VESSELS], axis=0)
    return inside + trains[f"rinsed_{content}"] + trains[f"crystalliser_left_{content}"]


def crystals_mol(trains: Trains) -> np.ndarray:
    """Product in crystals, in the crystalliser and on the filter, less the seed."""
    moments = trains["crystal_moment_3"] + trains["product_moment_3"]
    return moments * MOL_PER_MOMENT - trains["total_seed"] / KG_PER_MOL


def test_every_mole_of_a_is_somewhere(batch: Trains) -> None:
    found = sum(everywhere(batch, kind) for kind in ("mol_a", "mol_c", "mol_d")) + crystals_mol(batch)

    np.testing.assert_allclose(found, batch["total_charged"] * batch.parameters.charge_strength, rtol=CLOSE)


def test_every_mole_of_b_is_somewhere(batch: Trains) -> None:
    found = sum(everywhere(batch, kind) for kind in ("mol_b", "mol_c", "mol_d")) + crystals_mol(batch)

    np.testing.assert_allclose(found, batch["total_fed"] * batch.parameters.feed_strength, rtol=CLOSE)


def test_the_buffer_is_what_the_charge_brought(batch: Trains) -> None:
    brought = batch["total_charged"] * batch.parameters.charge_carbonate

    np.testing.assert_allclose(everywhere(batch, "carbonate"), brought, rtol=CLOSE)


def test_net_charge_is_what_came_in_and_what_the_reaction_released(batch: Trains) -> None:
    parameters = batch.parameters
    released = batch["heat_reaction_1"] / -parameters.enthalpy_1
    brought = batch["total_charged"] * parameters.charge_net - batch["total_base"] * parameters.base_strength

    np.testing.assert_allclose(everywhere(batch, "net_charge"), brought + released, atol=CLOSE * released.max())


def test_a_batch_makes_product_and_some_impurity(batch: Trains) -> None:
    product, impurity = everywhere(batch, "mol_c") + crystals_mol(batch), everywhere(batch, "mol_d")

    assert np.all(product > 2500)
    assert np.all((impurity / product > 0.005) & (impurity / product < 0.06))


def test_volume_is_what_came_in_less_what_left(batch: Trains) -> None:
    came_in = batch["total_charged"] + batch["total_fed"] + batch["total_base"] + 20 * 60 * 5.0e-4  # the rinsing

    np.testing.assert_allclose(everywhere(batch, "volume"), 3 * HEEL_M3 + came_in, rtol=CLOSE)


def test_methanol_and_water_are_in_pot_receiver_tank_or_waste(batch: Trains) -> None:
    liquor = batch["crystalliser_left_volume"] * MOL_PER_M3
    share = batch.parameters.liquor_methanol

    for kind, came_in in (("methanol", liquor * share), ("water", liquor * (1.0 - share))):
        found = sum(batch[f"{place}_{kind}"] for place in ("pot", "distillate", "recovered", "waste"))
        np.testing.assert_allclose(found, came_in, rtol=CLOSE)


def test_the_stills_vapour_is_what_the_receiver_got(batch: Trains) -> None:
    got = sum(batch[f"{place}_{kind}"] for place in ("distillate", "recovered") for kind in ("methanol", "water"))

    np.testing.assert_allclose(got, batch["total_vapour"], rtol=CLOSE)


def test_the_heats_explain_the_warmth_of_the_reactors_contents(batch: Trains) -> None:
    """Over a whole cycle; relative to the heat of reaction, which is a tenth of the warmth that flows through."""
    parameters = batch.parameters
    gained = batch["volume"] * batch["temperature"] - HEEL_M3 * 293.15
    explained = sum(batch[name] for name in HEATS)

    np.testing.assert_allclose(
        parameters.volumetric_heat * gained, explained, atol=CLOSE * batch["heat_reaction_1"].min()
    )


def test_the_heat_of_reaction_is_that_of_the_moles_that_reacted(batch: Trains) -> None:
    parameters = batch.parameters
    made = sum(everywhere(batch, kind) for kind in ("mol_c", "mol_d")) + crystals_mol(batch)

    np.testing.assert_allclose(batch["heat_reaction_1"], -parameters.enthalpy_1 * made, rtol=CLOSE)


def test_what_the_contents_lost_to_the_wall_the_wall_and_the_utility_have(batch: Trains) -> None:
    """The wall and the jacket are back at their temperatures; what they took, the utility has."""
    parameters = batch.parameters
    walls = parameters.wall_heat * (batch["wall_temperature"] - 293.15)
    jacket = parameters.jacket_volume * parameters.jacket_heat * (batch["jacket_temperature"] - 293.15)
    given = batch["total_cooling"] - batch["total_heating"] + walls + jacket

    np.testing.assert_allclose(-batch["heat_wall"], given, rtol=CLOSE)


def test_the_agitators_heat_is_its_power_over_the_time(dosed: Trains) -> None:
    """Full speed for 250 minutes, less the second that it takes to get there: 0.35 * 950 * 1.6^3 * 0.75^5 W."""
    by_hand = 0.35 * 950.0 * 1.6**3 * 0.75**5 * 250 * 60

    assert dosed["heat_agitator"][0] == pytest.approx(by_hand, rel=1e-3)


def test_what_came_in_warm_is_the_feeds(dosed: Trains) -> None:
    came_in = dosed["total_charged"] + dosed["total_fed"] + dosed["total_base"]

    np.testing.assert_allclose(dosed["heat_entered"], came_in * 293.15 * 3.42e6, rtol=CLOSE)


def test_two_reactors_feed_one_tank() -> None:
    trains = Trains(3, feeds=(0, 1, 0), lines=3)
    trains.parameters.charge_flow[:] = (1.0e-3, 2.0e-3, 3.0e-3)
    for _ in range(100):
        trains.step(5.0)
    trains.parameters.charge_flow[:] = 0.0
    trains.parameters.transfer_opening[:] = 1.0
    for _ in range(400):
        trains.step(5.0)
    given = trains["total_transferred"]
    everything = trains["mol_a"].sum() + trains["hold_mol_a"].sum()

    np.testing.assert_allclose(trains["hold_mol_a"], (4000.0, 2000.0, 0.0), rtol=0.02)
    np.testing.assert_allclose(everything, 3.0 * 2000.0, rtol=CLOSE)
    np.testing.assert_allclose(trains["hold_volume"] - HEEL_M3, [given[0] + given[2], given[1], 0.0], rtol=CLOSE)


def test_a_full_tank_takes_nothing() -> None:
    trains = Trains(2, feeds=(0, 0))
    trains.parameters.hold_capacity[0] = 1.0
    trains.parameters.transfer_opening[:] = 1.0
    trains["volume"][:] = 2.0
    for _ in range(600):
        trains.step(5.0)

    assert 1.0 <= trains["hold_volume"][0] < 1.02
    np.testing.assert_allclose(trains["volume"].mean(), 2.0 - 0.5 * (trains["hold_volume"] - HEEL_M3), rtol=CLOSE)


@pytest.mark.parametrize("arguments", [(0,), (2, (0,)), (2, (0, 2), 2), (1, (-1,)), (1, (0,), 0)])
def test_feeds_that_lead_nowhere_are_refused(arguments: tuple) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        Trains(*arguments)
