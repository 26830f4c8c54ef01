"""Calibrations that are overdue or failed, and what is learnt of tags across a change of rules."""

from dataclasses import replace

import pytest

from detectors.bank import Bank
from domain.entries import ActionKind, PersonAction
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


def said(kind: ActionKind, made: float, now: float, tag: str = "R101.TT") -> PersonAction:
    return PersonAction(f"{kind}/{made}", at(now), "eve", kind, tag, "the certificate says so", at(made))


def test_a_failed_calibration_that_a_person_tells_names_the_batches_since_the_last_good_one_across_a_restart():
    made = batches(plant())
    assert made.feed(said(ActionKind.CALIBRATED, 7200, 11_000)) == []
    made = made.restarted()
    (found,) = made.feed(said(ActionKind.CALIBRATION_FAILED, 12_000, 12_500))

    assert (found.rule, found.subject, found.stage) == ("calibration.failed", "R101.TT", "open")
    assert (found.evidence["batches"], found.evidence["calibrated_ns"]) == ("B-2, B-3", at(7200))
    made = made.restarted()
    assert of_rule(made.beat(12_600), "calibration.failed") == []
    (over,) = made.feed(said(ActionKind.CALIBRATED, 13_000, 13_500))
    assert (over.id, over.version, over.stage) == (found.id, 2, "cleared")
    assert of_rule(made.beat(13_600), "calibration.failed") == []


def test_a_failure_that_is_told_after_a_newer_good_one_says_nothing():
    made = batches(plant(calibrated_ns=at(9000)))

    assert made.feed(said(ActionKind.CALIBRATION_FAILED, 8000, 12_000)) == []
    assert made.feed(said(ActionKind.CALIBRATION_FAILED, 9500, 12_000, tag="nobody")) == []


def test_a_good_calibration_ends_what_is_overdue_and_the_next_is_due_as_long_after_it():
    made = plant(calibrated_ns=at(0), calibration_due_ns=at(3600))
    (found,) = made.beat(3600)
    (over,) = made.feed(said(ActionKind.CALIBRATED, 4000, 4100))

    assert (over.id, over.stage) == (found.id, "cleared")
    assert of_rule(made.beat(7599.999), "calibration.overdue") == []
    assert len(of_rule(made.beat(7600), "calibration.overdue")) == 1
