"""What the operators of a plant do, on a plant without physics: days of a campaign take a second."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from simulators.layout import SMALL, Layout, Line
from simulators.operators.crew import batch_names
from simulators.operators.draw import reactor_draw
from simulators.plant.state import HEEL_M3
from simulators.recipe import CRYSTALLISATION, DISTILLATION, HOLDING, PHASES, USUAL, phases_of, seconds_until
from tests.unit.simulators.fake_plant import (
    HOUR_S,
    ONE,
    PLAN,
    START_S,
    STEP_S,
    TWO_INTO_ONE,
    FakeCampaign,
    FakeMistakes,
    scenario,
)

THREE_INTO_ONE = Layout(("R1", "R2", "R3"), (Line("T1", "C1", "D1"),), (0, 0, 0))
WAIT_S = PLAN.wait_s
FOR_GOOD = float("inf")


@pytest.fixture(scope="module")
def days() -> FakeCampaign:
    """Three days of one reactor and its line."""
    campaign = FakeCampaign(scenario(ONE, fouling_per_batch=0.05, cleaned_every=3))
    campaign.run(72 * HOUR_S)
    return campaign


@pytest.mark.parametrize(
    ("unit", "phases"), [("R101", PHASES), ("T101", HOLDING), ("C101", CRYSTALLISATION), ("D101", DISTILLATION)]
)
def test_a_unit_goes_through_its_phases_in_order(days: FakeCampaign, unit: str, phases: tuple) -> None:
    codes = [value for _, value in days.of(f"{unit}.STEP")]
    cycle = [phase.code for phase in phases]

    assert phases_of(ONE, USUAL, unit) == phases
    assert codes[0] == 0
    assert codes[1:] == (cycle * 20)[: len(codes) - 1]
    assert len(codes) > 3 * len(cycle)


@pytest.mark.parametrize("unit", ["R101", "T101", "C101", "D101"])
def test_every_batch_comes_through_every_unit_in_its_turn(days: FakeCampaign, unit: str) -> None:
    batches = [value for _, value in days.of(f"{unit}.BATCH")]

    assert batches[:5] == ["", "101-0001", "", "101-0002", ""]


def test_the_batch_tag_follows_the_step_seconds_later_and_is_idle_between_batches(days: FakeCampaign) -> None:
    charges = [second for second, value in days.of("R101.STEP") if value == 10]
    cleanings = [second for second, value in days.of("R101.STEP") if value == 60]
    late = STEP_S  # 7 s, seen at the next step

    assert [second for second, value in days.of("R101.BATCH")[1:] if value] == [each + late for each in charges]
    assert [second for second, value in days.of("R101.BATCH")[1:] if not value] == [each + late for each in cleanings]


def test_the_operation_tag_names_what_the_phases_belong_to(days: FakeCampaign) -> None:
    assert [value for _, value in days.of("R101.OPERATION")[:6]] == [
        "",
        "PREPARATION",
        "REACTION",
        "WORK-UP",
        "CLEANING",
        "",
    ]


def test_situation_is_the_truth_at_once() -> None:
    campaign = FakeCampaign(scenario(ONE))
    campaign.run(START_S + 2 * STEP_S)
    charging = campaign.crew.situation("R101")
    campaign.run(START_S + seconds_until("clean") + 900)
    cleaning = campaign.crew.situation("R101")

    assert (charging.batch, charging.batch_number, charging.phase, charging.since_s) == (
        "101-0001",
        1,
        "charge",
        START_S,
    )
    assert (cleaning.batch, cleaning.batch_number, cleaning.phase) == ("", 1, "clean")


def test_the_tank_waits_as_planned_between_its_flags(days: FakeCampaign) -> None:
    filled_s = [second for second, value in days.of("T101.XFER_IN") if not value][1]
    leaving_s = days.first("T101.XFER_OUT", value=True)

    assert WAIT_S <= leaving_s - filled_s <= WAIT_S + PLAN.longest_delay_s


def test_fouling_grows_from_batch_to_batch_until_the_jacket_is_cleaned() -> None:
    campaign = FakeCampaign(scenario(ONE, fouling_per_batch=0.05, cleaned_every=3))
    seen: dict[int, float] = {}
    while len(seen) < 5:
        campaign.step()
        if campaign.crew.situation("R101").phase == "react":
            cleanness = float(campaign.plant.parameters.jacket_cleanness[0])
            seen.setdefault(campaign.crew.situation("R101").batch_number, cleanness)

    assert list(seen.values()) == pytest.approx([1.0, 0.95, 0.95**2, 1.0, 0.95])


def test_cleaning_varies_and_takes_longer_with_the_jacket(days: FakeCampaign) -> None:
    steps = days.of("R101.STEP")
    cleanings = [after - second for (second, value), (after, _) in pairwise(steps) if value == 60]

    assert len(set(cleanings)) == len(cleanings) >= 6
    assert min(cleanings[2::3]) > max(cleanings[0::3] + cleanings[1::3])


def test_a_reactor_rests_after_its_last_batch() -> None:
    campaign = FakeCampaign(scenario(ONE, batches=2))
    campaign.run(40 * HOUR_S)

    assert campaign.crew.situation("R101").batch_number == 2
    assert campaign.crew.situation("R101").phase == "idle"
    assert campaign.crew.situation("D101").batch_number == 2


@pytest.mark.parametrize("layout", [TWO_INTO_ONE, THREE_INTO_ONE])
def test_reactors_that_share_a_tank_never_mix_batches(layout: Layout) -> None:
    campaign = FakeCampaign(scenario(layout))
    line, before = layout.lines[0], np.zeros(len(layout.reactors))
    fills = 0
    while campaign.second < 2 * 24 * HOUR_S:
        held = float(campaign.plant["hold_volume"][0])
        campaign.step()
        opening = campaign.plant.parameters.transfer_opening.copy()
        assert opening.sum() <= 1.0
        assert not (
            opening.any() and campaign.plant.parameters.outlet_opening[0] and campaign.plant["volume"].max() > 2
        )
        if opening.sum() > before.sum():
            fills += 1
            reactor = layout.reactors[int(opening.argmax())]
            assert held <= HEEL_M3
            assert campaign.crew.situation(line.tank).batch == campaign.crew.situation(reactor).batch
        before = opening

    assert fills > 8


def test_who_asks_first_for_a_shared_tank_goes_first() -> None:
    campaign = FakeCampaign(scenario(THREE_INTO_ONE, start_s=(0, 1200, 600)))
    campaign.run(20 * HOUR_S)

    assert [value for _, value in campaign.of("T1.BATCH") if value][:3] == ["1-0001", "3-0001", "2-0001"]


def test_a_reactor_that_waits_for_its_tank_stays_cool() -> None:
    campaign = FakeCampaign(scenario(TWO_INTO_ONE, start_s=(0, 0)))
    campaign.run(14 * HOUR_S)
    waited_s = campaign.first("R102.STEP", 50) - campaign.first("R102.STEP", 40)

    assert waited_s > 60 * 60 + WAIT_S


def test_a_batchs_draws_depend_on_nothing_but_seed_unit_and_number() -> None:
    alone = FakeCampaign(scenario(ONE))
    alone.run(30 * HOUR_S)
    beside = FakeCampaign(replace(scenario(SMALL), seed=1))
    beside.run(30 * HOUR_S)
    draws = [reactor_draw(1, "R101", 1, PLAN), reactor_draw(1, "R102", 1, PLAN), reactor_draw(2, "R101", 1, PLAN)]

    assert beside.of("R101.STEP") == alone.of("R101.STEP")
    assert beside.of("D101.STEP") == alone.of("D101.STEP")
    assert len(set(draws)) == 3


def mistaken(
    kind: str, unit: str, start_s: float, end_s: float = FOR_GOOD, layout: Layout = TWO_INTO_ONE, **settings: float
) -> FakeCampaign:
    """A campaign with one mistake."""
    return FakeCampaign(scenario(layout), FakeMistakes({(kind, unit): (start_s, end_s, settings)}))


def test_a_wrong_charge_is_wrong_by_its_amount_and_takes_as_long() -> None:
    usual, wrong = mistaken("wrong_charge", "R101", FOR_GOOD), mistaken("wrong_charge", "R101", 900, 1500, amount=0.8)
    for campaign in (usual, wrong):
        campaign.run(2 * HOUR_S)
    ratio = wrong.plant["total_charged"] / usual.plant["total_charged"]

    assert ratio.tolist() == pytest.approx([0.8, 1.0], rel=1e-9)
    assert wrong.of("R101.STEP") == usual.of("R101.STEP")


def test_the_wrong_order_puts_reagent_in_early_and_no_more_than_usual() -> None:
    usual, wrong = mistaken("wrong_order", "R101", FOR_GOOD), mistaken("wrong_order", "R101", 0, 1200, amount=0.2)
    early = []
    for campaign in (usual, wrong):
        campaign.run(START_S + seconds_until("heat"))
        early.append(float(campaign.plant["total_fed"][0]))
        campaign.run(START_S + seconds_until("react") + 60)
    whole = usual.plant["total_fed"][0]

    assert early == pytest.approx([0.0, 0.2 * whole], rel=0.01)
    assert wrong.plant["total_fed"][0] == pytest.approx(whole, rel=1e-9)


def test_a_late_transfer_leaves_the_reactor_by_its_delay_later() -> None:
    usual = mistaken("late_transfer", "R101", FOR_GOOD, layout=ONE)
    late = mistaken("late_transfer", "R101", 0, layout=ONE, delay=3600.0)
    for campaign in (usual, late):
        campaign.run(9 * HOUR_S)

    assert late.first("R101.STEP", 50) == usual.first("R101.STEP", 50) + 3600


def test_a_reactor_that_transfers_late_keeps_nobody_waiting() -> None:
    campaign = mistaken("late_transfer", "R101", 0, delay=3600.0)
    campaign.run(12 * HOUR_S)

    assert [value for _, value in campaign.of("T101.BATCH") if value] == ["102-0001", "101-0001"]


def test_a_late_transfer_of_a_tank_makes_it_wait_by_its_delay_longer() -> None:
    usual, late = mistaken("late_transfer", "T101", FOR_GOOD), mistaken("late_transfer", "T101", 0, delay=7200.0)
    for campaign in (usual, late):
        campaign.run(12 * HOUR_S)

    assert late.first("T101.STEP", 30) == usual.first("T101.STEP", 30) + 7200


def test_a_forgotten_hold_stays_until_somebody_remembers() -> None:
    campaign = mistaken("hold_forgotten", "T101", 0, 20 * HOUR_S)
    campaign.run(20 * HOUR_S)
    waiting = campaign.crew.situation("R102").phase
    campaign.run(21 * HOUR_S)

    assert waiting == "cool"
    assert campaign.first("T101.XFER_OUT", value=True) == 20 * HOUR_S


def test_a_crystalliser_whose_seed_is_forgotten_gets_none() -> None:
    usual, forgotten = mistaken("seed_forgotten", "C101", FOR_GOOD), mistaken("seed_forgotten", "C101", 0, 16 * HOUR_S)
    seeds = []
    for campaign in (usual, forgotten):
        campaign.run(13 * HOUR_S)
        seeds.append(float(campaign.plant["total_seed"][0]))

    assert seeds == pytest.approx([usual.plant.parameters.seed[0], 0.0])
    assert forgotten.of("C101.STEP") == usual.of("C101.STEP")


def test_a_mistake_on_one_reactor_changes_nothing_on_another_line() -> None:
    of = scenario(SMALL)
    usual, late = FakeCampaign(of), FakeCampaign(of, FakeMistakes({("late_transfer", "R101"): (0, FOR_GOOD, {})}))
    for campaign in (usual, late):
        campaign.run(30 * HOUR_S)

    assert late.of("D201.STEP") == usual.of("D201.STEP")
    assert late.of("R101.STEP") != usual.of("R101.STEP")


def test_batches_are_called_by_the_reactors_number_where_that_is_its_own() -> None:
    twins = Layout(("R1", "S1"), (Line("T1", "C1", "D1"),), (0, 0))

    assert batch_names(SMALL, "R102", 41)(2) == "102-0042"
    assert batch_names(twins, "S1", 1)(1) == "S1-0001"
