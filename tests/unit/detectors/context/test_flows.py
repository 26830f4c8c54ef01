"""Transfers that follow from a valve and a level."""

from dataclasses import replace

import pytest

from detectors.context.flows import Flow
from detectors.context.units import Role
from domain.entries import Heartbeat
from domain.equipment import FlowRule
from tests.unit.detectors.floor import TANK, floor, told
from tests.unit.detectors.plant import IN, LT, OUT, SECOND, Plant, at, batch

FALLING = [(10.0 * number, 5.0 - 0.5 * number) for number in range(8)]  # a step every 10 s; 30 s make a transfer


def opened() -> Plant:
    """The tank with its outlet open since -1 s."""
    plant = Plant(floor())
    plant.feed(batch([(OUT, -10, 0.0)]), batch([(OUT, -1, 1.0)]))
    return plant


def levels(plant: Plant, rows: list[tuple[float, float]]) -> list[tuple[str, float, str, str]]:
    """Feed levels; return kind, seconds, from and to of the transfers."""
    said = plant.feed(*(batch([(LT, seconds, value)]) for seconds, value in rows))
    return [(str(e.kind), (e.time_ns - at(0)) / SECOND, e.from_unit, e.to_unit) for e in told(said)]


def test_a_level_that_falls_for_long_enough_is_a_transfer_since_its_first_step():
    plant = opened()

    assert levels(plant, FALLING[:4]) == []
    assert levels(plant, FALLING[4:5]) == [("transfer_start", 10, "TANK", "E2")]
    assert levels(plant, FALLING[5:]) == []


@pytest.mark.parametrize(("last", "told_at_all"), [(39.999999999, False), (40.0, True)])
def test_it_is_told_at_the_very_duration(last: float, told_at_all: bool):
    plant = opened()
    rows = [*FALLING[:4]]
    levels(plant, rows)
    entry = batch([(LT, 40, 3.4)])
    entry.time_ns[0] = at(0) + round(last * SECOND)

    assert bool(told(plant.feed(entry))) is told_at_all


@pytest.mark.parametrize("value", [4.5, 4.5000001])
def test_a_step_counts_at_its_very_size(value: float):
    flow = Flow("TANK", Role.TRANSFER_OUT, FlowRule("T7.LT", 0.5, 30 * SECOND), valve_open=True)
    flow.level(0, 5.0)
    flow.level(SECOND, value)

    assert (flow.since_ns is not None) is (value == 4.5)


def test_it_ends_with_its_last_step_once_none_follows():
    plant = opened()
    levels(plant, FALLING)

    assert levels(plant, [(100, 1.4)]) == []
    assert levels(plant, [(100.000001, 1.4)]) == [("transfer_end", 70, "TANK", "E2")]


def test_a_step_at_the_very_end_of_the_duration_still_belongs_to_it():
    plant = opened()
    levels(plant, FALLING)

    assert levels(plant, [(100, 1.0)]) == []
    assert levels(plant, [(130.000001, 1.0)]) == [("transfer_end", 100, "TANK", "E2")]


def test_it_ends_as_the_valve_shuts():
    plant = opened()
    levels(plant, FALLING)
    said = told(plant.feed(batch([(OUT, 72, 0.0)])))

    assert [(str(each.kind), each.time_ns) for each in said] == [("transfer_end", at(72))]


def test_nothing_flows_through_a_shut_valve():
    plant = Plant(floor())
    plant.feed(batch([(OUT, -10, 0.0)]))

    assert levels(plant, FALLING) == []


def test_noise_and_a_slow_creep_are_no_transfer():
    noise = [(float(number), 5.0 + 0.24 * (-1) ** number) for number in range(100)]
    creep = [(200.0 + 40 * number, 4.9 - 0.5 * number) for number in range(8)]

    assert levels(opened(), noise + creep) == []


def test_a_level_that_rises_ends_what_fell():
    plant = opened()
    levels(plant, FALLING)

    assert levels(plant, [(75, 2.5)]) == [("transfer_end", 70, "TANK", "E2")]


def test_a_rising_level_is_a_transfer_in():
    plant = Plant(floor())
    plant.feed(batch([(IN, -1, 1.0)]))

    assert levels(plant, [(seconds, 9.0 - value) for seconds, value in FALLING]) == [
        ("transfer_start", 10, "E1", "TANK")
    ]


def test_the_first_step_may_lie_as_far_back_as_a_step_may_take():
    flow = Flow("TANK", Role.TRANSFER_OUT, FlowRule("T7.LT", 0.5, 30 * SECOND), valve_open=True)
    flow.level(0, 5.0)
    flow.level(100 * SECOND, 4.4)

    assert flow.earliest_ns == 70 * SECOND


def test_a_level_that_falls_silent_ends_the_transfer_by_the_heartbeats_of_its_source():
    plant = opened()
    levels(plant, FALLING)
    beats = [
        Heartbeat("train1", at(seconds), connected) for seconds, connected in ((80, False), (500, True), (530, True))
    ]

    assert told(plant.feed(*beats)) == []
    said = told(plant.feed(Heartbeat("train1", at(531), connected=True)))
    assert [(str(each.kind), each.time_ns, each.recorded_ns) for each in said] == [("transfer_end", at(70), at(531))]


def test_bad_and_absent_levels_decide_nothing():
    plant = opened()
    levels(plant, FALLING[:4])

    assert told(plant.feed(batch([(LT, 41, 0.0, 0x8000_0000)]), batch([(LT, 42, float("nan"))]))) == []


def test_a_level_beyond_all_measure_does_not_stop_the_fold():
    plant = opened()

    assert levels(plant, [(1, 1e300), (2, 1e300), (3, -1e300), (4, 5.0)]) == []


def test_without_a_valve_the_level_alone_tells():
    rule = FlowRule("T7.LT", 0.5, 30 * SECOND)
    plant = Plant(floor(units={"TANK": replace(TANK, transfer_in_rule=None, transfer_out_rule=rule)}))

    assert levels(plant, FALLING) == [("transfer_start", 10, "TANK", "")]


def test_a_restart_in_mid_transfer_changes_nothing():
    plant = opened()
    levels(plant, FALLING)

    assert levels(plant.restarted(), [(120, 1.4)]) == [("transfer_end", 70, "TANK", "E2")]
