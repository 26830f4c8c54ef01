from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from simulators.campaign import Campaign, CampaignPlan, Moment
from simulators.demo import plan as demo
from simulators.faults.parameters import Fault, FaultSchedule
from simulators.plant.train import Trains
from simulators.recipe import PHASES
from simulators.tags import MEASURED

QUIET = CampaignPlan(start_s=(600, 900), first_batch=(1, 1), wait_s=600)
HOUR_S = 3600


def stream(campaign: Campaign, *until: int) -> list[tuple[int, bytes, bytes, Mapping[str, object]]]:
    moments = [campaign.opening]
    for second in until:
        moments.extend(campaign.advance(second))
    return [
        (moment.second, moment.readings.value.tobytes(), moment.readings.instrument.tobytes(), moment.changed)
        for moment in moments
    ]


def test_the_same_seed_gives_the_same_bits_however_the_time_is_cut() -> None:
    whole = stream(Campaign(QUIET, 7), 1500)

    assert stream(Campaign(QUIET, 7), 3, 4, 900, 1499, 1500) == whole


def test_another_seed_gives_another_run() -> None:
    assert stream(Campaign(QUIET, 7), 700) != stream(Campaign(QUIET, 8), 700)


def test_the_opening_tells_every_tag_once() -> None:
    opening = Campaign(QUIET, 1).opening

    assert len(opening.readings.value) == len(MEASURED)
    assert set(opening.changed) == {
        *(f"{unit}.{role}" for unit in ("R101", "R102") for role in ("STEP", "BATCH")),
        "T201.XFER_IN",
        "T201.XFER_OUT",
    }


@pytest.fixture(scope="module")
def cycle() -> list[Moment]:
    """One whole cycle of R101 and R102 and of the hold tank behind it."""
    campaign = Campaign(QUIET, 1, step_s=5)
    return [campaign.opening, *campaign.advance(900 + sum(phase.lasts_s for phase in PHASES) + 300)]


def changes(moments: list[Moment], tag: str) -> list[tuple[int, object]]:
    return [(moment.second, moment.changed[tag]) for moment in moments if tag in moment.changed]


def test_a_batch_moves_through_its_phases_in_order(cycle: list[Moment]) -> None:
    codes = [value for _, value in changes(cycle, "R101.STEP")]

    assert codes[:9] == [0, 10, 15, 20, 30, 40, 50, 60, 0]


def test_the_batch_tag_follows_the_step_some_seconds_late(cycle: list[Moment]) -> None:
    step_s = next(second for second, value in changes(cycle, "R101.STEP") if value == 10)
    batch_s, name = changes(cycle, "R101.BATCH")[1]

    assert name == "101-0001"
    assert 0 < batch_s - step_s <= 15


def test_the_batch_tag_is_empty_between_batches(cycle: list[Moment]) -> None:
    assert [value for _, value in changes(cycle, "R102.BATCH")][:3] == ["", "102-0001", ""]


def test_the_tank_fills_waits_and_is_pumped_out(cycle: list[Moment]) -> None:
    (_, off), (filling_s, on), (filled_s, _) = changes(cycle, "T201.XFER_IN")[:3]
    (_, out_off), (leaving_s, out_on) = changes(cycle, "T201.XFER_OUT")[:2]

    assert (off, on, out_off, out_on) == (False, True, False, True)
    assert filled_s - filling_s == pytest.approx(1545, abs=60)
    assert leaving_s - filled_s == pytest.approx(QUIET.wait_s, abs=10)


def test_a_step_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="3 s does not divide"):
        Campaign(QUIET, 1, step_s=3)


def test_a_fault_ramps_and_leaves_the_parameter_as_it_found_it() -> None:
    trains = Trains(2)
    trains.parameters.base_pump[1] = 0.9
    faults = FaultSchedule((Fault("base_pump", 1, 0.1, start_s=100, end_s=200, ramp_s=50),))
    seen = []
    for second in (99, 110, 150, 199, 200, 300):
        faults.apply(second, trains)
        seen.append(round(float(trains.parameters.base_pump[1]), 6))

    assert seen == [0.9, 0.74, 0.1, 0.1, 0.9, 0.9]
    assert trains.parameters.base_pump[0] == 1.0


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Fault("bsae_pump", 0, 0.0, 0, 1), "'bsae_pump'"),
        (lambda: Fault("base_pump", 0, 0.0, 10, 10), "ends"),
    ],
)
def test_an_impossible_fault_is_refused_by_name(make: Callable[[], Fault], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        make()


@pytest.fixture(scope="module")
def shown() -> dict[str, list[tuple[int, float]]]:
    """The truth of the demo's first 65 wall seconds: pH of both reactors and the level of T201."""
    campaign = Campaign(demo.demo_plan(), 1, step_s=5)
    told: dict[str, list[tuple[int, float]]] = {"R101.AT": [], "R102.AT": [], "T201.LT": []}
    for minute in range(1, 65 * 6 + 1):
        for _ in campaign.advance(minute * 60):
            pass
        truth = campaign.true_values()
        for tag, values in told.items():
            values.append((campaign.second, truth[tag]))
    return told


def test_the_demos_drift_is_visible_long_before_the_range_is_left(shown: dict[str, list[tuple[int, float]]]) -> None:
    ph = [(second, value) for second, value in shown["R101.AT"] if second > demo.DOSE_STARTS_S + 600]
    visible_s = next(second for second, value in ph if value > 7.5 + 0.05)
    left_s = next(second for second, value in ph if value > 7.8)

    assert left_s - visible_s > 10 * demo.SPEED
    assert left_s < demo.DOSE_ENDS_S
    assert left_s < 60 * demo.SPEED


def test_the_demos_other_reactor_stays_in_its_range(shown: dict[str, list[tuple[int, float]]]) -> None:
    dosing = [value for second, value in shown["R102.AT"] if second > 46 * demo.SPEED]

    assert all(7.4 < value < 7.6 for value in dosing)


def test_the_demos_hold_lasts_longer_than_four_hours(shown: dict[str, list[tuple[int, float]]]) -> None:
    held = [value for second, value in shown["T201.LT"] if second > demo.TRANSFER_STARTS_S + 1800]

    assert shown["T201.LT"][-1][0] > demo.TRANSFER_STARTS_S + 4 * HOUR_S
    assert min(held) > 2.0


def test_the_normal_plan_differs_from_the_demo_in_its_faults_alone() -> None:
    assert demo.normal_plan() == replace(demo.demo_plan(), faults=(), late_s={})
