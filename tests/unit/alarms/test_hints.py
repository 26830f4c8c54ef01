"""A drift and what a recipe expects: hints that become one alarm with the excursion that they come before or with."""

from dataclasses import replace

import pytest

from alarms.book import AlarmBook
from domain.findings import Stage
from domain.rules import Priority, Rulebook
from tests.unit.alarms.shift import HIGH, Shift, configured, finding, rulebook

NOR, VALIDATED, DRIFT, EXPECTED = "excursion.nor.high", "excursion.validated.high", "drift.cusum", "phase.expectation"


@pytest.fixture
def shift() -> Shift:
    return Shift(AlarmBook(Rulebook()))


def test_a_drift_before_the_excursion_alarms_and_the_excursion_tells_again(shift: Shift) -> None:
    assert shift.opens(60, DRIFT, side="high") == ["activated"]
    assert (shift.last.alarm, shift.last.rule) == (HIGH, DRIFT)
    shift.acknowledges(61)

    assert shift.opens(120, NOR) == ["severity"]
    assert (shift.last.alarm, shift.last.rule) == (HIGH, NOR)
    assert not shift.last.facts.acknowledged
    assert shift.last.message == "R101.TT: excursion.nor.high v1 With it: drift since 00:01 UTC."


def test_a_drift_during_the_excursion_has_no_horn_of_its_own(shift: Shift) -> None:
    shift.opens(10, NOR)

    assert shift.opens(60, DRIFT, side="high") == []
    assert shift.opens(70, "drift.ewma", EXPECTED, side="high") == []
    shift.acknowledges(80)
    assert shift.last.message.endswith(" With it: drift since 00:01 UTC, not as expected since 00:01 UTC.")


def test_a_range_further_out_tells_again_while_it_drifts(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.opens(60, DRIFT, side="high")

    assert shift.opens(120, VALIDATED) == ["severity"]
    assert shift.last.priority is Priority.HIGH


def test_a_drift_that_outlasts_the_excursion_eases_the_alarm_without_a_horn(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.opens(60, DRIFT, side="high")

    assert shift.clears(100, NOR) == ["eased"]
    assert shift.last.rule == DRIFT
    assert shift.clears(200, DRIFT) == ["returned"]


def test_a_drift_to_the_other_side_is_another_alarm(shift: Shift) -> None:
    shift.opens(10, NOR)

    assert shift.opens(60, DRIFT, side="low") == ["activated"]
    assert shift.last.alarm == "R101.TT~low"


def test_a_shelf_that_was_made_of_a_drift_hides_no_excursion(shift: Shift) -> None:
    shift.opens(10, "drift.ewma", side="high")
    shift.shelves(20, 3600)

    assert shift.opens(30, DRIFT, side="high") == ["severity"]
    assert shift.last.facts.shelved_until_ns is not None
    assert shift.opens(40, NOR) == ["severity"]
    assert shift.last.facts.shelved_until_ns is None


def test_a_shelf_that_was_made_of_an_excursion_covers_a_drift(shift: Shift) -> None:
    shift.opens(10, NOR)
    shift.shelves(20, 3600)
    shift.clears(30, NOR)

    assert shift.opens(40, DRIFT, side="high") == ["activated"]
    assert shift.last.facts.shelved_until_ns is not None


def test_an_excursion_that_was_made_an_event_leaves_the_drift_its_alarm() -> None:
    shift = Shift(AlarmBook(rulebook(configured(priority=Priority.EVENT))))
    shift.opens(10, NOR)

    assert shift.opens(60, DRIFT, side="high") == ["activated"]


def test_a_drift_that_an_older_program_told_without_its_side_ends_the_alarm_that_it_began(shift: Shift) -> None:
    old = finding(DRIFT, Stage.OPEN, 10)
    shift.book.apply(old)
    newer = replace(old, version=2, evidence={"side": "high"})

    assert shift.book.apply(newer) == []
    over = replace(newer, version=3, stage=Stage.CLEARED, at_ns=newer.at_ns + 1)
    assert [(each.alarm, each.what) for each in shift.book.apply(over)] == [("R101.TT~drift", "returned")]
