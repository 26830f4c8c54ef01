"""Calibrations that are overdue or failed, and what is learnt of tags across a change of rules."""

from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.health import TagHealth
from domain.rules import TagRules
from tests.unit.detectors.plant import LT, TAGS, Plant, at, of_rule, rulebook


def plant(**health: int) -> Plant:
    return Plant(rulebook(tags={"R101.TT": TagRules("R101.TT", health=TagHealth(**health))}))  # type: ignore[arg-type]


def test_a_calibration_is_overdue_by_the_heartbeats_from_its_due_time_on():
    made = plant(calibrated_ns=at(0), calibration_due_ns=at(3600))
    assert made.beat(3599.999) == []
    (found,) = made.beat(3600)

    assert (found.rule, found.subject, found.unit, found.onset_ns) == (
        "calibration.overdue",
        "R101.TT",
        "R101",
        at(3600),
    )
    assert made.beat(7200) == []


def batches(made: Plant) -> Plant:
    """B-1, B-2 and B-3, an hour each."""
    for number in (1, 2, 3):
        made.in_phase(20, f"B-{number}", 3600.0 * number)
    return made


@pytest.mark.parametrize(("good", "named"), [(0, "B-1, B-2, B-3"), (7200.0, "B-2, B-3"), (7199.0, "B-1, B-2, B-3")])
def test_after_a_failed_calibration_the_batches_since_the_last_good_one_are_named(good, named):
    made = batches(plant(calibrated_ns=at(good), calibration_failed_ns=at(12_000)))
    assert of_rule(made.beat(11_999), "calibration.failed") == []
    (found,) = of_rule(made.beat(12_000), "calibration.failed")

    assert found.evidence["batches"] == named
    assert found.message.endswith(f"batches were made with it: {named}.")
    assert of_rule(made.beat(12_030), "calibration.failed") == []


def test_a_batch_that_is_made_afterwards_is_named_too():
    made = batches(plant(calibrated_ns=at(0), calibration_failed_ns=at(12_000)))
    made.beat(12_000)
    made.in_phase(20, "B-4", 13_000)

    (found,) = of_rule(made.beat(13_100), "calibration.failed")
    assert (found.version, found.evidence["count"]) == (2, 4)


def test_batches_are_remembered_across_a_restart_and_a_change_of_rules():
    made = batches(plant(calibrated_ns=at(0), calibration_due_ns=at(10**9)))
    health = TagHealth(calibrated_ns=at(0), calibration_failed_ns=at(12_000))
    rules = replace(made.rules, tags={"R101.TT": TagRules("R101.TT", health=health)}, hash="another")
    bank = Bank(rules, TAGS)
    bank.carry_over(made.restarted().detector.snapshot())
    later = Plant(rules, bank)
    later.position = made.position

    (found,) = of_rule(later.beat(12_000), "calibration.failed")
    assert found.evidence["batches"] == "B-1, B-2, B-3"


def test_a_rhythm_is_known_after_a_change_of_rules():
    made = Plant(rulebook(tags={"T7.LT": TagRules("T7.LT", health=TagHealth(stale=True))}))
    made.series(LT, 0, 10, [float(number % 7) for number in range(100)])
    made.beat(1000)
    rules = replace(made.rules, tags={"T7.LT": replace(made.rules.tags["T7.LT"], fixed_high=99.0)}, hash="another")
    bank = Bank(rules, TAGS)
    bank.carry_over(made.detector.snapshot())
    later = Plant(rules, bank)
    later.position = made.position
    later.beat(1001)

    (found,) = of_rule(later.beat(1065), "stale")
    assert found.evidence["reports"] == "periodically"
