"""Faults in a plant that runs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from simulators.campaign import Campaign, Moment
from simulators.faults.spec import AtPhase, AtTime, FaultSpec, Shape
from simulators.layout import SMALL
from simulators.recipe import USUAL, Recipe, RecipePhase
from simulators.scenario import CampaignPlan, Scenario

_HASTY: Recipe = replace(
    USUAL,
    phases=(
        RecipePhase("charge", 10, 200, {"charge_flow": 5.0e-3, "agitator_setpoint": 1.6}),
        RecipePhase("stir", 20, 200, {"agitator_setpoint": 0.8}),
        RecipePhase("transfer", 50, 200, {"agitator_setpoint": 0.8, "transfer_opening": 1.0}),
        RecipePhase("idle", 0, 100, {}),
    ),
    ranges={},
)
"""A batch within minutes."""


def scenario(*faults: FaultSpec, fouling_per_batch: float = 0.0) -> Scenario:
    plan = CampaignPlan((0, 0), (1, 1), longest_delay_s=0, fouling_per_batch=fouling_per_batch)
    return Scenario("test", "A test of faults.", 3, 0, 7200, SMALL, _HASTY, plan, faults=faults)


def run(campaign: Campaign, until: int) -> list[Moment]:
    return list(campaign.advance(until))


def bits(moments: Sequence[Moment]) -> list[tuple[int, bytes, bytes]]:
    return [(each.second, each.readings.value.tobytes(), each.readings.status.tobytes()) for each in moments]


def told(moments: Sequence[Moment]) -> list[tuple[int, str, bool]]:
    return [(change.second, change.spec.id, change.active) for moment in moments for change in moment.faults]


STOPS = FaultSpec("stops", "agitator_stop", "R101", AtPhase("R101", "charge", 150), 100)


def test_after_a_fault_across_a_phase_change_the_new_phase_holds() -> None:
    campaign = Campaign(scenario(STOPS))
    speeds = {}
    for second in (145, 190, 240, 300):
        run(campaign, second)
        speeds[second] = campaign.true_value("R101.SI")

    assert speeds == {
        145: pytest.approx(96.0, abs=0.1),
        190: pytest.approx(0.0, abs=0.1),
        240: pytest.approx(0.0, abs=0.1),
        300: pytest.approx(48.0, abs=0.1),
    }


def test_a_fault_over_a_batch_change_ends_at_what_the_new_batch_has() -> None:
    fouled = FaultSpec("fouled", "fouling", "R101", AtTime(500), 1000, settings={"left": 0.5})
    campaign = Campaign(scenario(fouled, fouling_per_batch=0.1))
    seen = []
    for second in (495, 510, 1400, 1600):
        run(campaign, second)
        batch = campaign.situation("R101").batch_number
        seen.append((batch, float(campaign.trains.parameters.jacket_cleanness[0])))

    first, during, later, after = seen
    assert first == (1, 1.0)
    assert during == (1, 0.5)
    assert later == (2, pytest.approx(0.5 * 0.9))
    assert after == (2, pytest.approx(0.9))


def test_a_fault_of_one_reactor_leaves_no_trace_in_the_other() -> None:
    campaign, twin = Campaign(scenario(STOPS)), Campaign(scenario())
    others = np.array([n for n, tag in enumerate(campaign.tags.measured) if tag.name.startswith(("R102", "T201"))])
    same, differed = True, False
    for second in range(5, 400, 5):
        run(campaign, second)
        run(twin, second)
        same &= campaign.true_values()[others].tobytes() == twin.true_values()[others].tobytes()
        same &= campaign.panel.read(others).value.tobytes() == twin.panel.read(others).value.tobytes()
        differed |= campaign.true_value("R101.SI") != twin.true_value("R101.SI")

    assert same
    assert differed


def test_the_same_scenario_breaks_the_same_way_however_the_time_is_cut() -> None:
    noisy = FaultSpec("noisy", "spike", "R101.TT", AtTime(100), settings={"size": 9.0, "probability": 0.4})
    ramp = FaultSpec("ramp", "cooling_lost", "R102", AtTime(50), 300, Shape.RAMP, 200)
    whole = bits(run(Campaign(scenario(STOPS, noisy, ramp)), 600))
    cut = Campaign(scenario(STOPS, noisy, ramp))

    assert bits([moment for second in (5, 7, 333, 600) for moment in run(cut, second)]) == whole


def test_a_fault_injected_live_acts_as_one_of_the_scenario() -> None:
    live = Campaign(scenario())
    moments = run(live, 100)
    live.inject(STOPS)
    moments += run(live, 600)
    planned = run(Campaign(scenario(STOPS)), 600)

    assert bits(moments) == bits(planned)
    assert told(moments) == told(planned) == [(150, "stops", True), (250, "stops", False)]


def test_a_fault_cleared_live_is_gone_at_the_next_step() -> None:
    campaign = Campaign(scenario(STOPS))
    moments = run(campaign, 180)
    campaign.clear("stops")
    moments += run(campaign, 199)

    assert told(moments) == [(150, "stops", True), (185, "stops", False)]
    assert campaign.trains.parameters.agitator_working[0] == 1.0


def test_a_fault_of_every_batch_comes_back_with_each() -> None:
    every = replace(STOPS, start=AtPhase("R101", "stir", 50, None), lasts_s=20)
    campaign, batches = Campaign(scenario(every)), []
    for moment in campaign.advance(1500):
        batches += [campaign.situation("R101").batch_number for change in moment.faults if change.active]

    assert batches == [1, 2]
